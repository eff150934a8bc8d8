/* SPDX-License-Identifier: Apache-2.0 */
/* How a member comes from what it has to what it is to have. */
#include "broker/core/group/modern/modern.h"
#include "broker/core/topics.h"

bool kd_modern_subscribes(const struct kd_modern_member *member, struct kb_slice topic)
{
    const struct kd_words *words = &member->words;
    const struct kd_expression *expression =
        words->regex.size ? kd_modern_expression(member->group, words->regex) : NULL;
    return kd_words_name(words->topics, words->topic_count, topic) ||
           (expression && kd_words_name(expression->topics, expression->topic_count, topic));
}

/* Of a topic that there is, and that it subscribes to? */
static bool may_have(const struct kd_modern_member *member, struct kb_uuid id)
{
    const struct kd_topic *topic = kd_topics_find_id(member->group->groups->topics, id);
    return topic && kd_modern_subscribes(member, kb_slice_str(topic->name));
}

/* One step: what the member has, and what it will have. */
struct step {
    struct kd_modern_member *member;
    const struct kd_parts *owned; /* NULL: it did not say */
    struct kd_current next;
    bool unreleased, gains;
};

static bool begin(struct step *s, struct kb_arena *arena)
{
    const struct kd_current *is = &s->member->current;
    size_t all = is->assigned.count + is->revoking.count;
    s->next = *is;
    s->next.assigned = kd_parts_room(arena, is->assigned.count + s->member->target.count);
    s->next.revoking = kd_parts_room(arena, all);
    return s->next.assigned.at && s->next.revoking.at;
}

/* Does it still have some of what it is to give back? Who does not say may have all. */
static bool still_has(const struct step *s, const struct kd_parts *revoking)
{
    return revoking->count && (!s->owned || kd_parts_meet(s->owned, revoking));
}

static void turn(struct step *s, enum kd_modern_state state, int32_t epoch)
{
    s->next.previous_epoch = s->member->current.epoch;
    s->next.epoch = epoch;
    s->next.state = (int8_t)state;
}

/* ---- Towards the target ---- */

static void divide(struct step *s)
{
    const struct kd_parts *has = &s->member->current.assigned;
    for (size_t at = 0, end; at < has->count; at = end) {
        end = kd_parts_run(has, at);
        bool may = may_have(s->member, has->at[at].topic);
        for (size_t i = at; i < end; i++) {
            const struct kd_part *p = &has->at[i];
            bool keeps = may && kd_parts_find(&s->member->target, p->topic, p->partition);
            kd_parts_add(keeps ? &s->next.assigned : &s->next.revoking, p->topic, p->partition,
                         p->epoch);
        }
    }
}

/* What it does not have yet and nobody else has either. */
static void gain(struct step *s)
{
    const struct kd_parts *target = &s->member->target, *has = &s->member->current.assigned;
    int32_t epoch = s->member->group->modern->assignment_epoch;
    for (size_t at = 0, end; at < target->count; at = end) {
        end = kd_parts_run(target, at);
        bool may = may_have(s->member, target->at[at].topic);
        for (size_t i = at; may && i < end; i++) {
            const struct kd_part *p = &target->at[i];
            const struct kd_modern_member *owner = kd_modern_owner(s->member->group, p);
            if (kd_parts_find(has, p->topic, p->partition))
                continue;
            if (owner && owner != s->member) {
                s->unreleased = true;
                continue;
            }
            kd_parts_add(&s->next.assigned, p->topic, p->partition, epoch);
            s->gains = true;
        }
    }
}

static void advance(struct step *s)
{
    int32_t epoch = s->member->group->modern->assignment_epoch;
    divide(s);
    if (still_has(s, &s->next.revoking)) {
        turn(s, KD_MODERN_UNREVOKED, s->member->current.epoch);
        return;
    }
    s->next.revoking.count = 0;
    gain(s);
    kd_parts_sort(&s->next.assigned);
    turn(s, s->unreleased ? KD_MODERN_UNRELEASED : KD_MODERN_STABLE, epoch);
}

/* ---- Away from what it does not subscribe to any more ---- */

static void copy(struct kd_parts *to, const struct kd_parts *from)
{
    for (size_t i = 0; i < from->count; i++)
        kd_parts_add(to, from->at[i].topic, from->at[i].partition, from->at[i].epoch);
}

static void withdraw(struct step *s)
{
    const struct kd_current *is = &s->member->current;
    copy(&s->next.revoking, &is->revoking);
    for (size_t at = 0, end; at < is->assigned.count; at = end) {
        end = kd_parts_run(&is->assigned, at);
        const struct kd_parts run = {is->assigned.at + at, end - at};
        bool may = may_have(s->member, is->assigned.at[at].topic);
        copy(may ? &s->next.assigned : &s->next.revoking, &run);
    }
    kd_parts_sort(&s->next.revoking);
    if (s->next.assigned.count == is->assigned.count)
        return;
    if (still_has(s, &s->next.revoking)) {
        turn(s, KD_MODERN_UNREVOKED, is->epoch);
        return;
    }
    turn(s, (enum kd_modern_state)is->state, is->epoch);
    s->next.revoking.count = 0;
}

/* ---- Which of them ---- */

bool kd_modern_has_arrived(const struct kd_modern_member *member)
{
    return member->current.state == KD_MODERN_STABLE &&
           member->current.epoch == member->group->modern->assignment_epoch;
}

static void decide(struct step *s, bool resubscribed)
{
    const struct kd_current *is = &s->member->current;
    bool arrived = kd_modern_has_arrived(s->member);
    bool waits = is->state == KD_MODERN_UNREVOKED && still_has(s, &is->revoking);
    if (!arrived && !waits) {
        advance(s);
    } else if (resubscribed) {
        withdraw(s);
    } else {
        copy(&s->next.assigned, &is->assigned);
        copy(&s->next.revoking, &is->revoking);
    }
}

static bool is_same(const struct kd_current *a, const struct kd_current *b)
{
    return a->epoch == b->epoch && a->state == b->state &&
           kd_parts_equal(&a->assigned, &b->assigned) && kd_parts_equal(&a->revoking, &b->revoking);
}

/* What it has to give back is due within its rebalance timeout. Members of the classic
 * protocol are late in their own ways. */
static void watch(struct kd_modern_member *member, struct kb_time now, struct kd_outcome *out)
{
    if (member->words.classic)
        return;
    if (member->current.state == KD_MODERN_UNREVOKED)
        kd_timer_set(member->group, &member->late, kb_deadline(now, member->words.rebalance_ms),
                     out);
    else
        kd_timer_stop(member->group, &member->late);
}

void kd_modern_reconcile(struct kd_modern_member *member, const struct kd_parts *owned,
                         bool resubscribed, struct kb_time now, struct kd_outcome *out)
{
    struct step s = {.member = member, .owned = owned};
    struct kb_arena arena;
    if (out->failed || (!resubscribed && kd_modern_has_arrived(member)))
        return;
    kb_arena_init(&arena, KD_RECORD_MAX_BYTES);
    if (!begin(&s, &arena)) {
        out->failed = true;
    } else {
        decide(&s, resubscribed);
        if (!is_same(&s.next, &member->current)) {
            kd_emit_current(member->group, member->id, &s.next, now, out);
            if (!out->failed)
                watch(member, now, out);
        }
    }
    kb_arena_deinit(&arena);
}
