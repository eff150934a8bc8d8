/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/consumer_fetch.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/committed.h"
#include "wire/gen/fetch.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum {
    FETCH = 1,
    FETCH_MIN = 4,
    FETCH_BY_NAME = 12, /* the last version that names topics */
    FETCH_MAX = 18,
    REQUEST_MAX_BYTES = 16 << 20
};

/* One request on its way, and the memory that its answer may take. */
struct flight {
    struct kb_list all;
    struct kurier_consumer *consumer;
    int32_t node;
    struct kn_rpc *rpc;
    struct kn_call *call;
    int64_t reserved;
    int64_t wanted; /* above 0: its answer waits for that much more */
};

static struct flight *flight_new(struct kurier_consumer *c, int32_t node)
{
    struct flight *f = KB_NEW(struct flight);
    if (!f)
        return NULL;
    f->consumer = c;
    f->node = node;
    kb_list_push_back(&c->flights, &f->all);
    return f;
}

static void flight_free(struct flight *f)
{
    if (f->reserved)
        kc_feed_give(f->consumer->feed, f->reserved);
    kb_list_remove(&f->all);
    kb_free(f);
}

void kc_consumer_drop_flights(struct kurier_consumer *c)
{
    struct kb_list *it;
    while ((it = c->flights.next) != &c->flights) {
        struct flight *f = KB_CONTAINER(it, struct flight, all);
        kn_call_cancel(f->call);
        flight_free(f);
    }
}

/* ---- What came: to the feed ----------------------------------------------------*/

static bool push(struct kurier_consumer *c, const struct kc_fetched *row, struct kb_buf *frame)
{
    static const enum kc_chunk_kind kinds[] = {[KC_FETCHED_DATA] = KC_CHUNK_RECORDS,
                                               [KC_FETCHED_END] = KC_CHUNK_END,
                                               [KC_FETCHED_ERROR] = KC_CHUNK_ERROR};
    struct kc_chunk *chunk = kc_chunk_new(kinds[row->kind], row->fetch->owner, row->fetch->version,
                                          row->bytes.size ? frame : NULL);
    if (!chunk)
        return false;
    if (!kc_aborted_init(&chunk->aborted, row->aborted, row->aborted_count)) {
        kc_chunk_free(chunk);
        return false;
    }
    chunk->rest = row->bytes;
    chunk->bytes = row->bytes.size;
    chunk->from = row->from;
    chunk->high_watermark = row->high_watermark;
    chunk->stable_offset = row->stable_offset;
    chunk->log_start = row->log_start;
    chunk->end = row->end;
    chunk->err = row->err;
    kc_feed_push(c->feed, chunk);
    return true;
}

void kc_consumer_deliver(struct kurier_consumer *c, const struct kc_fetched_list *list,
                         struct kb_buf *frame)
{
    struct kb_time now = kn_loop_now(kc_client_loop(c->client));
    for (size_t i = 0; i < list->count; i++) {
        const struct kc_fetched *row = &list->rows[i];
        if (kc_fetched_is_next(row) && !push(c, row, frame))
            kc_fetch_take_back(&c->fetcher, row, now);
    }
    if (list->count)
        kc_client_pend(c->client, KURIER_BATCHES);
}

/* ---- Fetch -----------------------------------------------------------------------*/

static void on_fetched(void *ctx, const struct kn_answer *answer)
{
    struct flight *f = ctx;
    struct kurier_consumer *c = f->consumer;
    struct kc_link *link = kc_client_link(c->client, f->node);
    struct kb_time now = kn_loop_now(kc_client_loop(c->client));
    struct kc_fetched_list list = {0};
    struct kw_fetch_response response;
    struct kb_error err = {0};

    kb_arena_reset(&c->arena);
    if (answer->err) {
        kc_fetcher_failure(&c->fetcher, now, f->node);
    } else if (!kw_fetch_response_decode(answer->body, answer->version, &c->arena, &response)) {
        kc_fetcher_failure(&c->fetcher, now, f->node);
        kb_error_set(&err, KB_E_UNSUPPORTED, "an answer to Fetch v%d that cannot be read: %s",
                     answer->version, answer->body->fault ? answer->body->fault : "no memory");
        if (link)
            kc_link_cut(link, &err);
    } else {
        kc_fetcher_answer(&c->fetcher, now, f->node, &response, &c->arena, &list);
        kc_consumer_deliver(c, &list, answer->frame);
        if (link)
            kc_client_throttled(c->client, link, response.throttle_time_ms);
    }
    flight_free(f);
    kc_consumer_look(c);
}

static bool by_name_only(const struct kw_fetch_request *request)
{
    for (int32_t i = 0; i < request->topics_count; i++)
        if (kb_uuid_is_zero(request->topics[i].topic_id))
            return true;
    return false;
}

