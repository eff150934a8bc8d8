/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/copier.h"

#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>

enum { BATCHES = 4, GOAL_MAX = 40, PATIENCE_MS = 300, REST_MAX_MS = 1500, SOON_MS = 20 };

struct copier;

/* What it does in a turn; may set the next stage. */
typedef void stage(struct copier *c);
static stage rest, begin, copy, finish, leave;

struct copier {
    struct copier_plan *plan;
    struct run *run;
    struct process *process;
    stage *stage;
    struct producer_plan producing;
    struct producer *to; /* NULL: it rests */
    kurier_consumer *from;
    int64_t memory_bytes;
    int64_t rest_until_ms;
    long forgettings; /* until it was made */

    int deed;         /* -1: none */
    int64_t began_ms; /* the deed */
    long copied, goal;
    bool spoilt; /* what is handed out is not all done: it must not be committed */
    bool ending; /* that was asked for */

    kurier_batch *hand;
    kurier_record record; /* of it */
    bool reads, half;     /* there is one; its copy is sent, and not yet the one beside */
};

static bool is_calm(const struct copier *c)
{
    return !run_goes_on(c->run);
}

static bool chance(struct copier *c, int64_t one_in)
{
    return !is_calm(c) && world_between(&c->run->world, 1, one_in) == 1;
}

/* ---- How it is made ----------------------------------------------------- */

static kurier_consumer *make_consumer(struct copier *c)
{
    static const char *const levels[] = {"read_uncommitted", "read_committed"};
    struct world *w = &c->run->world;
    kurier_error err;
    kurier_config *config = client_config(c->run);
    c->memory_bytes = (int64_t)100000 << world_between(w, 0, 6);
    kurier_config_set(config, "group.protocol", c->plan->protocol);
    kurier_config_set(config, "isolation.level", levels[world_between(w, 0, 1)]);
    client_set_group(config, c->run, COPIER_GROUP, c->memory_bytes);
    client_set(config, "max.poll.records", world_between(w, 1, GOAL_MAX)); /* done in time */
    kurier_consumer *consumer = kurier_consumer_new(c->process->runtime, config, &err);
    kurier_config_free(config);
    KB_CHECK(consumer);
    c->run->memory_budget += c->memory_bytes;
    return consumer;
}

/* Times that a coordinator forgot what it had not written. */
static long forgettings(const struct world *w)
{
    return w->starts + w->discards;
}

static void open(struct copier *c)
{
    kurier_error err;
    c->plan->lives++;
    c->forgettings = forgettings(&c->run->world);
    c->producing = (struct producer_plan){
        .run = c->run, .topics = c->plan->to, .idempotent = true, .id = c->plan->id};
    c->to = producer_new(c->process, &c->producing);
    c->from = make_consumer(c);
    kurier_code code = kurier_txn_attach(c->to->handle, c->from, &err);
    if (!code)
        code = kurier_consumer_subscribe(c->from, *c->plan->from, 1, &err);
    KB_CHECK(code == KURIER_OK);
    c->stage = begin;
}

static void let_go(struct copier *c)
{
    if (c->hand)
        kurier_batch_release(c->hand);
    c->hand = NULL;
    c->reads = c->half = false;
}

static void free_consumer(struct copier *c)
{
    c->run->memory_budget -= c->memory_bytes;
    kurier_consumer_free(c->from);
    c->from = NULL;
}

static void rest(struct copier *c)
{
    bool gives_way = c->plan->spare && is_calm(c);
    if (!gives_way && world_now_ms(&c->run->world) >= c->rest_until_ms)
        open(c);
}

/* ---- Beginning ---------------------------------------------------------- */

/* Of those that have an id only the newest goes on. A request of a life before this one may
 * have been on its way; and which epoch is whose, after a time was over, a coordinator does
 * not write down. */
static void take_fence(struct copier *c, const kurier_error *err)
{
    struct world *w = &c->run->world;
    world_trace(w, "%s is fenced: %s", c->process->node, err->text);
    if (c->plan->alone && c->plan->lives == 1 && c->forgettings == forgettings(w))
        run_complain(c->run, "a producer is fenced by nobody: %s", err->text);
    c->run->deeds.fenced++;
    c->deed = -1;
    let_go(c);
    c->stage = leave;
}

