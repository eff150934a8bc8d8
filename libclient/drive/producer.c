/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/producer.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/message.h"

enum { ARENA_BYTES = 64 << 20, TOPIC_NAME_MAX = 249, LOOKS_MAX = 4 };

/* ---- A turn ------------------------------------------------------------------------ */

static void refresh_topics(struct kurier_producer *producer)
{
    KB_LIST_EACH(it, &producer->sender.topics) {
        struct kurier_topic *topic = KB_CONTAINER(it, struct kurier_topic, send.link);
        if (topic->send.refresh && topic->meta)
            kc_client_refresh(producer->client, topic->meta);
        topic->send.refresh = false;
    }
}

static void set_timer(struct kurier_producer *producer)
{
    int64_t at = kc_sender_deadline_ms(&producer->sender);
    if (kc_sender_wants_id(&producer->sender))
        at = KB_MIN(at, producer->id_again_ms);
    if (producer->txns)
        at = KB_MIN(at, kc_txns_deadline_ms(producer->txns));
    if (producer->short_of_memory)
        at = KB_MIN(at, kb_deadline(kn_loop_now(kc_client_loop(producer->client)),
                                    producer->client->options->common.retry_backoff_ms));
    producer->short_of_memory = false;
    kn_timer_set(kc_client_loop(producer->client), &producer->timer, at);
}

static void look_once(struct kurier_producer *producer)
{
    struct kc_sender *sender = &producer->sender;
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    kc_sender_step(sender, now);
    if (atomic_exchange(&producer->seal_all, false))
        kc_sender_seal_all(sender, now);
    if (kc_sender_wants_id(sender))
        kc_producer_ask_id(producer);
    if (producer->txns)
        kc_txns_look(producer->txns);
    KB_LIST_EACH(it, &sender->brokers)
        kc_producer_send(producer, KB_CONTAINER(it, struct kc_send_broker, link));
}

/* Senders may ring faster than we look: others on this loop get their turn too. */
void kc_producer_look(struct kurier_producer *producer)
{
    struct kc_sender *sender = &producer->sender;
    bool rests = false;
    for (int i = 0; i < LOOKS_MAX && !rests; i++) {
        look_once(producer);
        rests = kc_sender_rest(sender);
    }
    refresh_topics(producer);
    kc_producer_end_flushes(producer);
    if (sender->reported) {
        sender->reported = false;
        kc_client_pend(producer->client, KURIER_REPORTS);
    }
    if (sender->more || !rests)
        kn_task_next(kc_client_loop(producer->client), &producer->look);
    set_timer(producer);
}

static void on_look(struct kn_task *task)
{
    kc_producer_look(KB_CONTAINER(task, struct kurier_producer, look));
}

static void on_timer(struct kn_timer *timer)
{
    kc_producer_look(KB_CONTAINER(timer, struct kurier_producer, timer));
}

static void on_kicked(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kurier_producer *producer = KB_CONTAINER(mail, struct kurier_producer, kicked);
    (void)loop;
    kc_bell_answer(&producer->sender.rules.bell);
    kc_producer_look(producer);
}

static void kick(struct kc_bell *bell)
{
    struct kurier_producer *producer = bell->ctx;
    kn_loop_post(kc_client_loop(producer->client), &producer->kicked);
}

void kc_producer_kick(struct kurier_producer *producer)
{
    struct kc_bell *bell = &producer->sender.rules.bell;
    if (!atomic_exchange(&bell->kicked, true))
        kick(bell);
}

/* Any thread. */
static void on_freed(struct kc_supply *supply)
{
    struct kurier_producer *producer = supply->ctx;
    if (atomic_exchange(&producer->wants_room, false))
        kc_client_pend(producer->client, KURIER_ROOM);
    kc_notify(&producer->client->waits, KC_WAIT_ROOM);
}

static bool on_finished(struct kc_sender *sender, struct kc_send_batch *batch)
{
    struct kurier_producer *producer = sender->owner;
    if (producer->txns)
        kc_txns_finished(producer->txns, batch);
    int32_t told = kc_syncs_finished(&producer->syncs, batch);
    if (told)
        kc_notify(&producer->client->waits, KC_WAIT_SYNC);
    return told == batch->record_count;
}

/* ---- What the client tells ------------------------------------------------------------ */

static struct kurier_topic *find_topic(struct kurier_producer *producer, const char *name)
{
    pthread_mutex_lock(&producer->lock);
    struct kb_map_entry *entry = kb_map_get(&producer->topics, kb_slice_str(name));
    pthread_mutex_unlock(&producer->lock);
    return KB_MAP_VALUE(entry, struct kurier_topic, by_name);
}

