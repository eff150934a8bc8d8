/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUPS_H
#define KD_GROUPS_H
/*
 * The coordinator of the groups that one partition of __consumer_offsets holds.
 * Pure: a step takes a request, or the time, and leaves an outcome:
 *
 *     records   to be appended to the partition, all in one batch
 *     answers   requests that were parked, or this one, ready to be answered
 *
 * What is durable (offsets; of a group its generation, members, assignments)
 * changes only by replaying a record, which a step does as it emits one, and
 * loading does with what it reads. All else (rounds of joining, sessions,
 * parked requests) is volatile: clients rebuild it after a move or a restart.
 *
 * The driver appends the records of an outcome before those of the next, and
 * gives no answer before everything emitted until then is committed. Where that
 * fails, or a step ran out of memory (outcome.failed), it drops the whole
 * coordinator, tells the clients NOT_COORDINATOR and loads anew.
 */
#include "base/heap.h"
#include "broker/core/outcome.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/time.h"
#include "broker/core/group/modern/assign.h"

struct kd_topics;

/* Of groups of the consumer protocol. */
enum kd_group_setting {
    KD_SET_SESSION,             /* group.consumer.session.timeout.ms */
    KD_SET_HEARTBEAT,           /* group.consumer.heartbeat.interval.ms */
    KD_SET_ASSIGNMENT_INTERVAL, /* group.consumer.assignment.interval.ms */
    KD_GROUP_SETTINGS
};

struct kd_group_own {
    struct kb_map_entry by_id;
    int64_t settings[KD_GROUP_SETTINGS];
};

struct kd_group_limits {
    int64_t min_session_ms, max_session_ms; /* group.{min,max}.session.timeout.ms */
    int64_t initial_delay_ms;               /* group.initial.rebalance.delay.ms */
    int64_t offsets_retention_ms;           /* offsets.retention.minutes */
    int32_t max_size;                       /* group.max.size */
    int32_t offset_metadata_max_bytes;      /* offset.metadata.max.bytes */

    int64_t settings[KD_GROUP_SETTINGS];
    const struct kb_map *own;  /* of kd_group_own: groups with settings of their own; or NULL */
    int32_t consumer_max_size; /* group.consumer.max.size */
    /* group.consumer.assignors: at least one, NULL behind the last of fewer */
    const struct kd_assignor *assignors[KD_ASSIGNORS];
    bool upgrade, downgrade; /* group.consumer.migration.policy */
};

struct kd_groups {
    const struct kd_group_limits *limits; /* may change between steps */
    const struct kd_topics *topics;       /* likewise */
    struct kb_random *random;
    struct kb_map by_id;
    struct kb_map txns; /* open ones that have committed offsets; by producer id */
    uint64_t placed;    /* commits so far, in the order of the log */
    struct kb_heap timers;
    bool loading; /* until kd_groups_loaded; nothing but replay until then */
};

/* A request that may have to wait: the first member of a join or a sync. It is
 * in a member's hands, or in an outcome's answers. */
enum kd_parked_kind { KD_PARKED_JOIN, KD_PARKED_SYNC };
struct kd_parked {
    struct kb_list link;
    enum kd_parked_kind kind;
    struct kd_member *member; /* NULL: not parked */
    struct kb_arena *arena;   /* of the request: answers are copied there */
    void *owner;              /* the driver's */
};

void kd_groups_init(struct kd_groups *groups, const struct kd_group_limits *limits,
                    const struct kd_topics *topics, struct kb_random *random);
/* Forgets everything. What is parked is answered with `code`. */
void kd_groups_drop(struct kd_groups *groups, int code, struct kd_outcome *out);
void kd_groups_deinit(struct kd_groups *groups); /* nothing may be parked */

/* Something that was read from the log, in the log's order. KB_OK also for kinds of
 * records that nobody here knows. CORRUPT_MESSAGE, UNSUPPORTED_VERSION, NO_MEMORY. */
int kd_groups_replay(struct kd_groups *groups, const struct kd_record *record, struct kb_time now);
/* The same of a batch that is part of a transaction of that producer: what it commits
 * does not count before the transaction's marker comes. */
int kd_groups_replay_txn(struct kd_groups *groups, int64_t producer, const struct kd_record *record,
                         struct kb_time now);
/* A marker, likewise in the log's order. Nothing where the producer has committed no
 * offsets since its last. Cannot fail. */
void kd_groups_end_txn(struct kd_groups *groups, int64_t producer, bool commit);
/* All was read: sessions begin. */
void kd_groups_loaded(struct kd_groups *groups, struct kb_time now, struct kd_outcome *out);

/* When kd_groups_tick has something to do; mono_ms, KB_NEVER: nothing. */
int64_t kd_groups_deadline(const struct kd_groups *groups);
void kd_groups_tick(struct kd_groups *groups, struct kb_time now, struct kd_outcome *out);
/* The client of a parked request has gone, and the request with it. */
void kd_groups_forget(struct kd_parked *wait, struct kb_time now);

#endif
