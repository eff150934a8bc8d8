/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_RECORDS_H
#define KD_GROUP_RECORDS_H
/*
 * Kafka's records of __consumer_offsets. Emitting one encodes it into the
 * outcome and replays what was encoded, so that what is live and what would be
 * loaded cannot differ. Out of memory sets outcome.failed.
 */
#include "broker/core/group/offsets.h"

struct kd_group;

void kd_emit_offset(struct kd_group *group, const struct kd_commit *commit, struct kb_time now,
                    struct kd_outcome *out);
/* In a transaction of that producer. */
void kd_emit_open_offset(struct kd_group *group, int64_t producer, const struct kd_commit *commit,
                         struct kb_time now, struct kd_outcome *out);
void kd_emit_no_offset(struct kd_group *group, struct kb_slice topic, int32_t partition,
                       struct kd_outcome *out);
/* Generation, protocol, members and assignments, as they are: EMPTY without
 * members, else STABLE. */
void kd_emit_group(struct kd_group *group, struct kb_time now, struct kd_outcome *out);
void kd_emit_no_group(struct kd_group *group, struct kd_outcome *out); /* its offsets stay */

/* ---- For those who emit other kinds ---- */

void kd_emit(struct kd_groups *groups, struct kd_record record, struct kb_time now,
             struct kd_outcome *out);

#endif
