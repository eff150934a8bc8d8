/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_STORE_KEYED_H
#define TESTS_STORE_KEYED_H
/*
 * Batches whose records have keys, a book of what was written at each offset, and
 * a reader that holds a compacted log to it: every record is one that was written
 * there, and the latest of each key is not missing.
 */
#include "tests/unit/store/rig.h"

#include "wire/compress.h"
#include "wire/record.h"

enum { KEYED_KEYS = 64, KEYED_GONE = -1 /* a tombstone */ };

struct keyed {
    int key;   /* 0 .. KEYED_KEYS - 1 */
    int value; /* or KEYED_GONE */
};

struct keyed_batch {
    const struct keyed *records;
    int32_t count;
    size_t pad_bytes; /* behind each value */
    enum kw_codec codec;
    int64_t base_offset;  /* the first's; records follow each other */
    int64_t timestamp_ms; /* of all of them */
    int64_t producer_id;  /* 0: none */
    int32_t sequence;
    int16_t attributes; /* more of them */
    bool aborted;       /* it will be */
};
struct kb_buf *keyed_encode(const struct keyed_batch *batch);
/* What a record says; the test fails where that makes no sense. */
struct keyed keyed_of(const struct kw_record *record);

struct keyed_book {
    struct keyed *at; /* by offset */
    bool *aborted;    /* those that count for nothing */
    int64_t end, capacity;
};
void keyed_book_deinit(struct keyed_book *book);
void keyed_book_add(struct keyed_book *book, const struct keyed_batch *batch);
/* A marker at the book's end. */
void keyed_book_add_marker(struct keyed_book *book);
/* What lies between was aborted. */
void keyed_book_abort(struct keyed_book *book, int64_t from, int64_t to);

/* Sets base_offset, enters it, appends, and answers the code; a batch that was refused may
 * be there all the same, so that nothing can follow it in the book. */
int keyed_try_append(struct rig *rig, struct kd_replica *replica, struct keyed_book *book,
                     struct keyed_batch *batch);
/* The same of one that must succeed. */
void keyed_append(struct rig *rig, struct kd_replica *replica, struct keyed_book *book,
                  struct keyed_batch *batch);

/* What is read from `from` to the end of the log. */
struct keyed_found {
    int records, batches, empty_batches, tombstones, markers;
    int aborted; /* records of aborted transactions, which are not among the others */
    int strange; /* that were not written there, or are out of order */
    int missing; /* keys whose latest value below `sure_end` is not there */
    int undead;  /* keys with a tombstone as their latest that have an older value */
};
struct keyed_found keyed_read(struct rig *rig, struct kd_replica *replica,
                              const struct keyed_book *book, int64_t from, int64_t sure_end);

#endif
