/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_CONSUMER_H
#define KD_GROUP_CONSUMER_H
/*
 * The consumer protocol (KIP-848): one request, the heartbeat, to join, to be
 * told what to have, to say what one has, and to leave. Nobody waits for anybody:
 * it is answered at once.
 */
#include "broker/core/group/groups.h"
#include "wire/gen/consumer_group_describe.h"
#include "wire/gen/consumer_group_heartbeat.h"

struct kd_beat {
    const struct kw_consumer_group_heartbeat_request *in;
    int16_t version;
    struct kb_slice client_id, client_host;
    struct kb_arena *arena; /* the answer's */
    struct kw_consumer_group_heartbeat_response out;
};

/* The answer is complete, an error in it or not. */
void kd_groups_beat(struct kd_groups *groups, struct kd_beat *beat, struct kb_time now,
                    struct kd_outcome *out);

/* GROUP_ID_NOT_FOUND also for groups of the classic protocol. Views, and what the arena
 * holds, are valid until the next step. */
void kd_groups_describe_consumer(const struct kd_groups *groups, struct kb_slice id,
                                 struct kb_arena *arena,
                                 struct kw_consumer_group_describe_response_group *out);

#endif
