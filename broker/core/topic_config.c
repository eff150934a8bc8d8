/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/topic_config.h"
#include "base/check.h"
#include <string.h>

#define FLAGGED(TYPE, FLAGS, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, DOC)                         \
    {                                                                                              \
        .key = NAME, .type = KB_OPT_##TYPE, .scope = KD_SCOPE_TOPIC, .flags = FLAGS,               \
        .field = offsetof(struct kd_topic_config, FIELD), .value = DEFAULT, .min = MIN,            \
        .max = MAX, .choices = CHOICES, .doc = DOC                                                 \
    }
#define ROW(TYPE, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, DOC)                                    \
    FLAGGED(TYPE, 0, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, DOC)
#define LATER(TYPE, NAME, FIELD, DEFAULT, MIN, MAX, DOC)                                           \
    FLAGGED(TYPE, KB_OPT_LATER, NAME, FIELD, DEFAULT, MIN, MAX, NULL, DOC)
#define LONG_MAX_TEXT "9223372036854775807"

/* clang-format off */
static const struct kb_option rows[] = {
    LATER(LIST, "cleanup.policy", cleanup_policy, "delete", 0, 0,
        "What happens to old segments: delete, compact or both."),
    ROW(ENUM, "compression.type", compression_type, "producer", 0, 0,
        "producer|uncompressed|gzip|snappy|lz4|zstd", "How batches are stored."),
    ROW(INT, "compression.gzip.level", gzip_level, "-1", -1, 9, NULL, "Level where gzip is asked for."),
    ROW(INT, "compression.lz4.level", lz4_level, "9", 1, 17, NULL, "Level where lz4 is asked for."),
    ROW(INT, "compression.zstd.level", zstd_level, "3", -131072, 22, NULL, "Level where zstd is asked for."),
    LATER(LONG, "delete.retention.ms", delete_retention_ms, "86400000", 0, INT64_MAX,
        "How long a tombstone stays in a compacted log."),
    LATER(LONG, "file.delete.delay.ms", file_delete_delay_ms, "60000", 0, INT64_MAX,
        "How long a deleted segment's file stays."),
    ROW(LONG, "flush.messages", flush_messages, "1", 1, INT64_MAX, NULL,
        "1: acknowledged means on disk. More: acknowledged from the page cache."),
    ROW(LONG, "flush.ms", flush_ms, LONG_MAX_TEXT, 0, INT64_MAX, NULL,
        "Set: acknowledged from the page cache, flushed after this long."),
    ROW(INT, "index.interval.bytes", index_interval_bytes, "4096", 0, INT32_MAX, NULL,
        "Bytes of log between two entries of its index."),
    ROW(INT, "max.message.bytes", max_message_bytes, "1048588", 0, INT32_MAX, NULL,
        "The largest record batch."),
    LATER(LONG, "max.compaction.lag.ms", max_compaction_lag_ms, LONG_MAX_TEXT, 1, INT64_MAX,
        "How long a record may escape compaction."),
    ROW(LONG, "message.timestamp.before.max.ms", timestamp_before_max_ms, LONG_MAX_TEXT, 0, INT64_MAX,
        NULL, "How far a record's time may lie in the past."),
    ROW(LONG, "message.timestamp.after.max.ms", timestamp_after_max_ms, "3600000", 0, INT64_MAX, NULL,
        "How far a record's time may lie in the future."),
    ROW(ENUM, "message.timestamp.type", timestamp_type, "CreateTime", 0, 0, "CreateTime|LogAppendTime",
        "Whose time a record carries."),
    LATER(DOUBLE, "min.cleanable.dirty.ratio", min_cleanable_ratio, "0.5", 0, 1,
        "Share of unclean bytes from which a log is compacted."),
    LATER(LONG, "min.compaction.lag.ms", min_compaction_lag_ms, "0", 0, INT64_MAX,
        "How long a record is safe from compaction."),
    ROW(INT, "min.insync.replicas", min_insync_replicas, "1", 1, INT32_MAX, NULL,
        "Replicas that must be in sync for acks=all."),
    LATER(BOOL, "preallocate", preallocate, "false", 0, 0,
        "Kafka's own; space is always reserved ahead here."),
    LATER(LONG, "retention.bytes", retention_bytes, "-1", -1, INT64_MAX,
        "How large a partition may grow; -1: without bound."),
    LATER(LONG, "retention.ms", retention_ms, "604800000", -1, INT64_MAX,
        "How long records are to be kept; -1: for ever."),
    ROW(INT, "segment.bytes", segment_bytes, "1073741824", 1048576, INT32_MAX, NULL,
        "Size of a segment file."),
    ROW(INT, "segment.index.bytes", index_bytes, "10485760", 4, INT32_MAX, NULL, "Size of an index file."),
    LATER(LONG, "segment.jitter.ms", segment_jitter_ms, "0", 0, INT64_MAX,
        "Chance taken off segment.ms, so that segments do not all roll at once."),
    ROW(LONG, "segment.ms", segment_ms, "604800000", 1, INT64_MAX, NULL,
        "Age at which a new segment is begun."),
    LATER(BOOL, "unclean.leader.election.enable", unclean_leader_election, "false", 0, 0,
        "Whether a replica that is not in sync may lead when no other is left."),
};

