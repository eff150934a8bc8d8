/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_ADMIN_H
#define KURIER_ADMIN_H
/*
 * A constructor makes a request; run waits for its result, submit does not. Both
 * take the request. A result is yours to free and is the same either way.
 * Constructors answer NULL only when memory ran out; run and submit take a NULL
 * request and say so.
 */
#include <kurier/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kurier_request kurier_request;
typedef struct kurier_result kurier_result;

typedef struct kurier_new_topic {
    const char *name;
    int32_t partitions;  /* 0: the broker's default */
    int16_t replication; /* 0: the broker's default */
    int16_t reserved;
    const char *const *config; /* key, value, ..., NULL */
} kurier_new_topic;
typedef enum kurier_resource { KURIER_TOPIC = 2, KURIER_BROKER = 4 } kurier_resource;

KURIER_API kurier_request *kurier_admin_create_topics(const kurier_new_topic *topics, size_t n);
KURIER_API kurier_request *kurier_admin_delete_topics(const char *const *names, size_t n);
KURIER_API kurier_request *kurier_admin_add_partitions(const char *topic, int32_t to_count);
/* NULL, 0: all of them, the broker's own included. */
KURIER_API kurier_request *kurier_admin_topics(const char *const *names, size_t n);
/* Offset KURIER_END or KURIER_BEGINNING: that end; else the first offset whose
 * record is not older than timestamp_ms, -1 if there is none. */
KURIER_API kurier_request *kurier_admin_offsets(const kurier_position *positions, size_t n);
/* A broker is named by its node id, "1". */
KURIER_API kurier_request *kurier_admin_configs(kurier_resource kind, const char *name);
KURIER_API kurier_request *kurier_admin_cluster(void);
KURIER_API void kurier_request_free(kurier_request *request); /* one that was never run */

/* What time heals is asked again until the timeout (KURIER_FOREVER:
 * default.api.timeout.ms). NULL: nothing came of it, and err says why. A result may
 * still hold rows that failed. */
KURIER_API kurier_result *kurier_admin_run(kurier_client *client, kurier_request *request,
                                           int timeout_ms, kurier_error *err);
KURIER_API kurier_code kurier_admin_submit(kurier_client *client, kurier_request *request,
                                           int timeout_ms, uint64_t opaque, kurier_error *err);
KURIER_API kurier_result *kurier_client_result(kurier_client *client, int timeout_ms,
                                               kurier_error *err);

/*
 * What a row is about, by request, ordered by name and partition:
 *   create, delete, add_partitions   a topic
 *   topics                           a partition; a topic that failed: partition -1
 *   offsets                          a partition: offset, timestamp_ms, epoch
 *   configs                          a setting: key and value (NULL: secret)
 *   cluster                          a broker: name its host, partition its port,
 *                                    leader its node id, value its rack, key
 *                                    "controller" or NULL
 */
typedef struct kurier_row {
    const char *name;
    const char *key, *value;
    int32_t partition;     /* -1: none */
    int32_t leader, epoch; /* -1: none, not known */
    int64_t offset, timestamp_ms;
    const int32_t *replicas, *isr;
    uint32_t replica_count, isr_count;
    kurier_code code;
    const char *text; /* the broker's words, or NULL */
} kurier_row;
KURIER_API uint64_t kurier_result_opaque(const kurier_result *result);
/* The first of all rows. */
KURIER_API kurier_code kurier_result_error(const kurier_result *result, kurier_error *err);
KURIER_API size_t kurier_result_rows(const kurier_result *result,
                                     const kurier_row **out); /* until freed */
KURIER_API void kurier_result_free(kurier_result *result);

#ifdef __cplusplus
}
#endif
#endif
