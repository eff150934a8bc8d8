/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_OPTIONS_H
#define KC_OPTIONS_H
/*
 * The client's configuration: one table, its rows in a file per kind of handle
 * (options_common.def, options_producer.def, options_consumer.def), one struct
 * that they set. Java's names first, librdkafka's as aliases. A key of one kind
 * is accepted by all, so that one kurier_config serves a producer and a
 * consumer. What was set by hand is remembered, since some defaults depend on
 * it (acks=1 by hand turns idempotence off; both by hand contradict).
 *
 * An options struct is made once, then shared read-only: handles hold a
 * reference to their own copy.
 */
#include "base/options.h"

enum kc_protocol { KC_PLAINTEXT, KC_PLAINTEXT_LOWER };
enum kc_log_level { KC_LOG_ERROR, KC_LOG_WARN, KC_LOG_INFO, KC_LOG_DEBUG };
enum kc_recovery { KC_RECOVERY_NONE, KC_RECOVERY_REBOOTSTRAP };

struct kc_common_options {
    char *bootstrap_servers, *client_id;
    int32_t security_protocol; /* enum kc_protocol */
    int32_t request_timeout_ms, connect_timeout_ms, connect_timeout_max_ms;
    int32_t reconnect_backoff_ms, reconnect_backoff_max_ms;
    int32_t retry_backoff_ms, retry_backoff_max_ms;
    int32_t metadata_max_age_ms, metadata_recovery, rebootstrap_trigger_ms;
    int32_t connections_max_idle_ms;
    int32_t default_api_timeout_ms;
    bool allow_auto_create_topics;
    int32_t log_level; /* enum kc_log_level */
    char *log_sink;
    int32_t log_events;
    char *debug;
};

enum kc_acks { KC_ACKS_ALL, KC_ACKS_MINUS_ONE, KC_ACKS_NONE, KC_ACKS_LEADER };
enum kc_partitioner {
    KC_MURMUR2,           /* Java's; null keys go to the sticky partition */
    KC_MURMUR2_RANDOM,    /* librdkafka's name for the same */
    KC_CONSISTENT,        /* CRC-32 of the key; null as the empty key */
    KC_CONSISTENT_RANDOM, /* CRC-32; null and empty keys to any */
    KC_RANDOM
};

struct kc_producer_options {
    int32_t acks; /* enum kc_acks */
    bool enable_idempotence;
    int32_t max_in_flight, retries;
    int32_t batch_size, max_request_size;
    double linger_ms; /* librdkafka takes fractions */
    int64_t buffer_memory;
    int32_t max_block_ms, delivery_timeout_ms;
    int32_t compression_type,
        compression_level; /* as wire's codec numbers; level -1: the codec's own */
    int32_t partitioner;   /* enum kc_partitioner */
    bool partitioner_ignore_keys, partitioner_adaptive;
    int32_t partitioner_availability_ms;
    char *transactional_id; /* NULL: none */
    int32_t transaction_timeout_ms;
};

enum kc_reset { KC_RESET_LATEST, KC_RESET_EARLIEST, KC_RESET_NONE };
enum kc_isolation { KC_READ_UNCOMMITTED, KC_READ_COMMITTED };

enum kc_group_protocol { KC_GROUP_AUTO, KC_GROUP_CLASSIC, KC_GROUP_CONSUMER };

struct kc_consumer_options {
    int32_t fetch_min_bytes, fetch_max_wait_ms;
    int32_t fetch_max_bytes, max_partition_fetch_bytes;
    int64_t fetch_memory;
    int32_t max_poll_records;
    int32_t auto_offset_reset; /* enum kc_reset */
    int32_t isolation_level;   /* enum kc_isolation */
    bool check_crcs, enable_partition_eof;
    char *client_rack;
    char *group_id, *group_instance_id;
    int32_t group_protocol;      /* enum kc_group_protocol */
    char *group_remote_assignor; /* NULL: the coordinator's choice */
    char *assignment_strategy;   /* names, separated by commas */
    bool exclude_internal_topics;
    int32_t session_timeout_ms, heartbeat_interval_ms, max_poll_interval_ms;
    bool enable_auto_commit;
    int32_t auto_commit_interval_ms, rebalance_drain_ms;
};

enum { KC_OPTIONS_MAX = 96 }; /* rows, checked */
enum { KC_SCOPE_PRODUCER = 1, KC_SCOPE_CONSUMER = 2, KC_SCOPE_ALL = 4 };

struct kc_options {
    struct kc_common_options common;
    struct kc_producer_options producer;
    struct kc_consumer_options consumer;
    bool given[KC_OPTIONS_MAX]; /* by row: set by hand */
};

extern const struct kb_options kc_options_table;

/* All defaults. NULL: no memory. */
struct kc_options *kc_options_new(void);
struct kc_options *kc_options_dup(const struct kc_options *options);
void kc_options_free(struct kc_options *options); /* NULL is fine */

/* KB_E_BAD_CONFIG with the nearest known key, the range, or what to do instead of
 * a key of librdkafka's or Java's. NULL value: the default again, as if never set. */
int kc_options_set(struct kc_options *options, const char *key, const char *value,
                   struct kb_error *err);
/* As snprintf counts; an unknown key is empty. */
size_t kc_options_get(const struct kc_options *options, const char *key, char *out, size_t size);
bool kc_options_given(const struct kc_options *options, const char *key);
#endif
