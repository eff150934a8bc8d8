/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/api.h"

/* clang-format off */
static const struct kd_api apis[] = {
    {KW_API_PRODUCE, 3, 13, 0, kd_handle_produce, {{KD_ACL_WRITE, KD_ON_TXN}, {KD_ACL_WRITE, KD_ON_TOPIC}}, KD_THROTTLE_PRODUCE, KD_PIPELINED},
    {KW_API_FETCH, 4, 18, 4, kd_handle_fetch, {{KD_ACL_READ, KD_ON_TOPIC}}, KD_THROTTLE_FETCH, 0},
    {KW_API_LIST_OFFSETS, 1, 11, 1, kd_handle_list_offsets, {{KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_METADATA, 0, 13, 0, kd_handle_metadata, {{KD_ACL_DESCRIBE, KD_ON_TOPIC}, {KD_ACL_CREATE, KD_ON_CLUSTER}, {KD_ACL_CREATE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_FIND_COORDINATOR, 0, 6, 0, kd_handle_find_coordinator, {{KD_ACL_DESCRIBE, KD_ON_GROUP}, {KD_ACL_DESCRIBE, KD_ON_TXN}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_OFFSET_COMMIT, 2, 10, 2, kd_handle_offset_commit, {{KD_ACL_READ, KD_ON_GROUP}, {KD_ACL_READ, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_OFFSET_FETCH, 1, 10, 1, kd_handle_offset_fetch, {{KD_ACL_DESCRIBE, KD_ON_GROUP}, {KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_JOIN_GROUP, 0, 9, 0, kd_handle_join_group, {{KD_ACL_READ, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_HEARTBEAT, 0, 4, 0, kd_handle_heartbeat, {{KD_ACL_READ, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_LEAVE_GROUP, 0, 5, 0, kd_handle_leave_group, {{KD_ACL_READ, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_SYNC_GROUP, 0, 5, 0, kd_handle_sync_group, {{KD_ACL_READ, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_DESCRIBE_GROUPS, 0, 6, 0, kd_handle_describe_groups, {{KD_ACL_DESCRIBE, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_LIST_GROUPS, 0, 5, 0, kd_handle_list_groups, {{KD_ACL_DESCRIBE, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_API_VERSIONS, 0, 4, 0, kd_handle_api_versions, {{KD_ACL_NONE, KD_ON_NOTHING}}, KD_THROTTLE_REQUEST, KD_BEFORE_AUTH},
    {KW_API_CREATE_TOPICS, 2, 7, 2, kd_handle_create_topics, {{KD_ACL_CREATE, KD_ON_CLUSTER}, {KD_ACL_CREATE, KD_ON_TOPIC}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_DELETE_TOPICS, 1, 6, 1, kd_handle_delete_topics, {{KD_ACL_DELETE, KD_ON_TOPIC}, {KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_DELETE_RECORDS, 0, 2, 0, kd_handle_delete_records, {{KD_ACL_DELETE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_INIT_PRODUCER_ID, 0, 5, 0, kd_handle_init_producer_id, {{KD_ACL_WRITE, KD_ON_TXN}, {KD_ACL_IDEMPOTENT_WRITE, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_OFFSET_FOR_LEADER_EPOCH, 2, 4, 2, kd_handle_offset_for_leader_epoch, {{KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_ADD_PARTITIONS_TO_TXN, 0, 5, 0, kd_handle_add_partitions_to_txn, {{KD_ACL_WRITE, KD_ON_TXN}, {KD_ACL_WRITE, KD_ON_TOPIC}, {KD_ACL_CLUSTER_ACTION, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_ADD_OFFSETS_TO_TXN, 0, 4, 0, kd_handle_add_offsets_to_txn, {{KD_ACL_WRITE, KD_ON_TXN}, {KD_ACL_READ, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_END_TXN, 0, 5, 0, kd_handle_end_txn, {{KD_ACL_WRITE, KD_ON_TXN}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_WRITE_TXN_MARKERS, 1, 2, 1, kd_handle_write_txn_markers, {{KD_ACL_CLUSTER_ACTION, KD_ON_CLUSTER}, {KD_ACL_ALTER, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_TXN_OFFSET_COMMIT, 0, 5, 0, kd_handle_txn_offset_commit, {{KD_ACL_WRITE, KD_ON_TXN}, {KD_ACL_READ, KD_ON_GROUP}, {KD_ACL_READ, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_DESCRIBE_CONFIGS, 1, 4, 1, kd_handle_describe_configs, {{KD_ACL_DESCRIBE_CONFIGS, KD_ON_TOPIC}, {KD_ACL_DESCRIBE_CONFIGS, KD_ON_CLUSTER}, {KD_ACL_DESCRIBE_CONFIGS, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_ALTER_CONFIGS, 0, 2, 0, kd_handle_alter_configs, {{KD_ACL_ALTER_CONFIGS, KD_ON_TOPIC}, {KD_ACL_ALTER_CONFIGS, KD_ON_CLUSTER}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_ALTER_REPLICA_LOG_DIRS, 1, 2, 1, kd_handle_alter_replica_log_dirs, {{KD_ACL_ALTER, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_DESCRIBE_LOG_DIRS, 1, 5, 1, kd_handle_describe_log_dirs, {{KD_ACL_DESCRIBE, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_CREATE_PARTITIONS, 0, 3, 0, kd_handle_create_partitions, {{KD_ACL_ALTER, KD_ON_TOPIC}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_ELECT_LEADERS, 0, 2, 0, kd_handle_elect_leaders, {{KD_ACL_ALTER, KD_ON_CLUSTER}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_INCREMENTAL_ALTER_CONFIGS, 0, 1, 0, kd_handle_incremental_alter_configs, {{KD_ACL_ALTER_CONFIGS, KD_ON_TOPIC}, {KD_ACL_ALTER_CONFIGS, KD_ON_CLUSTER}, {KD_ACL_ALTER_CONFIGS, KD_ON_GROUP}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_DELETE_GROUPS, 0, 2, 0, kd_handle_delete_groups, {{KD_ACL_DELETE, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_OFFSET_DELETE, 0, 0, 0, kd_handle_offset_delete, {{KD_ACL_DELETE, KD_ON_GROUP}, {KD_ACL_READ, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_ALTER_PARTITION_REASSIGNMENTS, 0, 1, 0, kd_handle_alter_partition_reassignments, {{KD_ACL_ALTER, KD_ON_CLUSTER}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_LIST_PARTITION_REASSIGNMENTS, 0, 0, 0, kd_handle_list_partition_reassignments, {{KD_ACL_DESCRIBE, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_UPDATE_FEATURES, 0, 2, 0, kd_handle_update_features, {{KD_ACL_ALTER, KD_ON_CLUSTER}}, KD_THROTTLE_CHANGE, 0},
    {KW_API_DESCRIBE_CLUSTER, 0, 2, 0, kd_handle_describe_cluster, {{KD_ACL_DESCRIBE, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_DESCRIBE_PRODUCERS, 0, 0, 0, kd_handle_describe_producers, {{KD_ACL_READ, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_DESCRIBE_TRANSACTIONS, 0, 0, 0, kd_handle_describe_transactions, {{KD_ACL_DESCRIBE, KD_ON_TXN}, {KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_LIST_TRANSACTIONS, 0, 2, 0, kd_handle_list_transactions, {{KD_ACL_DESCRIBE, KD_ON_TXN}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_CONSUMER_GROUP_HEARTBEAT, 0, 1, 0, kd_handle_consumer_group_heartbeat, {{KD_ACL_READ, KD_ON_GROUP}, {KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_CONSUMER_GROUP_DESCRIBE, 0, 1, 0, kd_handle_consumer_group_describe, {{KD_ACL_DESCRIBE, KD_ON_GROUP}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_LIST_CONFIG_RESOURCES, 0, 1, 0, kd_handle_list_config_resources, {{KD_ACL_DESCRIBE_CONFIGS, KD_ON_CLUSTER}}, KD_THROTTLE_REQUEST, 0},
    {KW_API_DESCRIBE_TOPIC_PARTITIONS, 0, 0, 0, kd_handle_describe_topic_partitions, {{KD_ACL_DESCRIBE, KD_ON_TOPIC}}, KD_THROTTLE_REQUEST, 0},
};
/* clang-format on */

const struct kd_api *kd_apis(size_t *count)
{
    *count = KB_ARRAY_SIZE(apis);
    return apis;
}

const struct kd_api *kd_api_find(int16_t key)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(apis); i++)
        if (apis[i].key == key)
            return &apis[i];
    return NULL;
}
