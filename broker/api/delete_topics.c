/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteTopics, by name or by id. */
#include "wire/gen/delete_topics.h"
#include "broker/api/api.h"
#include "broker/server/changes.h"

struct delete
{
    struct kd_request *request;
    struct kw_delete_topics_request in;
    struct kw_delete_topics_response out;
    size_t pending;
};

struct one {
    struct delete *delete;
    struct kw_delete_topics_response_topic *out;
};

static void settle(struct delete *delete)
{
    struct kw_writer w;
    if (--delete->pending > 0)
        return;
    kd_answer_begin(delete->request, &w);
    kw_delete_topics_response_encode(&w, delete->request->header.version, &delete->out);
    kd_answer_end(delete->request, &w);
}

static void refuse(struct kw_delete_topics_response_topic *out, int code)
{
    out->error_code = (int16_t)code;
    out->error_message = code ? kb_slice_str(kb_code_text(code)) : kb_slice_null();
}

static void on_deleted(void *ctx, int code)
{
    struct one *one = ctx;
    refuse(one->out, code);
    settle(one->delete);
}

static void start(struct delete *delete, struct kb_slice name, struct kb_uuid id,
                  struct kw_delete_topics_response_topic *out)
{
    struct kd_shard *shard = delete->request->shard;
    kw_delete_topics_response_topic_init(out);
    out->name = name;
    out->topic_id = id;
    struct kd_topic *topic =
        name.data ? kd_topics_find(&shard->topics, name) : kd_topics_find_id(&shard->topics, id);
    struct one *one = topic ? kb_arena_alloc(&delete->request->arena, sizeof *one) : NULL;
    if (!shard->config->delete_topic) {
        refuse(out, KB_E_TOPIC_DELETION_DISABLED);
    } else if (name.data && !kb_uuid_is_zero(id)) {
        refuse(out, KB_E_INVALID_REQUEST);
    } else if (!one) {
        refuse(out, name.data ? KB_E_UNKNOWN_TOPIC_OR_PARTITION : KB_E_UNKNOWN_TOPIC_ID);
    } else if (kd_topic_name_is_internal(topic->by_name.key)) {
        refuse(out, KB_E_INVALID_REQUEST);
        out->error_message = kb_slice_str("the broker keeps its own state in this topic");
    } else {
        out->name = kb_slice_str(kb_arena_strdup(&delete->request->arena, topic->by_name.key));
        out->topic_id = topic->id;
        *one = (struct one){delete, out};
        delete->pending++;
        kd_change_delete(shard, topic, on_deleted, one);
    }
}

void kd_handle_delete_topics(struct kd_request *request)
{
    static const struct kb_uuid no_id;
    struct delete *delete = kb_arena_alloc(&request->arena, sizeof *delete);
    int16_t version = request->header.version;
    if (!delete ||
        !kw_delete_topics_request_decode(&request->body, version, &request->arena, &delete->in)) {
        kd_request_refuse(request);
        return;
    }
    int32_t count = version >= 6 ? delete->in.topics_count : delete->in.topic_names_count;
    delete->request = request;
    delete->pending = 1;
    kw_delete_topics_response_init(&delete->out);
    delete->out.responses =
        kb_arena_array(&request->arena, (size_t)count, sizeof *delete->out.responses);
    for (int32_t i = 0; delete->out.responses && i < count; i++) {
        bool by_name = version < 6;
        start(delete, by_name ? delete->in.topic_names[i] : delete->in.topics[i].name,
              by_name ? no_id : delete->in.topics[i].topic_id,
              &delete->out.responses[delete->out.responses_count++]);
    }
    settle(delete);
}
