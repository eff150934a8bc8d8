/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_ADMIN_H
#define KURIER_ADMIN_H
/*
 * Administration: a constructor makes a request of many items, run waits for its
 * result, submit does not. Both take the request; the result is yours to free and
 * is the same either way.
 *
 *     kurier_result *result = kurier_admin_run(
 *         client, kurier_admin_describe_topics(names, 2), 5000, &err);
 *     const kurier_topic_info *topic;
 *     for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++)
 *         printf("%s: %u partitions\n", topic->name, topic->partition_count);
 *
 * Item i answers the i-th thing that was asked for, whichever broker it came from.
 * Where all of them were asked for, items are sorted by name and partition, those
 * of brokers by node id. Each has its own outcome; what time heals is asked again,
 * item by item, until the timeout.
 */
#include <kurier/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kurier_request kurier_request;
typedef struct kurier_result kurier_result;

/* ---- Running ---------------------------------------------------------------
 * Constructors answer NULL only when memory ran out; what follows takes a NULL
 * request and says so. A request that makes no sense, by itself or to a broker
 * that is too old, is INVALID_ARGUMENT or UNSUPPORTED when it is run. */

/* Of any request that knows them; INVALID_ARGUMENT by run where it does not. */
enum {
    KURIER_VALIDATE_ONLY = 1, /* say what would come of it, change nothing */
    KURIER_BY_ID = 2, /* names are ids: of topics, as kurier_topic_info has them; of members */
    KURIER_WITH_OPERATIONS = 4, /* what this client is allowed to do */
    KURIER_WITH_DOCS = 8,       /* settings with their documentation */
    KURIER_WITH_FENCED = 16,    /* brokers that are fenced, too: Kafka 4.0 tells them */
    KURIER_READ_COMMITTED = 32  /* ends of partitions as a read_committed consumer sees them;
                                 * a group's offsets once no transaction changes them */
};
KURIER_API kurier_request *kurier_request_with(kurier_request *request, uint32_t flags);
KURIER_API void kurier_request_free(kurier_request *request); /* one that was never run */

/* KURIER_FOREVER: default.api.timeout.ms. NULL: nothing came of it, and err says
 * why. A result may still hold items that failed, or that nobody answered for. */
KURIER_API kurier_result *kurier_admin_run(kurier_client *client, kurier_request *request,
                                           int timeout_ms, kurier_error *err);
KURIER_API kurier_code kurier_admin_submit(kurier_client *client, kurier_request *request,
                                           int timeout_ms, uint64_t opaque, kurier_error *err);
/* What was submitted and is done, oldest first; one that came to nothing has no
 * items, and kurier_result_error says why. */
KURIER_API kurier_result *kurier_client_result(kurier_client *client, int timeout_ms,
                                               kurier_error *err);

/* ---- Results ---------------------------------------------------------------
 * All that a result shows lives until it is freed. */

/* Every item below begins like this one. */
typedef struct kurier_item {
    const char *name;  /* the topic, resource, cluster, "host:port" of a broker */
    const char *text;  /* why it failed, in the broker's words or ours; else NULL */
    kurier_code code;  /* its own outcome */
    int32_t partition; /* -1: it is not about one */
} kurier_item;

KURIER_API uint64_t kurier_result_opaque(const kurier_result *result);
KURIER_API size_t kurier_result_count(const kurier_result *result);
/* Of item i: its code, and words that name it ("orders [3]: ..."). */
KURIER_API kurier_code kurier_result_outcome(const kurier_result *result, size_t i,
                                             kurier_error *err);
/* Of the request as a whole, or else of the first item that failed. */
KURIER_API kurier_code kurier_result_error(const kurier_result *result, kurier_error *err);
KURIER_API const kurier_item *kurier_result_item(const kurier_result *result, size_t i);
KURIER_API void kurier_result_free(kurier_result *result);

/* Which of the structs below a result's items are. */
typedef enum kurier_item_kind {
    KURIER_ITEM,       /* kurier_item: an outcome, nothing else */
    KURIER_ITEM_TOPIC, /* kurier_topic_info, and so on */
    KURIER_ITEM_OFFSET,
    KURIER_ITEM_RESOURCE,
    KURIER_ITEM_CLUSTER,
    KURIER_ITEM_LOG_DIRS,
    KURIER_ITEM_REASSIGNMENT,
    KURIER_ITEM_PRODUCERS,
    KURIER_ITEM_VERSIONS,
    KURIER_ITEM_GROUP, /* <kurier/groups.h> */
    KURIER_ITEM_GROUP_OFFSETS,
    KURIER_ITEM_TRANSACTION, /* <kurier/txn_admin.h> */
    KURIER_ITEM_HANGING
} kurier_item_kind;
KURIER_API kurier_item_kind kurier_result_kind(const kurier_result *result);

