/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: made, deleted, grown. */
#include "libclient/admin/table.h"
#include "base/uuid.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/delete_topics.h"

/* ---- What a new topic is -------------------------------------------------------------*/

static const kurier_nodes *copy_assigned(kurier_request *request, const kurier_new_topic *from)
{
    size_t count = from->assigned ? from->assigned_count : 0;
    kurier_nodes *copy = kb_arena_array(&request->arena, count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = kc_request_nodes(request, from->assigned[i]);
    return count ? copy : NULL;
}

static void copy_config(kurier_request *request, kurier_new_topic *copy)
{
    size_t n = 0;
    while (copy->config && copy->config[n])
        n++;
    if (n % 2)
        kc_request_refuse(request, "%s: the setting %s has no value", copy->name,
                          copy->config[n - 1]);
    copy->config = kc_request_texts(request, copy->config);
}

static kurier_request *request_of(const struct kc_admin_api *api, const kurier_new_topic *topics,
                                  size_t n)
{
    kurier_request *request = kc_request_new(api, n);
    for (size_t i = 0; request && i < n; i++) {
        kurier_new_topic copy = topics[i];
        copy.assigned = copy_assigned(request, &topics[i]);
        if (!copy.assigned)
            copy.assigned_count = 0;
        copy_config(request, &copy);
        struct kc_admin_item *item = kc_request_item(request, i, copy.name, -1);
        item->with = kc_request_copy(request, &copy, sizeof copy);
    }
    return kc_request_whole(request);
}

/* ---- CreateTopics ---------------------------------------------------------------------*/

static void list_settings(struct kb_arena *arena, const kurier_new_topic *from,
                          struct kw_create_topics_request_topic *to)
{
    size_t n = 0;
    while (from->config && from->config[2 * n])
        n++;
    to->configs = kb_arena_array(arena, n + 1, sizeof *to->configs);
    to->configs_count = to->configs ? (int32_t)n : 0;
    for (int32_t i = 0; i < to->configs_count; i++) {
        to->configs[i].name = kb_slice_str(from->config[2 * i]);
        to->configs[i].value = kb_slice_str(from->config[2 * i + 1]);
    }
}

static void list_assigned(struct kb_arena *arena, const kurier_new_topic *from,
                          struct kw_create_topics_request_topic *to)
{
    uint32_t n = from->assigned_count;
    to->assignments = kb_arena_array(arena, n + 1, sizeof *to->assignments);
    to->assignments_count = to->assignments ? (int32_t)n : 0;
    for (int32_t i = 0; i < to->assignments_count; i++) {
        to->assignments[i].partition_index = i;
        to->assignments[i].broker_ids = (int32_t *)from->assigned[i].ids;
        to->assignments[i].broker_ids_count = (int32_t)from->assigned[i].count;
    }
}

static bool build_create_topics(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_create_topics_request *request, int16_t version)
{
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->validate_only = kc_admin_request(part)->flags & KURIER_VALIDATE_ONLY;
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0; request->topics && i < part->count; i++) {
        const kurier_new_topic *from = part->items[i]->with;
        struct kw_create_topics_request_topic *to = &request->topics[request->topics_count++];
        bool chosen = from->assigned_count > 0;
        kw_create_topics_request_topic_init(to);
        to->name = kb_slice_str(part->items[i]->name);
        to->num_partitions = chosen || !from->partitions ? -1 : from->partitions;
        to->replication_factor = chosen || !from->replication ? (int16_t)-1 : from->replication;
        list_settings(arena, from, to);
        list_assigned(arena, from, to);
    }
    return true;
}

static void take_settings(struct kc_admin_part *part,
                          const struct kw_create_topics_response_topic *from, kurier_topic_info *to)
{
    kurier_setting *settings =
        kc_admin_array(part, from->configs_count, sizeof *settings, &to->setting_count);
    to->settings = settings;
    for (uint32_t i = 0; i < to->setting_count; i++) {
        const struct kw_create_topics_response_config *config = &from->configs[i];
        settings[i].key = kc_admin_text(part, config->name);
        settings[i].value = kc_admin_text(part, config->value);
        settings[i].source = (kurier_source)KB_MAX(config->config_source, 0);
        settings[i].read_only = config->read_only;
        settings[i].sensitive = config->is_sensitive;
    }
}

static int collect_create_topics(struct kc_admin_part *part,
                                 const struct kw_create_topics_response *response,
                                 struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_create_topics_response_topic *from = &response->topics[i];
        union kc_admin_info *info =
            kc_admin_answer(part, from->name, -1, from->error_code, from->error_message);
        if (!info)
            continue;
        info->topic.id = kc_admin_id_text(part, from->topic_id);
        info->topic.partition_count = from->num_partitions;
        info->topic.replication = from->replication_factor;
        take_settings(part, from, &info->topic);
    }
    return 0;
}

KC_ADMIN_ENCODE(create_topics)
KC_ADMIN_TAKE(create_topics)

/* Before version 4 the broker's defaults cannot be asked for. */
static int16_t create_needs(const kurier_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        const kurier_new_topic *topic = request->items[i].with;
        if (!topic->assigned_count && (!topic->partitions || !topic->replication))
            return 4;
    }
    return 2;
}

static const struct kc_admin_api create_topics = {
    .name = "create_topics",
    .kind = KURIER_ITEM_TOPIC,
    .flags = KURIER_VALIDATE_ONLY,
    .key = KW_API_CREATE_TOPICS,
    .min_version = 2,
    .max_version = 7,
    .route = KC_CONTROLLER,
    .needs = create_needs,
    .encode = encode_create_topics,
    .take = take_create_topics,
    .twice = KB_E_TOPIC_ALREADY_EXISTS,
};

