/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_GROUP_RIG_H
#define TESTS_BROKER_GROUP_RIG_H
/*
 * A coordinator with its log in memory. Every step's records go to the log, and a
 * second coordinator that knows nothing but the log can be made at any time.
 * Clients are plain structs that hold what they were told.
 */
#include "tests/unit/unit.h"
#include "broker/core/group/classic.h"
#include "broker/core/group/describe.h"
#include "broker/core/group/offsets.h"
#include "broker/core/topics.h"

enum { RIG_CLIENTS = 16 };

struct rig_client {
    const char *name;      /* its client id */
    const char *instance;  /* NULL: dynamic */
    const char *protocols; /* "range,sticky": by preference */
    char id[128];          /* what it was told */
    int32_t generation;
    int code;   /* of the last answer */
    bool waits; /* a join or sync is parked */
    bool leads, skips;
    size_t told;    /* members that the leader was told of */
    uint64_t held;  /* partitions of "t", where its assignment is a consumer's */
    int32_t synced; /* the generation that it has asked its assignment of */
    char assignment[64], protocol[32];
    int16_t version;
    int32_t session_ms, rebalance_ms;
    struct kb_arena arena;
    struct kd_join join;
    struct kd_sync sync;
    struct kw_join_group_request join_in;
    struct kw_sync_group_request sync_in;
};

/* What lies in the log: a record, or the marker of a transaction. */
struct rig_entry {
    struct kd_record record;
    bool in_txn; /* of this producer: */
    int64_t producer;
    enum { RIG_RECORD, RIG_ABORT, RIG_COMMIT } kind;
};

struct rig {
    struct kd_group_limits limits;
    struct kd_topics topics;
    struct kb_random random;
    struct kd_groups groups;
    struct kb_time now;
    struct rig_client clients[RIG_CLIENTS];
    size_t count;
    bool assigns; /* leaders hand out partitions of "t", not words */
    bool in_txn;  /* commits are part of a transaction of this producer: */
    int64_t producer;
    struct rig_entry *log;
    size_t log_count;
    bool failed; /* some step ran out of memory */
};

void rig_init(struct rig *rig);
void rig_deinit(struct rig *rig);
struct rig_client *rig_client(struct rig *rig, const char *name, const char *protocols);

/* Its records go to the log, its answers to the clients. */
void rig_end_step(struct rig *rig, struct kd_outcome *out);

/* Each takes one step, and answers the client's code (0 while it waits). */
int rig_join(struct rig *rig, struct rig_client *client);
/* "id=assignment" for each member, of the leader; NULL of the others. */
int rig_sync(struct rig *rig, struct rig_client *client);
int rig_heartbeat(struct rig *rig, struct rig_client *client);
int rig_leave(struct rig *rig, struct rig_client *client);
int rig_commit(struct rig *rig, struct rig_client *client, const char *topic, int32_t partition,
               int64_t offset);
/* The marker of a producer's transaction. */
void rig_mark(struct rig *rig, int64_t producer, bool commit);
/* All that the log holds, once more. */
void rig_replay(struct rig *rig, struct kd_groups *groups);
int64_t rig_offset(struct rig *rig, const char *topic, int32_t partition);
bool rig_is_open(const struct kd_groups *groups, const char *topic, int32_t partition);
/* Time passes, step by step, in the order of deadlines. */
void rig_pass(struct rig *rig, int64_t ms);

/* "State generation protocol members" of group "g". */
const char *rig_state(const struct rig *rig, const struct kd_groups *groups);
/* A coordinator made of the log is in the same state: by rig_state and all offsets. */
void rig_check_replay(struct rig *rig);

#endif
