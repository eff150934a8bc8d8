/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TOPIC_CONFIG_H
#define KD_TOPIC_CONFIG_H
/*
 * The values of one topic's configuration, plain data. What the topic itself
 * was given is kept as text (overrides.h); everything else is the broker's.
 */
#include "base/options.h"

enum { KD_CLEANUP_DELETE = 1, KD_CLEANUP_COMPACT = 2 };
enum kd_timestamp_type { KD_CREATE_TIME, KD_LOG_APPEND_TIME };

struct kd_topic_config {
    unsigned cleanup; /* of KD_CLEANUP_... */
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
};

/* Each row's synonym is the broker's key that gives its default. */
const struct kb_options *kd_topic_config_table(void);
/* What several values at once must be: BAD_CONFIG, with words. */
int kd_topic_config_check(const struct kd_topic_config *config, struct kb_error *err);

#endif
