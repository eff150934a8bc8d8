/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_RECORDS_H
#define KD_RECORDS_H
/*
 * What stands in the nodes of the metadata store: Kafka's classic layout, as
 * JSON. Writers answer text that is to be freed with kd_record_free (NULL: no
 * memory); readers answer false for what they cannot make sense of.
 */
#include "base/slice.h"
#include "base/uuid.h"
#include "broker/core/overrides.h"

struct kd_topic_record {
    struct kb_uuid id;
    int32_t count;      /* partitions 0 .. count-1 */
    int32_t **replicas; /* per partition */
    int32_t *replica_count;
};

struct kd_state_record {
    int32_t leader, leader_epoch, controller_epoch;
    int32_t *isr;
    int32_t isr_count;
};

struct kd_broker_record {
    const char *listener, *host;
    int32_t port;
    const char *endpoints; /* "PLAINTEXT://h:p,..." */
    const char *rack;      /* or NULL */
    int64_t wall_ms;
};

void kd_record_free(char *text);

/* /brokers/topics/T */
char *kd_record_topic(const struct kd_topic_record *record);
bool kd_record_topic_read(struct kb_slice text, struct kd_topic_record *out);
void kd_topic_record_deinit(struct kd_topic_record *record);

/* /brokers/topics/T/partitions/P/state */
char *kd_record_state(const struct kd_state_record *record);
bool kd_record_state_read(struct kb_slice text, struct kd_state_record *out);
void kd_state_record_deinit(struct kd_state_record *record);

/* /config/topics/T, /config/brokers/N, /config/brokers/<default>. Reading adds
 * to *out, which is empty before. */
char *kd_record_config(const struct kd_overrides *config);
bool kd_record_config_read(struct kb_slice text, struct kd_overrides *out);
/* /config/changes/config_change_SEQ: whose configuration changed, as a path
 * below /config. */
char *kd_record_config_change(const char *entity_path);

/* /brokers/ids/N, /controller, /cluster/id */
char *kd_record_broker(const struct kd_broker_record *record);
char *kd_record_controller(int32_t node_id, int64_t wall_ms);
char *kd_record_cluster(const char *id);
bool kd_record_cluster_read(struct kb_slice text, char *out, size_t size);

/* /feature: levels by name. Reading leaves *level where that name has none. NULL: no
 * memory. */
char *kd_record_features(const char *const *names, const int16_t *levels, int count);
bool kd_record_feature_read(struct kb_slice text, const char *name, int64_t *level);

/* /latest_producer_id_block, whose numbers are text; without memory. */
enum { KD_BLOCK_TEXT = 128 };
struct kb_slice kd_record_block(char out[KD_BLOCK_TEXT], int32_t node_id, int64_t start,
                                int64_t end);
bool kd_record_block_read(struct kb_slice text, int64_t *end);

#endif
