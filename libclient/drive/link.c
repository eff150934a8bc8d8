/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/link.h"
#include "base/check.h"
#include "base/mem.h"
#include "kurier/base.h"
#include "libclient/drive/runtime.h"
#include "wire/api.h"
#include "wire/writer.h"
#include <stdio.h>

enum { NAME_BYTES = 288, ASK_MAX_BYTES = 16 << 20 };

struct kc_link {
    struct kurier_runtime *runtime;
    struct kc_link_options options;
    const struct kc_link_handler *handler;
    void *owner;
    int32_t node, port;
    char *host;
    char name[NAME_BYTES];

    enum kc_link_state state;
    struct kn_rpc *rpc; /* DIALLING and UP */
    struct kc_backoff backoff;
    struct kb_error cause;
    bool keep;
    int64_t throttled_until_ms;

    struct kb_list asks;   /* not sent yet */
    struct kn_timer timer; /* RESTING: dial again; UP: idle, throttle; any: asks' deadlines */
    struct kn_task pump;   /* sends and answers what stands in asks */
    int64_t rest_until_ms;
    unsigned busy; /* depth of callbacks: freed when the last one returns */
    bool freed;
};

static void pump(struct kn_task *task);
static void on_timer(struct kn_timer *timer);
static void dial(struct kc_link *link);

static struct kn_loop *loop_of(const struct kc_link *link)
{
    return link->runtime->loop;
}

static int64_t now_ms(const struct kc_link *link)
{
    return kn_loop_now(loop_of(link)).mono_ms;
}

/* ---- Making and ending ----------------------------------------------------------*/