/* ---- Topics ----------------------------------------------------------------*/

/* Brokers by node id; of a partition, the preferred leader first. */
typedef struct kurier_nodes {
    const int32_t *ids;
    uint32_t count;
    uint32_t reserved;
} kurier_nodes;

typedef struct kurier_new_topic {
    const char *name;
    int32_t partitions;  /* in all; 0: the broker's default, or as assigned */
    int16_t replication; /* 0: the broker's default, or as assigned */
    int16_t reserved;
    const char *const *config;    /* key, value, ..., NULL */
    const kurier_nodes *assigned; /* who holds each new partition; NULL: they decide */
    uint32_t assigned_count;
    uint32_t reserved2;
} kurier_new_topic;

/* Items: kurier_topic_info, of the topic as made, without its partitions. */
KURIER_API kurier_request *kurier_admin_create_topics(const kurier_new_topic *topics, size_t n);
/* Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_delete_topics(const char *const *names, size_t n);
/* Raises the number of partitions to .partitions. Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_create_partitions(const kurier_new_topic *topics, size_t n);
/* NULL, 0: all of them, the broker's own included. Items: kurier_topic_info. */
KURIER_API kurier_request *kurier_admin_describe_topics(const char *const *names, size_t n);

typedef struct kurier_partition_info {
    int32_t partition;
    int32_t leader;       /* -1: none now */
    int32_t leader_epoch; /* -1: not told */
    kurier_code code;
    kurier_nodes replicas, isr, offline;
    kurier_nodes eligible; /* may lead though not in sync (KIP-966) */
    int64_t reserved;
} kurier_partition_info;

typedef struct kurier_topic_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition;   /* -1 */
    const char *id;      /* 22 characters; NULL: not told */
    uint32_t operations; /* bit n: the ACL operation of number n; 0: not told */
    int16_t replication; /* -1: not told */
    bool internal;
    bool reserved;
    int32_t partition_count;                 /* -1: not told */
    uint32_t setting_count;                  /* of a topic just made */
    const kurier_partition_info *partitions; /* NULL: not told */
    const struct kurier_setting *settings;
} kurier_topic_info;
KURIER_API const kurier_topic_info *kurier_result_topic(const kurier_result *result, size_t i);

/* ---- Offsets and records -----------------------------------------------------*/

/* .offset KURIER_END, KURIER_BEGINNING or KURIER_LATEST: there; any other: the
 * first record not older than .timestamp_ms. isolation.level is the client's.
 * Items: kurier_offset_info. */
KURIER_API kurier_request *kurier_admin_list_offsets(const kurier_position *positions, size_t n);
/* What lies before .offset; KURIER_END: everything. Items: kurier_offset_info, with
 * the partition's new beginning. */
KURIER_API kurier_request *kurier_admin_delete_records(const kurier_position *positions, size_t n);

typedef struct kurier_offset_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition;
    int64_t offset;       /* -1: there is no such record */
    int64_t timestamp_ms; /* -1: not told */
    int32_t leader_epoch; /* of the record at that offset; -1: not told */
    int32_t leader;       /* who answered */
} kurier_offset_info;
KURIER_API const kurier_offset_info *kurier_result_offset(const kurier_result *result, size_t i);

/* ---- Settings of topics, brokers, groups ---------------------------------------*/

/* What can have settings. A broker is named by its node id, "1"; "" is the default
 * of all brokers. May be or-ed where several are asked for. */
typedef enum kurier_resource {
    KURIER_TOPIC = 2,
    KURIER_BROKER = 4,
    KURIER_BROKER_LOGGER = 8,
    KURIER_CLIENT_METRICS = 16,
    KURIER_GROUP = 32
} kurier_resource;

typedef struct kurier_resource_ref {
    const char *name;
    const char *const *keys; /* ..., NULL; or NULL for all */
    kurier_resource kind;
    uint32_t reserved;
} kurier_resource_ref;
/* Items: kurier_resource_info. */
KURIER_API kurier_request *kurier_admin_describe_configs(const kurier_resource_ref *resources,
                                                         size_t n);
/* 0: of all kinds. Items: kurier_resource_info without settings. */
KURIER_API kurier_request *kurier_admin_list_resources(uint32_t kinds);

