/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
/*
 * The book that a workload keeps: what was sent by whom, to which partition, in
 * which order; what its sender was told; what any reader saw at any time; and
 * what one last reader finds from start to end after all faults are over. It
 * knows no client and no broker; the checkers (checker.h) judge over it.
 *
 *     lane      one life of one producer, and what it was promised
 *     record    its id is in its value, so that it is known wherever it appears
 *     log       a partition of a topic, as seen on the way and as found in the end
 *
 * Time that a topic was deleted, records that were trimmed: the workload says
 * what may be gone, and everything else may not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    HISTORY_TOPICS = 8,
    HISTORY_PARTITIONS = 8,
    HISTORY_LOGS = HISTORY_TOPICS * HISTORY_PARTITIONS,
    HISTORY_LANES = 128,
    HISTORY_VALUE_MAX = 24 * 1024,
    HISTORY_KEYS = 8
};

enum history_told { HISTORY_NOTHING, HISTORY_ACKED, HISTORY_DENIED, HISTORY_UNSURE };

struct history_lane {
    bool once;           /* no record twice */
    bool ordered;        /* records in the order they were sent; else those acknowledged */
    bool loose;          /* no order at all */
    int64_t patience_ms; /* it is told within that, and a little more; 0: not promised */
    bool dead;           /* nobody is told any more */
};

struct history_record {
    int8_t topic, partition; /* partition -1: its sender did not choose */
    uint8_t lane;
    uint8_t told;  /* enum history_told */
    bool repeated; /* others said it again: it may be written though it was refused */
    int8_t key;    /* below HISTORY_KEYS; -1: none that counts */
    uint16_t size;
    uint32_t tellings; /* times that its sender was told */
    uint32_t found;    /* times in the last reading */
    uint32_t served;   /* times that a consumer got it */
    int64_t sent_ms, told_ms;
    int64_t ahead_ms; /* how far the wall clock was ahead of that of sent_ms */
    int64_t offset;   /* where it was acknowledged; -1: not known */
};

/* The record at each offset, by its id; 0: not seen. */
struct history_view {
    uint64_t *ids;
    int64_t start, end, capacity; /* start: of the last reading */
};

void history_view_put(struct history_view *view, int64_t offset, uint64_t id);

struct history_log {
    struct history_view seen, last;
    int64_t acked_end;             /* behind the last that was acknowledged */
    int64_t trim_asked, trim_done; /* records below: may be gone; must be */
    int64_t newest[HISTORY_KEYS];  /* of the last reading, by key: offset + 1; 0: none */
    int64_t large_below;           /* records below had more behind them than retention keeps */
};

struct history_topic {
    char name[24];
    int64_t deleted_ms; /* what was sent until then may be gone; KB_FOREVER: of no end yet */
    bool deleting;
    bool compacted; /* a record may be gone once there is a newer one of its key */
    int64_t retention_ms, retention_bytes; /* -1: none */
    int64_t made_ms;                       /* somebody heard that it is there; -1: nobody did */
    int32_t partitions_min;                /* as many at least, as of then */
    struct history_log logs[HISTORY_PARTITIONS];
};

struct history {
    uint64_t seed;
    struct history_lane lanes[HISTORY_LANES];
    struct history_topic topics[HISTORY_TOPICS];
    int lane_count, topic_count;
    struct history_record *records; /* of id - 1 */
    uint64_t count, capacity;
    uint64_t open;   /* records whose sender is alive and was not told yet */
    bool read_once;  /* no record is to be served twice */
    bool retention;  /* records go by themselves */
    bool markers;    /* some offsets are no record's */
    bool read_along; /* a reader had all that was acknowledged, in the end */
    int64_t read_ms; /* when the last reading was over; -1: not yet */
    long acked, served;
    long strange, changed, reappeared; /* seen on the way */
    const int64_t *ahead_ms;           /* how far the wall clock has jumped; not NULL */
    int64_t started_ahead_ms;          /* the most that it was, when a broker started */
    int64_t newest_producer;           /* id; -1: none yet */
    long reused;
};

void history_init(struct history *h, uint64_t seed, const int64_t *ahead_ms);
void history_deinit(struct history *h);

/* The number of the topic with that name; new ones are remembered. */
int history_topic(struct history *h, const char *name);
/* The number of a new lane. */
int history_lane(struct history *h, const struct history_lane *lane);
/* Its process died: records without an answer get none. */
void history_lane_dies(struct history *h, int lane);

/* A record is about to be sent: its id, 1 and up. */
uint64_t history_send(struct history *h, int lane, int topic, int32_t partition, int64_t now_ms);
/* It has this key. */
void history_key(struct history *h, uint64_t id, int key);
/* It was refused after all; only the newest can be. */
void history_unsend(struct history *h, uint64_t id);
/* Its value, from the seed and the id alone; HISTORY_VALUE_MAX bytes of room. */
struct kb_slice history_value(const struct history *h, uint64_t id, uint8_t *room);

struct history_telling {
    enum history_told told;
    int32_t partition; /* -1: not known */
    int64_t offset;    /* -1: not known */
};
void history_tell(struct history *h, uint64_t id, const struct history_telling *telling,
                  int64_t now_ms);
/* The record with that value is said again, by somebody else. */
void history_repeats(struct history *h, struct kb_slice value);
/* A consumer got this. */
void history_serve(struct history *h, int topic, int32_t partition, int64_t offset,
                   struct kb_slice value);
/* All is sent and read. */
void history_ends(struct history *h, int64_t now_ms);
/* The last reader got this: everything, in order. */
void history_find(struct history *h, int topic, int32_t partition, int64_t offset,
                  struct kb_slice value);

/* A topic is there, with so many partitions at least; its deletion was asked for; is
 * over, and nothing asked for earlier can take effect after until_ms. */
void history_made(struct history *h, int topic, int32_t partitions, int64_t now_ms);
void history_deletes(struct history *h, int topic);
void history_deleted(struct history *h, int topic, int64_t until_ms);
/* Records below that offset were asked to be deleted; they are. */
void history_trims(struct history *h, int topic, int32_t partition, int64_t offset);
void history_trimmed(struct history *h, int topic, int32_t partition, int64_t offset);

/* The id that a value has, if a record of that id was sent there; 0: none. */
uint64_t history_id(struct history *h, int topic, int32_t partition, struct kb_slice value);

/* A broker gave this producer id; they rise. */
void history_producer(struct history *h, int64_t id);

/* May the record be gone, though it was acknowledged or seen, at that offset? */
bool history_may_be_gone(const struct history *h, const struct history_record *record,
                         int64_t offset);

#endif