static void begin(struct copier *c)
{
    struct world *w = &c->run->world;
    kurier_error err = {0};
    kurier_code code = kurier_txn_begin(c->to->handle, 0, &err);
    if (err.classes & KURIER_FATAL) {
        take_fence(c, &err);
    } else if (!code) {
        c->deed = deeds_begin(&c->run->deeds);
        c->began_ms = world_now_ms(w);
        c->copied = 0;
        c->goal = world_between(w, 1, GOAL_MAX);
        c->spoilt = c->ending = false;
        c->stage = copy;
    } else if (!(err.classes & KURIER_RETRIABLE)) {
        run_complain(c->run, "no transaction begins: %s", err.text);
    }
}

/* ---- Copying ------------------------------------------------------------ */

/* False: not now, or no more. */
static bool send_copy(struct copier *c, uint64_t source, bool beside)
{
    struct copies *copies = &c->run->copies;
    kurier_error err = {0};
    int32_t to = copies_target(copies, c->record.partition, beside);
    uint64_t id = producer_send_to(c->to, to, &err);
    if (!id) {
        c->stage = err.classes & KURIER_RETRIABLE ? copy : finish;
        return false;
    }
    deeds_hold(&c->run->deeds, c->deed, id);
    copies_hold(copies, id, source, c->record.offset, beside);
    return true;
}

static bool copy_record(struct copier *c)
{
    struct history *h = &c->run->history;
    const kurier_record *record = &c->record;
    struct kb_slice value = kb_slice_of(record->value.data, record->value.size);
    int topic = history_topic(h, record->topic);
    uint64_t id = history_id(h, topic, record->partition, value);
    if (!c->half)
        history_serve(h, topic, record->partition, record->offset, value);
    if (!id)
        return true; /* strange, as the history has it by now */
    if (!c->half && !send_copy(c, id, false))
        return false;
    c->half = copies_wants_beside(id);
    if (c->half && !send_copy(c, id, true))
        return false;
    c->half = false;
    c->copied++;
    return true;
}

/* False: there was no room for all of it. */
static bool copy_hand(struct copier *c)
{
    while (c->reads || (c->reads = kurier_batch_next(c->hand, &c->record))) {
        if (!copy_record(c))
            return false;
        c->reads = false;
    }
    return true;
}

/* Done, or given back in one way or the other. */
static void give_hand(struct copier *c)
{
    enum { SELDOM = 40 };
    bool retries = chance(c, SELDOM), releases = chance(c, SELDOM);
    if (retries)
        kurier_batch_retry(c->hand);
    else if (releases)
        kurier_batch_release(c->hand);
    else
        kurier_batch_done(c->hand);
    c->spoilt |= retries || releases;
    c->hand = NULL;
}

static void take_hand(struct copier *c)
{
    struct world *w = &c->run->world;
    kurier_error err;
    if (kurier_consumer_poll(c->from, &c->hand, 1, 0, &err) == 0) {
        if (err.code && err.code != KURIER_E_TIMED_OUT)
            world_trace(w, "  %s: %s", c->process->node, err.text);
        return;
    }
    const kurier_batch_info *info = kurier_batch_view(c->hand);
    world_trace(w, "  %s: transaction %d: %s-%d from %" PRId64 " to %" PRId64 "%s",
                c->process->node, c->deed, info->topic, info->partition, info->first_offset,
                info->next_offset, kurier_batch_stale(c->hand) ? ", stale" : "");
}

static void copy(struct copier *c)
{
    enum { RARELY = 60 };
    bool goes_on = true;
    for (int i = 0; i < BATCHES && goes_on && c->stage == copy; i++) {
        if (!c->hand && c->copied < c->goal)
            take_hand(c);
        goes_on = c->hand && copy_hand(c);
        if (goes_on)
            give_hand(c);
    }
    bool late = world_now_ms(&c->run->world) - c->began_ms > PATIENCE_MS;
    bool enough = c->copied >= c->goal || (c->copied && late) || c->spoilt;
    if (c->stage == copy && (enough && (!c->hand || chance(c, RARELY))))
        c->stage = finish;
}

