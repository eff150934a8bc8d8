/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/config_resource.h"
#include "broker/server/configs_groups.h"
#include <stdio.h>

/* ---- Whose it is -------------------------------------------------------- */

const char *kd_resource_type_name(int8_t type)
{
    switch (type) {
    case KD_RESOURCE_TOPIC:
        return "TOPIC";
    case KD_RESOURCE_BROKER:
        return "BROKER";
    case KD_RESOURCE_BROKER_LOGGER:
        return "BROKER_LOGGER";
    case KD_RESOURCE_CLIENT_METRICS:
        return "CLIENT_METRICS";
    case KD_RESOURCE_GROUP:
        return "GROUP";
    default:
        return "unknown";
    }
}

static int check_topic(const struct kd_shard *shard, struct kb_slice name, struct kb_error *err)
{
    if (!kd_topic_name_is_valid(name))
        return kb_error_set(err, KB_E_INVALID_TOPIC_EXCEPTION,
                            "a topic's name is 1 to 249 of a-z A-Z 0-9 . _ -");
    if (!kd_topics_find(&shard->topics, name))
        return kb_error_set(err, KB_E_UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic");
    return 0;
}

static int check_group(struct kb_slice name, struct kb_error *err)
{
    char path[KD_GROUP_PATH];
    if (kd_group_settings_path(name, path))
        return 0;
    return kb_error_set(err, KB_E_INVALID_REQUEST,
                        "a group's name must not be empty, nor longer than %d bytes to be "
                        "configured, where all but letters, digits, '_' and '-' count three",
                        KD_GROUP_PATH - 12);
}

int kd_config_resource(const struct kd_shard *shard, int8_t type, struct kb_slice name,
                       enum kd_entity *entity, struct kb_error *err)
{
    char self[16];
    snprintf(self, sizeof self, "%d", shard->config->node_id);
    *entity = KD_ENTITY_TOPIC;
    if (type == KD_RESOURCE_TOPIC)
        return check_topic(shard, name, err);
    *entity = KD_ENTITY_GROUP;
    if (type == KD_RESOURCE_GROUP)
        return check_group(name, err);
    if (type != KD_RESOURCE_BROKER)
        return kb_error_set(err, KB_E_INVALID_REQUEST,
                            "resource type %d (%s) has no configuration here; topics (%d), "
                            "brokers (%d) and groups (%d) have",
                            type, kd_resource_type_name(type), KD_RESOURCE_TOPIC,
                            KD_RESOURCE_BROKER, KD_RESOURCE_GROUP);
    *entity = name.size ? KD_ENTITY_BROKER : KD_ENTITY_CLUSTER;
    if (name.size && !kb_slice_is(name, self))
        return kb_error_set(err, KB_E_INVALID_REQUEST,
                            "this is broker %s; an empty name is for all brokers", self);
    return 0;
}

/* ---- Where values come from --------------------------------------------- */

struct kb_slice kd_config_text(struct kd_request *request, const struct kb_option *row,
                               const void *values)
{
    bool is_text = row->type == KB_OPT_STRING || row->type == KB_OPT_LIST;
    if (is_text) {
        const char *text = *(char *const *)((const char *)values + row->field);
        return kd_keep(request, kb_slice_str(text));
    }
    char text[256];
    kb_options_get(row, values, text, sizeof text);
    return kd_keep(request, kb_slice_str(text));
}

static int add(struct kd_config_source *out, int count, const char *key, struct kb_slice value,
               enum kd_config_origin origin)
{
    if (kb_slice_is_null(value) || count == KD_CONFIG_SOURCES)
        return count;
    out[count] = (struct kd_config_source){key, value, (int8_t)origin};
    return count + 1;
}

/* The broker's row, then those that count where it is not set. */
static int add_broker(struct kd_request *request, const struct kb_option *row,
                      struct kd_config_source *out, int count)
{
    const struct kd_live_config *live = &request->shard->configs.live;
    static const enum kd_config_origin origins[] = {KD_FROM_CLUSTER, KD_FROM_BROKER};
    for (int layer = KD_LAYERS - 1; layer >= 0; layer--)
        count = add(out, count, row->key,
                    kb_slice_str(kd_overrides_get(&live->layers[layer], row->key)), origins[layer]);
    for (const struct kb_option *at = row; at; at = kd_config_coarser(at))
        if (kd_config_is_given(live->file, at))
            count = add(out, count, at->key, kd_config_text(request, at, live->file), KD_FROM_FILE);
    return add(out, count, row->key, kb_slice_str(row->value), KD_FROM_DEFAULT);
}

int kd_config_sources(struct kd_request *request, const struct kb_option *row,
                      const struct kd_overrides *own, struct kd_config_source *out)
{
    if (!own)
        return add_broker(request, row, out, 0);
    const struct kb_option *broker = kb_options_find(kd_config_table(), row->synonym);
    enum kd_config_origin origin = row->scope == KD_SCOPE_GROUP ? KD_FROM_GROUP : KD_FROM_TOPIC;
    int count = add(out, 0, row->key, kb_slice_str(kd_overrides_get(own, row->key)), origin);
    return add_broker(request, broker, out, count);
}
