/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_API_H
#define KD_API_H
/*
 * The APIs that this broker serves: one row per key. A row stands here only
 * once its handler works, since ApiVersions is made from the rows.
 */
#include "broker/server/request.h"

enum kd_acl_op {
    KD_ACL_NONE,
    KD_ACL_READ,
    KD_ACL_WRITE,
    KD_ACL_CREATE,
    KD_ACL_DELETE,
    KD_ACL_ALTER,
    KD_ACL_DESCRIBE,
    KD_ACL_DESCRIBE_CONFIGS,
    KD_ACL_ALTER_CONFIGS,
    KD_ACL_IDEMPOTENT_WRITE,
    KD_ACL_CLUSTER_ACTION
};
enum kd_acl_resource { KD_ON_NOTHING, KD_ON_TOPIC, KD_ON_GROUP, KD_ON_CLUSTER, KD_ON_TXN };
enum kd_throttle {
    KD_THROTTLE_REQUEST,
    KD_THROTTLE_PRODUCE,
    KD_THROTTLE_FETCH,
    KD_THROTTLE_CHANGE
};

/* One thing that a request may have to be allowed to do: which of its row's are asked of
 * a request, what it names decides, as in Kafka. A transaction's write needs those of the
 * transaction and of the topic. */
struct kd_acl_need {
    enum kd_acl_op op;
    enum kd_acl_resource resource;
};
enum { KD_ACL_NEEDS = 3 };

enum {
    KD_PIPELINED = 1,  /* several in progress on one connection */
    KD_BEFORE_AUTH = 2 /* allowed before SASL is done */
};

struct kd_api {
    int16_t key;
    int16_t min_version, max_version; /* served */
    int16_t told_min; /* advertised: lower than served where old clients ask for it */
    void (*handle)(struct kd_request *request);
    struct kd_acl_need needs[KD_ACL_NEEDS]; /* those that are not there: KD_ACL_NONE */
    enum kd_throttle throttle;
    unsigned flags;
};

const struct kd_api *kd_apis(size_t *count);
const struct kd_api *kd_api_find(int16_t key); /* NULL: not served */

void kd_handle_add_offsets_to_txn(struct kd_request *request);
void kd_handle_add_partitions_to_txn(struct kd_request *request);
void kd_handle_alter_configs(struct kd_request *request);
void kd_handle_alter_partition_reassignments(struct kd_request *request);
void kd_handle_alter_replica_log_dirs(struct kd_request *request);
void kd_handle_api_versions(struct kd_request *request);
void kd_handle_consumer_group_describe(struct kd_request *request);
void kd_handle_consumer_group_heartbeat(struct kd_request *request);
void kd_handle_create_partitions(struct kd_request *request);
void kd_handle_create_topics(struct kd_request *request);
void kd_handle_delete_groups(struct kd_request *request);
void kd_handle_delete_records(struct kd_request *request);
void kd_handle_delete_topics(struct kd_request *request);
void kd_handle_describe_cluster(struct kd_request *request);
void kd_handle_describe_configs(struct kd_request *request);
void kd_handle_describe_groups(struct kd_request *request);
void kd_handle_describe_log_dirs(struct kd_request *request);
void kd_handle_describe_producers(struct kd_request *request);
void kd_handle_describe_topic_partitions(struct kd_request *request);
void kd_handle_describe_transactions(struct kd_request *request);
void kd_handle_elect_leaders(struct kd_request *request);
void kd_handle_end_txn(struct kd_request *request);
void kd_handle_fetch(struct kd_request *request);
void kd_handle_find_coordinator(struct kd_request *request);
void kd_handle_incremental_alter_configs(struct kd_request *request);
void kd_handle_init_producer_id(struct kd_request *request);
void kd_handle_list_config_resources(struct kd_request *request);
void kd_handle_heartbeat(struct kd_request *request);
void kd_handle_init_producer_id(struct kd_request *request);
void kd_handle_join_group(struct kd_request *request);
void kd_handle_leave_group(struct kd_request *request);
void kd_handle_list_groups(struct kd_request *request);
void kd_handle_list_offsets(struct kd_request *request);
void kd_handle_list_partition_reassignments(struct kd_request *request);
void kd_handle_list_transactions(struct kd_request *request);
void kd_handle_metadata(struct kd_request *request);
void kd_handle_offset_commit(struct kd_request *request);
void kd_handle_offset_delete(struct kd_request *request);
void kd_handle_offset_fetch(struct kd_request *request);
void kd_handle_offset_for_leader_epoch(struct kd_request *request);
void kd_handle_produce(struct kd_request *request);
void kd_handle_sync_group(struct kd_request *request);
void kd_handle_txn_offset_commit(struct kd_request *request);
void kd_handle_update_features(struct kd_request *request);
void kd_handle_write_txn_markers(struct kd_request *request);

#endif