static bool set_address(struct kc_link *link, const char *host, int32_t port)
{
    char *copy = kb_strdup(host);
    if (!copy)
        return false;
    kb_free(link->host);
    link->host = copy;
    link->port = port;
    snprintf(link->name, sizeof link->name, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    return true;
}

struct kc_link *kc_link_new(struct kurier_runtime *runtime, int32_t node, const char *host,
                            int32_t port, const struct kc_link_options *options,
                            const struct kc_link_handler *handler, void *owner)
{
    struct kc_link *link = KB_NEW(struct kc_link);
    if (!link || !set_address(link, host, port)) {
        kb_free(link);
        return NULL;
    }
    link->runtime = runtime;
    link->options = *options;
    link->handler = handler;
    link->owner = owner;
    link->node = node;
    kc_backoff_init(&link->backoff, options->reconnect_backoff_ms,
                    options->reconnect_backoff_max_ms);
    kb_error_clear(&link->cause);
    kb_list_init(&link->asks);
    kn_timer_init(&link->timer, on_timer);
    kn_task_init(&link->pump, pump);
    return link;
}

static void enter(struct kc_link *link)
{
    link->busy++;
}

static void leave(struct kc_link *link)
{
    if (--link->busy > 0 || !link->freed)
        return;
    kb_free(link->host);
    kb_free(link);
}

void kc_link_free(struct kc_link *link)
{
    if (!link)
        return;
    enter(link);
    while (!kb_list_empty(&link->asks))
        kc_ask_cancel(KB_LIST_FIRST(&link->asks, struct kc_ask, node));
    if (link->rpc)
        kn_rpc_drop(link->rpc);
    link->rpc = NULL;
    kn_timer_cancel(loop_of(link), &link->timer);
    kn_task_cancel(&link->pump);
    link->freed = true;
    leave(link);
}

void *kc_link_owner(const struct kc_link *link)
{
    return link->owner;
}

int32_t kc_link_node(const struct kc_link *link)
{
    return link->node;
}

const char *kc_link_name(const struct kc_link *link)
{
    return link->name;
}

enum kc_link_state kc_link_state(const struct kc_link *link)
{
    return link->state;
}

const struct kb_error *kc_link_cause(const struct kc_link *link)
{
    return &link->cause;
}

/* ---- Timing ---------------------------------------------------------------------*/

static bool is_wanted(const struct kc_link *link)
{
    return link->keep || !kb_list_empty(&link->asks);
}

static int64_t idle_deadline_ms(const struct kc_link *link)
{
    if (link->keep || link->options.max_idle_ms < 0)
        return KB_NEVER;
    int64_t since_ms = kn_rpc_idle_since_ms(link->rpc);
    return since_ms == KB_NEVER ? now_ms(link) + link->options.max_idle_ms
                                : since_ms + link->options.max_idle_ms;
}

static void set_timer(struct kc_link *link)
{
    int64_t deadline_ms = KB_NEVER;
    if (link->state == KC_LINK_RESTING)
        deadline_ms = link->rest_until_ms;
    if (link->state == KC_LINK_UP) {
        deadline_ms = idle_deadline_ms(link);
        if (link->throttled_until_ms)
            deadline_ms = KB_MIN(deadline_ms, link->throttled_until_ms);
    }
    KB_LIST_EACH(it, &link->asks)
        deadline_ms = KB_MIN(deadline_ms, KB_CONTAINER(it, struct kc_ask, node)->deadline_ms);
    kn_timer_set(loop_of(link), &link->timer, deadline_ms);
}

static void answer_ask(struct kc_ask *ask, const struct kn_answer *answer)
{
    kb_list_remove(&ask->node);
    ask->link = NULL;
    ask->call = NULL;
    ask->on_answer(ask, answer);
}

static void fail_ask(struct kc_ask *ask, const struct kb_error *err)
{
    answer_ask(ask, &(struct kn_answer){.err = err});
}

/* They are asks of this link that stand in no list of its own any more. */
static void fail_asks(struct kc_link *link, struct kb_list *asks, const struct kb_error *err)
{
    while (!kb_list_empty(asks)) {
        struct kc_ask *ask = KB_LIST_FIRST(asks, struct kc_ask, node);
        if (link->freed)
            kc_ask_cancel(ask);
        else
            fail_ask(ask, err);
    }
}

/* What waits longer than it may; the cause of the waiting is the better answer. */
static void fail_late_asks(struct kc_link *link)
{
    int64_t now = now_ms(link);
    struct kb_list late;
    kb_list_init(&late);
    KB_LIST_EACH_SAFE(it, &link->asks) {
        if (KB_CONTAINER(it, struct kc_ask, node)->deadline_ms > now)
            continue;
        kb_list_remove(it);
        kb_list_push_back(&late, it);
    }
    struct kb_error err;
    kb_error_set(&err, KB_E_TIMED_OUT, "%s: no connection in time", link->name);
    err.broker = link->node;
    if (link->cause.code)
        err = link->cause;
    fail_asks(link, &late, &err);
}

static void become_usable(struct kc_link *link)
{
    if (link->handler->on_usable && !link->freed && kc_link_rpc(link))
        link->handler->on_usable(link);
}

static void close_if_idle(struct kc_link *link)
{
    if (idle_deadline_ms(link) > now_ms(link) || is_wanted(link))
        return;
    kn_rpc_drop(link->rpc);
    link->rpc = NULL;
    link->state = KC_LINK_IDLE;
}

static void on_timer(struct kn_timer *timer)
{
    struct kc_link *link = KB_CONTAINER(timer, struct kc_link, timer);
    int64_t now = now_ms(link);
    enter(link);
    fail_late_asks(link);
    if (!link->freed && link->state == KC_LINK_RESTING && link->rest_until_ms <= now) {
        link->state = KC_LINK_IDLE;
        if (is_wanted(link))
            dial(link);
    }
    if (!link->freed && link->state == KC_LINK_UP) {
        bool throttle_over = link->throttled_until_ms && link->throttled_until_ms <= now;
        if (throttle_over)
            link->throttled_until_ms = 0;
        close_if_idle(link);
        if (throttle_over && link->state == KC_LINK_UP) {
            kn_task_soon(loop_of(link), &link->pump);
            become_usable(link);
        }
    }
    if (!link->freed)
        set_timer(link);
    leave(link);
}

/* ---- Connection -------------------------------------------------------------------*/

/* That the broker ended the connection is no state of our handle. */
static struct kb_error as_transport(const struct kb_error *why)
{
    struct kb_error cause = *why;
    if (why->code == KB_E_CLOSED)
        kb_error_set(&cause, KB_E_TRANSPORT, "%s", why->text);
    cause.broker = why->broker;
    return cause;
}

static void rest(struct kc_link *link, const struct kb_error *why)
{
    link->rpc = NULL;
    link->state = KC_LINK_RESTING;
    link->cause = *why;
    link->throttled_until_ms = 0;
    link->rest_until_ms = now_ms(link) + kc_backoff_next_ms(&link->backoff, &link->runtime->random);
}

static void on_ready(struct kn_rpc *rpc)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    enter(link);
    link->state = KC_LINK_UP;
    kc_backoff_reset(&link->backoff);
    kb_error_clear(&link->cause);
    kn_task_soon(loop_of(link), &link->pump);
    set_timer(link);
    if (link->handler->on_up)
        link->handler->on_up(link);
    become_usable(link);
    leave(link);
}