typedef enum kurier_change {
    KURIER_SET,     /* NULL value: as DELETE */
    KURIER_DELETE,  /* back to the default */
    KURIER_APPEND,  /* adds to a list */
    KURIER_SUBTRACT /* takes from a list */
} kurier_change;

typedef struct kurier_setting_change {
    const char *name, *key, *value;
    kurier_resource kind;
    kurier_change change;
} kurier_setting_change;
/* Changes of one resource are made together or not at all. Items: kurier_item, one
 * for each change. */
KURIER_API kurier_request *kurier_admin_alter_configs(const kurier_setting_change *changes,
                                                      size_t n);

/* Where a value comes from, and its type. Kafka's numbers; newer ones may come. */
typedef enum kurier_source {
    KURIER_SOURCE_UNKNOWN,
    KURIER_SOURCE_TOPIC,   /* set for this topic */
    KURIER_SOURCE_BROKER,  /* set for this broker while it runs */
    KURIER_SOURCE_BROKERS, /* set for all brokers */
    KURIER_SOURCE_FILE,    /* the broker's own configuration */
    KURIER_SOURCE_DEFAULT, /* built in */
    KURIER_SOURCE_BROKER_LOGGER,
    KURIER_SOURCE_CLIENT_METRICS,
    KURIER_SOURCE_GROUP
} kurier_source;
KURIER_API const char *kurier_source_name(kurier_source source); /* "DYNAMIC_TOPIC_CONFIG" */

typedef enum kurier_setting_type {
    KURIER_TYPE_UNKNOWN,
    KURIER_TYPE_BOOLEAN,
    KURIER_TYPE_STRING,
    KURIER_TYPE_INT,
    KURIER_TYPE_SHORT,
    KURIER_TYPE_LONG,
    KURIER_TYPE_DOUBLE,
    KURIER_TYPE_LIST,
    KURIER_TYPE_CLASS,
    KURIER_TYPE_PASSWORD
} kurier_setting_type;
KURIER_API const char *kurier_setting_type_name(kurier_setting_type type); /* "BOOLEAN" */

/* One place that a value could come from; the first that is set counts. */
typedef struct kurier_synonym {
    const char *key, *value;
    kurier_source source;
    uint32_t reserved;
} kurier_synonym;

typedef struct kurier_setting {
    const char *key, *value; /* NULL value: unset, or not for your eyes */
    const char *doc;         /* NULL: not told */
    kurier_source source;
    kurier_setting_type type;
    bool read_only, sensitive;
    uint16_t reserved;
    uint32_t synonym_count;
    const kurier_synonym *synonyms;
    int64_t reserved2;
} kurier_setting;

typedef struct kurier_resource_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition; /* -1 */
    kurier_resource kind;
    uint32_t setting_count;
    const kurier_setting *settings; /* sorted by key */
} kurier_resource_info;
KURIER_API const kurier_resource_info *kurier_result_resource(const kurier_result *result,
                                                              size_t i);

/* ---- Cluster and brokers -------------------------------------------------------*/

/* One item: kurier_cluster_info, named by the cluster's id. */
KURIER_API kurier_request *kurier_admin_describe_cluster(void);

typedef struct kurier_broker_info {
    const char *host, *rack; /* rack NULL: none */
    int32_t node, port;
    bool fenced;
    bool reserved[7];
} kurier_broker_info;

typedef struct kurier_cluster_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition;   /* -1 */
    int32_t controller;  /* -1: none now */
    uint32_t operations; /* as in kurier_topic_info */
    uint32_t broker_count;
    uint32_t reserved;
    const kurier_broker_info *brokers; /* by node id */
} kurier_cluster_info;
KURIER_API const kurier_cluster_info *kurier_result_cluster(const kurier_result *result, size_t i);

/* By node id; NULL, 0: all brokers. Items: kurier_log_dirs_info. */
KURIER_API kurier_request *kurier_admin_describe_log_dirs(const int32_t *nodes, size_t n);

typedef struct kurier_log_replica {
    const char *topic;
    int32_t partition;
    bool future; /* on its way to this directory */
    bool reserved[3];
    int64_t size_bytes;
    int64_t lag; /* records behind the high watermark, or behind the current one */
} kurier_log_replica;

typedef struct kurier_log_dir {
    const char *path;
    kurier_code code; /* the directory's own */
    bool cordoned;    /* takes no new partitions */
    bool reserved[3];
    int64_t total_bytes, usable_bytes;  /* of its volume; -1: not told */
    const kurier_log_replica *replicas; /* by topic and partition */
    size_t replica_count;
    int64_t reserved2;
} kurier_log_dir;

