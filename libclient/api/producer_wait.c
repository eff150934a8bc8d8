/* SPDX-License-Identifier: Apache-2.0 */
/* One record there and back. */
#include "libclient/api/error.h"
#include "libclient/drive/producer.h"

static bool sync_done(void *ctx)
{
    struct kc_sync *sync = ctx;
    return atomic_load(&sync->done);
}

static void fill_report(const struct kc_sync *sync, struct kurier_topic *topic,
                        const kurier_record *record, kurier_report *out)
{
    *out = (kurier_report){.opaque = record->opaque,
                           .topic = topic,
                           .partition = sync->partition,
                           .code = (kurier_code)sync->outcome.code,
                           .persisted = (kurier_persisted)sync->outcome.persisted,
                           .attempts = sync->attempts,
                           .offset = sync->outcome.code ? -1 : sync->outcome.offset,
                           .timestamp_ms = sync->outcome.timestamp_ms,
                           .record = sync->outcome.code ? record : NULL};
}

/* Does not linger: somebody waits. */
static int await(struct kurier_producer *producer, struct kc_sync *sync, int64_t deadline_ms,
                 struct kb_error *err)
{
    struct kurier_client *client = producer->client;
    atomic_store(&producer->seal_all, true);
    kc_producer_kick(producer);
    int64_t left = kb_time_left(kc_runtime_now(client->runtime), deadline_ms);
    return kc_wait(&client->waits, client->runtime, KC_WAIT_SYNC, sync_done, sync,
                   (int)KB_MIN(left, (int64_t)INT32_MAX), err);
}

kurier_code kurier_topic_send_wait(kurier_topic *topic, const kurier_record *record,
                                   kurier_report *out, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    struct kurier_producer *producer = topic->producer;
    struct kurier_client *client = producer->client;
    int code = kc_client_check(client, e);
    if (code)
        return (kurier_code)code;
    int64_t deadline_ms = kb_deadline(kc_runtime_now(client->runtime), timeout_ms);
    struct kc_sync *sync = kc_sync_new(&producer->syncs, record->opaque), outcome;
    if (!sync)
        return (kurier_code)kb_error_set(e, KB_E_NO_MEMORY, "no memory for a report");
    kurier_record marked = *record;
    marked.opaque = sync->token;
    int block_ms = producer->max_block_ms;
    if (timeout_ms >= 0 && timeout_ms < block_ms)
        block_ms = timeout_ms;
    code = kc_topic_send(topic, &marked, true, block_ms, e);
    bool sent = code == 0;
    if (sent)
        code = await(producer, sync, deadline_ms, e);
    if (!kc_sync_end(&producer->syncs, sync, sent, &outcome))
        return (kurier_code)code;
    kurier_report report;
    fill_report(&outcome, topic, record, &report);
    if (out)
        *out = report;
    kurier_report_error(&report, err);
    return report.code;
}
