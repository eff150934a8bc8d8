/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_API_GROUP_H
#define KD_API_GROUP_H
/* What the requests to a group's coordinator have in common. */
#include "broker/api/step.h"
#include "broker/server/group/topic.h"

static inline struct kd_step *kd_group_begin(struct kd_request *request, struct kb_slice group,
                                             int *code)
{
    return kd_step_for(&request->shard->groups->topic, group, code);
}

/* For a request that may be parked in the machine: its wait leads to its reply. */
void kd_group_park(struct kd_request *request, struct kd_reply *reply, struct kd_parked *wait,
                   enum kd_parked_kind kind, struct kd_coordinator *c);
/* Its client has gone: out of the machine, or of the answers that are held. */
void kd_group_unpark(struct kd_reply *reply, struct kd_parked *wait);
/* Where the client is, as Kafka's tools show it. */
struct kb_slice kd_group_host(struct kd_request *request);

#endif
