/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_MODERN_H
#define KD_GROUP_MODERN_H
/*
 * What the files of this folder share: groups of the consumer protocol (KIP-848),
 * in which the coordinator assigns and members are led there one by one.
 *
 *     group epoch        what is to be assigned has changed that often
 *     assignment epoch   the group epoch that the target assignment was made for
 *     member epoch       the assignment epoch that the member has reached
 *
 * A member's way from what it has to what it is to have (reconcile.c):
 *
 *     STABLE -> UNREVOKED    it gives partitions back, and keeps its epoch until
 *                            it says that it has
 *            -> UNRELEASED   it is at the target's epoch, but others still hold
 *                            some of its partitions
 *            -> STABLE
 *
 * Who owns a partition is who has it, or has yet to give it back: never two.
 *
 * All of it is durable, and changed by replay alone, but for timers and what
 * the metadata was when the group last looked.
 *
 * Members that speak the classic protocol may be among them while a group moves
 * from one protocol to the other (classic.c, migrate.c).
 */
#include "broker/core/group/group.h"
#include "broker/core/group/modern/parts.h"

enum kd_modern_state { KD_MODERN_STABLE, KD_MODERN_UNREVOKED, KD_MODERN_UNRELEASED };

enum { KD_EPOCH_JOIN = 0, KD_EPOCH_LEAVE = -1, KD_EPOCH_LEAVE_STATIC = -2 };

/* Where a member is. */
struct kd_current {
    int32_t epoch, previous_epoch;
    int8_t state; /* of kd_modern_state; others: a broker of tomorrow wrote it */
    struct kd_parts assigned, revoking;
};

/* What a member says of itself. */
struct kd_words {
    struct kb_slice instance; /* null: dynamic */
    struct kb_slice rack;     /* null: not told */
    struct kb_slice client_id, client_host;
    struct kb_slice *topics; /* sorted, each once */
    size_t topic_count;
    struct kb_slice regex;    /* empty: none */
    struct kb_slice assignor; /* null: any */
    int32_t rebalance_ms;
    bool classic; /* speaks the classic protocol; then these: */
    int32_t session_ms;
    struct kd_protocol *protocols;
    size_t protocol_count;
};

struct kd_modern_member {
    struct kb_map_entry by_id, by_instance;
    bool has_instance; /* is in the map of instances */
    struct kb_list link;
    struct kd_group *group;
    struct kb_slice id;
    struct kb_arena memory; /* of the words */
    struct kd_words words;
    struct kd_current current;
    struct kd_parts target;
    struct kd_group_timer session, late; /* late: to give back, to join or to sync */
};

/* A name that somebody subscribes to, itself or by an expression. */
struct kd_wanted {
    struct kb_map_entry by_name;
    size_t members, regexes;
    int32_t index; /* of target.c, while it is at work */
    size_t size;
    uint8_t name[];
};

/* An expression, and the topics that it stood for when it was looked. */
struct kd_expression {
    struct kb_map_entry by_text;
    size_t members;
    bool resolved;
    struct kb_arena memory;
    struct kb_slice text, *topics; /* topics: sorted */
    size_t topic_count;
};

struct kd_modern {
    int32_t epoch, assignment_epoch;
    int64_t assigned_ms;   /* wall; 0: not known */
    int64_t hash;          /* of what the wanted topics were like at that epoch */
    bool has_old_metadata; /* as brokers before 4.1 kept it: to be deleted */
    struct kb_map members, instances, wanted, expressions;
    struct kb_map owners; /* of partitions */
    struct kb_list order; /* of members */
    size_t classics;      /* among them */
    uint64_t seen;        /* kd_topics.changes when the hash was made; 0: never */
};

/* ---- State, by replay (state.c, wants.c, words.c) ---- */

/* The group is one of this kind from now on; it has no classic members. NULL: no
 * memory. */
struct kd_modern *kd_modern_make(struct kd_group *group);
void kd_modern_free(struct kd_group *group);
struct kd_modern_member *kd_modern_find(const struct kd_group *group, struct kb_slice id);
struct kd_modern_member *kd_modern_static(const struct kd_group *group, struct kb_slice instance);
struct kd_modern_member *kd_modern_obtain(struct kd_group *group, struct kb_slice id);
void kd_modern_remove(struct kd_modern_member *member);
bool kd_modern_set_words(struct kd_modern_member *member, const struct kd_words *words);
bool kd_modern_set_current(struct kd_modern_member *member, const struct kd_current *current);
/* NULL: nobody. */
struct kd_modern_member *kd_modern_owner(const struct kd_group *group, const struct kd_part *part);

bool kd_words_equal(const struct kd_words *a, const struct kd_words *b);
bool kd_words_subscribe_alike(const struct kd_words *a, const struct kd_words *b);
bool kd_words_name(const struct kb_slice *topics, size_t count, struct kb_slice topic);
/* Copies in the arena, topics sorted. False: no memory. */
bool kd_words_copy(struct kb_arena *arena, struct kd_words *to, const struct kd_words *from);

