/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/modern/modern.h"

void kd_groups_init(struct kd_groups *groups, const struct kd_group_limits *limits,
                    const struct kd_topics *topics, struct kb_random *random)
{
    *groups =
        (struct kd_groups){.limits = limits, .topics = topics, .random = random, .loading = true};
    kb_map_init(&groups->by_id, kb_random_next(random));
    kb_map_init(&groups->txns, groups->by_id.seed);
    kb_heap_init(&groups->timers);
}

void kd_groups_loaded(struct kd_groups *groups, struct kb_time now, struct kd_outcome *out)
{
    groups->loading = false;
    struct kb_map_entry *at = kb_map_next(&groups->by_id, NULL);
    while (at) {
        struct kb_map_entry *next = kb_map_next(&groups->by_id, at);
        struct kd_group *group = KB_CONTAINER(at, struct kd_group, by_id);
        KB_LIST_EACH(m, &group->order)
            kd_member_renew(KB_CONTAINER(m, struct kd_member, link), now, out);
        if (group->modern)
            kd_modern_loaded(group, now, out);
        if (kd_group_is_void(group))
            kd_group_free(group);
        at = next;
    }
}

void kd_groups_drop(struct kd_groups *groups, int code, struct kd_outcome *out)
{
    struct kb_map_entry *at = kb_map_next(&groups->by_id, NULL);
    while (at) {
        struct kb_map_entry *next = kb_map_next(&groups->by_id, at);
        struct kd_group *group = KB_CONTAINER(at, struct kd_group, by_id);
        KB_LIST_EACH(m, &group->order)
            kd_member_refuse(KB_CONTAINER(m, struct kd_member, link), code, out);
        kd_group_free(group);
        at = next;
    }
}

void kd_groups_deinit(struct kd_groups *groups)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_drop(groups, KB_E_NOT_COORDINATOR, &out);
    KB_CHECK(kb_list_empty(&out.answers));
    kd_outcome_deinit(&out);
    KB_CHECK(!groups->txns.count); /* went with what they committed */
    kb_map_deinit(&groups->by_id);
    kb_map_deinit(&groups->txns);
    kb_heap_deinit(&groups->timers);
}

/* ---- Time ---- */

int64_t kd_groups_deadline(const struct kd_groups *groups)
{
    const struct kb_heap_node *first = kb_heap_first(&groups->timers);
    return first ? first->key : KB_NEVER;
}

/* A parked member waits for others, and cannot be heard; but a first join does
 * not wait for ever. */
static void on_session(struct kd_member *member, struct kb_time now, struct kd_outcome *out)
{
    bool waits = member->sync || (member->join && !member->is_new);
    if (waits)
        kd_member_renew(member, now, out);
    else
        kd_group_expel(member, KB_E_UNKNOWN_MEMBER_ID, now, out);
}

static void on_timer(struct kd_group_timer *timer, struct kb_time now, struct kd_outcome *out)
{
    switch (timer->kind) {
    case KD_TIMER_ROUND:
        kd_group_on_round(KB_CONTAINER(timer, struct kd_group, round), now, out);
        break;
    case KD_TIMER_SESSION:
        on_session(KB_CONTAINER(timer, struct kd_member, session), now, out);
        break;
    case KD_TIMER_PENDING:
        kd_group_on_pending(KB_CONTAINER(timer, struct kd_pending, timer), now, out);
        break;
    case KD_TIMER_BEAT:
        kd_modern_fence(KB_CONTAINER(timer, struct kd_modern_member, session), now, out);
        break;
    case KD_TIMER_LATE:
        kd_modern_fence(KB_CONTAINER(timer, struct kd_modern_member, late), now, out);
    }
}

void kd_groups_tick(struct kd_groups *groups, struct kb_time now, struct kd_outcome *out)
{
    struct kb_heap_node *first;
    while (!out->failed && (first = kb_heap_first(&groups->timers)) && first->key <= now.mono_ms) {
        kb_heap_remove(&groups->timers, first);
        on_timer(KB_CONTAINER(first, struct kd_group_timer, node), now, out);
    }
}

/*
 * A member that never heard of its first round is nobody: who asks again begins
 * anew, and it is taken out at the next tick. Others keep their place for the rest
 * of their session.
 */
void kd_groups_forget(struct kd_parked *wait, struct kb_time now)
{
    struct kd_member *member = wait->member;
    wait->member = NULL;
    if (wait->kind == KD_PARKED_SYNC) {
        member->sync = NULL;
        return;
    }
    member->join = NULL;
    member->group->joined--;
    int64_t left_ms = member->is_new ? 0 : member->session_ms;
    kb_heap_move(&member->group->groups->timers, &member->session.node, kb_deadline(now, left_ms));
}
