/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_MODERN_CLASSIC_H
#define KD_GROUP_MODERN_CLASSIC_H
/*
 * Members of the classic protocol in a group of the consumer protocol. To them
 * the member epoch is the generation: nobody leads, nobody waits for the others,
 * and who is to move on is told REBALANCE_IN_PROGRESS by its heartbeat.
 */
#include "broker/core/group/classic.h"

struct kd_group;

/* Into a group that has members. */
void kd_modern_join(struct kd_group *group, struct kd_join *join, struct kb_time now,
                    struct kd_outcome *out);
void kd_modern_sync(struct kd_group *group, struct kd_sync *sync, struct kb_time now,
                    struct kd_outcome *out);
int kd_modern_heartbeat(struct kd_group *group, const struct kw_heartbeat_request *in,
                        struct kb_time now, struct kd_outcome *out);
int kd_modern_leave(struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                    struct kb_time now, struct kd_outcome *out);

#endif
