/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/consumer.h"
#include "base/check.h"
#include "kurier/admin.h"
#include <stdlib.h>
#include <string.h>

kurier_consumer *kurier_consumer_new(kurier_runtime *runtime, const kurier_config *config,
                                     kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    kb_error_clear(e);
    return kc_consumer_new(runtime, config, e);
}

void kurier_consumer_free(kurier_consumer *c)
{
    if (c)
        kc_consumer_free(c);
}

kurier_client *kurier_consumer_client(kurier_consumer *c)
{
    return c->client;
}

/* ---- One thread at a time ----------------------------------------------------*/

static int enter(kurier_consumer *c, struct kb_error *err)
{
    kb_error_clear(err);
    int code = kc_client_check(c->client, err);
    if (code)
        return code;
    if (atomic_exchange_explicit(&c->busy, true, memory_order_acquire))
        return kb_error_set(err, KB_E_BUSY, "another thread is inside this consumer");
    if (atomic_load_explicit(&c->closed, memory_order_relaxed)) {
        atomic_store(&c->busy, false);
        return kb_error_set(err, KB_E_CLOSED, "the consumer is closed");
    }
    return 0;
}

static void leave(kurier_consumer *c)
{
    atomic_store_explicit(&c->busy, false, memory_order_release);
}

/* ---- What the loop does for us -------------------------------------------------*/

struct errand {
    kurier_consumer *consumer;
    const kurier_position *positions;
    size_t n;
    int (*fn)(struct errand *e);
    kurier_position *out;
    struct kb_error *err;
    int code;
};

static void run_errand(void *ctx)
{
    struct errand *e = ctx;
    e->code = e->fn(e);
}

static int run(kurier_consumer *c, int (*fn)(struct errand *), const kurier_position *positions,
               size_t n, kurier_error *err)
{
    struct errand e = {c, positions, n, fn, NULL, (struct kb_error *)err, 0};
    int code = enter(c, e.err);
    if (code)
        return code;
    kc_runtime_run(c->client->runtime, run_errand, &e);
    leave(c);
    return e.code;
}

static int assign(struct errand *e)
{
    return kc_consumer_assign(e->consumer, e->positions, e->n, e->err);
}

static int seek(struct errand *e)
{
    return kc_consumer_seek(e->consumer, e->positions, e->n, e->err);
}

static int pause_some(struct errand *e)
{
    return kc_consumer_pause(e->consumer, e->positions, e->n, true, e->err);
}

static int resume_some(struct errand *e)
{
    return kc_consumer_pause(e->consumer, e->positions, e->n, false, e->err);
}

kurier_code kurier_consumer_assign(kurier_consumer *c, const kurier_position *positions, size_t n,
                                   kurier_error *err)
{
    return run(c, assign, positions, n, err);
}

kurier_code kurier_consumer_seek(kurier_consumer *c, const kurier_position *positions, size_t n,
                                 kurier_error *err)
{
    return run(c, seek, positions, n, err);
}

kurier_code kurier_consumer_pause(kurier_consumer *c, const kurier_position *positions, size_t n,
                                  kurier_error *err)
{
    return run(c, pause_some, positions, n, err);
}

kurier_code kurier_consumer_resume(kurier_consumer *c, const kurier_position *positions, size_t n,
                                   kurier_error *err)
{
    return run(c, resume_some, positions, n, err);
}

static int list(struct errand *e)
{
    return (int)kc_consumer_assignment(e->consumer, e->out, e->n);
}

size_t kurier_consumer_assignment(kurier_consumer *c, kurier_position *out, size_t max)
{
    struct errand e = {c, NULL, max, list, out, NULL, 0};
    if (enter(c, NULL))
        return 0;
    kc_runtime_run(c->client->runtime, run_errand, &e);
    leave(c);
    return (size_t)e.code;
}

/* ---- Polling -------------------------------------------------------------------*/

static bool is_ready(void *ctx)
{
    kurier_consumer *c = ctx;
    return kc_cutter_has(&c->cutter) || atomic_load(&c->feed->held_up);
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

static size_t poll(kurier_consumer *c, kurier_batch **out, size_t max, int timeout_ms,
                   struct kb_error *err)
{
    int64_t deadline = kb_deadline(kc_runtime_now(c->client->runtime), timeout_ms);
    for (;;) {
        size_t n = take(c, out, max, err);
        if (n || err->code)
            return n;
        if (atomic_load(&c->feed->held_up) && held(c, err))
            return 0;
        int64_t left = kb_time_left(kc_runtime_now(c->client->runtime), deadline);
        if (kc_wait(&c->client->waits, c->client->runtime, KURIER_BATCHES, is_ready, c,
                    (int)KB_MIN(left, INT32_MAX), err))
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
    if (enter(c, e))
        return 0;
    size_t n = max ? poll_all(c, out, max, timeout_ms, e) : 0;
    leave(c);
    return n;
}

/* The record that next answered last is finished. */
static void finish_record(kurier_consumer *c)
{
    if (c->current && c->current->tracked)
        kc_ticket_reach(&c->current->ticket, c->next_offset);
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
    if (enter(c, e))
        return false;
    finish_record(c);
    for (;;) {
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
    leave(c);
    return found;
}

void kurier_consumer_finish(kurier_consumer *c)
{
    if (enter(c, NULL))
        return;
    finish_record(c);
    if (c->current && !c->current->walk.left)
        end_current(c);
    leave(c);
}

/* ---- Offsets by time -------------------------------------------------------------*/

static void fill(kurier_position *p, const kurier_offset_info *info)
{
    p->code = info->code;
    if (info->code)
        return;
    p->offset = info->offset;
    p->leader_epoch = info->leader_epoch;
}

kurier_code kurier_consumer_offsets_for_times(kurier_consumer *c, kurier_position *inout, size_t n,
                                              int timeout_ms, kurier_error *err)
{
    kurier_error here;
    int code = enter(c, (struct kb_error *)err);
    if (code)
        return code;
    kurier_result *result =
        kurier_admin_run(c->client, kurier_admin_list_offsets(inout, n), timeout_ms, &here);
    leave(c);
    if (result) {
        for (size_t i = 0; i < n; i++)
            fill(&inout[i], kurier_result_offset(result, i));
        kurier_result_error(result, &here);
        kurier_result_free(result);
    }
    if (err)
        *err = here;
    return here.code;
}

/* ---- The end ----------------------------------------------------------------------*/

static void stop(void *ctx)
{
    kc_consumer_stop(ctx);
}

kurier_code kurier_consumer_close(kurier_consumer *c, int timeout_ms, kurier_error *err)
{
    (void)timeout_ms; /* nothing to wait for: no group, no commit */
    struct kb_error *e = (struct kb_error *)err;
    kb_error_clear(e);
    if (kc_client_check(c->client, e))
        return KURIER_E_FORKED;
    if (!atomic_exchange(&c->closed, true)) {
        kc_runtime_run(c->client->runtime, stop, c);
        kc_wake(&c->client->waits);
    }
    return KURIER_OK;
}
