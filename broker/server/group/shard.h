/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_SHARD_H
#define KD_GROUP_SHARD_H
/*
 * Runs the coordinator of one partition of __consumer_offsets: loads it from the
 * log, carries the records of its steps there, and holds every answer until what
 * it rests on is committed.
 *
 *     LOADING --all was read--> ACTIVE --an append failed--> LOADING
 *
 *     step = kd_step_begin(shard);
 *     ... kd_groups_...(&shard->groups, ..., &step->outcome);
 *     kd_step_hold(step, &reply);       a request that this step answers
 *     kd_step_end(step);
 *
 * Everything on the state loop.
 */
#include "broker/core/group/groups.h"
#include "broker/drive/replica.h"
#include "broker/server/shard.h"

struct kd_request;
struct kd_group_shard;

/* A request of which the answer is known, or will be; lies in the handler's op.
 * answer is called once: with KB_OK, or with the code to be told instead. */
struct kd_reply {
    struct kb_list link;
    struct kd_request *request;
    struct kd_group_shard *shard; /* of one that was parked there */
    void (*answer)(struct kd_reply *reply, int code);
};

struct kd_step {
    struct kb_list link;
    struct kd_group_shard *shard;
    struct kd_outcome outcome;
    struct kb_list replies;
    struct kd_append append;
    bool appending;
};

struct kd_group_shard {
    struct kd_shard *shard;
    struct kd_place *place;
    struct kd_groups groups;
    enum { KD_SHARD_LOADING, KD_SHARD_ACTIVE } state;
    struct kn_timer timer;  /* the machine's */
    struct kn_timer expiry; /* of offsets */
    struct kn_timer again;  /* a load that could not be */
    struct kb_list steps;   /* not committed yet, oldest first */
    struct kd_group_load *load;
};

/* Begins to load. The place is being served. NULL: no memory. */
struct kd_group_shard *kd_group_shard_new(struct kd_shard *shard, struct kd_place *place,
                                          const struct kd_group_limits *limits);
void kd_group_shard_loaded(struct kd_group_shard *shard); /* load.c, when all is replayed */
/* Nothing is read or appended any more. */
void kd_group_shard_free(struct kd_group_shard *shard);

/* NULL: no memory. */
struct kd_step *kd_step_begin(struct kd_group_shard *shard);
void kd_step_hold(struct kd_step *step, struct kd_reply *reply);
void kd_step_end(struct kd_step *step);
/* Its client has gone: it will not be answered. */
void kd_reply_forget(struct kd_reply *reply);
/* The same for one that is parked in the machine. */
void kd_group_shard_forget(struct kd_group_shard *shard, struct kd_parked *wait);

#endif
