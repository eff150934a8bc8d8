/* SPDX-License-Identifier: Apache-2.0 */
/* What time does to a classic member: heartbeats, its session, its lease, the end of a
 * revocation. */
#include "base/check.h"
#include "libclient/core/group/classic.h"
#include "wire/api.h"

enum { QUICK_BEATS = 3 };

static struct kc_classic *of(const struct kc_member *member)
{
    return member->state;
}

/* ---- The session ---------------------------------------------------------------------*/

static int64_t session_deadline_ms(const struct kc_member *member)
{
    const struct kc_classic *c = of(member);
    return kc_classic_is_member(c) && member->generation >= 0 ? c->session_ms : KB_NEVER;
}

/* The last thing sent may be held back by the coordinator, which counts us alive. */
static bool is_parked(const struct kc_member *member)
{
    return member->flight &&
           (member->flight_api == KW_API_JOIN_GROUP || member->flight_api == KW_API_SYNC_GROUP);
}

/* Rounds come in clusters: others join, or get what was given up in the last one. Who
 * asks more often at first hears of the next one sooner. */
static int64_t pace_ms(const struct kc_member *member)
{
    int64_t most_ms = member->options->consumer.heartbeat_interval_ms;
    uint32_t beats = KB_MIN(of(member)->beats, QUICK_BEATS);
    return KB_MAX(most_ms >> (QUICK_BEATS - beats), 1);
}

/* The coordinator counts from when it heard or answered us, which was not before the
 * request was sent. Where that is long ago, a round held the answer back or we stood
 * still: then the next heartbeat, due at once, says whether we are still there. */
void kc_classic_lives(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    const struct kc_consumer_options *options = &member->options->consumer;
    c->unsure = now.mono_ms - c->sent_ms >= options->session_timeout_ms / 2;
    if (c->unsure && now.mono_ms >= c->session_ms)
        kc_member_lose(member);
    c->session_ms = (c->unsure ? now.mono_ms : c->sent_ms) + options->session_timeout_ms;
    c->beat_ms = c->unsure ? now.mono_ms : c->sent_ms + pace_ms(member);
    c->beats++;
}

/* A round that began behind our back drops who does not join it in time. */
static int64_t revoke_deadline_ms(const struct kc_member *member)
{
    const struct kc_classic *c = of(member);
    if (member->change != KC_CHANGE_REVOKE)
        return KB_NEVER;
    return KB_MIN(member->change_by_ms,
                  c->calm_ms + member->options->consumer.max_poll_interval_ms);
}

/* Who waits for a round goes on waiting, but with nothing: nobody can tell from here
 * whether the coordinator holds the answer back or is gone. */
static void session_expired(struct kc_member *member)
{
    kb_error_set(&member->trouble, KB_E_TIMED_OUT,
                 "group %s: nothing was answered within session.timeout.ms (%d)",
                 member->options->consumer.group_id, member->options->consumer.session_timeout_ms);
    if (is_parked(member)) {
        if (of(member)->cooperative && member->owned.count > 0) /* as the leader was told */
            kc_classic_round(member, "what it had was lost while it joined");
        kc_member_lose(member);
        of(member)->session_ms = KB_NEVER;
        return;
    }
    member->coordinator_known = false;
    kc_member_abandon(member);
    kc_classic_lost(member, false);
}

static void revoke_expired(struct kc_member *member)
{
    kc_member_revoke_expired(member);
    kc_member_abandon(member);
    kc_classic_lost(member, false);
}

/* ---- The lease -----------------------------------------------------------------------*/

/* A static member keeps its place until the session is over, as if it restarted. */
static void lease_expired(struct kc_member *member, struct kb_time now)
{
    const struct kc_common_options *common = &member->options->common;
    bool tells = *member->member_id && !kc_member_is_static(member);
    kc_member_lose(member);
    kc_member_abandon(member);
    kc_member_lease_expired(member);
    member->leave_by_ms = kb_deadline(now, common->request_timeout_ms);
    of(member)->back = false;
    if (!tells)
        member->generation = -1;
    kc_classic_turn(member, tells ? KC_CLASSIC_LEAVE : KC_CLASSIC_AWAY);
}

/* ---- Ticks ---------------------------------------------------------------------------*/

void kc_classic_tick(struct kc_member *member, struct kb_time now)
{
    struct kc_classic *c = of(member);
    if (c->state == KC_CLASSIC_LEAVE && now.mono_ms >= member->leave_by_ms) {
        kc_member_abandon(member);
        kc_classic_left(member);
    }
    if (kc_classic_is_member(c) && now.mono_ms >= member->alive_until_ms)
        lease_expired(member, now);
    if (now.mono_ms >= session_deadline_ms(member))
        session_expired(member);
    if (now.mono_ms >= revoke_deadline_ms(member))
        revoke_expired(member);
    kc_classic_proceed(member, now);
}

/* When plan has something next. */
static int64_t plan_deadline_ms(const struct kc_member *member)
{
    const struct kc_classic *c = of(member);
    bool asks =
        kc_classic_is_member(c) || c->state == KC_CLASSIC_LEAVE || c->state == KC_CLASSIC_WHY;
    if (!asks || member->flight || !member->coordinator_known)
        return KB_NEVER;
    return KB_MAX(member->not_before_ms, kc_classic_beats(c) ? c->beat_ms : 0);
}

int64_t kc_classic_deadline_ms(const struct kc_member *member)
{
    const struct kc_classic *c = of(member);
    int64_t ms = KB_MIN(plan_deadline_ms(member), c->again_ms);
    ms = KB_MIN(ms, session_deadline_ms(member));
    ms = KB_MIN(ms, revoke_deadline_ms(member));
    if (kc_classic_is_member(c))
        ms = KB_MIN(ms, member->alive_until_ms);
    if (c->state == KC_CLASSIC_LEAD && !member->to_assign)
        ms = KB_MIN(ms, c->lead_ms);
    if (c->state == KC_CLASSIC_LEAVE)
        ms = KB_MIN(ms, member->leave_by_ms);
    return ms;
}
