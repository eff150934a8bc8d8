/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetForLeaderEpoch: where a leader epoch ends, by which clients and
 * followers find out what they share with this log (KIP-101, KIP-320). */
#include "wire/gen/offset_for_leader_epoch.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/drive/replica.h"

static void fill(struct kd_request *request, struct kb_slice topic,
                 const struct kw_offset_for_leader_epoch_request_partition *in,
                 struct kw_offset_for_leader_epoch_response_partition *out)
{
    static const struct kb_uuid no_id;
    struct kd_epoch end;
    int16_t code;
    kw_offset_for_leader_epoch_response_partition_init(out);
    out->partition = in->partition;
    const struct kd_place *place =
        kd_find_place(request->shard, topic, no_id, in->partition, &code);
    if (place)
        code = kd_check_epoch(place, in->current_leader_epoch);
    out->error_code = code;
    if (code)
        return;
    const struct kd_partition *state = kd_replica_state(place->replica);
    if (in->leader_epoch == state->leader_epoch) {
        out->leader_epoch = state->leader_epoch;
        out->end_offset = state->log_end;
    } else if (kd_epochs_end_of(&state->epochs, in->leader_epoch, state->log_end, &end)) {
        out->leader_epoch = end.epoch;
        out->end_offset = end.start_offset;
    }
}

static bool build(struct kd_request *request, const struct kw_offset_for_leader_epoch_request *in,
                  struct kw_offset_for_leader_epoch_response *out)
{
    struct kb_arena *arena = &request->arena;
    out->topics = kb_arena_array(arena, (size_t)in->topics_count, sizeof *out->topics);
    for (int32_t i = 0; out->topics && i < in->topics_count; i++) {
        const struct kw_offset_for_leader_epoch_request_topic *from = &in->topics[i];
        struct kw_offset_for_leader_epoch_response_topic *to = &out->topics[out->topics_count++];
        kw_offset_for_leader_epoch_response_topic_init(to);
        to->topic = from->topic;
        to->partitions =
            kb_arena_array(arena, (size_t)from->partitions_count, sizeof *to->partitions);
        for (int32_t j = 0; to->partitions && j < from->partitions_count; j++)
            fill(request, from->topic, &from->partitions[j],
                 &to->partitions[to->partitions_count++]);
    }
    return !arena->failed;
}

void kd_handle_offset_for_leader_epoch(struct kd_request *request)
{
    struct kw_offset_for_leader_epoch_request in;
    struct kw_offset_for_leader_epoch_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_offset_for_leader_epoch_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_offset_for_leader_epoch_response_init(&out);
    if (!build(request, &in, &out)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_offset_for_leader_epoch_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
