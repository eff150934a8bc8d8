/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, members, and the time they have. */
#include "broker/core/group/modern/modern.h"

static void slice_drop(struct kb_slice *slice)
{
    kb_free((void *)slice->data);
    *slice = kb_slice_null();
}

/* ---- Groups ---- */

struct kd_group *kd_group_find(const struct kd_groups *groups, struct kb_slice id)
{
    return KB_MAP_VALUE(kb_map_get(&groups->by_id, id), struct kd_group, by_id);
}

struct kd_group *kd_group_make(struct kd_groups *groups, struct kb_slice id, struct kb_time now)
{
    struct kd_group *group = KB_NEW(struct kd_group);
    if (!group)
        return NULL;
    uint64_t seed = kb_random_next(groups->random);
    kb_map_init(&group->members, seed);
    kb_map_init(&group->instances, seed);
    kb_map_init(&group->pending, seed);
    kb_map_init(&group->offsets, seed);
    kb_list_init(&group->order);
    group->groups = groups;
    group->round.kind = KD_TIMER_ROUND;
    group->state_since_ms = now.wall_ms;
    if (!kd_slice_set(&group->id, id) || !kb_map_put(&groups->by_id, &group->by_id, group->id)) {
        slice_drop(&group->id);
        kb_free(group);
        return NULL;
    }
    return group;
}

struct kd_group *kd_group_obtain(struct kd_groups *groups, struct kb_slice id, struct kb_time now)
{
    struct kd_group *group = kd_group_find(groups, id);
    return group ? group : kd_group_make(groups, id, now);
}

static void pending_free(struct kd_pending *pending)
{
    kd_timer_stop(pending->group, &pending->timer);
    kb_map_remove(&pending->group->pending, &pending->by_id);
    slice_drop(&pending->id);
    kb_free(pending);
}

bool kd_group_expect(struct kd_group *group, struct kb_slice id, int64_t until_ms,
                     struct kd_outcome *out)
{
    struct kd_pending *pending = KB_NEW(struct kd_pending);
    if (!pending || !kd_slice_set(&pending->id, id) ||
        !kb_map_put(&group->pending, &pending->by_id, pending->id)) {
        if (pending)
            slice_drop(&pending->id);
        kb_free(pending);
        return false;
    }
    pending->group = group;
    pending->timer.kind = KD_TIMER_PENDING;
    kd_timer_set(group, &pending->timer, until_ms, out);
    return true;
}

bool kd_group_expected(struct kd_group *group, struct kb_slice id)
{
    struct kb_map_entry *entry = kb_map_get(&group->pending, id);
    if (!entry)
        return false;
    pending_free(KB_CONTAINER(entry, struct kd_pending, by_id));
    return true;
}

void kd_group_forget_classic(struct kd_group *group)
{
    while (!kb_list_empty(&group->order))
        kd_group_remove(KB_LIST_FIRST(&group->order, struct kd_member, link));
    struct kb_map_entry *entry = kb_map_next(&group->pending, NULL);
    while (entry) {
        struct kd_pending *pending = KB_CONTAINER(entry, struct kd_pending, by_id);
        entry = kb_map_next(&group->pending, entry);
        pending_free(pending);
    }
    kd_timer_stop(group, &group->round);
    slice_drop(&group->protocol_type);
    slice_drop(&group->protocol);
    group->state = KD_GROUP_EMPTY;
    group->generation = 0;
    group->gathering = false;
}

bool kd_group_is_void(const struct kd_group *group)
{
    return !group->modern && !group->generation && !group->members.count && !group->pending.count &&
           !group->offsets.count;
}

void kd_group_free(struct kd_group *group)
{
    kd_group_forget_classic(group);
    kd_modern_free(group);
    kd_group_drop_offsets(group);
    kb_map_remove(&group->groups->by_id, &group->by_id);
    kb_map_deinit(&group->members);
    kb_map_deinit(&group->instances);
    kb_map_deinit(&group->pending);
    kb_map_deinit(&group->offsets);
    slice_drop(&group->id);
    kb_free(group);
}

/* ---- Members ---- */

struct kd_member *kd_group_member(const struct kd_group *group, struct kb_slice id)
{
    return KB_MAP_VALUE(kb_map_get(&group->members, id), struct kd_member, by_id);
}

struct kd_member *kd_group_static(const struct kd_group *group, struct kb_slice instance)
{
    return KB_MAP_VALUE(kb_map_get(&group->instances, instance), struct kd_member, by_instance);
}

