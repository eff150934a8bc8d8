/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H
/*
 * What is done in a simulated world, one file and one row each.
 *
 * To add one: a file workload_NAME.c with its row, declared below and listed in
 * workload.c. Its `send` opens processes (process.h), lets them work until
 * run_goes_on is false and run_is_told is true, and closes them; its `read` tells
 * history_find of all there is. Programs that many workloads need stand in files
 * of their own (producer.h, reader.h, keeper.h), a crowd of them in crowd.h.
 * workload_idempotent.c is one to begin from; it is also how a group or a
 * transaction would go: a program per member, mortal, with what outlives a
 * death in its ctx. Nothing else is to be done: faults, checkers, `./dev sim`
 * and the tests go over the table.
 */
#include "tests/sim/run.h"

struct workload {
    const char *name;
    const char *what;                     /* a line for --help */
    const struct world_setting *settings; /* of the broker; NULL: none */
    const char *only_fault;               /* its name; NULL: all of them */
    bool meddles;                         /* coordinators are discarded, beside the faults */
    const char *drowsy; /* processes of this name sleep, beside them; NULL: none */
    int64_t calm_ms;    /* between two faults at most; 0: as usual */
    /* Sends until run_goes_on is false and all it sent is answered. */
    void (*send)(struct run *run);
    /* Tells history_find of every record there is, partition by partition in
     * order. */
    void (*read)(struct run *run);
};

extern const struct workload *const workloads[];
extern const size_t workloads_count;
const struct workload *workload_find(const char *name); /* NULL: none of that name */

extern const struct workload workload_raw, workload_client, workload_plain, workload_idempotent,
    workload_topics, workload_retention, workload_clock, workload_rawgroup, workload_memory,
    workload_compact, workload_group, workload_group848, workload_mixed, workload_graceful,
    workload_txn, workload_copy;

#endif
