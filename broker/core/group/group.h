/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_H
#define KD_GROUP_H
/*
 * What the files of this folder share: a group and its members. Members own
 * copies of all their strings.
 */
#include "base/codes.h"
#include "base/mem.h"
#include "broker/core/group/classic.h"
#include "broker/core/group/records.h"

enum kd_group_state { KD_GROUP_EMPTY, KD_GROUP_PREPARING, KD_GROUP_COMPLETING, KD_GROUP_STABLE };

/* A deadline of something that `kind` names; lies in it. */
struct kd_group_timer {
    struct kb_heap_node node;
    enum kd_group_timer_kind {
        KD_TIMER_ROUND,   /* of a group: all should have joined, or synced */
        KD_TIMER_SESSION, /* of a member */
        KD_TIMER_PENDING, /* of an id given to a member that did not join yet */
        KD_TIMER_BEAT,    /* of a member of the consumer protocol: its session */
        KD_TIMER_LATE     /* what such a member was asked for is due */
    } kind;
};

struct kd_protocol {
    struct kb_slice name, metadata;
};

struct kd_member {
    struct kb_map_entry by_id, by_instance;
    struct kb_list link; /* in the order of joining */
    struct kd_group *group;
    struct kb_slice id;
    struct kb_slice instance; /* null: dynamic */
    struct kb_slice client_id, client_host;
    int32_t session_ms, rebalance_ms;
    struct kd_protocol *protocols; /* by preference; one allocation with their bytes */
    size_t protocol_count;
    struct kb_slice assignment;
    struct kb_slice handed; /* the next one, a view of the leader's sync while that is taken */
    struct kd_join *join;   /* parked */
    struct kd_sync *sync;
    bool is_new;    /* has been through no round yet */
    bool must_sync; /* in this generation */
    struct kd_group_timer session;
};

/* A member id that was given out, to join with (KIP-394). */
struct kd_pending {
    struct kb_map_entry by_id;
    struct kd_group *group;
    struct kb_slice id;
    struct kd_group_timer timer;
};

/* EMPTY and nothing but offsets where it is one of the consumer protocol. */
struct kd_group {
    struct kb_map_entry by_id;
    struct kd_groups *groups;
    struct kb_slice id;
    struct kd_modern *modern; /* of the consumer protocol (modern/modern.h); NULL: it is not */
    enum kd_group_state state;
    int64_t state_since_ms; /* wall */
    struct kb_slice protocol_type, protocol;
    struct kd_member *leader;
    int32_t generation;
    struct kb_map members, instances, pending;
    struct kb_list order; /* of members */
    size_t joined;        /* members with a parked join */
    /* The first round waits for company: see round.c. */
    bool gathering, joined_since;
    int64_t gather_left_ms;
    struct kd_group_timer round;
    struct kb_map offsets;
};

/* ---- Groups and members (members.c) ---- */

struct kd_group *kd_group_find(const struct kd_groups *groups, struct kb_slice id);
struct kd_group *kd_group_make(struct kd_groups *groups, struct kb_slice id, struct kb_time now);
struct kd_group *kd_group_obtain(struct kd_groups *groups, struct kb_slice id, struct kb_time now);
/* Nothing may be parked in it. */
void kd_group_free(struct kd_group *group);
/* No classic group from now on: without members and generation. */
void kd_group_forget_classic(struct kd_group *group);
/* Nothing that a record would tell of, and nobody who is on his way. */
bool kd_group_is_void(const struct kd_group *group);

struct kd_member *kd_group_member(const struct kd_group *group, struct kb_slice id);
struct kd_member *kd_group_static(const struct kd_group *group, struct kb_slice instance);
/* NULL: no memory. */
struct kd_member *kd_group_add(struct kd_group *group, struct kb_slice id,
                               struct kb_slice instance);
void kd_group_remove(struct kd_member *member); /* nothing may be parked with it */
/* From now on the static member has this id. */
bool kd_member_rename(struct kd_member *member, struct kb_slice id);
bool kd_member_set_protocols(struct kd_member *member, const struct kd_protocol *protocols,
                             size_t count);
