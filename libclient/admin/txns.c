/* SPDX-License-Identifier: Apache-2.0 */
/* Transactional ids are listed by every broker, and described and fenced at their
 * coordinators. */
#include "libclient/admin/table.h"
#include "wire/gen/describe_transactions.h"
#include "wire/gen/init_producer_id.h"
#include "wire/gen/list_transactions.h"
#include <stdlib.h>

/* ---- ListTransactions --------------------------------------------------------------------*/

static const kurier_transaction_filter *filter_of(const kurier_request *request)
{
    return request->with;
}

static struct kb_slice *list_states(const char *const *states, struct kb_arena *arena,
                                    int32_t *count)
{
    size_t n = 0;
    while (states && states[n])
        n++;
    struct kb_slice *slices = kb_arena_array(arena, n + 1, sizeof *slices);
    for (size_t i = 0; slices && i < n; i++)
        slices[i] = kb_slice_str(states[i]);
    *count = slices ? (int32_t)n : 0;
    return slices;
}

static bool build_list_transactions(struct kc_admin_part *part, struct kb_arena *arena,
                                    struct kw_list_transactions_request *request, int16_t version)
{
    const kurier_transaction_filter *filter = filter_of(kc_admin_request(part));
    request->state_filters = list_states(filter->states, arena, &request->state_filters_count);
    request->producer_id_filters = (int64_t *)filter->producers;
    request->producer_id_filters_count = (int32_t)filter->producer_count;
    if (version >= 1 && filter->older_than_ms)
        request->duration_filter = filter->older_than_ms;
    if (version >= 2 && filter->pattern)
        request->transactional_id_pattern = kb_slice_str(filter->pattern);
    return true;
}

static int collect_list_transactions(struct kc_admin_part *part,
                                     const struct kw_list_transactions_response *response,
                                     struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, kb_slice_null(), err);
    if (response->unknown_state_filters_count > 0) {
        struct kb_slice state = response->unknown_state_filters[0];
        return kb_error_set(err, KB_E_INVALID_ARGUMENT,
                            "list_transactions: broker %d knows no state \"%.*s\"", part->node,
                            (int)KB_MIN(state.size, 100u), (const char *)state.data);
    }
    for (int32_t i = 0; i < response->transaction_states_count; i++) {
        const struct kw_list_transactions_response_transaction_state *from =
            &response->transaction_states[i];
        union kc_admin_info *info =
            kc_admin_answer(part, from->transactional_id, -1, 0, kb_slice_null());
        if (!info)
            continue;
        info->transaction.coordinator = part->node;
        info->transaction.producer = from->producer_id;
        info->transaction.state = kc_admin_text(part, from->transaction_state);
    }
    return 0;
}

KC_ADMIN_ENCODE(list_transactions)
KC_ADMIN_TAKE(list_transactions)

/* An older broker would list all of them. */
static int16_t list_needs(const kurier_request *request)
{
    const kurier_transaction_filter *filter = filter_of(request);
    return filter->pattern ? 2 : filter->older_than_ms ? 1 : 0;
}

static const struct kc_admin_api list_transactions = {
    .name = "list_transactions",
    .since = "3.0 (by duration 3.8, by pattern 4.1)",
    .kind = KURIER_ITEM_TRANSACTION,
    .key = KW_API_LIST_TRANSACTIONS,
    .min_version = 0,
    .max_version = 2,
    .route = KC_ROUTE_ALL,
    .needs = list_needs,
    .encode = encode_list_transactions,
    .take = take_list_transactions,
};

kurier_request *kurier_admin_list_transactions(const kurier_transaction_filter *filter)
{
    kurier_request *request = kc_request_new(&list_transactions, 0);
    kurier_transaction_filter copy = filter ? *filter : (kurier_transaction_filter){0};
    if (!request)
        return NULL;
    if (copy.older_than_ms < 0)
        kc_request_refuse(request, "%lld ms is no duration", (long long)copy.older_than_ms);
    if (copy.producer_count > INT32_MAX)
        kc_request_refuse(request, "%zu producers are too many", copy.producer_count);
    copy.states = kc_request_texts(request, copy.states);
    copy.pattern = kc_request_text(request, copy.pattern);
    copy.producers =
        kc_request_copy(request, copy.producers, copy.producer_count * sizeof *copy.producers);
    request->all = true;
    request->with = kc_request_copy(request, &copy, sizeof copy);
    return kc_request_whole(request);
}

/* ---- DescribeTransactions ------------------------------------------------------------------*/

static bool build_describe_transactions(struct kc_admin_part *part, struct kb_arena *arena,
                                        struct kw_describe_transactions_request *request,
                                        int16_t version)
{
    (void)version;
    request->transactional_ids =
        kb_arena_array(arena, part->count + 1, sizeof *request->transactional_ids);
    for (size_t i = 0; request->transactional_ids && i < part->count; i++)
        request->transactional_ids[request->transactional_ids_count++] =
            kb_slice_str(part->items[i]->name);
    return true;
}