static bool tell_known(struct kurier_producer *producer, struct kurier_topic *topic,
                       const struct kc_topic *meta)
{
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    kb_arena_reset(&producer->arena);
    int32_t *leaders =
        kb_arena_array(&producer->arena, (size_t)meta->partition_count, sizeof *leaders);
    if (!leaders)
        return false;
    for (int32_t i = 0; i < meta->partition_count; i++)
        leaders[i] = meta->partitions[i].leader;
    return kc_sender_topic_known(&producer->sender, now, &topic->send, meta->id, meta->generation,
                                 leaders, meta->partition_count);
}

static void on_topic(void *owner, struct kc_topic *meta)
{
    struct kurier_producer *producer = owner;
    struct kurier_topic *topic = find_topic(producer, meta->name);
    if (!topic)
        return;
    if (meta->known && meta->partition_count > 0 && !meta->error) {
        meta->unheard = !tell_known(producer, topic, meta);
        if (meta->unheard)
            kc_client_refresh(producer->client, meta);
    } else if (meta->error) {
        kc_sender_topic_failed(&producer->sender, kn_loop_now(kc_client_loop(producer->client)),
                               &topic->send, meta->error);
    }
    kc_notify(&producer->client->waits, KC_WAIT_ROOM);
    kn_task_soon(kc_client_loop(producer->client), &producer->look);
}

static void on_usable(void *owner, struct kc_link *link)
{
    struct kurier_producer *producer = owner;
    (void)link;
    kc_producer_look(producer);
}

static int on_ready(void *owner, struct kb_error *err)
{
    struct kurier_producer *producer = owner;
    const struct kc_sender *sender = &producer->sender;
    if (producer->txns)
        return kc_txns_ready(producer->txns, err);
    if (!sender->options.idempotent || sender->id_state == KC_ID_HELD)
        return 0;
    if (producer->id_cause.code && !(producer->id_cause.classes & KB_RETRIABLE)) {
        *err = producer->id_cause;
        return err->code;
    }
    return kb_error_set(err, KB_E_TIMED_OUT, "waiting for a producer id%s%s",
                        producer->id_cause.code ? ": " : "", producer->id_cause.text);
}

static void on_close(void *owner)
{
    struct kurier_producer *producer = owner;
    kc_ask_cancel(&producer->ask_id);
    if (producer->txns)
        kc_txns_close(producer->txns);
    kc_producer_drop_requests(producer);
    kn_timer_cancel(kc_client_loop(producer->client), &producer->timer);
    kn_task_cancel(&producer->look);
    kc_producer_drop_flushes(producer);
}

static const struct kc_client_ops ops = {
    .topic = on_topic, .usable = on_usable, .ready = on_ready, .close = on_close};

/* ---- Making and ending ------------------------------------------------------------------ */

static int read_options(struct kurier_producer *producer, const kurier_config *config,
                        struct kc_send_options *out, struct kb_error *err)
{
    struct kc_options *defaults = config ? NULL : kc_options_new();
    const struct kc_options *options = config ? config->options : defaults;
    int code = options ? kc_producer_options(options, out, &producer->idempotence_off, err)
                       : kb_error_set(err, KB_E_NO_MEMORY, "no memory for a producer");
    if (!code) {
        producer->max_block_ms = options->producer.max_block_ms;
        producer->ops = ops;
        producer->ops.max_in_flight = options->producer.max_in_flight;
        producer->max_record_bytes = (size_t)options->producer.max_request_size;
    }
    kc_options_free(defaults);
    return code;
}

static void init(struct kurier_producer *producer, const kurier_config *config, uint64_t seed)
{
    kb_random_seed(&producer->random, seed);
    producer->partitioner = config ? config->partitioner : NULL;
    producer->partitioner_ctx = config ? config->partitioner_ctx : NULL;
    pthread_mutex_init(&producer->lock, NULL);
    kb_map_init(&producer->topics, kb_random_next(&producer->random));
    producer->kicked.fn = on_kicked;
    kn_timer_init(&producer->timer, on_timer);
    kn_task_init(&producer->look, on_look);
    kb_arena_init(&producer->arena, ARENA_BYTES);
    kb_list_init(&producer->requests);
    kb_list_init(&producer->flushes);
    kb_error_clear(&producer->id_cause);
    kc_syncs_init(&producer->syncs, kb_random_next(&producer->random));
    producer->sender.finished = on_finished;
    producer->sender.supply.ctx = producer;
    producer->sender.supply.freed = on_freed;
}

