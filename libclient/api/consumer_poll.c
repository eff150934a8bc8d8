/* SPDX-License-Identifier: Apache-2.0 */
/* Batches and single records, and what has to be done for the group before. */
#include "base/check.h"
#include "libclient/api/consumer.h"

/* ---- The group ---------------------------------------------------------------*/

static bool is_due(const kurier_consumer *c)
{
    return c->rebalance && kc_listener_is_due(kc_rebalance_listener(c->rebalance));
}

static int come_back(struct kc_errand *e)
{
    if (e->consumer->membership)
        kc_membership_polled(e->consumer->membership);
    return 0;
}

/* Calls the listener; answers what the group has to say, 0: nothing. */
static int attend(kurier_consumer *c, struct kb_error *err)
{
    int code = kc_listener_attend(kc_rebalance_listener(c->rebalance), err);
    if (code == KB_E_LEASE_EXPIRED) {
        kc_lease_touch(&c->feed->lease);
        kc_consumer_run(c, &(struct kc_errand){.consumer = c, .fn = come_back});
    }
    return code;
}

/* ---- Batches -----------------------------------------------------------------*/

static bool is_ready(void *ctx)
{
    kurier_consumer *c = ctx;
    return kc_cutter_has(&c->cutter) || atomic_load(&c->feed->held_up) || is_due(c);
}

/* What is there now. An error that comes after batches waits for its turn: it
 * is told when it comes first. */
static size_t take(kurier_consumer *c, kurier_batch **out, size_t max, struct kb_error *err)
{
    size_t n = 0;
    while (n < max && (out[n] = kc_cutter_next(&c->cutter, err)))
        n++;
    if (n < max && !err->code) {
        kc_client_unpend(c->client, KURIER_BATCHES);
        if (kc_cutter_has(&c->cutter)) /* came in between */
            kc_client_pend(c->client, KURIER_BATCHES);
    }
    return n;
}

static int held(kurier_consumer *c, struct kb_error *err)
{
    return kb_error_set(
        err, KB_E_HELD,
        "the batches in your hands use up fetch.memory (%lld bytes): give some back",
        (long long)c->feed->total_bytes);
}

/* Who waits here is alive all the time. */
static int wait(kurier_consumer *c, int64_t deadline, struct kb_error *err)
{
    int64_t left = kb_time_left(kc_runtime_now(c->client->runtime), deadline);
    atomic_store(&c->feed->lease.waiting, true);
    int code = kc_wait(&c->client->waits, c->client->runtime, KURIER_BATCHES | KURIER_REBALANCE,
                       is_ready, c, (int)KB_MIN(left, INT32_MAX), err);
    kc_lease_touch(&c->feed->lease);
    atomic_store(&c->feed->lease.waiting, false);
    return code;
}

static size_t poll(kurier_consumer *c, kurier_batch **out, size_t max, int timeout_ms,
                   struct kb_error *err)
{
    struct kb_time now = kc_runtime_now(c->client->runtime);
    int64_t deadline = kb_deadline(now, timeout_ms);
    kc_lease_extend(&c->feed->lease, now.mono_ms + c->options->max_poll_interval_ms);
    for (;;) {
        if (is_due(c) && attend(c, err))
            return 0;
        size_t n = take(c, out, max, err);
        if (n || err->code)
            return n;
        if (atomic_load(&c->feed->held_up) && held(c, err))
            return 0;
        if (wait(c, deadline, err))
            break;
    }
    if (err->code == KB_E_TIMED_OUT) /* there was merely nothing */
        kb_error_clear(err);
    return 0;
}

/* An error that follows batches in one poll would be forgotten; so it stays in
 * the consumer until the next. */
static size_t poll_all(kurier_consumer *c, kurier_batch **out, size_t max, int timeout_ms,
                       struct kb_error *err)
{
    struct kb_error here;
    kb_error_clear(&here);
    if (c->later.code) {
        here = c->later;
        kb_error_clear(&c->later);
        if (err)
            *err = here;
        return 0;
    }
    size_t n = poll(c, out, max, timeout_ms, &here);
    if (n && here.code && here.code != KB_E_HELD) {
        c->later = here;
        kb_error_clear(&here);
    } else if (n)
        kb_error_clear(&here);
    if (err)
        *err = here;
    return n;
}

size_t kurier_consumer_poll(kurier_consumer *c, kurier_batch **out, size_t max, int timeout_ms,
                            kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    if (kc_consumer_enter(c, e))
        return 0;
    size_t n = max ? poll_all(c, out, max, timeout_ms, e) : 0;
    kc_consumer_leave(c);
    return n;
}

/* ---- Single records -------------------------------------------------------------*/

/* The record that next answered last is finished. */
static void finish_record(kurier_consumer *c)
{
    if (!c->current || !c->current->tracked)
        return;
    kc_ticket_reach(&c->current->ticket, c->next_offset);
    kc_lease_touch(&c->feed->lease);
}

/* All of it was handed out and finished; or it was given up, and the rest is not. */
static void end_current(kurier_consumer *c)
{
    if (c->current && c->current->walk.left)
        kurier_batch_release(c->current);
    else
        kurier_batch_done(c->current);
    c->current = NULL;
}

bool kurier_consumer_next(kurier_consumer *c, kurier_record *out, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    bool found = false;
    if (kc_consumer_enter(c, e))
        return false;
    finish_record(c);
    while (!is_due(c) || !attend(c, e)) {
        if (c->current && kc_batch_goes_on(c->current))
            found = kurier_batch_next(c->current, out);
        if (found)
            break;
        end_current(c);
        if (!poll_all(c, &c->current, 1, timeout_ms, e) || !c->current->walk.left)
            break; /* nothing, an error, or a partition's end */
        c->next_offset = c->current->info.first_offset;
    }
    if (found)
        c->next_offset = out->offset + 1;
    kc_consumer_leave(c);
    return found;
}

void kurier_consumer_finish(kurier_consumer *c)
{
    if (kc_consumer_enter(c, NULL))
        return;
    finish_record(c);
    if (c->current && !c->current->walk.left)
        end_current(c);
    kc_consumer_leave(c);
}
