/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/consumer.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/api/config.h"
#include "libclient/drive/consumer_fetch.h"

/* ---- Assignment: on the loop -----------------------------------------------*/

static struct kc_share *find(const struct kurier_consumer *c, const char *topic, int32_t partition)
{
    char key[300];
    size_t size = kc_share_key(topic, partition, key, sizeof key);
    struct kb_map_entry *e =
        size < sizeof key ? kb_map_get(&c->shares, kb_slice_of(key, size)) : NULL;
    return KB_MAP_VALUE(e, struct kc_share, by_key);
}

static struct kc_share *find_or_make(struct kurier_consumer *c, const char *topic,
                                     int32_t partition)
{
    struct kc_share *share = find(c, topic, partition);
    if (share || !(share = kc_share_new(c->feed, topic, partition)))
        return share;
    if (!kb_map_put(&c->shares, &share->by_key, kb_slice_str(share->key))) {
        kc_share_unref(share);
        return NULL;
    }
    return share;
}

/* What is handed out from now on begins where the fetch does. */
static void publish(struct kc_share *share)
{
    kc_share_begin(share, share->fetch->version, share->fetch->start);
}

static void drop(struct kurier_consumer *c, struct kc_share *share)
{
    struct kc_topic *topic = share->fetch->topic;
    kc_fetcher_remove(&c->fetcher, share->fetch);
    share->fetch = NULL;
    kc_share_begin(share, 0, -1);
    atomic_store(&share->paused, false);
    c->assigned--;
    kc_client_unwant(c->client, topic);
}

static bool add(struct kurier_consumer *c, struct kc_share *share, const kurier_position *at)
{
    struct kc_topic *topic = kc_client_want(c->client, share->topic);
    share->fetch = topic ? kc_fetcher_add(&c->fetcher, topic, share->partition, at->offset,
                                          at->leader_epoch, share)
                         : NULL;
    if (share->fetch) {
        c->assigned++;
        publish(share);
    } else if (topic)
        kc_client_unwant(c->client, topic);
    return share->fetch != NULL;
}

static int check(const kurier_position *positions, size_t n, struct kb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const kurier_position *p = &positions[i];
        if (!p->topic || !p->topic[0] || strlen(p->topic) > 249 || p->partition < 0 ||
            p->offset < KURIER_BEGINNING)
            return kb_error_set(err, KB_E_INVALID_ARGUMENT,
                                "position %zu: a topic, a partition >= 0 and an offset >= 0, "
                                "KURIER_BEGINNING or KURIER_END are needed",
                                i);
    }
    return 0;
}

static int no_memory(struct kb_error *err)
{
    return kb_error_set(err, KB_E_NO_MEMORY, "no memory for the assignment");
}

int kc_consumer_assign(struct kurier_consumer *c, const kurier_position *positions, size_t n,
                       struct kb_error *err)
{
    int code = check(positions, n, err);
    for (size_t i = 0; i < n && !code; i++)
        if (!find_or_make(c, positions[i].topic, positions[i].partition))
            code = no_memory(err);
    if (code)
        return code;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));)
        KB_MAP_VALUE(e, struct kc_share, by_key)->keep = false;
    for (size_t i = 0; i < n; i++)
        find(c, positions[i].topic, positions[i].partition)->keep = true;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (share->fetch && !share->keep)
            drop(c, share);
    }
    for (size_t i = 0; i < n && !code; i++) {
        struct kc_share *share = find(c, positions[i].topic, positions[i].partition);
        if (!share->fetch) {
            code = add(c, share, &positions[i]) ? 0 : no_memory(err);
        } else {
            kc_fetch_seek(&c->fetcher, share->fetch, positions[i].offset,
                          positions[i].leader_epoch);
            publish(share);
        }
    }
    kn_task_soon(kc_client_loop(c->client), &c->look);
    return code;
}

/* Each must be assigned. */
static int check_assigned(const struct kurier_consumer *c, const kurier_position *positions,
                          size_t n, struct kb_error *err)
{
    int code = check(positions, n, err);
    for (size_t i = 0; i < n && !code; i++) {
        const struct kc_share *share = find(c, positions[i].topic, positions[i].partition);
        if (!share || !share->fetch)
            code = kb_error_set(err, KB_E_STATE, "%s[%d] is not assigned: assign it first",
                                positions[i].topic, positions[i].partition);
    }
    return code;
}

int kc_consumer_seek(struct kurier_consumer *c, const kurier_position *positions, size_t n,
                     struct kb_error *err)
{
    int code = check_assigned(c, positions, n, err);
    for (size_t i = 0; i < n && !code; i++) {
        struct kc_share *share = find(c, positions[i].topic, positions[i].partition);
        kc_fetch_seek(&c->fetcher, share->fetch, positions[i].offset, positions[i].leader_epoch);
        publish(share);
    }
    kn_task_soon(kc_client_loop(c->client), &c->look);
    return code;
}

int kc_consumer_pause(struct kurier_consumer *c, const kurier_position *positions, size_t n,
                      bool paused, struct kb_error *err)
{
    int code = check_assigned(c, positions, n, err);
    for (size_t i = 0; i < n && !code; i++) {
        struct kc_share *share = find(c, positions[i].topic, positions[i].partition);
        share->fetch->paused = paused;
        atomic_store(&share->paused, paused);
    }
    kn_task_soon(kc_client_loop(c->client), &c->look);
    return code;
}

