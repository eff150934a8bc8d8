/* SPDX-License-Identifier: Apache-2.0 */
/* A producer's life: made, flushed, purged, closed, freed. */
#include "libclient/drive/attachment.h"
#include "libclient/drive/producer.h"
#include "libclient/api/error.h"

kurier_producer *kurier_producer_new(kurier_runtime *runtime, const kurier_config *config,
                                     kurier_error *err)
{
    return kc_producer_new(runtime, config, kc_error(err));
}

void kurier_producer_free(kurier_producer *producer)
{
    if (!producer)
        return;
    if (!kc_producer_is_closed(producer) && !kc_client_check(producer->client, NULL))
        kurier_producer_close(producer, 0, NULL);
    kc_attachment_free(producer);
    kc_producer_free(producer);
}

kurier_client *kurier_producer_client(kurier_producer *producer)
{
    return producer->client;
}

kurier_topic *kurier_producer_topic(kurier_producer *producer, const char *name, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    if (kc_client_check(producer->client, e))
        return NULL;
    return kc_producer_topic(producer, name, e);
}

const char *kurier_topic_name(const kurier_topic *topic)
{
    return topic->name;
}

int32_t kurier_topic_partitions(const kurier_topic *topic)
{
    const struct kc_table *table = atomic_load(&topic->send.table);
    return table ? table->count : -1;
}

void kurier_config_set_partitioner(kurier_config *config, kurier_partition_fn *fn, void *ctx)
{
    config->partitioner = fn;
    config->partitioner_ctx = ctx;
}

int32_t kurier_partition_of(kurier_bytes key, int32_t count)
{
    if (count < 1)
        return -1;
    static const uint8_t nothing;
    struct kb_slice bytes = kb_slice_of(key.data ? key.data : &nothing, key.size);
    return kc_partition_by_key(KC_MURMUR2, bytes, count);
}

size_t kurier_producer_outstanding(const kurier_producer *producer)
{
    struct kurier_producer *p = (struct kurier_producer *)(uintptr_t)producer;
    uint64_t accepted = 0;
    if (kc_client_check(p->client, NULL))
        return 0;
    pthread_mutex_lock(&p->lock);
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&p->topics, e));)
        accepted += kc_topic_accepted(&KB_MAP_VALUE(e, struct kurier_topic, by_name)->send);
    pthread_mutex_unlock(&p->lock);
    uint64_t gone = kc_sender_finished(&p->sender);
    return accepted > gone ? (size_t)(accepted - gone) : 0;
}

/* ---- Flush and purge --------------------------------------------------------------- */

static struct kc_call *begin_flush(void *ctx)
{
    return kc_producer_flush_call(ctx);
}

kurier_code kurier_producer_flush(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = kc_client_check(producer->client, e);
    if (!code)
        code = kc_call_resume(producer->client, &producer->flush, begin_flush, producer, timeout_ms,
                              e);
    return (kurier_code)code;
}

struct purge {
    struct kurier_producer *producer;
    bool in_flight, for_ever;
    size_t records;
};

static void run_purge(void *ctx)
{
    struct purge *purge = ctx;
    struct kc_sender *sender = &purge->producer->sender;
    struct kb_time now = kn_loop_now(kc_client_loop(purge->producer->client));
    if (purge->for_ever) {
        sender->dropping = KB_E_PURGED;
        kc_reports_keep_all(&sender->reports);
    }
    kc_sender_step(sender, now);
    purge->records = kc_sender_give_up(sender, now, KB_E_PURGED, purge->in_flight);
    kc_producer_look(purge->producer);
}

size_t kurier_producer_purge(kurier_producer *producer, bool in_flight)
{
    struct purge purge = {producer, in_flight, false, 0};
    if (kc_client_check(producer->client, NULL))
        return 0;
    kc_runtime_run(producer->client->runtime, run_purge, &purge);
    return purge.records;
}

/* ---- Close -------------------------------------------------------------------------- */

/* An open one is aborted: what it was meant to become is not known. */
static void end_transaction(struct kurier_producer *producer, int timeout_ms)
{
    struct kc_txn_call *end = kc_txn_call_new(producer, KC_TXN_WISH_CLOSE, 0);
    if (end)
        kc_call_ask(&end->call, timeout_ms, NULL);
}

static int left(const struct kurier_producer *producer, int64_t deadline_ms)
{
    int64_t left_ms = kb_time_left(kc_runtime_now(producer->client->runtime), deadline_ms);
    return left_ms > INT32_MAX ? KB_FOREVER : (int)left_ms;
}

size_t kurier_producer_close(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = kc_client_check(producer->client, e);
    if (code || (atomic_fetch_or(&producer->shut, KC_SHUT_CLOSED) & KC_SHUT_CLOSED))
        return code ? 0 : kc_reports_undelivered(&producer->sender.reports);
    kc_notify(&producer->client->waits, KC_WAIT_ROOM); /* those inside send: refused */
    int64_t deadline_ms = kb_deadline(kc_runtime_now(producer->client->runtime), timeout_ms);
    if (producer->txns)
        end_transaction(producer, timeout_ms);
    timeout_ms = left(producer, deadline_ms);
    struct kc_call *flush = kc_producer_flush_call(producer);
    if (flush) {
        kc_call_submit(flush, timeout_ms);
        code = kc_call_wait(flush, timeout_ms, e);
        kc_call_unref(flush);
    }
    struct purge purge = {producer, true, true, 0};
    kc_runtime_run(producer->client->runtime, run_purge, &purge);
    size_t undelivered = kc_reports_undelivered(&producer->sender.reports);
    if (undelivered && (!code || code == KB_E_TIMED_OUT))
        kb_error_set(e, KB_E_UNDELIVERED, "%zu records were not delivered: poll hands them out",
                     undelivered);
    else if (!undelivered)
        kb_error_clear(e);
    return undelivered;
}
