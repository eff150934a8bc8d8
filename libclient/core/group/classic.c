/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/classic.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/api.h"

enum { AGAIN_MS = 100 };

static struct kc_classic *of(const struct kc_member *member)
{
    return member->state;
}

/* ---- States ----------------------------------------------------------------------*/

#define TO(state) (1u << KC_CLASSIC_##state)
static const unsigned turns[] = {
    [KC_CLASSIC_OUT] = TO(JOIN),
    [KC_CLASSIC_JOIN] = TO(LEAD) | TO(SYNC) | TO(WHY) | TO(FAILED) | TO(LEAVE) | TO(OUT) | TO(AWAY),
    [KC_CLASSIC_LEAD] =
        TO(SYNC) | TO(GIVE) | TO(JOIN) | TO(FAILED) | TO(LEAVE) | TO(OUT) | TO(AWAY),
    [KC_CLASSIC_SYNC] = TO(IN) | TO(GIVE) | TO(JOIN) | TO(FAILED) | TO(LEAVE) | TO(OUT) | TO(AWAY),
    [KC_CLASSIC_IN] = TO(GIVE) | TO(JOIN) | TO(FAILED) | TO(LEAVE) | TO(OUT) | TO(AWAY),
    [KC_CLASSIC_GIVE] = TO(JOIN) | TO(FAILED) | TO(LEAVE) | TO(OUT) | TO(AWAY),
    [KC_CLASSIC_AWAY] = TO(JOIN) | TO(OUT),
    [KC_CLASSIC_LEAVE] = TO(FAILED) | TO(OUT) | TO(AWAY) | TO(JOIN),
    [KC_CLASSIC_WHY] = TO(FAILED) | TO(OUT),
    [KC_CLASSIC_FAILED] = TO(JOIN) | TO(OUT),
};
#undef TO

static const char *const doings[] = {
    [KC_CLASSIC_OUT] = "is not subscribed",
    [KC_CLASSIC_JOIN] = "waits for the other members to join",
    [KC_CLASSIC_LEAD] = "waits for metadata of the group's topics, to assign them",
    [KC_CLASSIC_SYNC] = "waits for the leader's assignment",
    [KC_CLASSIC_IN] = "takes over its partitions",
    [KC_CLASSIC_GIVE] = "waits until partitions are given up",
    [KC_CLASSIC_AWAY] = "waits to be polled",
    [KC_CLASSIC_LEAVE] = "leaves",
    [KC_CLASSIC_WHY] = "asks for the group's strategy",
    [KC_CLASSIC_FAILED] = "has failed",
};

void kc_classic_turn(struct kc_member *member, enum kc_classic_state to)
{
    struct kc_classic *c = of(member);
    KB_CHECK(turns[c->state] >> to & 1);
    member->to_assign = NULL; /* it was asked in LEAD alone */
    c->state = to;
}

bool kc_classic_beats(const struct kc_classic *c)
{
    return c->state == KC_CLASSIC_LEAD || c->state == KC_CLASSIC_IN || c->state == KC_CLASSIC_GIVE;
}

bool kc_classic_is_member(const struct kc_classic *c)
{
    return kc_classic_beats(c) || c->state == KC_CLASSIC_JOIN || c->state == KC_CLASSIC_SYNC;
}

static enum kc_standing standing(const struct kc_member *member)
{
    const struct kc_classic *c = of(member);
    switch (c->state) {
    case KC_CLASSIC_OUT:
        return KC_STANDING_OUT;
    case KC_CLASSIC_IN:
        return c->round || c->unsure || member->change != KC_CHANGE_NONE ? KC_STANDING_JOINING
                                                                         : KC_STANDING_IN;
    case KC_CLASSIC_AWAY:
        return KC_STANDING_AWAY;
    case KC_CLASSIC_LEAVE:
        return member->subscribed ? KC_STANDING_AWAY : KC_STANDING_LEAVING;
    case KC_CLASSIC_FAILED:
        return KC_STANDING_FAILED;
    default:
        return KC_STANDING_JOINING;
    }
}

/* ---- Rounds ------------------------------------------------------------------------*/

/* What it is subscribed to and, as leader, the whole group. False: no memory. */
static bool want(struct kc_member *member)
{
    struct kc_names wanted;
    const struct kc_names *group = &of(member)->lead.topics;
    kc_names_init(&wanted);
    bool whole = kc_names_copy(&wanted, &member->topics);
    for (size_t i = 0; i < group->count && whole; i++)
        whole = kc_names_add(&wanted, kb_slice_str(group->names[i]));
    if (whole) {
        kc_member_want(member, &wanted);
        of(member)->wanted_for = member->topics_version;
        of(member)->wants = true;
    } else {
        kc_names_deinit(&wanted);
    }
    return whole;
}

