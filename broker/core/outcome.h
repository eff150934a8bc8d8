/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_OUTCOME_H
#define KD_OUTCOME_H
/*
 * What one step of a coordinator leaves behind: the records that it changed its
 * durable state by, to be appended all in one batch, and the requests that it
 * answers. Emitting a record encodes it here and replays what was encoded, so that
 * what is live and what would be loaded cannot differ.
 */
#include "base/arena.h"
#include "base/list.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { KD_RECORD_MAX_BYTES = 64 << 20 };

/* A record to be written; value null: a tombstone. */
struct kd_record {
    struct kb_slice key, value;
};

/* One outcome serves one step. */
struct kd_outcome {
    struct kb_arena arena; /* holds the records */
    struct kd_record *records;
    size_t record_count, record_room;
    struct kb_list answers; /* of struct kd_parked (group/groups.h) */
    bool failed;            /* no memory: the coordinator is to be dropped and loaded anew */
};

void kd_outcome_init(struct kd_outcome *outcome);
void kd_outcome_deinit(struct kd_outcome *outcome);
/* What was written, in the outcome's arena; null: it could not be. */
struct kb_slice kd_outcome_take(struct kw_writer *w, struct kd_outcome *out);
/* It has failed, or holds as much as one batch should: what is left over, as of many
 * that have expired at once, is another step's. */
bool kd_outcome_is_full(const struct kd_outcome *out);
/* One record more, which is now to be replayed; false: the outcome has failed. */
bool kd_outcome_add(struct kd_outcome *out, struct kd_record record);

/* ---- For the state itself ---- */

bool kd_slice_set(struct kb_slice *to, struct kb_slice from); /* on the heap; false: no memory */
/* Empty where the arena is out of memory. */
struct kb_slice kd_slice_copy(struct kb_arena *arena, struct kb_slice from);

/* The arena and the reader of one key or value, behind the number that it begins with. */
struct kd_reading {
    struct kw_reader r;
    struct kb_arena arena;
    int16_t version;
};

void kd_reading_init(struct kd_reading *in, struct kb_slice bytes); /* deinit the arena */
int kd_reading_fault(const struct kd_reading *in);

#endif
