/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a link; what is asked over it: link_ask.c. */
#include "libclient/drive/link.h"
#include "base/check.h"
#include "base/mem.h"
#include "kurier/base.h"
#include "libclient/drive/link_impl.h"
#include <stdio.h>

static void on_timer(struct kn_timer *timer);

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
    kb_list_init(&link->sent);
    kn_timer_init(&link->timer, on_timer);
    kn_task_init(&link->pump, kc_link_pump);
    return link;
}

void kc_link_enter(struct kc_link *link)
{
    link->busy++;
}

void kc_link_leave(struct kc_link *link)
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
    kc_link_enter(link);
    kc_link_forget_asks(link);
    if (link->rpc)
        kn_rpc_drop(link->rpc);
    link->rpc = NULL;
    kn_timer_cancel(kc_link_loop(link), &link->timer);
    kn_task_cancel(&link->pump);
    link->freed = true;
    kc_link_leave(link);
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

static void set_state(struct kc_link *link, enum kc_link_state state)
{
    link->state = state;
    if (link->handler->on_state)
        link->handler->on_state(link);
}

void kc_link_note(struct kc_link *link, const char *note)
{
    snprintf(link->note, sizeof link->note, "%s", note);
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
    return since_ms == KB_NEVER ? kc_link_now_ms(link) + link->options.max_idle_ms
                                : since_ms + link->options.max_idle_ms;
}

void kc_link_set_timer(struct kc_link *link)
{
    int64_t deadline_ms = KB_NEVER;
    if (link->state == KC_LINK_RESTING)
        deadline_ms = link->rest_until_ms;
    if (link->state == KC_LINK_UP) {
        deadline_ms = idle_deadline_ms(link);
        if (link->throttled_until_ms)
            deadline_ms = KB_MIN(deadline_ms, link->throttled_until_ms);
    }
    deadline_ms = KB_MIN(deadline_ms, kc_link_asks_deadline_ms(link));
    kn_timer_set(kc_link_loop(link), &link->timer, deadline_ms);
}

static void become_usable(struct kc_link *link)
{
    if (link->handler->on_usable && !link->freed && kc_link_rpc(link))
        link->handler->on_usable(link);
}

static void close_if_idle(struct kc_link *link)
{
    if (idle_deadline_ms(link) > kc_link_now_ms(link) || is_wanted(link))
        return;
    kn_rpc_drop(link->rpc);
    link->rpc = NULL;
    set_state(link, KC_LINK_IDLE);
}

static void on_timer(struct kn_timer *timer)
{
    struct kc_link *link = KB_CONTAINER(timer, struct kc_link, timer);
    int64_t now = kc_link_now_ms(link);
    kc_link_enter(link);
    kc_link_fail_late_asks(link);
    if (!link->freed && link->state == KC_LINK_RESTING && link->rest_until_ms <= now) {
        set_state(link, KC_LINK_IDLE);
        if (is_wanted(link))
            kc_link_dial(link);
    }
    if (!link->freed && link->state == KC_LINK_UP) {
        bool throttle_over = link->throttled_until_ms && link->throttled_until_ms <= now;
        if (throttle_over)
            link->throttled_until_ms = 0;
        close_if_idle(link);
        if (throttle_over && link->state == KC_LINK_UP) {
            kn_task_soon(kc_link_loop(link), &link->pump);
            become_usable(link);
        }
    }
    if (!link->freed)
        kc_link_set_timer(link);
    kc_link_leave(link);
}

/* ---- Connection -------------------------------------------------------------------*/

static void rest(struct kc_link *link, const struct kb_error *why)
{
    link->rpc = NULL;
    link->cause = *why;
    set_state(link, KC_LINK_RESTING);
    link->throttled_until_ms = 0;
    link->rest_until_ms =
        kc_link_now_ms(link) + kc_backoff_next_ms(&link->backoff, &link->runtime->random);
}

