/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_MEMBER_H
#define KC_MEMBER_H
/*
 * One consumer's membership in its group, as a pure machine. Which protocol it
 * speaks is its *kind*: `classic` (JoinGroup, SyncGroup, Heartbeat), `consumer`
 * (KIP-848), or `auto`, which finds out and switches to one of them.
 *
 *   subscribe, leave, metadata,           ┌────────┐   wants: coordinator, topics
 *   coordinator known or lost   ────────> │ member │ ─> plan: the next request
 *   answer, failure, done, tick           └────────┘   change: REVOKE, ASSIGN, LOSE
 *
 * What comes out is level-triggered: after each call the driver looks at the
 * wants, at `change` and at `err`, and plans. One request is in flight at a
 * time, except that leaving abandons it.
 *
 * A change is one at a time. REVOKE: these are to be given up, and the machine
 * goes on (rejoins, leaves) only after kc_member_done. ASSIGN: these are ours
 * from now on. LOSE: these are gone already; it may take the place of a change
 * that was not done yet, and then speaks of all that the member had. The member
 * lives on meanwhile: heartbeats go out while a change waits for the application.
 *
 * Two clocks end a membership from this side: no answered heartbeat within the
 * session timeout, and an application that is silent for max.poll.interval.ms.
 * Either loses all; the first rejoins by itself, the second once it polls.
 *
 * No clock, no I/O, one thread. Names and ids handed in are copied.
 */
#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "libclient/core/assignor.h"
#include "libclient/core/backoff.h"
#include "libclient/core/group/change.h"
#include "libclient/core/group/names.h"
#include "libclient/core/group/partitions.h"
#include "libclient/core/metadata.h"
#include "libclient/core/options.h"

struct kb_arena;
struct kc_member;
struct kc_member_request; /* member_request.h: a union, by api key */
struct kc_member_response;

/* What it is to the group, for people, `ready` and the driver. */
enum kc_standing {
    KC_STANDING_OUT,     /* not subscribed, or left */
    KC_STANDING_JOINING, /* on its way in, or through a rebalance */
    KC_STANDING_IN,      /* has its assignment */
    KC_STANDING_AWAY,    /* max.poll.interval.ms is over: comes back when polled */
    KC_STANDING_LEAVING,
    KC_STANDING_FAILED /* `err` says why; subscribing anew may help */
};

/* Whether leaving tells the coordinator. A static member's place is kept for its
 * successor, unless it says so. */
enum kc_leave { KC_LEAVE_DEFAULT, KC_LEAVE_TELL, KC_LEAVE_KEEP };

/* What one protocol does. Each is called with the member in a consistent state;
 * `state` is the kind's own, made by open. */
struct kc_member_kind {
    const char *name;                       /* "classic" */
    bool (*open)(struct kc_member *member); /* false: no memory */
    void (*close)(struct kc_member *member);
    void (*subscribed)(struct kc_member *member, struct kb_time now); /* also: unsubscribed */
    void (*metadata)(struct kc_member *member, struct kb_time now);
    void (*leave)(struct kc_member *member, struct kb_time now);
    void (*polled)(struct kc_member *member, struct kb_time now);
    void (*done)(struct kc_member *member, struct kb_time now, enum kc_change change);
    bool (*plan)(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                 struct kc_member_request *out);
    void (*answer)(struct kc_member *member, struct kb_time now,
                   const struct kc_member_response *response);
    void (*failure)(struct kc_member *member, struct kb_time now, const struct kb_error *why);
    void (*heard)(struct kc_member *member, struct kb_time now, int code);
    void (*refused)(struct kc_member *member, struct kb_time now, const struct kb_error *why);
    /* NULL: it never asks. See kc_member_placed. */
    void (*placed)(struct kc_member *member, struct kb_time now, const int32_t *owners,
                   const struct kb_error *why);
    void (*tick)(struct kc_member *member, struct kb_time now);
    int64_t (*deadline_ms)(const struct kc_member *member);
    enum kc_standing (*standing)(const struct kc_member *member);
};

