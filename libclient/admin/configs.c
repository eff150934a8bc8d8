/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of topics, brokers, groups. What is a broker's own, that broker is asked;
 * the partition of an item here is the kind of its resource. */
#include "libclient/admin/table.h"
#include "wire/gen/describe_configs.h"
#include "wire/gen/incremental_alter_configs.h"
#include "wire/gen/list_config_resources.h"
#include <stdlib.h>

static void start_resource(const struct kc_admin_item *item, union kc_admin_info *info)
{
    info->resource.kind = (kurier_resource)item->partition;
    info->resource.partition = -1;
}

static void start_change(const struct kc_admin_item *item, union kc_admin_info *info)
{
    (void)item;
    info->item.partition = -1;
}

static void add_resource(kurier_request *request, size_t i, kurier_resource kind, const char *name,
                         const void *with)
{
    struct kc_admin_item *item = kc_request_item(request, i, name, (int32_t)kind);
    bool of_broker = kind == KURIER_BROKER || kind == KURIER_BROKER_LOGGER;
    char *end;
    item->with = with;
    if (!of_broker || !*item->name)
        return;
    long node = strtol(item->name, &end, 10);
    if (*end || node < 0 || node > INT32_MAX)
        kc_request_refuse(request, "\"%s\" is no node id of a broker", item->name);
    item->node = (int32_t)node;
}

/* ---- DescribeConfigs ----------------------------------------------------------------------*/

static void list_keys(struct kb_arena *arena, const kurier_resource_ref *from,
                      struct kw_describe_configs_request_resource *to)
{
    size_t n = 0;
    to->configuration_keys_count = -1;
    if (!from->keys)
        return;
    while (from->keys[n])
        n++;
    to->configuration_keys = kb_arena_array(arena, n + 1, sizeof *to->configuration_keys);
    to->configuration_keys_count = to->configuration_keys ? (int32_t)n : 0;
    for (int32_t i = 0; i < to->configuration_keys_count; i++)
        to->configuration_keys[i] = kb_slice_str(from->keys[i]);
}

static bool build_describe_configs(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_describe_configs_request *request, int16_t version)
{
    request->include_synonyms = true;
    request->include_documentation =
        version >= 3 && kc_admin_request(part)->flags & KURIER_WITH_DOCS;
    request->resources = kb_arena_array(arena, part->count + 1, sizeof *request->resources);
    for (size_t i = 0; request->resources && i < part->count; i++) {
        struct kw_describe_configs_request_resource *to =
            &request->resources[request->resources_count++];
        to->resource_type = (int8_t)part->items[i]->partition;
        to->resource_name = kb_slice_str(part->items[i]->name);
        list_keys(arena, part->items[i]->with, to);
    }
    return true;
}

static int by_key(const void *a, const void *b)
{
    const kurier_setting *x = a, *y = b;
    return x->key && y->key ? strcmp(x->key, y->key) : 0;
}

static void take_synonyms(struct kc_admin_part *part,
                          const struct kw_describe_configs_response_config *from,
                          kurier_setting *to)
{
    kurier_synonym *synonyms =
        kc_admin_array(part, from->synonyms_count, sizeof *synonyms, &to->synonym_count);
    to->synonyms = synonyms;
    for (uint32_t i = 0; i < to->synonym_count; i++) {
        synonyms[i].key = kc_admin_text(part, from->synonyms[i].name);
        synonyms[i].value = kc_admin_text(part, from->synonyms[i].value);
        synonyms[i].source = (kurier_source)from->synonyms[i].source;
    }
}

static void take_settings(struct kc_admin_part *part,
                          const struct kw_describe_configs_response_resource *from,
                          kurier_resource_info *to)
{
    kurier_setting *settings =
        kc_admin_array(part, from->configs_count, sizeof *settings, &to->setting_count);
    to->settings = settings;
    for (uint32_t i = 0; i < to->setting_count; i++) {
        const struct kw_describe_configs_response_config *config = &from->configs[i];
        settings[i].key = kc_admin_text(part, config->name);
        settings[i].value = kc_admin_text(part, config->value);
        settings[i].doc = kc_admin_text(part, config->documentation);
        settings[i].source = (kurier_source)KB_MAX(config->config_source, 0);
        settings[i].type = (kurier_setting_type)config->config_type;
        settings[i].read_only = config->read_only;
        settings[i].sensitive = config->is_sensitive;
        take_synonyms(part, config, &settings[i]);
    }
    if (to->setting_count)
        qsort(settings, to->setting_count, sizeof *settings, by_key);
}

