/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_TXN_ADMIN_H
#define KURIER_TXN_ADMIN_H
/*
 * Administration of transactions (KIP-664): requests and results as <kurier/admin.h>
 * has them. A transactional id is asked about at its own coordinator, a transaction in a
 * partition at that partition's leader; see kurier_admin_describe_producers, too.
 *
 *     kurier_result *result =
 *         kurier_admin_run(client, kurier_admin_describe_transactions(&id, 1), 5000, &err);
 *     const kurier_transaction_info *about = kurier_result_transaction(result, 0);
 *     if (about && !about->code)
 *         printf("%s: %s, %u partitions\n", about->name, about->state, about->partition_count);
 */
#include <kurier/admin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Transactional ids ---------------------------------------------------------------*/

/* A zero field lets all pass. */
typedef struct kurier_transaction_filter {
    const char *const *states; /* "Ongoing", "CompleteCommit" ..., NULL */
    const int64_t *producers;  /* ids */
    size_t producer_count;
    int64_t older_than_ms; /* begun longer ago (KIP-994: Kafka 3.8) */
    const char *pattern;   /* RE2's syntax, of the whole id (KIP-1152: Kafka 4.1) */
    int64_t reserved;
} kurier_transaction_filter;
/* Of all brokers; NULL: all that there are. Where a broker is too old for a filter, it
 * comes to UNSUPPORTED, and to INVALID_ARGUMENT where one does not know a state. Comes to
 * nothing while one broker cannot tell its own. Items: kurier_transaction_info, of which
 * name, state, producer and coordinator are told. */
KURIER_API kurier_request *kurier_admin_list_transactions(const kurier_transaction_filter *filter);
/* Items: kurier_transaction_info; TRANSACTIONAL_ID_NOT_FOUND where there is none. */
KURIER_API kurier_request *kurier_admin_describe_transactions(const char *const *ids, size_t n);
/* What a new producer with that id would do: those with it are fenced, and what they left
 * open is aborted; waits until it is. An id that nobody had is there afterwards. Items:
 * kurier_transaction_info, with the producer id and the epoch that fenced them. */
KURIER_API kurier_request *kurier_admin_fence_producers(const char *const *ids, size_t n);

typedef struct kurier_transaction_info {
    const char *name, *text; /* name: the transactional id */
    kurier_code code;
    int32_t partition;   /* -1 */
    const char *state;   /* "Ongoing", "PrepareCommit", "Empty" ...; NULL: not told */
    int64_t producer;    /* -1: not told, as all below */
    int64_t start_ms;    /* when it began; -1: none is open */
    int32_t epoch;       /* the producer's */
    int32_t timeout_ms;  /* after so long its coordinator aborts it */
    int32_t coordinator; /* node id */
    uint32_t partition_count;
    const kurier_position *partitions; /* it has records in, by topic and partition */
    int64_t reserved;
} kurier_transaction_info;
KURIER_API const kurier_transaction_info *kurier_result_transaction(const kurier_result *result,
                                                                    size_t i);

/* ---- Transactions that hang ------------------------------------------------------------
 * Open in a partition, where they hold back read_committed consumers, while no coordinator
 * knows of them: nobody would ever end them. Brokers with transaction.version 2 do not let
 * that happen (KIP-890); what an older one left stays. */

/* Open transactions of these partitions whose last record is older than that, and that no
 * coordinator would end. Take more than the longest transaction.timeout.ms (brokers bound
 * it at 900000), lest one is found that just ends. Items: kurier_hanging_info, by topic and
 * partition; also partitions that could not be looked at, with their code. */
KURIER_API kurier_request *kurier_admin_find_hanging(const kurier_position *partitions, size_t n,
                                                     int64_t older_than_ms);

typedef struct kurier_hanging_info {
    const char *name, *text; /* name: the topic */
    kurier_code code;
    int32_t partition;
    const char *transactional_id; /* NULL: no coordinator knows that producer */
    int64_t producer;
    int64_t start_offset;             /* of its first record here */
    int64_t last_timestamp_ms;        /* of its last one */
    int32_t epoch, coordinator_epoch; /* -1: none yet */
} kurier_hanging_info;
KURIER_API const kurier_hanging_info *kurier_result_hanging(const kurier_result *result, size_t i);

typedef struct kurier_open_transaction {
    const char *topic;
    int32_t partition;
    int32_t epoch;    /* of the producer */
    int64_t producer; /* id */
    int32_t coordinator_epoch;
    int32_t reserved;
} kurier_open_transaction;
/* Writes the mark of an abort into each partition, whatever the coordinator thinks of it:
 * only for those that hang. The coordinator's epoch is at least the one that
 * kurier_admin_describe_producers tells; 0 where that is -1. Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_abort_transactions(
    const kurier_open_transaction *transactions, size_t n);
/* The same for the transaction whose first record in that partition has .offset: its
 * leader is asked first whose that is. INVALID_TXN_STATE where none begins there. */
KURIER_API kurier_request *kurier_admin_abort_transactions_at(const kurier_position *starts,
                                                              size_t n);

#ifdef __cplusplus
}
#endif
#endif