struct kd_wanted *kd_modern_wanted(const struct kd_group *group, struct kb_slice topic);
struct kd_expression *kd_modern_expression(const struct kd_group *group, struct kb_slice text);
bool kd_modern_set_expression(struct kd_group *group, struct kb_slice text,
                              const struct kb_slice *topics, size_t count);
void kd_modern_forget_expression(struct kd_group *group, struct kb_slice text);
/* False: no memory. */
bool kd_modern_count_in(struct kd_group *group, const struct kd_words *words);
void kd_modern_count_out(struct kd_group *group, const struct kd_words *words);
void kd_modern_drop_wants(struct kd_group *group);

/* ---- Records (emit.c, replay.c) ---- */

int kd_modern_replay(struct kd_groups *groups, struct kd_reading *key,
                     const struct kd_record *record, struct kb_time now);

void kd_emit_words(struct kd_group *group, struct kb_slice member, const struct kd_words *words,
                   struct kb_time now, struct kd_outcome *out);
void kd_emit_epoch(struct kd_group *group, int32_t epoch, int64_t hash, struct kb_time now,
                   struct kd_outcome *out);
void kd_emit_target(struct kd_group *group, struct kb_slice member, const struct kd_parts *parts,
                    struct kb_time now, struct kd_outcome *out);
void kd_emit_target_epoch(struct kd_group *group, int32_t epoch, int64_t made_ms,
                          struct kb_time now, struct kd_outcome *out);
void kd_emit_current(struct kd_group *group, struct kb_slice member,
                     const struct kd_current *current, struct kb_time now, struct kd_outcome *out);
void kd_emit_expression(struct kd_group *group, struct kb_slice text, const struct kb_slice *topics,
                        size_t count, struct kb_time now, struct kd_outcome *out);
void kd_emit_no_expression(struct kd_group *group, struct kb_slice text, struct kd_outcome *out);
void kd_emit_no_old_metadata(struct kd_group *group, struct kd_outcome *out);
void kd_emit_no_modern_member(struct kd_modern_member *member,
                              struct kd_outcome *out);                  /* frees it */
void kd_emit_no_modern(struct kd_group *group, struct kd_outcome *out); /* frees group->modern */

/* ---- What is to be (refresh.c, target.c, reconcile.c) ---- */

/* A new group epoch, where `bump` says so or the wanted topics are not as they were. */
void kd_modern_refresh(struct kd_group *group, bool bump, struct kb_time now,
                       struct kd_outcome *out);
/* Expressions stand for the topics of now. True: one of them stands for others. */
bool kd_modern_resolve(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
/* The target assignment is that of the group epoch, unless it has to wait for
 * group.consumer.assignment.interval.ms. */
void kd_modern_retarget(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
/* A step of the member towards its target. owned: what it says that it has; NULL: it did
 * not say. resubscribed: what it does not subscribe to any more is taken from it. */
void kd_modern_reconcile(struct kd_modern_member *member, const struct kd_parts *owned,
                         bool resubscribed, struct kb_time now, struct kd_outcome *out);
/* Is it where the target assignment wants it? */
bool kd_modern_has_arrived(const struct kd_modern_member *member);
/* Does the member want that topic? */
bool kd_modern_subscribes(const struct kd_modern_member *member, struct kb_slice topic);
/* A member comes in, or says something new. */
struct kd_entry {
    struct kd_group *group; /* has modern */
    struct kb_slice id;
    struct kd_modern_member *member; /* out: it; in: NULL: it is new */
    struct kd_modern_member *former; /* the same instance with another id; NULL: none */
    struct kd_words words;
    const struct kd_parts *owned; /* NULL: not told */
    bool reassigned;              /* out: it is to have other partitions than before */
};
/* member is valid unless the outcome failed. */
void kd_modern_enter(struct kd_entry *entry, struct kb_time now, struct kd_outcome *out);
/* An expression that nobody subscribes to any more is forgotten. */
void kd_modern_drop_unused(struct kd_group *group, struct kb_slice text, struct kd_outcome *out);
/* A group epoch that is known, with what the wanted topics are like now. */
void kd_modern_set_out(struct kd_group *group, int32_t epoch, struct kb_time now,
                       struct kd_outcome *out);
/* All was read: sessions begin. */
void kd_modern_loaded(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
/* One code for all: STALE_MEMBER_EPOCH or ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID,
 * UNSUPPORTED_VERSION. */
int kd_modern_may_commit(const struct kd_group *group, const struct kd_committer *who,
                         const struct kd_commit *commits, size_t count);
/* Out of the group, which goes on without. */
void kd_modern_fence(struct kd_modern_member *member, struct kb_time now, struct kd_outcome *out);
void kd_modern_renew(struct kd_modern_member *member, struct kb_time now, struct kd_outcome *out);

/* "Empty", "Assigning", "Reconciling", "Stable". */
const char *kd_modern_state_name(const struct kd_group *group);
int64_t kd_group_setting(const struct kd_group *group, enum kd_group_setting which);
/* The assignor that most members ask for, else the first that there is. */
const struct kd_assignor *kd_modern_assignor(const struct kd_group *group);

#endif
