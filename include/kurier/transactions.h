/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_TRANSACTIONS_H
#define KURIER_TRANSACTIONS_H
/*
 * Records of many partitions, and positions of a group, that become visible together
 * or not at all: to consumers with isolation.level=read_committed. The producer has a
 * transactional.id; of those with the same id only the newest goes on.
 *
 *   init ── begin ── send, send, send_offsets ── commit
 *             ^                             └─── abort
 *             └──────────────────────────────────┘
 *
 * All are [resumable], and mean the same when they are called again. Errors are of
 * three classes (err->classes):
 *   KURIER_RETRIABLE  TIMED_OUT, INTERRUPTED: it goes on behind. Call the same again.
 *   KURIER_ABORTABLE  this transaction cannot be committed. Abort it, begin again.
 *   KURIER_FATAL      this producer is over: PRODUCER_FENCED is a newer one with its id.
 *                     Free it.
 * Without a class the call does not fit (STATE): the text says what comes first.
 * doc/transactions.md has the whole story.
 */
#include <kurier/consumer.h>
#include <kurier/producer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Waits until the id is taken, older producers with it are fenced, and what they left
 * open is aborted. That begins when the producer is made, and begin waits for it too;
 * this is for knowing it before the input is looked at. [resumable] */
KURIER_CHECKED kurier_code kurier_txn_init(kurier_producer *producer, int timeout_ms,
                                           kurier_error *err);
/* From then on records may be sent; outside a transaction send answers STATE. [resumable] */
KURIER_CHECKED kurier_code kurier_txn_begin(kurier_producer *producer, int timeout_ms,
                                            kurier_error *err);
/* Flushes, then ends the transaction: OK says that all of it will be seen. Sends have
 * returned before. TIMED_OUT leaves it open which way it went: call it again to hear.
 * [resumable] */
KURIER_CHECKED kurier_code kurier_txn_commit(kurier_producer *producer, int timeout_ms,
                                             kurier_error *err);
/* None of it will be seen. Records not sent yet report TXN_ABORTED. [resumable] */
KURIER_CHECKED kurier_code kurier_txn_abort(kurier_producer *producer, int timeout_ms,
                                            kurier_error *err);

/* Positions of the consumer's group, committed by the transaction and with it: the offset
 * of the next record to be read. They are refused (ABORTABLE) once a subscribed consumer
 * is no member of its group any more, or has lost such a partition since it handed out
 * records of it: what another has taken over is not done twice (KIP-447). Turn enable.auto.commit off. Needs brokers of 2.5 and later. To be called again with
 * the same positions, which are copied by the first call. [resumable] */
KURIER_CHECKED kurier_code kurier_txn_send_offsets(kurier_producer *producer,
                                                   kurier_consumer *consumer,
                                                   const kurier_position *positions, size_t n,
                                                   int timeout_ms, kurier_error *err);

/* ---- Consume, transform, produce ---------------------------------------------------
 * What a consumer finished is committed by the producer's transactions alone, together
 * with what was made of it; examples/copier.c.
 *
 *   attach ── subscribe ── begin ── poll, send, done ── end ──> committed, or aborted
 *                            ^                            │     and rewound
 *                            └────────────────────────────┘
 *
 * In a rebalance, partitions of which something was handed out since the last end are
 * given up only after the next; at most max.poll.interval.ms later, then they are told
 * as lost, and the transaction is aborted. Commits by other ways, automatic ones too,
 * are over for this consumer. */
/* Before the consumer subscribes or is assigned to; it has a group.id. For good. Free no
 * consumer while kurier_txn_end runs. */
KURIER_CHECKED kurier_code kurier_txn_attach(kurier_producer *producer, kurier_consumer *consumer,
                                             kurier_error *err);
/* Commits. Where it must not (a partition was lost, a record failed, a batch that was
 * handed out is not done, or came back by release or retry) it aborts, goes back to where
 * the consumer stood when the transaction before was committed, and answers TXN_ABORTED:
 * begin again. Batches in hand are stale then. With kurier_consumer_next: finish the
 * record before. An error with KURIER_FATAL ends the producer; the consumer went back.
 * kurier_txn_commit, _abort are refused meanwhile. From the consumer's thread. [resumable] */
KURIER_CHECKED kurier_code kurier_txn_end(kurier_producer *producer, int timeout_ms,
                                          kurier_error *err);

#ifdef __cplusplus
}
#endif
#endif
