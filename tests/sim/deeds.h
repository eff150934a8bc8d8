/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DEEDS_H
#define SIM_DEEDS_H
/*
 * The book of transactions: which records each one holds, what its writer asked and was
 * told, and what a reader of committed records saw. It knows no client and no broker; the
 * history (history.h) has the records, and who reads everything.
 *
 *                      asks ── told: done ──> COMMITTED: all of it is seen
 *     begun ── holds ──┤  └─── not told ────> either, but all or none
 *                      └─ never asks, or told: aborted ──> none of it is ever seen
 */
#include "tests/sim/history.h"

enum deeds_told { DEEDS_NOTHING, DEEDS_COMMITTED, DEEDS_ABORTED };

struct deeds {
    struct deed {
        bool asked; /* to be committed, however often */
        enum deeds_told told;
        long shown, hidden; /* of what is in the logs, in the end */
    } * rows;
    int count, capacity;
    int *of; /* of record id - 1: its deed; -1: none */
    uint64_t records, of_capacity;
    /* What readers of committed records saw: on the way, and in the end. */
    struct history_view seen[HISTORY_LOGS], last[HISTORY_LOGS];
    long commits, aborts; /* that were told */
    long fenced;          /* writers that were told that another has taken their place */
    long held;            /* times that the last stable offset stayed for too long */
    long timeouts;        /* transactions that were left open for longer than they may */
};

void deeds_deinit(struct deeds *deeds); /* {0} is a new one */

int deeds_begin(struct deeds *deeds);
/* Record `id` of the history is about to be sent in it. */
void deeds_hold(struct deeds *deeds, int deed, uint64_t id);
void deeds_ask(struct deeds *deeds, int deed);
void deeds_tell(struct deeds *deeds, int deed, enum deeds_told told);

/* A reader of committed records got this; log: topic * HISTORY_PARTITIONS + partition. */
void deeds_serve(struct deeds *deeds, int log, int64_t offset, uint64_t id);
/* The last one, in order. */
void deeds_find(struct deeds *deeds, int log, int64_t offset, uint64_t id);

/* Over the last readings of both. How many: */
struct deeds_findings {
    long torn;     /* transactions of which some records are seen, and some are not */
    long leaked;   /* seen, though nobody asked, or aborted */
    long withheld; /* committed, and not seen */
    long unlike;   /* offsets where readers of committed records saw another record than is
                      there, or one on the way that is not seen in the end */
};
void deeds_judge(struct deeds *deeds, const struct history *h, struct deeds_findings *out);

#endif
