/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads partitions and who holds them; which producers they remember. */
#include "libclient/admin/table.h"
#include "wire/gen/alter_partition_reassignments.h"
#include "wire/gen/describe_producers.h"
#include "wire/gen/elect_leaders.h"
#include "wire/gen/list_partition_reassignments.h"
#include <stdlib.h>

/* The partitions of items i .. i + n - 1, which are one topic's. */
static int32_t *list_partitions(const struct kc_admin_part *part, size_t i, size_t n,
                                struct kb_arena *arena, int32_t *count)
{
    int32_t *partitions = kb_arena_array(arena, n, sizeof *partitions);
    *count = partitions ? (int32_t)n : 0;
    for (int32_t k = 0; k < *count; k++)
        partitions[k] = part->items[i + (size_t)k]->partition;
    return partitions;
}

/* ---- ElectLeaders ---------------------------------------------------------------------------*/

static bool build_elect_leaders(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_elect_leaders_request *request, int16_t version)
{
    const kurier_request *from = kc_admin_request(part);
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->election_type = version >= 1 ? (int8_t)from->option : 0;
    request->topic_partitions_count = -1; /* all */
    if (from->all)
        return true;
    request->topic_partitions_count = 0;
    request->topic_partitions =
        kb_arena_array(arena, part->count + 1, sizeof *request->topic_partitions);
    for (size_t i = 0, n; request->topic_partitions && i < part->count; i += n) {
        struct kw_elect_leaders_request_topic *to =
            &request->topic_partitions[request->topic_partitions_count++];
        n = kc_admin_same_name(part, i);
        to->topic = kb_slice_str(part->items[i]->name);
        to->partitions = list_partitions(part, i, n, arena, &to->partitions_count);
    }
    return true;
}

static int collect_elect_leaders(struct kc_admin_part *part,
                                 const struct kw_elect_leaders_response *response,
                                 struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, kb_slice_null(), err);
    for (int32_t i = 0; i < response->replica_election_results_count; i++) {
        const struct kw_elect_leaders_response_replica_election_result *topic =
            &response->replica_election_results[i];
        for (int32_t k = 0; k < topic->partition_result_count; k++)
            kc_admin_answer(part, topic->topic, topic->partition_result[k].partition_id,
                            topic->partition_result[k].error_code,
                            topic->partition_result[k].error_message);
    }
    return 0;
}

KC_ADMIN_ENCODE(elect_leaders)
KC_ADMIN_TAKE(elect_leaders)

static int16_t elect_needs(const kurier_request *request)
{
    return request->option == KURIER_PREFERRED ? 0 : 1;
}

static const struct kc_admin_api elect_leaders = {
    .name = "elect_leaders",
    .since = "2.2 (unclean ones in 2.4)",
    .kind = KURIER_ITEM,
    .key = KW_API_ELECT_LEADERS,
    .min_version = 0,
    .max_version = 2,
    .route = KC_CONTROLLER,
    .needs = elect_needs,
    .encode = encode_elect_leaders,
    .take = take_elect_leaders,
    .twice = KB_E_ELECTION_NOT_NEEDED,
};

kurier_request *kurier_admin_elect_leaders(kurier_election kind, const kurier_position *partitions,
                                           size_t n)
{
    kurier_request *request = kc_request_of_partitions(&elect_leaders, partitions, n);
    if (request)
        request->option = (int32_t)kind;
    return request;
}

/* ---- AlterPartitionReassignments ---------------------------------------------------------------*/

static void list_moves(struct kc_admin_part *part, size_t i, size_t n, struct kb_arena *arena,
                       struct kw_alter_partition_reassignments_request_topic *to)
{
    to->name = kb_slice_str(part->items[i]->name);
    to->partitions = kb_arena_array(arena, n, sizeof *to->partitions);
    to->partitions_count = to->partitions ? (int32_t)n : 0;
    for (int32_t k = 0; k < to->partitions_count; k++) {
        const kurier_nodes *replicas = part->items[i + (size_t)k]->with;
        to->partitions[k].partition_index = part->items[i + (size_t)k]->partition;
        to->partitions[k].replicas = (int32_t *)replicas->ids;
        to->partitions[k].replicas_count = replicas->count ? (int32_t)replicas->count : -1;
    }
}

static bool build_alter_partition_reassignments(
    struct kc_admin_part *part, struct kb_arena *arena,
    struct kw_alter_partition_reassignments_request *request, int16_t version)
{
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        n = kc_admin_same_name(part, i);
        list_moves(part, i, n, arena, &request->topics[request->topics_count++]);
    }
    return true;
}

static int collect_alter_partition_reassignments(
    struct kc_admin_part *part, const struct kw_alter_partition_reassignments_response *response,
    struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, response->error_message, err);
    for (int32_t i = 0; i < response->responses_count; i++) {
        const struct kw_alter_partition_reassignments_response_topic *topic =
            &response->responses[i];
        for (int32_t k = 0; k < topic->partitions_count; k++)
            kc_admin_answer(part, topic->name, topic->partitions[k].partition_index,
                            topic->partitions[k].error_code, topic->partitions[k].error_message);
    }
    return 0;
}

KC_ADMIN_ENCODE(alter_partition_reassignments)
KC_ADMIN_TAKE(alter_partition_reassignments)

static const struct kc_admin_api alter_reassignments = {
    .name = "alter_reassignments",
    .since = "2.4",
    .kind = KURIER_ITEM,
    .key = KW_API_ALTER_PARTITION_REASSIGNMENTS,
    .min_version = 0,
    .max_version = 1,
    .route = KC_CONTROLLER,
    .encode = encode_alter_partition_reassignments,
    .take = take_alter_partition_reassignments,
};