/* The broker's key behind a topic's default, where the two names differ in
 * more than a prefix as well as where they are equal. */
static const struct {
    const char *topic, *broker;
} defaults[] = {
    {"cleanup.policy", "log.cleanup.policy"},
    {"compression.type", "compression.type"},
    {"compression.gzip.level", "compression.gzip.level"},
    {"compression.lz4.level", "compression.lz4.level"},
    {"compression.zstd.level", "compression.zstd.level"},
    {"delete.retention.ms", "log.cleaner.delete.retention.ms"},
    {"file.delete.delay.ms", "log.segment.delete.delay.ms"},
    {"flush.messages", "log.flush.interval.messages"},
    {"flush.ms", "log.flush.interval.ms"},
    {"index.interval.bytes", "log.index.interval.bytes"},
    {"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"},
    {"max.message.bytes", "message.max.bytes"},
    {"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"},
    {"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"},
    {"message.timestamp.type", "log.message.timestamp.type"},
    {"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"},
    {"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"},
    {"min.insync.replicas", "min.insync.replicas"},
    {"retention.bytes", "log.retention.bytes"},
    {"retention.ms", "log.retention.ms"},
    {"segment.bytes", "log.segment.bytes"},
    {"segment.index.bytes", "log.index.size.max.bytes"},
    {"segment.ms", "log.roll.ms"},
};
/* clang-format on */

_Static_assert(KB_ARRAY_SIZE(rows) <= KD_TOPIC_ROWS, "given[] has one place per row");

const struct kb_options *kd_topic_config_table(void)
{
    static const struct kb_options table = {rows, KB_ARRAY_SIZE(rows)};
    return &table;
}

const struct kb_option *kd_topic_config_default_row(const struct kb_option *row)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(defaults); i++)
        if (!strcmp(defaults[i].topic, row->key))
            return kb_options_find(kd_config_table(), defaults[i].broker);
    return NULL;
}

/* "delete", "compact", or both in any order; 0: something else. */
static unsigned parse_cleanup(const char *text)
{
    unsigned policy = 0;
    while (*text) {
        size_t size = strcspn(text, ", ");
        if (size == 6 && !strncmp(text, "delete", size))
            policy |= KD_CLEANUP_DELETE;
        else if (size == 7 && !strncmp(text, "compact", size))
            policy |= KD_CLEANUP_COMPACT;
        else if (size)
            return 0;
        text += size + strspn(text + size, ", ");
    }
    return policy;
}

static int set_row(struct kd_topic_config *config, const char *key, const char *value,
                   struct kb_error *err)
{
    if (!strcmp(key, "cleanup.policy") && value && !parse_cleanup(value))
        return kb_error_set(err, KB_E_INVALID_CONFIG,
                            "cleanup.policy=%s is none of delete, compact and both", value);
    if (kb_options_set(kd_topic_config_table(), config, key, value, err)) {
        if (err)
            err->code = KB_E_INVALID_CONFIG;
        return KB_E_INVALID_CONFIG;
    }
    config->cleanup = parse_cleanup(config->cleanup_policy ? config->cleanup_policy : "");
    return 0;
}

bool kd_topic_config_init(struct kd_topic_config *config, const struct kd_config *broker)
{
    memset(config, 0, sizeof *config);
    if (!kb_options_default(kd_topic_config_table(), config))
        return false;
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows); i++) {
        const struct kb_option *from = kd_topic_config_default_row(&rows[i]);
        char text[256];
        if (!from)
            continue;
        kb_options_get(from, broker, text, sizeof text);
        if (set_row(config, rows[i].key, text, NULL))
            return false;
    }
    return true;
}

void kd_topic_config_deinit(struct kd_topic_config *config)
{
    kb_options_free(kd_topic_config_table(), config);
}

int kd_topic_config_set(struct kd_topic_config *config, const char *key, const char *value,
                        struct kb_error *err)
{
    const struct kb_option *row = kb_options_find(kd_topic_config_table(), key);
    if (!row) {
        const char *near = kb_options_nearest(kd_topic_config_table(), key);
        return near ? kb_error_set(err, KB_E_INVALID_CONFIG,
                                   "unknown topic config '%s'; did you mean '%s'?", key, near)
                    : kb_error_set(err, KB_E_INVALID_CONFIG, "unknown topic config '%s'", key);
    }
    int code = set_row(config, key, value, err);
    if (!code)
        config->given[row - rows] = true;
    return code;
}

bool kd_topic_config_is_given(const struct kd_topic_config *config, const struct kb_option *row)
{
    return config->given[row - rows];
}