bool kd_member_has_protocols(const struct kd_member *member, const struct kd_protocol *protocols,
                             size_t count);
/* Null: it does not know that protocol. */
struct kb_slice kd_member_metadata(const struct kd_member *member, struct kb_slice protocol);

/*
 * May somebody who says to be this member act? UNKNOWN_MEMBER_ID,
 * FENCED_INSTANCE_ID, or KB_OK and the member.
 */
int kd_group_identify(const struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                      struct kd_member **member);

/* A member id was given out, to be joined with until then. False: no memory. */
bool kd_group_expect(struct kd_group *group, struct kb_slice id, int64_t until_ms,
                     struct kd_outcome *out);
/* Is it one of these? Then it is so no more. */
bool kd_group_expected(struct kd_group *group, struct kb_slice id);

/* ---- Time (members.c) ---- */

void kd_timer_set(struct kd_group *group, struct kd_group_timer *timer, int64_t mono_ms,
                  struct kd_outcome *out);
void kd_timer_stop(struct kd_group *group, struct kd_group_timer *timer);
/* The member was heard. */
void kd_member_renew(struct kd_member *member, struct kb_time now, struct kd_outcome *out);

/* ---- Rounds (round.c) ---- */

/* The only way to another state; held against the table of what may follow. */
void kd_group_turn(struct kd_group *group, enum kd_group_state state, struct kb_time now);
/* A new round if there is none; completes it where all are there. */
void kd_group_rebalance(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
void kd_group_try_complete(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
void kd_group_on_round(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
void kd_group_on_pending(struct kd_pending *pending, struct kb_time now, struct kd_outcome *out);
/* Has the type, and a protocol that all members know? A group without members has all. */
bool kd_group_accepts(const struct kd_group *group, struct kb_slice type,
                      const struct kd_protocol *protocols, size_t count);
/* The protocol that most members prefer, among equals the leader's first. Null: no memory,
 * or there is none that all know. */
struct kb_slice kd_group_preferred(const struct kd_group *group);
/* Would the next round choose the protocol that is in use? */
bool kd_group_keeps_protocol(const struct kd_group *group);
/* Answers what is parked with it. */
void kd_member_refuse(struct kd_member *member, int code, struct kd_outcome *out);
/* And takes it out; the round goes on without. */
void kd_group_expel(struct kd_member *member, int code, struct kb_time now, struct kd_outcome *out);

/* ---- Offsets, by replay (offset_state.c) ---- */

/* Committed or only open; NULL: neither. */
struct kd_offset *kd_group_offset(const struct kd_group *group, struct kb_slice topic,
                                  int32_t partition);
bool kd_group_set_offset(struct kd_group *group, const struct kd_commit *commit,
                         int64_t committed_ms);
/* Open until that producer's marker. False: no memory. */
bool kd_group_open_offset(struct kd_group *group, int64_t producer, const struct kd_commit *commit,
                          int64_t committed_ms);
/* And what is open of it. */
void kd_group_forget_offset(struct kd_group *group, struct kb_slice topic, int32_t partition);
void kd_group_drop_offsets(struct kd_group *group);

/* Producers that know nothing of groups (TxnOffsetCommit below 3) say nothing of members. */
bool kd_committer_is_nobody(const struct kd_committer *who);

/* ---- Subscriptions (subscription.c) ---- */

/* Do its members assign partitions of topics, as consumers do? */
bool kd_group_is_consumer(const struct kd_group *group);
bool kd_group_subscribes(const struct kd_group *group, struct kb_slice topic);

/* ---- Answers ---- */

void kd_join_answer(struct kd_join *join, struct kd_outcome *out);
void kd_join_refuse(struct kd_join *join, int code, struct kb_slice member_id,
                    struct kd_outcome *out);
void kd_join_welcome(struct kd_join *join, const struct kd_member *member, struct kd_outcome *out);
void kd_sync_answer(struct kd_sync *sync, int code, const struct kd_group *group,
                    struct kb_slice assignment, struct kd_outcome *out);

#endif
