/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
/*
 * The book that a workload keeps, and the judgement over it: what was sent to
 * which partition in which order, what its sender was told, what any reader saw
 * at any time, and what one last reader finds from start to end after all
 * faults are over. It knows no client and no broker.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { HISTORY_PARTITIONS = 8, HISTORY_VALUE_MAX = 24 * 1024 };

enum history_told { HISTORY_NOTHING, HISTORY_ACKED, HISTORY_DENIED, HISTORY_UNSURE };

struct history_record {
    int32_t partition;
    int64_t sent_ms;
    uint32_t tellings; /* times that its sender was told */
    enum history_told told;
    int64_t offset; /* where it was acknowledged; -1: not known */
    uint32_t found; /* times in the last reading */
};

/* The record at each offset, by its id; 0: not seen. */
struct history_view {
    uint64_t *ids;
    int64_t end, capacity;
};

struct history {
    uint64_t seed;
    int64_t patience_ms; /* a sender is told within that, and a little more; 0: not promised */
    struct history_record *records; /* of id - 1 */
    uint64_t count, capacity;
    long acked, served;
    struct history_view seen[HISTORY_PARTITIONS], last[HISTORY_PARTITIONS];
    long strange, changed, gaps, late;
    int64_t newest_producer; /* id; -1: none yet */
    long reused;
};

/* Everything here must be 0, or somebody broke a promise. */
struct findings {
    long lost;       /* acknowledged, not there in the end */
    long moved;      /* acknowledged at another offset than it is at */
    long duplicated; /* there more than once */
    long misordered; /* behind one that was sent later */
    long denied;     /* there, though its sender was told that it is not */
    long gone;       /* served once, not there in the end */
    long changed;    /* two records served at one offset */
    long strange;    /* bytes that nobody sent */
    long gaps;       /* offsets that the last reader did not see */
    long untold;     /* sent, and no report */
    long twice_told; /* more than one report */
    long late;       /* reports after more than the sender's patience */
    long reused;     /* producer ids given twice */
};

void history_init(struct history *h, uint64_t seed);
void history_deinit(struct history *h);

/* A record is about to be sent: its id, 1 and up. */
uint64_t history_send(struct history *h, int32_t partition, int64_t now_ms);
/* It was refused after all; only the newest can be. */
void history_unsend(struct history *h, uint64_t id);
/* Its value, from the seed and the id alone; HISTORY_VALUE_MAX bytes of room. */
struct kb_slice history_value(const struct history *h, uint64_t id, uint8_t *room);

void history_tell(struct history *h, uint64_t id, enum history_told told, int64_t offset,
                  int64_t now_ms);
/* A consumer got this. */
void history_serve(struct history *h, int32_t partition, int64_t offset, struct kb_slice value);
/* The last reader got this: everything, in order. */
void history_find(struct history *h, int32_t partition, int64_t offset, struct kb_slice value);

/* A broker gave this producer id; they rise. */
void history_producer(struct history *h, int64_t id);

void history_judge(struct history *h, struct findings *out);
/* "lost 1, gone 2"; what is 0 is not named, and empty is well. */
const char *findings_text(const struct findings *f, char *out, size_t size);

#endif
