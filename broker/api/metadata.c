/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata: brokers, topics, who leads. A topic that is asked for by name and
 * is not there is made, where both sides allow it; the answer then waits for
 * it. */
#include "wire/gen/metadata.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/server/changes.h"
#include "broker/server/link.h"

struct metadata {
    struct kd_request *request;
    struct kw_metadata_request in;
    struct kw_metadata_response out;
    int pending; /* topics being made, and one for the handler itself */
};

static void add_broker(struct metadata *m)
{
    struct kd_shard *shard = m->request->shard;
    struct kw_metadata_response_broker *broker = kb_arena_alloc(&m->request->arena, sizeof *broker);
    if (!broker)
        return;
    const struct kd_endpoint *told = &m->request->peer->spec->told;
    kw_metadata_response_broker_init(broker);
    broker->node_id = shard->config->node_id;
    broker->host = kb_slice_str(told->host);
    broker->port = told->port;
    broker->rack = kb_slice_str(shard->config->rack);
    m->out.brokers = broker;
    m->out.brokers_count = 1;
}

static void fill_partition(const struct kd_place *place, struct kw_metadata_response_partition *out)
{
    kw_metadata_response_partition_init(out);
    out->error_code = place->serving ? KB_OK : KB_E_LEADER_NOT_AVAILABLE;
    out->partition_index = place->index;
    out->leader_id = place->serving ? place->leader : -1;
    out->leader_epoch = place->leader_epoch;
    out->replica_nodes = place->replicas;
    out->replica_nodes_count = place->replica_count;
    out->isr_nodes = place->isr;
    out->isr_nodes_count = place->isr_count;
    if (kd_place_is_offline(place)) { /* the one replica there is */
        out->offline_replicas = place->replicas;
        out->offline_replicas_count = place->replica_count;
    }
}

static void fill_topic(struct metadata *m, const struct kd_topic *topic,
                       struct kw_metadata_response_topic *out)
{
    out->name = kb_slice_str(topic->name);
    out->topic_id = topic->id;
    out->is_internal = kd_topic_name_is_internal(out->name);
    if (m->in.include_topic_authorized_operations)
        out->topic_authorized_operations = KD_MAY_WITH_TOPIC;
    out->partitions =
        kb_arena_array(&m->request->arena, (size_t)topic->count, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions && i < topic->count; i++)
        fill_partition(topic->places[out->partitions_count++], &out->partitions[i]);
}

static bool wants_all(const struct metadata *m)
{
    int16_t version = m->request->header.version;
    return version == 0 ? m->in.topics_count == 0 : m->in.topics_count < 0;
}

static void list_all(struct metadata *m)
{
    const struct kd_topics *topics = &m->request->shard->topics;
    size_t count = topics->by_name.count;
    m->out.topics = kb_arena_array(&m->request->arena, count, sizeof *m->out.topics);
    m->out.topics_count = 0;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t && m->out.topics;
         t = kd_topics_next(topics, t)) {
        struct kw_metadata_response_topic *out = &m->out.topics[m->out.topics_count++];
        kw_metadata_response_topic_init(out);
        fill_topic(m, t, out);
    }
}

/* With an id some clients leave the name null, and Java's leaves it empty. */
static bool asks_by_id(const struct kw_metadata_request_topic *asked)
{
    return !asked->name.data || !kb_uuid_is_zero(asked->topic_id);
}

static void describe(struct metadata *m, const struct kw_metadata_request_topic *asked,
                     struct kw_metadata_response_topic *out)
{
    const struct kd_topics *topics = &m->request->shard->topics;
    bool by_id = asks_by_id(asked);
    const struct kd_topic *topic =
        by_id ? kd_topics_find_id(topics, asked->topic_id) : kd_topics_find(topics, asked->name);
    if (topic) {
        fill_topic(m, topic, out);
        out->error_code = KB_OK;
        return;
    }
    out->name = asked->name;
    if (by_id)
        out->name = m->request->header.version < 12 ? kb_slice_str("") : kb_slice_null();
    out->topic_id = asked->topic_id;
    if (!out->error_code)
        out->error_code = by_id ? KB_E_UNKNOWN_TOPIC_ID : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
}

