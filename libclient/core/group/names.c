/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/names.h"
#include "base/check.h"
#include "base/mem.h"

void kc_names_init(struct kc_names *set)
{
    *set = (struct kc_names){0};
}

void kc_names_deinit(struct kc_names *set)
{
    for (size_t i = 0; i < set->count; i++)
        kb_free(set->names[i]);
    kb_free(set->names);
    kc_names_init(set);
}

/* The first that is not below. */
static size_t lower_bound(const struct kc_names *set, struct kb_slice name)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kb_slice_compare(kb_slice_str(set->names[middle]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct kc_names *set, size_t at, struct kb_slice name)
{
    return at < set->count && kb_slice_is(name, set->names[at]);
}

static bool reserve(struct kc_names *set, size_t count)
{
    if (count <= set->capacity)
        return true;
    size_t capacity = KB_MAX(count, KB_MAX(2 * set->capacity, (size_t)4));
    char **names = kb_realloc(set->names, capacity * sizeof *names);
    if (!names)
        return false;
    set->names = names;
    set->capacity = capacity;
    return true;
}

bool kc_names_add(struct kc_names *set, struct kb_slice name)
{
    size_t at = lower_bound(set, name);
    if (is_at(set, at, name))
        return true;
    char *copy =
        reserve(set, set->count + 1) ? kb_strndup((const char *)name.data, name.size) : NULL;
    if (!copy)
        return false;
    memmove(&set->names[at + 1], &set->names[at], (set->count - at) * sizeof *set->names);
    set->names[at] = copy;
    set->count++;
    return true;
}

int32_t kc_names_index(const struct kc_names *set, struct kb_slice name)
{
    size_t at = lower_bound(set, name);
    return is_at(set, at, name) ? (int32_t)at : -1;
}

bool kc_names_contains(const struct kc_names *set, struct kb_slice name)
{
    return kc_names_index(set, name) >= 0;
}

bool kc_names_equal(const struct kc_names *a, const struct kc_names *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; i < a->count && equal; i++)
        equal = !strcmp(a->names[i], b->names[i]);
    return equal;
}

void kc_names_move(struct kc_names *to, struct kc_names *from)
{
    struct kc_names moved = *from;
    kc_names_init(from);
    kc_names_deinit(to);
    *to = moved;
}

bool kc_names_copy(struct kc_names *to, const struct kc_names *from)
{
    struct kc_names copy;
    bool whole = true;
    kc_names_init(&copy);
    for (size_t i = 0; i < from->count && whole; i++)
        whole = kc_names_add(&copy, kb_slice_str(from->names[i]));
    if (whole)
        kc_names_move(to, &copy);
    kc_names_deinit(&copy);
    return whole;
}
