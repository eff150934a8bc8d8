/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CLASSIC_H
#define KC_CLASSIC_H
/*
 * The classic group protocol as a kind of member, in four files: what happens to it
 * (classic.c), and when (classic_time.c), what it asks (classic_plan.c), what it hears
 * (classic_answer.c).
 *
 *            subscribe                 leader                all topics known
 *      OUT ──────────────> JOIN ───────────────> LEAD ───────────────┐
 *       ^                  ^  │ follower                             v
 *       │                  │  └───────────────────────────────────> SYNC
 *     LEAVE <── (any)      │                                         │
 *       │                  │  nothing more      a round is due       v
 *       └──> AWAY ───────> └───────────── GIVE <─────────────────── IN
 *             polled
 *
 * In IN the member moves from what it owns to what it was assigned, a change at a
 * time. In GIVE it gives up what may not be kept through a round: everything, or,
 * where all assignors offered are cooperative, what it is not subscribed to any
 * more. A refusal for the strategy passes through WHY, which asks what the group's
 * is, to FAILED.
 */
#include "libclient/core/group/lead.h"
#include "libclient/core/group/member.h"

enum kc_classic_state {
    KC_CLASSIC_OUT,
    KC_CLASSIC_JOIN,  /* JoinGroup is due, or in flight */
    KC_CLASSIC_LEAD,  /* chosen leader, and waits for metadata */
    KC_CLASSIC_SYNC,  /* SyncGroup is due, or in flight */
    KC_CLASSIC_IN,    /* heartbeats; also in LEAD and GIVE */
    KC_CLASSIC_GIVE,  /* on its way to the next JOIN */
    KC_CLASSIC_AWAY,  /* the application is silent */
    KC_CLASSIC_LEAVE, /* LeaveGroup is due, or in flight */
    KC_CLASSIC_WHY,   /* DescribeGroups likewise */
    KC_CLASSIC_FAILED
};

struct kc_classic {
    enum kc_classic_state state;
    bool cooperative; /* all assignors offered are */
    struct kc_lead lead;
    bool skips; /* leader, but the group keeps the assignment that it has */

    struct kc_partitions target;      /* IN: what we were assigned; GIVE: what may be kept */
    struct kc_partitions before;      /* assigned last, for the sticky assignors */
    int32_t before_generation;        /* in which; -1 */
    const struct kc_assignor *chosen; /* by the group */

    bool gives_up;       /* LEAVE ends in FAILED */
    const char *round;   /* why another round is due; NULL: none is */
    const char *reason;  /* the same, for the JoinGroup that comes of it */
    uint32_t joined_for; /* the topics_version of the last JoinGroup */
    bool wants;          /* `wanted` is what this member wants, for */
    uint32_t wanted_for; /* that topics_version */
    bool back;           /* polled since the lease expired */

    int64_t sent_ms;         /* the request in flight */
    int64_t beat_ms;         /* when the next heartbeat is due */
    uint32_t beats;          /* in this generation */
    int64_t session_ms;      /* when the coordinator has given us up */
    int64_t calm_ms;         /* no round had begun by then */
    bool unsure;             /* whether it has, after an answer that took long */
    int64_t lead_ms;         /* until when LEAD waits */
    int64_t again_ms;        /* after a lack of memory; KB_NEVER */
    struct kb_error refusal; /* that WHY finds words for */
};

/* Every change of state goes through this, and is one of a table's. */
void kc_classic_turn(struct kc_member *member, enum kc_classic_state to);
/* Goes on as far as it can without hearing anything. Each event ends in it. */
void kc_classic_proceed(struct kc_member *member, struct kb_time now);
/* Another round, because of that. */
void kc_classic_round(struct kc_member *member, const char *why);
/* No member of this generation any more: all is lost, joins anew. */
void kc_classic_lost(struct kc_member *member, bool id_too);
void kc_classic_fail(struct kc_member *member, const struct kb_error *why);
/* The answer to what was sent last says that the coordinator counts us alive. */
void kc_classic_lives(struct kc_member *member, struct kb_time now);
/* LEAVE is over, answered or not. */
void kc_classic_left(struct kc_member *member);
/* Is it one for the coordinator? Then the session and the lease count. */
bool kc_classic_is_member(const struct kc_classic *classic);
bool kc_classic_beats(const struct kc_classic *classic); /* by heartbeats */

void kc_classic_tick(struct kc_member *member, struct kb_time now);
int64_t kc_classic_deadline_ms(const struct kc_member *member);
bool kc_classic_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                     struct kc_member_request *out);
void kc_classic_answer(struct kc_member *member, struct kb_time now,
                       const struct kc_member_response *response);
void kc_classic_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why);
void kc_classic_refused(struct kc_member *member, struct kb_time now, const struct kb_error *why);
void kc_classic_heard(struct kc_member *member, struct kb_time now, int code);

#endif