kurier_request *kurier_admin_create_topics(const kurier_new_topic *topics, size_t n)
{
    kurier_request *request = request_of(&create_topics, topics, n);
    for (size_t i = 0; request && i < n; i++)
        if (topics[i].assigned && topics[i].partitions &&
            (uint32_t)topics[i].partitions != topics[i].assigned_count)
            kc_request_refuse(request, "%s: %d partitions, and %u are assigned",
                              request->items[i].name, topics[i].partitions,
                              topics[i].assigned_count);
    return request;
}

/* ---- DeleteTopics ----------------------------------------------------------------------*/

static bool by_id(const struct kc_admin_part *part)
{
    return kc_admin_request(part)->flags & KURIER_BY_ID;
}

static bool build_delete_topics(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_delete_topics_request *request, int16_t version)
{
    int32_t count = (int32_t)part->count;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    request->topic_names = kb_arena_array(arena, part->count + 1, sizeof *request->topic_names);
    if (!request->topics || !request->topic_names)
        return false;
    request->topics_count = version >= 6 ? count : 0;
    request->topic_names_count = version >= 6 ? 0 : count;
    for (int32_t i = 0; i < count; i++) {
        struct kb_slice name = kb_slice_str(part->items[i]->name);
        request->topic_names[i] = name;
        request->topics[i].name = by_id(part) ? kb_slice_null() : name;
        if (by_id(part))
            request->topics[i].topic_id = kc_admin_id(part->items[i]);
    }
    return true;
}

static int collect_delete_topics(struct kc_admin_part *part,
                                 const struct kw_delete_topics_response *response,
                                 struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->responses_count; i++) {
        const struct kw_delete_topics_response_topic *from = &response->responses[i];
        const char *id = by_id(part) ? kc_admin_id_text(part, from->topic_id) : NULL;
        kc_admin_answer(part, id ? kb_slice_str(id) : from->name, -1, from->error_code,
                        from->error_message);
    }
    return 0;
}

KC_ADMIN_ENCODE(delete_topics)
KC_ADMIN_TAKE(delete_topics)

static int16_t delete_needs(const kurier_request *request)
{
    return request->flags & KURIER_BY_ID ? 6 : 1;
}

static const struct kc_admin_api delete_topics = {
    .name = "delete_topics",
    .kind = KURIER_ITEM,
    .flags = KURIER_BY_ID,
    .key = KW_API_DELETE_TOPICS,
    .min_version = 1,
    .max_version = 6,
    .route = KC_CONTROLLER,
    .needs = delete_needs,
    .encode = encode_delete_topics,
    .take = take_delete_topics,
    .twice = KB_E_UNKNOWN_TOPIC_OR_PARTITION,
};

kurier_request *kurier_admin_delete_topics(const char *const *names, size_t n)
{
    return kc_request_of_names(&delete_topics, names, n);
}

/* ---- CreatePartitions --------------------------------------------------------------------*/

static bool build_create_partitions(struct kc_admin_part *part, struct kb_arena *arena,
                                    struct kw_create_partitions_request *request, int16_t version)
{
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->validate_only = kc_admin_request(part)->flags & KURIER_VALIDATE_ONLY;
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0; request->topics && i < part->count; i++) {
        const kurier_new_topic *from = part->items[i]->with;
        struct kw_create_partitions_request_topic *to = &request->topics[request->topics_count++];
        kw_create_partitions_request_topic_init(to);
        to->name = kb_slice_str(part->items[i]->name);
        to->count = from->partitions;
        to->assignments_count = -1;
        if (!from->assigned_count)
            continue;
        to->assignments = kb_arena_array(arena, from->assigned_count, sizeof *to->assignments);
        to->assignments_count = to->assignments ? (int32_t)from->assigned_count : 0;
        for (int32_t k = 0; k < to->assignments_count; k++) {
            to->assignments[k].broker_ids = (int32_t *)from->assigned[k].ids;
            to->assignments[k].broker_ids_count = (int32_t)from->assigned[k].count;
        }
    }
    return true;
}

static int collect_create_partitions(struct kc_admin_part *part,
                                     const struct kw_create_partitions_response *response,
                                     struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->results_count; i++)
        kc_admin_answer(part, response->results[i].name, -1, response->results[i].error_code,
                        response->results[i].error_message);
    return 0;
}

KC_ADMIN_ENCODE(create_partitions)
KC_ADMIN_TAKE(create_partitions)

static const struct kc_admin_api create_partitions = {
    .name = "create_partitions",
    .since = "1.0",
    .kind = KURIER_ITEM,
    .flags = KURIER_VALIDATE_ONLY,
    .key = KW_API_CREATE_PARTITIONS,
    .min_version = 0,
    .max_version = 3,
    .route = KC_CONTROLLER,
    .encode = encode_create_partitions,
    .take = take_create_partitions,
    .twice = KB_E_INVALID_PARTITIONS,
};

kurier_request *kurier_admin_create_partitions(const kurier_new_topic *topics, size_t n)
{
    kurier_request *request = request_of(&create_partitions, topics, n);
    for (size_t i = 0; request && i < n; i++)
        if (topics[i].config || topics[i].replication)
            kc_request_refuse(request, "%s: only the number of partitions can be changed here",
                              request->items[i].name);
    return request;
}