/* What may be kept through a round. False: no memory. */
static bool keep(struct kc_member *member)
{
    struct kc_classic *c = of(member);
    struct kc_partitions kept;
    bool whole = true;
    kc_partitions_init(&kept);
    for (size_t i = 0; c->cooperative && i < member->owned.count && whole; i++) {
        const struct kc_place *place = &member->owned.rows[i];
        struct kb_slice topic = kb_slice_str(place->topic);
        if (kc_names_contains(&member->topics, topic))
            whole = kc_partitions_add(&kept, topic, place->id, place->partition);
    }
    if (whole)
        kc_partitions_move(&c->target, &kept);
    kc_partitions_deinit(&kept);
    return whole;
}

void kc_classic_round(struct kc_member *member, const char *why)
{
    struct kc_classic *c = of(member);
    if (!c->round)
        c->round = why;
}

void kc_classic_lost(struct kc_member *member, bool id_too)
{
    struct kc_classic *c = of(member);
    kc_member_lose(member);
    if (id_too)
        kc_member_forget_id(member);
    member->generation = -1;
    c->round = NULL;
    c->reason = "the member was lost";
    kc_lead_end(&c->lead);
    if (c->state != KC_CLASSIC_JOIN)
        kc_classic_turn(member, KC_CLASSIC_JOIN);
}

void kc_classic_fail(struct kc_member *member, const struct kb_error *why)
{
    kc_member_lose(member);
    kc_member_forget_id(member);
    kc_lead_end(&of(member)->lead);
    kc_member_complain(member, why);
    kc_classic_turn(member, KC_CLASSIC_FAILED);
}

/* ---- Going on ------------------------------------------------------------------------*/

/* It answers inside its next poll: an application that is silent is out before long. */
static void ask_application(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    if (kc_lead_ask(&c->lead, member->metadata)) {
        c->again_ms = now.mono_ms + AGAIN_MS;
        return;
    }
    member->to_assign = c->lead.asked;
    member->assign_by = c->chosen;
    member->assigns++;
}

static void lead(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    struct kb_error err;
    if (member->to_assign ||
        (!kc_lead_knows(&c->lead, member->metadata) && now.mono_ms < c->lead_ms))
        return;
    if (!c->skips && !c->chosen->assign) {
        ask_application(member, now);
        return;
    }
    int code = c->skips ? kc_lead_note(&c->lead, member->metadata)
                        : kc_lead_assign(&c->lead, member->metadata);
    if (code == KB_E_NO_MEMORY) {
        c->lead_ms = c->again_ms = now.mono_ms + AGAIN_MS;
    } else if (code) {
        kb_error_set(&err, code, "group %s: the assignor %s failed: %s",
                     member->options->consumer.group_id, c->chosen->name, kb_code_text(code));
        kc_classic_fail(member, &err);
    } else {
        kc_classic_turn(member, KC_CLASSIC_SYNC);
    }
}

/* A round is due, and nothing is in the way of it: an incremental one begins from
 * what was assigned. */
static void begin_round(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    if (!keep(member)) {
        c->again_ms = now.mono_ms + AGAIN_MS;
        return;
    }
    c->reason = c->round;
    c->round = NULL;
    kc_classic_turn(member, KC_CLASSIC_GIVE);
}

static void settle_in(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    if (member->change != KC_CHANGE_NONE || c->unsure)
        return;
    if (c->joined_for != member->topics_version)
        kc_classic_round(member, "the subscription changed");
    if (kc_lead_changed(&c->lead, member->metadata))
        kc_classic_round(member, "topics of the group changed");
    enum kc_reconciled outcome = KC_SETTLED;
    if (!c->round || c->cooperative)
        outcome = kc_member_reconcile(member, now, &c->target);
    if (outcome == KC_SHORT_OF_MEMORY)
        c->again_ms = now.mono_ms + AGAIN_MS;
    if (outcome == KC_SETTLED && c->round)
        begin_round(member, now);
}

static void give(struct kc_member *member, struct kb_time now)
{
    switch (kc_member_reconcile(member, now, &of(member)->target)) {
    case KC_SETTLED:
        of(member)->round = NULL;
        kc_classic_turn(member, KC_CLASSIC_JOIN);
        return;
    case KC_SHORT_OF_MEMORY:
        of(member)->again_ms = now.mono_ms + AGAIN_MS;
        return;
    case KC_CHANGING:
        return;
    }
}

/* The rounds that LEAD and SYNC are thrown back into begin at once. */
static void step(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    bool interrupted = c->round && (c->state == KC_CLASSIC_LEAD ||
                                    (c->state == KC_CLASSIC_SYNC && !member->flight));
    if (interrupted)
        begin_round(member, now);
    else if (c->state == KC_CLASSIC_LEAD)
        lead(member, now);
    else if (c->state == KC_CLASSIC_IN)
        settle_in(member, now);
    else if (c->state == KC_CLASSIC_GIVE)
        give(member, now);
}

void kc_classic_proceed(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    enum kc_classic_state before;
    c->again_ms = KB_NEVER;
    do {
        before = c->state;
        step(member, now);
    } while (c->state != before);
    if ((!c->wants || c->wanted_for != member->topics_version) && !want(member))
        c->again_ms = now.mono_ms + AGAIN_MS;
    bool speaks = kc_classic_is_member(c) || c->state == KC_CLASSIC_LEAVE;
    member->wants_coordinator = speaks && !member->coordinator_known;
    member->doing =
        member->wants_coordinator ? "looks for the group's coordinator" : doings[c->state];
}

