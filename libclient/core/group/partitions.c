/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/partitions.h"
#include "base/check.h"
#include "base/mem.h"
#include <stdatomic.h>

/* A name, and how many rows point to it. */
struct name {
    atomic_size_t refs;
    char text[];
};

static struct name *name_of(const struct kc_place *place)
{
    return KB_CONTAINER(place->topic, struct name, text);
}

static const char *name_new(struct kb_slice topic)
{
    struct name *name = kb_malloc(sizeof *name + topic.size + 1);
    if (!name)
        return NULL;
    atomic_init(&name->refs, 1);
    memcpy(name->text, topic.data, topic.size);
    name->text[topic.size] = '\0';
    return name->text;
}

static const char *name_ref(const struct kc_place *place)
{
    atomic_fetch_add_explicit(&name_of(place)->refs, 1, memory_order_relaxed);
    return place->topic;
}

static void name_unref(const struct kc_place *place)
{
    if (atomic_fetch_sub(&name_of(place)->refs, 1) == 1)
        kb_free(name_of(place));
}

/* ---- Rows --------------------------------------------------------------------*/

static int compare(const struct kc_place *a, const struct kc_place *b)
{
    int order = a->topic == b->topic ? 0 : strcmp(a->topic, b->topic);
    if (!order)
        order = memcmp(&a->id, &b->id, sizeof a->id);
    return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

/* The first row that is not below. */
static size_t lower_bound(const struct kc_partitions *set, const struct kc_place *place)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&set->rows[middle], place) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct kc_partitions *set, size_t at, const struct kc_place *place)
{
    return at < set->count && !compare(&set->rows[at], place);
}

static bool reserve(struct kc_partitions *set, size_t count)
{
    if (count <= set->capacity)
        return true;
    size_t capacity = KB_MAX(count, KB_MAX(2 * set->capacity, (size_t)8));
    struct kc_place *rows = kb_realloc(set->rows, capacity * sizeof *rows);
    if (!rows)
        return false;
    set->rows = rows;
    set->capacity = capacity;
    return true;
}

/* A name that a neighbour has already is not made again. */
static const char *share_or_make(const struct kc_partitions *set, size_t at, struct kb_slice topic)
{
    if (at < set->count && kb_slice_is(topic, set->rows[at].topic))
        return name_ref(&set->rows[at]);
    if (at > 0 && kb_slice_is(topic, set->rows[at - 1].topic))
        return name_ref(&set->rows[at - 1]);
    return name_new(topic);
}

bool kc_partitions_add(struct kc_partitions *set, struct kb_slice topic, struct kb_uuid id,
                       int32_t partition)
{
    const char *name = share_or_make(set, set->count, topic);
    if (!name)
        return false;
    struct kc_place place = {name, id, partition};
    size_t at = lower_bound(set, &place);
    bool there = is_at(set, at, &place);
    if (there || !reserve(set, set->count + 1)) {
        name_unref(&place);
        return there;
    }
    memmove(&set->rows[at + 1], &set->rows[at], (set->count - at) * sizeof *set->rows);
    set->rows[at] = place;
    set->count++;
    return true;
}

bool kc_partitions_contains(const struct kc_partitions *set, const struct kc_place *place)
{
    return is_at(set, lower_bound(set, place), place);
}

bool kc_partitions_equal(const struct kc_partitions *a, const struct kc_partitions *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; i < a->count && equal; i++)
        equal = !compare(&a->rows[i], &b->rows[i]);
    return equal;
}

/* ---- Whole sets ----------------------------------------------------------------*/

void kc_partitions_init(struct kc_partitions *set)
{
    *set = (struct kc_partitions){0};
}

void kc_partitions_clear(struct kc_partitions *set)
{
    for (size_t i = 0; i < set->count; i++)
        name_unref(&set->rows[i]);
    set->count = 0;
}

void kc_partitions_deinit(struct kc_partitions *set)
{
    kc_partitions_clear(set);
    kb_free(set->rows);
    kc_partitions_init(set);
}

void kc_partitions_move(struct kc_partitions *to, struct kc_partitions *from)
{
    struct kc_partitions moved = *from;
    kc_partitions_init(from);
    kc_partitions_deinit(to);
    *to = moved;
}

void kc_partitions_remove(struct kc_partitions *set, const struct kc_partitions *other)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (kc_partitions_contains(other, &set->rows[i]))
            name_unref(&set->rows[i]);
        else
            set->rows[kept++] = set->rows[i];
    }
    set->count = kept;
}

/* Which rows a result takes: of the first alone, of both, of the second alone. */
enum { FIRST = 1, BOTH = 2, SECOND = 4 };

static void take(struct kc_partitions *out, const struct kc_place *place)
{
    out->rows[out->count++] = (struct kc_place){name_ref(place), place->id, place->partition};
}

static bool merge(struct kc_partitions *out, const struct kc_partitions *a,
                  const struct kc_partitions *b, int wanted)
{
    struct kc_partitions result;
    size_t i = 0, j = 0;
    kc_partitions_init(&result);
    if (!reserve(&result, a->count + (wanted & SECOND ? b->count : 0)))
        return false;
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : compare(&a->rows[i], &b->rows[j]);
        if (wanted & (order < 0 ? FIRST : order == 0 ? BOTH : SECOND))
            take(&result, order <= 0 ? &a->rows[i] : &b->rows[j]);
        i += order <= 0;
        j += order >= 0;
    }
    kc_partitions_move(out, &result);
    return true;
}

bool kc_partitions_copy(struct kc_partitions *to, const struct kc_partitions *from)
{
    static const struct kc_partitions none;
    return merge(to, from, &none, FIRST);
}

bool kc_partitions_union(struct kc_partitions *out, const struct kc_partitions *a,
                         const struct kc_partitions *b)
{
    return merge(out, a, b, FIRST | BOTH | SECOND);
}

bool kc_partitions_difference(struct kc_partitions *out, const struct kc_partitions *a,
                              const struct kc_partitions *b)
{
    return merge(out, a, b, FIRST);
}

bool kc_partitions_intersection(struct kc_partitions *out, const struct kc_partitions *a,
                                const struct kc_partitions *b)
{
    return merge(out, a, b, BOTH);
}
