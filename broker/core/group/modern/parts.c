/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/modern/parts.h"
#include "base/mem.h"
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct kd_part *x = a, *y = b;
    int order = memcmp(&x->topic, &y->topic, sizeof x->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

struct kd_parts kd_parts_room(struct kb_arena *arena, size_t room)
{
    return (struct kd_parts){kb_arena_array(arena, room + 1, sizeof(struct kd_part)), 0};
}

void kd_parts_add(struct kd_parts *parts, struct kb_uuid topic, int32_t partition, int32_t epoch)
{
    parts->at[parts->count++] = (struct kd_part){topic, partition, epoch};
}

static bool is_sorted(const struct kd_parts *parts)
{
    for (size_t i = 1; i < parts->count; i++)
        if (compare(&parts->at[i - 1], &parts->at[i]) >= 0)
            return false;
    return true;
}

void kd_parts_sort(struct kd_parts *parts)
{
    size_t kept = 0;
    if (is_sorted(parts))
        return;
    qsort(parts->at, parts->count, sizeof *parts->at, compare);
    for (size_t i = 0; i < parts->count; i++)
        if (!kept || compare(&parts->at[kept - 1], &parts->at[i]))
            parts->at[kept++] = parts->at[i];
    parts->count = kept;
}

const struct kd_part *kd_parts_find(const struct kd_parts *parts, struct kb_uuid topic,
                                    int32_t partition)
{
    const struct kd_part key = {topic, partition, 0};
    if (!parts->count)
        return NULL;
    return bsearch(&key, parts->at, parts->count, sizeof key, compare);
}

bool kd_parts_equal(const struct kd_parts *a, const struct kd_parts *b)
{
    return a->count == b->count && (!a->count || !memcmp(a->at, b->at, a->count * sizeof *a->at));
}

bool kd_parts_within(const struct kd_parts *some, const struct kd_parts *all)
{
    for (size_t i = 0; i < some->count; i++)
        if (!kd_parts_find(all, some->at[i].topic, some->at[i].partition))
            return false;
    return true;
}

bool kd_parts_meet(const struct kd_parts *a, const struct kd_parts *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (kd_parts_find(b, a->at[i].topic, a->at[i].partition))
            return true;
    return false;
}

size_t kd_parts_run(const struct kd_parts *parts, size_t from)
{
    size_t end = from;
    while (end < parts->count && kb_uuid_equal(parts->at[end].topic, parts->at[from].topic))
        end++;
    return end;
}

size_t kd_parts_topics(const struct kd_parts *parts)
{
    size_t count = 0;
    for (size_t at = 0; at < parts->count; at = kd_parts_run(parts, at))
        count++;
    return count;
}

int32_t *kd_parts_numbers(const struct kd_parts *parts, size_t from, size_t end,
                          struct kb_arena *arena)
{
    int32_t *numbers = kb_arena_array(arena, end - from, sizeof *numbers);
    for (size_t i = from; numbers && i < end; i++)
        numbers[i - from] = parts->at[i].partition;
    return numbers;
}

static void append(struct kd_parts *to, const struct kd_parts *from)
{
    if (from->count)
        memcpy(to->at + to->count, from->at, from->count * sizeof *to->at);
    to->count += from->count;
}

struct kd_parts kd_parts_union(struct kb_arena *arena, const struct kd_parts *a,
                               const struct kd_parts *b)
{
    struct kd_parts all = kd_parts_room(arena, a->count + b->count);
    if (!all.at)
        return all;
    append(&all, a);
    append(&all, b);
    kd_parts_sort(&all);
    return all;
}

bool kd_parts_keep(struct kd_parts *to, const struct kd_parts *from)
{
    struct kd_part *at = NULL;
    if (from->count) {
        at = kb_malloc(from->count * sizeof *at);
        if (!at)
            return false;
        memcpy(at, from->at, from->count * sizeof *at);
    }
    kb_free(to->at);
    *to = (struct kd_parts){at, from->count};
    return true;
}

void kd_parts_drop(struct kd_parts *parts)
{
    kb_free(parts->at);
    *parts = (struct kd_parts){0};
}

bool kd_parts_dup(struct kb_arena *arena, struct kd_parts *parts)
{
    struct kd_parts copy = kd_parts_room(arena, parts->count);
    if (!copy.at)
        return false;
    append(&copy, parts);
    *parts = copy;
    return true;
}