static void member_free(struct kd_member *member)
{
    slice_drop(&member->id);
    slice_drop(&member->instance);
    slice_drop(&member->client_id);
    slice_drop(&member->client_host);
    slice_drop(&member->assignment);
    kb_free(member->protocols);
    kb_free(member);
}

struct kd_member *kd_group_add(struct kd_group *group, struct kb_slice id, struct kb_slice instance)
{
    struct kd_member *member = KB_NEW(struct kd_member);
    if (!member)
        return NULL;
    if (!kd_slice_set(&member->id, id) || !kd_slice_set(&member->instance, instance) ||
        !kb_map_put(&group->members, &member->by_id, member->id)) {
        member_free(member);
        return NULL;
    }
    if (instance.data && !kb_map_put(&group->instances, &member->by_instance, member->instance)) {
        kb_map_remove(&group->members, &member->by_id);
        member_free(member);
        return NULL;
    }
    member->group = group;
    member->session.kind = KD_TIMER_SESSION;
    kb_list_push_back(&group->order, &member->link);
    return member;
}

void kd_group_remove(struct kd_member *member)
{
    struct kd_group *group = member->group;
    KB_CHECK(!member->join && !member->sync);
    kd_timer_stop(group, &member->session);
    kb_map_remove(&group->members, &member->by_id);
    if (member->instance.data)
        kb_map_remove(&group->instances, &member->by_instance);
    kb_list_remove(&member->link);
    if (group->leader == member)
        group->leader = NULL;
    member_free(member);
}

bool kd_member_rename(struct kd_member *member, struct kb_slice id)
{
    struct kb_slice fresh = kb_slice_null();
    if (!kd_slice_set(&fresh, id))
        return false;
    kb_map_remove(&member->group->members, &member->by_id);
    slice_drop(&member->id);
    member->id = fresh;
    return kb_map_put(&member->group->members, &member->by_id, member->id);
}

bool kd_member_set_protocols(struct kd_member *member, const struct kd_protocol *protocols,
                             size_t count)
{
    size_t size = count * sizeof *protocols;
    for (size_t i = 0; i < count; i++)
        size += protocols[i].name.size + protocols[i].metadata.size;
    struct kd_protocol *copy = kb_malloc(size + 1);
    if (!copy)
        return false;
    uint8_t *to = (uint8_t *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        const struct kb_slice parts[2] = {protocols[i].name, protocols[i].metadata};
        struct kb_slice copies[2];
        for (int p = 0; p < 2; p++) {
            if (parts[p].size)
                memcpy(to, parts[p].data, parts[p].size);
            copies[p] = kb_slice_of(to, parts[p].size);
            to += parts[p].size;
        }
        copy[i] = (struct kd_protocol){copies[0], copies[1]};
    }
    kb_free(member->protocols);
    member->protocols = copy;
    member->protocol_count = count;
    return true;
}

bool kd_member_has_protocols(const struct kd_member *member, const struct kd_protocol *protocols,
                             size_t count)
{
    if (member->protocol_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!kb_slice_equal(member->protocols[i].name, protocols[i].name) ||
            !kb_slice_equal(member->protocols[i].metadata, protocols[i].metadata))
            return false;
    return true;
}

struct kb_slice kd_member_metadata(const struct kd_member *member, struct kb_slice protocol)
{
    for (size_t i = 0; i < member->protocol_count; i++)
        if (kb_slice_equal(member->protocols[i].name, protocol))
            return member->protocols[i].metadata;
    return kb_slice_null();
}

int kd_group_identify(const struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                      struct kd_member **member)
{
    if (instance.data) {
        *member = kd_group_static(group, instance);
        if (!*member)
            return KB_E_UNKNOWN_MEMBER_ID;
        return kb_slice_equal((*member)->id, id) ? KB_OK : KB_E_FENCED_INSTANCE_ID;
    }
    *member = kd_group_member(group, id);
    return *member ? KB_OK : KB_E_UNKNOWN_MEMBER_ID;
}

/* ---- Time ---- */

void kd_timer_set(struct kd_group *group, struct kd_group_timer *timer, int64_t mono_ms,
                  struct kd_outcome *out)
{
    struct kb_heap *heap = &group->groups->timers;
    if (timer->node.position)
        kb_heap_move(heap, &timer->node, mono_ms);
    else if (!kb_heap_put(heap, &timer->node, mono_ms))
        out->failed = true;
}

void kd_timer_stop(struct kd_group *group, struct kd_group_timer *timer)
{
    kb_heap_remove(&group->groups->timers, &timer->node);
}

void kd_member_renew(struct kd_member *member, struct kb_time now, struct kd_outcome *out)
{
    kd_timer_set(member->group, &member->session, kb_deadline(now, member->session_ms), out);
}