/* What was sent has been answered by the rpc; what waited for it is answered
 * here: it would wait for nothing better. */
static void on_close(struct kn_rpc *rpc, const struct kb_error *why)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    struct kb_error cause = as_transport(why);
    struct kb_list waiting;
    kb_list_init(&waiting);
    enter(link);
    rest(link, &cause);
    KB_LIST_EACH_SAFE(it, &link->asks) {
        kb_list_remove(it);
        kb_list_push_back(&waiting, it);
    }
    fail_asks(link, &waiting, &cause);
    if (!link->freed)
        set_timer(link);
    if (!link->freed && link->handler->on_down)
        link->handler->on_down(link, &cause);
    leave(link);
}

static void on_room(struct kn_rpc *rpc)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    enter(link);
    become_usable(link);
    leave(link);
}

static enum kn_admit on_size(struct kn_rpc *rpc, void *call_ctx, uint32_t size, struct kb_buf **buf,
                             struct kb_error *why)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    if (!link->handler->on_size)
        return KN_ADMIT;
    return link->handler->on_size(link, call_ctx, size, buf, why);
}

static const struct kn_rpc_handler rpc_handler = {
    .on_ready = on_ready, .on_close = on_close, .on_room = on_room, .on_size = on_size};

static void dial(struct kc_link *link)
{
    struct kn_rpc_options options = {.client_id = link->options.client_id,
                                     .software_name = "kurier",
                                     .software_version = kurier_version(),
                                     .setup_ms = link->options.connect_timeout_ms,
                                     .setup_max_ms = link->options.connect_timeout_max_ms,
                                     .max_in_flight = link->options.max_in_flight,
                                     .broker = link->node};
    KB_CHECK(link->state == KC_LINK_IDLE);
    link->rpc =
        kn_rpc_new(loop_of(link), link->host, (uint16_t)link->port, &options, &rpc_handler, link);
    link->state = KC_LINK_DIALLING;
    if (!link->rpc) {
        struct kb_error err;
        kb_error_set(&err, KB_E_NO_MEMORY, "%s: no memory for a connection", link->name);
        rest(link, &err);
    }
    set_timer(link);
}

void kc_link_keep(struct kc_link *link, bool keep)
{
    link->keep = keep;
    if (keep && link->state == KC_LINK_IDLE)
        dial(link);
    else
        set_timer(link);
}

void kc_link_move(struct kc_link *link, const char *host, int32_t port)
{
    if (link->port == port && !strcmp(link->host, host))
        return;
    if (!set_address(link, host, port))
        return; /* the old address fails in time, and metadata tells this one again */
    struct kb_error why;
    kb_error_set(&why, KB_E_TRANSPORT, "the broker has moved to %s", link->name);
    why.broker = link->node;
    kc_backoff_reset(&link->backoff);
    if (link->rpc)
        kn_rpc_close(link->rpc, &why);
    else if (link->state == KC_LINK_RESTING)
        link->rest_until_ms = now_ms(link);
    set_timer(link);
}

