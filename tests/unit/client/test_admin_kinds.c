/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of administrative request against brokers on a simulated network: what
 * it asks of whom, and what becomes of the answers. Topic "t" has partitions 0 and 2
 * at broker 1, partition 1 at broker 2, which is the controller. */
#include "tests/unit/unit.h"

#include "kurier/admin.h"
#include "base/arena.h"
#include "libclient/drive/client.h"
#include "tests/unit/client/fake.h"
#include "wire/gen/alter_partition_reassignments.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/delete_records.h"
#include "wire/gen/delete_topics.h"
#include "wire/gen/describe_cluster.h"
#include "wire/gen/describe_configs.h"
#include "wire/gen/describe_log_dirs.h"
#include "wire/gen/describe_producers.h"
#include "wire/gen/describe_topic_partitions.h"
#include "wire/gen/elect_leaders.h"
#include "wire/gen/incremental_alter_configs.h"
#include "wire/gen/list_config_resources.h"
#include "wire/gen/list_offsets.h"
#include "wire/gen/list_partition_reassignments.h"
#include "wire/gen/update_features.h"
#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 5000 };

struct world {
    struct fake_world net;
    kurier_client *client;
    int asked[2][KW_API_KEY_END]; /* by broker and API */
    char saw[1024];               /* what the fakes noted of requests */
    int cuts;                     /* so many answers are cut off instead */
};

/* ---- The brokers' side ----------------------------------------------------------------*/

#define NOTE(w, ...)                                                                               \
    snprintf((w)->saw + strlen((w)->saw), sizeof(w)->saw - strlen((w)->saw), __VA_ARGS__)

static int text(struct kb_slice s)
{
    return (int)s.size;
}

