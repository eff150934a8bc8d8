/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the broker's configuration that mean something here; the
 * ignored ones stand in config_ignored.h. */
#include "base/check.h"
#include "broker/core/config.h"
#include "broker/core/config_ignored.h"
#include "broker/core/topic_rows.h"

#define FLAGGED(TYPE, FLAGS, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, ALIASES, DOC)                \
    {                                                                                              \
        .key = NAME, .type = KB_OPT_##TYPE, .scope = KD_SCOPE_BROKER, .flags = FLAGS,              \
        .field = offsetof(struct kd_config, FIELD), .value = DEFAULT, .min = MIN, .max = MAX,      \
        .choices = CHOICES, .aliases = ALIASES, .doc = DOC                                         \
    }
#define ROW(TYPE, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, ALIASES, DOC)                           \
    FLAGGED(TYPE, 0, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, ALIASES, DOC)
/* May change while the broker runs: whoever acts on it reads it when it is needed. */
#define LIVE(TYPE, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, DOC)                                   \
    FLAGGED(TYPE, KB_OPT_DYNAMIC, NAME, FIELD, DEFAULT, MIN, MAX, CHOICES, NULL, DOC)
/* The default of a topic's key. */
#define TOPIC(TYPE, FLAGS, NAME, BROKERS, FIELD, DEFAULT, MIN, MAX, CHOICES, DOC)                  \
    FLAGGED(TYPE, KB_OPT_DYNAMIC | (FLAGS), BROKERS, topic.FIELD, DEFAULT, MIN, MAX, CHOICES,      \
            NULL, DOC),
#define TEXT(NAME, FIELD, DEFAULT, ALIASES, DOC)                                                   \
    ROW(STRING, NAME, FIELD, DEFAULT, 0, 0, NULL, ALIASES, DOC)
#define LIST(NAME, FIELD, DEFAULT, ALIASES, DOC)                                                   \
    ROW(LIST, NAME, FIELD, DEFAULT, 0, 0, NULL, ALIASES, DOC)
#define INT(NAME, FIELD, DEFAULT, MIN, MAX, DOC)                                                   \
    ROW(INT, NAME, FIELD, DEFAULT, MIN, MAX, NULL, NULL, DOC)
#define LONG(NAME, FIELD, DEFAULT, MIN, MAX, DOC)                                                  \
    ROW(LONG, NAME, FIELD, DEFAULT, MIN, MAX, NULL, NULL, DOC)
#define BOOL(NAME, FIELD, DEFAULT, DOC) ROW(BOOL, NAME, FIELD, DEFAULT, 0, 0, NULL, NULL, DOC)
#define IGNORED(NAME) {.key = NAME, .type = KB_OPT_IGNORED, .scope = KD_SCOPE_BROKER},
#define IGNORED_LIVE(NAME)                                                                         \
    {.key = NAME, .type = KB_OPT_IGNORED, .scope = KD_SCOPE_BROKER, .flags = KB_OPT_DYNAMIC},