/* ---- Events ----------------------------------------------------------------------------*/

static void subscribed(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    if (c->state == KC_CLASSIC_OUT || c->state == KC_CLASSIC_FAILED ||
        c->state == KC_CLASSIC_AWAY) {
        kc_member_relax(member);
        c->reason = NULL;
        kc_classic_turn(member, KC_CLASSIC_JOIN);
    } else if (c->state == KC_CLASSIC_LEAVE)
        c->back = true;
    kc_classic_proceed(member, now);
}

static void metadata(struct kc_member *member, struct kb_time now)
{
    kc_classic_proceed(member, now);
}

static void forget(struct kc_member *member)
{
    struct kc_classic *c = of(member);
    kc_member_forget_id(member);
    kc_lead_end(&c->lead);
    c->round = NULL;
}

void kc_classic_left(struct kc_member *member)
{
    struct kc_classic *c = of(member);
    forget(member);
    kc_member_relax(member);
    kc_classic_turn(member, !member->subscribed ? KC_CLASSIC_OUT
                            : c->gives_up       ? KC_CLASSIC_FAILED
                            : c->back           ? KC_CLASSIC_JOIN
                                                : KC_CLASSIC_AWAY);
    c->gives_up = false;
}

static void leave(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    bool tells = member->leave_how == KC_LEAVE_TELL ||
                 (member->leave_how == KC_LEAVE_DEFAULT && !kc_member_is_static(member));
    if (kc_classic_is_member(c) && tells && *member->member_id) {
        member->not_before_ms = 0;
        kc_classic_turn(member, KC_CLASSIC_LEAVE);
    } else if (c->state != KC_CLASSIC_LEAVE && c->state != KC_CLASSIC_OUT) {
        forget(member);
        kc_classic_turn(member, KC_CLASSIC_OUT);
    }
    kc_classic_proceed(member, now);
}

/* The round goes to another leader at once, and this one does not come again to it. */
static void give_up_leading(struct kc_member *member, struct kb_time now,
                            const struct kb_error *why)
{
    struct kb_error err;
    kb_error_set(&err, why->code, "left group %s, which it led: its assignor %s failed: %s",
                 member->options->consumer.group_id, of(member)->chosen->name, why->text);
    kc_member_lose(member);
    kc_member_abandon(member);
    kc_member_complain(member, &err);
    of(member)->gives_up = true;
    member->leave_by_ms = kb_deadline(now, member->options->common.request_timeout_ms);
    kc_classic_turn(member, KC_CLASSIC_LEAVE);
}

static void placed(struct kc_member *member, struct kb_time now, const int32_t *owners,
                   const struct kb_error *why)
{
    if (why) {
        give_up_leading(member, now, why);
    } else {
        kc_lead_placed(&of(member)->lead, owners);
        kc_classic_turn(member, KC_CLASSIC_SYNC);
    }
    kc_classic_proceed(member, now);
}

static void polled(struct kc_member *member, struct kb_time now)
{
    of(member)->back = true;
    if (of(member)->state == KC_CLASSIC_AWAY && !kc_member_look_again(member, now))
        subscribed(member, now);
}

static void done(struct kc_member *member, struct kb_time now, enum kc_change change)
{
    if (change == KC_CHANGE_REVOKE && of(member)->state == KC_CLASSIC_IN)
        kc_classic_round(member, "revoked partitions are free");
    kc_classic_proceed(member, now);
}

/* ---- The kind ------------------------------------------------------------------------------*/

static bool open_classic(struct kc_member *member)
{
    struct kc_classic *c = KB_NEW(struct kc_classic);
    if (!c)
        return false;
    c->before_generation = -1;
    c->again_ms = KB_NEVER;
    c->cooperative = member->assignor_count > 0;
    for (size_t i = 0; i < member->assignor_count; i++)
        c->cooperative &= member->assignors[i]->cooperative;
    kc_lead_init(&c->lead);
    member->state = c;
    return true;
}

static void close_classic(struct kc_member *member)
{
    struct kc_classic *c = of(member);
    kc_lead_deinit(&c->lead);
    kc_partitions_deinit(&c->target);
    kc_partitions_deinit(&c->before);
    kb_free(c);
}

const struct kc_member_kind kc_member_classic = {
    .name = "classic",
    .open = open_classic,
    .close = close_classic,
    .subscribed = subscribed,
    .metadata = metadata,
    .leave = leave,
    .polled = polled,
    .done = done,
    .plan = kc_classic_plan,
    .answer = kc_classic_answer,
    .failure = kc_classic_failure,
    .heard = kc_classic_heard,
    .refused = kc_classic_refused,
    .placed = placed,
    .tick = kc_classic_tick,
    .deadline_ms = kc_classic_deadline_ms,
    .standing = standing,
};
