/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/rebalance.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/commit.h"
#include "libclient/drive/lookup.h"
#include <stdlib.h>
#include <string.h>

/*
 *   IDLE ──REVOKE──> LISTENING or DRAINING ──> COMMITTING ──> IDLE, done
 *    │                       │ too late                        │
 *    │                       └──> dropped, told as lost ──────>┤
 *    └── end ──> the same with all, then LEAVING ──left──> call done
 */
enum step { IDLE, LISTENING, DRAINING, COMMITTING, LEAVING };

struct kc_rebalance {
    struct kurier_consumer *consumer;
    struct kc_listener listener;
    enum step step;
    bool owes_done;         /* the membership waits for it */
    struct kc_call *ending; /* NULL: it is not */
    bool closing;           /* ... by close */
    uint32_t asked;         /* of its own assignor the application, last */
    int64_t deadline_ms;    /* of the step */
    struct kn_timer timer;
    struct kc_commit commit; /* of COMMITTING */
    struct kb_error failed;  /* what it came to, for close to tell */
};

static struct kb_time now_of(const struct kc_rebalance *r)
{
    return kn_loop_now(kc_client_loop(r->consumer->client));
}

static void enter_step(struct kc_rebalance *r, enum step step, int64_t deadline_ms)
{
    r->step = step;
    r->deadline_ms = deadline_ms;
    kn_timer_set(kc_client_loop(r->consumer->client), &r->timer, deadline_ms);
}

/* ---- Partitions ------------------------------------------------------------------*/

/* The next that is assigned, and halted if `halted`. */
static struct kc_share *next_share(const struct kc_rebalance *r, struct kc_share *after,
                                   bool halted)
{
    struct kb_map_entry *e = after ? &after->by_key : NULL;
    while ((e = kb_map_next(&r->consumer->shares, e))) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (share->fetch && (share->halted || !halted))
            return share;
    }
    return NULL;
}

static void halt(struct kc_share *share)
{
    if (share->halted)
        return;
    share->halted = true;
    kc_consumer_admit(share);
    kc_share_halt(share);
}

static bool is_halted(const struct kc_share *share)
{
    return share->halted;
}

static void drop_halted(struct kc_rebalance *r)
{
    for (struct kc_share *share = NULL; (share = next_share(r, share, true));)
        kc_consumer_drop(r->consumer, share);
    kn_task_soon(kc_client_loop(r->consumer->client), &r->consumer->look);
}

/* ---- The listener ------------------------------------------------------------------*/

static kurier_position position_of(struct kc_share *share)
{
    bool walled;
    struct kc_spot spot = kc_share_finished(share, &walled);
    kurier_position p =
        kurier_at(share->topic, share->partition, spot.offset < 0 ? KURIER_COMMITTED : spot.offset);
    p.leader_epoch = spot.leader_epoch;
    return p;
}