/* clang-format off */
static const struct kb_option rows[] = {
    /* Who it is */
    ROW(INT, "node.id", node_id, "1", 0, INT32_MAX, NULL, "broker.id",
        "The broker's number in its cluster."),
    TEXT("broker.rack", rack, NULL, NULL, "Where the broker stands; told to clients."),
    TEXT("cluster.id", cluster_id, NULL, NULL,
         "The cluster that the data directory must belong to. Unset: whichever it is; a new "
         "directory gets a random id."),
    LIST("log.dirs", log_dirs, "kurier-data", "log.dir",
         "The one directory that holds everything. It is made if its parent exists."),

    /* How it is reached */
    LIST("listeners", listeners, "PLAINTEXT://127.0.0.1:9092", NULL,
         "NAME://HOST:PORT, comma-separated. Port 0 takes a free port. An empty host, or "
         "0.0.0.0, is every address."),
    LIST("advertised.listeners", advertised_listeners, NULL, NULL,
         "What clients are told to connect to; as bound where it is unset."),
    LIST("listener.security.protocol.map", security_protocol_map, "PLAINTEXT:PLAINTEXT", NULL,
         "NAME:PROTOCOL for listeners with names of their own."),
    INT("socket.listen.backlog.size", backlog, "50", 1, 65535, "Connections waiting for accept."),
    INT("socket.request.max.bytes", request_max_bytes, "104857600", 1024, INT32_MAX,
        "The largest request; a connection that announces more is closed."),
    LONG("queued.max.request.bytes", queued_max_request_bytes, "134217728", -1, INT64_MAX,
         "Memory for requests in progress. Where it is used up, sockets are not read. -1: "
         "unbounded."),
    LIVE(INT, "max.connections", max_connections, "10000", 0, INT32_MAX, NULL,
        "Connections at one time; more are closed at once."),
    LIVE(INT, "max.connections.per.ip", max_connections_per_ip, "2147483647", 0, INT32_MAX, NULL,
        "Connections at one time from one address."),
    LONG("connections.max.idle.ms", connections_max_idle_ms, "600000", -1, INT64_MAX,
         "A connection without a request for this long is closed; -1: never."),
    INT("num.io.threads", io_threads, "2", 1, 64, "Threads that read and write files."),
    LIVE(ENUM, "log.level", log_level, "info", 0, 0, "error|warn|info|debug",
         "The least important lines that are logged."),
    FLAGGED(ENUM, KB_OPT_DYNAMIC, "log.requests", log_requests, "none", 0, 0,
            "none|headers|messages", NULL,
            "A line in the log for each request: peer, sizes, times and its header, or the whole "
            "message and its answer, without records and secrets."),

    /* Topics */
    BOOL("auto.create.topics.enable", auto_create_topics, "true",
         "Make a topic when a client first asks for it."),
    BOOL("delete.topic.enable", delete_topic, "true", "Whether topics may be deleted."),
    INT("num.partitions", num_partitions, "1", 1, 100000, "Partitions of a new topic."),
    INT("default.replication.factor", default_replication_factor, "1", 1, 32767,
        "Replicas of a new topic."),
    INT("max.request.partition.size.limit", max_partitions_per_request, "2000", 1, INT32_MAX,
        "Partitions in one answer to DescribeTopicPartitions."),

    /* Consumers and producers */
    INT("fetch.max.bytes", fetch_max_bytes, "57671680", 1024, INT32_MAX,
        "Records in one Fetch answer, whatever the client asks."),
    INT("max.incremental.fetch.session.cache.slots", fetch_session_slots, "1000", 0, 1000000,
        "Fetch sessions kept."),
    LIVE(INT, "producer.id.expiration.ms", producer_id_expiration_ms, "86400000", 1, INT32_MAX, NULL,
        "A producer that wrote nothing to a partition for this long is forgotten there."),

    /* Groups */
    INT("group.initial.rebalance.delay.ms", group_initial_delay_ms, "3000", 0, INT32_MAX,
        "How long the first member of a group waits for company before it gets partitions."),
    INT("group.min.session.timeout.ms", group_min_session_ms, "6000", 1, INT32_MAX,
        "The shortest session that a member may ask for."),
    INT("group.max.session.timeout.ms", group_max_session_ms, "1800000", 1, INT32_MAX,
        "The longest session that a member may ask for."),
    INT("group.max.size", group_max_size, "2147483647", 1, INT32_MAX,
        "Members of one group."),
    INT("group.consumer.session.timeout.ms", consumer_session_ms, "45000", 1, INT32_MAX,
        "A member of the consumer protocol (KIP-848) that is not heard for this long has left."),
    INT("group.consumer.min.session.timeout.ms", consumer_min_session_ms, "45000", 1, INT32_MAX,
        "The least that such a session may be set to."),
    INT("group.consumer.max.session.timeout.ms", consumer_max_session_ms, "60000", 1, INT32_MAX,
        "The most that such a session may be set to."),
    INT("group.consumer.heartbeat.interval.ms", consumer_heartbeat_ms, "5000", 1, INT32_MAX,
        "How often members of the consumer protocol are to be heard."),
    INT("group.consumer.min.heartbeat.interval.ms", consumer_min_heartbeat_ms, "5000", 1, INT32_MAX,
        "The least that this may be set to."),
    INT("group.consumer.max.heartbeat.interval.ms", consumer_max_heartbeat_ms, "15000", 1,
        INT32_MAX, "The most that this may be set to."),
    INT("group.consumer.assignment.interval.ms", consumer_assignment_interval_ms, "0", 0,
        INT32_MAX,
        "How long after a group's partitions were assigned they may be again. What changes until "
        "then waits for the next heartbeat after it. Kafka's default is 1000."),
    INT("group.consumer.max.size", consumer_max_size, "2147483647", 1, INT32_MAX,
        "Members of one group of the consumer protocol."),
    LIST("group.consumer.assignors", consumer_assignors, "uniform,range", NULL,
         "What members may ask for; the first one where none asks. uniform: as even as can be, "
         "and nobody loses what he may keep. range: of each topic some in a row."),
    ROW(ENUM, "group.consumer.migration.policy", consumer_migration, "bidirectional", 0, 0,
        "disabled|downgrade|upgrade|bidirectional", NULL,
        "Whether a group with members may become one of the consumer protocol when the first "
        "such member comes (upgrade), and one of the classic protocol when the last has gone "
        "(downgrade)."),
    INT("offset.metadata.max.bytes", offset_metadata_max_bytes, "4096", 0, INT32_MAX,
        "The longest note beside a committed offset."),
    INT("offsets.retention.minutes", offsets_retention_minutes, "10080", 1, INT32_MAX,
        "Committed offsets of a group without members are forgotten after this long."),
    LONG("offsets.retention.check.interval.ms", offsets_retention_check_ms, "600000", 1, INT64_MAX,
        "How often it is looked for such offsets."),
    INT("offsets.topic.num.partitions", offsets_partitions, "50", 1, 10000,
        "Partitions of __consumer_offsets, when it is made."),
    INT("offsets.topic.segment.bytes", offsets_segment_bytes, "104857600", 1048576, INT32_MAX,
        "Bytes of a segment of __consumer_offsets, when it is made."),

    /* Transactions */
    INT("transaction.max.timeout.ms", txn_max_timeout_ms, "900000", 1, INT32_MAX,
        "The longest transaction.timeout.ms that a producer may ask for."),
    INT("transactional.id.expiration.ms", txn_id_expiration_ms, "604800000", 1, INT32_MAX,
        "A transactional id that did nothing for this long is forgotten."),
    INT("transaction.remove.expired.transaction.cleanup.interval.ms", txn_id_expiry_check_ms,
        "3600000", 1, INT32_MAX, "How often it is looked for such ids."),
    INT("transaction.state.log.num.partitions", txn_partitions, "50", 1, 10000,
        "Partitions of __transaction_state, when it is made."),
    INT("transaction.state.log.segment.bytes", txn_segment_bytes, "104857600", 1048576, INT32_MAX,
        "Bytes of a segment of __transaction_state, when it is made."),

    /* Logs */
    LONG("log.retention.check.interval.ms", retention_check_ms, "300000", 1, INT64_MAX,
        "How often it is looked for what retention lets go."),
    INT("log.retention.minutes", retention_minutes, "10080", -1, INT32_MAX,
        "As log.retention.ms, where that is unset."),
    INT("log.retention.hours", retention_hours, "168", -1, INT32_MAX,
        "As log.retention.minutes, where that is unset."),
    BOOL("log.cleaner.enable", cleaner_enabled, "true",
         "Whether logs with cleanup.policy=compact are compacted; __consumer_offsets is one."),
    LIVE(LONG, "log.cleaner.backoff.ms", cleaner_backoff_ms, "15000", 0, INT64_MAX, NULL,
         "How often it is looked for logs to compact, where none was."),
    LIVE(LONG, "log.cleaner.dedupe.buffer.size", cleaner_map_bytes, "134217728", 1024, INT64_MAX, NULL,
         "Memory for the keys of the log that is being compacted, 24 bytes for each."),
    INT("log.roll.hours", roll_hours, "168", 1, INT32_MAX, "As log.roll.ms, where that is unset."),

    KD_TOPIC_ROWS(TOPIC)
    KD_CONFIG_IGNORED_LIVE(IGNORED_LIVE)
    KD_CONFIG_IGNORED(IGNORED)
};
/* clang-format on */

_Static_assert(KB_ARRAY_SIZE(rows) <= KD_CONFIG_ROWS, "given[] has one place per row");

const struct kb_options *kd_config_table(void)
{
    static const struct kb_options table = {rows, KB_ARRAY_SIZE(rows)};
    return &table;
}
