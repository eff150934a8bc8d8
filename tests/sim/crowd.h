/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H
/*
 * Producers and readers, processes all of them, at work on the same topics, and
 * perhaps somebody who administers these; and the last reading of everything.
 */
#include "tests/sim/keeper.h"
#include "tests/sim/producer.h"
#include "tests/sim/reader.h"

enum { CROWD_EACH = 3, CROWD_PARTITIONS = 4 };

struct crowd {
    struct run *run;
    struct producer_plan producing;
    struct reader_plan reading[CROWD_EACH];
    struct keeper_plan keeping;
    struct process producers[CROWD_EACH], readers[CROWD_EACH], keeper;
    int producer_count, reader_count;
    bool kept;
};

/* As many processes as the seed says; each reader reads all. */
void crowd_open(struct crowd *crowd, const struct producer_plan *plan, bool records_go);
/* Somebody makes its topics and trims their records; or grows and deletes them. */
void crowd_keep(struct crowd *crowd, bool trims);
/* Waits until the faults are over, every sender is told, and readers had it all. */
void crowd_finish(struct crowd *crowd);
void crowd_close(struct crowd *crowd);

/* Tells history_find of all records of all topics in the book. */
void crowd_read(struct run *run);

#endif