struct kn_rpc *kc_link_rpc(struct kc_link *link)
{
    bool usable = link->state == KC_LINK_UP && !link->throttled_until_ms &&
                  kn_rpc_waiting(link->rpc) == 0 &&
                  kn_rpc_in_flight(link->rpc) < kc_link_max_in_flight(link);
    return usable ? link->rpc : NULL;
}

int kc_link_max_in_flight(const struct kc_link *link)
{
    return link->options.max_in_flight ? link->options.max_in_flight : 5;
}

void kc_link_throttle(struct kc_link *link, int32_t throttle_ms)
{
    if (throttle_ms <= 0 || link->state != KC_LINK_UP)
        return;
    link->throttled_until_ms = KB_MAX(link->throttled_until_ms, now_ms(link) + throttle_ms);
    set_timer(link);
}

void kc_link_cut(struct kc_link *link, const struct kb_error *why)
{
    if (link->rpc)
        kn_rpc_close(link->rpc, why);
}

/* ---- Asking -------------------------------------------------------------------------*/

static void ask_answered(void *ctx, const struct kn_answer *answer)
{
    struct kc_ask *ask = ctx;
    struct kc_link *link = ask->link;
    struct kn_answer told = *answer;
    struct kb_error cause;
    enter(link);
    if (answer->err) {
        cause = as_transport(answer->err);
        told.err = &cause;
    }
    answer_ask(ask, &told);
    if (!link->freed && link->state == KC_LINK_UP)
        set_timer(link);
    leave(link);
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
    int version = kn_rpc_version(link->rpc, ask->api_key, ask->min_version, ask->max_version);
    if (version < 0)
        return kb_error_set(err, KB_E_UNSUPPORTED, "%s does not speak %s in versions %d to %d",
                            link->name, kw_api_name(ask->api_key), ask->min_version,
                            ask->max_version);
    struct kb_buf *body;
    int code = encode(ask, version, &body);
    if (code)
        return kb_error_set(err, code, "%s: %s cannot be expressed in version %d", link->name,
                            kw_api_name(ask->api_key), version);
    struct kb_piece piece = {body, kb_buf_view(body)};
    struct kn_request request = {.api_key = ask->api_key,
                                 .version = (int16_t)version,
                                 .pieces = &piece,
                                 .n = 1,
                                 .timeout_ms =
                                     kb_time_left(kn_loop_now(loop_of(link)), ask->deadline_ms),
                                 .on_answer = ask_answered,
                                 .ctx = ask};
    ask->call = kn_rpc_call(link->rpc, &request, err);
    return ask->call ? 0 : err->code;
}

static void pump(struct kn_task *task)
{
    struct kc_link *link = KB_CONTAINER(task, struct kc_link, pump);
    enter(link);
    while (!link->freed && link->state == KC_LINK_UP && !link->throttled_until_ms &&
           !kb_list_empty(&link->asks)) {
        struct kc_ask *ask = KB_LIST_FIRST(&link->asks, struct kc_ask, node);
        struct kb_error err;
        kb_list_remove(&ask->node);
        kb_error_clear(&err);
        if (send_ask(link, ask, &err))
            fail_ask(ask, &err);
    }
    if (!link->freed)
        set_timer(link);
    leave(link);
}

void kc_link_ask(struct kc_link *link, struct kc_ask *ask)
{
    KB_CHECK(!ask->link);
    ask->link = link;
    ask->call = NULL;
    kb_list_push_back(&link->asks, &ask->node);
    if (link->state == KC_LINK_IDLE)
        dial(link);
    else if (link->state == KC_LINK_UP)
        kn_task_soon(loop_of(link), &link->pump);
    else
        set_timer(link);
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

bool kc_link_is_quiet(const struct kc_link *link)
{
    bool asked = link->rpc && (kn_rpc_waiting(link->rpc) || kn_rpc_in_flight(link->rpc));
    return kb_list_empty(&link->asks) && !asked;
}
