/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/txn.h"
#include "base/mem.h"
#include "libclient/core/txn/txn_response.h"
#include "libclient/drive/producer.h"
#include "wire/api.h"
#include "wire/reader.h"
#include "wire/writer.h"
#include <stdio.h>

enum { ARENA_BYTES = 64 << 20, FLUSH_AGAIN_MS = 50, TURNS_MAX = 8 };

static struct kb_time now_of(const struct kc_txns *t)
{
    return kn_loop_now(kc_client_loop(t->producer->client));
}

/* ---- Requests ------------------------------------------------------------------- */

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_txns *t = KB_CONTAINER(ask, struct kc_txns, ask);
    kb_arena_reset(&t->arena);
    return kc_txn_encode(&t->txn, &t->arena, version, out);
}

static void take_answer(struct kc_txns *t, const struct kn_answer *answer)
{
    struct kc_txn_response response;
    struct kb_error err;
    kb_arena_reset(&t->arena);
    if (answer->err) {
        kc_txn_failure(&t->txn, now_of(t), answer->err);
    } else if (kc_txn_decode(&t->txn, answer->body, answer->version, &t->arena, &response)) {
        kc_client_throttled(t->producer->client, t->ask.from, response.throttle_ms);
        response.transactions = kc_link_transactions(t->ask.from);
        kc_txn_answer(&t->txn, now_of(t), &response);
    } else {
        kb_error_set(&err, KB_E_PROTOCOL, "%s: an answer to %s that cannot be read",
                     kc_link_name(t->ask.from), kw_api_name(t->ask.api_key));
        kc_txn_failure(&t->txn, now_of(t), &err);
    }
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_txns *t = KB_CONTAINER(ask, struct kc_txns, ask);
    take_answer(t, answer);
    kn_task_soon(kc_client_loop(t->producer->client), &t->producer->look);
}

static void send_next(struct kc_txns *t)
{
    struct kurier_client *client = t->producer->client;
    struct kc_txn_request request;
    if (!kc_txn_plan(&t->txn, now_of(t), &request))
        return;
    t->ask = (struct kc_ask){
        .api_key = request.api_key,
        .min_version = request.min_version,
        .max_version = request.max_version,
        .since = request.ask == KC_TXN_COMMIT_OFFSETS || request.min_version == 3 ? "2.5" : "0.11",
        .deadline_ms = kb_deadline(now_of(t), client->options->common.request_timeout_ms),
        .encode = encode,
        .on_answer = on_answer};
    kc_client_ask(client, request.node >= 0 ? request.node : KC_ANY_BROKER, &t->ask);
}

/* ---- What the sender does in each state ------------------------------------------- */

/* 0: sends. */
static int32_t dropping_in(const struct kc_txn *txn)
{
    switch (txn->state) {
    case KC_TXN_OPEN:
    case KC_TXN_COMMITTING:
        return 0;
    case KC_TXN_INITIALISING:
    case KC_TXN_READY:
        return KB_E_STATE;
    case KC_TXN_FATAL:
        return txn->err.code;
    default:
        return KB_E_TXN_ABORTED;
    }
}

static void tell_senders(struct kc_txns *t)
{
    struct kurier_producer *producer = t->producer;
    pthread_mutex_lock(&producer->lock);
    t->err = t->txn.err;
    t->trouble = t->txn.trouble;
    pthread_mutex_unlock(&producer->lock);
    if (t->txn.state == KC_TXN_OPEN)
        atomic_fetch_and(&producer->shut, ~KC_SHUT_NO_TXN);
    else
        atomic_fetch_or(&producer->shut, KC_SHUT_NO_TXN);
}

static void tell_log(struct kc_txns *t)
{
    if (t->txn.state == KC_TXN_FATAL && !t->told)
        KB_LOG(kc_client_log(t->producer->client), KB_LOG_WARN, "producer", "%s", t->txn.err.text);
    t->told = t->txn.state == KC_TXN_FATAL;
}

