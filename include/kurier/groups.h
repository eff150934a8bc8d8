/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_GROUPS_H
#define KURIER_GROUPS_H
/*
 * Administration of groups: requests and results as <kurier/admin.h> has them. Each
 * group's own coordinator is found and asked; groups of both protocols are the same
 * here, as far as they are.
 *
 *     kurier_result *result = kurier_admin_run(
 *         client, kurier_admin_describe_groups(&name, 1), 5000, &err);
 *     const kurier_group_info *group = kurier_result_group(result, 0);
 *     for (uint32_t i = 0; i < group->member_count; i++)
 *         printf("%s at %s\n", group->members[i].id, group->members[i].host);
 */
#include <kurier/admin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Groups and their members -----------------------------------------------------*/

/* All groups of all brokers, of these states and types ("Stable", "consumer" ..., NULL);
 * NULL: of any. Comes to nothing while one broker cannot tell its own: half a list would
 * mislead. Items: kurier_group_info, without members. */
KURIER_API kurier_request *kurier_admin_list_groups(const char *const *states,
                                                    const char *const *types);
/* Groups of both protocols; one that there is not is GROUP_ID_NOT_FOUND. May be with
 * KURIER_WITH_OPERATIONS. Items: kurier_group_info. */
KURIER_API kurier_request *kurier_admin_describe_groups(const char *const *groups, size_t n);

typedef struct kurier_group_member {
    const char *id;
    const char *instance; /* group.instance.id; NULL: none */
    const char *client;   /* client.id */
    const char *host;     /* "/10.0.0.1", as the broker writes it */
    const char *rack;     /* NULL: not told, as all below */
    const char *regex;    /* what it is subscribed to, beside topics */
    const char *const *topics;
    const kurier_position *assigned; /* what it has; by topic and partition */
    const kurier_position *target;   /* what it is to have */
    uint32_t topic_count, assigned_count, target_count;
    int32_t epoch; /* -1: of the classic protocol, or not told */
    bool classic;  /* joined by the classic protocol */
    bool reserved[7];
    kurier_bytes metadata, assignment; /* classic: as its client wrote them */
} kurier_group_member;

typedef struct kurier_group_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition;               /* -1 */
    const char *state;               /* "Empty", "Stable" ... */
    const char *type;                /* "classic", "consumer" ... */
    const char *protocol_type;       /* "consumer", "connect"; "": only has offsets */
    const char *assignor;            /* how they share: "range" ...; NULL: not told */
    int32_t coordinator;             /* node id */
    int32_t epoch, assignment_epoch; /* -1: of the classic protocol, or not told */
    uint32_t operations;             /* as in kurier_topic_info */
    uint32_t member_count;
    uint32_t reserved;
    const kurier_group_member *members; /* by client, host and id */
} kurier_group_info;
KURIER_API const kurier_group_info *kurier_result_group(const kurier_result *result, size_t i);

/* Removes static members by their group.instance.id, or any members with KURIER_BY_ID.
 * Items: kurier_item; UNKNOWN_MEMBER_ID where there is no such. */
KURIER_API kurier_request *kurier_admin_remove_members(const char *group,
                                                       const char *const *members, size_t n);
/* Groups without members, with their offsets. Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_delete_groups(const char *const *groups, size_t n);

/* ---- Their offsets ------------------------------------------------------------------*/

typedef struct kurier_group_ref {
    const char *name;
    const kurier_position *partitions; /* only topic and partition count; NULL: all it has */
    size_t count;
} kurier_group_ref;
/* Committed offsets. KURIER_READ_COMMITTED waits for open transactions that commit some.
 * Items: kurier_group_offsets_info. */
KURIER_API kurier_request *kurier_admin_list_group_offsets(const kurier_group_ref *groups,
                                                           size_t n);

typedef struct kurier_group_offset {
    const char *topic;
    const char *metadata; /* the committer's words; NULL: none */
    int32_t partition;
    int32_t leader_epoch; /* of the record before it; -1, or in a request 0: not told */
    int64_t offset;       /* of the next record; -1: nothing is committed */
    kurier_code code;     /* out: this partition's own outcome */
    int32_t reserved;
} kurier_group_offset;

typedef struct kurier_group_offsets_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition; /* -1 */
    uint32_t offset_count;
    uint32_t reserved;
    const kurier_group_offset *offsets; /* by topic and partition */
} kurier_group_offsets_info;
KURIER_API const kurier_group_offsets_info *kurier_result_group_offsets(const kurier_result *result,
                                                                        size_t i);

/* Commits in the name of a group without members; makes it where there is none.
 * Items: kurier_item, UNKNOWN_MEMBER_ID while it has members. */
KURIER_API kurier_request *kurier_admin_alter_group_offsets(const char *group,
                                                            const kurier_group_offset *offsets,
                                                            size_t n);
/* Of topics that no member is subscribed to. Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_delete_group_offsets(const char *group,
                                                             const kurier_position *partitions,
                                                             size_t n);

#ifdef __cplusplus
}
#endif
#endif
