/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TOPIC_ROWS_H
#define KD_TOPIC_ROWS_H
/*
 * The keys that a topic has: one row each, of which the topic's table and the
 * broker's are both made, since each has a key of the broker's that gives its
 * default.
 *
 * X(TYPE, FLAGS, topic's key, broker's key, field, default, min, max, choices, doc)
 */
#define KD_LONGEST "9223372036854775807"

/* clang-format off */
#define KD_TOPIC_ROWS(X) \
    X(SET, 0, "cleanup.policy", "log.cleanup.policy", cleanup, "delete", 0, 0, "delete|compact", \
      "What happens to old records: whole segments are deleted by age and size; of each key only the latest stays.") \
    X(ENUM, 0, "compression.type", "compression.type", compression_type, "producer", 0, 0, \
      "producer|uncompressed|gzip|snappy|lz4|zstd", \
      "How batches are stored: as the producer sent them, or in this codec.") \
    X(INT, 0, "compression.gzip.level", "compression.gzip.level", gzip_level, "-1", -1, 9, NULL, \
      "Level where compression.type is gzip: 1 to 9, or -1 for its own default.") \
    X(INT, 0, "compression.lz4.level", "compression.lz4.level", lz4_level, "9", 1, 17, NULL, \
      "Level where compression.type is lz4.") \
    X(INT, 0, "compression.zstd.level", "compression.zstd.level", zstd_level, "3", -131072, 22, NULL, \
      "Level where compression.type is zstd.") \
    X(LONG, 0, "delete.retention.ms", "log.cleaner.delete.retention.ms", delete_retention_ms, \
      "86400000", 0, INT64_MAX, NULL, \
      "How long a tombstone stays in a log once that is compacted.") \
    X(LONG, 0, "file.delete.delay.ms", "log.segment.delete.delay.ms", file_delete_delay_ms, \
      "60000", 0, INT64_MAX, NULL, \
      "How long a deleted segment's file stays.") \
    X(LONG, 0, "flush.messages", "log.flush.interval.messages", flush_messages, "1", 1, INT64_MAX, NULL, \
      "1: acknowledged means on disk. More: acknowledged from the page cache, flushed after so many batches.") \
    X(LONG, 0, "flush.ms", "log.flush.interval.ms", flush_ms, KD_LONGEST, 0, INT64_MAX, NULL, \
      "Below its default: acknowledged from the page cache, flushed after this long.") \
    X(INT, 0, "index.interval.bytes", "log.index.interval.bytes", index_interval_bytes, "4096", 0, INT32_MAX, NULL, \
      "Bytes of log between two entries of its index.") \
    X(INT, 0, "max.message.bytes", "message.max.bytes", max_message_bytes, "1048588", 0, INT32_MAX, NULL, \
      "The largest record batch.") \
    X(LONG, 0, "max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", max_compaction_lag_ms, \
      KD_LONGEST, 1, INT64_MAX, NULL, \
      "How long a record may escape compaction; a segment is begun at that age.") \
    X(LONG, 0, "message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", timestamp_after_max_ms, \
      "3600000", 0, INT64_MAX, NULL, \
      "How far a record's time may lie in the future.") \
    X(LONG, 0, "message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", timestamp_before_max_ms, \
      KD_LONGEST, 0, INT64_MAX, NULL, \
      "How far a record's time may lie in the past.") \
    X(ENUM, 0, "message.timestamp.type", "log.message.timestamp.type", timestamp_type, "CreateTime", 0, 0, \
      "CreateTime|LogAppendTime", \
      "Whose time a record carries: the producer's, or the broker's at append.") \
    X(DOUBLE, 0, "min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", min_cleanable_ratio, \
      "0.5", 0, 1, NULL, \
      "Share of bytes not compacted yet above which a log is compacted.") \
    X(LONG, 0, "min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", min_compaction_lag_ms, \
      "0", 0, INT64_MAX, NULL, \
      "How long a record is safe from compaction.") \
    X(INT, 0, "min.insync.replicas", "min.insync.replicas", min_insync_replicas, "1", 1, INT32_MAX, NULL, \
      "Replicas that must be in sync for acks=all.") \
    X(BOOL, 0, "preallocate", "log.preallocate", preallocate, "false", 0, 0, NULL, \
      "Kafka's own: here space is reserved ahead, whatever it says.") \
    X(LONG, 0, "retention.bytes", "log.retention.bytes", retention_bytes, "-1", -1, INT64_MAX, NULL, \
      "How large a partition may grow before its oldest segments go; -1: without bound.") \
    X(LONG, 0, "retention.ms", "log.retention.ms", retention_ms, "604800000", -1, INT64_MAX, NULL, \
      "How long records are kept; -1: for ever.") \
    X(INT, 0, "segment.bytes", "log.segment.bytes", segment_bytes, "1073741824", 1048576, INT32_MAX, NULL, \
      "Size of a segment file.") \
    X(INT, 0, "segment.index.bytes", "log.index.size.max.bytes", index_bytes, "10485760", 4, INT32_MAX, NULL, \
      "Size of an index file.") \
    X(LONG, 0, "segment.jitter.ms", "log.roll.jitter.ms", segment_jitter_ms, "0", 0, INT64_MAX, NULL, \
      "Chance taken off segment.ms, so that segments do not all roll at once.") \
    X(LONG, 0, "segment.ms", "log.roll.ms", segment_ms, "604800000", 1, INT64_MAX, NULL, \
      "Age at which a new segment is begun.") \
    X(BOOL, KB_OPT_LATER, "unclean.leader.election.enable", "unclean.leader.election.enable", \
      unclean_leader_election, "false", 0, 0, NULL, \
      "Whether a replica that is not in sync may lead when no other is left.")

/* Kafka's, of version 4.3 or before: accepted with a warning, and forgotten. */
#define KD_TOPIC_IGNORED(X) \
    X("follower.replication.throttled.replicas") \
    X("leader.replication.throttled.replicas") \
    X("local.retention.bytes") \
    X("local.retention.ms") \
    X("message.downconversion.enable") \
    X("message.format.version") \
    X("message.timestamp.difference.max.ms") \
    X("remote.log.copy.disable") \
    X("remote.log.delete.on.disable") \
    X("remote.storage.enable")
/* clang-format on */

#endif
