/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_READER_H
#define SIM_READER_H
/*
 * A consumer of assigned partitions that reads along from the beginning and
 * keeps its place, so that a next life goes on where the last one was. Sometimes
 * it is slow, holds what it was handed, or goes back and reads again. What it
 * sees goes into the book; offsets rise by one, unless its topic is one from
 * which records go.
 */
#include "tests/sim/client.h"

typedef void reader_see(struct history *h, int topic, int32_t partition, int64_t offset,
                        struct kb_slice value);

/* What outlives a death. */
struct reader_plan {
    struct run *run;
    const client_topics *topics;
    int32_t partitions[CLIENT_TOPICS]; /* of each topic; more than there are is fine */
    reader_see *see;
    bool records_go; /* some are deleted: offsets may be left out */
    bool topics_go;  /* and topics: a life begins from the start, in whatever is there */
    struct reader_place {
        int64_t next; /* offset; -1: none read yet */
        bool at_end;
    } places[CLIENT_TOPICS][HISTORY_PARTITIONS];
};

enum { READER_HANDS = 4 };

struct reader {
    struct reader_plan *plan;
    struct run *run;
    struct process *process;
    kurier_consumer *handle;
    bool restless; /* seeks back, holds batches, takes its time */
    int64_t memory_bytes;
    kurier_batch *hands[READER_HANDS];
    int held;
};

/* `partitions` of each. */
void reader_plan_init(struct reader_plan *plan, struct run *run, const client_topics *topics,
                      int32_t partitions, reader_see *see);
/* Everything that was acknowledged up to now was read, and ends were reached, in as
 * many partitions as the plan has by now. */
bool reader_is_at_end(const struct reader_plan *plan);

void reader_trace(const struct reader_plan *plan); /* what is not */

struct reader *reader_new(struct process *process, struct reader_plan *plan);
void reader_take(struct reader *r, int timeout_ms);
void reader_close(struct reader *r);

extern const struct program program_reader; /* ctx: its plan */

#endif
