/* SPDX-License-Identifier: Apache-2.0 */
/* WriteTxnMarkers: the ends of transactions, from whoever may decide them: another
 * broker's coordinator, or an operator whose transaction hangs (KIP-664). Answered
 * once all are committed. */
#include "wire/gen/write_txn_markers.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/server/group/topic.h"
#include "broker/server/marker.h"

struct writing {
    struct kd_request *request;
    struct kw_write_txn_markers_request in;
    struct kw_write_txn_markers_response out;
    size_t pending;
};

struct one {
    struct kd_marker marker;
    struct writing *writing;
    struct kw_write_txn_markers_response_partition *out;
};

static void settle(struct writing *writing)
{
    struct kw_writer w;
    if (--writing->pending > 0)
        return;
    kd_answer_begin(writing->request, &w);
    kw_write_txn_markers_response_encode(&w, writing->request->header.version, &writing->out);
    kd_answer_end(writing->request, &w);
}

static void on_written(struct kd_marker *marker, int code)
{
    struct one *one = KB_CONTAINER(marker, struct one, marker);
    one->out->error_code = kd_answer_code(code);
    settle(one->writing);
}

/* Of the broker's own topics only that of offsets takes part in transactions. */
static int16_t check(const struct kw_write_txn_markers_request_marker *in, struct kb_slice topic)
{
    if (in->producer_id < 0 || in->producer_epoch < 0)
        return KB_E_INVALID_REQUEST;
    if (kd_topic_name_is_internal(topic) && !kb_slice_equal(topic, kb_slice_str(KD_GROUP_TOPIC)))
        return KB_E_INVALID_TOPIC_EXCEPTION;
    return KB_OK;
}

static void write_one(struct writing *writing, const struct kw_write_txn_markers_request_marker *in,
                      struct kb_slice topic, int32_t partition,
                      struct kw_write_txn_markers_response_partition *out)
{
    static const struct kb_uuid no_id;
    struct kd_shard *shard = writing->request->shard;
    kw_write_txn_markers_response_partition_init(out);
    out->partition_index = partition;
    struct kd_place *place = kd_find_place(shard, topic, no_id, partition, &out->error_code);
    if (place)
        out->error_code = check(in, topic);
    if (out->error_code)
        return;
    struct one *one = kb_arena_alloc(&writing->request->arena, sizeof *one);
    if (!one) {
        out->error_code = kd_answer_code(KB_E_NO_MEMORY);
        return;
    }
    *one = (struct one){.marker = {.producer = in->producer_id,
                                   .epoch = in->producer_epoch,
                                   .version = in->transaction_version,
                                   .coordinator_epoch = in->coordinator_epoch,
                                   .commit = in->transaction_result,
                                   .done = on_written},
                        .writing = writing,
                        .out = out};
    writing->pending++;
    kd_marker_write(shard, place, &one->marker);
}

static void write_topic(struct writing *writing,
                        const struct kw_write_txn_markers_request_marker *in,
                        const struct kw_write_txn_markers_request_topic *topic,
                        struct kw_write_txn_markers_response_topic *out)
{
    for (int32_t i = 0; i < topic->partition_indexes_count; i++)
        write_one(writing, in, topic->name, topic->partition_indexes[i],
                  &out->partitions[out->partitions_count++]);
}

static void write_all(struct writing *writing)
{
    for (int32_t i = 0; i < writing->in.markers_count; i++) {
        const struct kw_write_txn_markers_request_marker *in = &writing->in.markers[i];
        for (int32_t j = 0; j < in->topics_count; j++)
            write_topic(writing, in, &in->topics[j], &writing->out.markers[i].topics[j]);
    }
}

/* ---- Room for the answer, before anything is written -------------------- */

static void make_topics(struct kb_arena *arena,
                        const struct kw_write_txn_markers_request_marker *in,
                        struct kw_write_txn_markers_response_marker *out)
{
    out->topics = kb_arena_array(arena, (size_t)in->topics_count, sizeof *out->topics);
    for (int32_t i = 0; out->topics && i < in->topics_count; i++) {
        struct kw_write_txn_markers_response_topic *topic = &out->topics[out->topics_count++];
        kw_write_txn_markers_response_topic_init(topic);
        topic->name = in->topics[i].name;
        topic->partitions = kb_arena_array(arena, (size_t)in->topics[i].partition_indexes_count,
                                           sizeof *topic->partitions);
    }
}

static bool make_room(struct writing *writing)
{
    struct kb_arena *arena = &writing->request->arena;
    struct kw_write_txn_markers_response *out = &writing->out;
    size_t count = (size_t)writing->in.markers_count;
    out->markers = kb_arena_array(arena, count, sizeof *out->markers);
    for (size_t i = 0; out->markers && i < count; i++) {
        struct kw_write_txn_markers_response_marker *marker = &out->markers[out->markers_count++];
        kw_write_txn_markers_response_marker_init(marker);
        marker->producer_id = writing->in.markers[i].producer_id;
        make_topics(arena, &writing->in.markers[i], marker);
    }
    return !arena->failed;
}

void kd_handle_write_txn_markers(struct kd_request *request)
{
    struct writing *writing = kb_arena_alloc(&request->arena, sizeof *writing);
    if (!writing || !kw_write_txn_markers_request_decode(&request->body, request->header.version,
                                                         &request->arena, &writing->in)) {
        kd_request_refuse(request);
        return;
    }
    writing->request = request;
    writing->pending = 1;
    kw_write_txn_markers_response_init(&writing->out);
    if (!make_room(writing)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    write_all(writing);
    settle(writing);
}
