/* SPDX-License-Identifier: Apache-2.0 */
/* The target assignment: who is to have which partition in the end. */
#include "broker/core/group/modern/assign.h"
#include "broker/core/group/modern/modern.h"
#include "broker/core/topics.h"
#include <stdlib.h>

enum { SCRATCH_MAX_BYTES = 512 << 20 };

/* ---- Which assignor ---- */

const struct kd_assignor *kd_modern_assignor(const struct kd_group *group)
{
    const struct kd_group_limits *limits = group->groups->limits;
    const struct kd_assignor *best = limits->assignors[0];
    size_t best_votes = 0;
    for (int i = 0; i < KD_ASSIGNORS && limits->assignors[i]; i++) {
        size_t votes = 0;
        KB_LIST_EACH(at, &group->modern->order)
            votes += kb_slice_is(KB_CONTAINER(at, struct kd_modern_member, link)->words.assignor,
                                 limits->assignors[i]->name);
        if (votes > best_votes) {
            best = limits->assignors[i];
            best_votes = votes;
        }
    }
    return best;
}

/* ---- The question ---- */

struct question {
    struct kd_group *group;
    struct kb_arena arena;
    struct kd_modern_member **members; /* by number */
    struct kd_assign assign;
    struct kd_assign_topic *topics;
};

static bool are_alike(const struct kd_modern *modern)
{
    size_t count = modern->members.count;
    struct kb_map_entry *first = kb_map_next(&modern->expressions, NULL);
    const struct kd_expression *expression = KB_MAP_VALUE(first, struct kd_expression, by_text);
    if (expression && expression->members != count)
        return false;
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&modern->wanted, at));) {
        const struct kd_wanted *wanted = KB_CONTAINER(at, struct kd_wanted, by_name);
        bool all = expression ? wanted->regexes == 1 && !wanted->members : wanted->members == count;
        if (!all)
            return false;
    }
    return true;
}

static void take_members(struct question *q)
{
    const struct kd_modern *modern = q->group->modern;
    size_t count = modern->members.count;
    struct kd_assign_member *members = kb_arena_array(&q->arena, count, sizeof *members);
    q->members = kb_arena_array(&q->arena, count, sizeof(*q->members));
    q->assign.members = members;
    if (q->arena.failed)
        return;
    KB_LIST_EACH(at, &modern->order) {
        struct kd_modern_member *member = KB_CONTAINER(at, struct kd_modern_member, link);
        q->members[q->assign.member_count] = member;
        members[q->assign.member_count++] =
            (struct kd_assign_member){member->words.instance, member->id};
    }
}

static int by_id(const void *a, const void *b)
{
    const struct kd_assign_topic *x = a, *y = b;
    return memcmp(&x->id, &y->id, sizeof x->id);
}

/* Those that there are; each wanted one learns its number. */
static void take_topics(struct question *q)
{
    const struct kd_topics *topics = q->group->groups->topics;
    struct kb_map *wanted = &q->group->modern->wanted;
    q->topics = kb_arena_array(&q->arena, wanted->count, sizeof *q->topics);
    q->assign.topics = q->topics;
    for (struct kb_map_entry *at = NULL; q->topics && (at = kb_map_next(wanted, at));) {
        const struct kd_topic *topic = kd_topics_find(topics, at->key);
        KB_CONTAINER(at, struct kd_wanted, by_name)->index = -1;
        if (topic)
            q->topics[q->assign.topic_count++] =
                (struct kd_assign_topic){.id = topic->id, .count = topic->count};
    }
    if (!q->assign.topic_count)
        return;
    qsort(q->topics, (size_t)q->assign.topic_count, sizeof *q->topics, by_id);
    for (int32_t i = 0; i < q->assign.topic_count; i++) {
        const struct kd_topic *topic = kd_topics_find_id(topics, q->topics[i].id);
        kd_modern_wanted(q->group, kb_slice_str(topic->name))->index = i;
        q->topics[i].first = q->assign.partition_count;
        q->assign.partition_count += topic->count;
    }
}

static void share_subscribers(struct question *q)
{
    int32_t *all = kb_arena_array(&q->arena, (size_t)q->assign.member_count, sizeof *all);
    for (int32_t i = 0; all && i < q->assign.member_count; i++)
        all[i] = i;
    for (int32_t t = 0; t < q->assign.topic_count; t++) {
        q->topics[t].subscribers = all;
        q->topics[t].subscriber_count = q->assign.member_count;
    }
}

/* Calls note() with the number of each topic that the member subscribes to; more than
 * once where it does in more than one way. */
static void each_topic(struct question *q, int32_t member,
                       void (*note)(struct question *q, int32_t topic, int32_t member))
{
    const struct kd_words *words = &q->members[member]->words;
    const struct kd_expression *expression =
        words->regex.size ? kd_modern_expression(q->group, words->regex) : NULL;
    for (size_t i = 0; i < words->topic_count; i++)
        note(q, kd_modern_wanted(q->group, words->topics[i])->index, member);
    for (size_t i = 0; expression && i < expression->topic_count; i++)
        note(q, kd_modern_wanted(q->group, expression->topics[i])->index, member);
}

