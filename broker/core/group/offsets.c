/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/offsets.h"
#include "base/mutant.h"
#include "broker/core/group/modern/modern.h"

/* ---- Commit ---- */

bool kd_committer_is_nobody(const struct kd_committer *who)
{
    return who->in_txn && who->generation < 0 && !who->member.size && !who->instance.data;
}

static int check_member(const struct kd_group *group, const struct kd_committer *who,
                        struct kd_member **member)
{
    bool is_outside = who->generation < 0 && group->state == KD_GROUP_EMPTY;
    if (is_outside || kd_committer_is_nobody(who))
        return KB_OK;
    int code = kd_group_identify(group, who->member, who->instance, member);
    if (code)
        return code;
    if (who->generation != group->generation && !KB_MUTANT("old-generation-commits"))
        return KB_E_ILLEGAL_GENERATION;
    /* A transaction ends before its producer gives partitions back. */
    bool waits = group->state == KD_GROUP_COMPLETING && !who->in_txn;
    return waits ? KB_E_REBALANCE_IN_PROGRESS : KB_OK;
}

static int check(struct kd_groups *groups, const struct kd_committer *who, struct kb_time now,
                 const struct kd_commit *commits, size_t count, struct kd_group **group,
                 struct kd_outcome *out)
{
    struct kd_member *member = NULL;
    if (!who->group.data || (who->in_txn && !who->group.size))
        return KB_E_INVALID_GROUP_ID;
    *group = kd_group_find(groups, who->group);
    if (!*group && who->generation >= 0)
        return who->knows_epochs ? KB_E_GROUP_ID_NOT_FOUND : KB_E_ILLEGAL_GENERATION;
    if (!*group)
        *group = kd_group_make(groups, who->group, now);
    if (!*group) {
        out->failed = true;
        return KB_E_COORDINATOR_NOT_AVAILABLE;
    }
    if ((*group)->modern)
        return kd_modern_may_commit(*group, who, commits, count);
    int code = check_member(*group, who, &member);
    if (member && code != KB_E_ILLEGAL_GENERATION && !who->in_txn)
        kd_member_renew(member, now, out);
    return code;
}

/* What their records take, about: a batch that cannot be made costs all that is known. */
static bool fits(const struct kd_groups *groups, const struct kd_committer *who,
                 const struct kd_commit *commits, size_t count)
{
    enum { COMMIT_MAX_BYTES = 8 << 20, NUMBERS_BYTES = 64 };
    size_t left = COMMIT_MAX_BYTES, longest = (size_t)groups->limits->offset_metadata_max_bytes;
    for (size_t i = 0; i < count; i++) {
        size_t metadata = KB_MIN(commits[i].metadata.size, longest);
        size_t size = NUMBERS_BYTES + who->group.size + commits[i].topic.size + metadata;
        if (size > left)
            return false;
        left -= size;
    }
    return true;
}

int kd_groups_commit(struct kd_groups *groups, const struct kd_committer *who,
                     struct kd_commit *commits, size_t count, struct kb_time now,
                     struct kd_outcome *out)
{
    struct kd_group *group = NULL;
    int code = fits(groups, who, commits, count)
                   ? check(groups, who, now, commits, count, &group, out)
                   : KB_E_INVALID_COMMIT_OFFSET_SIZE;
    for (size_t i = 0; i < count; i++) {
        struct kd_commit *commit = &commits[i];
        commit->code = code;
        if (code)
            continue;
        if (commit->metadata.size > (size_t)groups->limits->offset_metadata_max_bytes)
            commit->code = KB_E_OFFSET_METADATA_TOO_LARGE;
        else if (who->in_txn && !KB_MUTANT("offsets-outside"))
            kd_emit_open_offset(group, who->producer, commit, now, out);
        else
            kd_emit_offset(group, commit, now, out);
    }
    return code;
}

/* ---- Fetch ---- */

const struct kd_offset *kd_groups_offset(const struct kd_groups *groups, struct kb_slice group_id,
                                         struct kb_slice topic, int32_t partition)
{
    const struct kd_group *group = kd_group_find(groups, group_id);
    const struct kd_offset *offset = group ? kd_group_offset(group, topic, partition) : NULL;
    return offset && offset->committed ? offset : NULL;
}

bool kd_groups_offset_is_open(const struct kd_groups *groups, struct kb_slice group_id,
                              struct kb_slice topic, int32_t partition)
{
    const struct kd_group *group = kd_group_find(groups, group_id);
    const struct kd_offset *offset = group ? kd_group_offset(group, topic, partition) : NULL;
    return offset && !kb_list_empty(&offset->open);
}

const struct kd_offset *kd_groups_next_offset(const struct kd_groups *groups,
                                              struct kb_slice group_id, const struct kd_offset *at)
{
    const struct kd_group *group = kd_group_find(groups, group_id);
    if (!group)
        return NULL;
    do {
        at = KB_MAP_VALUE(kb_map_next(&group->offsets, at ? &at->entry : NULL), struct kd_offset,
                          entry);
    } while (at && !at->committed);
    return at;
}

/* ---- Forgetting ---- */

