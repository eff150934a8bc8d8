/* SPDX-License-Identifier: Apache-2.0 */
#include "kurier/transactions.h"
#include "base/mem.h"
#include "libclient/api/error.h"
#include "libclient/drive/attachment.h"
#include "libclient/drive/membership.h"
#include "libclient/drive/producer.h"
#include <stdlib.h>

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

/* What this one asked for has no end yet, or one that nobody heard. */
static bool is_unheard(struct kurier_producer *producer, enum kc_txn_wish wish)
{
    pthread_mutex_lock(&producer->client->lock);
    bool unheard = producer->txns->slots[wish] != NULL;
    pthread_mutex_unlock(&producer->client->lock);
    return unheard;
}

/* Only waiting: what the machine waits for is the better answer. */
static void say_why(struct kurier_producer *producer, struct kb_error *err)
{
    pthread_mutex_lock(&producer->lock);
    struct kb_error trouble = producer->txns->trouble;
    pthread_mutex_unlock(&producer->lock);
    if (trouble.code)
        kb_error_set(err, KB_E_TIMED_OUT, "not done yet: %s", trouble.text);
}

struct wish {
    struct kurier_producer *producer;
    enum kc_txn_wish wish;
    struct kc_txn_call *call; /* made before; NULL: make one */
    bool begun;
};

static struct kc_call *begin_wish(void *ctx)
{
    struct wish *w = ctx;
    struct kc_txn_call *call = w->call ? w->call : kc_txn_call_new(w->producer, w->wish, 0);
    w->begun = true;
    return call ? &call->call : NULL;
}

static int resume(struct wish *w, int timeout_ms, struct kb_error *err)
{
    struct kurier_producer *producer = w->producer;
    int code = kc_call_resume(producer->client, &producer->txns->slots[w->wish], begin_wish, w,
                              timeout_ms, err);
    if (code == KB_E_TIMED_OUT)
        say_why(producer, err);
    return code;
}

static bool goes_on(int code)
{
    return code == KB_E_TIMED_OUT || code == KB_E_INTERRUPTED;
}

kurier_code kurier_txn_init(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = refuse(producer, e);
    return (kurier_code)(code ? code
                              : resume(&(struct wish){producer, KC_TXN_WISH_INIT, NULL, false},
                                       timeout_ms, e));
}

kurier_code kurier_txn_begin(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = refuse(producer, e);
    if (code)
        return (kurier_code)code;
    if (is_unheard(producer, KC_TXN_WISH_COMMIT) || is_unheard(producer, KC_TXN_WISH_ABORT))
        return (kurier_code)kb_error_set(e, KB_E_STATE,
                                         "how the transaction before ended was not heard yet: "
                                         "call kurier_txn_%s again",
                                         is_unheard(producer, KC_TXN_WISH_ABORT) ? "abort"
                                                                                 : "commit");
    return (kurier_code)resume(&(struct wish){producer, KC_TXN_WISH_BEGIN, NULL, false}, timeout_ms,
                               e);
}

kurier_code kurier_txn_commit(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = refuse(producer, e);
    if (!code)
        code = kc_attachment_refuses(producer, e);
    if (code)
        return (kurier_code)code;
    if (is_unheard(producer, KC_TXN_WISH_ABORT))
        return (kurier_code)kb_error_set(e, KB_E_STATE,
                                         "an abort is under way: call kurier_txn_abort again");
    atomic_fetch_or(&producer->shut, KC_SHUT_NO_TXN);
    code = resume(&(struct wish){producer, KC_TXN_WISH_COMMIT, NULL, false}, timeout_ms, e);
    if (!goes_on(code))
        kc_call_forget(producer->client, &producer->txns->slots[KC_TXN_WISH_OFFSETS]);
    return (kurier_code)code;
}

kurier_code kurier_txn_abort(kurier_producer *producer, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    int code = refuse(producer, e);
    if (!code)
        code = kc_attachment_refuses(producer, e);
    if (code)
        return (kurier_code)code;
    atomic_fetch_or(&producer->shut, KC_SHUT_NO_TXN);
    code = resume(&(struct wish){producer, KC_TXN_WISH_ABORT, NULL, false}, timeout_ms, e);
    if (!code) { /* which tells how they ended */
        kc_call_forget(producer->client, &producer->txns->slots[KC_TXN_WISH_COMMIT]);
        kc_call_forget(producer->client, &producer->txns->slots[KC_TXN_WISH_OFFSETS]);
    }
    return (kurier_code)code;
}

/* ---- Offsets --------------------------------------------------------------------- */

/* Who the consumer is: asked on its own loop, copied. */
struct who {
    struct kurier_consumer *consumer;
    const kurier_position *positions;
    size_t count;
    char *group, *member, *instance;
    int32_t generation;
    bool grouped, whole, stranger; /* has a group; all copied; but is not in it now */
    bool lost;
};

