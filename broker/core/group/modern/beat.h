/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_BEAT_H
#define KD_GROUP_BEAT_H
/* One heartbeat: what may be said against it (beat_check.c), and what comes of it
 * (beat.c). */
#include "broker/core/group/consumer.h"
#include "broker/core/group/modern/migrate.h"

struct kd_beating {
    struct kd_groups *groups;
    struct kd_beat *beat;
    const struct kw_consumer_group_heartbeat_request *in;
    struct kd_group *group;          /* NULL: there is none yet */
    struct kd_modern_member *member; /* NULL: it is new */
    struct kd_modern_member *former; /* the same instance, before */
    struct kd_upgrade upgrade;
    struct kb_slice id; /* the member's */
    struct kb_time now;
    struct kd_outcome *out;
};

/* The code, and the text beside it. */
int kd_beat_refuse(struct kd_beating *beating, int code, const char *text);
/* Does the request make sense, and is there such a group, or may there be? */
int kd_beat_check(struct kd_beating *beating);
/* member and former: UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID,
 * UNRELEASED_INSTANCE_ID. */
int kd_beat_identify(struct kd_beating *beating);
/* May it take part? GROUP_MAX_SIZE_REACHED, INVALID_REGULAR_EXPRESSION. */
int kd_beat_admit(struct kd_beating *beating);

#endif
