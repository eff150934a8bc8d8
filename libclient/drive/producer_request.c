/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce requests: one batch of each partition that can send. The batches'
 * bytes are not copied; they go to the socket from where they were appended.
 */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/producer.h"
#include "wire/gen/produce.h"
#include "wire/reader.h"
#include "wire/writer.h"
#include <stdlib.h>

enum {
    PRODUCE = 0,
    PRODUCE_MIN = 3,
    PRODUCE_ZSTD = 7,     /* the first version that takes it */
    PRODUCE_NO_JOIN = 11, /* the last that leaves it to the client to add to transactions */
    PRODUCE_BY_NAME = 12, /* the last version that names topics; partitions join by themselves */
    PRODUCE_MAX = 13,
    REQUEST_HEAD_MAX = 64 << 20,
    FLIGHTS_MAX = 4096
};

struct request {
    struct kb_list all;
    struct kurier_producer *producer;
    int32_t node;
    struct kn_call *call;
    int16_t version;
    bool left; /* bytes may have gone out */
    size_t count;
    struct kc_flight **order; /* [count] by topic */
    struct kc_flight flights[];
};

static struct request *request_new(struct kurier_producer *producer, int32_t node, size_t room)
{
    struct request *r = kb_malloc(sizeof *r + room * (sizeof r->flights[0] + sizeof r->order[0]));
    if (!r)
        return NULL;
    *r = (struct request){.producer = producer, .node = node};
    r->order = (struct kc_flight **)(void *)&r->flights[room];
    kb_list_init(&r->all);
    return r;
}

static void request_free(struct request *r)
{
    kb_list_remove(&r->all);
    kb_free(r);
}

static void lose(struct request *r, int32_t code)
{
    struct kurier_producer *producer = r->producer;
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    for (size_t i = 0; i < r->count; i++)
        if (r->flights[i].partition)
            kc_sender_lost(&producer->sender, now, &r->flights[i], code, r->left);
}

void kc_producer_drop_requests(struct kurier_producer *producer)
{
    struct kb_list *it;
    while ((it = producer->requests.next) != &producer->requests) {
        struct request *r = KB_CONTAINER(it, struct request, all);
        kn_call_cancel(r->call);
        for (size_t i = 0; i < r->count; i++)
            if (r->flights[i].batch)
                r->flights[i].batch->flight = NULL;
        request_free(r);
    }
}

static struct kurier_topic *topic_of(const struct kc_flight *flight)
{
    return KB_CONTAINER(flight->partition->topic, struct kurier_topic, send);
}

/* ---- Answers ---------------------------------------------------------------------- */

static bool is_topic(const struct kc_flight *flight, int16_t version,
                     const struct kw_produce_response_topic *topic)
{
    if (version > PRODUCE_BY_NAME)
        return kb_uuid_equal(flight->partition->topic->id, topic->topic_id);
    return kb_slice_is(topic->name, flight->partition->topic->name);
}

/* Answers come in the order of the request: `at` is where the next should be. */
static struct kc_flight *find(struct request *r, const struct kw_produce_response_topic *topic,
                              int32_t index, size_t *at)
{
    for (size_t i = 0; i < r->count; i++) {
        struct kc_flight *flight = r->order[(*at + i) % r->count];
        if (flight->partition && flight->partition->index == index &&
            is_topic(flight, r->version, topic)) {
            *at = (*at + i + 1) % r->count;
            return flight;
        }
    }
    return NULL;
}

static void answer_one(struct request *r, struct kc_flight *flight,
                       const struct kw_produce_response_partition *p)
{
    struct kurier_producer *producer = r->producer;
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    struct kurier_topic *topic = topic_of(flight);
    if (p->error_code && p->current_leader.leader_id >= 0 && topic->meta)
        kc_client_leader(producer->client, topic->meta, p->index, p->current_leader.leader_id,
                         p->current_leader.leader_epoch);
    kc_sender_answer(&producer->sender, now, flight,
                     &(struct kc_produced){p->error_code, p->base_offset, p->log_append_time_ms});
    flight->partition = NULL; /* answered */
}

static void answer_all(struct request *r, const struct kw_produce_response *response)
{
    size_t at = 0;
    for (int32_t t = 0; t < response->responses_count; t++) {
        const struct kw_produce_response_topic *topic = &response->responses[t];
        for (int32_t i = 0; i < topic->partition_responses_count; i++) {
            const struct kw_produce_response_partition *p = &topic->partition_responses[i];
            struct kc_flight *flight = find(r, topic, p->index, &at);
            if (flight)
                answer_one(r, flight, p);
        }
    }
}

/* acks=0: what was written is all that will be known. */
static void all_written(struct request *r)
{
    struct kb_time now = kn_loop_now(kc_client_loop(r->producer->client));
    for (size_t i = 0; i < r->count; i++) {
        kc_sender_answer(&r->producer->sender, now, &r->flights[i],
                         &(struct kc_produced){0, -1, -1});
        r->flights[i].partition = NULL;
    }
}