/* The client is gone, and with it who would hear of room. */
static void deinit(struct kurier_producer *producer)
{
    producer->sender.supply.freed = NULL;
    struct kb_map_entry *entry = kb_map_next(&producer->topics, NULL);
    while (entry) {
        struct kurier_topic *topic = KB_CONTAINER(entry, struct kurier_topic, by_name);
        entry = kb_map_next(&producer->topics, entry);
        kc_send_topic_deinit(&topic->send);
        kb_free(topic);
    }
    if (producer->walk.batch) {
        if (producer->walk.readable)
            kc_send_reader_deinit(&producer->walk.reader);
        kc_reports_drop(&producer->sender.reports, producer->walk.batch);
    }
    kb_free(producer->walk.records);
    kc_syncs_deinit(&producer->syncs);
    kc_txns_free(producer->txns);
    kc_sender_deinit(&producer->sender);
    kb_map_deinit(&producer->topics);
    kb_arena_deinit(&producer->arena);
    pthread_mutex_destroy(&producer->lock);
    kb_free(producer);
}

struct kurier_producer *kc_producer_new(struct kurier_runtime *runtime, const kurier_config *config,
                                        struct kb_error *err)
{
    struct kc_send_options options;
    if (config && config->mistake.code) {
        if (err)
            *err = config->mistake;
        return NULL;
    }
    struct kurier_producer *producer = KB_NEW(struct kurier_producer);
    if (!producer) {
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a producer");
        return NULL;
    }
    if (read_options(producer, config, &options, err)) {
        kb_free(producer);
        return NULL;
    }
    if (!kc_sender_init(&producer->sender, &options, &producer->random, kick, producer)) {
        kb_free(producer);
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a producer");
        return NULL;
    }
    init(producer, config, kc_runtime_seed(runtime));
    if (options.transactional && !(producer->txns = kc_txns_new(producer, config->options))) {
        deinit(producer);
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a producer");
        return NULL;
    }
    producer->client = kc_client_new(runtime, config, &producer->ops, producer, err);
    if (!producer->client) {
        deinit(producer);
        return NULL;
    }
    if (producer->idempotence_off) {
        struct kb_error what;
        kb_error_set(
            &what, 0,
            "idempotence is off: acks, retries or max.in.flight was set below what it needs");
        kc_event_put(producer->client, KURIER_EVENT_LOG, KB_LOG_WARN, NULL, -1, &what);
    }
    kc_producer_kick(producer); /* its id is asked for at once */
    return producer;
}

void kc_producer_free(struct kurier_producer *producer)
{
    kc_client_free(producer->client);
    if (producer->flush)
        kc_call_unref(producer->flush);
    if (producer->close)
        kc_call_unref(producer->close);
    deinit(producer);
}

/* ---- Topics -------------------------------------------------------------------------------- */

static void on_new_topic(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kurier_topic *topic = KB_CONTAINER(mail, struct kurier_topic, mail);
    struct kurier_producer *producer = topic->producer;
    (void)loop;
    kc_sender_add(&producer->sender, &topic->send);
    topic->meta = kc_client_want(producer->client, topic->name);
    if (!topic->meta)
        kc_sender_topic_failed(&producer->sender, kn_loop_now(kc_client_loop(producer->client)),
                               &topic->send, KB_E_NO_MEMORY);
    kc_producer_look(producer);
}

static struct kurier_topic *topic_new(struct kurier_producer *producer, const char *name)
{
    size_t size = strlen(name) + 1;
    struct kurier_topic *topic = kb_calloc(1, sizeof *topic + size);
    if (!topic)
        return NULL;
    memcpy(topic->name, name, size);
    topic->producer = producer;
    topic->mail.fn = on_new_topic;
    kc_send_topic_init(&topic->send, &producer->sender, topic->name);
    if (kb_map_put(&producer->topics, &topic->by_name, kb_slice_str(topic->name)))
        return topic;
    kc_send_topic_deinit(&topic->send);
    kb_free(topic);
    return NULL;
}

struct kurier_topic *kc_producer_topic(struct kurier_producer *producer, const char *name,
                                       struct kb_error *err)
{
    if (!name || !name[0] || strlen(name) > TOPIC_NAME_MAX) {
        kb_error_set(err, KB_E_INVALID_ARGUMENT, "a topic's name has 1 to %d characters",
                     TOPIC_NAME_MAX);
        return NULL;
    }
    pthread_mutex_lock(&producer->lock);
    struct kb_map_entry *entry = kb_map_get(&producer->topics, kb_slice_str(name));
    struct kurier_topic *topic = KB_MAP_VALUE(entry, struct kurier_topic, by_name);
    bool is_new = !topic;
    if (is_new)
        topic = topic_new(producer, name);
    pthread_mutex_unlock(&producer->lock);
    if (!topic)
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for topic %s", name);
    else if (is_new)
        kn_loop_post(kc_client_loop(producer->client), &topic->mail);
    return topic;
}
