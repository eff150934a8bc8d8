/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_SEND_BATCH_H
#define KC_SEND_BATCH_H
/*
 * A batch on its way out. Records are encoded straight into its chunks, in
 * wire format; the first chunk keeps room for the batch's header in front:
 *
 *   chunks[0]  | 61 bytes | record record record |
 *   chunks[1]  | record record ...      |            pieces of one writev
 *   chunks[2]  | one large record                 |
 *   notes      | opaque opaque opaque ...         |  beside it, 8 bytes a record
 *
 * Once done it gives its chunks back, and its notes are the delivery reports.
 *
 * `writers` counts those who may still write into it: the slot while the batch
 * is open, and each sender that copies a large record outside the lock. Whoever
 * brings it to 0 seals it (checksum, compression), then sets `ready`.
 */
#include "base/buf.h"
#include "base/list.h"
#include "wire/batch.h"
#include "wire/record.h"
#include <stdatomic.h>

/* Words kept per record, in blocks. */
struct kc_notes {
    struct kb_buf *buf; /* where this lies */
    struct kc_notes *next;
    uint32_t count, capacity;
    uint64_t words[];
};

/* What became of it. */
struct kc_outcome {
    int32_t code;         /* kb_code */
    int32_t persisted;    /* enum kurier_persisted's numbers */
    int64_t offset;       /* of the first record; -1: not known */
    int64_t timestamp_ms; /* LogAppendTime; -1: the records' own */
};

struct kc_flight;

struct kc_send_batch {
    struct kc_send_batch *next; /* in the slot's stack, then in the loop's queue */
    void *home;                 /* the partition that it is for */
    uint64_t number;            /* counts the slot's batches, from 1 */
    atomic_uint writers;
    atomic_bool ready; /* sealed: the loop may send it */

    int32_t record_count;
    int64_t base_timestamp_ms, max_timestamp_ms;
    int64_t opened_ms;  /* mono */
    size_t plain_bytes; /* of records */

    /* set by sealing */
    uint32_t records_crc;
    size_t records_bytes; /* as they go out, perhaps compressed */
    int16_t codec;

    /* notes of the records from `first_noted` on; before it all are 0 */
    int32_t first_noted;
    struct kc_notes *notes, *last_notes;

    /* the loop's: see sender.h */
    struct kb_list link;
    struct kc_flight *flight; /* NULL: not on its way */
    int32_t attempts;
    bool stamped; /* has a sequence of its own */
    bool transactional;
    bool unknown; /* some attempt ended without an answer */
    bool repaid;  /* does not count against buffer.memory any more */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    struct kc_outcome outcome;

    uint32_t chunk_count, chunk_max;
    struct kb_buf *chunks[]; /* size: bytes used, header's room included */
};

/* Empty, one writer. NULL: no memory. */
struct kc_send_batch *kc_send_batch_new(uint32_t chunk_max);
void kc_send_batch_reset(struct kc_send_batch *batch); /* holds nothing: as new */
/* Gives chunks, notes and itself back. */
void kc_send_batch_free(struct kc_send_batch *batch);
void kc_send_batch_drop_chunks(struct kc_send_batch *batch);
void kc_send_batch_drop_notes(struct kc_send_batch *batch);

/* Takes the reference. The first one keeps room for the header. */
void kc_send_batch_add_chunk(struct kc_send_batch *batch, struct kb_buf *chunk);
/* Free bytes in the newest chunk. */
static inline size_t kc_send_batch_room(const struct kc_send_batch *batch)
{
    if (!batch->chunk_count)
        return 0;
    const struct kb_buf *chunk = batch->chunks[batch->chunk_count - 1];
    return chunk->capacity - chunk->size;
}

/* Notes in a block of its own; NULL buf, NULL notes. Takes the reference. */
struct kc_notes *kc_notes_in(struct kb_buf *buf);
void kc_send_batch_add_notes(struct kc_send_batch *batch, struct kc_notes *notes);
/* Whether `words` more want a block first. */
static inline bool kc_send_batch_notes_full(const struct kc_send_batch *batch, uint32_t words)
{
    return !batch->last_notes || batch->last_notes->capacity - batch->last_notes->count < words;
}

static inline void kc_send_batch_note(struct kc_send_batch *batch, uint64_t word)
{
    struct kc_notes *notes = batch->last_notes;
    notes->words[notes->count++] = word;
}

/* Walks the words of a batch. */
struct kc_notes_iter {
    struct kc_notes *notes;
    uint32_t at;
};
static inline void kc_notes_iter_init(struct kc_notes_iter *it, const struct kc_send_batch *batch)
{
    it->notes = batch->notes;
    it->at = 0;
}
static inline uint64_t *kc_notes_iter_at(struct kc_notes_iter *it)
{
    if (it->at == it->notes->count) {
        it->notes = it->notes->next;
        it->at = 0;
    }
    return &it->notes->words[it->at++];
}
static inline uint64_t kc_notes_iter_next(struct kc_notes_iter *it)
{
    return *kc_notes_iter_at(it);
}

/* The records' bytes of chunk i, without the header's room. */
struct kb_slice kc_send_batch_piece(const struct kc_send_batch *batch, uint32_t i);
/* Sums the records as they stand: sealing without compression. */
void kc_send_batch_sum(struct kc_send_batch *batch);
/* Writes the header in front of them. */
void kc_send_batch_stamp(struct kc_send_batch *batch);
/* Bytes on the wire. */
static inline size_t kc_send_batch_bytes(const struct kc_send_batch *batch)
{
    return KW_BATCH_HEADER_BYTES + batch->records_bytes;
}

/* ---- Appending: see slot.h for who may ------------------------------------- */

struct kc_entry {
    struct kw_record_in record; /* the deltas are filled in */
    int64_t timestamp_ms;
    uint64_t opaque;
    int32_t target;   /* unplaced: the partition asked for, or -1 */
    size_t max_bytes; /* of the record in any place: kc_entry_max_bytes */
};

size_t kc_entry_max_bytes(const struct kw_record_in *record);

/* A record's place: counted, its notes taken, its bytes still to be written. */
struct kc_record_place {
    uint8_t *at;
    size_t body_bytes;
};
/* Room and notes have been seen to. words: notes per record. */
struct kc_record_place kc_send_batch_reserve(struct kc_send_batch *batch, struct kc_entry *entry,
                                             uint32_t words);

/* ---- Reading a sealed batch ------------------------------------------------- */

struct kc_send_reader {
    const struct kc_send_batch *batch;
    struct kb_buf *plain; /* unpacked; NULL: the chunks are read */
    uint32_t chunk;
    struct kw_record_iter it;
    struct kc_notes_iter notes;
    int32_t at;
    uint32_t words;
    /* of the record read last */
    struct kw_record record;
    uint64_t opaque;
    int32_t target;
};

/* False: no memory to unpack it. */
bool kc_send_reader_init(struct kc_send_reader *reader, const struct kc_send_batch *batch,
                         uint32_t words);
bool kc_send_reader_next(struct kc_send_reader *reader);
void kc_send_reader_deinit(struct kc_send_reader *reader);

#endif