kurier_request *kurier_admin_alter_reassignments(const kurier_reassignment *moves, size_t n)
{
    kurier_request *request = kc_request_new(&alter_reassignments, n);
    for (size_t i = 0; request && i < n; i++) {
        kurier_nodes replicas = kc_request_nodes(request, moves[i].replicas);
        kc_request_item(request, i, moves[i].topic, moves[i].partition)->with =
            kc_request_copy(request, &replicas, sizeof replicas);
    }
    return kc_request_whole(request);
}

/* ---- ListPartitionReassignments ------------------------------------------------------------------*/

static bool build_list_partition_reassignments(
    struct kc_admin_part *part, struct kb_arena *arena,
    struct kw_list_partition_reassignments_request *request, int16_t version)
{
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics_count = -1; /* all */
    if (kc_admin_request(part)->all)
        return true;
    request->topics_count = 0;
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        struct kw_list_partition_reassignments_request_topic *to =
            &request->topics[request->topics_count++];
        n = kc_admin_same_name(part, i);
        to->name = kb_slice_str(part->items[i]->name);
        to->partition_indexes = list_partitions(part, i, n, arena, &to->partition_indexes_count);
    }
    return true;
}

static void take_move(struct kc_admin_part *part,
                      const struct kw_list_partition_reassignments_response_partition *from,
                      kurier_reassignment_info *to)
{
    to->replicas = kc_admin_nodes(part, from->replicas, from->replicas_count);
    to->adding = kc_admin_nodes(part, from->adding_replicas, from->adding_replicas_count);
    to->removing = kc_admin_nodes(part, from->removing_replicas, from->removing_replicas_count);
}

/* Only what moves is told of. */
static int collect_list_partition_reassignments(
    struct kc_admin_part *part, const struct kw_list_partition_reassignments_response *response,
    struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, response->error_message, err);
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_list_partition_reassignments_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            union kc_admin_info *info = kc_admin_answer(
                part, topic->name, topic->partitions[k].partition_index, 0, kb_slice_null());
            if (info)
                take_move(part, &topic->partitions[k], &info->reassignment);
        }
    }
    kc_admin_answer_rest(part, KB_E_NO_REASSIGNMENT_IN_PROGRESS, NULL);
    return 0;
}

KC_ADMIN_ENCODE(list_partition_reassignments)
KC_ADMIN_TAKE(list_partition_reassignments)

static const struct kc_admin_api list_reassignments = {
    .name = "list_reassignments",
    .since = "2.4",
    .kind = KURIER_ITEM_REASSIGNMENT,
    .key = KW_API_LIST_PARTITION_REASSIGNMENTS,
    .min_version = 0,
    .max_version = 0,
    .route = KC_CONTROLLER,
    .encode = encode_list_partition_reassignments,
    .take = take_list_partition_reassignments,
};

kurier_request *kurier_admin_list_reassignments(const kurier_position *partitions, size_t n)
{
    return kc_request_of_partitions(&list_reassignments, partitions, n);
}

/* ---- DescribeProducers -----------------------------------------------------------------------------*/

static bool build_describe_producers(struct kc_admin_part *part, struct kb_arena *arena,
                                     struct kw_describe_producers_request *request, int16_t version)
{
    (void)version;
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        struct kw_describe_producers_request_topic *to = &request->topics[request->topics_count++];
        n = kc_admin_same_name(part, i);
        to->name = kb_slice_str(part->items[i]->name);
        to->partition_indexes = list_partitions(part, i, n, arena, &to->partition_indexes_count);
    }
    return true;
}

static int by_producer_id(const void *a, const void *b)
{
    const kurier_producer_state *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void take_producers(struct kc_admin_part *part,
                           const struct kw_describe_producers_response_partition *from,
                           kurier_producers_info *to)
{
    kurier_producer_state *producers =
        kc_admin_array(part, from->active_producers_count, sizeof *producers, &to->producer_count);
    to->producers = producers;
    to->leader = part->node;
    for (uint32_t i = 0; i < to->producer_count; i++)
        producers[i] = (kurier_producer_state){
            .id = from->active_producers[i].producer_id,
            .epoch = from->active_producers[i].producer_epoch,
            .last_sequence = from->active_producers[i].last_sequence,
            .last_timestamp_ms = from->active_producers[i].last_timestamp,
            .transaction_start = from->active_producers[i].current_txn_start_offset,
            .coordinator_epoch = from->active_producers[i].coordinator_epoch,
        };
    if (to->producer_count)
        qsort(producers, to->producer_count, sizeof *producers, by_producer_id);
}

static int collect_describe_producers(struct kc_admin_part *part,
                                      const struct kw_describe_producers_response *response,
                                      struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_describe_producers_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct kw_describe_producers_response_partition *from = &topic->partitions[k];
            union kc_admin_info *info = kc_admin_answer(part, topic->name, from->partition_index,
                                                        from->error_code, from->error_message);
            if (info)
                take_producers(part, from, &info->producers);
        }
    }
    return 0;
}

KC_ADMIN_ENCODE(describe_producers)
KC_ADMIN_TAKE(describe_producers)

static const struct kc_admin_api describe_producers = {
    .name = "describe_producers",
    .since = "2.8",
    .kind = KURIER_ITEM_PRODUCERS,
    .key = KW_API_DESCRIBE_PRODUCERS,
    .min_version = 0,
    .max_version = 0,
    .route = KC_ROUTE_LEADERS,
    .encode = encode_describe_producers,
    .take = take_describe_producers,
    .retry = {KB_E_UNKNOWN_TOPIC_OR_PARTITION},
};

kurier_request *kurier_admin_describe_producers(const kurier_position *partitions, size_t n)
{
    static const kurier_position none;
    return kc_request_of_partitions(&describe_producers, partitions ? partitions : &none,
                                    partitions ? n : 0);
}