extern const struct kc_member_kind kc_member_classic;  /* JoinGroup, SyncGroup, Heartbeat */
extern const struct kc_member_kind kc_member_consumer; /* KIP-848: modern.h */
extern const struct kc_member_kind kc_member_auto;     /* becomes one of them: auto.c */
/* What group.protocol says. */
const struct kc_member_kind *kc_member_kind_of(const struct kc_options *options);

struct kc_member {
    const struct kc_options *options;
    const struct kc_metadata *metadata; /* read, never changed */
    struct kb_random *random;
    const struct kc_assignor *const *assignors; /* offered, the best first */
    size_t assignor_count;

    /* for the driver to look at */
    enum kc_change change;             /* to be done */
    uint64_t changes;                  /* counts them: another is another change */
    struct kc_partitions changing;     /* what it is about; empty only with NONE */
    struct kc_names wanted;            /* topics whose metadata it needs */
    uint32_t wanted_version;           /* counts up when `wanted` changes */
    const struct kc_assign *to_assign; /* to be asked of the application's own assignor */
    const struct kc_assignor *assign_by;
    uint32_t assigns; /* counts such questions */
    bool wants_coordinator;
    uint64_t flight;         /* the request in flight, by number; 0: none. Another than what
                                the driver has sent: that one is abandoned, its answer nobody's */
    struct kb_error err;     /* AWAY or FAILED: why */
    uint32_t errors;         /* counts what `err` became; each is to be told */
    struct kb_error trouble; /* why it is not IN yet, the last that went wrong; code 0: nothing */
    const char *doing;       /* in words: "waits for the other members" */

    /* who it is */
    char *member_id;            /* never NULL; "": none yet */
    int32_t generation;         /* or the member epoch; -1: none */
    struct kc_partitions owned; /* told by ASSIGN, and not yet given up or lost */

    /* shared by the kinds */
    const struct kc_member_kind *kind, *made_as; /* now; at first */
    void *state;
    bool subscribed;
    struct kc_names topics;  /* subscribed to; for a regex what it matches now */
    uint32_t topics_version; /* counts up when topics or regex change */
    char *regex;             /* NULL: none */
    bool coordinator_known;
    enum kc_leave leave_how;
    int64_t leave_by_ms;
    int64_t alive_until_ms;
    int64_t change_by_ms;  /* a REVOKE is done until then, or all is lost */
    int64_t not_before_ms; /* nothing is sent: backing off */
    struct kc_backoff backoff;
    uint64_t flights; /* numbers given */
    int16_t flight_api;
};

/* The group id is set in the options. Everything is borrowed for the member's
 * life. False: no memory; deinit is still due. */
bool kc_member_init(struct kc_member *member, const struct kc_member_kind *kind,
                    const struct kc_options *options, const struct kc_metadata *metadata,
                    const struct kc_assignor *const *assignors, size_t assignor_count,
                    struct kb_random *random);
void kc_member_deinit(struct kc_member *member);
/* `auto` has found out: the other kind begins as if just subscribed. Nothing is
 * owned or in flight. False: no memory; the kind is as it was. */
bool kc_member_switch(struct kc_member *member, struct kb_time now,
                      const struct kc_member_kind *kind);

/* ---- In ------------------------------------------------------------------- */

/* Joins with these names, or goes on with them instead of the last ones. regex:
 * for kinds whose coordinator evaluates it; names are what it matches by our
 * metadata. From FAILED it begins anew. False: no memory, nothing has changed. */
bool kc_member_subscribe(struct kc_member *member, struct kb_time now, const char *const *names,
                         size_t n, const char *regex);
/* The driver has given up all that was owned, so nothing of it is told: LeaveGroup
 * where there is something to leave, then OUT. Abandons what is in flight. */
void kc_member_leave(struct kc_member *member, struct kb_time now, enum kc_leave how,
                     int64_t by_ms);
