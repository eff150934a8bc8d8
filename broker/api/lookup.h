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
/* A copy in the request's arena. */
struct kb_slice kd_keep(struct kd_request *request, struct kb_slice text);

/* repeated[i]: is keys[i] there more than once? In the request's arena; NULL: no
 * memory. */
bool *kd_find_repeated(struct kd_request *request, const struct kb_slice *keys, size_t count);

#endif
