/* SPDX-License-Identifier: Apache-2.0 */
/* From a record to its place in a batch: on the caller's thread. */
#include "base/mem.h"
#include "libclient/api/error.h"
#include "libclient/drive/producer.h"
#include <time.h>

enum { FEW_HEADERS = 16, FEW_PARTITIONS = 256 };

/* One send: what it needs and what it holds. */
struct sending {
    struct kurier_topic *topic;
    struct kurier_producer *producer;
    const kurier_record *record;
    struct kc_entry entry;
    struct kc_hand hand;
    bool wait;           /* for memory and metadata, until the deadline */
    int64_t deadline_ms; /* 0: not begun to wait */
    int timeout_ms;
    bool sticky; /* the partition may change with the batch */
    const struct kc_table *table;
    struct kc_send_partition *to;
    struct kb_error *err;
    struct kw_header few[FEW_HEADERS], *headers;
};

static inline struct kb_slice slice(kurier_bytes bytes)
{
    return kb_slice_of(bytes.data, bytes.size);
}

/* A clock of milliseconds is enough, and a fifth of the cost of the precise one. */
static int64_t wall_ms(const struct kurier_producer *producer)
{
    struct timespec ts;
    if (producer->client->runtime->foreign)
        return kc_runtime_now(producer->client->runtime).wall_ms;
    clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- The record -------------------------------------------------------------------- */

static int take_headers(struct sending *s)
{
    const kurier_record *record = s->record;
    s->headers = s->few;
    if (record->header_count > FEW_HEADERS)
        s->headers = KB_NEW_ARRAY(struct kw_header, record->header_count);
    if (!s->headers)
        return kb_error_set(s->err, KB_E_NO_MEMORY, "no memory for %u headers",
                            record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        if (!record->headers || !record->headers[i].name)
            return kb_error_set(s->err, KB_E_INVALID_ARGUMENT, "header %u has no name", i);
        s->headers[i] = (struct kw_header){kb_slice_str(record->headers[i].name),
                                           slice(record->headers[i].value)};
    }
    s->entry.record.headers = s->headers;
    s->entry.record.header_count = record->header_count;
    return 0;
}

static int take_record(struct sending *s)
{
    const kurier_record *record = s->record;
    size_t most = s->producer->max_record_bytes;
    s->entry.record.key = slice(record->key);
    s->entry.record.value = slice(record->value);
    s->entry.record.raw_headers = slice(record->raw_headers);
    s->entry.opaque = record->opaque;
    s->entry.target = record->flags & KURIER_TO_PARTITION ? record->partition : -1;
    if ((record->flags & KURIER_TO_PARTITION) && record->partition < 0)
        return kb_error_set(s->err, KB_E_INVALID_ARGUMENT, "partition %d", record->partition);
    if (record->header_count) {
        int code = take_headers(s);
        if (code)
            return code;
    }
    if (record->key.size > most || record->value.size > most ||
        (s->entry.max_bytes = kc_entry_max_bytes(&s->entry.record)) > most)
        return kb_error_set(s->err, KB_E_MESSAGE_TOO_LARGE,
                            "a record of about %zu bytes; max.request.size is %zu",
                            record->key.size + record->value.size, most);
    s->entry.timestamp_ms = record->timestamp_ms ? record->timestamp_ms : wall_ms(s->producer);
    return 0;
}

/* ---- Waiting -------------------------------------------------------------------------- */

static bool is_closed(const struct sending *s)
{
    return kc_producer_is_closed(s->producer);
}

static bool is_shut(const struct sending *s)
{
    return atomic_load_explicit(&s->producer->shut, memory_order_relaxed) != 0;
}

static int closed(struct sending *s)
{
    return kb_error_set(s->err, KB_E_CLOSED, "the producer is closed");
}

static int shut(struct sending *s)
{
    return is_closed(s) ? closed(s) : kc_txns_refusal(s->producer->txns, s->err);
}

static int wait_for(struct sending *s, kc_ready_fn *ready, void *ctx)
{
    struct kurier_client *client = s->producer->client;
    struct kb_time now = kc_runtime_now(client->runtime);
    if (!s->deadline_ms)
        s->deadline_ms = kb_deadline(now, s->timeout_ms);
    int left = (int)KB_MIN(kb_time_left(now, s->deadline_ms), (int64_t)INT32_MAX);
    int code = kc_wait(&client->waits, client->runtime, KC_WAIT_ROOM, ready, ctx, left, s->err);
    return is_closed(s) ? closed(s) : code;
}

struct memory_wait {
    struct sending *sending;
    struct kc_claim claim;
};

static bool memory_ready(void *ctx)
{
    struct memory_wait *wait = ctx;
    return atomic_load(&wait->claim.granted) || is_closed(wait->sending);
}

/* In the order of those who wait; all open batches go meanwhile. */
static int wait_for_memory(struct sending *s, int64_t bytes)
{
    struct memory_wait wait = {.sending = s};
    struct kc_supply *supply = &s->producer->sender.supply;
    if (bytes > supply->total_bytes)
        return kb_error_set(s->err, KB_E_MESSAGE_TOO_LARGE,
                            "a record that needs %lld bytes; buffer.memory is %lld",
                            (long long)bytes, (long long)supply->total_bytes);
    kc_supply_claim(supply, &wait.claim, bytes);
    atomic_store(&s->producer->seal_all, true);
    kc_producer_kick(s->producer);
    int code = wait_for(s, memory_ready, &wait);
    bool granted = kc_supply_unclaim(supply, &wait.claim);
    if (granted && !code)
        return 0;
    if (granted)
        kc_supply_repay(supply, bytes);
    if (code == KB_E_TIMED_OUT)
        return kb_error_set(s->err, KB_E_QUEUE_FULL,
                            "buffer.memory (%lld bytes) was full for max.block.ms%s",
                            (long long)supply->total_bytes,
                            kc_reports_any(&s->producer->sender.reports)
                                ? "; part of it are reports that wait to be polled"
                                : "");
    return code ? code : kb_error_set(s->err, KB_E_QUEUE_FULL, "%s", kb_code_text(KB_E_QUEUE_FULL));
}

/* Without waiting; KURIER_ROOM says when to come again. */
static int refuse_memory(struct sending *s, int64_t bytes)
{
    struct kurier_producer *producer = s->producer;
    kc_client_unpend(producer->client, KURIER_ROOM);
    atomic_store(&producer->wants_room, true);
    atomic_store(&producer->seal_all, true);
    if (kc_supply_pay(&producer->sender.supply, bytes))
        return 0;
    kc_producer_kick(producer);
    return kb_error_set(s->err, KB_E_QUEUE_FULL, "%s", kb_code_text(KB_E_QUEUE_FULL));
}

static int pay(struct sending *s, int64_t bytes)
{
    if (kc_supply_pay(&s->producer->sender.supply, bytes))
        return 0;
    return s->wait ? wait_for_memory(s, bytes) : refuse_memory(s, bytes);
}

/* ---- Parts ------------------------------------------------------------------------------ */

static int fetch_part(struct sending *s, enum kc_append lacks)
{
    struct kc_supply *supply = &s->producer->sender.supply;
    enum kc_part part = lacks == KC_APPEND_LACKS_BATCH   ? KC_PART_BATCH
                        : lacks == KC_APPEND_LACKS_CHUNK ? KC_PART_CHUNK
                                                         : KC_PART_NOTES;
    int code = pay(s, kc_supply_cost(supply, part, s->entry.max_bytes));
    if (code)
        return code;
    s->hand.now_ms = kc_runtime_now(s->producer->client->runtime).mono_ms;
    bool got = part == KC_PART_BATCH ? (s->hand.batch = kc_supply_batch(supply)) != NULL
               : part == KC_PART_CHUNK
                   ? (s->hand.chunk = kc_supply_chunk(supply, s->entry.max_bytes)) != NULL
                   : (s->hand.notes = kc_supply_notes(supply)) != NULL;
    return got ? 0 : kb_error_set(s->err, KB_E_NO_MEMORY, "no memory for a record");
}

static void put_back(struct sending *s)
{
    struct kc_supply *supply = &s->producer->sender.supply;
    if (s->hand.batch)
        kc_supply_drop_batch(supply, s->hand.batch);
    if (s->hand.chunk)
        kc_supply_drop_chunk(supply, s->hand.chunk);
    if (s->hand.notes)
        kc_supply_drop_notes(supply, s->hand.notes);
    if (s->headers && s->headers != s->few)
        kb_free(s->headers);
}

/* ---- The partition ------------------------------------------------------------------------ */

static int ask_partitioner(struct sending *s, int32_t *out)
{
    uint32_t few[FEW_PARTITIONS], *queued = few;
    int32_t count = s->table->count;
    if (count > FEW_PARTITIONS)
        queued = KB_NEW_ARRAY(uint32_t, (size_t)count);
    if (!queued)
        return kb_error_set(s->err, KB_E_NO_MEMORY, "no memory for the partitioner");
    for (int32_t i = 0; i < count; i++)
        queued[i] = kc_partition_queued_bytes(s->table->partitions[i]);
    *out = s->producer->partitioner(s->producer->partitioner_ctx, s->topic, s->record,
                                    &(kurier_partitions){count, queued});
    if (queued != few)
        kb_free(queued);
    if (*out >= count || *out < KURIER_ANY_PARTITION)
        return kb_error_set(s->err, KB_E_INVALID_ARGUMENT,
                            "the partitioner answered %d; %s has %d partitions", *out,
                            s->topic->name, count);
    return 0;
}

static int choose(struct sending *s)
{
    struct kc_send_topic *topic = &s->topic->send;
    int32_t to = s->entry.target;
    if (to >= s->table->count)
        return kb_error_set(s->err, KB_E_UNKNOWN_TOPIC_OR_PARTITION, "%s has %d partitions, no %d",
                            s->topic->name, s->table->count, to);
    if (to < 0 && s->producer->partitioner) {
        int code = ask_partitioner(s, &to);
        if (code)
            return code;
        s->sticky = to < 0;
        if (to < 0)
            to = kc_topic_sticky(topic, s->table);
    } else if (to < 0) {
        to = kc_topic_choose(topic, s->table, s->entry.record.key, &s->sticky);
    }
    s->to = s->table->partitions[to];
    return 0;
}

static bool table_known(void *ctx)
{
    struct sending *s = ctx;
    return atomic_load(&s->topic->send.table) || is_closed(s);
}

/* A partitioner of the application's sees a record once, and only with partitions. */
static int look_up(struct sending *s)
{
    s->table = atomic_load(&s->topic->send.table);
    while (!s->table && s->producer->partitioner && s->entry.target < 0) {
        if (!s->wait)
            return kb_error_set(s->err, KB_E_QUEUE_FULL, "the partitions of %s are not known yet",
                                s->topic->name);
        int code = wait_for(s, table_known, s);
        if (code)
            return code;
        s->table = atomic_load(&s->topic->send.table);
    }
    s->sticky = false;
    s->to = &s->topic->send.unplaced;
    return s->table ? choose(s) : 0;
}

static int append(struct sending *s)
{
    int code = look_up(s);
    while (!code) {
        enum kc_append outcome = kc_slot_append(&s->to->slot, &s->entry, &s->hand);
        if (outcome == KC_APPENDED)
            return 0;
        if (outcome == KC_APPEND_CLOSED) {
            code = look_up(s);
            continue;
        }
        if (outcome == KC_APPEND_LACKS_BATCH && s->sticky) {
            int32_t now =
                kc_topic_stick_on(&s->topic->send, s->table, s->to->index, s->hand.filled);
            if (now != s->to->index) {
                s->to = s->table->partitions[now];
                continue;
            }
        }
        code = fetch_part(s, outcome);
    }
    return code;
}

int kc_topic_send(struct kurier_topic *topic, const kurier_record *record, bool wait,
                  int timeout_ms, struct kb_error *err)
{
    struct sending s;
    s.topic = topic;
    s.producer = topic->producer;
    s.record = record;
    s.entry.record.header_count = 0;
    s.entry.record.headers = s.headers = NULL;
    s.hand = (struct kc_hand){0};
    s.wait = wait;
    s.deadline_ms = 0;
    s.timeout_ms = timeout_ms;
    s.err = err;
    int code = is_shut(&s) ? shut(&s) : take_record(&s);
    if (!code)
        code = append(&s);
    put_back(&s);
    return code;
}

/* ---- The public calls ------------------------------------------------------------------------ */

kurier_code kurier_topic_send(kurier_topic *topic, const kurier_record *record, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    struct kurier_producer *producer = topic->producer;
    if (e)
        e->code = 0;
    int code = kc_client_check(producer->client, e);
    return (kurier_code)(code ? code
                              : kc_topic_send(topic, record, true, producer->max_block_ms, e));
}

kurier_code kurier_topic_try_send(kurier_topic *topic, const kurier_record *record,
                                  kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    struct kurier_client *client = topic->producer->client;
    if (e)
        e->code = 0;
    int code = kc_client_check(client, e);
    if (!code)
        code = kc_topic_send(topic, record, false, 0, e);
    if (!code && atomic_load_explicit(&client->pending, memory_order_relaxed) & KURIER_ROOM)
        kc_client_unpend(client, KURIER_ROOM);
    return (kurier_code)code;
}

size_t kurier_topic_send_many(kurier_topic *topic, const kurier_record *records, size_t n,
                              int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    struct kurier_runtime *runtime = topic->producer->client->runtime;
    if (kc_client_check(topic->producer->client, e))
        return 0;
    int64_t deadline_ms = timeout_ms > 0 ? kb_deadline(kc_runtime_now(runtime), timeout_ms) : 0;
    for (size_t i = 0; i < n; i++) {
        int code = kc_topic_send(topic, &records[i], false, 0, e);
        if (code == KB_E_QUEUE_FULL && timeout_ms != 0) {
            int64_t left =
                timeout_ms < 0 ? KB_FOREVER : kb_time_left(kc_runtime_now(runtime), deadline_ms);
            code = kc_topic_send(topic, &records[i], true, (int)left, e);
        }
        if (code)
            return i;
        kb_error_clear(e);
    }
    return n;
}