static int collect_describe_configs(struct kc_admin_part *part,
                                    const struct kw_describe_configs_response *response,
                                    struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->results_count; i++) {
        const struct kw_describe_configs_response_resource *from = &response->results[i];
        union kc_admin_info *info = kc_admin_answer(part, from->resource_name, from->resource_type,
                                                    from->error_code, from->error_message);
        if (info)
            take_settings(part, from, &info->resource);
    }
    return 0;
}

KC_ADMIN_ENCODE(describe_configs)
KC_ADMIN_TAKE(describe_configs)

static const struct kc_admin_api describe_configs = {
    .name = "describe_configs",
    .since = "0.11",
    .kind = KURIER_ITEM_RESOURCE,
    .flags = KURIER_WITH_DOCS,
    .key = KW_API_DESCRIBE_CONFIGS,
    .min_version = 1,
    .max_version = 4,
    .route = KC_ROUTE_EACH,
    .start = start_resource,
    .encode = encode_describe_configs,
    .take = take_describe_configs,
};

kurier_request *kurier_admin_describe_configs(const kurier_resource_ref *resources, size_t n)
{
    kurier_request *request = kc_request_new(&describe_configs, n);
    for (size_t i = 0; request && i < n; i++) {
        kurier_resource_ref copy = resources[i];
        copy.keys = kc_request_texts(request, copy.keys);
        add_resource(request, i, copy.kind, copy.name,
                     kc_request_copy(request, &copy, sizeof copy));
    }
    return kc_request_whole(request);
}

/* ---- IncrementalAlterConfigs ----------------------------------------------------------------*/

static void list_changes(struct kc_admin_part *part, size_t i, size_t n, struct kb_arena *arena,
                         struct kw_incremental_alter_configs_request_resource *to)
{
    to->resource_type = (int8_t)part->items[i]->partition;
    to->resource_name = kb_slice_str(part->items[i]->name);
    to->configs = kb_arena_array(arena, n, sizeof *to->configs);
    to->configs_count = to->configs ? (int32_t)n : 0;
    for (int32_t k = 0; k < to->configs_count; k++) {
        const kurier_setting_change *from = part->items[i + (size_t)k]->with;
        to->configs[k].name = kb_slice_str(from->key);
        to->configs[k].config_operation = (int8_t)from->change;
        to->configs[k].value = kb_slice_str(from->value);
    }
}

/* Changes of one resource stand side by side. */
static size_t count_changes(const struct kc_admin_part *part, size_t i)
{
    size_t n = 1;
    while (i + n < part->count && !kc_admin_compare(part->items[i], part->items[i + n]))
        n++;
    return n;
}

static bool build_incremental_alter_configs(struct kc_admin_part *part, struct kb_arena *arena,
                                            struct kw_incremental_alter_configs_request *request,
                                            int16_t version)
{
    (void)version;
    request->validate_only = kc_admin_request(part)->flags & KURIER_VALIDATE_ONLY;
    request->resources = kb_arena_array(arena, part->count + 1, sizeof *request->resources);
    for (size_t i = 0, n; request->resources && i < part->count; i += n) {
        n = count_changes(part, i);
        list_changes(part, i, n, arena, &request->resources[request->resources_count++]);
    }
    return true;
}

static int collect_incremental_alter_configs(
    struct kc_admin_part *part, const struct kw_incremental_alter_configs_response *response,
    struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->responses_count; i++)
        kc_admin_answer(part, response->responses[i].resource_name,
                        response->responses[i].resource_type, response->responses[i].error_code,
                        response->responses[i].error_message);
    return 0;
}

KC_ADMIN_ENCODE(incremental_alter_configs)
KC_ADMIN_TAKE(incremental_alter_configs)

static const struct kc_admin_api alter_configs = {
    .name = "alter_configs",
    .since = "2.3",
    .kind = KURIER_ITEM,
    .flags = KURIER_VALIDATE_ONLY,
    .key = KW_API_INCREMENTAL_ALTER_CONFIGS,
    .min_version = 0,
    .max_version = 1,
    .route = KC_ROUTE_EACH,
    .together = true,
    .start = start_change,
    .encode = encode_incremental_alter_configs,
    .take = take_incremental_alter_configs,
    .retry = {KB_E_NOT_CONTROLLER},
};

