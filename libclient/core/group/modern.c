/* SPDX-License-Identifier: Apache-2.0 */
/* The kind's table, and what moves it from phase to phase. */
#include "libclient/core/group/modern.h"
#include "base/check.h"
#include "base/mem.h"

/* ---- Phases ---- */

static const struct {
    const char *doing;
    enum kc_standing standing;
} phases[] = {
    [KC_MODERN_OUT] = {"is not subscribed", KC_STANDING_OUT},
    [KC_MODERN_JOIN] = {"waits for the coordinator to take it in", KC_STANDING_JOINING},
    [KC_MODERN_IN] = {"takes over its partitions", KC_STANDING_JOINING},
    [KC_MODERN_LOST] = {"waits until lost partitions are let go", KC_STANDING_JOINING},
    [KC_MODERN_AWAY] = {"waits to be polled", KC_STANDING_AWAY},
    [KC_MODERN_LEAVE] = {"leaves", KC_STANDING_LEAVING},
    [KC_MODERN_FAILED] = {"has failed", KC_STANDING_FAILED},
};

static bool takes_part(const struct kc_modern *modern)
{
    return modern->phase == KC_MODERN_JOIN || modern->phase == KC_MODERN_IN;
}

static bool speaks(const struct kc_modern *modern)
{
    return takes_part(modern) || modern->goodbye;
}

static const char *doing(const struct kc_member *member)
{
    const struct kc_modern *modern = kc_modern_of(member);
    if (member->wants_coordinator)
        return "looks for the group's coordinator";
    if (modern->phase != KC_MODERN_IN || member->change != KC_CHANGE_NONE)
        return phases[modern->phase].doing;
    return modern->unnamed.count ? "waits to hear the names of its topics" : "has its assignment";
}

static enum kc_standing modern_standing(const struct kc_member *member)
{
    return kc_modern_settled(member) ? KC_STANDING_IN
                                     : phases[kc_modern_of(member)->phase].standing;
}

static void become(struct kc_modern *modern, enum kc_modern_phase phase)
{
    modern->phase = phase;
    if (phase != KC_MODERN_IN)
        kc_modern_forget(modern);
}

/* Whatever is in flight speaks of a membership that is over. */
static void end(struct kc_member *member, enum kc_modern_phase phase)
{
    kc_member_abandon(member);
    member->generation = -1;
    become(kc_modern_of(member), phase);
}

void kc_modern_lost(struct kc_member *member)
{
    end(member, KC_MODERN_LOST);
    kc_modern_of(member)->ghost = true;
    kc_member_lose(member);
}

void kc_modern_fail(struct kc_member *member, const struct kb_error *why)
{
    end(member, KC_MODERN_FAILED);
    kc_member_lose(member);
    kc_member_complain(member, why);
}

void kc_modern_gone(struct kc_member *member)
{
    struct kc_modern *modern = kc_modern_of(member);
    modern->goodbye = modern->known = modern->ghost = false;
    if (modern->phase == KC_MODERN_LEAVE)
        become(modern, KC_MODERN_OUT);
}

static void join(struct kc_member *member)
{
    struct kc_modern *modern = kc_modern_of(member);
    become(modern, KC_MODERN_JOIN);
    modern->back = false;
}

/* ---- Going on ---- */

static bool may_join(const struct kc_member *member)
{
    const struct kc_modern *modern = kc_modern_of(member);
    return member->subscribed && !modern->goodbye && member->change == KC_CHANGE_NONE &&
           (modern->phase == KC_MODERN_OUT || modern->phase == KC_MODERN_LOST ||
            (modern->phase == KC_MODERN_AWAY && modern->back));
}

/* Towards what was assigned in this membership. The coordinator hears what is owned as
 * soon as that is within it, even if nothing had to be given up: what it takes back
 * may be a topic of which we never learned the name. False: no memory. */
static bool reconcile(struct kc_member *member, struct kb_time now)
{
    struct kc_modern *modern = kc_modern_of(member);
    if (modern->phase != KC_MODERN_IN || !modern->assigned)
        return true;
    bool whole = kc_member_reconcile(member, now, &modern->target) != KC_SHORT_OF_MEMORY;
    if (whole && modern->heeded != modern->heard && member->change != KC_CHANGE_REVOKE) {
        modern->heeded = modern->heard;
        modern->tell_owned = true;
    }
    return whole;
}

/* A static member whose place is still its own does not ask for the protocol again:
 * it needs its id to get there. */
void kc_modern_proceed(struct kc_member *member, struct kb_time now)
{
    struct kc_modern *modern = kc_modern_of(member);
    bool again = modern->phase == KC_MODERN_LOST || modern->phase == KC_MODERN_AWAY;
    bool place = modern->ghost && kc_member_is_static(member);
    if (may_join(member)) {
        if (again && !place && kc_member_look_again(member, now))
            return;
        join(member);
    }
    modern->again_ms = KB_NEVER;
    if (!kc_member_want_topics(member) || !reconcile(member, now))
        modern->again_ms = now.mono_ms + member->options->common.retry_backoff_ms;
    member->wants_coordinator = speaks(modern) && !member->coordinator_known;
    member->doing = doing(member);
}

/* ---- What it is told ---- */

static void modern_subscribed(struct kc_member *member, struct kb_time now)
{
    struct kc_modern *modern = kc_modern_of(member);
    if (modern->phase == KC_MODERN_FAILED) {
        become(modern, KC_MODERN_OUT);
        kc_member_relax(member);
    }
    kc_modern_proceed(member, now);
}