static void govern(struct kc_txns *t)
{
    struct kc_sender *sender = &t->producer->sender;
    int32_t code = dropping_in(&t->txn);
    tell_senders(t);
    tell_log(t);
    if (sender->dropping == KB_E_PURGED) /* closed */
        return;
    if (t->txn.state == KC_TXN_OPEN)
        kc_sender_txn_id(sender, t->txn.producer_id, t->txn.epoch);
    if (code == sender->dropping)
        return;
    sender->dropping = code;
    if (code && code != KB_E_STATE) /* in the others nothing waits */
        kc_sender_drop_all(sender, now_of(t), code);
}

static void join(struct kc_txns *t)
{
    struct kc_sender *sender = &t->producer->sender;
    struct kb_list *node;
    struct kc_txn_part *part;
    while ((node = kb_list_pop_front(&sender->joining)))
        kc_txn_want(&t->txn, KB_CONTAINER(node, struct kc_txn_part, link));
    while ((part = kc_txn_joined(&t->txn)))
        kc_partition_look(KB_CONTAINER(part, struct kc_send_partition, part), now_of(t));
}

/* ---- All of it has its outcome ------------------------------------------------------ */

static void end_flush(struct kc_txns *t)
{
    if (t->flushing)
        kc_flush_end(&t->flush);
    t->flushing = false;
}

static void begin_flush(struct kc_txns *t)
{
    if (t->flush_again_ms > now_of(t).mono_ms)
        return;
    kc_sender_step(&t->producer->sender, now_of(t));
    t->flushing = kc_flush_begin(&t->producer->sender, now_of(t), &t->flush);
    t->flush_again_ms = t->flushing ? 0 : now_of(t).mono_ms + FLUSH_AGAIN_MS;
}

static void drain(struct kc_txns *t)
{
    bool ending = t->txn.state == KC_TXN_COMMITTING || t->txn.state == KC_TXN_ABORTING;
    if (!ending || t->txn.drained) {
        end_flush(t);
        return;
    }
    if (!t->flushing)
        begin_flush(t);
    if (!t->flushing || !t->flush.done || t->producer->sender.flying > 0)
        return;
    bool failed = t->flush.failed;
    end_flush(t);
    if (failed && t->txn.state == KC_TXN_COMMITTING)
        kc_txn_lost(&t->txn, KB_E_UNDELIVERED, false, "some records");
    else
        kc_txn_drained(&t->txn);
}

void kc_txns_finished(struct kc_txns *t, const struct kc_send_batch *batch)
{
    const struct kc_send_partition *p = batch->home;
    char what[96];
    if (!batch->outcome.code)
        return;
    snprintf(what, sizeof what, "%.60s [%d]: records were not delivered", p->topic->name, p->index);
    kc_txn_lost(&t->txn, batch->outcome.code, batch->stamped, what);
}

/* ---- Calls ---------------------------------------------------------------------------- */

static void done(struct kc_txn_call *call, const struct kb_error *err)
{
    kb_list_remove(&call->link);
    kc_call_done(&call->call, err && err->code ? err : NULL);
}

static bool answers_init(struct kc_txn *txn, struct kc_txn_call *call, struct kb_error *err)
{
    (void)call;
    if (txn->state == KC_TXN_FATAL)
        *err = txn->err;
    return txn->state != KC_TXN_INITIALISING;
}

static bool answers_begin(struct kc_txn *txn, struct kc_txn_call *call, struct kb_error *err)
{
    (void)call;
    return kc_txn_begin(txn, err) != KB_E_TIMED_OUT;
}

static bool answers_offsets(struct kc_txn *txn, struct kc_txn_call *call, struct kb_error *err)
{
    if (call->begun) {
        *err = call->offsets.err;
        return call->offsets.done;
    }
    if (txn->state == KC_TXN_RECOVERING)
        return false;
    if (call->stranger) /* brokers would take it for a consumer that only assigns */
        kc_txn_fail(txn, KB_E_UNKNOWN_MEMBER_ID, "the consumer has lost its place in its group");
    else if (call->lost)
        kc_txn_fail(txn, KB_E_ASSIGNMENT_LOST, "the group has given what was read to others");
    if (txn->state == KC_TXN_FAILED || txn->state == KC_TXN_FATAL)
        *err = txn->err;
    else if (txn->state != KC_TXN_OPEN)
        kb_error_set(err, KB_E_STATE, "no transaction is open: begin one first");
    else if (!kc_txn_send_offsets(txn, &call->offsets))
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for positions");
    call->begun = !err->code;
    return !call->begun;
}