size_t kc_consumer_assignment(struct kurier_consumer *c, kurier_position *out, size_t max)
{
    size_t n = 0;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (!share->fetch || n++ >= max)
            continue;
        int64_t handed = atomic_load(&share->handed);
        bool placed = share->fetch->state == KC_FETCH_READY;
        out[n - 1] = kurier_at(share->topic, share->partition,
                               handed >= 0 ? handed
                               : placed    ? share->fetch->position
                                           : share->fetch->reset_to);
    }
    return n;
}

void kc_consumer_rewind(struct kn_loop *loop, struct kn_mail *mail)
{
    (void)loop;
    struct kc_share *share = KB_CONTAINER(mail, struct kc_share, rewind);
    struct kc_feed *feed = share->feed;
    pthread_mutex_lock(&feed->lock);
    bool still = feed->client && share->fetch && share->rewind_version == share->fetch->version;
    int64_t to = share->rewind_to;
    bool slowly = share->rewind_slowly;
    share->rewinding = false;
    share->rewind_version = 0;
    struct kurier_consumer *c = feed->owner;
    pthread_mutex_unlock(&feed->lock);
    if (still) {
        kc_fetch_seek(&c->fetcher, share->fetch, to, -1);
        if (slowly)
            kc_fetch_wait(&c->fetcher, share->fetch, kn_loop_now(loop));
        kc_share_go_on(share, share->fetch->version);
        atomic_store(&share->handed, -1);
        kn_task_soon(loop, &c->look);
    }
    kc_share_unref(share);
}

/* ---- Life ---------------------------------------------------------------------*/

static void on_look(struct kn_task *task)
{
    kc_consumer_look(KB_CONTAINER(task, struct kurier_consumer, look));
}

static void on_timer(struct kn_timer *timer)
{
    kc_consumer_look(KB_CONTAINER(timer, struct kurier_consumer, timer));
}

static void on_kicked(void *owner)
{
    kc_consumer_room(owner);
}

void kc_consumer_stop(struct kurier_consumer *c)
{
    kn_timer_cancel(kc_client_loop(c->client), &c->timer);
    kn_task_cancel(&c->look);
    kc_consumer_drop_flights(c);
    kc_consumer_drop_asks(c);
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (share->fetch)
            drop(c, share);
    }
    if (c->feed)
        kc_feed_detach(c->feed);
}

static void on_close(void *owner)
{
    kc_consumer_stop(owner);
}

static const struct kc_client_ops ops = {
    .topic = kc_consumer_on_topic,
    .usable = kc_consumer_on_usable,
    .size = kc_consumer_on_size,
    .close = on_close,
    .max_in_flight = 1,
};

static void begin(void *ctx)
{
    struct kurier_consumer *c = ctx;
    kc_feed_attach(c->feed, c->client, on_kicked, c);
}

/* What needs no memory; after it, dispose is safe. */
static void init(struct kurier_consumer *c, uint64_t seed)
{
    kb_map_init(&c->shares, seed);
    kb_list_init(&c->flights);
    kb_list_init(&c->asks);
    kn_timer_init(&c->timer, on_timer);
    kn_task_init(&c->look, on_look);
    kb_arena_init(&c->arena, KC_FETCH_ARENA_BYTES);
}

static bool prepare(struct kurier_consumer *c)
{
    const struct kc_common_options *common = &c->client->options->common;
    c->options = &c->client->options->consumer;
    kc_fetcher_init(&c->fetcher, c->options, common->retry_backoff_ms, common->retry_backoff_max_ms,
                    &c->client->runtime->random);
    c->feed = kc_feed_new(c->options->fetch_memory);
    if (!c->feed)
        return false;
    c->feed->tracks = c->options->group_id != NULL;
    return kc_cutter_init(&c->cutter, c->feed, c->options);
}

static void dispose(struct kurier_consumer *c)
{
    for (struct kb_map_entry *e; (e = kb_map_next(&c->shares, NULL));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        kb_map_remove(&c->shares, e);
        kc_share_unref(share);
    }
    kb_map_deinit(&c->shares);
    kc_fetcher_deinit(&c->fetcher);
    kc_cutter_deinit(&c->cutter);
    kc_feed_unref(c->feed);
    kb_arena_deinit(&c->arena);
    kb_free(c);
}

void kc_consumer_free(struct kurier_consumer *c)
{
    kurier_batch_release(c->current);
    kc_client_free(c->client);
    dispose(c);
}

/* What a consumer cannot do yet it does not pretend to. */
static int check_options(const kurier_config *config, struct kb_error *err)
{
    if (config && config->options->consumer.isolation_level == KC_READ_COMMITTED)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "isolation.level=read_committed: a consumer does not leave out aborted "
                            "records yet; use read_uncommitted");
    return 0;
}

struct kurier_consumer *kc_consumer_new(struct kurier_runtime *runtime, const kurier_config *config,
                                        struct kb_error *err)
{
    if (check_options(config, err))
        return NULL;
    struct kurier_consumer *c = KB_NEW(struct kurier_consumer);
    if (!c) {
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a consumer");
        return NULL;
    }
    init(c, kc_runtime_seed(runtime));
    c->client = kc_client_new(runtime, config, &ops, c, err);
    if (!c->client) {
        kb_free(c);
        return NULL;
    }
    if (!prepare(c)) {
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a consumer");
        kc_consumer_free(c);
        return NULL;
    }
    kc_runtime_run(c->client->runtime, begin, c);
    return c;
}
