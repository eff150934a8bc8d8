/* SPDX-License-Identifier: Apache-2.0 */
/* A producer's transactions that commit what a consumer finished. */
#include "base/mem.h"
#include "kurier/transactions.h"
#include "libclient/api/consumer.h"
#include "libclient/api/error.h"
#include "libclient/drive/attachment.h"
#include "libclient/drive/producer.h"

/* ---- Attaching -----------------------------------------------------------------------*/

struct attaching {
    struct kurier_consumer *consumer;
    struct kc_attachment *attachment; /* to be set; NULL: taken away */
    struct kb_error *err;
    int code;
};

static void run_attach(void *ctx)
{
    struct attaching *a = ctx;
    struct kurier_consumer *c = a->consumer;
    if (!c->rebalance)
        a->code = kc_consumer_no_group(a->err);
    else if (c->attachment)
        a->code = kb_error_set(a->err, KB_E_STATE, "the consumer is attached to a producer");
    else if (c->subscribed || c->assigned)
        a->code = kb_error_set(a->err, KB_E_STATE,
                               "attach the consumer before it subscribes or is assigned to");
    else
        c->attachment = a->attachment;
}

static int refuse(const struct kurier_producer *producer, struct kb_error *err)
{
    int code = kc_client_check(producer->client, err);
    if (code)
        return code;
    if (!producer->txns)
        return kb_error_set(err, KB_E_STATE, "the producer has no transactional.id");
    if (kc_producer_is_closed(producer))
        return kb_error_set(err, KB_E_CLOSED, "the producer is closed");
    return 0;
}

static int attach(kurier_producer *producer, kurier_consumer *consumer, struct kb_error *err)
{
    struct kc_attachment *attachment = KB_NEW(struct kc_attachment);
    if (!attachment)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory to attach a consumer");
    struct attaching a = {.consumer = consumer, .attachment = attachment, .err = err};
    attachment->consumer = consumer;
    int code = kc_consumer_enter_outside(consumer, err);
    if (!code) {
        kc_runtime_run(consumer->client->runtime, run_attach, &a);
        kc_consumer_leave(consumer);
        code = a.code;
    }
    if (code)
        kb_free(attachment);
    else
        producer->attachment = attachment;
    return code;
}

kurier_code kurier_txn_attach(kurier_producer *producer, kurier_consumer *consumer,
                              kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = refuse(producer, e);
    if (!code && producer->attachment)
        code = kb_error_set(e, KB_E_STATE, "the producer has a consumer attached");
    return (kurier_code)(code ? code : attach(producer, consumer, e));
}

static void run_detach(void *ctx)
{
    struct kurier_consumer *c = ctx;
    c->attachment = NULL;
}

void kc_attachment_free(struct kurier_producer *producer)
{
    struct kc_attachment *a = producer->attachment;
    if (!a)
        return;
    if (a->consumer && kc_client_check(a->consumer->client, NULL))
        a->consumer->attachment = NULL; /* the child of a fork: no loop runs */
    else if (a->consumer)
        kc_runtime_run(a->consumer->client->runtime, run_detach, a->consumer);
    kb_free(a->positions);
    kb_free(a->begun);
    kb_free(a);
    producer->attachment = NULL;
}

/* ---- Ending a transaction --------------------------------------------------------------*/

/* fn on the consumer's loop, if there is a consumer still. False: it is gone. */
struct errand {
    struct kc_attachment *attachment;
    int (*fn)(struct kc_attachment *attachment, struct kb_error *why);
    int code;
};

static void run_errand(void *ctx)
{
    struct errand *e = ctx;
    e->code = e->fn(e->attachment, &e->attachment->why);
}

static int on_loop(struct kc_attachment *a,
                   int (*fn)(struct kc_attachment *attachment, struct kb_error *why))
{
    struct errand e = {.attachment = a, .fn = fn};
    if (!a->consumer)
        return kb_error_set(&a->why, KB_E_TXN_ABORTED, "the consumer was freed");
    kc_runtime_run(a->consumer->client->runtime, run_errand, &e);
    return e.code;
}

static int settle(struct kc_attachment *a, struct kb_error *why)
{
    (void)why;
    kc_attachment_settle(a);
    return 0;
}

static int rewind_it(struct kc_attachment *a, struct kb_error *why)
{
    (void)why;
    kc_attachment_rewind(a);
    return 0;
}

static int was_lost(struct kc_attachment *a, struct kb_error *why)
{
    *why = a->lost;
    return a->lost.code;
}

struct ending {
    struct kurier_producer *producer;
    struct kc_attachment *attachment;
    int64_t deadline_ms;
    kurier_error *err;
};

static int left_ms(const struct ending *e)
{
    int64_t left = kb_time_left(kc_runtime_now(e->producer->client->runtime), e->deadline_ms);
    return e->deadline_ms == KB_NEVER ? KURIER_FOREVER : (int)KB_MIN(left, INT32_MAX);
}

