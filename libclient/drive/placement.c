/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/placement.h"
#include "base/check.h"
#include "base/mem.h"
#include <string.h>

enum { ARENA_BYTES = 256 << 20 };

/* ---- The view -------------------------------------------------------------------*/

static bool copy_topics(struct kurier_placement *p, const struct kc_assign *in)
{
    kurier_assign_topic *topics = kb_arena_array(&p->arena, in->topic_count + 1, sizeof *topics);
    size_t count = 0;
    p->first = kb_arena_array(&p->arena, in->topic_count + 1, sizeof *p->first);
    for (size_t i = 0; i < in->topic_count && !p->arena.failed; i++) {
        topics[i].name = kb_arena_strdup(&p->arena, in->topics[i].name);
        topics[i].partitions = in->topics[i].count;
        p->first[i] = count;
        count += (size_t)in->topics[i].count;
    }
    p->owners = p->arena.failed ? NULL : kb_arena_array(&p->arena, count + 1, sizeof *p->owners);
    for (size_t i = 0; i < count && p->owners; i++)
        p->owners[i] = -1;
    p->view.topics = topics;
    p->view.topic_count = in->topic_count;
    return p->owners != NULL;
}

static bool copy_member(struct kurier_placement *p, const struct kc_assign_member *from,
                        kurier_assign_member *to)
{
    struct kb_arena *arena = &p->arena;
    const char **topics = kb_arena_array(arena, from->topic_count + 1, sizeof *topics);
    kurier_position *owned = kb_arena_array(arena, from->owned_count + 1, sizeof *owned);
    to->id = kb_arena_strdup(arena, from->id);
    to->instance = from->instance.data ? kb_arena_strdup(arena, from->instance) : NULL;
    if (arena->failed)
        return false;
    for (size_t i = 0; i < from->topic_count; i++)
        topics[i] = p->view.topics[from->topics[i]].name;
    for (size_t i = 0; i < from->owned_count; i++)
        owned[i] = kurier_at(p->view.topics[from->owned[i].topic].name, from->owned[i].partition,
                             KURIER_COMMITTED);
    to->topics = topics;
    to->topic_count = from->topic_count;
    to->owned = owned;
    to->owned_count = from->owned_count;
    return true;
}

static bool copy_members(struct kurier_placement *p, const struct kc_assign *in)
{
    kurier_assign_member *members =
        kb_arena_array(&p->arena, in->member_count + 1, sizeof *members);
    bool whole = members != NULL;
    for (size_t i = 0; i < in->member_count && whole; i++)
        whole = copy_member(p, &in->members[i], &members[i]);
    p->view.members = members;
    p->view.member_count = in->member_count;
    return whole;
}

struct kurier_placement *kc_placement_new(uint32_t number, const struct kc_own_assignor *assignor,
                                          const struct kc_assign *in)
{
    struct kurier_placement *p = KB_NEW(struct kurier_placement);
    if (!p)
        return NULL;
    p->number = number;
    p->assignor = assignor;
    kb_arena_init(&p->arena, ARENA_BYTES);
    if (copy_topics(p, in) && copy_members(p, in))
        return p;
    kc_placement_free(p);
    return NULL;
}

void kc_placement_free(struct kurier_placement *p)
{
    if (p)
        kb_arena_deinit(&p->arena);
    kb_free(p);
}

/* ---- The answer -------------------------------------------------------------------*/

void kc_placement_run(struct kurier_placement *p)
{
    kb_error_clear(&p->err);
    int code = p->assignor->fn(p->assignor->ctx, &p->view, p);
    if (code && !p->err.code)
        kb_error_set(&p->err, code, "it answered %s", kb_code_name(code));
}

static bool is_subscribed(const kurier_assign_member *member, const char *topic)
{
    for (size_t i = 0; i < member->topic_count; i++)
        if (!strcmp(member->topics[i], topic))
            return true;
    return false;
}

static size_t topic_index(const struct kurier_placement *p, const char *name)
{
    size_t i = 0;
    while (i < p->view.topic_count && strcmp(p->view.topics[i].name, name) != 0)
        i++;
    return i;
}

void kurier_placement_give(kurier_placement *p, size_t member, const char *topic, int32_t partition)
{
    size_t t = topic_index(p, topic);
    bool there = t < p->view.topic_count && partition >= 0 &&
                 partition < p->view.topics[t].partitions && member < p->view.member_count;
    if (there && is_subscribed(&p->view.members[member], topic))
        p->owners[p->first[t] + (size_t)partition] = (int32_t)member;
    else if (!p->err.code)
        kb_error_set(&p->err, KB_E_INVALID_ARGUMENT,
                     "it gave %s-%d to member %zu, which there is not, or which is not "
                     "subscribed to it",
                     topic, partition, member);
}
