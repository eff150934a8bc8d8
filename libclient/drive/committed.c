/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/committed.h"
#include "base/mem.h"
#include "libclient/drive/consumer_fetch.h"
#include "libclient/drive/lookup.h"

struct kc_committed {
    struct kurier_consumer *consumer;
    struct kc_lookup lookup;
    bool asking;
};

struct kc_committed *kc_committed_new(struct kurier_consumer *consumer)
{
    struct kc_committed *committed = KB_NEW(struct kc_committed);
    if (committed)
        committed->consumer = consumer;
    return committed;
}

static void forget(struct kc_committed *committed)
{
    if (committed->asking)
        kc_lookup_deinit(&committed->lookup);
    kb_free(committed->lookup.rows);
    committed->lookup.rows = NULL;
    committed->asking = false;
}

void kc_committed_free(struct kc_committed *committed)
{
    if (committed)
        forget(committed);
    kb_free(committed);
}

/* Unless it was sought, or taken away, since it was asked for. */
static void place(struct kurier_consumer *c, const struct kc_lookup_row *row, int32_t code,
                  struct kc_fetched_list *list)
{
    struct kb_time now = kn_loop_now(kc_client_loop(c->client));
    struct kc_share *share = kc_consumer_find(c, row->topic, row->partition);
    struct kc_fetch *fetch = share->fetch;
    if (!fetch || fetch->version != row->version || !kc_fetch_wants_committed(fetch, now))
        return;
    if (code) {
        kc_fetch_not_committed(&c->fetcher, now, fetch, code, &c->arena, list);
        return;
    }
    kc_fetch_committed(&c->fetcher, now, fetch, row->offset, row->leader_epoch, &c->arena, list);
    share->committed = row->offset;
}

static void on_done(struct kc_lookup *lookup, const struct kb_error *err)
{
    struct kc_committed *committed = KB_CONTAINER(lookup, struct kc_committed, lookup);
    struct kurier_consumer *c = committed->consumer;
    struct kc_fetched_list list = {0};
    kb_arena_reset(&c->arena);
    for (size_t i = 0; i < lookup->count; i++)
        place(c, &lookup->rows[i], err->code ? err->code : lookup->rows[i].code, &list);
    forget(committed);
    kc_consumer_deliver(c, &list, NULL);
    kn_task_soon(kc_client_loop(c->client), &c->look);
}

static size_t gather(struct kurier_consumer *c, struct kc_lookup_row *out)
{
    struct kb_time now = kn_loop_now(kc_client_loop(c->client));
    size_t n = 0;
    KB_LIST_EACH(it, &c->fetcher.fetches) {
        const struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        const struct kc_share *share = fetch->owner;
        if (!kc_fetch_wants_committed(fetch, now))
            continue;
        if (out)
            out[n] = (struct kc_lookup_row){
                .topic = share->topic, .partition = share->partition, .version = fetch->version};
        n++;
    }
    return n;
}

void kc_committed_look(struct kc_committed *committed)
{
    struct kurier_consumer *c = committed->consumer;
    size_t count = committed->asking ? 0 : gather(c, NULL);
    struct kc_lookup_row *rows = count ? kb_malloc(count * sizeof *rows) : NULL;
    if (!rows)
        return;
    gather(c, rows);
    committed->lookup = (struct kc_lookup){
        .consumer = c, .rows = rows, .count = count, .deadline_ms = KB_NEVER, .on_done = on_done};
    committed->asking = true;
    kc_lookup_begin(&committed->lookup);
}
