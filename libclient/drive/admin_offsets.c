/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets: first Metadata says who leads, then each leader is asked. */
#include "base/check.h"
#include "libclient/drive/admin_table.h"
#include "libclient/drive/cluster.h"
#include "wire/api.h"
#include "wire/gen/list_offsets.h"

/* ---- Leaders --------------------------------------------------------------------------*/

/* The offsets' topics; those of one topic mostly stand side by side. */
static int encode_leaders(struct kc_admin_part *part, int16_t version, struct kw_writer *out)
{
    const kurier_request *from = part->admin->request;
    struct kw_metadata_request request;
    struct kb_arena arena;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    kw_metadata_request_init(&request);
    request.allow_auto_topic_creation = false;
    request.topics = kb_arena_array(&arena, from->count + 1, sizeof *request.topics);
    for (size_t i = 0; request.topics && i < from->count; i++)
        if (i == 0 || strcmp(from->offsets[i].topic, from->offsets[i - 1].topic))
            request.topics[request.topics_count++].name = kb_slice_str(from->offsets[i].topic);
    bool whole = request.topics && kw_metadata_request_encode(out, version, &request);
    kb_arena_deinit(&arena);
    return whole ? 0 : KB_E_UNSUPPORTED;
}

static const struct kw_metadata_response_topic *find_topic(
    const struct kw_metadata_response *response, const char *name)
{
    for (int32_t i = 0; i < response->topics_count; i++)
        if (kb_slice_is(response->topics[i].name, name))
            return &response->topics[i];
    return NULL;
}

/* The error, or 0 with the leader. */
static int find_leader(const struct kw_metadata_response_topic *topic,
                       struct kc_admin_offset *offset)
{
    if (!topic || topic->error_code)
        return topic ? topic->error_code : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        if (topic->partitions[i].partition_index != offset->partition)
            continue;
        offset->leader = topic->partitions[i].leader_id;
        return offset->leader < 0 ? KB_E_LEADER_NOT_AVAILABLE : 0;
    }
    return KB_E_UNKNOWN_TOPIC_OR_PARTITION;
}

static bool add_offset(struct kc_admin_part *part, struct kc_admin_offset *offset, int code,
                       const struct kw_list_offsets_response_partition *from)
{
    kurier_row *row = kc_result_row(part->admin->result);
    if (!row)
        return false;
    offset->answered = true;
    row->name = kc_result_text(part->admin->result, kb_slice_str(offset->topic));
    row->partition = offset->partition;
    row->leader = offset->leader;
    row->code = (kurier_code)code;
    if (from && !code) {
        row->offset = from->offset;
        row->timestamp_ms = from->timestamp;
        row->epoch = from->leader_epoch;
    }
    return row->name != NULL;
}

static int take_leaders(struct kc_admin_part *part, int16_t version, struct kw_reader *body,
                        struct kb_error *err)
{
    kurier_request *request = part->admin->request;
    struct kw_metadata_response response;
    struct kb_arena arena;
    int code = 0;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    if (!kw_metadata_response_decode(body, version, &arena, &response))
        code = kc_admin_unreadable(part, body, err);
    for (size_t i = 0; !code && i < request->count; i++) {
        struct kc_admin_offset *offset = &request->offsets[i];
        int lost = find_leader(find_topic(&response, offset->topic), offset);
        if (lost && !add_offset(part, offset, lost, NULL))
            code = kc_admin_no_memory(err);
    }
    kb_arena_deinit(&arena);
    return code;
}

/* ---- ListOffsets ------------------------------------------------------------------------*/

static bool build_list_offsets(struct kc_admin_part *part, struct kb_arena *arena,
                               struct kw_list_offsets_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    (void)version;
    request->replica_id = -1;
    request->isolation_level = (int8_t)part->admin->call.client->options->consumer.isolation_level;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, from->count + 1, sizeof *request->topics);
    for (size_t i = 0; request->topics && i < from->count; i++) {
        const struct kc_admin_offset *offset = &from->offsets[i];
        if (offset->leader != part->node)
            continue;
        struct kw_list_offsets_request_topic *topic = &request->topics[request->topics_count++];
        topic->name = kb_slice_str(offset->topic);
        topic->partitions = kb_arena_array(arena, 1, sizeof *topic->partitions);
        if (!topic->partitions)
            return false;
        topic->partitions_count = 1;
        topic->partitions[0].partition_index = offset->partition;
        topic->partitions[0].current_leader_epoch = -1;
        topic->partitions[0].timestamp = offset->timestamp_ms;
    }
    return request->topics != NULL;
}

static struct kc_admin_offset *find_offset(kurier_request *request, struct kb_slice topic,
                                           int32_t partition)
{
    for (size_t i = 0; i < request->count; i++) {
        struct kc_admin_offset *offset = &request->offsets[i];
        if (!offset->answered && offset->partition == partition &&
            kb_slice_is(topic, offset->topic))
            return offset;
    }
    return NULL;
}

static int collect_list_offsets(struct kc_admin_part *part,
                                const struct kw_list_offsets_response *response,
                                struct kb_error *err)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_list_offsets_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct kw_list_offsets_response_partition *from = &topic->partitions[k];
            struct kc_admin_offset *offset =
                find_offset(part->admin->request, topic->name, from->partition_index);
            if (offset && !add_offset(part, offset, from->error_code, from))
                return kc_admin_no_memory(err);
        }
    }
    return 0;
}

KC_ADMIN_ENCODE(list_offsets)
KC_ADMIN_TAKE(list_offsets)

static const struct kc_admin_api list_offsets = {
    .key = KW_API_LIST_OFFSETS,
    .min_version = 1,
    .max_version = 11,
    .route = KC_ROUTE_LEADERS,
    .encode = encode_list_offsets,
    .take = take_list_offsets,
    .retry = {KB_E_NOT_LEADER_OR_FOLLOWER, KB_E_LEADER_NOT_AVAILABLE, KB_E_OFFSET_NOT_AVAILABLE,
              KB_E_REPLICA_NOT_AVAILABLE, KB_E_FENCED_LEADER_EPOCH, KB_E_UNKNOWN_LEADER_EPOCH},
};

const struct kc_admin_api kc_admin_offsets = {
    .key = KW_API_METADATA,
    .min_version = 4,
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .encode = encode_leaders,
    .take = take_leaders,
    .then = &list_offsets,
    .retry = {KB_E_LEADER_NOT_AVAILABLE},
};
