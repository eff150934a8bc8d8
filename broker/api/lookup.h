/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LOOKUP_H
#define KD_LOOKUP_H
/* What several handlers ask first. */
#include "broker/server/request.h"

/* By name, or by id if `name` is null. *code: UNKNOWN_TOPIC_OR_PARTITION or
 * UNKNOWN_TOPIC_ID; UNKNOWN_TOPIC_OR_PARTITION; NOT_LEADER_OR_FOLLOWER;
 * KAFKA_STORAGE_ERROR; KB_OK with the place. */
struct kd_place *kd_find_place(const struct kd_shard *shard, struct kb_slice name,
                               struct kb_uuid id, int32_t partition, int16_t *code);
/* The leader epoch that the client knows, -1: none. UNKNOWN_LEADER_EPOCH,
 * FENCED_LEADER_EPOCH or KB_OK. */
int16_t kd_check_epoch(const struct kd_place *place, int32_t client_epoch);
/* Has its log been given up? Then its replica here is told as offline. */
bool kd_place_is_offline(const struct kd_place *place);
/* What a client may do, as bits of Kafka's AclOperation: without ACLs, all that
 * there is to do with a topic, or with the cluster. */
enum {
    KD_MAY_READ = 1 << 3,
    KD_MAY_WRITE = 1 << 4,
    KD_MAY_CREATE = 1 << 5,
    KD_MAY_DELETE = 1 << 6,
    KD_MAY_ALTER = 1 << 7,
    KD_MAY_DESCRIBE = 1 << 8,
    KD_MAY_CLUSTER_ACTION = 1 << 9,
    KD_MAY_DESCRIBE_CONFIGS = 1 << 10,
    KD_MAY_ALTER_CONFIGS = 1 << 11,
    KD_MAY_IDEMPOTENT_WRITE = 1 << 12,
    KD_MAY_WITH_TOPIC = KD_MAY_READ | KD_MAY_WRITE | KD_MAY_CREATE | KD_MAY_DELETE | KD_MAY_ALTER |
                        KD_MAY_DESCRIBE | KD_MAY_DESCRIBE_CONFIGS | KD_MAY_ALTER_CONFIGS,
    KD_MAY_WITH_CLUSTER = KD_MAY_CREATE | KD_MAY_ALTER | KD_MAY_DESCRIBE | KD_MAY_CLUSTER_ACTION |
                          KD_MAY_DESCRIBE_CONFIGS | KD_MAY_ALTER_CONFIGS | KD_MAY_IDEMPOTENT_WRITE
};
/* A copy in the request's arena. */
struct kb_slice kd_keep(struct kd_request *request, struct kb_slice text);

/* repeated[i]: is keys[i] there more than once? In the request's arena; NULL: no
 * memory. */
bool *kd_find_repeated(struct kd_request *request, const struct kb_slice *keys, size_t count);

#endif