static int by_topic_and_partition(const void *a, const void *b)
{
    const kurier_position *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void take_partitions(struct kc_admin_part *part,
                            const struct kw_describe_transactions_response_transaction_state *from,
                            kurier_transaction_info *to)
{
    int64_t n = 0, at = 0;
    for (int32_t i = 0; i < from->topics_count; i++)
        n += from->topics[i].partitions_count;
    kurier_position *partitions = kc_admin_array(part, (int32_t)KB_MIN(n, (int64_t)INT32_MAX),
                                                 sizeof *partitions, &to->partition_count);
    for (int32_t i = 0; i < from->topics_count; i++) {
        const char *topic = kc_admin_text(part, from->topics[i].topic);
        for (int32_t k = 0; topic && k < from->topics[i].partitions_count; k++)
            if (at < to->partition_count)
                partitions[at++] = kurier_at(topic, from->topics[i].partitions[k], KURIER_END);
    }
    to->partition_count = (uint32_t)at;
    to->partitions = partitions;
    if (at)
        qsort(partitions, (size_t)at, sizeof *partitions, by_topic_and_partition);
}

static int collect_describe_transactions(struct kc_admin_part *part,
                                         const struct kw_describe_transactions_response *response,
                                         struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->transaction_states_count; i++) {
        const struct kw_describe_transactions_response_transaction_state *from =
            &response->transaction_states[i];
        union kc_admin_info *info =
            kc_admin_answer(part, from->transactional_id, -1, from->error_code, kb_slice_null());
        if (!info)
            continue;
        kurier_transaction_info *to = &info->transaction;
        to->state = kc_admin_text(part, from->transaction_state);
        to->producer = from->producer_id;
        to->epoch = from->producer_epoch;
        to->start_ms = from->transaction_start_time_ms;
        to->timeout_ms = from->transaction_timeout_ms;
        to->coordinator = part->node;
        take_partitions(part, from, to);
    }
    return 0;
}

KC_ADMIN_ENCODE(describe_transactions)
KC_ADMIN_TAKE(describe_transactions)

static const struct kc_admin_api describe_transactions = {
    .name = "describe_transactions",
    .since = "3.0",
    .kind = KURIER_ITEM_TRANSACTION,
    .key = KW_API_DESCRIBE_TRANSACTIONS,
    .min_version = 0,
    .max_version = 0,
    .route = KC_ROUTE_TXNS,
    .encode = encode_describe_transactions,
    .take = take_describe_transactions,
};

kurier_request *kurier_admin_describe_transactions(const char *const *ids, size_t n)
{
    return kc_request_of_names(&describe_transactions, ids, n);
}

/* ---- InitProducerId ------------------------------------------------------------------------*/

/* Nobody will use what is given out here: the shortest time is right for it, and no
 * broker's bound is below. */
enum { SHORTEST_MS = 1 };

static bool build_init_producer_id(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_init_producer_id_request *request, int16_t version)
{
    (void)arena, (void)version;
    KB_CHECK(part->count == 1);
    request->transactional_id = kb_slice_str(part->items[0]->name);
    request->transaction_timeout_ms = SHORTEST_MS;
    request->producer_epoch = -1;
    return true;
}

static int collect_init_producer_id(struct kc_admin_part *part,
                                    const struct kw_init_producer_id_response *response,
                                    struct kb_error *err)
{
    (void)err;
    union kc_admin_info *info = kc_admin_answer_only(part, response->error_code, kb_slice_null());
    if (info) {
        info->transaction.producer = response->producer_id;
        info->transaction.epoch = response->producer_epoch;
        info->transaction.coordinator = part->node;
    }
    return 0;
}

KC_ADMIN_ENCODE(init_producer_id)
KC_ADMIN_TAKE(init_producer_id)

static const struct kc_admin_api fence_producers = {
    .name = "fence_producers",
    .since = "0.11",
    .kind = KURIER_ITEM_TRANSACTION,
    .key = KW_API_INIT_PRODUCER_ID,
    .min_version = 0,
    .max_version = 5,
    .route = KC_ROUTE_TXNS,
    .alone = true,
    .encode = encode_init_producer_id,
    .take = take_init_producer_id,
    .retry = {KB_E_CONCURRENT_TRANSACTIONS},
};

kurier_request *kurier_admin_fence_producers(const char *const *ids, size_t n)
{
    kurier_request *request = kc_request_of_names(&fence_producers, ids, n);
    for (size_t i = 0; request && i < n; i++)
        if (ids[i] && !*ids[i])
            kc_request_refuse(request, "number %zu is empty, which is no transactional id", i);
    return request;
}
