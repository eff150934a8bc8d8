/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TOPIC_CONFIG_H
#define KD_TOPIC_CONFIG_H
/*
 * The configuration of one topic: a table by Kafka's names, its defaults taken
 * from the broker's own keys. What a topic overrides is kept as it was given.
 */
#include "broker/core/config.h"

enum { KD_CLEANUP_DELETE = 1, KD_CLEANUP_COMPACT = 2 };
enum { KD_TOPIC_ROWS = 40 };

struct kd_topic_config {
    char *cleanup_policy;
    unsigned cleanup; /* of KD_CLEANUP_..., from cleanup_policy */
    int32_t compression_type, gzip_level, lz4_level, zstd_level;
    int64_t delete_retention_ms, file_delete_delay_ms;
    int64_t flush_messages, flush_ms;
    int32_t index_interval_bytes, index_bytes;
    int64_t min_compaction_lag_ms, max_compaction_lag_ms;
    double min_cleanable_ratio;
    int32_t max_message_bytes;
    int64_t timestamp_before_max_ms, timestamp_after_max_ms;
    int32_t timestamp_type;
    int32_t min_insync_replicas;
    bool preallocate;
    int64_t retention_bytes, retention_ms;
    int32_t segment_bytes;
    int64_t segment_jitter_ms, segment_ms;
    bool unclean_leader_election;
    bool given[KD_TOPIC_ROWS]; /* by row: the topic's own */
};

const struct kb_options *kd_topic_config_table(void);
/* The broker's key that gives the default of this row; NULL: it has none. */
const struct kb_option *kd_topic_config_default_row(const struct kb_option *row);

/* Every row as the broker has it. False: no memory. */
bool kd_topic_config_init(struct kd_topic_config *config, const struct kd_config *broker);
void kd_topic_config_deinit(struct kd_topic_config *config);
/* A topic's own value. INVALID_CONFIG, Kafka's code 40, with words. */
int kd_topic_config_set(struct kd_topic_config *config, const char *key, const char *value,
                        struct kb_error *err);
bool kd_topic_config_is_given(const struct kd_topic_config *config, const struct kb_option *row);

#endif
