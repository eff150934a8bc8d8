/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a member's words: records of them, an epoch, a target, a step. */
#include "broker/core/group/modern/modern.h"

/* What is there goes over to the new id; its epoch begins anew. */
static void replace(struct kd_entry *e, struct kb_time now, struct kd_outcome *out)
{
    struct kd_words words;
    struct kd_current current = e->former->current;
    struct kd_parts target = e->former->target;
    bool copied = kd_words_copy(&out->arena, &words, &e->former->words) &&
                  kd_parts_dup(&out->arena, &target) &&
                  kd_parts_dup(&out->arena, &current.assigned) &&
                  kd_parts_dup(&out->arena, &current.revoking);
    out->failed |= !copied;
    if (out->failed)
        return;
    current.epoch = current.previous_epoch = 0;
    kd_emit_no_modern_member(e->former, out);
    kd_emit_words(e->group, e->id, &words, now, out);
    kd_emit_target(e->group, e->id, &target, now, out);
    kd_emit_current(e->group, e->id, &current, now, out);
    e->member = out->failed ? NULL : kd_modern_find(e->group, e->id);
}

void kd_modern_drop_unused(struct kd_group *group, struct kb_slice text, struct kd_outcome *out)
{
    const struct kd_expression *expression =
        !out->failed && text.size ? kd_modern_expression(group, text) : NULL;
    if (expression && !expression->members)
        kd_emit_no_expression(group, text, out);
}

/* True: it subscribes to something else than before. The words are in the arena. */
static bool say(struct kd_entry *e, struct kb_time now, struct kd_outcome *out)
{
    const struct kd_words *words = &e->words;
    bool resubscribes = !e->member || !kd_words_subscribe_alike(words, &e->member->words);
    if (e->member && kd_words_equal(words, &e->member->words))
        return false;
    struct kb_slice former =
        e->member ? kd_slice_copy(&out->arena, e->member->words.regex) : kb_slice_null();
    kd_emit_words(e->group, e->id, words, now, out);
    kd_modern_drop_unused(e->group, former, out);
    e->member = out->failed ? NULL : kd_modern_find(e->group, e->id);
    return resubscribes;
}

static void lead(struct kd_entry *e, bool resubscribed, struct kb_time now, struct kd_outcome *out)
{
    struct kd_parts before = e->member->current.assigned;
    out->failed |= !kd_parts_dup(&out->arena, &before);
    kd_modern_reconcile(e->member, e->owned, resubscribed, now, out);
    e->reassigned = !kd_parts_equal(&before, &e->member->current.assigned);
}

void kd_modern_enter(struct kd_entry *e, struct kb_time now, struct kd_outcome *out)
{
    const struct kd_words given = e->words; /* may view what is replaced */
    out->failed |= !kd_words_copy(&out->arena, &e->words, &given);
    if (!out->failed && e->former)
        replace(e, now, out);
    bool resubscribed = !out->failed && say(e, now, out);
    bool bump = !out->failed && kd_modern_resolve(e->group, now, out);
    kd_modern_refresh(e->group, bump || resubscribed, now, out);
    kd_modern_retarget(e->group, now, out);
    if (!out->failed)
        lead(e, resubscribed, now, out);
}