static void on_answer(void *ctx, const struct kn_answer *answer)
{
    struct request *r = ctx;
    struct kurier_producer *producer = r->producer;
    struct kc_link *link = kc_client_link(producer->client, r->node);
    struct kw_produce_response response;
    struct kb_error err = {0};
    int32_t lost = KB_E_NETWORK_EXCEPTION;

    kb_arena_reset(&producer->arena);
    if (answer->err) {
        lost =
            answer->err->code == KB_E_TIMED_OUT ? KB_E_REQUEST_TIMED_OUT : KB_E_NETWORK_EXCEPTION;
    } else if (producer->sender.options.acks == 0) {
        all_written(r);
    } else if (!kw_produce_response_decode(answer->body, answer->version, &producer->arena,
                                           &response)) {
        kb_error_set(&err, KB_E_UNSUPPORTED, "an answer to Produce v%d that cannot be read: %s",
                     answer->version, answer->body->fault ? answer->body->fault : "no memory");
        if (link)
            kc_link_cut(link, &err);
    } else {
        answer_all(r, &response);
        if (link)
            kc_client_throttled(producer->client, link, response.throttle_time_ms);
    }
    lose(r, lost); /* what was not answered */
    request_free(r);
    kc_producer_look(producer);
}

/* ---- Requests ----------------------------------------------------------------------- */

/* By name and not by address, so that a simulated run repeats itself. */
static int by_topic(const void *a, const void *b)
{
    const struct kc_flight *x = *(struct kc_flight *const *)a, *y = *(struct kc_flight *const *)b;
    const struct kc_send_topic *s = x->partition->topic, *t = y->partition->topic;
    if (s != t)
        return strcmp(s->name, t->name);
    return x->partition->index - y->partition->index;
}

static void sort(struct request *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->order[i] = &r->flights[i];
    qsort(r->order, r->count, sizeof r->order[0], by_topic);
}

struct versions {
    int16_t min, max;
};

/* KIP-890: who speaks version 12 has the partition added, who has added it must not. */
static struct versions versions_for(const struct request *r)
{
    const struct kc_txns *txns = r->producer->txns;
    struct versions v = {PRODUCE_MIN, PRODUCE_MAX};
    if (txns && !txns->txn.implicit)
        v.max = PRODUCE_NO_JOIN;
    else if (txns)
        v.min = PRODUCE_BY_NAME;
    for (size_t i = 0; i < r->count; i++)
        if (kb_uuid_is_zero(r->flights[i].partition->topic->id))
            v.max = KB_MIN(v.max, (int16_t)PRODUCE_BY_NAME);
    return v;
}

/* The records are named by the batch: their bytes are spliced in later. */
static bool fill(struct request *r, struct kw_produce_request *request, struct kb_arena *arena)
{
    struct kurier_producer *producer = r->producer;
    struct kw_produce_request_topic *topics = kb_arena_array(arena, r->count, sizeof *topics);
    struct kw_produce_request_partition *partitions =
        kb_arena_array(arena, r->count, sizeof *partitions);
    if (!topics || !partitions)
        return false;
    kw_produce_request_init(request);
    request->acks = producer->sender.options.acks;
    if (producer->txns)
        request->transactional_id = kb_slice_str(producer->txns->txn.options.id);
    request->timeout_ms = producer->client->options->common.request_timeout_ms;
    request->topic_data = topics;
    request->topic_data_count = 0;
    const struct kc_send_topic *last = NULL;
    for (size_t i = 0; i < r->count; i++) {
        struct kc_flight *flight = r->order[i];
        const struct kc_send_topic *topic = flight->partition->topic;
        if (topic != last) {
            struct kw_produce_request_topic *t = &topics[request->topic_data_count++];
            kw_produce_request_topic_init(t);
            t->name = kb_slice_str(topic->name);
            t->topic_id = topic->id;
            t->partition_data = &partitions[i];
            t->partition_data_count = 0;
            last = topic;
        }
        topics[request->topic_data_count - 1].partition_data_count++;
        kw_produce_request_partition_init(&partitions[i]);
        partitions[i].index = flight->partition->index;
        partitions[i].records = kb_slice_of(flight->batch, kc_send_batch_bytes(flight->batch));
    }
    return true;
}