static void count_subscriber(struct question *q, int32_t topic, int32_t member)
{
    (void)member;
    if (topic >= 0)
        q->topics[topic].subscriber_count++;
}

static void add_subscriber(struct question *q, int32_t topic, int32_t member)
{
    if (topic < 0)
        return;
    struct kd_assign_topic *to = &q->topics[topic];
    int32_t *list = (int32_t *)to->subscribers;
    if (!to->subscriber_count || list[to->subscriber_count - 1] != member)
        list[to->subscriber_count++] = member;
}

static void list_subscribers(struct question *q)
{
    for (int32_t m = 0; m < q->assign.member_count; m++)
        each_topic(q, m, count_subscriber);
    for (int32_t t = 0; t < q->assign.topic_count; t++) {
        q->topics[t].subscribers =
            kb_arena_array(&q->arena, (size_t)q->topics[t].subscriber_count, sizeof(int32_t));
        q->topics[t].subscriber_count = 0;
    }
    for (int32_t m = 0; !q->arena.failed && m < q->assign.member_count; m++)
        each_topic(q, m, add_subscriber);
}

/* Members subscribe to it by number: -1 where they do not, or it is gone. */
static int32_t number_of(const struct question *q, struct kb_uuid id)
{
    const struct kd_assign_topic key = {.id = id};
    const struct kd_assign_topic *found =
        q->assign.topic_count
            ? bsearch(&key, q->topics, (size_t)q->assign.topic_count, sizeof key, by_id)
            : NULL;
    return found ? (int32_t)(found - q->topics) : -1;
}

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool has_subscriber(const struct question *q, int32_t topic, int32_t member)
{
    const struct kd_assign_topic *in = &q->topics[topic];
    return q->assign.alike ||
           bsearch(&member, in->subscribers, (size_t)in->subscriber_count, sizeof member, by_value);
}

static void take_owners(struct question *q)
{
    int32_t *owner = kb_arena_array(&q->arena, (size_t)q->assign.partition_count, sizeof *owner);
    q->assign.owner = owner;
    for (int32_t i = 0; owner && i < q->assign.partition_count; i++)
        owner[i] = -1;
    for (int32_t m = 0; owner && m < q->assign.member_count; m++) {
        const struct kd_parts *target = &q->members[m]->target;
        for (size_t at = 0, end; at < target->count; at = end) {
            end = kd_parts_run(target, at);
            int32_t topic = number_of(q, target->at[at].topic);
            if (topic < 0 || !has_subscriber(q, topic, m))
                continue;
            for (size_t i = at; i < end; i++) {
                int32_t p = target->at[i].partition;
                if (p >= 0 && p < q->topics[topic].count && owner[q->topics[topic].first + p] < 0)
                    owner[q->topics[topic].first + p] = m;
            }
        }
    }
}

static bool ask(struct question *q, struct kd_group *group)
{
    *q = (struct question){.group = group};
    kb_arena_init(&q->arena, SCRATCH_MAX_BYTES);
    q->assign.arena = &q->arena;
    q->assign.alike = are_alike(group->modern);
    take_members(q);
    take_topics(q);
    if (q->arena.failed)
        return false;
    if (q->assign.alike)
        share_subscribers(q);
    else
        list_subscribers(q);
    if (q->arena.failed)
        return false;
    take_owners(q);
    return !q->arena.failed && kd_modern_assignor(group)->run(&q->assign);
}

/* ---- The answer ---- */

static struct kd_parts *new_targets(struct question *q)
{
    const struct kd_assign *assign = &q->assign;
    struct kd_parts *targets =
        kb_arena_array(&q->arena, (size_t)assign->member_count, sizeof *targets);
    for (int32_t p = 0; targets && p < assign->partition_count; p++)
        targets[assign->owner[p]].count++;
    for (int32_t m = 0; targets && m < assign->member_count; m++)
        targets[m] = kd_parts_room(&q->arena, targets[m].count);
    for (int32_t t = 0; !q->arena.failed && t < assign->topic_count; t++)
        for (int32_t p = 0; p < assign->topics[t].count; p++)
            kd_parts_add(&targets[assign->owner[assign->topics[t].first + p]], assign->topics[t].id,
                         p, 0);
    return q->arena.failed ? NULL : targets;
}

static bool is_too_soon(const struct kd_group *group, struct kb_time now)
{
    int64_t every_ms = kd_group_setting(group, KD_SET_ASSIGNMENT_INTERVAL);
    int64_t since_ms = group->modern->assigned_ms;
    return every_ms && since_ms && now.wall_ms >= since_ms && now.wall_ms < since_ms + every_ms;
}

void kd_modern_retarget(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    struct question q;
    if (out->failed || group->modern->assignment_epoch >= group->modern->epoch ||
        is_too_soon(group, now))
        return;
    struct kd_parts *targets = ask(&q, group) ? new_targets(&q) : NULL;
    out->failed |= !targets;
    for (int32_t m = 0; !out->failed && m < q.assign.member_count; m++)
        if (!kd_parts_equal(&q.members[m]->target, &targets[m]))
            kd_emit_target(group, q.members[m]->id, &targets[m], now, out);
    kd_emit_target_epoch(group, group->modern->epoch, now.wall_ms, now, out);
    kb_arena_deinit(&q.arena);
}
