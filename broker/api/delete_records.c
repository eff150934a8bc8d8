/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteRecords: logs begin later. Answered once that is on the disk. */
#include "wire/gen/delete_records.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/drive/replica.h"

enum { HIGH_WATERMARK = -1 };

struct deletion {
    struct kd_request *request;
    struct kw_delete_records_request in;
    struct kw_delete_records_response out;
    size_t pending;
};

struct one {
    struct kd_op op;
    struct deletion *deletion;
    int64_t log_start;
    struct kw_delete_records_response_partition *out;
};

static void settle(struct deletion *deletion)
{
    struct kw_writer w;
    if (--deletion->pending > 0)
        return;
    kd_answer_begin(deletion->request, &w);
    kw_delete_records_response_encode(&w, deletion->request->header.version, &deletion->out);
    kd_answer_end(deletion->request, &w);
}

static void on_started(struct kd_op *op, int code)
{
    struct one *one = KB_CONTAINER(op, struct one, op);
    if (code)
        one->out->error_code = kd_answer_code(code);
    else
        one->out->low_watermark = one->log_start;
    settle(one->deletion);
}

/* Whose records may go by hand. */
static int16_t check(const struct kd_topic *topic)
{
    if (kd_topic_name_is_internal(kb_slice_str(topic->name)))
        return KB_E_INVALID_TOPIC_EXCEPTION;
    return topic->config.cleanup & KD_CLEANUP_DELETE ? KB_OK : KB_E_POLICY_VIOLATION;
}

static void start(struct deletion *deletion, struct kb_slice topic,
                  const struct kw_delete_records_request_partition *in,
                  struct kw_delete_records_response_partition *out)
{
    static const struct kb_uuid no_id;
    *out = (struct kw_delete_records_response_partition){in->partition_index, -1, KB_OK};
    struct kd_place *place = kd_find_place(deletion->request->shard, topic, no_id,
                                           in->partition_index, &out->error_code);
    if (place)
        out->error_code = check(place->topic);
    if (out->error_code)
        return;
    const struct kd_partition *state = kd_replica_state(place->replica);
    int64_t to = in->offset == HIGH_WATERMARK ? state->high_watermark : in->offset;
    struct one *one = kb_arena_alloc(&deletion->request->arena, sizeof *one);
    if (to < 0 || !one) {
        out->error_code = one ? KB_E_OFFSET_OUT_OF_RANGE : kd_answer_code(KB_E_NO_MEMORY);
        return;
    }
    *one = (struct one){.op.done = on_started,
                        .deletion = deletion,
                        .log_start = KB_MAX(to, state->log_start),
                        .out = out};
    deletion->pending++;
    kd_replica_set_start(place->replica, to, &one->op);
}

static bool make_room(struct deletion *deletion)
{
    struct kb_arena *arena = &deletion->request->arena;
    size_t count = (size_t)deletion->in.topics_count;
    deletion->out.topics = kb_arena_array(arena, count, sizeof *deletion->out.topics);
    for (size_t i = 0; deletion->out.topics && i < count; i++) {
        const struct kw_delete_records_request_topic *in = &deletion->in.topics[i];
        struct kw_delete_records_response_topic *out =
            &deletion->out.topics[deletion->out.topics_count++];
        kw_delete_records_response_topic_init(out);
        out->name = in->name;
        out->partitions_count = in->partitions_count;
        out->partitions =
            kb_arena_array(arena, (size_t)in->partitions_count, sizeof *out->partitions);
    }
    return !arena->failed;
}

void kd_handle_delete_records(struct kd_request *request)
{
    struct deletion *deletion = kb_arena_alloc(&request->arena, sizeof *deletion);
    if (!deletion || !kw_delete_records_request_decode(&request->body, request->header.version,
                                                       &request->arena, &deletion->in)) {
        kd_request_refuse(request);
        return;
    }
    deletion->request = request;
    deletion->pending = 1;
    kw_delete_records_response_init(&deletion->out);
    if (!make_room(deletion)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    for (int32_t i = 0; i < deletion->in.topics_count; i++)
        for (int32_t j = 0; j < deletion->in.topics[i].partitions_count; j++)
            start(deletion, deletion->in.topics[i].name, &deletion->in.topics[i].partitions[j],
                  &deletion->out.topics[i].partitions[j]);
    settle(deletion);
}