/* Each step: 0, the next one is set; else what to answer. */

static int account(struct ending *e)
{
    struct kc_attachment *a = e->attachment;
    struct kb_error *err = (struct kb_error *)e->err;
    int code = a->consumer ? kc_consumer_enter(a->consumer, err) : KB_E_CLOSED;
    if (code && code != KB_E_CLOSED)
        return code;
    if (code) {
        kb_error_set(&a->why, KB_E_TXN_ABORTED, "the consumer is closed");
    } else {
        kc_lease_touch(&a->consumer->feed->lease);
        code = on_loop(a, kc_attachment_account);
        kc_consumer_leave(a->consumer);
    }
    if (code == KB_E_NO_MEMORY) {
        *err = a->why;
        return code;
    }
    a->step = code ? KC_END_ABORT : KC_END_OFFSETS;
    return 0;
}

static bool goes_on(const kurier_error *err)
{
    return err->classes & KURIER_RETRIABLE || err->code == KURIER_E_NO_MEMORY;
}

/* The producer is over, or was in no transaction: the consumer stands where it began. */
static int give_up(struct ending *e)
{
    if (e->err->classes & KURIER_FATAL)
        on_loop(e->attachment, rewind_it);
    e->attachment->step = KC_END_ACCOUNT;
    return (int)e->err->code;
}

/* A step towards the commit came to that. */
static int judge(struct ending *e, enum kc_attachment_step next)
{
    struct kc_attachment *a = e->attachment;
    if (!e->err->code) {
        a->step = next;
        return 0;
    }
    if (goes_on(e->err))
        return (int)e->err->code;
    if (!(e->err->classes & KURIER_ABORTABLE))
        return give_up(e);
    a->why = *(struct kb_error *)e->err;
    a->step = KC_END_ABORT;
    return 0;
}

static int send_offsets(struct ending *e)
{
    struct kc_attachment *a = e->attachment;
    kb_error_clear((struct kb_error *)e->err);
    if (a->count && a->consumer)
        (void)!kurier_txn_send_offsets(e->producer, a->consumer, a->positions, a->count, left_ms(e),
                                       e->err);
    int code = judge(e, KC_END_COMMIT);
    /* Given up between the account and the group's identity: not seen by the coordinator. */
    if (!code && a->step == KC_END_COMMIT && on_loop(a, was_lost))
        a->step = KC_END_ABORT;
    return code;
}

static int commit(struct ending *e)
{
    struct kc_attachment *a = e->attachment;
    (void)!kurier_txn_commit(e->producer, left_ms(e), e->err);
    int code = judge(e, KC_END_ACCOUNT);
    if (!code && a->step == KC_END_ACCOUNT)
        on_loop(a, settle);
    return code;
}

static int abort_it(struct ending *e)
{
    struct kc_attachment *a = e->attachment;
    if (kurier_txn_abort(e->producer, left_ms(e), e->err))
        return goes_on(e->err) ? (int)e->err->code : give_up(e);
    on_loop(a, rewind_it);
    a->step = KC_END_ACCOUNT;
    return kb_error_set((struct kb_error *)e->err, KB_E_TXN_ABORTED, "aborted and rewound: %s",
                        a->why.text);
}

static int step_on(struct ending *e)
{
    static int (*const steps[])(struct ending *) = {[KC_END_ACCOUNT] = account,
                                                    [KC_END_OFFSETS] = send_offsets,
                                                    [KC_END_COMMIT] = commit,
                                                    [KC_END_ABORT] = abort_it};
    enum kc_attachment_step *step = &e->attachment->step;
    int code;
    do
        code = steps[*step](e);
    while (!code && *step != KC_END_ACCOUNT);
    return code;
}

kurier_code kurier_txn_end(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    kurier_error here = {0};
    struct kb_error *e = (struct kb_error *)&here;
    int code = refuse(producer, e);
    if (!code && !producer->attachment)
        code = kb_error_set(e, KB_E_STATE, "no consumer is attached: kurier_txn_attach");
    if (!code) {
        struct ending ending = {producer, producer->attachment,
                                kb_deadline(kc_runtime_now(producer->client->runtime), timeout_ms),
                                &here};
        ending.attachment->ending = true;
        code = step_on(&ending);
        ending.attachment->ending = false;
    }
    if (err)
        *err = here;
    return (kurier_code)code;
}

int kc_attachment_refuses(const struct kurier_producer *producer, struct kb_error *err)
{
    const struct kc_attachment *a = producer->attachment;
    return a && !a->ending
               ? kb_error_set(
                     err, KB_E_STATE,
                     "a consumer is attached: kurier_txn_end commits, or aborts and rewinds")
               : 0;
}
