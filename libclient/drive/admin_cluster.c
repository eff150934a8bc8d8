/* SPDX-License-Identifier: Apache-2.0 */
/* Brokers and configuration; and what all rows share. */
#include "base/check.h"
#include "libclient/drive/admin_table.h"
#include "libclient/drive/cluster.h"
#include "wire/api.h"
#include "wire/gen/describe_cluster.h"
#include "wire/gen/describe_configs.h"

int kc_admin_unreadable(const struct kc_admin_part *part, const struct kw_reader *body,
                        struct kb_error *err)
{
    return kb_error_set(err, KB_E_PROTOCOL, "an answer to %s that cannot be read: %s",
                        kw_api_name(part->admin->stage->key),
                        body->fault ? body->fault : "out of memory");
}

int kc_admin_no_memory(struct kb_error *err)
{
    return kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
}

bool kc_admin_outcome(struct kc_admin_part *part, struct kb_slice name, int16_t code,
                      struct kb_slice text)
{
    kurier_result *result = part->admin->result;
    kurier_row *row = kc_result_row(result);
    if (!row)
        return false;
    row->name = kc_result_text(result, name);
    row->code = (kurier_code)code;
    row->text = kc_result_text(result, text);
    return true;
}

/* ---- DescribeConfigs ------------------------------------------------------------------------*/

static bool build_describe_configs(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_describe_configs_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    (void)version;
    request->resources = kb_arena_array(arena, 1, sizeof *request->resources);
    if (!request->resources)
        return false;
    request->resources_count = 1;
    request->resources[0].resource_type = (int8_t)from->resource;
    request->resources[0].resource_name = kb_slice_str(from->names[0]);
    request->resources[0].configuration_keys_count = -1;
    return true;
}

static int collect_describe_configs(struct kc_admin_part *part,
                                    const struct kw_describe_configs_response *response,
                                    struct kb_error *err)
{
    kurier_result *result = part->admin->result;
    for (int32_t i = 0; i < response->results_count; i++) {
        const struct kw_describe_configs_response_resource *resource = &response->results[i];
        const char *name = kc_result_text(result, resource->resource_name);
        if (resource->error_code &&
            !kc_admin_outcome(part, resource->resource_name, resource->error_code,
                              resource->error_message))
            return kc_admin_no_memory(err);
        for (int32_t k = 0; k < resource->configs_count; k++) {
            kurier_row *row = kc_result_row(result);
            if (!row)
                return kc_admin_no_memory(err);
            row->name = name;
            row->key = kc_result_text(result, resource->configs[k].name);
            row->value = kc_result_text(result, resource->configs[k].value);
        }
    }
    return 0;
}

KC_ADMIN_ENCODE(describe_configs)
KC_ADMIN_TAKE(describe_configs)

#define DESCRIBE_CONFIGS(to)                                                                       \
    {                                                                                              \
        .key = KW_API_DESCRIBE_CONFIGS, .min_version = 1, .max_version = 4, .route = (to),         \
        .encode = encode_describe_configs, .take = take_describe_configs,                          \
    }
const struct kc_admin_api kc_admin_topic_configs = DESCRIBE_CONFIGS(KC_ANY_BROKER);
const struct kc_admin_api kc_admin_broker_configs = DESCRIBE_CONFIGS(KC_ROUTE_NODE);

/* ---- DescribeCluster, or Metadata without topics -----------------------------------------------*/

static bool add_broker(struct kc_admin_part *part, int32_t id, struct kb_slice host, int32_t port,
                       struct kb_slice rack, bool controller)
{
    kurier_result *result = part->admin->result;
    kurier_row *row = kc_result_row(result);
    if (!row)
        return false;
    row->name = kc_result_text(result, host);
    row->partition = port;
    row->leader = id;
    row->key = controller ? "controller" : NULL;
    row->value = kc_result_text(result, rack);
    return row->name != NULL;
}

static bool build_describe_cluster(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_describe_cluster_request *request, int16_t version)
{
    (void)part, (void)arena, (void)request, (void)version;
    return true;
}

static int collect_describe_cluster(struct kc_admin_part *part,
                                    const struct kw_describe_cluster_response *response,
                                    struct kb_error *err)
{
    if (response->error_code)
        return kb_error_set(err, response->error_code, "DescribeCluster: %s",
                            kb_code_text(response->error_code));
    for (int32_t i = 0; i < response->brokers_count; i++)
        if (!add_broker(part, response->brokers[i].broker_id, response->brokers[i].host,
                        response->brokers[i].port, response->brokers[i].rack,
                        response->brokers[i].broker_id == response->controller_id))
            return kc_admin_no_memory(err);
    return 0;
}

KC_ADMIN_ENCODE(describe_cluster)
KC_ADMIN_TAKE(describe_cluster)

static int encode_no_topics(struct kc_admin_part *part, int16_t version, struct kw_writer *out)
{
    struct kw_metadata_request request;
    (void)part;
    kw_metadata_request_init(&request);
    return kw_metadata_request_encode(out, version, &request) ? 0 : KB_E_UNSUPPORTED;
}

static int take_brokers(struct kc_admin_part *part, int16_t version, struct kw_reader *body,
                        struct kb_error *err)
{
    struct kw_metadata_response response;
    struct kb_arena arena;
    int code = 0;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    if (!kw_metadata_response_decode(body, version, &arena, &response))
        code = kc_admin_unreadable(part, body, err);
    for (int32_t i = 0; !code && i < response.brokers_count; i++)
        if (!add_broker(part, response.brokers[i].node_id, response.brokers[i].host,
                        response.brokers[i].port, response.brokers[i].rack,
                        response.brokers[i].node_id == response.controller_id))
            code = kc_admin_no_memory(err);
    kb_arena_deinit(&arena);
    return code;
}

static const struct kc_admin_api cluster_by_metadata = {
    .key = KW_API_METADATA,
    .min_version = 1,
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .encode = encode_no_topics,
    .take = take_brokers,
};

const struct kc_admin_api kc_admin_cluster = {
    .key = KW_API_DESCRIBE_CLUSTER,
    .min_version = 0,
    .max_version = 2,
    .route = KC_ANY_BROKER,
    .encode = encode_describe_cluster,
    .take = take_describe_cluster,
    .instead = &cluster_by_metadata,
};
