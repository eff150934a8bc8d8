/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_PRODUCER_H
#define KURIER_PRODUCER_H
/*
 * Accepted records are sent, retried in order and finished without your help.
 * Order: what one thread sends to one partition arrives in that order, once.
 */
#include <kurier/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kurier_producer kurier_producer;
typedef struct kurier_topic kurier_topic;

KURIER_API kurier_producer *kurier_producer_new(kurier_runtime *runtime,
                                                const kurier_config *config, kurier_error *err);
KURIER_API kurier_client *kurier_producer_client(kurier_producer *producer); /* lives as long */
/* The same handle for the same name, valid until the producer is freed. Asks for
 * metadata behind; records sent before the answer wait for it in order. */
KURIER_API kurier_topic *kurier_producer_topic(kurier_producer *producer, const char *name,
                                               kurier_error *err);
KURIER_API const char *kurier_topic_name(const kurier_topic *topic);
KURIER_API int32_t kurier_topic_partitions(const kurier_topic *topic); /* -1: not known yet */

/* Copies the record into its batch. Waits for memory up to max.block.ms; inside
 * a driven runtime it steps meanwhile. Calls nothing back but a partitioner. */
KURIER_CHECKED kurier_code kurier_topic_send(kurier_topic *topic, const kurier_record *record,
                                             kurier_error *err);
/* The same, never waiting: KURIER_E_QUEUE_FULL, then KURIER_ROOM once it may go. */
KURIER_CHECKED kurier_code kurier_topic_try_send(kurier_topic *topic, const kurier_record *record,
                                                 kurier_error *err);
/* Takes a prefix of the array and answers its length. For bindings. */
KURIER_CHECKED size_t kurier_topic_send_many(kurier_topic *topic, const kurier_record *records,
                                             size_t n, int timeout_ms, kurier_error *err);

typedef enum kurier_persisted {
    KURIER_NOT_PERSISTED,
    KURIER_POSSIBLY_PERSISTED,
    KURIER_PERSISTED
} kurier_persisted;

typedef struct kurier_report {
    uint64_t opaque;
    const kurier_topic *topic;
    int32_t partition; /* -1: none was chosen */
    kurier_code code;
    kurier_persisted persisted;
    int32_t attempts;             /* times its batch was sent; above 1: sent again */
    int64_t offset, timestamp_ms; /* -1: not known */
    const kurier_record *record;  /* what was sent, if it failed; else NULL */
} kurier_report;

/* Exactly one report for each accepted record whose opaque is not 0 or that
 * failed. One not yet taken counts against buffer.memory (8 bytes; a failed one
 * with its record; failures with opaque 0 wait in a ring that overwrites).
 * Views live until the next poll or free, and one thread polls at a time. */
KURIER_API size_t kurier_producer_poll(kurier_producer *producer, kurier_report *out, size_t max,
                                       int timeout_ms, kurier_error *err);
/* The same, one call of fn for each. [calls back] */
typedef void kurier_report_fn(void *ctx, const kurier_report *report);
KURIER_API size_t kurier_producer_each(kurier_producer *producer, kurier_report_fn *fn, void *ctx,
                                       int timeout_ms, kurier_error *err);
KURIER_API void kurier_report_error(const kurier_report *report, kurier_error *out);
/* Accepted and not yet reported (or, without a report due, not yet done). */
KURIER_API size_t kurier_producer_outstanding(const kurier_producer *producer);
/* One record there and back: send, and its report. */
KURIER_CHECKED kurier_code kurier_topic_send_wait(kurier_topic *topic, const kurier_record *record,
                                                  kurier_report *out, int timeout_ms,
                                                  kurier_error *err);

/* Every record accepted before this call has its outcome. Those sent meanwhile
 * are not waited for. UNDELIVERED if any of them failed. [resumable] */
KURIER_CHECKED kurier_code kurier_producer_flush(kurier_producer *producer, int timeout_ms,
                                                 kurier_error *err);
/* Gives up what waits: records not yet sent report PURGED; with in_flight those
 * on their way too, as POSSIBLY_PERSISTED. Answers how many. */
KURIER_API size_t kurier_producer_purge(kurier_producer *producer, bool in_flight);
/* Refuses new records, flushes, and at the deadline gives up; in any case closed
 * then. Answers how many were not delivered: poll goes on handing them out. */
KURIER_API size_t kurier_producer_close(kurier_producer *producer, int timeout_ms,
                                        kurier_error *err);
KURIER_API void kurier_producer_free(kurier_producer *producer); /* open: as close(0) */

/* ---- Partitioner hook: set on a config before _new -------------------------*/
enum { KURIER_ANY_PARTITION = -1 };

typedef struct kurier_partitions {
    int32_t count;
    const uint32_t *queued_bytes; /* [count] waiting; UINT32_MAX: no leader now */
} kurier_partitions;

/* Runs in send. ANY_PARTITION: let the sticky one choose. With one set, records
 * cannot wait for metadata unplaced: send waits for it, try_send is QUEUE_FULL. */
typedef int32_t kurier_partition_fn(void *ctx, const kurier_topic *topic,
                                    const kurier_record *record,
                                    const kurier_partitions *partitions);
KURIER_API void kurier_config_set_partitioner(kurier_config *config, kurier_partition_fn *fn,
                                              void *ctx);
KURIER_API int32_t kurier_partition_of(kurier_bytes key, int32_t count); /* murmur2, as Java */

#ifdef __cplusplus
}
#endif
#endif