kurier_request *kurier_admin_alter_configs(const kurier_setting_change *changes, size_t n)
{
    kurier_request *request = kc_request_new(&alter_configs, n);
    for (size_t i = 0; request && i < n; i++) {
        kurier_setting_change copy = changes[i];
        if (!copy.key)
            kc_request_refuse(request, "number %zu has no key", i);
        if (copy.change == KURIER_SET && !copy.value)
            copy.change = KURIER_DELETE;
        copy.key = kc_request_text(request, copy.key);
        copy.value = kc_request_text(request, copy.value);
        add_resource(request, i, copy.kind, copy.name,
                     kc_request_copy(request, &copy, sizeof copy));
    }
    return kc_request_whole(request);
}

/* ---- ListConfigResources ----------------------------------------------------------------------*/

static bool build_list_config_resources(struct kc_admin_part *part, struct kb_arena *arena,
                                        struct kw_list_config_resources_request *request,
                                        int16_t version)
{
    int32_t kinds = kc_admin_request(part)->option;
    request->resource_types = kb_arena_array(arena, 32, sizeof *request->resource_types);
    if (!request->resource_types || version == 0)
        return true; /* client metrics is all that it knows */
    for (int32_t kind = 1; kind <= INT8_MAX; kind *= 2)
        if (kinds & kind)
            request->resource_types[request->resource_types_count++] = (int8_t)kind;
    return true;
}

static int collect_list_config_resources(struct kc_admin_part *part,
                                         const struct kw_list_config_resources_response *response,
                                         struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, kb_slice_null(), err);
    for (int32_t i = 0; i < response->config_resources_count; i++) {
        union kc_admin_info *info = kc_admin_answer(
            part, response->config_resources[i].resource_name, -1, 0, kb_slice_null());
        if (info)
            info->resource.kind = (kurier_resource)response->config_resources[i].resource_type;
    }
    return 0;
}

KC_ADMIN_ENCODE(list_config_resources)
KC_ADMIN_TAKE(list_config_resources)

static int16_t list_needs(const kurier_request *request)
{
    return request->option == KURIER_CLIENT_METRICS ? 0 : 1;
}

static const struct kc_admin_api list_resources = {
    .name = "list_resources",
    .since = "4.1",
    .kind = KURIER_ITEM_RESOURCE,
    .key = KW_API_LIST_CONFIG_RESOURCES,
    .min_version = 0,
    .max_version = 1,
    .route = KC_ANY_BROKER,
    .needs = list_needs,
    .encode = encode_list_config_resources,
    .take = take_list_config_resources,
};

kurier_request *kurier_admin_list_resources(uint32_t kinds)
{
    kurier_request *request = kc_request_new(&list_resources, 0);
    if (!request)
        return NULL;
    request->all = true;
    request->option = (int32_t)kinds;
    return request;
}

/* ---- Names ------------------------------------------------------------------------------------*/

const char *kurier_source_name(kurier_source source)
{
    static const char *const names[] = {
        [KURIER_SOURCE_UNKNOWN] = "UNKNOWN",
        [KURIER_SOURCE_TOPIC] = "DYNAMIC_TOPIC_CONFIG",
        [KURIER_SOURCE_BROKER] = "DYNAMIC_BROKER_CONFIG",
        [KURIER_SOURCE_BROKERS] = "DYNAMIC_DEFAULT_BROKER_CONFIG",
        [KURIER_SOURCE_FILE] = "STATIC_BROKER_CONFIG",
        [KURIER_SOURCE_DEFAULT] = "DEFAULT_CONFIG",
        [KURIER_SOURCE_BROKER_LOGGER] = "DYNAMIC_BROKER_LOGGER_CONFIG",
        [KURIER_SOURCE_CLIENT_METRICS] = "DYNAMIC_CLIENT_METRICS_CONFIG",
        [KURIER_SOURCE_GROUP] = "DYNAMIC_GROUP_CONFIG",
    };
    return (size_t)source < KB_ARRAY_SIZE(names) ? names[source] : names[KURIER_SOURCE_UNKNOWN];
}

const char *kurier_setting_type_name(kurier_setting_type type)
{
    static const char *const names[] = {
        [KURIER_TYPE_UNKNOWN] = "UNKNOWN", [KURIER_TYPE_BOOLEAN] = "BOOLEAN",
        [KURIER_TYPE_STRING] = "STRING",   [KURIER_TYPE_INT] = "INT",
        [KURIER_TYPE_SHORT] = "SHORT",     [KURIER_TYPE_LONG] = "LONG",
        [KURIER_TYPE_DOUBLE] = "DOUBLE",   [KURIER_TYPE_LIST] = "LIST",
        [KURIER_TYPE_CLASS] = "CLASS",     [KURIER_TYPE_PASSWORD] = "PASSWORD",
    };
    return (size_t)type < KB_ARRAY_SIZE(names) ? names[type] : names[KURIER_TYPE_UNKNOWN];
}