static void on_ready(struct kn_rpc *rpc)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    kc_link_enter(link);
    link->transactions = -1;
    kc_backoff_reset(&link->backoff);
    kb_error_clear(&link->cause);
    set_state(link, KC_LINK_UP);
    kn_task_soon(kc_link_loop(link), &link->pump);
    kc_link_set_timer(link);
    if (link->handler->on_up)
        link->handler->on_up(link);
    become_usable(link);
    kc_link_leave(link);
}

/* It could not be connected: what there is to say of its address. */
static void add_note(const struct kc_link *link, struct kb_error *cause)
{
    size_t used = strlen(cause->text);
    if (link->state == KC_LINK_DIALLING && link->note[0])
        snprintf(cause->text + used, sizeof cause->text - used, "; %s", link->note);
}

/* What was sent has been answered by the rpc; what waited for it is answered
 * here: it would wait for nothing better. */
static void on_close(struct kn_rpc *rpc, const struct kb_error *why)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    struct kb_error cause = kc_link_cause_of(why);
    kc_link_enter(link);
    add_note(link, &cause);
    rest(link, &cause);
    kc_link_fail_asks(link, &cause);
    if (!link->freed)
        kc_link_set_timer(link);
    if (!link->freed && link->handler->on_down)
        link->handler->on_down(link, &cause);
    kc_link_leave(link);
}

static void on_room(struct kn_rpc *rpc)
{
    struct kc_link *link = kn_rpc_owner(rpc);
    kc_link_enter(link);
    become_usable(link);
    kc_link_leave(link);
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

void kc_link_dial(struct kc_link *link)
{
    struct kn_rpc_options options = {.client_id = link->options.client_id,
                                     .software_name = "kurier",
                                     .software_version = kurier_version(),
                                     .setup_ms = link->options.connect_timeout_ms,
                                     .setup_max_ms = link->options.connect_timeout_max_ms,
                                     .versions_ms = link->options.request_timeout_ms,
                                     .max_in_flight = link->options.max_in_flight,
                                     .broker = link->node,
                                     .tap = link->options.tap};
    KB_CHECK(link->state == KC_LINK_IDLE);
    link->rpc = kn_rpc_new(kc_link_loop(link), link->host, (uint16_t)link->port, &options,
                           &rpc_handler, link);
    set_state(link, KC_LINK_DIALLING);
    if (!link->rpc) {
        struct kb_error err;
        kb_error_set(&err, KB_E_NO_MEMORY, "%s: no memory for a connection", link->name);
        rest(link, &err);
    }
    kc_link_set_timer(link);
}

void kc_link_keep(struct kc_link *link, bool keep)
{
    link->keep = keep;
    if (keep && link->state == KC_LINK_IDLE)
        kc_link_dial(link);
    else
        kc_link_set_timer(link);
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
        link->rest_until_ms = kc_link_now_ms(link);
    kc_link_set_timer(link);
}

bool kc_link_is_open(const struct kc_link *link)
{
    return link->state == KC_LINK_UP && !link->throttled_until_ms &&
           kn_rpc_state(link->rpc) == KN_RPC_READY; /* not when it is being closed */
}

struct kn_rpc *kc_link_rpc(struct kc_link *link)
{
    bool usable = kc_link_is_open(link) && kn_rpc_waiting(link->rpc) == 0 &&
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
    link->throttled_until_ms = KB_MAX(link->throttled_until_ms, kc_link_now_ms(link) + throttle_ms);
    kc_link_set_timer(link);
}

void kc_link_cut(struct kc_link *link, const struct kb_error *why)
{
    if (link->rpc)
        kn_rpc_close(link->rpc, why);
}

bool kc_link_is_quiet(const struct kc_link *link)
{
    bool asked = link->rpc && (kn_rpc_waiting(link->rpc) || kn_rpc_in_flight(link->rpc));
    return kb_list_empty(&link->asks) && !asked;
}