static bool send_fetch(struct flight *f, const struct kw_fetch_request *request)
{
    struct kurier_consumer *c = f->consumer;
    int version =
        kn_rpc_version(f->rpc, FETCH, FETCH_MIN, by_name_only(request) ? FETCH_BY_NAME : FETCH_MAX);
    struct kw_writer w;
    if (version < 0)
        kc_trouble_too_old(c->client, f->rpc, FETCH, FETCH_MIN, FETCH_MAX, NULL);
    kw_writer_init(&w, REQUEST_MAX_BYTES);
    struct kb_buf *body = version >= 0 && kw_fetch_request_encode(&w, (int16_t)version, request)
                              ? kw_writer_take(&w)
                              : NULL;
    kw_writer_deinit(&w);
    if (!body)
        return false;
    struct kb_piece piece = {body, kb_buf_view(body)};
    struct kn_request call = {.api_key = FETCH,
                              .version = (int16_t)version,
                              .pieces = &piece,
                              .n = 1,
                              .timeout_ms = (int64_t)c->options->fetch_max_wait_ms +
                                            c->client->options->common.request_timeout_ms,
                              .on_answer = on_fetched,
                              .ctx = f};
    f->call = kn_rpc_call(f->rpc, &call, NULL);
    return f->call != NULL;
}

/* ---- Credit ----------------------------------------------------------------------*/

struct look {
    struct kurier_consumer *consumer;
    struct kb_time now;
    int32_t nodes;
    int64_t partition_bytes; /* above, a partition waits until some is handed out */
    bool short_of_credit, full;
};

static bool welcome(void *ctx, const struct kc_fetch *fetch)
{
    struct look *look = ctx;
    const struct kc_share *share = fetch->owner;
    bool room = (int64_t)atomic_load(&share->waiting_bytes) < look->partition_bytes;
    look->full |= !room;
    return room;
}

/* What stands around the records in an answer to a request for that much. */
static int64_t around(int64_t bytes)
{
    return bytes / 32;
}

/* What one answer may take: a fair part of the budget, and not worth asking
 * below what one partition may send. 0: not now. */
static int64_t reserve(const struct look *look)
{
    const struct kurier_consumer *c = look->consumer;
    int64_t total = c->feed->total_bytes, have = kc_feed_free_bytes(c->feed);
    int64_t least = KB_MIN((int64_t)c->options->max_partition_fetch_bytes, total / 4);
    int64_t most = KB_MIN((int64_t)c->options->fetch_max_bytes, total / (look->nodes + 1));
    int64_t bytes = KB_MIN(KB_MAX(most, least), have);
    return bytes >= KB_MAX(least, 1) && kc_feed_take(c->feed, bytes) ? bytes : 0;
}

enum kn_admit kc_consumer_on_size(void *owner, struct kc_link *link, void *call_ctx, uint32_t size,
                                  struct kb_buf **buf, struct kb_error *why)
{
    struct kurier_consumer *c = owner;
    struct flight *f = call_ctx;
    (void)link;
    if (!f)
        return KN_ADMIT;
    int64_t more = (int64_t)size - f->reserved;
    if (size > c->feed->total_bytes) {
        kb_error_set(why, KB_E_MESSAGE_TOO_LARGE,
                     "an answer of %u bytes is larger than fetch.memory (%lld bytes): raise it",
                     size, (long long)c->feed->total_bytes);
        return KN_REFUSE;
    }
    if (more > 0 && !kc_feed_take(c->feed, more)) {
        atomic_store(&c->feed->hungry, true);
        if (!kc_feed_take(c->feed, more)) { /* given back just before that? */
            f->wanted = more;
            kn_task_soon(kc_client_loop(c->client), &c->look);
            return KN_WAIT;
        }
    }
    f->wanted = 0;
    f->reserved = KB_MAX(f->reserved, (int64_t)size);
    *buf = kb_buf_new(size);
    if (*buf && kc_feed_charge(c->feed, *buf, size)) {
        int64_t rest = f->reserved - (int64_t)size;
        f->reserved = 0;
        if (rest)
            kc_feed_give(c->feed, rest);
        return KN_ADMIT;
    }
    kb_buf_unref(*buf);
    *buf = NULL;
    kb_error_set(why, KB_E_NO_MEMORY, "no memory for an answer of %u bytes", size);
    return KN_REFUSE;
}

/* ---- Looking around --------------------------------------------------------------*/