typedef struct kurier_log_dirs_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition; /* -1 */
    int32_t node;
    uint32_t dir_count;
    const kurier_log_dir *dirs;
} kurier_log_dirs_info;
KURIER_API const kurier_log_dirs_info *kurier_result_log_dirs(const kurier_result *result,
                                                              size_t i);

/* By node id; NULL, 0: all brokers. Items: kurier_versions_info. */
KURIER_API kurier_request *kurier_admin_describe_versions(const int32_t *nodes, size_t n);

typedef struct kurier_api_versions {
    const char *name;           /* NULL: not known here */
    int16_t key, min, max;      /* what the broker speaks */
    int16_t ours_min, ours_max; /* -1: libkurier does not speak it */
    int16_t used;               /* the version that would be used; -1: none */
    int32_t reserved;
} kurier_api_versions;

typedef struct kurier_feature {
    const char *name;
    int16_t min, max;                     /* what the broker could do; -1: not told */
    int16_t finalized_min, finalized_max; /* what the cluster has agreed on; -1: nothing */
} kurier_feature;

typedef struct kurier_versions_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition; /* -1 */
    int32_t node;
    uint32_t api_count, feature_count;
    uint32_t reserved;
    const kurier_api_versions *apis; /* by key */
    const kurier_feature *features;
    int64_t features_epoch; /* -1: not told */
} kurier_versions_info;
KURIER_API const kurier_versions_info *kurier_result_versions(const kurier_result *result,
                                                              size_t i);

typedef struct kurier_feature_change {
    const char *name;
    int16_t level; /* 0: the feature goes */
    bool down;     /* a lower level than now is meant */
    bool unsafe;   /* even where that loses metadata */
    uint32_t reserved;
} kurier_feature_change;
/* Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_update_features(const kurier_feature_change *changes,
                                                        size_t n);

/* ---- Replicas, leaders, producers ----------------------------------------------
 * Of a kurier_position here only topic and partition count. */

typedef enum kurier_election {
    KURIER_PREFERRED, /* the first replica, if it is in sync */
    KURIER_UNCLEAN    /* any that is alive, where none in sync is: may lose records */
} kurier_election;
/* NULL, 0: all partitions that need one. Items: kurier_item; ELECTION_NOT_NEEDED
 * where the right one leads already. */
KURIER_API kurier_request *kurier_admin_elect_leaders(kurier_election kind,
                                                      const kurier_position *partitions, size_t n);

typedef struct kurier_reassignment {
    const char *topic;
    int32_t partition;
    int32_t reserved;
    kurier_nodes replicas; /* none: cancels the move under way */
} kurier_reassignment;
/* Begins moving partitions to these brokers. Items: kurier_item. */
KURIER_API kurier_request *kurier_admin_alter_reassignments(const kurier_reassignment *moves,
                                                            size_t n);
/* NULL, 0: all moves under way. Items: kurier_reassignment_info. */
KURIER_API kurier_request *kurier_admin_list_reassignments(const kurier_position *partitions,
                                                           size_t n);

typedef struct kurier_reassignment_info {
    const char *name, *text;
    kurier_code code; /* NO_REASSIGNMENT_IN_PROGRESS: asked for, and not moving */
    int32_t partition;
    kurier_nodes replicas, adding, removing;
} kurier_reassignment_info;
KURIER_API const kurier_reassignment_info *kurier_result_reassignment(const kurier_result *result,
                                                                      size_t i);

/* Producers that partitions remember. Items: kurier_producers_info. */
KURIER_API kurier_request *kurier_admin_describe_producers(const kurier_position *partitions,
                                                           size_t n);

typedef struct kurier_producer_state {
    int64_t id;
    int32_t epoch, last_sequence; /* -1: none */
    int64_t last_timestamp_ms;    /* -1: none */
    int64_t transaction_start;    /* its open transaction's first offset; -1: none */
    int32_t coordinator_epoch;
    int32_t reserved;
} kurier_producer_state;

typedef struct kurier_producers_info {
    const char *name, *text;
    kurier_code code;
    int32_t partition;
    int32_t leader; /* who answered */
    uint32_t producer_count;
    const kurier_producer_state *producers; /* by id */
} kurier_producers_info;
KURIER_API const kurier_producers_info *kurier_result_producers(const kurier_result *result,
                                                                size_t i);

#ifdef __cplusplus
}
#endif
#endif
