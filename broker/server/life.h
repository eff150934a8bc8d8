/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LIFE_H
#define KD_LIFE_H
/*
 * A broker from start to stop, on its loop:
 *
 *     start    disk, cluster id, metadata store, cluster, listeners, serving
 *     stop     listeners, requests in progress, disk, metadata store
 *
 * Each step begins the next from its callback; the stop begins with whatever
 * the start had reached.
 */
#include "broker/server/cluster.h"
#include "broker/server/group/topic.h"
#include "broker/server/server.h"
#include "broker/server/txn/topic.h"

struct kd_life {
    struct kd_shard shard;
    struct kd_server server;
    struct kd_cluster cluster;
    struct kd_group_topic groups;
    struct kd_txn_topic txns;
    struct kn_timer deadline; /* of a stop */
    struct kn_timer upkeep;   /* what has to be done now and then */
    struct kb_error err;
    struct kn_task drained; /* the last connection has gone */
    bool starting, stopping, server_open, disk_open;
    bool stop_wanted; /* while starting */
    bool halted;      /* nothing is begun any more */
    void (*started)(struct kd_life *, const struct kb_error *err);
    void (*stopped)(struct kd_life *);
    void (*failed)(struct kd_life *, const struct kb_error *err);
};

enum { KD_STOP_MS = 5000, KD_UPKEEP_MS = 600000 };

/*The shard's config, log, loop, exec, fs and listeners are set; started or
 * stopped is called later. A start that failed stops by itself, and then calls
 * started with the cause. */
void kd_life_start(struct kd_life *life, uint64_t seed);
void kd_life_stop(struct kd_life *life);
/* As a crash would, in any state: connections are dropped, nothing is written.
 * Then the executor and the loop have to go before deinit. */
void kd_life_halt(struct kd_life *life);
/* After stopped, a failed start, or halt. */
void kd_life_deinit(struct kd_life *life);

#endif
