/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H
/*
 * Producers and readers, processes all of them, at work on the same topics; and
 * the last reading of everything.
 */
#include "tests/sim/producer.h"
#include "tests/sim/reader.h"

enum { CROWD_EACH = 3 };

struct crowd {
    struct run *run;
    struct producer_plan producing;
    struct reader_plan reading[CROWD_EACH];
    struct process producers[CROWD_EACH], readers[CROWD_EACH];
    int producer_count, reader_count;
};

/* The plan's run and topics count. As many processes as the seed says; each reader
 * reads all. */
void crowd_open(struct crowd *crowd, const struct producer_plan *plan, bool records_go);
/* Waits until the faults are over, every sender is told, and readers had it all. */
void crowd_finish(struct crowd *crowd);
void crowd_close(struct crowd *crowd);

/* Tells history_find of all records of all topics in the book. */
void crowd_read(struct run *run);

#endif
