/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "libclient/drive/diagnose.h"
#include "libclient/drive/link_impl.h"
#include "wire/api.h"
#include "wire/writer.h"

enum { ASK_MAX_BYTES = 16 << 20 };

struct kb_error kc_link_cause_of(const struct kb_error *why)
{
    struct kb_error cause = *why;
    if (why->code == KB_E_CLOSED)
        kb_error_set(&cause, KB_E_TRANSPORT, "%s", why->text);
    cause.broker = why->broker;
    return cause;
}

/* ---- Answers ------------------------------------------------------------------------*/

static struct kc_ask *first(const struct kb_list *asks)
{
    return KB_LIST_FIRST(asks, struct kc_ask, node);
}

static void answer(struct kc_ask *ask, const struct kn_answer *with)
{
    kb_list_remove(&ask->node);
    ask->from = ask->link;
    ask->link = NULL;
    ask->call = NULL;
    ask->on_answer(ask, with);
}

/* A callback may free the link: then the others hear nothing any more. */
static void fail_all(struct kc_link *link, struct kb_list *asks, const struct kb_error *err)
{
    while (!kb_list_empty(asks)) {
        if (link->freed)
            kc_ask_cancel(first(asks));
        else
            answer(first(asks), &(struct kn_answer){.err = err});
    }
}

static void move_all(struct kb_list *to, struct kb_list *from, int64_t until_ms)
{
    KB_LIST_EACH_SAFE(it, from) {
        if (KB_CONTAINER(it, struct kc_ask, node)->deadline_ms > until_ms)
            continue;
        kb_list_remove(it);
        kb_list_push_back(to, it);
    }
}

void kc_link_fail_asks(struct kc_link *link, const struct kb_error *why)
{
    struct kb_list failed;
    kb_list_init(&failed);
    move_all(&failed, &link->asks, KB_NEVER);
    fail_all(link, &failed, why);
}

void kc_link_forget_asks(struct kc_link *link)
{
    while (!kb_list_empty(&link->asks))
        kc_ask_cancel(first(&link->asks));
    while (!kb_list_empty(&link->sent))
        kc_ask_cancel(first(&link->sent));
}

static int64_t earliest_ms(const struct kb_list *asks)
{
    int64_t deadline_ms = KB_NEVER;
    KB_LIST_EACH(it, asks)
        deadline_ms = KB_MIN(deadline_ms, KB_CONTAINER(it, struct kc_ask, node)->deadline_ms);
    return deadline_ms;
}

int64_t kc_link_asks_deadline_ms(const struct kc_link *link)
{
    return KB_MIN(earliest_ms(&link->asks), earliest_ms(&link->sent));
}

/*
 * What waits longer than it may. Where there is no connection the cause of that is
 * the better answer. A call that was sent is let go: others share the connection,
 * and whether the broker still answers is judged by request.timeout.ms.
 */
void kc_link_fail_late_asks(struct kc_link *link)
{
    struct kb_list late;
    struct kb_error err;
    kb_list_init(&late);
    move_all(&late, &link->asks, kc_link_now_ms(link));
    move_all(&late, &link->sent, kc_link_now_ms(link));
    KB_LIST_EACH(it, &late) {
        struct kc_ask *ask = KB_CONTAINER(it, struct kc_ask, node);
        if (ask->call)
            kn_call_cancel(ask->call);
        ask->call = NULL;
    }
    kb_error_set(&err, KB_E_TIMED_OUT, "%s did not answer in time", link->name);
    err.broker = link->node;
    if (link->cause.code)
        err = link->cause;
    fail_all(link, &late, &err);
}

/* ---- Sending ------------------------------------------------------------------------*/

static void on_answer(void *ctx, const struct kn_answer *from)
{
    struct kc_ask *ask = ctx;
    struct kc_link *link = ask->link;
    struct kn_answer told = *from;
    struct kb_error cause;
    kc_link_enter(link);
    if (from->err) {
        cause = kc_link_cause_of(from->err);
        told.err = &cause;
    }
    answer(ask, &told);
    if (!link->freed)
        kc_link_set_timer(link);
    kc_link_leave(link);
}

static int encode(struct kc_ask *ask, int version, struct kb_buf **out)
{
    struct kw_writer writer;
    kw_writer_init(&writer, ASK_MAX_BYTES);
    int code = ask->encode(ask, (int16_t)version, &writer);
    *out = code ? NULL : kw_writer_take(&writer);
    kw_writer_deinit(&writer);
    return code ? code : *out ? 0 : KB_E_UNSUPPORTED;
}

/* Not 0: it cannot be sent. */
static int send_ask(struct kc_link *link, struct kc_ask *ask, struct kb_error *err)
{
    const char *api = kw_api_name(ask->api_key);
    int version = kn_rpc_version(link->rpc, ask->api_key, ask->min_version, ask->max_version);
    if (version < 0)
        return kc_diagnose_versions(link->rpc, ask->api_key, ask->min_version, ask->max_version,
                                    ask->since, err);
    struct kb_buf *body;
    int code = encode(ask, version, &body);
    if (code)
        return kb_error_set(err, code,
                            "%s: %s cannot be expressed in version %d; it looks like "
                            "Kafka %s",
                            link->name, api, version, kc_diagnose_release(link->rpc));
    struct kb_piece piece = {body, kb_buf_view(body)};
    struct kn_request request = {.api_key = ask->api_key,
                                 .version = (int16_t)version,
                                 .pieces = &piece,
                                 .n = 1,
                                 .timeout_ms = link->options.request_timeout_ms,
                                 .on_answer = on_answer,
                                 .ctx = ask};
    ask->call = kn_rpc_call(link->rpc, &request, err);
    return ask->call ? 0 : err->code;
}

void kc_link_pump(struct kn_task *task)
{
    struct kc_link *link = KB_CONTAINER(task, struct kc_link, pump);
    kc_link_enter(link);
    while (!link->freed && kc_link_is_open(link) && !kb_list_empty(&link->asks)) {
        struct kc_ask *ask = first(&link->asks);
        struct kb_error err;
        kb_error_clear(&err);
        kb_list_remove(&ask->node);
        if (send_ask(link, ask, &err))
            answer(ask, &(struct kn_answer){.err = &err});
        else
            kb_list_push_back(&link->sent, &ask->node);
    }
    if (!link->freed)
        kc_link_set_timer(link);
    kc_link_leave(link);
}

void kc_link_ask(struct kc_link *link, struct kc_ask *ask)
{
    KB_CHECK(!ask->link);
    ask->link = link;
    ask->call = NULL;
    kb_list_push_back(&link->asks, &ask->node);
    if (link->state == KC_LINK_IDLE)
        kc_link_dial(link);
    else if (link->state == KC_LINK_UP)
        kn_task_soon(kc_link_loop(link), &link->pump);
    else
        kc_link_set_timer(link);
}

void kc_ask_cancel(struct kc_ask *ask)
{
    if (ask->call)
        kn_call_cancel(ask->call);
    if (ask->node.next)
        kb_list_remove(&ask->node);
    ask->link = NULL;
    ask->call = NULL;
}
