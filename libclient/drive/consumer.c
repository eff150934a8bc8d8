/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/consumer.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/api/config.h"
#include "libclient/drive/auto_commit.h"
#include "libclient/drive/commit.h"
#include "libclient/drive/committed.h"
#include "libclient/drive/consumer_fetch.h"
#include "libclient/drive/lookup.h"
#include "libclient/drive/rebalance.h"

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
    struct kurier_consumer *c = owner;
    kc_consumer_room(c);
    if (c->rebalance)
        kc_rebalance_look(c->rebalance);
}

/* ---- The group -----------------------------------------------------------------*/

static bool open_group(struct kurier_consumer *c, const kurier_rebalance_listener *listener,
                       struct kb_error *err)
{
    kb_error_set(err, KB_E_NO_MEMORY, "no memory for a consumer");
    c->rebalance = kc_rebalance_new(c, listener);
    c->commits = kc_commits_new(c);
    c->auto_commit = kc_auto_commit_new(c);
    c->committed = kc_committed_new(c);
    if (c->rebalance && c->commits && c->auto_commit && c->committed)
        c->membership = kc_membership_new(c->client, &kc_rebalance_ops, &c->assignors, c, err);
    return c->membership != NULL;
}

/* In this order: whoever waits is answered while the others still stand. */
static void stop_group(struct kurier_consumer *c)
{
    if (c->rebalance)
        kc_rebalance_stop(c->rebalance);
    kc_auto_commit_free(c->auto_commit);
    kc_commits_free(c->commits);
    kc_committed_free(c->committed);
    kc_lookups_end(c);
    kc_pattern_free(c->pattern);
    kc_membership_free(c->membership);
    c->subscribed = false;
    c->auto_commit = NULL;
    c->commits = NULL;
    c->committed = NULL;
    c->pattern = NULL;
    c->membership = NULL;
}

void kc_consumer_stop(struct kurier_consumer *c)
{
    kn_timer_cancel(kc_client_loop(c->client), &c->timer);
    kn_task_cancel(&c->look);
    stop_group(c);
    kc_consumer_drop_flights(c);
    kc_consumer_drop_asks(c);
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (share->fetch)
            kc_consumer_drop(c, share);
    }
    if (c->feed)
        kc_feed_detach(c->feed);
}

static void on_close(void *owner)
{
    kc_consumer_stop(owner);
}

static void on_topic(void *owner, struct kc_topic *topic)
{
    struct kurier_consumer *c = owner;
    kc_consumer_on_topic(c, topic);
    if (c->membership)
        kc_membership_topic(c->membership, topic);
}

static int is_ready(void *owner, struct kb_error *err)
{
    struct kurier_consumer *c = owner;
    if (c->pattern && !kc_pattern_is_known(c->pattern))
        return kb_error_set(err, KB_E_TIMED_OUT, "group %s: waits to hear which topics there are",
                            c->options->group_id);
    return c->subscribed ? kc_membership_ready(c->membership, err) : 0;
}

static const struct kc_client_ops ops = {
    .topic = on_topic,
    .ready = is_ready,
    .usable = kc_consumer_on_usable,
    .size = kc_consumer_on_size,
    .close = on_close,
    .max_in_flight = 1,
};

struct beginning {
    struct kurier_consumer *consumer;
    const kurier_rebalance_listener *listener;
    struct kb_error *err;
    bool begun;
};

static void begin(void *ctx)
{
    struct beginning *b = ctx;
    struct kurier_consumer *c = b->consumer;
    kc_feed_attach(c->feed, c->client, on_kicked, c);
    b->begun = !c->feed->tracks || open_group(c, b->listener, b->err);
}

/* What needs no memory; after it, dispose is safe. */
static void init(struct kurier_consumer *c, uint64_t seed)
{
    kb_map_init(&c->shares, seed);
    kb_list_init(&c->flights);
    kb_list_init(&c->asks);
    kb_list_init(&c->lookups);
    kn_timer_init(&c->timer, on_timer);
    kn_task_init(&c->look, on_look);
    kb_arena_init(&c->arena, KC_FETCH_ARENA_BYTES);
    kb_arena_init(&c->words, KC_FETCH_ARENA_BYTES);
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
    struct kb_map_entry *entry = kb_map_next(&c->shares, NULL);
    while (entry) {
        struct kc_share *share = KB_CONTAINER(entry, struct kc_share, by_key);
        entry = kb_map_next(&c->shares, entry);
        kc_share_unref(share);
    }
    kb_map_deinit(&c->shares);
    kc_fetcher_deinit(&c->fetcher);
    kc_cutter_deinit(&c->cutter);
    kc_rebalance_free(c->rebalance);
    kc_feed_unref(c->feed);
    kb_arena_deinit(&c->arena);
    kb_arena_deinit(&c->words);
    kb_free(c);
}

void kc_consumer_free(struct kurier_consumer *c)
{
    kurier_batch_release(c->current);
    kc_call_unref(c->unsubscribing);
    kc_client_free(c->client);
    dispose(c);
}

static void take_assignors(struct kurier_consumer *c, const kurier_config *config)
{
    c->assignors = config->assignors;
    for (size_t i = 0; i < c->assignors.count; i++)
        c->assignors.list[i].base.name = c->assignors.list[i].name;
}

static struct kurier_consumer *make(struct kurier_runtime *runtime, const kurier_config *config,
                                    struct kb_error *err)
{
    struct kurier_consumer *c = KB_NEW(struct kurier_consumer);
    if (!c) {
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a consumer");
        return NULL;
    }
    init(c, kc_runtime_seed(runtime));
    c->client = kc_client_new(runtime, config, &ops, c, err);
    if (c->client)
        return c;
    kb_free(c);
    return NULL;
}

struct kurier_consumer *kc_consumer_new(struct kurier_runtime *runtime, const kurier_config *config,
                                        struct kb_error *err)
{
    struct kurier_consumer *c = make(runtime, config, err);
    if (!c)
        return NULL;
    if (config)
        take_assignors(c, config);
    struct beginning b = {c, config && config->has_listener ? &config->listener : NULL, err, false};
    if (prepare(c))
        kc_runtime_run(c->client->runtime, begin, &b);
    else
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a consumer");
    if (b.begun) {
        kb_error_clear(err);
        return c;
    }
    kc_consumer_free(c);
    return NULL;
}
