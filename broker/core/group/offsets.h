/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_OFFSETS_H
#define KD_GROUP_OFFSETS_H
/*
 * What groups have committed. Whoever names topics by id, or asks whether they
 * exist, does so before: here a topic is its name.
 */
#include "broker/core/group/groups.h"

struct kd_position {
    int64_t offset;
    int32_t leader_epoch; /* -1: not told */
    struct kb_slice metadata;
    int64_t committed_ms;
    int64_t expires_ms; /* set by clients of long ago; -1: the broker's retention */
    uint64_t place;     /* among the commits in the log: the later one counts */
};

struct kd_offset {
    struct kb_map_entry entry;
    struct kb_slice topic; /* of the key behind */
    int32_t partition;
    bool committed; /* else there are only open ones */
    struct kd_position position;
    struct kb_list open; /* what transactions that are not decided yet have committed */
    uint8_t key[];
};

/* Who commits: a member of a generation (or epoch), or, with generation -1 and no member
 * id, somebody from outside while the group has no members; in a transaction (KIP-447),
 * whoever does not say that he is a member, always. */
struct kd_committer {
    struct kb_slice group, member, instance;
    int32_t generation;
    bool knows_epochs; /* version 9: also what GROUP_ID_NOT_FOUND means */
    bool in_txn;       /* of this producer: */
    int64_t producer;
};

struct kd_commit {
    struct kb_slice topic;
    int32_t partition;
    int64_t offset;
    int32_t leader_epoch;
    struct kb_slice metadata; /* null counts as empty */
    int64_t expires_ms;
    int code; /* the answer */
};

/* One code for all (and in each), or KB_OK and a code in each. INVALID_COMMIT_OFFSET_SIZE: they
 * are more than one batch should hold. In a transaction the records
 * are to be appended as that producer's; ILLEGAL_GENERATION then stands for every stale
 * epoch or generation. */
int kd_groups_commit(struct kd_groups *groups, const struct kd_committer *who,
                     struct kd_commit *commits, size_t count, struct kb_time now,
                     struct kd_outcome *out);

/* May this member fetch? member null: whoever it is, it says of itself that it is none.
 * Groups of the consumer protocol alone ask for more: UNKNOWN_MEMBER_ID,
 * STALE_MEMBER_EPOCH, ILLEGAL_GENERATION. */
int kd_groups_may_fetch(const struct kd_groups *groups, struct kb_slice group,
                        struct kb_slice member, int32_t epoch);

/* NULL: none is committed. Valid until the next step. */
const struct kd_offset *kd_groups_offset(const struct kd_groups *groups, struct kb_slice group,
                                         struct kb_slice topic, int32_t partition);
/* All of a group's, in any order; start with NULL. */
const struct kd_offset *kd_groups_next_offset(const struct kd_groups *groups, struct kb_slice group,
                                              const struct kd_offset *at);
/* Does a transaction that is not decided yet commit it? Then who asks for stable ones hears
 * UNSTABLE_OFFSET_COMMIT. */
bool kd_groups_offset_is_open(const struct kd_groups *groups, struct kb_slice group,
                              struct kb_slice topic, int32_t partition);

/* OffsetDelete: GROUP_SUBSCRIBED_TO_TOPIC in a code of its own; GROUP_ID_NOT_FOUND and
 * NON_EMPTY_GROUP for all. */
int kd_groups_delete_offsets(struct kd_groups *groups, struct kb_slice group,
                             struct kd_commit *which, size_t count, struct kd_outcome *out);
/* DeleteGroups: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
int kd_groups_delete(struct kd_groups *groups, struct kb_slice group, struct kd_outcome *out);
/* The topic has gone, and what was committed of it. */
void kd_groups_topic_deleted(struct kd_groups *groups, struct kb_slice topic,
                             struct kd_outcome *out);
/* Forgets what is past its retention, and groups that hold nothing any more. What a
 * transaction is about to commit stays. */
void kd_groups_expire(struct kd_groups *groups, struct kb_time now, struct kd_outcome *out);

#endif
