/* SPDX-License-Identifier: Apache-2.0 */
/* Who may commit and fetch offsets of a group of the consumer protocol. */
#include "broker/core/group/modern/modern.h"
#include "broker/core/topics.h"

/* The protocols have a word each for it. */
static int stale(const struct kd_modern_member *member)
{
    return member->words.classic ? KB_E_ILLEGAL_GENERATION : KB_E_STALE_MEMBER_EPOCH;
}

/* Has it had the partition ever since that epoch? Then nobody else had it in between. */
static bool had_since(const struct kd_modern_member *member, const struct kd_commit *commit,
                      int32_t epoch)
{
    const struct kd_topic *topic = kd_topics_find(member->group->groups->topics, commit->topic);
    const struct kd_part *part = NULL;
    if (!topic)
        return false;
    part = kd_parts_find(&member->current.assigned, topic->id, commit->partition);
    if (!part)
        part = kd_parts_find(&member->current.revoking, topic->id, commit->partition);
    return part && epoch >= part->epoch;
}

int kd_modern_may_commit(const struct kd_group *group, const struct kd_committer *who,
                         const struct kd_commit *commits, size_t count)
{
    bool is_outside = who->generation < 0 && !group->modern->members.count;
    if (is_outside || kd_committer_is_nobody(who))
        return KB_OK;
    const struct kd_modern_member *member = kd_modern_find(group, who->member);
    if (!member)
        return KB_E_UNKNOWN_MEMBER_ID;
    if (!member->words.classic && !who->knows_epochs && !who->in_txn)
        return KB_E_UNSUPPORTED_VERSION;
    int old = who->in_txn ? KB_E_ILLEGAL_GENERATION : stale(member);
    if (who->generation == member->current.epoch)
        return KB_OK;
    if (who->generation > member->current.epoch)
        return old;
    for (size_t i = 0; i < count; i++)
        if (!had_since(member, &commits[i], who->generation))
            return old;
    return KB_OK;
}

int kd_groups_may_fetch(const struct kd_groups *groups, struct kb_slice id,
                        struct kb_slice member_id, int32_t epoch)
{
    const struct kd_group *group = kd_group_find(groups, id);
    if (!group || !group->modern || (!member_id.data && epoch < 0))
        return KB_OK;
    const struct kd_modern_member *member = kd_modern_find(group, member_id);
    if (!member)
        return KB_E_UNKNOWN_MEMBER_ID;
    return epoch == member->current.epoch ? KB_OK : stale(member);
}