/* The change has been seen to. */
void kc_member_done(struct kc_member *member, struct kb_time now);
/* The application counts as alive until then (mono); said before each tick. */
void kc_member_alive(struct kc_member *member, int64_t until_ms);
/* It is back: from AWAY it joins again. */
void kc_member_polled(struct kc_member *member, struct kb_time now);
/* Something is known anew of a wanted topic. */
void kc_member_metadata(struct kc_member *member, struct kb_time now);
void kc_member_coordinator(struct kc_member *member, struct kb_time now, bool known);
/* No broker tells us the coordinator: asking again does not help. */
void kc_member_refused(struct kc_member *member, struct kb_time now, const struct kb_error *why);
/* A commit, sent in that generation, was refused with that code. */
void kc_member_heard(struct kc_member *member, struct kb_time now, int32_t generation, int code);
/* The answer to question `number`, by topic and partition one after the other the index
 * of a member or -1; or why there is none. Too late: nothing happens. */
void kc_member_placed(struct kc_member *member, struct kb_time now, uint32_t number,
                      const int32_t *owners, const struct kb_error *why);
void kc_member_tick(struct kc_member *member, struct kb_time now);

/* ---- Out ------------------------------------------------------------------ */

/* False: nothing to send now, or no memory (tried again at deadline_ms). True:
 * it is in flight until answer or failure; its arrays lie in the arena. */
bool kc_member_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                    struct kc_member_request *out);
void kc_member_answer(struct kc_member *member, struct kb_time now,
                      const struct kc_member_response *response);
/* No answer. KB_E_UNSUPPORTED: the coordinator has no version of that API in
 * common with us. */
void kc_member_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why);
int64_t kc_member_deadline_ms(const struct kc_member *member); /* of tick; KB_NEVER */
enum kc_standing kc_member_standing(const struct kc_member *member);
const char *kc_standing_name(enum kc_standing standing); /* "joining" */
bool kc_member_is_static(const struct kc_member *member);

/* ---- For the kinds ----------------------------------------------------------- */

/*
 * From what is owned to what `target` says, a change at a time: REVOKE what is not
 * in it, then ASSIGN what is new. To be called after each done until SETTLED.
 */
enum kc_reconciled { KC_SETTLED, KC_CHANGING, KC_SHORT_OF_MEMORY };
enum kc_reconciled kc_member_reconcile(struct kc_member *member, struct kb_time now,
                                       const struct kc_partitions *target);
/* All that is owned is gone, now. Takes the place of any change. */
void kc_member_lose(struct kc_member *member);
/* What is in flight is abandoned. */
void kc_member_abandon(struct kc_member *member);
/* `err` is news: the driver tells it. */
void kc_member_complain(struct kc_member *member, const struct kb_error *err);
/* The same of an application that was silent; and, as trouble, of a REVOKE that took too
 * long. */
void kc_member_lease_expired(struct kc_member *member);
void kc_member_revoke_expired(struct kc_member *member);
/* Nothing is sent before the next backoff is over; `why` becomes the trouble. */
void kc_member_back_off(struct kc_member *member, struct kb_time now, const struct kb_error *why);
void kc_member_relax(struct kc_member *member); /* it worked: no backoff, no trouble */
/* Made as `auto`, it looks at the group once more before it joins again: true, and it
 * is of that kind now. False: it was not made so, or something is under way yet. */
bool kc_member_look_again(struct kc_member *member, struct kb_time now);
/* False: no memory, it is as it was. */
bool kc_member_take_id(struct kc_member *member, struct kb_slice id);
void kc_member_forget_id(struct kc_member *member); /* nor a generation */
/* These become `wanted`, and are emptied. */
void kc_member_want(struct kc_member *member, struct kc_names *wanted);
/* The topics subscribed to are `wanted`. False: no memory. */
bool kc_member_want_topics(struct kc_member *member);

#endif
