/* SPDX-License-Identifier: Apache-2.0 */
/* AddPartitionsToTxn. A client of versions below 4 says what its transaction is about to
 * write to; from 4 on brokers speak for several transactions at once, and may only ask. */
#include "wire/gen/add_partitions_to_txn.h"
#include "broker/api/txn.h"
#include "broker/server/txn/join.h"

enum { FENCED_SINCE = 2, BATCHED_SINCE = 4 };

/* Named in one request beside what there is: what its client does not know to be gone, and
 * what several transactions have in common. More is nobody's who means well. */
enum { SPARE = 10000 };

/* One transaction of the request. */
struct share {
    struct kd_txn_join join;
    const struct kw_add_partitions_to_txn_request_transaction *in;
    struct kw_add_partitions_to_txn_response_transaction *out;
};

struct add {
    struct kd_request *request;
    struct kw_add_partitions_to_txn_request in;
    struct kw_add_partitions_to_txn_response out;
    struct kw_add_partitions_to_txn_request_transaction single; /* of an older version */
    struct share *shares;
    int32_t count, pending;
    size_t named; /* transactions and partitions */
};

/* ---- Answer ---- */

static void answer(struct add *add)
{
    struct kd_request *request = add->request;
    int16_t version = request->header.version;
    struct kw_writer w;
    if (version < BATCHED_SINCE) {
        const struct kw_add_partitions_to_txn_response_transaction *only = add->shares[0].out;
        add->out.results_by_topic_v3_and_below = only->topic_results;
        add->out.results_by_topic_v3_and_below_count = only->topic_results_count;
        add->out.results_by_transaction_count = 0;
    }
    kd_answer_begin(request, &w);
    kw_add_partitions_to_txn_response_encode(&w, version, &add->out);
    kd_answer_end(request, &w);
}

static void settle(struct add *add)
{
    if (--add->pending == 0)
        answer(add);
}

/* The codes of its places, in their order. */
static void fill_codes(struct share *share, int16_t version)
{
    const struct kd_txn_place *place = share->join.places;
    for (int32_t t = 0; t < share->out->topic_results_count; t++) {
        struct kw_add_partitions_to_txn_response_topic *topic = &share->out->topic_results[t];
        for (int32_t i = 0; i < topic->results_by_partition_count; i++)
            topic->results_by_partition[i].partition_error_code =
                kd_txn_code((place++)->code, version, FENCED_SINCE);
    }
}

static void on_joined(struct kd_txn_join *join, int code)
{
    struct share *share = KB_CONTAINER(join, struct share, join);
    struct add *add = join->owner;
    (void)code; /* each place has it */
    fill_codes(share, add->request->header.version);
    settle(add);
}

/* ---- Request ---- */

static bool fill_share(struct share *share, struct kb_arena *arena)
{
    const struct kw_add_partitions_to_txn_request_transaction *in = share->in;
    struct kw_add_partitions_to_txn_response_transaction *out = share->out;
    size_t count = 0, n = 0;
    for (int32_t t = 0; t < in->topics_count; t++)
        count += (size_t)in->topics[t].partitions_count;
    out->transactional_id = in->transactional_id;
    out->topic_results =
        kb_arena_array(arena, (size_t)in->topics_count, sizeof *out->topic_results);
    share->join.places = kb_arena_array(arena, count, sizeof *share->join.places);
    for (int32_t t = 0; !arena->failed && t < in->topics_count; t++) {
        const struct kw_add_partitions_to_txn_request_topic *from = &in->topics[t];
        struct kw_add_partitions_to_txn_response_topic *to = &out->topic_results[t];
        to->name = from->name;
        to->results_by_partition =
            kb_arena_array(arena, (size_t)from->partitions_count, sizeof *to->results_by_partition);
        for (int32_t i = 0; !arena->failed && i < from->partitions_count; i++) {
            share->join.places[n++] = (struct kd_txn_place){from->name, from->partitions[i], 0};
            to->results_by_partition[i].partition_index = from->partitions[i];
            to->results_by_partition_count++;
        }
        out->topic_results_count++;
    }
    share->join.count = count;
    return !arena->failed;
}

