/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_FEATURES_H
#define KD_FEATURES_H
/*
 * What the cluster can do beside single APIs, each at a level that all of it goes by
 * (KIP-584): finalized, kept in /feature of the metadata store once it was changed.
 * Clients ask for them with ApiVersions; level 0 is told as none.
 */
#include "base/error.h"
#include "broker/meta/meta.h"

struct kd_shard;

enum kd_feature_key {
    KD_FEATURE_GROUP,       /* group.version; 1: groups of the consumer protocol (KIP-848) */
    KD_FEATURE_TRANSACTION, /* transaction.version; 2: an epoch for each (KIP-890) */
    KD_FEATURES
};

struct kd_feature {
    const char *name;
    int16_t min, max; /* supported */
    int16_t lowest;   /* that it may be set to */
    int16_t level;    /* finalized, where nobody has said otherwise */
};
extern const struct kd_feature kd_feature_rows[KD_FEATURES];
const struct kd_feature *kd_feature_find(struct kb_slice name); /* NULL: there is none */

struct kd_features {
    int16_t levels[KD_FEATURES];
    int32_t version; /* of its node; -1: there is none */
};

static inline int64_t kd_features_epoch(const struct kd_features *features)
{
    return features->version + 1;
}

typedef void kd_features_fn(void *ctx, const struct kb_error *err);
/* At a start: CORRUPT, DISK. */
void kd_features_load(struct kd_shard *shard, kd_features_fn *done, void *ctx);
/* All levels anew, in force once it is durable. What done gets is Kafka's. */
void kd_features_set(struct kd_shard *shard, const int16_t levels[KD_FEATURES],
                     kd_features_fn *done, void *ctx);

#endif
