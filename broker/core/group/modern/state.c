/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of the consumer protocol and their members: what replay changes. */
#include "broker/core/group/modern/modern.h"

/* Who has a partition. */
struct owner {
    struct kb_map_entry by_part;
    struct kd_modern_member *member;
    uint8_t key[20];
};

static struct kb_slice part_key(uint8_t key[20], const struct kd_part *part)
{
    memcpy(key, part->topic.bytes, 16);
    memcpy(key + 16, &part->partition, 4);
    return kb_slice_of(key, 20);
}

static struct owner *find_owner(const struct kd_modern *modern, const struct kd_part *part)
{
    uint8_t key[20];
    return KB_MAP_VALUE(kb_map_get(&modern->owners, part_key(key, part)), struct owner, by_part);
}

struct kd_modern_member *kd_modern_owner(const struct kd_group *group, const struct kd_part *part)
{
    const struct owner *owner = find_owner(group->modern, part);
    return owner ? owner->member : NULL;
}

static bool own(struct kd_modern_member *member, const struct kd_parts *parts)
{
    struct kd_modern *modern = member->group->modern;
    for (size_t i = 0; i < parts->count; i++) {
        struct owner *owner = find_owner(modern, &parts->at[i]);
        if (owner) {
            owner->member = member;
            continue;
        }
        owner = KB_NEW(struct owner);
        if (!owner)
            return false;
        owner->member = member;
        if (!kb_map_put(&modern->owners, &owner->by_part, part_key(owner->key, &parts->at[i]))) {
            kb_free(owner);
            return false;
        }
    }
    return true;
}

static void disown(struct kd_modern_member *member, const struct kd_parts *parts)
{
    struct kd_modern *modern = member->group->modern;
    for (size_t i = 0; i < parts->count; i++) {
        struct owner *owner = find_owner(modern, &parts->at[i]);
        if (!owner || owner->member != member)
            continue;
        kb_map_remove(&modern->owners, &owner->by_part);
        kb_free(owner);
    }
}

/* ---- Members ---- */

struct kd_modern_member *kd_modern_find(const struct kd_group *group, struct kb_slice id)
{
    return KB_MAP_VALUE(kb_map_get(&group->modern->members, id), struct kd_modern_member, by_id);
}

struct kd_modern_member *kd_modern_static(const struct kd_group *group, struct kb_slice instance)
{
    return KB_MAP_VALUE(kb_map_get(&group->modern->instances, instance), struct kd_modern_member,
                        by_instance);
}

struct kd_modern_member *kd_modern_obtain(struct kd_group *group, struct kb_slice id)
{
    struct kd_modern_member *member = kd_modern_find(group, id);
    if (member)
        return member;
    member = KB_NEW(struct kd_modern_member);
    if (!member)
        return NULL;
    if (!kd_slice_set(&member->id, id) ||
        !kb_map_put(&group->modern->members, &member->by_id, member->id)) {
        kb_free((void *)member->id.data);
        kb_free(member);
        return NULL;
    }
    member->group = group;
    member->current.previous_epoch = -1;
    member->words.rebalance_ms = -1;
    member->session.kind = KD_TIMER_BEAT;
    member->late.kind = KD_TIMER_LATE;
    kb_list_push_back(&group->modern->order, &member->link);
    return member;
}

/* The last of those who say that they are the instance is it. */
static bool set_instance(struct kd_modern_member *member)
{
    struct kb_map *instances = &member->group->modern->instances;
    if (member->has_instance)
        kb_map_remove(instances, &member->by_instance);
    member->has_instance = false;
    if (!member->words.instance.data)
        return true;
    struct kd_modern_member *other = kd_modern_static(member->group, member->words.instance);
    if (other) {
        kb_map_remove(instances, &other->by_instance);
        other->has_instance = false;
    }
    member->has_instance = kb_map_put(instances, &member->by_instance, member->words.instance);
    return member->has_instance;
}