/* Nothing is added where a partition is unknown: the others were not tried. */
static bool are_known(const struct kd_shard *shard, struct share *share)
{
    bool known = true;
    for (size_t i = 0; i < share->join.count; i++) {
        struct kd_txn_place *place = &share->join.places[i];
        const struct kd_topic *topic = kd_topics_find(&shard->topics, place->topic);
        bool there = topic && kd_topic_place(topic, place->partition);
        place->code = there ? KB_E_OPERATION_NOT_ATTEMPTED : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
        known = known && there;
    }
    return known;
}

static void refuse(struct share *share, int code)
{
    for (size_t i = 0; i < share->join.count; i++)
        share->join.places[i].code = code;
    on_joined(&share->join, code);
}

static bool is_too_much(const struct add *add)
{
    return add->named > SPARE &&
           add->named - SPARE > kd_topics_place_count(&add->request->shard->topics);
}

static void run_share(struct add *add, struct share *share)
{
    struct kd_shard *shard = add->request->shard;
    const struct kw_add_partitions_to_txn_request_transaction *in = share->in;
    struct kd_txn_join *join = &share->join;
    join->who = (struct kd_txn_producer){in->transactional_id, in->producer_id, in->producer_epoch};
    join->add = !in->verify_only;
    join->done = on_joined;
    if (are_known(shard, share))
        kd_txn_join_as(shard, join, add->request->header.version >= BATCHED_SINCE ? 2 : 0);
    else
        on_joined(join, KB_OK);
}

static void on_cancel(struct kd_request *request)
{
    struct add *add = request->op;
    for (int32_t i = 0; i < add->count; i++)
        kd_txn_join_forget(&add->shares[i].join);
    kd_answer_nothing(request);
}

/* An older request is a single transaction of a newer one. */
static void unify(struct add *add)
{
    struct kw_add_partitions_to_txn_request *in = &add->in;
    if (add->request->header.version >= BATCHED_SINCE)
        return;
    add->single = (struct kw_add_partitions_to_txn_request_transaction){
        .transactional_id = in->v3_and_below_transactional_id,
        .producer_id = in->v3_and_below_producer_id,
        .producer_epoch = in->v3_and_below_producer_epoch,
        .topics = in->v3_and_below_topics,
        .topics_count = in->v3_and_below_topics_count};
    in->transactions = &add->single;
    in->transactions_count = 1;
}

static bool prepare(struct add *add, struct kb_arena *arena)
{
    add->count = KB_MAX(add->in.transactions_count, 0);
    add->shares = kb_arena_array(arena, (size_t)add->count, sizeof *add->shares);
    kw_add_partitions_to_txn_response_init(&add->out);
    add->out.results_by_transaction =
        kb_arena_array(arena, (size_t)add->count, sizeof *add->out.results_by_transaction);
    for (int32_t i = 0; !arena->failed && i < add->count; i++) {
        add->shares[i].in = &add->in.transactions[i];
        add->shares[i].out = &add->out.results_by_transaction[i];
        kb_list_init(&add->shares[i].join.reply.link);
        if (!fill_share(&add->shares[i], arena))
            return false;
        add->shares[i].join.owner = add;
        add->named += 1 + add->shares[i].join.count;
    }
    add->out.results_by_transaction_count = add->count;
    return !arena->failed;
}

void kd_handle_add_partitions_to_txn(struct kd_request *request)
{
    struct add *add = kb_arena_alloc(&request->arena, sizeof *add);
    if (!add || !kw_add_partitions_to_txn_request_decode(&request->body, request->header.version,
                                                         &request->arena, &add->in)) {
        kd_request_refuse(request);
        return;
    }
    add->request = request;
    unify(add);
    if (!prepare(add, &request->arena)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    request->op = add;
    request->cancel = on_cancel;
    add->pending = add->count + 1;
    bool too_much = is_too_much(add);
    for (int32_t i = 0; i < add->count; i++)
        if (too_much)
            refuse(&add->shares[i], KB_E_INVALID_REQUEST);
        else
            run_share(add, &add->shares[i]);
    settle(add);
}
