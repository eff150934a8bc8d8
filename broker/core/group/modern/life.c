/* SPDX-License-Identifier: Apache-2.0 */
/* How long members stay, and what a group without one of them does. */
#include "broker/core/group/modern/migrate.h"
#include "broker/core/group/modern/modern.h"

int64_t kd_group_setting(const struct kd_group *group, enum kd_group_setting which)
{
    const struct kd_group_limits *limits = group->groups->limits;
    struct kb_map_entry *own = limits->own ? kb_map_get(limits->own, group->id) : NULL;
    return own ? KB_CONTAINER(own, struct kd_group_own, by_id)->settings[which]
               : limits->settings[which];
}

void kd_modern_renew(struct kd_modern_member *member, struct kb_time now, struct kd_outcome *out)
{
    int64_t session_ms = member->words.classic ? member->words.session_ms
                                               : kd_group_setting(member->group, KD_SET_SESSION);
    kd_timer_set(member->group, &member->session, kb_deadline(now, session_ms), out);
}

void kd_modern_loaded(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    KB_LIST_EACH(at, &group->modern->order) {
        struct kd_modern_member *member = KB_CONTAINER(at, struct kd_modern_member, link);
        kd_modern_renew(member, now, out);
        if (!member->words.classic && member->current.state == KD_MODERN_UNREVOKED)
            kd_timer_set(group, &member->late, kb_deadline(now, member->words.rebalance_ms), out);
    }
}

void kd_modern_fence(struct kd_modern_member *member, struct kb_time now, struct kd_outcome *out)
{
    struct kd_group *group = member->group;
    if (kd_downgrade_follows(group, member)) {
        kd_downgrade(group, member, now, out);
        return;
    }
    struct kb_slice regex = kd_slice_copy(&out->arena, member->words.regex);
    out->failed |= out->arena.failed;
    kd_emit_no_modern_member(member, out);
    kd_modern_drop_unused(group, regex, out);
    kd_modern_refresh(group, true, now, out);
}

const char *kd_modern_state_name(const struct kd_group *group)
{
    const struct kd_modern *modern = group->modern;
    if (!modern->members.count)
        return "Empty";
    if (modern->epoch > modern->assignment_epoch)
        return "Assigning";
    KB_LIST_EACH(at, &modern->order)
        if (!kd_modern_has_arrived(KB_CONTAINER(at, struct kd_modern_member, link)))
            return "Reconciling";
    return "Stable";
}