static void finish(struct metadata *m)
{
    struct kd_request *request = m->request;
    struct kw_writer w;
    if (m->in.include_cluster_authorized_operations)
        m->out.cluster_authorized_operations = KD_MAY_WITH_CLUSTER;
    if (wants_all(m))
        list_all(m);
    for (int32_t i = 0; !wants_all(m) && i < m->out.topics_count; i++)
        describe(m, &m->in.topics[i], &m->out.topics[i]);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_metadata_response_encode(&w, request->header.version, &m->out);
    kd_answer_end(request, &w);
}

static void settle(struct metadata *m)
{
    if (--m->pending == 0)
        finish(m);
}

/* ---- Making topics ------------------------------------------------------ */

struct making {
    struct metadata *m;
    struct kw_metadata_response_topic *out;
};

static void on_made(void *ctx, int code)
{
    struct making *making = ctx;
    bool fine = code == KB_OK || code == KB_E_TOPIC_ALREADY_EXISTS;
    if (code == KB_E_UNKNOWN_SERVER_ERROR) /* it may have been made: ask again */
        code = KB_E_LEADER_NOT_AVAILABLE;
    making->out->error_code = fine ? KB_OK : (int16_t)code;
    settle(making->m);
}

static void make(struct metadata *m, struct kb_slice name, struct kw_metadata_response_topic *out)
{
    struct kd_shard *shard = m->request->shard;
    struct kd_new_topic topic = {.name = name,
                                 .id = kb_uuid_random(&shard->random),
                                 .count = shard->config->num_partitions,
                                 .factor = -1};
    struct making *making = kb_arena_alloc(&m->request->arena, sizeof *making);
    if (!making)
        return;
    *making = (struct making){m, out};
    m->pending++;
    struct kb_error err;
    struct kd_topic *draft = kd_change_draft(shard, &topic, &err);
    if (draft)
        kd_change_create(shard, draft, topic.count, on_made, making);
    else
        on_made(making, err.code);
}

static bool may_make(const struct metadata *m)
{
    const struct kd_shard *shard = m->request->shard;
    return shard->config->auto_create_topics && !shard->stopping &&
           (m->request->header.version < 4 || m->in.allow_auto_topic_creation);
}

static void prepare(struct metadata *m, const struct kw_metadata_request_topic *asked,
                    struct kw_metadata_response_topic *out)
{
    kw_metadata_response_topic_init(out);
    if (asks_by_id(asked) || kd_topics_find(&m->request->shard->topics, asked->name))
        return;
    if (!kd_topic_name_is_valid(asked->name))
        out->error_code = KB_E_INVALID_TOPIC_EXCEPTION;
    else if (may_make(m) && !kd_topic_name_is_internal(asked->name))
        make(m, asked->name, out);
}

static void prepare_all(struct metadata *m)
{
    int32_t count = m->in.topics_count;
    m->out.topics = kb_arena_array(&m->request->arena, (size_t)count, sizeof *m->out.topics);
    for (int32_t i = 0; m->out.topics && i < count; i++) {
        m->out.topics_count++;
        prepare(m, &m->in.topics[i], &m->out.topics[i]);
    }
}

void kd_handle_metadata(struct kd_request *request)
{
    struct metadata *m = kb_arena_alloc(&request->arena, sizeof *m);
    if (!m || !kw_metadata_request_decode(&request->body, request->header.version, &request->arena,
                                          &m->in)) {
        kd_request_refuse(request);
        return;
    }
    m->request = request;
    m->pending = 1;
    kw_metadata_response_init(&m->out);
    m->out.cluster_id = kb_slice_str(request->shard->cluster_id);
    m->out.controller_id = request->shard->config->node_id;
    add_broker(m);
    if (!wants_all(m))
        prepare_all(m);
    settle(m);
}
