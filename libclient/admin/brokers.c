/* SPDX-License-Identifier: Apache-2.0 */
/* What each broker says of itself: its log directories, what it speaks. */
#include "libclient/admin/table.h"
#include "wire/gen/api_versions.h"
#include "wire/gen/describe_log_dirs.h"
#include <stdlib.h>

/* ---- DescribeLogDirs ------------------------------------------------------------------------*/

static void start_log_dirs(const struct kc_admin_item *item, union kc_admin_info *info)
{
    info->log_dirs.node = item->node;
}

static bool build_describe_log_dirs(struct kc_admin_part *part, struct kb_arena *arena,
                                    struct kw_describe_log_dirs_request *request, int16_t version)
{
    (void)part, (void)arena, (void)version;
    request->topics_count = -1; /* all */
    return true;
}

static int by_topic_and_partition(const void *a, const void *b)
{
    const kurier_log_replica *x = a, *y = b;
    int order = x->topic && y->topic ? strcmp(x->topic, y->topic) : 0;
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static int32_t count_replicas(const struct kw_describe_log_dirs_response_result *from)
{
    int64_t count = 0;
    for (int32_t i = 0; i < from->topics_count; i++)
        count += from->topics[i].partitions_count;
    return (int32_t)KB_MIN(count, (int64_t)INT32_MAX);
}

static void take_replicas(struct kc_admin_part *part,
                          const struct kw_describe_log_dirs_response_result *from,
                          kurier_log_dir *to)
{
    uint32_t room, count = 0;
    kurier_log_replica *replicas =
        kc_admin_array(part, count_replicas(from), sizeof *replicas, &room);
    for (int32_t i = 0; i < from->topics_count; i++) {
        const struct kw_describe_log_dirs_response_topic *topic = &from->topics[i];
        const char *name = kc_admin_text(part, topic->name);
        for (int32_t k = 0; k < topic->partitions_count && count < room; k++)
            replicas[count++] = (kurier_log_replica){
                .topic = name,
                .partition = topic->partitions[k].partition_index,
                .future = topic->partitions[k].is_future_key,
                .size_bytes = topic->partitions[k].partition_size,
                .lag = topic->partitions[k].offset_lag,
            };
    }
    if (count)
        qsort(replicas, count, sizeof *replicas, by_topic_and_partition);
    to->replicas = replicas;
    to->replica_count = count;
}

/* Before version 3 a refusal is an answer without directories. */
static int collect_describe_log_dirs(struct kc_admin_part *part,
                                     const struct kw_describe_log_dirs_response *response,
                                     struct kb_error *err)
{
    (void)err;
    union kc_admin_info *info = kc_admin_answer_only(part, response->error_code, kb_slice_null());
    if (!info)
        return 0;
    kurier_log_dir *dirs =
        kc_admin_array(part, response->results_count, sizeof *dirs, &info->log_dirs.dir_count);
    info->log_dirs.dirs = dirs;
    for (uint32_t i = 0; i < info->log_dirs.dir_count; i++) {
        const struct kw_describe_log_dirs_response_result *from = &response->results[i];
        dirs[i].path = kc_admin_text(part, from->log_dir);
        dirs[i].code = (kurier_code)from->error_code;
        dirs[i].cordoned = from->is_cordoned;
        dirs[i].total_bytes = from->total_bytes;
        dirs[i].usable_bytes = from->usable_bytes;
        take_replicas(part, from, &dirs[i]);
    }
    return 0;
}

KC_ADMIN_ENCODE(describe_log_dirs)
KC_ADMIN_TAKE(describe_log_dirs)

static const struct kc_admin_api describe_log_dirs = {
    .name = "describe_log_dirs",
    .since = "1.0",
    .kind = KURIER_ITEM_LOG_DIRS,
    .key = KW_API_DESCRIBE_LOG_DIRS,
    .min_version = 1,
    .max_version = 5,
    .route = KC_ROUTE_BROKERS,
    .start = start_log_dirs,
    .encode = encode_describe_log_dirs,
    .take = take_describe_log_dirs,
};

kurier_request *kurier_admin_describe_log_dirs(const int32_t *nodes, size_t n)
{
    return kc_request_of_brokers(&describe_log_dirs, nodes, n);
}

/* ---- ApiVersions ------------------------------------------------------------------------------*/

static void start_versions(const struct kc_admin_item *item, union kc_admin_info *info)
{
    info->versions.node = item->node;
}

static bool build_api_versions(struct kc_admin_part *part, struct kb_arena *arena,
                               struct kw_api_versions_request *request, int16_t version)
{
    (void)part, (void)arena, (void)version;
    request->client_software_name = kb_slice_str("kurier");
    request->client_software_version = kb_slice_str(kurier_version());
    return true;
}

static int by_key(const void *a, const void *b)
{
    const kurier_api_versions *x = a, *y = b;
    return x->key - y->key;
}

static void take_apis(struct kc_admin_part *part, const struct kw_api_versions_response *response,
                      kurier_versions_info *to)
{
    kurier_api_versions *apis =
        kc_admin_array(part, response->api_keys_count, sizeof *apis, &to->api_count);
    to->apis = apis;
    for (uint32_t i = 0; i < to->api_count; i++) {
        const struct kw_api_versions_response_api *from = &response->api_keys[i];
        const struct kw_api *ours = kw_api_find(from->api_key);
        apis[i] = (kurier_api_versions){.key = from->api_key,
                                        .min = from->min_version,
                                        .max = from->max_version,
                                        .ours_min = -1,
                                        .ours_max = -1,
                                        .used = -1};
        if (!ours)
            continue;
        int16_t best = KB_MIN(ours->max_version, from->max_version);
        apis[i].name = ours->name;
        apis[i].ours_min = ours->min_version;
        apis[i].ours_max = ours->max_version;
        if (best >= KB_MAX(ours->min_version, from->min_version))
            apis[i].used = best;
    }
    if (to->api_count)
        qsort(apis, to->api_count, sizeof *apis, by_key);
}

static const struct kw_api_versions_response_finalized_feature *find_finalized(
    const struct kw_api_versions_response *response, struct kb_slice name)
{
    for (int32_t i = 0; i < response->finalized_features_count; i++)
        if (kb_slice_equal(response->finalized_features[i].name, name))
            return &response->finalized_features[i];
    return NULL;
}

static void take_features(struct kc_admin_part *part,
                          const struct kw_api_versions_response *response, kurier_versions_info *to)
{
    kurier_feature *features = kc_admin_array(part, response->supported_features_count,
                                              sizeof *features, &to->feature_count);
    to->features = features;
    to->features_epoch = response->finalized_features_epoch;
    for (uint32_t i = 0; i < to->feature_count; i++) {
        const struct kw_api_versions_response_supported_feature *from =
            &response->supported_features[i];
        const struct kw_api_versions_response_finalized_feature *agreed =
            find_finalized(response, from->name);
        features[i] = (kurier_feature){
            .name = kc_admin_text(part, from->name),
            .min = from->min_version,
            .max = from->max_version,
            .finalized_min = agreed ? agreed->min_version_level : (int16_t)-1,
            .finalized_max = agreed ? agreed->max_version_level : (int16_t)-1,
        };
    }
}

static int collect_api_versions(struct kc_admin_part *part,
                                const struct kw_api_versions_response *response,
                                struct kb_error *err)
{
    (void)err;
    union kc_admin_info *info = kc_admin_answer_only(part, response->error_code, kb_slice_null());
    if (!info)
        return 0;
    take_apis(part, response, &info->versions);
    take_features(part, response, &info->versions);
    return 0;
}

KC_ADMIN_ENCODE(api_versions)
KC_ADMIN_TAKE(api_versions)

static const struct kc_admin_api describe_versions = {
    .name = "describe_versions",
    .kind = KURIER_ITEM_VERSIONS,
    .key = KW_API_API_VERSIONS,
    .min_version = 0,
    .max_version = 4,
    .route = KC_ROUTE_BROKERS,
    .start = start_versions,
    .encode = encode_api_versions,
    .take = take_api_versions,
};

kurier_request *kurier_admin_describe_versions(const int32_t *nodes, size_t n)
{
    return kc_request_of_brokers(&describe_versions, nodes, n);
}