/* A subscribed consumer speaks for what was handed out of partitions that it has had ever
 * since. Somebody else may have done it, if it lost them meanwhile; and the group would
 * not notice, since by now the consumer is a member anew. */
static bool is_lost(const struct kurier_consumer *consumer, const kurier_position *position)
{
    const struct kc_share *share = kc_consumer_find(consumer, position->topic, position->partition);
    return !share || !share->assignment || atomic_load(&share->handed) < 0;
}

static void ask_who(void *ctx)
{
    struct who *who = ctx;
    struct kc_identity identity;
    if (!who->consumer->membership)
        return;
    who->grouped = true;
    kc_membership_identity(who->consumer->membership, &identity);
    who->group = kb_strdup(identity.group);
    who->member = kb_strdup(identity.member);
    who->instance = identity.instance ? kb_strdup(identity.instance) : NULL;
    who->generation = identity.generation;
    who->stranger = who->consumer->subscribed && identity.generation < 0;
    for (size_t i = 0; who->consumer->subscribed && i < who->count && !who->lost; i++)
        who->lost = is_lost(who->consumer, &who->positions[i]);
    who->whole = who->group && who->member && (who->instance || !identity.instance);
}

static void who_free(struct who *who)
{
    kb_free(who->group);
    kb_free(who->member);
    kb_free(who->instance);
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    const char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

static int by_topic(const void *a, const void *b)
{
    const struct kc_txn_offset *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Rows and texts lie behind the call. */
static struct kc_txn_call *offsets_call(struct kurier_producer *producer, const struct who *who,
                                        const kurier_position *positions, size_t n)
{
    size_t bytes = n * sizeof(struct kc_txn_offset) + text_bytes(who->group) +
                   text_bytes(who->member) + text_bytes(who->instance);
    for (size_t i = 0; i < n; i++)
        bytes += text_bytes(positions[i].topic) + text_bytes(positions[i].metadata);
    struct kc_txn_call *call = kc_txn_call_new(producer, KC_TXN_WISH_OFFSETS, bytes);
    if (!call)
        return NULL;
    struct kc_txn_offset *rows = (struct kc_txn_offset *)(void *)(call + 1);
    char *at = (char *)(rows + n);
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct kc_txn_offset){.topic = copy_text(&at, positions[i].topic),
                                         .partition = positions[i].partition,
                                         .leader_epoch = positions[i].leader_epoch,
                                         .offset = positions[i].offset,
                                         .metadata = copy_text(&at, positions[i].metadata)};
    call->stranger = who->stranger;
    call->lost = who->lost;
    qsort(rows, n, sizeof *rows, by_topic);
    call->offsets = (struct kc_txn_offsets){.group = copy_text(&at, who->group),
                                            .member = copy_text(&at, who->member),
                                            .instance = copy_text(&at, who->instance),
                                            .generation = who->generation,
                                            .rows = rows,
                                            .count = n};
    return call;
}

static int check_positions(const kurier_position *positions, size_t n, struct kb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!positions[i].topic || positions[i].partition < 0 || positions[i].offset < 0)
            return kb_error_set(err, KB_E_INVALID_ARGUMENT,
                                "position %zu: %s[%d] at %lld cannot be committed", i,
                                positions[i].topic ? positions[i].topic : "(no topic)",
                                positions[i].partition, (long long)positions[i].offset);
    return 0;
}

/* The call with its positions; NULL: err says why. */
static struct kc_txn_call *new_offsets(struct kurier_producer *producer,
                                       struct kurier_consumer *consumer,
                                       const kurier_position *positions, size_t n,
                                       struct kb_error *err)
{
    struct who who = {.consumer = consumer, .positions = positions, .count = n};
    struct kc_txn_call *call = NULL;
    if (check_positions(positions, n, err))
        return NULL;
    kc_runtime_run(consumer->client->runtime, ask_who, &who);
    if (who.whole)
        call = offsets_call(producer, &who, positions, n);
    if (!who.grouped)
        kb_error_set(err, KB_E_STATE, "the consumer is closed, or has no group.id");
    else if (!call)
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for positions");
    who_free(&who);
    return call;
}

kurier_code kurier_txn_send_offsets(kurier_producer *producer, kurier_consumer *consumer,
                                    const kurier_position *positions, size_t n, int timeout_ms,
                                    kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    struct wish w = {producer, KC_TXN_WISH_OFFSETS, NULL, false};
    int code = refuse(producer, e);
    if (!code)
        code = kc_client_check(consumer->client, e);
    if (code || n == 0)
        return (kurier_code)code;
    if (!is_unheard(producer, KC_TXN_WISH_OFFSETS)) {
        w.call = new_offsets(producer, consumer, positions, n, e);
        if (!w.call)
            return (kurier_code)(e ? e->code : KB_E_STATE);
    }
    code = resume(&w, timeout_ms, e);
    if (w.call && !w.begun) /* another thread's goes on */
        kc_call_unref(&w.call->call);
    return (kurier_code)code;
}