/* Each piece of an arena begins on a new 16 bytes. */
static size_t room_of(const struct kd_words *words)
{
    enum { PIECE = 32 };
    const struct kb_slice texts[] = {words->instance,    words->rack,  words->client_id,
                                     words->client_host, words->regex, words->assignor};
    size_t size = 2 * PIECE;
    for (size_t i = 0; i < KB_ARRAY_SIZE(texts); i++)
        size += PIECE + texts[i].size;
    for (size_t i = 0; i < words->topic_count; i++)
        size += PIECE + sizeof *words->topics + words->topics[i].size;
    for (size_t i = 0; i < words->protocol_count; i++)
        size += 2 * PIECE + sizeof *words->protocols + words->protocols[i].name.size +
                words->protocols[i].metadata.size;
    return size;
}

bool kd_modern_set_words(struct kd_modern_member *member, const struct kd_words *words)
{
    struct kb_arena memory;
    struct kd_words copy;
    kb_arena_init(&memory, room_of(words));
    if (!kd_words_copy(&memory, &copy, words)) {
        kb_arena_deinit(&memory);
        return false;
    }
    bool whole = kd_modern_count_in(member->group, &copy);
    kd_modern_count_out(member->group, &member->words);
    struct kb_arena old = member->memory;
    member->memory = memory;
    member->words = copy;
    whole = set_instance(member) && whole;
    kb_arena_deinit(&old);
    return whole;
}

bool kd_modern_set_current(struct kd_modern_member *member, const struct kd_current *to)
{
    struct kd_current *is = &member->current;
    disown(member, &is->assigned);
    disown(member, &is->revoking);
    is->epoch = to->epoch;
    is->previous_epoch = to->previous_epoch;
    is->state = to->state;
    return kd_parts_keep(&is->assigned, &to->assigned) &&
           kd_parts_keep(&is->revoking, &to->revoking) && own(member, &is->assigned) &&
           own(member, &is->revoking);
}

void kd_modern_remove(struct kd_modern_member *member)
{
    struct kd_modern *modern = member->group->modern;
    disown(member, &member->current.assigned);
    disown(member, &member->current.revoking);
    kd_modern_count_out(member->group, &member->words);
    kd_timer_stop(member->group, &member->session);
    kd_timer_stop(member->group, &member->late);
    if (member->has_instance)
        kb_map_remove(&modern->instances, &member->by_instance);
    kb_map_remove(&modern->members, &member->by_id);
    kb_list_remove(&member->link);
    kd_parts_drop(&member->current.assigned);
    kd_parts_drop(&member->current.revoking);
    kd_parts_drop(&member->target);
    kb_arena_deinit(&member->memory);
    kb_free((void *)member->id.data);
    kb_free(member);
}

/* ---- Groups ---- */

struct kd_modern *kd_modern_make(struct kd_group *group)
{
    struct kd_modern *modern = KB_NEW(struct kd_modern);
    if (!modern)
        return NULL;
    uint64_t seed = group->offsets.seed;
    kb_map_init(&modern->members, seed);
    kb_map_init(&modern->instances, seed);
    kb_map_init(&modern->wanted, seed);
    kb_map_init(&modern->expressions, seed);
    kb_map_init(&modern->owners, seed);
    kb_list_init(&modern->order);
    group->modern = modern;
    return modern;
}

void kd_modern_free(struct kd_group *group)
{
    struct kd_modern *modern = group->modern;
    if (!modern)
        return;
    while (!kb_list_empty(&modern->order))
        kd_modern_remove(KB_LIST_FIRST(&modern->order, struct kd_modern_member, link));
    kd_modern_drop_wants(group);
    struct kb_map_entry *at = kb_map_next(&modern->owners, NULL);
    while (at) {
        struct owner *owner = KB_CONTAINER(at, struct owner, by_part);
        at = kb_map_next(&modern->owners, at);
        kb_free(owner);
    }
    kb_map_deinit(&modern->members);
    kb_map_deinit(&modern->instances);
    kb_map_deinit(&modern->wanted);
    kb_map_deinit(&modern->expressions);
    kb_map_deinit(&modern->owners);
    kb_free(modern);
    group->modern = NULL;
}