static int by_place(const void *a, const void *b)
{
    const kurier_position *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Of the partitions that are chosen. False: nobody is to be told. */
static bool tell_listener(struct kc_rebalance *r, enum kc_change kind,
                          bool (*chosen)(const struct kc_share *))
{
    if (!r->listener.present || !r->consumer->assigned)
        return false;
    struct kc_turn *turn = kc_turn_new(kind, (size_t)r->consumer->assigned);
    if (!turn)
        return false;
    for (struct kc_share *share = NULL; (share = next_share(r, share, false));)
        if (chosen(share))
            turn->positions[turn->count++] = position_of(share);
    if (!turn->count) {
        kc_turn_free(turn);
        return false;
    }
    qsort(turn->positions, turn->count, sizeof *turn->positions, by_place);
    kc_listener_put(&r->listener, turn);
    return true;
}

/* ---- Giving up -----------------------------------------------------------------------*/

static void leave(struct kc_rebalance *r);

/* It is over: the membership goes on, or the group is left. */
static void given_up(struct kc_rebalance *r)
{
    drop_halted(r);
    enter_step(r, IDLE, KB_NEVER);
    if (r->ending) {
        leave(r);
        return;
    }
    if (r->owes_done) {
        r->owes_done = false;
        kc_membership_done(r->consumer->membership);
    }
}

static void on_committed(struct kc_commit *commit, const struct kb_error *err)
{
    struct kc_rebalance *r = KB_CONTAINER(commit, struct kc_rebalance, commit);
    struct kurier_client *client = r->consumer->client;
    if (err->code)
        KB_LOG(kc_client_log(client), KB_LOG_WARN, "consumer",
               "before partitions were given up: %s", err->text);
    r->failed = *err;
    kb_free(commit->rows);
    commit->rows = NULL;
    given_up(r);
}

/* A round may be ending while we do, and take no commit until it is over: it does not
 * wait for us, so we wait for it, with time left to leave. */
static void set_deadlines(struct kc_rebalance *r)
{
    int64_t now_ms = now_of(r).mono_ms;
    int64_t deadline_ms = now_ms + r->consumer->client->options->common.request_timeout_ms;
    if (r->closing)
        deadline_ms = KB_MIN(deadline_ms, r->ending->deadline_ms);
    r->commit.deadline_ms = deadline_ms;
    r->commit.settle_by_ms = r->ending ? now_ms + (deadline_ms - now_ms) / 2 : 0;
}

/* What is finished, or just what was to be committed before. */
static void commit_halted(struct kc_rebalance *r)
{
    struct kurier_consumer *c = r->consumer;
    r->commit = (struct kc_commit){.on_done = on_committed};
    set_deadlines(r);
    if (c->options->enable_auto_commit && !c->attachment)
        kc_commits_finished(c, is_halted, false, &r->commit);
    enter_step(r, COMMITTING, KB_NEVER);
    kc_commits_put(c->commits, &r->commit);
}

static bool is_drained(const struct kc_rebalance *r)
{
    for (struct kc_share *share = NULL; (share = next_share(r, share, true));)
        if (r->consumer->attachment ? kc_share_is_open(share) : kc_share_held(share) > 0)
            return false;
    return true;
}

void kc_rebalance_look(struct kc_rebalance *r)
{
    if (r->step == DRAINING && is_drained(r))
        commit_halted(r);
}

/* Until their batches are done; of an attached consumer until the transaction has ended. */
static void drain(struct kc_rebalance *r, int64_t deadline_ms)
{
    enter_step(r, DRAINING, deadline_ms);
    kc_rebalance_look(r);
}

/* With those that are halted. */
static void give_up(struct kc_rebalance *r)
{
    const struct kc_consumer_options *o = r->consumer->options;
    if (tell_listener(r, KC_CHANGE_REVOKE, is_halted)) {
        enter_step(r, LISTENING, now_of(r).mono_ms + o->max_poll_interval_ms);
        return;
    }
    drain(r, now_of(r).mono_ms +
                 (r->consumer->attachment ? o->max_poll_interval_ms : o->rebalance_drain_ms));
}

/* Without a word, and without a commit. */
static void stop_waiting(struct kc_rebalance *r)
{
    if (r->step == COMMITTING) {
        kc_commits_cancel(r->consumer->commits, &r->commit);
        kb_free(r->commit.rows);
        r->commit.rows = NULL;
    }
    enter_step(r, IDLE, KB_NEVER);
}

static void on_timer(struct kn_timer *timer)
{
    struct kc_rebalance *r = KB_CONTAINER(timer, struct kc_rebalance, timer);
    if (r->step == DRAINING && r->consumer->attachment) {
        tell_listener(r, KC_CHANGE_LOSE, is_halted);
        given_up(r);
    } else if (r->step == DRAINING) {
        commit_halted(r);
    } else if (r->step == LISTENING) {
        kc_listener_force(&r->listener);
        given_up(r);
    }
}

static void listened(struct kc_rebalance *r)
{
    if (r->consumer->attachment)
        drain(r, r->deadline_ms);
    else
        commit_halted(r);
}

/* On the loop: a call of the listener came back. */
static void on_turn_over(struct kurier_consumer *c, struct kc_turn *turn)
{
    struct kc_rebalance *r = c->rebalance;
    for (size_t i = 0; turn->kind == KC_CHANGE_ASSIGN && i < turn->count; i++) {
        struct kc_share *share =
            kc_consumer_find(c, turn->positions[i].topic, turn->positions[i].partition);
        share->untold--;
        if (share->fetch)
            kc_consumer_admit(share);
    }
    if (turn->kind == KC_CHANGE_REVOKE && r->step == LISTENING)
        listened(r);
    kc_turn_free(turn);
    kn_task_soon(kc_client_loop(c->client), &c->look);
}

/* ---- Changes -------------------------------------------------------------------------*/

static void revoke(struct kc_rebalance *r, const struct kc_partitions *partitions)
{
    r->owes_done = true;
    if (r->ending) /* all of them are being given up as it is */
        return;
    for (size_t i = 0; i < partitions->count; i++) {
        struct kc_share *share =
            kc_consumer_find(r->consumer, partitions->rows[i].topic, partitions->rows[i].partition);
        if (share && share->fetch)
            halt(share);
    }
    give_up(r);
}

static bool is_new(const struct kc_share *share)
{
    return share->keep;
}

static bool take(struct kc_rebalance *r, const struct kc_place *place)
{
    struct kurier_consumer *c = r->consumer;
    struct kc_share *share = kc_consumer_share(c, place->topic, place->partition);
    if (!share)
        return false;
    if (share->fetch)
        return true;
    if (!kc_consumer_add(c, share, KC_COMMITTED, -1))
        return false;
    share->keep = true;
    share->untold += r->listener.present;
    kc_consumer_admit(share);
    return true;
}

/* There was no memory to tell the listener: it is not waited for. */
static void admit_untold(struct kc_rebalance *r)
{
    for (struct kc_share *share = NULL; (share = next_share(r, share, false));)
        if (is_new(share)) {
            share->untold--;
            kc_consumer_admit(share);
        }
}

static void assign(struct kc_rebalance *r, const struct kc_partitions *partitions)
{
    struct kb_error err;
    for (struct kc_share *share = NULL; (share = next_share(r, share, false));)
        share->keep = false;
    for (size_t i = 0; !r->ending && i < partitions->count; i++)
        if (!take(r, &partitions->rows[i])) {
            kb_error_set(&err, KB_E_NO_MEMORY, "no memory for %s[%d], which is assigned to us",
                         partitions->rows[i].topic, partitions->rows[i].partition);
            kc_listener_tell(&r->listener, &err);
        }
    if (!tell_listener(r, KC_CHANGE_ASSIGN, is_new) && r->listener.present)
        admit_untold(r);
    kn_task_soon(kc_client_loop(r->consumer->client), &r->consumer->look);
    kc_membership_done(r->consumer->membership);
}

static void lose(struct kc_rebalance *r, const struct kc_partitions *partitions)
{
    bool was_busy = r->step != IDLE && r->step != LEAVING;
    if (r->step == COMMITTING && r->commit.count)
        kb_error_set(&r->failed, KB_E_ASSIGNMENT_LOST,
                     "the partitions were lost before what is finished of them was committed");
    if (was_busy) {
        stop_waiting(r);
        kc_listener_drop_revokes(&r->listener);
    }
    for (size_t i = 0; i < partitions->count; i++) {
        struct kc_share *share =
            kc_consumer_find(r->consumer, partitions->rows[i].topic, partitions->rows[i].partition);
        if (share && share->fetch)
            halt(share);
    }
    if (!r->closing)
        tell_listener(r, KC_CHANGE_LOSE, is_halted);
    drop_halted(r);
    r->owes_done = false;
    kc_membership_done(r->consumer->membership);
    if (was_busy && r->ending)
        leave(r);
}

static void on_change(struct kurier_consumer *c, enum kc_change change,
                      const struct kc_partitions *partitions)
{
    if (change == KC_CHANGE_REVOKE)
        revoke(c->rebalance, partitions);
    else if (change == KC_CHANGE_ASSIGN)
        assign(c->rebalance, partitions);
    else if (change == KC_CHANGE_LOSE)
        lose(c->rebalance, partitions);
}

static void on_tell(struct kurier_consumer *c, const struct kb_error *err)
{
    kc_listener_tell(&c->rebalance->listener, err);
}

static void on_coordinator(struct kurier_consumer *c)
{
    kc_commits_look(c->commits);
    kc_lookups_look(c);
}

static int64_t alive_until_ms(struct kurier_consumer *c, struct kb_time now)
{
    return kc_lease_look(&c->feed->lease, now, c->options->max_poll_interval_ms);
}

/* ---- Leaving -------------------------------------------------------------------------*/

static void end_call(struct kc_rebalance *r, const struct kb_error *err)
{
    struct kc_call *call = r->ending;
    r->ending = NULL;
    if (call)
        kc_call_done(call, err);
}

static void leave(struct kc_rebalance *r)
{
    struct kurier_consumer *c = r->consumer;
    int64_t deadline_ms = kb_deadline(now_of(r), c->client->options->common.request_timeout_ms);
    if (r->closing)
        deadline_ms = KB_MIN(deadline_ms, r->ending->deadline_ms);
    r->owes_done = false;
    enter_step(r, LEAVING, KB_NEVER);
    kc_membership_leave(c->membership, KC_LEAVE_DEFAULT, deadline_ms);
}

/* Given up at the deadline is not left: the group will wait for us in vain. */
static void judge_leaving(struct kc_rebalance *r)
{
    if (r->closing && r->ending && r->consumer->subscribed && !r->failed.code &&
        now_of(r).mono_ms >= r->ending->deadline_ms)
        kb_error_set(&r->failed, KB_E_TIMED_OUT,
                     "closed, but the coordinator did not answer in time: the group waits for "
                     "session.timeout.ms");
}

static void on_left(struct kurier_consumer *c)
{
    struct kc_rebalance *r = c->rebalance;
    judge_leaving(r);
    c->subscribed = false;
    if (r->step == LEAVING)
        enter_step(r, IDLE, KB_NEVER);
    end_call(r, &r->failed);
}

void kc_rebalance_end(struct kc_rebalance *r, struct kc_call *call, bool close)
{
    struct kb_error closed;
    kb_error_set(&closed, KB_E_CLOSED, "the consumer is being closed");
    kc_pattern_free(r->consumer->pattern);
    r->consumer->pattern = NULL;
    end_call(r, &closed);
    r->ending = call;
    r->closing = close;
    kb_error_clear(&r->failed);
    if (close && r->consumer->membership) /* nobody polls any more */
        kc_membership_placed(r->consumer->membership, r->asked, NULL, &closed);
    if (r->step == LEAVING)
        return;
    for (struct kc_share *share = NULL; (share = next_share(r, share, false));)
        halt(share);
    stop_waiting(r);
    kc_listener_drop_revokes(&r->listener);
    if (close)
        commit_halted(r);
    else
        give_up(r);
}

bool kc_rebalance_is_ending(const struct kc_rebalance *r)
{
    return r->ending != NULL;
}

/* ---- Life ----------------------------------------------------------------------------*/

/* For want of memory the leader gives up, as if its assignor did, and so it does where
 * nobody polls any more. */
static void on_assign(struct kurier_consumer *c, uint32_t number,
                      const struct kc_assignor *assignor, const struct kc_assign *in)
{
    const struct kc_own_assignor *own = KB_CONTAINER(assignor, struct kc_own_assignor, base);
    struct kurier_placement *placement = kc_placement_new(number, own, in);
    struct kb_error err;
    c->rebalance->asked = number;
    if (placement && !c->rebalance->closing) {
        kc_listener_ask(&c->rebalance->listener, placement);
        return;
    }
    if (placement)
        kb_error_set(&err, KB_E_CLOSED, "the consumer is being closed");
    else
        kb_error_set(&err, KB_E_NO_MEMORY, "no memory to ask it");
    kc_placement_free(placement);
    kc_membership_placed(c->membership, number, NULL, &err);
}

/* After close there is nobody to hear it. */
static void on_placed(struct kurier_consumer *c, struct kurier_placement *placement)
{
    if (c->membership)
        kc_membership_placed(c->membership, placement->number, placement->owners,
                             placement->err.code ? &placement->err : NULL);
    kc_placement_free(placement);
}

const struct kc_membership_ops kc_rebalance_ops = {.change = on_change,
                                                   .coordinator = on_coordinator,
                                                   .left = on_left,
                                                   .assign = on_assign,
                                                   .tell = on_tell,
                                                   .alive_until_ms = alive_until_ms};

struct kc_rebalance *kc_rebalance_new(struct kurier_consumer *consumer,
                                      const kurier_rebalance_listener *listener)
{
    struct kc_rebalance *r = KB_NEW(struct kc_rebalance);
    if (!r)
        return NULL;
    r->consumer = consumer;
    r->deadline_ms = KB_NEVER;
    kb_error_clear(&r->failed);
    kn_timer_init(&r->timer, on_timer);
    kc_listener_init(&r->listener, consumer->client, consumer, listener, on_turn_over, on_placed);
    return r;
}

void kc_rebalance_stop(struct kc_rebalance *r)
{
    struct kb_error closed;
    kb_error_set(&closed, KB_E_CLOSED, "the consumer was closed");
    stop_waiting(r);
    end_call(r, &closed);
}

void kc_rebalance_free(struct kc_rebalance *r)
{
    if (!r)
        return;
    kc_listener_deinit(&r->listener);
    kb_free(r);
}

struct kc_listener *kc_rebalance_listener(struct kc_rebalance *r)
{
    return &r->listener;
}
