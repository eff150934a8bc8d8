/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_CLASSIC_H
#define KD_GROUP_CLASSIC_H
/*
 * The classic protocol: members join in rounds, one of them, the leader,
 * assigns, and all take what it handed in.
 *
 *     EMPTY -> PREPARING -> COMPLETING -> STABLE
 *                ^  all have joined   the leader's sync
 *                |__________|____________|   somebody joins, leaves or is lost
 *
 * Each call is one request (versions as in the schema), each answers its error
 * code or fills what is to be answered. Strings of answers are in the arena that
 * was passed.
 */
#include "broker/core/group/groups.h"
#include "wire/gen/heartbeat.h"
#include "wire/gen/join_group.h"
#include "wire/gen/leave_group.h"
#include "wire/gen/sync_group.h"

struct kd_join {
    struct kd_parked wait;
    const struct kw_join_group_request *in;
    int16_t version;
    struct kb_slice client_id, client_host;
    struct kw_join_group_response out;
};

struct kd_sync {
    struct kd_parked wait;
    const struct kw_sync_group_request *in;
    struct kw_sync_group_response out;
};

/* Each is among the answers at once or after some later step. What `in` views
 * is not needed any more when these return. */
void kd_groups_join(struct kd_groups *groups, struct kd_join *join, struct kb_time now,
                    struct kd_outcome *out);
void kd_groups_sync(struct kd_groups *groups, struct kd_sync *sync, struct kb_time now,
                    struct kd_outcome *out);

int kd_groups_heartbeat(struct kd_groups *groups, const struct kw_heartbeat_request *in,
                        struct kb_time now, struct kd_outcome *out);
/* One code per member from version 3, else that of the request. */
void kd_groups_leave(struct kd_groups *groups, const struct kw_leave_group_request *in,
                     int16_t version, struct kb_arena *arena, struct kb_time now,
                     struct kw_leave_group_response *answer, struct kd_outcome *out);

#endif
