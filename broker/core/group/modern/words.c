/* SPDX-License-Identifier: Apache-2.0 */
/* What members say of themselves: copied, compared. */
#include "broker/core/group/modern/modern.h"
#include <stdlib.h>

/* Null stays null, and what the arena cannot hold is null. */
static struct kb_slice copy(struct kb_arena *arena, struct kb_slice from)
{
    const char *text = from.data ? kb_arena_strdup(arena, from) : NULL;
    return text ? kb_slice_of(text, from.size) : kb_slice_null();
}

static int by_text(const void *a, const void *b)
{
    return kb_slice_compare(*(const struct kb_slice *)a, *(const struct kb_slice *)b);
}

static void sort_topics(struct kd_words *words)
{
    size_t kept = 0;
    if (words->topic_count)
        qsort(words->topics, words->topic_count, sizeof *words->topics, by_text);
    for (size_t i = 0; i < words->topic_count; i++)
        if (!kept || !kb_slice_equal(words->topics[kept - 1], words->topics[i]))
            words->topics[kept++] = words->topics[i];
    words->topic_count = kept;
}

static void copy_classic(struct kb_arena *arena, struct kd_words *to, const struct kd_words *from)
{
    to->protocols = kb_arena_array(arena, from->protocol_count, sizeof *to->protocols);
    for (size_t i = 0; to->protocols && i < from->protocol_count; i++) {
        to->protocols[i].name = copy(arena, from->protocols[i].name);
        to->protocols[i].metadata = copy(arena, from->protocols[i].metadata);
    }
}

bool kd_words_copy(struct kb_arena *arena, struct kd_words *to, const struct kd_words *from)
{
    *to = *from;
    to->instance = copy(arena, from->instance);
    to->rack = copy(arena, from->rack);
    to->client_id = copy(arena, from->client_id);
    to->client_host = copy(arena, from->client_host);
    to->regex = copy(arena, from->regex);
    to->assignor = copy(arena, from->assignor);
    to->topics = kb_arena_array(arena, from->topic_count, sizeof *to->topics);
    for (size_t i = 0; to->topics && i < from->topic_count; i++)
        to->topics[i] = copy(arena, from->topics[i]);
    if (from->classic)
        copy_classic(arena, to, from);
    if (!arena->failed)
        sort_topics(to);
    return !arena->failed;
}

/* ---- Comparing ---- */

static bool same_topics(const struct kd_words *a, const struct kd_words *b)
{
    if (a->topic_count != b->topic_count)
        return false;
    for (size_t i = 0; i < a->topic_count; i++)
        if (!kb_slice_equal(a->topics[i], b->topics[i]))
            return false;
    return true;
}

static bool same_protocols(const struct kd_words *a, const struct kd_words *b)
{
    if (a->session_ms != b->session_ms || a->protocol_count != b->protocol_count)
        return false;
    for (size_t i = 0; i < a->protocol_count; i++)
        if (!kb_slice_equal(a->protocols[i].name, b->protocols[i].name) ||
            !kb_slice_equal(a->protocols[i].metadata, b->protocols[i].metadata))
            return false;
    return true;
}

static bool same_text(struct kb_slice a, struct kb_slice b)
{
    return a.size == b.size && (!a.size || !memcmp(a.data, b.data, a.size));
}

bool kd_words_subscribe_alike(const struct kd_words *a, const struct kd_words *b)
{
    return same_topics(a, b) && same_text(a->regex, b->regex);
}

bool kd_words_equal(const struct kd_words *a, const struct kd_words *b)
{
    return kd_words_subscribe_alike(a, b) && kb_slice_equal(a->instance, b->instance) &&
           kb_slice_equal(a->rack, b->rack) && same_text(a->client_id, b->client_id) &&
           same_text(a->client_host, b->client_host) && kb_slice_equal(a->assignor, b->assignor) &&
           a->rebalance_ms == b->rebalance_ms && a->classic == b->classic &&
           (!a->classic || same_protocols(a, b));
}

/* ---- Looking ---- */

bool kd_words_name(const struct kb_slice *topics, size_t count, struct kb_slice topic)
{
    return count && bsearch(&topic, topics, count, sizeof topic, by_text);
}