/* The head's bytes with each batch's chunks in their places. */
static size_t splice(const struct request *r, struct kb_buf *head, const struct kw_splice *splices,
                     size_t splice_count, struct kb_piece *out)
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i < splice_count; i++) {
        const struct kc_send_batch *batch = r->order[i]->batch;
        out[n++] = (struct kb_piece){kb_buf_ref(head),
                                     kb_slice_of(head->data + from, splices[i].at - from)};
        from = splices[i].at;
        for (uint32_t c = 0; c < batch->chunk_count; c++)
            out[n++] =
                (struct kb_piece){kb_buf_ref(batch->chunks[c]), kb_buf_view(batch->chunks[c])};
    }
    if (from < head->size)
        out[n++] =
            (struct kb_piece){kb_buf_ref(head), kb_slice_of(head->data + from, head->size - from)};
    return n;
}

static size_t count_pieces(const struct request *r)
{
    size_t n = 1;
    for (size_t i = 0; i < r->count; i++)
        n += 1 + r->flights[i].batch->chunk_count;
    return n;
}

/* NULL: no memory. The splices lie in the arena. */
static struct kb_buf *encode(struct request *r, struct kb_arena *arena, struct kw_splice **splices)
{
    struct kw_produce_request request;
    struct kw_writer w;
    struct kb_buf *head = NULL;
    *splices = kb_arena_array(arena, r->count, sizeof **splices);
    if (!*splices || !fill(r, &request, arena))
        return NULL;
    kw_writer_init(&w, REQUEST_HEAD_MAX);
    kw_writer_splice(&w, *splices, r->count);
    if (kw_produce_request_encode(&w, r->version, &request))
        head = kw_writer_take(&w);
    kw_writer_deinit(&w);
    return head;
}

static bool call(struct request *r, struct kn_rpc *rpc)
{
    struct kurier_producer *producer = r->producer;
    struct kb_arena *arena = &producer->arena;
    struct kw_splice *splices;
    kb_arena_reset(arena);
    struct kb_piece *pieces = kb_arena_array(arena, count_pieces(r), sizeof *pieces);
    struct kb_buf *head = pieces ? encode(r, arena, &splices) : NULL;
    if (!head)
        return false;
    struct kn_request request = {.api_key = PRODUCE,
                                 .version = r->version,
                                 .pieces = pieces,
                                 .n = splice(r, head, splices, r->count, pieces),
                                 .timeout_ms = producer->client->options->common.request_timeout_ms,
                                 .no_answer = producer->sender.options.acks == 0,
                                 .on_answer = on_answer,
                                 .ctx = r};
    kb_buf_unref(head);
    r->call = kn_rpc_call(rpc, &request, NULL);
    r->left = r->call != NULL;
    if (r->left && producer->txns)
        kc_txn_sent(&producer->txns->txn);
    return r->left;
}

/* A codec that the broker is too old for will not be taken later either. */
static bool refuse_codec(struct request *r, int version)
{
    if (r->producer->sender.options.codec != KW_CODEC_ZSTD || version >= PRODUCE_ZSTD)
        return false;
    struct kb_time now = kn_loop_now(kc_client_loop(r->producer->client));
    for (size_t i = 0; i < r->count; i++)
        kc_sender_answer(&r->producer->sender, now, &r->flights[i],
                         &(struct kc_produced){KB_E_UNSUPPORTED_COMPRESSION_TYPE, -1, -1});
    return true;
}

/* True: a request went out, and there may be another. */
static bool send_one(struct kurier_producer *producer, struct kc_send_broker *broker,
                     struct kn_rpc *rpc)
{
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    size_t room = 0;
    KB_LIST_EACH(it, &broker->ring)
        room++;
    room = KB_MIN(room, (size_t)FLIGHTS_MAX);
    struct request *r = request_new(producer, broker->node, room);
    producer->short_of_memory |= !r;
    if (!r)
        return false;
    r->count = kc_sender_collect(&producer->sender, now, broker, r->flights, room);
    if (r->count == 0) {
        request_free(r);
        return false;
    }
    sort(r);
    struct versions range = versions_for(r);
    int version = kn_rpc_version(rpc, PRODUCE, range.min, range.max);
    r->version = (int16_t)version;
    if (version < 0) {
        kc_trouble_too_old(producer->client, rpc, PRODUCE, range.min, range.max, NULL);
        lose(r, KB_E_UNSUPPORTED_VERSION);
    } else if (!refuse_codec(r, version)) {
        if (call(r, rpc)) {
            kb_list_push_back(&producer->requests, &r->all);
            return true;
        }
        lose(r, KB_E_NETWORK_EXCEPTION);
    }
    request_free(r);
    return false;
}

/* Held up while something waits; then it may close when it is idle. */
void kc_producer_send(struct kurier_producer *producer, struct kc_send_broker *broker)
{
    while (!kb_list_empty(&broker->ring)) {
        struct kc_link *link = kc_client_link(producer->client, broker->node);
        struct kn_rpc *rpc = link ? kc_link_rpc(link) : NULL;
        if (!link)
            kc_client_refresh(producer->client, NULL);
        else
            kc_link_keep(link, !rpc);
        if (!rpc || !send_one(producer, broker, rpc))
            return;
    }
}
