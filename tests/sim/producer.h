/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PRODUCER_H
#define SIM_PRODUCER_H
/*
 * A producer that keeps its history: bursts of records to the topics of its
 * plan, by key or to a partition; what it is told goes into the book. The seed
 * chooses how patient it is, how it batches and compresses. As a program it is
 * mortal, and each life is a lane of its own.
 */
#include "tests/sim/client.h"

/* What outlives a death. */
struct producer_plan {
    struct run *run;
    const client_topics *topics;
    bool idempotent;
    int64_t pace_ms; /* between two bursts at most; 0: as usual */
    bool has_keys;   /* all its records, and the topics are compacted */
    bool topics_go;  /* a record may fail because its topic is deleted */
    const char *id;  /* transactional.id: a record may fail with its transaction; NULL: none */
};

struct producer {
    const struct producer_plan *plan;
    struct run *run;
    struct process *process;
    kurier_producer *handle;
    kurier_topic *topics[CLIENT_TOPICS];
    int topic_count, lane;
    int64_t memory_bytes, open_bytes; /* buffer.memory; of records without a report */
    bool unheard;                     /* acks=0: nobody says what became of its records */
    bool keyed;                       /* the key chooses the partition, else the record says it */
    bool patient;                     /* every record must get there */
    bool compresses;                  /* full batches: they take less than their records */
    bool closing;                     /* records may fail: they were given up */
};

struct producer *producer_new(struct process *process, const struct producer_plan *plan);
void producer_send_some(struct producer *p);
/* One, to its first topic: its id; 0: it was not taken. */
uint64_t producer_send_to(struct producer *p, int32_t partition, kurier_error *err);
/* Takes what there is of reports; answers whether there were any. */
bool producer_hear(struct producer *p, int timeout_ms);
/* In time, and with a report for each record. */
void producer_close(struct producer *p, int timeout_ms);
void producer_die(struct producer *p); /* nobody hears what became of its records */

extern const struct program program_producer; /* ctx: its plan */

#endif
