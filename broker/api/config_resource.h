/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CONFIG_RESOURCE_H
#define KD_CONFIG_RESOURCE_H
/* What the requests about configuration have in common: whose it is, and where
 * each value comes from. The numbers are the protocol's. */
#include "broker/api/lookup.h"

enum kd_resource_type {
    KD_RESOURCE_TOPIC = 2,
    KD_RESOURCE_BROKER = 4,
    KD_RESOURCE_BROKER_LOGGER = 8,
    KD_RESOURCE_CLIENT_METRICS = 16,
    KD_RESOURCE_GROUP = 32
};
const char *kd_resource_type_name(int8_t type);

/* The topic that there is, a group, this broker, or with an empty name what all brokers
 * share. Kafka's code, and words in err. */
int kd_config_resource(const struct kd_shard *shard, int8_t type, struct kb_slice name,
                       enum kd_entity *entity, struct kb_error *err);

enum kd_config_origin {
    KD_FROM_TOPIC = 1,
    KD_FROM_BROKER,
    KD_FROM_CLUSTER,
    KD_FROM_FILE,
    KD_FROM_DEFAULT,
    KD_FROM_GROUP = 8
};

struct kd_config_source {
    const char *key;
    struct kb_slice value;
    int8_t origin; /* of kd_config_origin */
};

enum { KD_CONFIG_SOURCES = 12 };
/* Where a row's value may come from, the one that counts first. own: the
 * topic's or group's; NULL for a row of the broker's. */
int kd_config_sources(struct kd_request *request, const struct kb_option *row,
                      const struct kd_overrides *own, struct kd_config_source *out);
/* A row's value as text, in the request's arena; null where it has none. */
struct kb_slice kd_config_text(struct kd_request *request, const struct kb_option *row,
                               const void *values);

#endif
