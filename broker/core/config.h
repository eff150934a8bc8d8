/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CONFIG_H
#define KD_CONFIG_H
/*
 * The broker's configuration: one table by Kafka's names. DescribeConfigs,
 * --config-docs and every check come from its rows. Kafka's keys that mean
 * nothing here stand in it too, so that a stock server.properties starts.
 *
 * Set by one thread before the broker starts, then read-only. What changes
 * while it runs lies over it (live_config.h).
 */
#include "base/log.h"
#include "base/options.h"
#include "broker/core/topic_config.h"

enum { KD_SCOPE_BROKER = 1, KD_SCOPE_TOPIC = 2, KD_SCOPE_GROUP = 4 };
enum { KD_CONFIG_ROWS = 512 };

/* Bits of group.consumer.migration.policy, in the order of its words. */
enum kd_migration_policy { KD_MIGRATE_DOWN = 1, KD_MIGRATE_UP = 2 };

struct kd_config {
    int32_t node_id;
    char *rack;
    char *cluster_id;
    char *log_dirs;

    char *listeners;
    char *advertised_listeners;
    char *security_protocol_map;
    int32_t backlog;
    int32_t request_max_bytes;
    int64_t queued_max_request_bytes;
    int32_t max_connections, max_connections_per_ip;
    int64_t connections_max_idle_ms;
    int32_t io_threads;
    int32_t log_level;    /* index into error|warn|info|debug */
    int32_t log_requests; /* enum kd_request_logging */

    bool auto_create_topics, delete_topic;
    int32_t num_partitions, default_replication_factor;
    int32_t max_partitions_per_request; /* rows of one DescribeTopicPartitions answer */
    int32_t fetch_max_bytes, fetch_session_slots;
    int32_t producer_id_expiration_ms;

    int32_t group_initial_delay_ms, group_min_session_ms, group_max_session_ms, group_max_size;
    int32_t consumer_session_ms, consumer_min_session_ms, consumer_max_session_ms;
    int32_t consumer_heartbeat_ms, consumer_min_heartbeat_ms, consumer_max_heartbeat_ms;
    int32_t consumer_assignment_interval_ms;
    int32_t consumer_max_size;
    int32_t consumer_migration; /* of kd_migration_policy */
    char *consumer_assignors;
    int32_t offset_metadata_max_bytes;
    int32_t offsets_retention_minutes, offsets_partitions, offsets_segment_bytes;
    int64_t offsets_retention_check_ms;
    int32_t txn_max_timeout_ms, txn_id_expiration_ms, txn_id_expiry_check_ms;
    int32_t txn_partitions, txn_segment_bytes;

    int64_t retention_check_ms;
    bool cleaner_enabled;
    int64_t cleaner_backoff_ms, cleaner_map_bytes;
    int32_t retention_minutes, retention_hours, roll_hours;
    struct kd_topic_config topic; /* the defaults of topics */

    bool given[KD_CONFIG_ROWS]; /* by row: set by a file or -o */
};

const struct kb_options *kd_config_table(void);

/* False: no memory. */
bool kd_config_init(struct kd_config *config);
void kd_config_deinit(struct kd_config *config);
/* BAD_CONFIG names the nearest key, or the value and its range. A key that
 * means nothing here is taken with a warning to `log` (NULL is fine). */
int kd_config_set(struct kd_config *config, const char *key, const char *value, struct kb_log *log,
                  struct kb_error *err);
/* The text of a .properties file; it is changed. err names the line. */
int kd_config_load(struct kd_config *config, char *text, size_t size, struct kb_log *log,
                   struct kb_error *err);
/* After the last set: what follows from several keys at once. */
int kd_config_settle(struct kd_config *config, struct kb_error *err);

enum kb_level kd_config_log_level(const struct kd_config *config);
/* Was this row set by the operator? */
bool kd_config_is_given(const struct kd_config *config, const struct kb_option *row);
/* The key that counts where this one is not set, in a coarser unit; NULL: none. */
const struct kb_option *kd_config_coarser(const struct kb_option *row);

#endif