static void tombstone(struct kd_group *group, const struct kd_offset *offset,
                      struct kd_outcome *out)
{
    kd_emit_no_offset(group, kd_slice_copy(&out->arena, offset->topic), offset->partition, out);
}

int kd_groups_delete_offsets(struct kd_groups *groups, struct kb_slice group_id,
                             struct kd_commit *which, size_t count, struct kd_outcome *out)
{
    struct kd_group *group = kd_group_find(groups, group_id);
    if (!group)
        return KB_E_GROUP_ID_NOT_FOUND;
    if (group->members.count && !kd_group_is_consumer(group))
        return KB_E_NON_EMPTY_GROUP;
    for (size_t i = 0; i < count; i++) {
        bool used = kd_group_subscribes(group, which[i].topic);
        which[i].code = used ? KB_E_GROUP_SUBSCRIBED_TO_TOPIC : KB_OK;
        if (!used && kd_group_offset(group, which[i].topic, which[i].partition))
            kd_emit_no_offset(group, which[i].topic, which[i].partition, out);
    }
    return KB_OK;
}

/* Every offset for which gone() is true. */
struct forgetting {
    bool (*gone)(const struct kd_group *group, const struct kd_offset *offset, const void *ctx);
    const void *ctx;
};

static void forget(struct kd_group *group, const struct forgetting *which, struct kd_outcome *out)
{
    struct kb_map_entry *at = kb_map_next(&group->offsets, NULL);
    while (at && !out->failed) {
        struct kb_map_entry *next = kb_map_next(&group->offsets, at);
        struct kd_offset *offset = KB_CONTAINER(at, struct kd_offset, entry);
        if (which->gone(group, offset, which->ctx))
            tombstone(group, offset, out);
        at = next;
    }
}

static bool is_of_topic(const struct kd_group *group, const struct kd_offset *offset,
                        const void *topic)
{
    (void)group;
    return kb_slice_equal(offset->topic, *(const struct kb_slice *)topic);
}

void kd_groups_topic_deleted(struct kd_groups *groups, struct kb_slice topic,
                             struct kd_outcome *out)
{
    const struct forgetting of_topic = {is_of_topic, &topic};
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&groups->by_id, at));)
        forget(KB_CONTAINER(at, struct kd_group, by_id), &of_topic, out);
}

static bool is_any(const struct kd_group *group, const struct kd_offset *offset, const void *ctx)
{
    (void)group, (void)offset, (void)ctx;
    return true;
}

static void remove_group(struct kd_group *group, struct kd_outcome *out)
{
    forget(group, &(struct forgetting){is_any, NULL}, out);
    if (group->generation)
        kd_emit_no_group(group, out);
    if (group->modern)
        kd_emit_no_modern(group, out);
    if (!out->failed)
        kd_group_free(group);
}

static bool has_members(const struct kd_group *group)
{
    return group->state != KD_GROUP_EMPTY || group->pending.count ||
           (group->modern && group->modern->members.count);
}

int kd_groups_delete(struct kd_groups *groups, struct kb_slice group_id, struct kd_outcome *out)
{
    struct kd_group *group = kd_group_find(groups, group_id);
    if (!group)
        return KB_E_GROUP_ID_NOT_FOUND;
    if (has_members(group))
        return KB_E_NON_EMPTY_GROUP;
    remove_group(group, out);
    return KB_OK;
}

/* Is it in use by members, whatever its age? Who assigns other things than topics
 * may always need it. */
static bool is_in_use(const struct kd_group *group, const struct kd_offset *offset)
{
    if (!has_members(group))
        return false;
    if (group->modern)
        return kd_group_subscribes(group, offset->topic);
    return group->state != KD_GROUP_STABLE || !kd_group_is_consumer(group) ||
           kd_group_subscribes(group, offset->topic);
}

/* The retention counts from the commit on; where there were members, from the
 * departure of the last. */
static bool has_expired(const struct kd_group *group, const struct kd_offset *offset,
                        const void *now)
{
    int64_t now_ms = ((const struct kb_time *)now)->wall_ms;
    int64_t since_ms = offset->position.committed_ms;
    if (is_in_use(group, offset) || !kb_list_empty(&offset->open))
        return false;
    if (offset->position.expires_ms >= 0)
        return now_ms >= offset->position.expires_ms;
    if (group->protocol_type.data && group->state == KD_GROUP_EMPTY)
        since_ms = KB_MAX(since_ms, group->state_since_ms);
    return since_ms <= now_ms - group->groups->limits->offsets_retention_ms;
}

void kd_groups_expire(struct kd_groups *groups, struct kb_time now, struct kd_outcome *out)
{
    const struct forgetting expired = {has_expired, &now};
    struct kb_map_entry *at = kb_map_next(&groups->by_id, NULL);
    while (at && !kd_outcome_is_full(out)) {
        struct kb_map_entry *next = kb_map_next(&groups->by_id, at);
        struct kd_group *group = KB_CONTAINER(at, struct kd_group, by_id);
        forget(group, &expired, out);
        if (!has_members(group) && !group->offsets.count)
            remove_group(group, out);
        at = next;
    }
}