static bool answers_commit(struct kc_txn *txn, struct kc_txn_call *call, struct kb_error *err)
{
    if (!call->begun) {
        int code = kc_txn_commit(txn, err);
        call->begun = !code;
        return code && code != KB_E_TIMED_OUT;
    }
    if (txn->state == KC_TXN_FAILED || txn->state == KC_TXN_FATAL)
        *err = txn->err;
    bool in_doubt = txn->state == KC_TXN_RECOVERING && txn->to_failed;
    return txn->state != KC_TXN_COMMITTING && !in_doubt;
}

/* The commit that it takes the place of. */
static void end_commits(struct kc_txns *t)
{
    KB_LIST_EACH_SAFE(it, &t->calls) {
        struct kc_txn_call *call = KB_CONTAINER(it, struct kc_txn_call, link);
        struct kb_error err;
        kb_error_set(&err, KB_E_TXN_ABORTED, "the transaction was aborted by another call");
        if (call->wish == KC_TXN_WISH_COMMIT && call->begun)
            done(call, &err);
    }
}

static bool answers_abort(struct kc_txn *txn, struct kc_txn_call *call, struct kb_error *err)
{
    if (!call->begun) {
        int code = kc_txn_abort(txn, err);
        call->begun = !code;
        if (call->begun)
            end_commits(call->producer->txns);
        return code && code != KB_E_TIMED_OUT;
    }
    if (txn->state == KC_TXN_FATAL)
        *err = txn->err;
    return txn->state == KC_TXN_READY || txn->state == KC_TXN_FATAL;
}

static bool answers_close(struct kc_txn *txn, struct kc_txn_call *call, struct kb_error *err)
{
    (void)call;
    if (txn->state == KC_TXN_OPEN || txn->state == KC_TXN_FAILED)
        kc_txn_abort(txn, err);
    kb_error_clear(err);
    return txn->state == KC_TXN_READY || txn->state == KC_TXN_FATAL ||
           txn->state == KC_TXN_INITIALISING;
}

/* True: the wish has its end, err says which. */
static bool (*const answers[KC_TXN_WISHES])(struct kc_txn *txn, struct kc_txn_call *call,
                                            struct kb_error *err) = {
    [KC_TXN_WISH_INIT] = answers_init,       [KC_TXN_WISH_BEGIN] = answers_begin,
    [KC_TXN_WISH_OFFSETS] = answers_offsets, [KC_TXN_WISH_COMMIT] = answers_commit,
    [KC_TXN_WISH_ABORT] = answers_abort,     [KC_TXN_WISH_CLOSE] = answers_close,
};

/* Each state change is governed before its call returns: what is sent then is taken. */
static void answer_calls(struct kc_txns *t)
{
    struct kb_list *it = t->calls.next;
    while (it != &t->calls) {
        struct kc_txn_call *call = KB_CONTAINER(it, struct kc_txn_call, link);
        struct kb_error err;
        kb_error_clear(&err);
        bool over = answers[call->wish](&t->txn, call, &err);
        govern(t);
        it = call->link.next; /* an abort has perhaps ended others */
        if (over)
            done(call, &err);
    }
}

/* ---- A turn ------------------------------------------------------------------------------ */

void kc_txns_look(struct kc_txns *t)
{
    enum kc_txn_state before;
    int turns = 0;
    do {
        before = t->txn.state;
        kc_txn_tick(&t->txn, now_of(t));
        govern(t);
        join(t);
        drain(t);
        send_next(t);
        answer_calls(t);
    } while (t->txn.state != before && ++turns < TURNS_MAX);
    join(t);
    if (t->txn.state != before)
        kn_task_next(kc_client_loop(t->producer->client), &t->producer->look);
    if (turns)
        kc_client_ready_changed(t->producer->client);
}

