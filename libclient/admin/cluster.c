/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster: by DescribeCluster, or by Metadata without topics; and what its
 * brokers have agreed on. */
#include "libclient/admin/table.h"
#include "wire/gen/describe_cluster.h"
#include "wire/gen/metadata.h"
#include "wire/gen/update_features.h"
#include <stdlib.h>

static int by_node(const void *a, const void *b)
{
    const kurier_broker_info *x = a, *y = b;
    return (x->node > y->node) - (x->node < y->node);
}

static uint32_t operations(const struct kc_admin_part *part, int32_t told)
{
    bool asked = kc_admin_request(part)->flags & KURIER_WITH_OPERATIONS;
    return asked && told != INT32_MIN ? (uint32_t)told : 0;
}

static kurier_broker_info *add_brokers(struct kc_admin_part *part, kurier_cluster_info *cluster,
                                       int32_t count)
{
    kurier_broker_info *brokers =
        kc_admin_array(part, count, sizeof *brokers, &cluster->broker_count);
    cluster->brokers = brokers;
    return brokers;
}

static void sort_brokers(kurier_broker_info *brokers, uint32_t count)
{
    if (count)
        qsort(brokers, count, sizeof *brokers, by_node);
}

/* ---- DescribeCluster ------------------------------------------------------------------------*/

static bool build_describe_cluster(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_describe_cluster_request *request, int16_t version)
{
    uint32_t flags = kc_admin_request(part)->flags;
    (void)arena;
    request->include_cluster_authorized_operations = flags & KURIER_WITH_OPERATIONS;
    request->include_fenced_brokers = version >= 2 && flags & KURIER_WITH_FENCED;
    return true;
}

static int collect_describe_cluster(struct kc_admin_part *part,
                                    const struct kw_describe_cluster_response *response,
                                    struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, response->error_message, err);
    union kc_admin_info *info = kc_admin_answer(part, response->cluster_id, -1, 0, kb_slice_null());
    if (!info)
        return 0;
    kurier_broker_info *brokers = add_brokers(part, &info->cluster, response->brokers_count);
    info->cluster.controller = response->controller_id;
    info->cluster.operations = operations(part, response->cluster_authorized_operations);
    for (uint32_t i = 0; i < info->cluster.broker_count; i++)
        brokers[i] = (kurier_broker_info){
            .host = kc_admin_text(part, response->brokers[i].host),
            .rack = kc_admin_text(part, response->brokers[i].rack),
            .node = response->brokers[i].broker_id,
            .port = response->brokers[i].port,
            .fenced = response->brokers[i].is_fenced,
        };
    sort_brokers(brokers, info->cluster.broker_count);
    return 0;
}

KC_ADMIN_ENCODE(describe_cluster)
KC_ADMIN_TAKE(describe_cluster)

/* ---- Metadata -------------------------------------------------------------------------------*/

static bool build_metadata(struct kc_admin_part *part, struct kb_arena *arena,
                           struct kw_metadata_request *request, int16_t version)
{
    bool operations = kc_admin_request(part)->flags & KURIER_WITH_OPERATIONS;
    (void)arena;
    request->include_cluster_authorized_operations = version >= 8 && version <= 10 && operations;
    return true;
}

static int collect_metadata(struct kc_admin_part *part, const struct kw_metadata_response *response,
                            struct kb_error *err)
{
    struct kb_slice id = response->cluster_id;
    (void)err;
    union kc_admin_info *info =
        kc_admin_answer(part, id.data ? id : kb_slice_str(""), -1, 0, kb_slice_null());
    if (!info)
        return 0;
    kurier_broker_info *brokers = add_brokers(part, &info->cluster, response->brokers_count);
    info->cluster.controller = response->controller_id;
    info->cluster.operations = operations(part, response->cluster_authorized_operations);
    for (uint32_t i = 0; i < info->cluster.broker_count; i++)
        brokers[i] = (kurier_broker_info){
            .host = kc_admin_text(part, response->brokers[i].host),
            .rack = kc_admin_text(part, response->brokers[i].rack),
            .node = response->brokers[i].node_id,
            .port = response->brokers[i].port,
        };
    sort_brokers(brokers, info->cluster.broker_count);
    return 0;
}

