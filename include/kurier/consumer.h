/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_CONSUMER_H
#define KURIER_CONSUMER_H
/*
 * Batches of records from assigned partitions. fetch.memory bounds what is
 * fetched, decompressed and in your hands together.
 */
#include <kurier/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kurier_consumer kurier_consumer;
typedef struct kurier_batch kurier_batch;

KURIER_API kurier_consumer *kurier_consumer_new(kurier_runtime *runtime,
                                                const kurier_config *config, kurier_error *err);
KURIER_API kurier_client *kurier_consumer_client(kurier_consumer *consumer); /* lives as long */
/* Replaces the assignment; n == 0: none. */
KURIER_CHECKED kurier_code kurier_consumer_assign(kurier_consumer *consumer,
                                                  const kurier_position *positions, size_t n,
                                                  kurier_error *err);
/* Fills at most max, answers how many there are; offset = the next to hand out.
 * Topic names live as long as the consumer. */
KURIER_API size_t kurier_consumer_assignment(kurier_consumer *consumer, kurier_position *out,
                                             size_t max);

/* Hands out batches; each is one partition's next records, at most
 * max.poll.records; with enable.partition.eof an empty one at the end. HELD:
 * nothing can be fetched until you give some back. */
KURIER_API size_t kurier_consumer_poll(kurier_consumer *consumer, kurier_batch **out, size_t max,
                                       int timeout_ms, kurier_error *err);
/* One record. The previous one is finished by this call, or by finish below. Its
 * views live until then. Not to be mixed with poll. */
KURIER_API bool kurier_consumer_next(kurier_consumer *consumer, kurier_record *out, int timeout_ms,
                                     kurier_error *err);
KURIER_API void kurier_consumer_finish(kurier_consumer *consumer);

typedef struct kurier_batch_info {
    const char *topic; /* lives as long as the batch */
    int32_t partition, leader_epoch;
    int64_t first_offset, next_offset; /* records may be fewer: compaction */
    int64_t high_watermark, stable_offset, log_start;
    uint32_t records; /* at most so many */
    bool at_end;      /* nothing was behind it */
} kurier_batch_info;

/* Each batch handed out is yours until done, retry or release: exactly one of
 * them, on any thread, in any order, also after the consumer was freed. One
 * thread at a time walks it. */
KURIER_API const kurier_batch_info *kurier_batch_view(const kurier_batch *batch);
KURIER_API bool kurier_batch_next(kurier_batch *batch, kurier_record *out); /* false: end */
KURIER_API size_t kurier_batch_read(kurier_batch *batch, kurier_record *out, size_t max);
KURIER_API bool kurier_batch_stale(const kurier_batch *batch); /* reassigned or sought since */
/* Its first so many records are finished, for a consumer with a group.id. */
KURIER_API void kurier_batch_progress(kurier_batch *batch, uint32_t records);
KURIER_API void kurier_batch_done(kurier_batch *batch);    /* all finished; memory back */
KURIER_API void kurier_batch_retry(kurier_batch *batch);   /* the rest, and what followed, again */
KURIER_API void kurier_batch_release(kurier_batch *batch); /* memory back, not finished */
/* Keeps the memory past done; each retain needs one release. */
KURIER_API void kurier_batch_retain(kurier_batch *batch);

KURIER_CHECKED kurier_code kurier_consumer_pause(kurier_consumer *consumer,
                                                 const kurier_position *positions, size_t n,
                                                 kurier_error *err);
KURIER_CHECKED kurier_code kurier_consumer_resume(kurier_consumer *consumer,
                                                  const kurier_position *positions, size_t n,
                                                  kurier_error *err);
/* The next poll starts there; batches in hand finish nothing any more. */
KURIER_CHECKED kurier_code kurier_consumer_seek(kurier_consumer *consumer,
                                                const kurier_position *positions, size_t n,
                                                kurier_error *err);
/* For each, the first offset whose record is not older than timestamp_ms,
 * KURIER_END if there is none; or where that end lies, if .offset is KURIER_END
 * or KURIER_BEGINNING. Each row has its own code; the first is answered. */
KURIER_CHECKED kurier_code kurier_consumer_offsets_for_times(kurier_consumer *consumer,
                                                             kurier_position *inout, size_t n,
                                                             int timeout_ms, kurier_error *err);
/* In any case closed when it returns. Asks nothing of you: no batch in hand. */
KURIER_API kurier_code kurier_consumer_close(kurier_consumer *consumer, int timeout_ms,
                                             kurier_error *err);
KURIER_API void kurier_consumer_free(kurier_consumer *consumer); /* open: as close(0) */

#ifdef __cplusplus
}
#endif
#endif