#define RESPOND(message)                                                                           \
    kw_##message##_response_init(&response);                                                       \
    assert_true(kw_##message##_request_decode(body, version, arena, &request))

#define ARRAY(field, n)                                                                            \
    ((field##_count) = (int32_t)(n),                                                               \
     (field) = kb_arena_array(arena, (size_t)(n) + 1, sizeof *(field)))

typedef bool answer_fn(struct world *w, int broker, int16_t version, struct kw_reader *body,
                       struct kb_arena *arena, struct kw_writer *out);

static bool create_topics(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_create_topics_request request;
    struct kw_create_topics_response response;
    RESPOND(create_topics);
    NOTE(w, "%d:%s", broker + 1, request.validate_only ? "validate " : "");
    ARRAY(response.topics, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        const struct kw_create_topics_request_topic *t = &request.topics[i];
        NOTE(w, "%.*s/%d/%d/%d ", text(t->name), t->name.data, t->num_partitions,
             t->assignments_count ? t->assignments[1].broker_ids[0] : -1, t->configs_count);
        kw_create_topics_response_topic_init(&response.topics[i]);
        response.topics[i].name = t->name;
        response.topics[i].num_partitions = 2;
        response.topics[i].replication_factor = 1;
        memset(&response.topics[i].topic_id, 7, sizeof(struct kb_uuid));
        ARRAY(response.topics[i].configs, 1);
        response.topics[i].configs[0].name = kb_slice_str("retention.ms");
        response.topics[i].configs[0].value = kb_slice_str("5");
        response.topics[i].configs[0].config_source = KURIER_SOURCE_TOPIC;
    }
    return kw_create_topics_response_encode(out, version, &response);
}

static bool delete_topics(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_delete_topics_request request;
    struct kw_delete_topics_response response;
    (void)w, (void)broker;
    RESPOND(delete_topics);
    ARRAY(response.responses, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        kw_delete_topics_response_topic_init(&response.responses[i]);
        response.responses[i].name = request.topics[i].name;
        response.responses[i].topic_id = request.topics[i].topic_id;
        if (request.topics[i].topic_id.bytes[0] == 9)
            response.responses[i].error_code = KB_E_UNKNOWN_TOPIC_ID;
        else if (!request.topics[i].name.data)
            response.responses[i].name = kb_slice_str("its name");
    }
    return kw_delete_topics_response_encode(out, version, &response);
}

static bool create_partitions(struct world *w, int broker, int16_t version, struct kw_reader *body,
                              struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_create_partitions_request request;
    struct kw_create_partitions_response response;
    (void)broker;
    RESPOND(create_partitions);
    ARRAY(response.results, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        const struct kw_create_partitions_request_topic *t = &request.topics[i];
        NOTE(w, "%.*s to %d, %d assigned%s; ", text(t->name), t->name.data, t->count,
             t->assignments_count, request.validate_only ? ", not done" : "");
        kw_create_partitions_response_result_init(&response.results[i]);
        response.results[i].name = t->name;
        response.results[i].error_code = i ? KB_E_INVALID_PARTITIONS : 0;
        response.results[i].error_message = i ? kb_slice_str("it has more") : kb_slice_null();
    }
    return kw_create_partitions_response_encode(out, version, &response);
}

/* Topics "a" of 3 partitions and "b" of 2, in pages of 2 partitions. */
static bool describe_topic_partitions(struct world *w, int broker, int16_t version,
                                      struct kw_reader *body, struct kb_arena *arena,
                                      struct kw_writer *out)
{
    static const struct {
        const char *topic;
        int32_t from, count, next;
    } pages[] = {{"a", 0, 2, 0}, {"a", 2, 1, 1}, {"b", 0, 2, -1}};
    struct kw_describe_topic_partitions_request request;
    struct kw_describe_topic_partitions_response response;
    (void)broker;
    RESPOND(describe_topic_partitions);
    size_t at = 0;
    if (request.cursor)
        at = kb_slice_is(request.cursor->topic_name, "b") ? 2 : 1;
    NOTE(w, "page %zu; ", at);
    bool missing = at == 2 && request.topics_count > 0 &&
                   kb_slice_is(request.topics[request.topics_count - 1].name, "gone");
    ARRAY(response.topics, missing ? 2 : 1);
    for (int32_t i = 0; i < response.topics_count; i++)
        kw_describe_topic_partitions_response_topic_init(&response.topics[i]);
    if (missing) {
        response.topics[1].name = kb_slice_str("gone");
        response.topics[1].error_code = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    }
    response.topics[0].name = kb_slice_str(pages[at].topic);
    response.topics[0].topic_authorized_operations = 8;
    ARRAY(response.topics[0].partitions, pages[at].count);
    for (int32_t i = 0; i < pages[at].count; i++) {
        struct kw_describe_topic_partitions_response_partition *p =
            &response.topics[0].partitions[i];
        kw_describe_topic_partitions_response_partition_init(p);
        p->partition_index = pages[at].from + i;
        p->leader_id = 1;
        ARRAY(p->replica_nodes, 2);
        p->replica_nodes[0] = 1;
        p->replica_nodes[1] = 2;
        ARRAY(p->eligible_leader_replicas, 1);
        p->eligible_leader_replicas[0] = 2;
    }
    if (pages[at].next >= 0) {
        response.next_cursor = kb_arena_alloc(arena, sizeof *response.next_cursor);
        response.next_cursor->topic_name = kb_slice_str(at ? "b" : "a");
        response.next_cursor->partition_index = at ? 0 : 2;
    }
    return kw_describe_topic_partitions_response_encode(out, version, &response);
}

/* Offset: 100 * broker + partition, and the timestamp that was asked for. */
static bool list_offsets(struct world *w, int broker, int16_t version, struct kw_reader *body,
                         struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_list_offsets_request request;
    struct kw_list_offsets_response response;
    RESPOND(list_offsets);
    NOTE(w, "%d:%d:%d ", broker + 1, request.isolation_level, request.topics_count);
    ARRAY(response.topics, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        int32_t n = request.topics[i].partitions_count;
        response.topics[i].name = request.topics[i].name;
        ARRAY(response.topics[i].partitions, n);
        for (int32_t k = 0; k < n; k++) {
            struct kw_list_offsets_response_partition *p = &response.topics[i].partitions[k];
            kw_list_offsets_response_partition_init(p);
            p->partition_index = request.topics[i].partitions[k].partition_index;
            p->offset = 100 * (broker + 1) + p->partition_index;
            p->timestamp = request.topics[i].partitions[k].timestamp;
        }
    }
    return kw_list_offsets_response_encode(out, version, &response);
}

static bool delete_records(struct world *w, int broker, int16_t version, struct kw_reader *body,
                           struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_delete_records_request request;
    struct kw_delete_records_response response;
    (void)w;
    RESPOND(delete_records);
    ARRAY(response.topics, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        response.topics[i].name = request.topics[i].name;
        ARRAY(response.topics[i].partitions, request.topics[i].partitions_count);
        for (int32_t k = 0; k < request.topics[i].partitions_count; k++) {
            int64_t offset = request.topics[i].partitions[k].offset;
            response.topics[i].partitions[k].partition_index =
                request.topics[i].partitions[k].partition_index;
            response.topics[i].partitions[k].low_watermark = offset < 0 ? 50 + broker : offset;
            response.topics[i].partitions[k].error_code =
                offset == 99 ? KB_E_OFFSET_OUT_OF_RANGE : 0;
        }
    }
    return kw_delete_records_response_encode(out, version, &response);
}

static bool describe_configs(struct world *w, int broker, int16_t version, struct kw_reader *body,
                             struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_describe_configs_request request;
    struct kw_describe_configs_response response;
    RESPOND(describe_configs);
    ARRAY(response.results, request.resources_count);
    for (int32_t i = 0; i < request.resources_count; i++) {
        const struct kw_describe_configs_request_resource *r = &request.resources[i];
        NOTE(w, "%d:%d/%.*s/%d ", broker + 1, r->resource_type, text(r->resource_name),
             r->resource_name.data, r->configuration_keys_count);
        kw_describe_configs_response_resource_init(&response.results[i]);
        response.results[i].resource_type = r->resource_type;
        response.results[i].resource_name = r->resource_name;
        ARRAY(response.results[i].configs, 2);
        for (int k = 0; k < 2; k++) {
            struct kw_describe_configs_response_config *c = &response.results[i].configs[k];
            kw_describe_configs_response_config_init(c);
            c->name = kb_slice_str(k ? "cleanup.policy" : "secret");
            c->value = k ? kb_slice_str("delete") : kb_slice_null();
            c->is_sensitive = !k;
            c->read_only = !k;
            c->config_source = KURIER_SOURCE_DEFAULT;
            c->config_type = k ? KURIER_TYPE_LIST : KURIER_TYPE_PASSWORD;
            c->documentation =
                request.include_documentation ? kb_slice_str("words") : kb_slice_null();
            ARRAY(c->synonyms, k);
            if (k)
                c->synonyms[0] = (struct kw_describe_configs_response_synonym){
                    kb_slice_str("log.cleanup.policy"), kb_slice_str("delete"), KURIER_SOURCE_FILE};
        }
    }
    return kw_describe_configs_response_encode(out, version, &response);
}

static bool alter_configs(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_incremental_alter_configs_request request;
    struct kw_incremental_alter_configs_response response;
    RESPOND(incremental_alter_configs);
    NOTE(w, "%d%s: ", broker + 1, request.validate_only ? " validates" : "");
    ARRAY(response.responses, request.resources_count);
    for (int32_t i = 0; i < request.resources_count; i++) {
        const struct kw_incremental_alter_configs_request_resource *r = &request.resources[i];
        for (int32_t k = 0; k < r->configs_count; k++)
            NOTE(w, "%.*s %.*s %d %.*s; ", text(r->resource_name), r->resource_name.data,
                 text(r->configs[k].name), r->configs[k].name.data, r->configs[k].config_operation,
                 text(r->configs[k].value), r->configs[k].value.data);
        kw_incremental_alter_configs_response_resource_init(&response.responses[i]);
        response.responses[i].resource_type = r->resource_type;
        response.responses[i].resource_name = r->resource_name;
        if (kb_slice_is(r->resource_name, "bad"))
            response.responses[i].error_code = KB_E_INVALID_CONFIG;
    }
    return kw_incremental_alter_configs_response_encode(out, version, &response);
}

static bool list_resources(struct world *w, int broker, int16_t version, struct kw_reader *body,
                           struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_list_config_resources_request request;
    struct kw_list_config_resources_response response;
    (void)broker;
    RESPOND(list_config_resources);
    for (int32_t i = 0; i < request.resource_types_count; i++)
        NOTE(w, "%d ", request.resource_types[i]);
    ARRAY(response.config_resources, 2);
    for (int i = 0; i < 2; i++) {
        response.config_resources[i].resource_name = kb_slice_str(i ? "a" : "b");
        response.config_resources[i].resource_type = i ? KURIER_TOPIC : KURIER_BROKER;
    }
    return kw_list_config_resources_response_encode(out, version, &response);
}

static bool describe_cluster(struct world *w, int broker, int16_t version, struct kw_reader *body,
                             struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_describe_cluster_request request;
    struct kw_describe_cluster_response response;
    (void)w, (void)broker;
    RESPOND(describe_cluster);
    response.cluster_id = kb_slice_str("fake");
    response.controller_id = 2;
    response.cluster_authorized_operations =
        request.include_cluster_authorized_operations ? 12 : INT32_MIN;
    ARRAY(response.brokers, request.include_fenced_brokers ? 2 : 1);
    for (int32_t i = 0; i < response.brokers_count; i++) {
        kw_describe_cluster_response_broker_init(&response.brokers[i]);
        response.brokers[i].broker_id = 2 - i;
        response.brokers[i].host = kb_slice_str("kafka");
        response.brokers[i].is_fenced = i > 0;
    }
    return kw_describe_cluster_response_encode(out, version, &response);
}

static bool describe_log_dirs(struct world *w, int broker, int16_t version, struct kw_reader *body,
                              struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_describe_log_dirs_request request;
    struct kw_describe_log_dirs_response response;
    (void)w;
    RESPOND(describe_log_dirs);
    ARRAY(response.results, 1);
    kw_describe_log_dirs_response_result_init(&response.results[0]);
    response.results[0].log_dir = kb_slice_str(broker ? "/two" : "/one");
    response.results[0].total_bytes = 1000;
    ARRAY(response.results[0].topics, 2);
    for (int i = 0; i < 2; i++) {
        struct kw_describe_log_dirs_response_topic *t = &response.results[0].topics[i];
        t->name = kb_slice_str(i ? "a" : "b");
        ARRAY(t->partitions, 1);
        t->partitions[0].partition_index = i;
        t->partitions[0].partition_size = 10 + i;
    }
    return kw_describe_log_dirs_response_encode(out, version, &response);
}

static bool elect_leaders(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_elect_leaders_request request;
    struct kw_elect_leaders_response response;
    RESPOND(elect_leaders);
    NOTE(w, "%d: kind %d, topics %d; ", broker + 1, request.election_type,
         request.topic_partitions_count);
    ARRAY(response.replica_election_results, 1);
    response.replica_election_results[0].topic = kb_slice_str("t");
    ARRAY(response.replica_election_results[0].partition_result, 2);
    for (int32_t i = 0; i < 2; i++) {
        struct kw_elect_leaders_response_partition_result *p =
            &response.replica_election_results[0].partition_result[i];
        kw_elect_leaders_response_partition_result_init(p);
        p->partition_id = 1 - i;
        p->error_code = i ? KB_E_ELECTION_NOT_NEEDED : 0;
        p->error_message = kb_slice_null();
    }
    return kw_elect_leaders_response_encode(out, version, &response);
}

static bool alter_reassignments(struct world *w, int broker, int16_t version,
                                struct kw_reader *body, struct kb_arena *arena,
                                struct kw_writer *out)
{
    struct kw_alter_partition_reassignments_request request;
    struct kw_alter_partition_reassignments_response response;
    (void)broker;
    RESPOND(alter_partition_reassignments);
    ARRAY(response.responses, 1);
    response.responses[0].name = request.topics[0].name;
    ARRAY(response.responses[0].partitions, request.topics[0].partitions_count);
    for (int32_t i = 0; i < request.topics[0].partitions_count; i++) {
        NOTE(w, "%d to %d; ", request.topics[0].partitions[i].partition_index,
             request.topics[0].partitions[i].replicas_count);
        kw_alter_partition_reassignments_response_partition_init(
            &response.responses[0].partitions[i]);
        response.responses[0].partitions[i].partition_index =
            request.topics[0].partitions[i].partition_index;
    }
    return kw_alter_partition_reassignments_response_encode(out, version, &response);
}

static bool list_reassignments(struct world *w, int broker, int16_t version, struct kw_reader *body,
                               struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_list_partition_reassignments_request request;
    struct kw_list_partition_reassignments_response response;
    (void)w, (void)broker;
    RESPOND(list_partition_reassignments);
    ARRAY(response.topics, 1);
    response.topics[0].name = kb_slice_str("t");
    ARRAY(response.topics[0].partitions, 1);
    kw_list_partition_reassignments_response_partition_init(&response.topics[0].partitions[0]);
    response.topics[0].partitions[0].partition_index = 1;
    ARRAY(response.topics[0].partitions[0].adding_replicas, 1);
    response.topics[0].partitions[0].adding_replicas[0] = 2;
    return kw_list_partition_reassignments_response_encode(out, version, &response);
}

static bool describe_producers(struct world *w, int broker, int16_t version, struct kw_reader *body,
                               struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_describe_producers_request request;
    struct kw_describe_producers_response response;
    (void)w;
    RESPOND(describe_producers);
    ARRAY(response.topics, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        response.topics[i].name = request.topics[i].name;
        ARRAY(response.topics[i].partitions, request.topics[i].partition_indexes_count);
        for (int32_t k = 0; k < request.topics[i].partition_indexes_count; k++) {
            struct kw_describe_producers_response_partition *p = &response.topics[i].partitions[k];
            kw_describe_producers_response_partition_init(p);
            p->partition_index = request.topics[i].partition_indexes[k];
            ARRAY(p->active_producers, 2);
            for (int n = 0; n < 2; n++) {
                kw_describe_producers_response_active_producer_init(&p->active_producers[n]);
                p->active_producers[n].producer_id = 10 * (broker + 1) - n;
            }
        }
    }
    return kw_describe_producers_response_encode(out, version, &response);
}

static bool update_features(struct world *w, int broker, int16_t version, struct kw_reader *body,
                            struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_update_features_request request;
    struct kw_update_features_response response;
    (void)broker;
    RESPOND(update_features);
    for (int32_t i = 0; i < request.feature_updates_count; i++)
        NOTE(w, "%.*s %d by %d; ", text(request.feature_updates[i].feature),
             request.feature_updates[i].feature.data, request.feature_updates[i].max_version_level,
             request.feature_updates[i].upgrade_type);
    return kw_update_features_response_encode(out, version, &response);
}

static answer_fn *const answers[KW_API_KEY_END] = {
    [KW_API_CREATE_TOPICS] = create_topics,
    [KW_API_DELETE_TOPICS] = delete_topics,
    [KW_API_CREATE_PARTITIONS] = create_partitions,
    [KW_API_DESCRIBE_TOPIC_PARTITIONS] = describe_topic_partitions,
    [KW_API_LIST_OFFSETS] = list_offsets,
    [KW_API_DELETE_RECORDS] = delete_records,
    [KW_API_DESCRIBE_CONFIGS] = describe_configs,
    [KW_API_INCREMENTAL_ALTER_CONFIGS] = alter_configs,
    [KW_API_LIST_CONFIG_RESOURCES] = list_resources,
    [KW_API_DESCRIBE_CLUSTER] = describe_cluster,
    [KW_API_DESCRIBE_LOG_DIRS] = describe_log_dirs,
    [KW_API_ELECT_LEADERS] = elect_leaders,
    [KW_API_ALTER_PARTITION_REASSIGNMENTS] = alter_reassignments,
    [KW_API_LIST_PARTITION_REASSIGNMENTS] = list_reassignments,
    [KW_API_DESCRIBE_PRODUCERS] = describe_producers,
    [KW_API_UPDATE_FEATURES] = update_features,
};

static bool answer(struct fake *fake, int16_t key, int16_t version, struct kw_reader *body,
                   struct kb_arena *arena, struct kw_writer *out)
{
    struct world *w = fake->owner;
    int broker = (int)(fake - w->net.fakes);
    w->asked[broker][key]++;
    bool told = answers[key] && answers[key](w, broker, version, body, arena, out);
    return told && w->cuts-- <= 0;
}

/* ---- The client's side ------------------------------------------------------------------*/

static int setup(void **state)
{
    static const char *const nodes[] = {"kafka1", "kafka2"};
    struct world *w = kb_calloc(1, sizeof *w);
    kurier_config *config = kurier_config_new();
    fake_world_init(&w->net, 23);
    for (int i = 0; i < 2; i++) {
        struct fake *fake = fake_world_add(&w->net, nodes[i], nodes[i]);
        fake->owner = w;
        fake->answer = answer;
    }
    w->net.cluster.controller = 2;
    w->net.cluster.topic_count = 2;
    w->net.cluster.topics[0] = (struct fake_topic){
        .name = "t", .id = 1, .partitions = 3, .leader = {1, 2, 1}, .epoch = {5, 5, 5}};
    w->net.cluster.topics[1] =
        (struct fake_topic){.name = "s", .id = 2, .partitions = 1, .leader = {2}, .epoch = {5}};
    kurier_config_set(config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(config, "log.sink", "events");
    w->client = kurier_client_new(w->net.runtime, config, NULL);
    kurier_config_free(config);
    assert_non_null(w->client);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kurier_client_free(w->client);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

static kurier_result *run(struct world *w, kurier_request *request, size_t count)
{
    kurier_error err;
    w->saw[0] = 0;
    kurier_result *result = kurier_admin_run(w->client, request, TIMEOUT_MS, &err);
    if (!result)
        fail_msg("%s", err.text);
    assert_int_equal(kurier_result_count(result), count);
    return result;
}

static void refused(struct world *w, kurier_request *request, const char *words)
{
    kurier_error err;
    assert_null(kurier_admin_run(w->client, request, TIMEOUT_MS, &err));
    assert_int_equal(err.code, KURIER_E_INVALID_ARGUMENT);
    if (!strstr(err.text, words))
        fail_msg("%s", err.text);
}

/* ---- Topics ------------------------------------------------------------------------------*/

static void topics_are_made_as_they_should(void **state)
{
    static const int32_t first[] = {1, 2}, second[] = {2, 1};
    static const kurier_nodes assigned[] = {{first, 2, 0}, {second, 2, 0}};
    static const char *const config[] = {"retention.ms", "5", "cleanup.policy", "compact", NULL};
    struct world *w = *state;
    kurier_new_topic topics[] = {
        {.name = "z", .partitions = 4, .config = config},
        {.name = "a", .assigned = assigned, .assigned_count = 2},
    };
    kurier_result *result =
        run(w, kurier_request_with(kurier_admin_create_topics(topics, 2), KURIER_VALIDATE_ONLY), 2);
    assert_string_equal(w->saw, "2:validate a/-1/2/0 z/4/-1/2 ");
    assert_int_equal(kurier_result_kind(result), KURIER_ITEM_TOPIC);
    const kurier_topic_info *z = kurier_result_topic(result, 0);
    assert_string_equal(z->name, "z"); /* as asked, not as answered */
    assert_int_equal(z->partition_count, 2);
    assert_int_equal(z->replication, 1);
    assert_int_equal(strlen(z->id), 22);
    assert_null(z->partitions);
    assert_int_equal(z->setting_count, 1);
    assert_string_equal(z->settings[0].key, "retention.ms");
    assert_null(kurier_result_offset(result, 0));
    assert_null(kurier_result_topic(result, 2));
    kurier_result_free(result);
}

static void what_makes_no_sense_is_refused(void **state)
{
    static const char *const half[] = {"retention.ms", NULL};
    static const char *const names[] = {"t"};
    struct world *w = *state;
    kurier_new_topic topic = {.name = "x", .config = half};
    refused(w, kurier_admin_create_topics(&topic, 1), "retention.ms has no value");
    topic = (kurier_new_topic){.partitions = 1};
    refused(w, kurier_admin_create_topics(&topic, 1), "number 0 has no name");
    topic = (kurier_new_topic){.name = "x", .partitions = 4, .replication = 2};
    refused(w, kurier_admin_create_partitions(&topic, 1), "only the number of partitions");
    refused(w, kurier_request_with(kurier_admin_delete_topics(names, 1), KURIER_VALIDATE_ONLY),
            "delete_topics: there is no KURIER_VALIDATE_ONLY here");
    refused(w, kurier_request_with(kurier_admin_delete_topics(names, 1), 1 << 20), "no flag");
    refused(w, kurier_request_with(kurier_admin_delete_topics(names, 1), KURIER_BY_ID),
            "\"t\" is no topic id");
    kurier_setting_change change = {.name = "one", .key = "k", .kind = KURIER_BROKER};
    refused(w, kurier_admin_alter_configs(&change, 1), "\"one\" is no node id");
    kurier_position nowhere = kurier_at("t", -1, 0);
    refused(w, kurier_admin_list_offsets(&nowhere, 1), "partition -1");
    assert_int_equal(kurier_admin_submit(w->client, NULL, 1, 1, NULL), KURIER_E_NO_MEMORY);
    kurier_request_free(kurier_request_with(NULL, KURIER_BY_ID));
}

static void nothing_asked_is_nothing_answered(void **state)
{
    struct world *w = *state;
    static const char *const none[] = {NULL};
    kurier_result_free(run(w, kurier_admin_create_topics(NULL, 0), 0));
    kurier_result_free(run(w, kurier_admin_describe_topics(none, 0), 0));
    kurier_result_free(run(w, kurier_admin_list_offsets(NULL, 0), 0));
    assert_int_equal(w->net.fakes[0].opened + w->net.fakes[1].opened, 0);
}

static void topics_go_by_id(void **state)
{
    struct world *w = *state;
    kurier_error err;
    static const char *const ids[] = {"CQkJCQkJCQkJCQkJCQkJCQ", "AQEBAQEBAQEBAQEBAQEBAQ"};
    kurier_result *result =
        run(w, kurier_request_with(kurier_admin_delete_topics(ids, 2), KURIER_BY_ID), 2);
    assert_int_equal(kurier_result_outcome(result, 0, &err), KB_E_UNKNOWN_TOPIC_ID);
    assert_int_equal(kurier_result_outcome(result, 1, &err), KURIER_OK);
    kurier_result_free(result);
}

static void partitions_are_added_to_several(void **state)
{
    static const int32_t node[] = {2};
    static const kurier_nodes assigned[] = {{node, 1, 0}};
    struct world *w = *state;
    kurier_error err;
    kurier_new_topic topics[] = {
        {.name = "a", .partitions = 8},
        {.name = "b", .partitions = 3, .assigned = assigned, .assigned_count = 1}};
    kurier_request *request = kurier_admin_create_partitions(topics, 2);
    kurier_result *result = run(w, kurier_request_with(request, KURIER_VALIDATE_ONLY), 2);
    assert_string_equal(w->saw, "a to 8, -1 assigned, not done; b to 3, 1 assigned, not done; ");
    assert_int_equal(kurier_result_error(result, &err), KB_E_INVALID_PARTITIONS);
    assert_string_equal(err.text, "b: it has more");
    kurier_result_free(result);
}

static void check_pages(const kurier_topic_info *a)
{
    assert_string_equal(a->name, "a");
    assert_int_equal(a->code, KURIER_OK);
    assert_int_equal(a->partition_count, 3);
    assert_int_equal(a->replication, 2);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(a->partitions[i].partition, i);
        assert_int_equal(a->partitions[i].replicas.ids[1], 2);
        assert_int_equal(a->partitions[i].eligible.ids[0], 2);
    }
}

static void topics_come_in_pages(void **state)
{
    static const char *const names[] = {"gone", "a", "b"};
    struct world *w = *state;
    kurier_request *request = kurier_admin_describe_topics(names, 3);
    kurier_result *result = run(w, kurier_request_with(request, KURIER_WITH_OPERATIONS), 3);
    assert_string_equal(w->saw, "page 0; page 1; page 2; ");
    assert_int_equal(kurier_result_item(result, 0)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    check_pages(kurier_result_topic(result, 1));
    assert_int_equal(kurier_result_topic(result, 1)->operations, 8);
    assert_int_equal(kurier_result_topic(result, 2)->partition_count, 2);
    kurier_result_free(result);
    result = run(w, kurier_admin_describe_topics(NULL, 0), 2);
    check_pages(kurier_result_topic(result, 0));
    assert_int_equal(kurier_result_topic(result, 0)->operations, 0);
    kurier_result_free(result);
}

/* The connection breaks between two pages of one topic. */
static void half_a_topic_is_read_again(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct world *w = *state;
    for (int cuts = 1; cuts < 3; cuts++) {
        w->cuts = cuts;
        kurier_result *result = run(w, kurier_admin_describe_topics(names, 2), 2);
        check_pages(kurier_result_topic(result, 0));
        assert_int_equal(kurier_result_topic(result, 1)->partition_count, 2);
        kurier_result_free(result);
    }
}

static int16_t without_pages(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_DESCRIBE_TOPIC_PARTITIONS ? -1 : kw_api_find(key)->max_version;
}

static void or_by_metadata(void **state)
{
    static const char *const names[] = {"t", "gone"}, *const ids[] = {"AQEBAQEBAQEBAQEBAQEBAQ"};
    struct world *w = *state;
    w->net.fakes[0].versions = w->net.fakes[1].versions = without_pages;
    kurier_result *result = run(w, kurier_admin_describe_topics(names, 2), 2);
    const kurier_topic_info *t = kurier_result_topic(result, 0);
    assert_int_equal(t->partition_count, 3);
    assert_int_equal(t->partitions[1].leader, 2);
    assert_int_equal(t->partitions[1].leader_epoch, 5);
    assert_string_equal(t->id, "AQEBAQEBAQEBAQEBAQEBAQ");
    assert_int_equal(kurier_result_topic(result, 1)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    kurier_result_free(result);
    result = run(w, kurier_admin_describe_topics(NULL, 0), 2);
    assert_string_equal(kurier_result_item(result, 0)->name, "s"); /* sorted */
    kurier_result_free(result);
    result = run(w, kurier_request_with(kurier_admin_describe_topics(ids, 1), KURIER_BY_ID), 1);
    assert_string_equal(kurier_result_item(result, 0)->name, "t");
    kurier_result_free(result);
}

/* ---- Records -----------------------------------------------------------------------------*/

static void offsets_come_in_the_order_of_the_question(void **state)
{
    struct world *w = *state;
    kurier_position asked[] = {kurier_at("t", 2, KURIER_END), kurier_at("s", 0, KURIER_LATEST),
                               kurier_at("t", 1, KURIER_END), kurier_at("t", 2, KURIER_BEGINNING),
                               kurier_at("t", 0, 0),          kurier_at("t", 7, KURIER_END)};
    static const int64_t offsets[] = {102, 200, 201, 102, 100, -1};
    static const int64_t times[] = {KURIER_END, KURIER_LATEST, KURIER_END, KURIER_BEGINNING, 77,
                                    -1};
    asked[4].timestamp_ms = 77;
    kurier_request *request = kurier_admin_list_offsets(asked, 6);
    kurier_result *result = run(w, kurier_request_with(request, KURIER_READ_COMMITTED), 6);
    for (size_t i = 0; i < 6; i++) {
        const kurier_offset_info *info = kurier_result_offset(result, i);
        assert_string_equal(info->name, asked[i].topic);
        assert_int_equal(info->partition, asked[i].partition);
        assert_int_equal(info->offset, offsets[i]);
        assert_int_equal(info->timestamp_ms, times[i]);
    }
    assert_int_equal(kurier_result_offset(result, 5)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    /* one request per leader, and one more for the other end of t [2] */
    assert_int_equal(w->asked[0][KW_API_LIST_OFFSETS], 2);
    assert_int_equal(w->asked[1][KW_API_LIST_OFFSETS], 1);
    assert_non_null(strstr(w->saw, "2:1:2 ")); /* read_committed, two topics */
    kurier_result_free(result);
}

static void records_are_deleted_by_their_leaders(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_position before[] = {kurier_at("t", 1, KURIER_END), kurier_at("t", 0, 7),
                                kurier_at("t", 2, 99)};
    kurier_result *result = run(w, kurier_admin_delete_records(before, 3), 3);
    assert_int_equal(kurier_result_offset(result, 0)->offset, 51);
    assert_int_equal(kurier_result_offset(result, 0)->leader, 2);
    assert_int_equal(kurier_result_offset(result, 1)->offset, 7);
    assert_int_equal(kurier_result_error(result, &err), KURIER_E_OFFSET_OUT_OF_RANGE);
    assert_int_equal(strncmp(err.text, "t [2]: ", 7), 0);
    kurier_result_free(result);
    kurier_position wrong = kurier_at("t", 0, KURIER_BEGINNING);
    refused(w, kurier_admin_delete_records(&wrong, 1), "no offset to delete before");
}

/* ---- Settings ------------------------------------------------------------------------------*/

static void settings_come_from_whom_they_are_of(void **state)
{
    static const char *const keys[] = {"cleanup.policy", "secret", NULL};
    struct world *w = *state;
    kurier_resource_ref resources[] = {{.name = "2", .kind = KURIER_BROKER},
                                       {.name = "t", .kind = KURIER_TOPIC, .keys = keys},
                                       {.name = "1", .kind = KURIER_BROKER},
                                       {.name = "", .kind = KURIER_BROKER},
                                       {.name = "9", .kind = KURIER_BROKER}};
    kurier_request *request = kurier_admin_describe_configs(resources, 5);
    kurier_result *result = run(w, kurier_request_with(request, KURIER_WITH_DOCS), 5);
    assert_non_null(strstr(w->saw, "2:4/2/-1 "));
    assert_non_null(strstr(w->saw, "1:4/1/-1 "));
    assert_non_null(strstr(w->saw, ":2/t/2 "));
    const kurier_resource_info *topic = kurier_result_resource(result, 1);
    assert_int_equal(topic->kind, KURIER_TOPIC);
    assert_int_equal(topic->setting_count, 2);
    const kurier_setting *policy = &topic->settings[0], *secret = &topic->settings[1];
    assert_string_equal(policy->key, "cleanup.policy"); /* sorted */
    assert_string_equal(policy->doc, "words");
    assert_int_equal(policy->type, KURIER_TYPE_LIST);
    assert_string_equal(kurier_setting_type_name(policy->type), "LIST");
    assert_string_equal(policy->synonyms[0].key, "log.cleanup.policy");
    assert_string_equal(kurier_source_name(policy->synonyms[0].source), "STATIC_BROKER_CONFIG");
    assert_null(secret->value);
    assert_true(secret->sensitive && secret->read_only);
    assert_int_equal(kurier_result_resource(result, 4)->code, KB_E_BROKER_NOT_AVAILABLE);
    assert_string_equal(kurier_result_item(result, 4)->text, "the cluster has no broker 9 now");
    assert_string_equal(kurier_source_name((kurier_source)77), "UNKNOWN");
    kurier_result_free(result);
}

static void changes_of_one_resource_go_together(void **state)
{
    struct world *w = *state;
    kurier_setting_change changes[] = {
        {"t", "a", "1", KURIER_TOPIC, KURIER_SET},
        {"2", "b", "x", KURIER_BROKER, KURIER_APPEND},
        {"bad", "c", NULL, KURIER_TOPIC, KURIER_SET},
        {"t", "d", "2", KURIER_TOPIC, KURIER_SUBTRACT},
    };
    kurier_request *request = kurier_admin_alter_configs(changes, 4);
    kurier_result *result = run(w, kurier_request_with(request, KURIER_VALIDATE_ONLY), 4);
    assert_non_null(strstr(w->saw, "2 validates: 2 b 2 x; "));
    assert_non_null(strstr(w->saw, " validates: bad c 1 ; t a 0 1; t d 3 2; "));
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(kurier_result_item(result, i)->name, changes[i].name);
        assert_int_equal(kurier_result_item(result, i)->code, i == 2 ? KB_E_INVALID_CONFIG : 0);
    }
    kurier_result_free(result);
}

static void resources_are_listed(void **state)
{
    struct world *w = *state;
    kurier_result *result = run(w, kurier_admin_list_resources(KURIER_TOPIC | KURIER_BROKER), 2);
    assert_string_equal(w->saw, "2 4 ");
    assert_string_equal(kurier_result_item(result, 0)->name, "a");
    assert_int_equal(kurier_result_resource(result, 0)->kind, KURIER_TOPIC);
    kurier_result_free(result);
}

/* ---- Brokers -------------------------------------------------------------------------------*/

static void the_cluster_is_one_item(void **state)
{
    struct world *w = *state;
    kurier_request *request = kurier_admin_describe_cluster();
    kurier_result *result =
        run(w, kurier_request_with(request, KURIER_WITH_OPERATIONS | KURIER_WITH_FENCED), 1);
    const kurier_cluster_info *cluster = kurier_result_cluster(result, 0);
    assert_string_equal(cluster->name, "fake");
    assert_int_equal(cluster->controller, 2);
    assert_int_equal(cluster->operations, 12);
    assert_int_equal(cluster->broker_count, 2);
    assert_int_equal(cluster->brokers[0].node, 1);
    assert_true(cluster->brokers[0].fenced);
    kurier_result_free(result);
}

static void each_broker_tells_of_its_directories(void **state)
{
    static const int32_t nodes[] = {9, 2};
    struct world *w = *state;
    kurier_result *result = run(w, kurier_admin_describe_log_dirs(NULL, 0), 2);
    for (size_t i = 0; i < 2; i++) {
        const kurier_log_dirs_info *info = kurier_result_log_dirs(result, i);
        assert_string_equal(info->name, i ? "kafka2:9092" : "kafka1:9092");
        assert_int_equal(info->node, i + 1);
        assert_int_equal(info->dir_count, 1);
        assert_string_equal(info->dirs[0].path, i ? "/two" : "/one");
        assert_int_equal(info->dirs[0].total_bytes, 1000);
        assert_int_equal(info->dirs[0].replica_count, 2);
        assert_string_equal(info->dirs[0].replicas[0].topic, "a"); /* sorted */
        assert_int_equal(info->dirs[0].replicas[0].size_bytes, 11);
    }
    kurier_result_free(result);
    result = run(w, kurier_admin_describe_log_dirs(nodes, 2), 2);
    assert_int_equal(kurier_result_log_dirs(result, 0)->code, KB_E_BROKER_NOT_AVAILABLE);
    assert_int_equal(kurier_result_log_dirs(result, 0)->node, 9);
    assert_string_equal(kurier_result_log_dirs(result, 1)->dirs[0].path, "/two");
    kurier_result_free(result);
}

static void each_broker_tells_what_it_speaks(void **state)
{
    struct world *w = *state;
    w->net.fakes[1].versions = without_pages;
    kurier_result *result = run(w, kurier_admin_describe_versions(NULL, 0), 2);
    const kurier_versions_info *one = kurier_result_versions(result, 0);
    const kurier_versions_info *two = kurier_result_versions(result, 1);
    assert_int_equal(one->node, 1);
    assert_int_equal(one->api_count, two->api_count + 1);
    assert_string_equal(one->apis[0].name, "Produce");
    assert_int_equal(one->apis[0].used, kw_api_find(0)->max_version);
    kurier_result_free(result);
}

static void features_are_updated_together(void **state)
{
    struct world *w = *state;
    kurier_feature_change changes[] = {{.name = "x", .level = 3},
                                       {.name = "y", .level = 1, .down = true}};
    kurier_result *result = run(w, kurier_admin_update_features(changes, 2), 2);
    assert_string_equal(w->saw, "x 3 by 1; y 1 by 2; ");
    assert_int_equal(kurier_result_error(result, NULL), KURIER_OK);
    kurier_result_free(result);
}

/* ---- Replicas ------------------------------------------------------------------------------*/

static void leaders_are_elected(void **state)
{
    struct world *w = *state;
    kurier_position both[] = {kurier_at("t", 0, 0), kurier_at("t", 1, 0)};
    kurier_result *result = run(w, kurier_admin_elect_leaders(KURIER_UNCLEAN, both, 2), 2);
    assert_string_equal(w->saw, "2: kind 1, topics 1; ");
    assert_int_equal(kurier_result_item(result, 0)->code, KB_E_ELECTION_NOT_NEEDED);
    assert_int_equal(kurier_result_item(result, 1)->code, KURIER_OK);
    kurier_result_free(result);
    result = run(w, kurier_admin_elect_leaders(KURIER_PREFERRED, NULL, 0), 2);
    assert_string_equal(w->saw, "2: kind 0, topics -1; ");
    assert_int_equal(kurier_result_item(result, 1)->partition, 1);
    kurier_result_free(result);
}

static void partitions_move_and_tell(void **state)
{
    static const int32_t to[] = {2, 1};
    struct world *w = *state;
    kurier_reassignment moves[] = {{.topic = "t", .partition = 1, .replicas = {to, 2, 0}},
                                   {.topic = "t", .partition = 0}};
    kurier_result *result = run(w, kurier_admin_alter_reassignments(moves, 2), 2);
    assert_string_equal(w->saw, "0 to -1; 1 to 2; ");
    kurier_result_free(result);
    kurier_position both[] = {kurier_at("t", 0, 0), kurier_at("t", 1, 0)};
    result = run(w, kurier_admin_list_reassignments(both, 2), 2);
    assert_int_equal(kurier_result_item(result, 0)->code, KB_E_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(kurier_result_reassignment(result, 1)->adding.ids[0], 2);
    kurier_result_free(result);
    result = run(w, kurier_admin_list_reassignments(NULL, 0), 1);
    assert_int_equal(kurier_result_reassignment(result, 0)->partition, 1);
    kurier_result_free(result);
}

static void producers_are_known_to_leaders(void **state)
{
    struct world *w = *state;
    kurier_position both[] = {kurier_at("t", 1, 0), kurier_at("t", 0, 0)};
    kurier_result *result = run(w, kurier_admin_describe_producers(both, 2), 2);
    assert_int_equal(kurier_result_producers(result, 0)->leader, 2);
    assert_int_equal(kurier_result_producers(result, 0)->producers[0].id, 19); /* sorted */
    assert_int_equal(kurier_result_producers(result, 1)->producers[1].id, 10);
    kurier_result_free(result);
}

/* ---- Memory --------------------------------------------------------------------------------*/

/* Requests with everything that may stand in them, made and handed over. */
static void make_each(void *ctx)
{
    static const char *const names[] = {"a", "b"}, *const config[] = {"k", "v", NULL};
    static const int32_t nodes[] = {1, 2};
    static const kurier_nodes assigned[] = {{nodes, 2, 0}};
    const kurier_new_topic topic = {
        .name = "t", .config = config, .assigned = assigned, .assigned_count = 1};
    const kurier_resource_ref ref = {.name = "t", .keys = config, .kind = KURIER_TOPIC};
    const kurier_setting_change change = {"t", "k", "v", KURIER_TOPIC, KURIER_SET};
    const kurier_reassignment move = {.topic = "t", .replicas = {nodes, 2, 0}};
    const kurier_position at = kurier_at("t", 0, KURIER_END);
    const kurier_feature_change feature = {.name = "f"};
    kurier_request *requests[] = {
        kurier_admin_create_topics(&topic, 1),     kurier_admin_delete_topics(names, 2),
        kurier_admin_describe_topics(names, 2),    kurier_admin_describe_configs(&ref, 1),
        kurier_admin_alter_configs(&change, 1),    kurier_admin_alter_reassignments(&move, 1),
        kurier_admin_list_offsets(&at, 1),         kurier_admin_describe_log_dirs(nodes, 2),
        kurier_admin_update_features(&feature, 1), kurier_admin_list_resources(0),
        kurier_admin_describe_cluster(),
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct world *w = ctx;
        kurier_code code = kurier_admin_submit(w->client, requests[i], 1, i, NULL);
        assert_true(code == KURIER_OK || code == KURIER_E_NO_MEMORY);
    }
}

static void no_memory_is_an_error(void **state)
{
    assert_true(unit_each_failure(make_each, *state) > 20);
}

/* One of each kind, answered by the fakes: told whole, in part, or why not. */
static void run_each(void *ctx)
{
    static const char *const names[] = {"t"};
    static const int32_t nodes[] = {1, 2};
    struct world *w = ctx;
    const kurier_resource_ref ref = {.name = "t", .kind = KURIER_TOPIC};
    const kurier_position both[] = {kurier_at("t", 0, 0), kurier_at("t", 1, 0)};
    kurier_request *requests[] = {
        kurier_admin_describe_topics(names, 1),   kurier_admin_describe_configs(&ref, 1),
        kurier_admin_list_offsets(both, 2),       kurier_admin_describe_log_dirs(nodes, 2),
        kurier_admin_list_reassignments(both, 2), kurier_admin_describe_producers(both, 2),
        kurier_admin_list_resources(0),           kurier_admin_describe_versions(nodes, 2),
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        kurier_error err;
        kurier_result *result = kurier_admin_run(w->client, requests[i], 5000, &err);
        assert_true(result || err.code);
        kurier_result_free(result);
    }
}

static void no_memory_for_an_answer_is_told(void **state)
{
    assert_in_range(unit_each_failure(run_each, *state), 100, 3000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(topics_are_made_as_they_should),
        CASE(what_makes_no_sense_is_refused),
        CASE(nothing_asked_is_nothing_answered),
        CASE(topics_go_by_id),
        CASE(partitions_are_added_to_several),
        CASE(topics_come_in_pages),
        CASE(half_a_topic_is_read_again),
        CASE(or_by_metadata),
        CASE(offsets_come_in_the_order_of_the_question),
        CASE(records_are_deleted_by_their_leaders),
        CASE(settings_come_from_whom_they_are_of),
        CASE(changes_of_one_resource_go_together),
        CASE(resources_are_listed),
        CASE(the_cluster_is_one_item),
        CASE(each_broker_tells_of_its_directories),
        CASE(each_broker_tells_what_it_speaks),
        CASE(features_are_updated_together),
        CASE(leaders_are_elected),
        CASE(partitions_move_and_tell),
        CASE(producers_are_known_to_leaders),
        CASE(no_memory_is_an_error),
        CASE(no_memory_for_an_answer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
