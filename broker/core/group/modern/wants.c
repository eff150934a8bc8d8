/* SPDX-License-Identifier: Apache-2.0 */
/* Topics that members subscribe to, by name or by an expression, each with how many do. */
#include "broker/core/group/modern/modern.h"

struct kd_wanted *kd_modern_wanted(const struct kd_group *group, struct kb_slice topic)
{
    return KB_MAP_VALUE(kb_map_get(&group->modern->wanted, topic), struct kd_wanted, by_name);
}

static struct kd_wanted *want(struct kd_group *group, struct kb_slice topic)
{
    struct kd_wanted *wanted = kd_modern_wanted(group, topic);
    if (wanted)
        return wanted;
    wanted = kb_calloc(1, sizeof *wanted + topic.size);
    if (!wanted)
        return NULL;
    wanted->size = topic.size;
    if (topic.size)
        memcpy(wanted->name, topic.data, topic.size);
    if (!kb_map_put(&group->modern->wanted, &wanted->by_name,
                    kb_slice_of(wanted->name, wanted->size))) {
        kb_free(wanted);
        return NULL;
    }
    return wanted;
}

static void unwant(struct kd_group *group, struct kd_wanted *wanted)
{
    if (wanted->members || wanted->regexes)
        return;
    kb_map_remove(&group->modern->wanted, &wanted->by_name);
    kb_free(wanted);
}

/* ---- Expressions ---- */

enum { EXPRESSION_MAX_BYTES = 64 << 20 };

struct kd_expression *kd_modern_expression(const struct kd_group *group, struct kb_slice text)
{
    return KB_MAP_VALUE(kb_map_get(&group->modern->expressions, text), struct kd_expression,
                        by_text);
}

static struct kd_expression *express(struct kd_group *group, struct kb_slice text)
{
    struct kd_expression *expression = kd_modern_expression(group, text);
    if (expression)
        return expression;
    expression = KB_NEW(struct kd_expression);
    if (!expression)
        return NULL;
    kb_arena_init(&expression->memory, EXPRESSION_MAX_BYTES);
    if (!kd_slice_set(&expression->text, text) ||
        !kb_map_put(&group->modern->expressions, &expression->by_text, expression->text)) {
        kb_free((void *)expression->text.data);
        kb_free(expression);
        return NULL;
    }
    return expression;
}

static void stand_for_nothing(struct kd_group *group, struct kd_expression *expression)
{
    for (size_t i = 0; i < expression->topic_count; i++) {
        struct kd_wanted *wanted = kd_modern_wanted(group, expression->topics[i]);
        if (!wanted || !wanted->regexes)
            continue;
        wanted->regexes--;
        unwant(group, wanted);
    }
    expression->resolved = false;
    expression->topics = NULL;
    expression->topic_count = 0;
    kb_arena_deinit(&expression->memory);
    kb_arena_init(&expression->memory, EXPRESSION_MAX_BYTES);
}

static void drop_expression(struct kd_group *group, struct kd_expression *expression)
{
    stand_for_nothing(group, expression);
    kb_arena_deinit(&expression->memory);
    kb_map_remove(&group->modern->expressions, &expression->by_text);
    kb_free((void *)expression->text.data);
    kb_free(expression);
}

bool kd_modern_set_expression(struct kd_group *group, struct kb_slice text,
                              const struct kb_slice *topics, size_t count)
{
    struct kd_expression *expression = express(group, text);
    struct kd_words words = {.topics = (struct kb_slice *)topics, .topic_count = count}, copy;
    if (!expression)
        return false;
    stand_for_nothing(group, expression);
    if (!kd_words_copy(&expression->memory, &copy, &words))
        return false;
    expression->resolved = true;
    expression->topics = copy.topics;
    for (size_t i = 0; i < copy.topic_count; i++) {
        struct kd_wanted *wanted = want(group, copy.topics[i]);
        if (!wanted)
            return false;
        wanted->regexes++;
        expression->topic_count++;
    }
    return true;
}

void kd_modern_forget_expression(struct kd_group *group, struct kb_slice text)
{
    struct kd_expression *expression = kd_modern_expression(group, text);
    if (expression && expression->members)
        stand_for_nothing(group, expression);
    else if (expression)
        drop_expression(group, expression);
}

/* ---- What members say ---- */

bool kd_modern_count_in(struct kd_group *group, const struct kd_words *words)
{
    bool whole = true;
    for (size_t i = 0; i < words->topic_count; i++) {
        struct kd_wanted *wanted = want(group, words->topics[i]);
        if (wanted)
            wanted->members++;
        whole = whole && wanted;
    }
    if (words->regex.size) {
        struct kd_expression *expression = express(group, words->regex);
        if (expression)
            expression->members++;
        whole = whole && expression;
    }
    group->modern->classics += words->classic;
    return whole;
}

void kd_modern_count_out(struct kd_group *group, const struct kd_words *words)
{
    for (size_t i = 0; i < words->topic_count; i++) {
        struct kd_wanted *wanted = kd_modern_wanted(group, words->topics[i]);
        if (!wanted || !wanted->members)
            continue;
        wanted->members--;
        unwant(group, wanted);
    }
    struct kd_expression *expression =
        words->regex.size ? kd_modern_expression(group, words->regex) : NULL;
    if (expression && expression->members && !--expression->members && !expression->resolved)
        drop_expression(group, expression);
    group->modern->classics -= words->classic;
}

void kd_modern_drop_wants(struct kd_group *group)
{
    struct kd_modern *modern = group->modern;
    struct kb_map_entry *at = kb_map_next(&modern->expressions, NULL);
    while (at) {
        struct kd_expression *expression = KB_CONTAINER(at, struct kd_expression, by_text);
        at = kb_map_next(&modern->expressions, at);
        drop_expression(group, expression);
    }
    at = kb_map_next(&modern->wanted, NULL);
    while (at) {
        struct kd_wanted *wanted = KB_CONTAINER(at, struct kd_wanted, by_name);
        at = kb_map_next(&modern->wanted, at);
        kb_free(wanted);
    }
    kb_map_deinit(&modern->wanted);
}