static void modern_metadata(struct kc_member *member, struct kb_time now)
{
    kc_modern_name(member, NULL);
    kc_modern_proceed(member, now);
}

static void say_goodbye(struct kc_member *member, int64_t by_ms)
{
    struct kc_modern *modern = kc_modern_of(member);
    modern->goodbye = modern->known;
    member->leave_by_ms = by_ms;
    member->not_before_ms = 0;
}

static void modern_leave(struct kc_member *member, struct kb_time now)
{
    bool keeps = member->leave_how == KC_LEAVE_KEEP && !kc_member_is_static(member);
    end(member, KC_MODERN_LEAVE);
    say_goodbye(member, member->leave_by_ms);
    if (!kc_modern_of(member)->goodbye || keeps)
        kc_modern_gone(member);
    kc_modern_proceed(member, now);
}

static void modern_polled(struct kc_member *member, struct kb_time now)
{
    kc_modern_of(member)->back = true;
    if (kc_modern_of(member)->phase == KC_MODERN_AWAY)
        kc_modern_proceed(member, now);
}

static void modern_done(struct kc_member *member, struct kb_time now, enum kc_change change)
{
    kc_modern_of(member)->tell_owned |= change == KC_CHANGE_REVOKE;
    kc_modern_proceed(member, now);
}

/* A commit under an old epoch: the next heartbeat tells which is ours, or that it
 * is none any more. */
static void modern_heard(struct kc_member *member, struct kb_time now, int code)
{
    struct kc_modern *modern = kc_modern_of(member);
    int64_t soon_ms = modern->sent_ms + member->options->common.retry_backoff_ms;
    modern->beat_ms = KB_MIN(modern->beat_ms, soon_ms);
    (void)now, (void)code;
}

static void modern_refused(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    struct kc_modern *modern = kc_modern_of(member);
    if (takes_part(modern))
        kc_modern_fail(member, why);
    if (modern->goodbye)
        kc_modern_gone(member);
    kc_modern_proceed(member, now);
}

/* ---- Time ---- */

static void lease_expired(struct kc_member *member, struct kb_time now)
{
    end(member, KC_MODERN_AWAY);
    kc_modern_of(member)->back = false;
    kc_member_lose(member);
    kc_member_lease_expired(member);
    say_goodbye(member, kb_deadline(now, member->options->common.request_timeout_ms));
}

static void session_expired(struct kc_member *member)
{
    kb_error_set(&member->trouble, KB_E_TIMED_OUT,
                 "group %s: no heartbeat was answered until the session was over",
                 member->options->consumer.group_id);
    member->coordinator_known = false;
    kc_modern_lost(member);
}

static void revoke_expired(struct kc_member *member)
{
    kc_member_revoke_expired(member);
    kc_modern_lost(member);
}

static void modern_tick(struct kc_member *member, struct kb_time now)
{
    struct kc_modern *modern = kc_modern_of(member);
    if (modern->goodbye && now.mono_ms >= member->leave_by_ms) {
        kc_member_abandon(member);
        kc_modern_gone(member);
    }
    if (takes_part(modern) && now.mono_ms >= member->alive_until_ms)
        lease_expired(member, now);
    if (modern->phase == KC_MODERN_IN && now.mono_ms >= modern->session_ms)
        session_expired(member);
    if (modern->phase == KC_MODERN_IN && now.mono_ms >= member->change_by_ms)
        revoke_expired(member);
    kc_modern_proceed(member, now);
}

static int64_t modern_deadline_ms(const struct kc_member *member)
{
    const struct kc_modern *modern = kc_modern_of(member);
    int64_t deadline_ms = modern->again_ms;
    if (takes_part(modern))
        deadline_ms = KB_MIN(deadline_ms, member->alive_until_ms);
    if (modern->phase == KC_MODERN_IN)
        deadline_ms = KB_MIN(deadline_ms, KB_MIN(modern->session_ms, member->change_by_ms));
    if (modern->goodbye)
        deadline_ms = KB_MIN(deadline_ms, member->leave_by_ms);
    if (!member->flight && member->coordinator_known && speaks(modern))
        deadline_ms = KB_MIN(deadline_ms, kc_modern_due_ms(member));
    return deadline_ms;
}

/* ---- The kind ---- */

static bool modern_open(struct kc_member *member)
{
    struct kc_modern *modern = KB_NEW(struct kc_modern);
    if (!modern)
        return false;
    kc_backoff_init(&modern->names_backoff, member->options->common.retry_backoff_ms,
                    member->options->common.retry_backoff_max_ms);
    modern->again_ms = KB_NEVER;
    modern->interval_ms = member->options->consumer.heartbeat_interval_ms;
    member->state = modern;
    return true;
}

static void modern_close(struct kc_member *member)
{
    struct kc_modern *modern = kc_modern_of(member);
    kc_partitions_deinit(&modern->target);
    kc_partitions_deinit(&modern->unnamed);
    kb_free(modern);
}

const struct kc_member_kind kc_member_consumer = {
    .name = "consumer",
    .open = modern_open,
    .close = modern_close,
    .subscribed = modern_subscribed,
    .metadata = modern_metadata,
    .leave = modern_leave,
    .polled = modern_polled,
    .done = modern_done,
    .plan = kc_modern_plan,
    .answer = kc_modern_answer,
    .failure = kc_modern_failure,
    .heard = modern_heard,
    .refused = modern_refused,
    .tick = modern_tick,
    .deadline_ms = modern_deadline_ms,
    .standing = modern_standing,
};
