/* SPDX-License-Identifier: Apache-2.0 */
/* ListConfigResources: what DescribeConfigs could be asked about; of groups those that
 * have something of their own. There are no configurations of client metrics. */
#include "wire/gen/list_config_resources.h"
#include "broker/api/api.h"
#include "broker/api/config_resource.h"
#include "broker/server/configs_groups.h"
#include <stdio.h>

/* In the order in which they are told. */
static const int8_t known[] = {KD_RESOURCE_TOPIC, KD_RESOURCE_BROKER, KD_RESOURCE_BROKER_LOGGER,
                               KD_RESOURCE_CLIENT_METRICS, KD_RESOURCE_GROUP};

struct list {
    struct kd_request *request;
    struct kw_list_config_resources_request in;
    struct kw_list_config_resources_response out;
};

static bool is_known(int8_t type)
{
    return memchr(known, type, sizeof known);
}

/* Version 0 knows client metrics alone; no types at all are all of them. */
static bool is_wanted(const struct list *list, int8_t type)
{
    if (list->request->header.version == 0)
        return type == KD_RESOURCE_CLIENT_METRICS;
    return list->in.resource_types_count <= 0 ||
           memchr(list->in.resource_types, type, (size_t)list->in.resource_types_count);
}

static void add(struct list *list, int8_t type, struct kb_slice name)
{
    struct kw_list_config_resources_response_config_resource *out =
        &list->out.config_resources[list->out.config_resources_count++];
    kw_list_config_resources_response_config_resource_init(out);
    out->resource_type = type;
    out->resource_name = name;
}

static void add_topics(struct list *list)
{
    const struct kd_topics *topics = &list->request->shard->topics;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        add(list, KD_RESOURCE_TOPIC, kb_slice_str(t->name));
}

static void add_groups(struct list *list)
{
    const struct kd_configs *configs = &list->request->shard->configs;
    const struct kd_group_settings *at = NULL;
    while ((at = kd_group_settings_next(configs, at)))
        if (at->overrides.count)
            add(list, KD_RESOURCE_GROUP, kb_slice_of(at->name, at->name_size));
}

static void fill(struct list *list)
{
    struct kd_request *request = list->request;
    size_t room = request->shard->topics.by_name.count + request->shard->configs.groups.count + 1;
    char self[16];
    snprintf(self, sizeof self, "%d", request->shard->config->node_id);
    list->out.config_resources =
        kb_arena_array(&request->arena, room, sizeof *list->out.config_resources);
    if (!list->out.config_resources)
        return;
    if (is_wanted(list, KD_RESOURCE_TOPIC))
        add_topics(list);
    if (is_wanted(list, KD_RESOURCE_BROKER))
        add(list, KD_RESOURCE_BROKER, kd_keep(request, kb_slice_str(self)));
    if (is_wanted(list, KD_RESOURCE_GROUP))
        add_groups(list);
}

void kd_handle_list_config_resources(struct kd_request *request)
{
    struct list list = {.request = request};
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_list_config_resources_request_decode(&request->body, version, &request->arena,
                                                 &list.in)) {
        kd_request_refuse(request);
        return;
    }
    kw_list_config_resources_response_init(&list.out);
    for (int32_t i = 0; i < list.in.resource_types_count; i++)
        if (!is_known(list.in.resource_types[i]))
            list.out.error_code = KB_E_UNSUPPORTED_VERSION;
    if (!list.out.error_code)
        fill(&list);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_list_config_resources_response_encode(&w, version, &list.out);
    kd_answer_end(request, &w);
}