/* ---- The end ------------------------------------------------------------ */

/* A batch in hand that is not done forbids to commit. */
static void ask_end(struct copier *c)
{
    int64_t open_ms = world_now_ms(&c->run->world) - c->began_ms;
    c->ending = true;
    c->spoilt |= c->hand != NULL;
    c->run->deeds.timeouts += open_ms > RUN_TXN_MS;
    if (!c->spoilt)
        deeds_ask(&c->run->deeds, c->deed);
}

static void tell(struct copier *c, enum deeds_told told)
{
    world_trace(&c->run->world, "  %s: transaction %d is %s", c->process->node, c->deed,
                told == DEEDS_COMMITTED ? "committed" : "aborted");
    if (told == DEEDS_COMMITTED && c->spoilt)
        run_complain(c->run, "a transaction is committed though not all of its input is done");
    deeds_tell(&c->run->deeds, c->deed, told);
    c->deed = -1;
    let_go(c);
    c->stage = begin;
}

static void finish(struct copier *c)
{
    kurier_error err = {0};
    if (!c->ending)
        ask_end(c);
    kurier_code code = kurier_txn_end(c->to->handle, 0, &err);
    if (err.classes & KURIER_FATAL) {
        take_fence(c, &err);
    } else if (!code || code == KURIER_E_TXN_ABORTED) {
        if (code)
            world_trace(&c->run->world, "  %s: %s", c->process->node, err.text);
        tell(c, code ? DEEDS_ABORTED : DEEDS_COMMITTED);
    } else if (!(err.classes & KURIER_RETRIABLE)) {
        run_complain(c->run, "a transaction does not end: %s", err.text);
    }
}

/* ---- Fenced ------------------------------------------------------------- */

/* In steps, since a turn never waits. */
static void leave(struct copier *c)
{
    struct world *w = &c->run->world;
    kurier_error err;
    if (kurier_consumer_unsubscribe(c->from, 0, &err) == KURIER_E_TIMED_OUT)
        return;
    producer_close(c->to, 0);
    c->to = NULL;
    free_consumer(c);
    c->rest_until_ms = world_now_ms(w) + world_between(w, 1, REST_MAX_MS);
    c->stage = rest;
}

/* ---- As a program ------------------------------------------------------- */

static void *start(struct process *process, void *ctx)
{
    struct copier *c = KB_NEW(struct copier);
    KB_CHECK(c);
    *c = (struct copier){.plan = ctx, .process = process, .deed = -1, .stage = rest};
    c->run = c->plan->run;
    rest(c);
    return c;
}

/* Now and then it is slower than its transaction may take, or its group bears. */
static int64_t nap_ms(struct copier *c)
{
    enum { SELDOM = 100 };
    struct world *w = &c->run->world;
    bool dozes = chance(c, SELDOM);
    return world_between(w, 1, dozes ? 2 * CLIENT_POLL_INTERVAL_MS : SOON_MS);
}

static int64_t turn(void *self)
{
    struct copier *c = self;
    while (c->to && producer_hear(c->to, 0))
        ;
    if (c->from)
        client_trace(c->process, kurier_consumer_client(c->from));
    c->stage(c);
    return nap_ms(c);
}

static void close_both(struct copier *c)
{
    int64_t began_ms = world_now_ms(&c->run->world);
    kurier_consumer_close(c->from, CLIENT_CLOSE_MS, NULL);
    run_check_time(c->run, began_ms, CLIENT_CLOSE_MS, "close of a copier");
    producer_close(c->to, CLIENT_CLOSE_MS);
}

static void end(void *self, bool killed)
{
    struct copier *c = self;
    let_go(c);
    if (c->to && killed)
        producer_die(c->to);
    else if (c->to)
        close_both(c);
    if (c->from)
        free_consumer(c);
    kb_free(c);
}

const struct program program_copier = {
    .name = "copier", .mortal = true, .start = start, .turn = turn, .end = end};