int64_t kc_txns_deadline_ms(const struct kc_txns *t)
{
    int64_t at = kc_txn_deadline_ms(&t->txn);
    return t->flush_again_ms ? KB_MIN(at, t->flush_again_ms) : at;
}

int kc_txns_ready(const struct kc_txns *t, struct kb_error *err)
{
    if (t->txn.state == KC_TXN_FATAL) {
        *err = t->txn.err;
        return err->code;
    }
    if (t->txn.state != KC_TXN_INITIALISING)
        return 0;
    return kb_error_set(err, KB_E_TIMED_OUT, "waiting for transactional.id %s%s%s",
                        t->txn.options.id, t->txn.trouble.code ? ": " : "", t->txn.trouble.text);
}

int kc_txns_refusal(struct kc_txns *t, struct kb_error *err)
{
    pthread_mutex_lock(&t->producer->lock);
    struct kb_error why = t->err;
    pthread_mutex_unlock(&t->producer->lock);
    if (!why.code)
        return kb_error_set(err, KB_E_STATE, "no transaction is open: kurier_txn_begin first");
    if (err)
        *err = why;
    return why.code;
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct kc_txns *kc_txns_new(struct kurier_producer *producer, const struct kc_options *options)
{
    struct kc_txns *t = KB_NEW(struct kc_txns);
    if (!t)
        return NULL;
    t->producer = producer;
    char *id = kb_strdup(options->producer.transactional_id);
    if (!id) {
        kb_free(t);
        return NULL;
    }
    kc_txn_init(&t->txn,
                &(struct kc_txn_options){.id = id,
                                         .timeout_ms = options->producer.transaction_timeout_ms,
                                         .backoff_ms = options->common.retry_backoff_ms,
                                         .backoff_max_ms = options->common.retry_backoff_max_ms},
                &producer->random);
    kb_arena_init(&t->arena, ARENA_BYTES);
    kb_list_init(&t->calls);
    kb_error_clear(&t->err);
    kb_error_clear(&t->trouble);
    producer->sender.dropping = KB_E_STATE;
    atomic_fetch_or(&producer->shut, KC_SHUT_NO_TXN);
    return t;
}

void kc_txns_close(struct kc_txns *t)
{
    struct kb_error closed;
    kb_error_set(&closed, KB_E_CLOSED, "the producer was freed");
    kc_ask_cancel(&t->ask);
    end_flush(t);
    kc_txn_forget_offsets(&t->txn);
    KB_LIST_EACH_SAFE(it, &t->calls)
        done(KB_CONTAINER(it, struct kc_txn_call, link), &closed);
}

void kc_txns_free(struct kc_txns *t)
{
    if (!t)
        return;
    for (int i = 0; i < KC_TXN_WISHES; i++)
        kc_call_unref(t->slots[i]);
    kb_free((char *)(uintptr_t)t->txn.options.id);
    kc_txn_deinit(&t->txn);
    kb_arena_deinit(&t->arena);
    kb_free(t);
}

static void run(struct kc_call *call)
{
    struct kc_txn_call *mine = KB_CONTAINER(call, struct kc_txn_call, call);
    struct kc_txns *t = mine->producer->txns;
    int32_t delivery_ms = t->producer->client->options->producer.delivery_timeout_ms;
    mine->offsets.deadline_ms = kb_deadline(now_of(t), delivery_ms);
    kb_list_push_back(&t->calls, &mine->link);
    kc_producer_look(t->producer);
}

static void release(struct kc_call *call)
{
    kb_free(KB_CONTAINER(call, struct kc_txn_call, call));
}

struct kc_txn_call *kc_txn_call_new(struct kurier_producer *producer, enum kc_txn_wish wish,
                                    size_t extra)
{
    struct kc_txn_call *call = kb_calloc(1, sizeof *call + extra);
    if (!call)
        return NULL;
    call->producer = producer;
    call->wish = wish;
    kb_list_init(&call->link);
    kc_call_init(&call->call, producer->client, run, release);
    return call;
}