KC_ADMIN_ENCODE(metadata)
KC_ADMIN_TAKE(metadata)

/* Metadata lost the operations in version 11, when DescribeCluster was there. */
static const struct kc_admin_api cluster_by_metadata = {
    .name = "describe_cluster",
    .kind = KURIER_ITEM_CLUSTER,
    .key = KW_API_METADATA,
    .min_version = 1,
    .max_version = 10,
    .route = KC_ANY_BROKER,
    .encode = encode_metadata,
    .take = take_metadata,
};

static const struct kc_admin_api describe_cluster = {
    .name = "describe_cluster",
    .kind = KURIER_ITEM_CLUSTER,
    .flags = KURIER_WITH_OPERATIONS | KURIER_WITH_FENCED,
    .key = KW_API_DESCRIBE_CLUSTER,
    .min_version = 0,
    .max_version = 2,
    .route = KC_ANY_BROKER,
    .encode = encode_describe_cluster,
    .take = take_describe_cluster,
    .instead = &cluster_by_metadata,
};

kurier_request *kurier_admin_describe_cluster(void)
{
    kurier_request *request = kc_request_new(&describe_cluster, 0);
    if (request)
        request->all = true;
    return request;
}

/* ---- UpdateFeatures --------------------------------------------------------------------------*/

enum { UPGRADE = 1, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE };

static bool build_update_features(struct kc_admin_part *part, struct kb_arena *arena,
                                  struct kw_update_features_request *request, int16_t version)
{
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->validate_only = kc_admin_request(part)->flags & KURIER_VALIDATE_ONLY;
    request->feature_updates =
        kb_arena_array(arena, part->count + 1, sizeof *request->feature_updates);
    for (size_t i = 0; request->feature_updates && i < part->count; i++) {
        const kurier_feature_change *from = part->items[i]->with;
        struct kw_update_features_request_feature_update *to =
            &request->feature_updates[request->feature_updates_count++];
        kw_update_features_request_feature_update_init(to);
        to->feature = kb_slice_str(part->items[i]->name);
        to->max_version_level = from->level;
        if (version == 0)
            to->allow_downgrade = from->down || from->unsafe;
        else
            to->upgrade_type = from->unsafe ? UNSAFE_DOWNGRADE
                               : from->down ? SAFE_DOWNGRADE
                                            : UPGRADE;
    }
    return true;
}

/* From version 2 on it is all or nothing. */
static int collect_update_features(struct kc_admin_part *part,
                                   const struct kw_update_features_response *response,
                                   struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, response->error_message, err);
    for (int32_t i = 0; i < response->results_count; i++)
        kc_admin_answer(part, response->results[i].feature, -1, response->results[i].error_code,
                        response->results[i].error_message);
    kc_admin_answer_rest(part, 0, NULL);
    return 0;
}

KC_ADMIN_ENCODE(update_features)
KC_ADMIN_TAKE(update_features)

static int16_t update_needs(const kurier_request *request)
{
    return request->flags & KURIER_VALIDATE_ONLY ? 1 : 0;
}

static const struct kc_admin_api update_features = {
    .name = "update_features",
    .since = "2.7",
    .kind = KURIER_ITEM,
    .flags = KURIER_VALIDATE_ONLY,
    .key = KW_API_UPDATE_FEATURES,
    .min_version = 0,
    .max_version = 2,
    .route = KC_CONTROLLER,
    .needs = update_needs,
    .encode = encode_update_features,
    .take = take_update_features,
};

kurier_request *kurier_admin_update_features(const kurier_feature_change *changes, size_t n)
{
    kurier_request *request = kc_request_new(&update_features, n);
    for (size_t i = 0; request && i < n; i++)
        kc_request_item(request, i, changes[i].name, -1)->with =
            kc_request_copy(request, &changes[i], sizeof changes[i]);
    return kc_request_whole(request);
}
