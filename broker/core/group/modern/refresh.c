/* SPDX-License-Identifier: Apache-2.0 */
/* What the wanted topics are like, and which topics expressions stand for. */
#include "base/regex.h"
#include "broker/core/group/modern/modern.h"
#include "broker/core/topics.h"

/* ---- What topics are like ---- */

/* FNV-1a */
static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    for (const uint8_t *at = data; size--; at++)
        hash = (hash ^ *at) * 0x100000001b3u;
    return hash;
}

static uint64_t topic_hash(const struct kd_topic *topic)
{
    uint64_t hash = mix(0xcbf29ce484222325u, topic->name, strlen(topic->name));
    hash = mix(hash, topic->id.bytes, sizeof topic->id.bytes);
    return mix(hash, &topic->count, sizeof topic->count);
}

/* The same in any order. */
static int64_t wanted_hash(const struct kd_group *group)
{
    uint64_t hash = 0;
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&group->modern->wanted, at));) {
        const struct kd_topic *topic = kd_topics_find(group->groups->topics, at->key);
        hash += topic ? topic_hash(topic) : 0;
    }
    return (int64_t)hash;
}

static int32_t next_epoch(const struct kd_modern *modern)
{
    return modern->epoch == INT32_MAX ? 1 : modern->epoch + 1;
}

void kd_modern_refresh(struct kd_group *group, bool bump, struct kb_time now,
                       struct kd_outcome *out)
{
    struct kd_modern *modern = group->modern;
    if (out->failed || (!bump && modern->seen == group->groups->topics->changes))
        return;
    int64_t hash = wanted_hash(group);
    modern->seen = group->groups->topics->changes;
    if (bump || hash != modern->hash)
        kd_emit_epoch(group, next_epoch(modern), hash, now, out);
    if (!out->failed && modern->has_old_metadata)
        kd_emit_no_old_metadata(group, out);
}

void kd_modern_set_out(struct kd_group *group, int32_t epoch, struct kb_time now,
                       struct kd_outcome *out)
{
    group->modern->seen = group->groups->topics->changes;
    kd_emit_epoch(group, epoch, wanted_hash(group), now, out);
}

/* ---- Expressions ---- */

/* The names that match, sorted by whoever takes them. False: no memory. A pattern that
 * is none, from the log of another broker, matches nothing. */
static bool match(const struct kd_topics *topics, struct kb_slice text, struct kb_arena *arena,
                  struct kb_slice **names, size_t *count)
{
    struct kb_error err;
    struct kb_regex *regex = NULL;
    *count = 0;
    *names = kb_arena_array(arena, topics->by_name.count, sizeof **names);
    int code = kb_regex_new(text, &regex, &err);
    for (struct kd_topic *topic = NULL; regex && *names && (topic = kd_topics_next(topics, topic));)
        if (kb_regex_match(regex, kb_slice_str(topic->name)))
            (*names)[(*count)++] = kb_slice_str(topic->name);
    kb_regex_free(regex);
    return *names && (!code || code == KB_E_INVALID_REGULAR_EXPRESSION);
}

static bool stands_for(const struct kd_expression *expression, const struct kd_words *found)
{
    if (expression->topic_count != found->topic_count)
        return false;
    for (size_t i = 0; i < found->topic_count; i++)
        if (!kb_slice_equal(expression->topics[i], found->topics[i]))
            return false;
    return true;
}

static bool resolve(struct kd_group *group, const struct kd_expression *expression,
                    struct kb_time now, struct kd_outcome *out)
{
    struct kb_arena arena;
    struct kd_words words = {0}, found;
    bool changed = false;
    kb_arena_init(&arena, KD_RECORD_MAX_BYTES);
    if (match(group->groups->topics, expression->text, &arena, &words.topics, &words.topic_count) &&
        kd_words_copy(&arena, &found, &words)) {
        changed = !stands_for(expression, &found);
        if (changed || !expression->resolved)
            kd_emit_expression(group, expression->text, found.topics, found.topic_count, now, out);
    } else {
        out->failed = true;
    }
    kb_arena_deinit(&arena);
    return changed;
}

bool kd_modern_resolve(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    struct kd_modern *modern = group->modern;
    bool stale = modern->seen != group->groups->topics->changes, changed = false;
    struct kb_map_entry *at = NULL;
    while (!out->failed && (at = kb_map_next(&modern->expressions, at))) {
        const struct kd_expression *expression = KB_CONTAINER(at, struct kd_expression, by_text);
        if (expression->members && (stale || !expression->resolved))
            changed = resolve(group, expression, now, out) || changed;
    }
    return changed;
}