static void fetch_from(struct look *look, int32_t node, struct kc_link *link)
{
    struct kurier_consumer *c = look->consumer;
    struct kw_fetch_request request;
    if (!kc_fetcher_is_due(&c->fetcher, look->now, node, welcome, look))
        return;
    struct kn_rpc *rpc = kc_link_rpc(link);
    if (!rpc) {
        kc_link_keep(link, true);
        return;
    }
    int64_t bytes = reserve(look);
    if (!bytes) {
        look->short_of_credit = true;
        return;
    }
    kb_arena_reset(&c->arena);
    struct flight *f = NULL;
    if (kc_fetcher_plan(&c->fetcher, look->now, node, (int32_t)(bytes - around(bytes)), welcome,
                        look, &c->arena, &request)) {
        f = flight_new(c, node);
        if (f)
            f->rpc = rpc;
        if (!f || !send_fetch(f, &request)) {
            kc_fetcher_failure(&c->fetcher, look->now, node);
            if (f)
                flight_free(f);
            f = NULL;
        }
    }
    if (f)
        f->reserved = bytes;
    else
        kc_feed_give(c->feed, bytes);
}

static void look_once(struct look *look)
{
    struct kurier_consumer *c = look->consumer;
    look->short_of_credit = look->full = false;
    for (int32_t node = -1; (node = kc_fetcher_next_node(&c->fetcher, node)) >= 0;) {
        struct kc_link *link = kc_client_link(c->client, node);
        if (!link) { /* no memory, or nobody is there: looked for again */
            kc_fetcher_wait(&c->fetcher, look->now, node);
            continue;
        }
        kc_consumer_ask_offsets(c, node);
        fetch_from(look, node, link);
    }
}

static void go_back(void *ctx, struct kc_share *share, int64_t from)
{
    struct kurier_consumer *c = ctx;
    if (!share->fetch)
        return;
    kc_fetch_seek(&c->fetcher, share->fetch, from, -1);
    kc_share_go_on(share, share->fetch->version);
}

static void refresh(struct kurier_consumer *c, struct kb_time now)
{
    c->fetcher.wants_metadata = false;
    KB_LIST_EACH(it, &c->fetcher.fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (fetch->not_before_ms > now.mono_ms)
            kc_client_refresh(c->client, fetch->topic);
    }
}

/* The application holds it all: nothing is there, and nothing comes until it
 * gives some back. */
static bool is_held_up(const struct look *look)
{
    struct kurier_consumer *c = look->consumer;
    bool held = look->short_of_credit;
    KB_LIST_EACH(it, &c->flights) {
        const struct flight *f = KB_CONTAINER(it, struct flight, all);
        if (!f->wanted || f->wanted <= kc_feed_free_bytes(c->feed)) /* it comes, or may go on */
            return false;
        held = true;
    }
    return held && !kc_feed_has(c->feed);
}

static void consider_held(const struct look *look)
{
    struct kurier_consumer *c = look->consumer;
    bool held = is_held_up(look);
    if (atomic_exchange(&c->feed->held_up, held) != held && held)
        kc_notify(&c->client->waits, KURIER_BATCHES);
}

void kc_consumer_look(struct kurier_consumer *c)
{
    struct kn_loop *loop = kc_client_loop(c->client);
    struct look look = {.consumer = c, .now = kn_loop_now(loop)};
    for (int32_t node = -1; (node = kc_fetcher_next_node(&c->fetcher, node)) >= 0;)
        look.nodes++;
    if (c->committed)
        kc_committed_look(c->committed);
    look.partition_bytes = KB_MAX((int64_t)c->options->max_partition_fetch_bytes,
                                  c->feed->total_bytes / (2 * KB_MAX(c->assigned, 1)));
    look_once(&look);
    if (look.short_of_credit || look.full) {
        atomic_store(&c->feed->hungry, true);
        if (look.short_of_credit)
            kc_feed_drop_paused(c->feed, go_back, c);
        look_once(&look); /* what was given back before `hungry` stood kicks nobody */
    }
    consider_held(&look);
    if (c->fetcher.wants_metadata)
        refresh(c, look.now);
    kn_timer_set(loop, &c->timer, kc_fetcher_deadline_ms(&c->fetcher, look.now));
}

void kc_consumer_room(struct kurier_consumer *c)
{
    KB_LIST_EACH(it, &c->flights) {
        struct flight *f = KB_CONTAINER(it, struct flight, all);
        if (f->wanted > 0)
            kn_rpc_resume_read(f->rpc);
    }
    kc_consumer_look(c);
}

void kc_consumer_on_usable(void *owner, struct kc_link *link)
{
    (void)link;
    kc_consumer_look(owner);
}

void kc_consumer_on_topic(void *owner, struct kc_topic *topic)
{
    struct kurier_consumer *c = owner;
    struct kc_fetched_list list = {0};
    kb_arena_reset(&c->arena);
    kc_fetcher_topic(&c->fetcher, kn_loop_now(kc_client_loop(c->client)), topic, &c->arena, &list);
    kc_consumer_deliver(c, &list, NULL);
    kn_task_soon(kc_client_loop(c->client), &c->look);
}
