/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets and records: each partition's leader is asked. */
#include "libclient/admin/table.h"
#include "wire/gen/delete_records.h"
#include "wire/gen/list_offsets.h"

/* ---- ListOffsets ------------------------------------------------------------------------*/

static int8_t isolation_of(const struct kc_admin_part *part)
{
    int8_t of_client = (int8_t)part->admin->call.client->options->consumer.isolation_level;
    return kc_admin_request(part)->flags & KURIER_READ_COMMITTED ? 1 : of_client;
}

static void list_times(struct kc_admin_part *part, size_t i, size_t n, struct kb_arena *arena,
                       struct kw_list_offsets_request_topic *to)
{
    to->name = kb_slice_str(part->items[i]->name);
    to->partitions = kb_arena_array(arena, n, sizeof *to->partitions);
    to->partitions_count = to->partitions ? (int32_t)n : 0;
    for (int32_t k = 0; k < to->partitions_count; k++) {
        to->partitions[k].partition_index = part->items[i + (size_t)k]->partition;
        to->partitions[k].current_leader_epoch = -1;
        to->partitions[k].timestamp = part->items[i + (size_t)k]->number;
    }
}

static bool build_list_offsets(struct kc_admin_part *part, struct kb_arena *arena,
                               struct kw_list_offsets_request *request, int16_t version)
{
    request->replica_id = -1;
    request->isolation_level = version >= 2 ? isolation_of(part) : 0;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        n = kc_admin_same_name(part, i);
        list_times(part, i, n, arena, &request->topics[request->topics_count++]);
    }
    return true;
}

static int collect_list_offsets(struct kc_admin_part *part,
                                const struct kw_list_offsets_response *response,
                                struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_list_offsets_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct kw_list_offsets_response_partition *from = &topic->partitions[k];
            union kc_admin_info *info = kc_admin_answer(part, topic->name, from->partition_index,
                                                        from->error_code, kb_slice_null());
            if (!info)
                continue;
            info->offset.offset = from->offset;
            info->offset.timestamp_ms = from->timestamp;
            info->offset.leader_epoch = from->leader_epoch;
            info->offset.leader = part->node;
        }
    }
    return 0;
}

KC_ADMIN_ENCODE(list_offsets)
KC_ADMIN_TAKE(list_offsets)

static int16_t list_needs(const kurier_request *request)
{
    int16_t needs = request->flags & KURIER_READ_COMMITTED ? 2 : 1;
    for (size_t i = 0; i < request->count; i++)
        if (request->items[i].number == KURIER_LATEST)
            needs = 7;
    return needs;
}

static const struct kc_admin_api list_offsets = {
    .name = "list_offsets",
    .kind = KURIER_ITEM_OFFSET,
    .flags = KURIER_READ_COMMITTED,
    .key = KW_API_LIST_OFFSETS,
    .min_version = 1,
    .max_version = 11,
    .route = KC_ROUTE_LEADERS,
    .needs = list_needs,
    .encode = encode_list_offsets,
    .take = take_list_offsets,
    .retry = {KB_E_OFFSET_NOT_AVAILABLE, KB_E_UNKNOWN_TOPIC_OR_PARTITION},
};

static bool is_place(int64_t offset)
{
    return offset == KURIER_END || offset == KURIER_BEGINNING || offset == KURIER_LATEST;
}

kurier_request *kurier_admin_list_offsets(const kurier_position *positions, size_t n)
{
    static const kurier_position none;
    kurier_request *request =
        kc_request_of_partitions(&list_offsets, positions ? positions : &none, positions ? n : 0);
    for (size_t i = 0; request && i < request->count; i++)
        if (!is_place(positions[i].offset))
            request->items[i].number = positions[i].timestamp_ms;
    return request;
}

/* ---- DeleteRecords -----------------------------------------------------------------------*/

static bool build_delete_records(struct kc_admin_part *part, struct kb_arena *arena,
                                 struct kw_delete_records_request *request, int16_t version)
{
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        struct kw_delete_records_request_topic *to = &request->topics[request->topics_count++];
        n = kc_admin_same_name(part, i);
        to->name = kb_slice_str(part->items[i]->name);
        to->partitions = kb_arena_array(arena, n, sizeof *to->partitions);
        to->partitions_count = to->partitions ? (int32_t)n : 0;
        for (int32_t k = 0; k < to->partitions_count; k++) {
            to->partitions[k].partition_index = part->items[i + (size_t)k]->partition;
            to->partitions[k].offset = part->items[i + (size_t)k]->number;
        }
    }
    return true;
}

static int collect_delete_records(struct kc_admin_part *part,
                                  const struct kw_delete_records_response *response,
                                  struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_delete_records_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct kw_delete_records_response_partition *from = &topic->partitions[k];
            union kc_admin_info *info = kc_admin_answer(part, topic->name, from->partition_index,
                                                        from->error_code, kb_slice_null());
            if (!info)
                continue;
            info->offset.offset = from->low_watermark;
            info->offset.leader = part->node;
        }
    }
    return 0;
}

KC_ADMIN_ENCODE(delete_records)
KC_ADMIN_TAKE(delete_records)

static const struct kc_admin_api delete_records = {
    .name = "delete_records",
    .since = "0.11",
    .kind = KURIER_ITEM_OFFSET,
    .key = KW_API_DELETE_RECORDS,
    .min_version = 0,
    .max_version = 2,
    .route = KC_ROUTE_LEADERS,
    .encode = encode_delete_records,
    .take = take_delete_records,
    .retry = {KB_E_UNKNOWN_TOPIC_OR_PARTITION, KB_E_REQUEST_TIMED_OUT},
};

kurier_request *kurier_admin_delete_records(const kurier_position *positions, size_t n)
{
    static const kurier_position none;
    kurier_request *request =
        kc_request_of_partitions(&delete_records, positions ? positions : &none, positions ? n : 0);
    for (size_t i = 0; request && i < request->count; i++)
        if (positions[i].offset < KURIER_END)
            kc_request_refuse(request, "%s [%d]: %lld is no offset to delete before",
                              positions[i].topic, positions[i].partition,
                              (long long)positions[i].offset);
    return request;
}
