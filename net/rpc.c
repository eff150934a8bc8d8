/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rpc_impl.h"

#include "base/mem.h"
#include "net/stranger.h"

#include <stdio.h>
#include <string.h>

enum { SETUP_MS = 10000, SETUP_MAX_MS = 30000, IN_FLIGHT = 5 };

/* ---- Ending ------------------------------------------------------------- */

static void on_end(struct kn_task *task)
{
    struct kn_rpc *rpc = KB_CONTAINER(task, struct kn_rpc, end_task);
    kn_rpc_end_calls(rpc, !rpc->silent);
    if (!rpc->silent)
        rpc->handler->on_close(rpc, &rpc->why);
    kb_buf_unref(rpc->versions);
    kb_free(rpc->name);
    kb_free(rpc);
}

static void end(struct kn_rpc *rpc)
{
    rpc->state = KN_RPC_CLOSED;
    kn_dial_cancel(rpc->dial);
    rpc->dial = NULL;
    if (rpc->conn)
        kn_conn_drop(rpc->conn);
    rpc->conn = NULL;
    kn_timer_cancel(rpc->loop, &rpc->setup);
    kn_task_cancel(&rpc->ready_task);
    kn_task_soon(rpc->loop, &rpc->end_task);
}

void kn_rpc_close(struct kn_rpc *rpc, const struct kb_error *why)
{
    if (rpc->state == KN_RPC_CLOSED)
        return;
    if (why)
        rpc->why = *why;
    else
        kb_error_set(&rpc->why, KB_E_CLOSED, "%s: closed", rpc->name);
    rpc->why.broker = rpc->options.broker;
    end(rpc);
}

void kn_rpc_drop(struct kn_rpc *rpc)
{
    rpc->silent = true;
    if (rpc->state != KN_RPC_CLOSED)
        end(rpc);
    kn_rpc_end_calls(rpc, false);
}

/* ---- Towards READY ------------------------------------------------------ */

static const char *const doing[] = {"connecting", "asking for its versions", "authenticating"};

static void on_setup_timer(struct kn_timer *timer)
{
    struct kn_rpc *rpc = KB_CONTAINER(timer, struct kn_rpc, setup);
    struct kb_error why;
    kb_error_set(&why, KB_E_TIMED_OUT, "%s: not ready after %lld ms, still %s", rpc->name,
                 (long long)rpc->options.setup_max_ms, doing[rpc->state]);
    kn_rpc_close(rpc, &why);
}

static void on_ready_task(struct kn_task *task)
{
    struct kn_rpc *rpc = KB_CONTAINER(task, struct kn_rpc, ready_task);
    rpc->state = KN_RPC_READY;
    if (rpc->handler->on_ready)
        rpc->handler->on_ready(rpc);
}

static void become_ready(struct kn_rpc *rpc)
{
    kn_timer_cancel(rpc->loop, &rpc->setup);
    kn_task_soon(rpc->loop, &rpc->ready_task);
}

void kn_rpc_negotiated(struct kn_rpc *rpc)
{
    rpc->state = KN_RPC_AUTHENTICATING;
    if (rpc->handler->authenticate)
        rpc->handler->authenticate(rpc);
    else
        become_ready(rpc);
}

void kn_rpc_authenticated(struct kn_rpc *rpc, const struct kb_error *err)
{
    if (rpc->state != KN_RPC_AUTHENTICATING)
        return;
    if (err && err->code)
        kn_rpc_close(rpc, err);
    else
        become_ready(rpc);
}

/* ---- The connection ----------------------------------------------------- */

static void on_open(struct kn_conn *conn)
{
    struct kn_rpc *rpc = kn_conn_owner(conn);
    rpc->state = KN_RPC_NEGOTIATING;
    kn_rpc_negotiate(rpc);
}

static enum kn_admit on_size(struct kn_conn *conn, uint32_t size, struct kb_buf **buf,
                             struct kb_error *why)
{
    struct kn_rpc *rpc = kn_conn_owner(conn);
    const struct kn_call *call = KB_LIST_FIRST(&rpc->sent, struct kn_call, link);
    if (!rpc->handler->on_size || rpc->state != KN_RPC_READY || !call || !call->on_answer)
        return KN_ADMIT;
    return rpc->handler->on_size(rpc, call->ctx, size, buf, why);
}

/* Before the first answer, what looks like a broken peer is another protocol. */
static void explain_stranger(const struct kn_rpc *rpc, struct kb_error *why)
{
    char words[sizeof why->text];
    uint8_t head[4];
    if (why->code == KB_E_LIMIT || why->code == KB_E_PROTOCOL) {
        kn_stranger_by_bytes(rpc->name, head, kn_conn_head(rpc->conn, head), words, sizeof words);
        kb_error_set(why, KB_E_PROTOCOL, "%s", words);
    } else if (why->code == KB_E_CLOSED) {
        kn_stranger_by_silence(rpc->name, rpc->port, words, sizeof words);
        kb_error_set(why, KB_E_TRANSPORT, "%s", words);
    }
}

/* A listener with SASL says what it speaks, and hangs up at anything else. */
static void explain_refusal(const struct kn_rpc *rpc, struct kb_error *why)
{
    const struct kn_call *call = KB_LIST_FIRST(&rpc->sent, struct kn_call, link);
    if (why->code == KB_E_CLOSED && call && !rpc->heard)
        kb_error_set(why, KB_E_CLOSED,
                     "%s closed the connection at its first request, %s: if it does so each time, "
                     "its listener wants SASL, which is not spoken here",
                     rpc->name, kw_api_name(call->api_key));
}

static void explain(const struct kn_rpc *rpc, struct kb_error *why)
{
    if (rpc->state == KN_RPC_NEGOTIATING)
        explain_stranger(rpc, why);
    else if (rpc->state == KN_RPC_READY)
        explain_refusal(rpc, why);
}

static void on_conn_close(struct kn_conn *conn, const struct kb_error *from)
{
    struct kn_rpc *rpc = kn_conn_owner(conn);
    struct kb_error why = *from;
    explain(rpc, &why);
    rpc->conn = NULL;
    kn_rpc_close(rpc, &why);
}

static const struct kn_conn_handler conn_handler = {
    .on_open = on_open,
    .on_size = on_size,
    .on_frame = kn_rpc_on_frame,
    .on_close = on_conn_close,
};

static void on_dialled(void *owner, struct kn_sock *sock, const struct kb_error *err)
{
    struct kn_rpc *rpc = owner;
    struct kb_error why;
    struct kn_conn_options options = {
        .max_frame_bytes = rpc->options.max_frame_bytes,
        .host = rpc->host,
        .transport = rpc->options.transport,
    };
    rpc->dial = NULL;
    if (sock) {
        rpc->conn = kn_conn_new(rpc->loop, sock, &options, &conn_handler, rpc, &why);
        err = &why;
    }
    if (!rpc->conn)
        kn_rpc_close(rpc, err);
}

/* ---- Beginning ---------------------------------------------------------- */

static void fill_defaults(struct kn_rpc_options *options)
{
    if (options->setup_ms == 0)
        options->setup_ms = SETUP_MS;
    if (options->setup_max_ms == 0)
        options->setup_max_ms = SETUP_MAX_MS;
    if (options->versions_ms == 0)
        options->versions_ms = KB_FOREVER;
    if (options->max_in_flight == 0)
        options->max_in_flight = IN_FLIGHT;
}

static char *make_name(const char *host, uint16_t port)
{
    size_t size = strlen(host) + 8;
    char *name = kb_malloc(size);
    if (name)
        snprintf(name, size, "%s:%u", host, port);
    return name;
}

static void init(struct kn_rpc *rpc)
{
    kb_list_init(&rpc->waiting);
    kb_list_init(&rpc->sent);
    kb_list_init(&rpc->leaving);
    kn_timer_init(&rpc->setup, on_setup_timer);
    kn_task_init(&rpc->ready_task, on_ready_task);
    kn_task_init(&rpc->end_task, on_end);
    for (size_t i = 0; i < KB_ARRAY_SIZE(rpc->ranges); i++)
        rpc->ranges[i] = (struct kn_version_range){.min = 0, .max = -1};
}

static bool start(struct kn_rpc *rpc)
{
    struct kb_time now = kn_loop_now(rpc->loop);
    struct kn_dial_options options = {.attempt_ms = rpc->options.setup_ms};
    rpc->idle_since_ms = now.mono_ms;
    rpc->dial = kn_dial_new(rpc->loop, rpc->host, rpc->port, &options, on_dialled, rpc);
    if (rpc->dial)
        kn_timer_set(rpc->loop, &rpc->setup, kb_deadline(now, rpc->options.setup_max_ms));
    return rpc->dial != NULL;
}

struct kn_rpc *kn_rpc_new(struct kn_loop *loop, const char *host, uint16_t port,
                          const struct kn_rpc_options *options,
                          const struct kn_rpc_handler *handler, void *owner)
{
    size_t size = strlen(host) + 1;
    struct kn_rpc *rpc = kb_calloc(1, sizeof *rpc + size);
    if (!rpc)
        return NULL;
    memcpy(rpc->host, host, size);
    rpc->port = port;
    rpc->loop = loop;
    rpc->handler = handler;
    rpc->owner = owner;
    rpc->options = *options;
    fill_defaults(&rpc->options);
    init(rpc);
    rpc->name = make_name(host, port);
    if (rpc->name && start(rpc))
        return rpc;
    kb_free(rpc->name);
    kb_free(rpc);
    return NULL;
}

/* ---- What there is to know ---------------------------------------------- */

void *kn_rpc_owner(const struct kn_rpc *rpc)
{
    return rpc->owner;
}

struct kn_loop *kn_rpc_loop(const struct kn_rpc *rpc)
{
    return rpc->loop;
}

enum kn_rpc_state kn_rpc_state(const struct kn_rpc *rpc)
{
    return rpc->state;
}

const char *kn_rpc_name(const struct kn_rpc *rpc)
{
    return rpc->name;
}

void kn_rpc_resume_read(struct kn_rpc *rpc)
{
    if (rpc->conn)
        kn_conn_resume_read(rpc->conn);
}

int kn_rpc_version(const struct kn_rpc *rpc, int16_t api_key, int16_t min, int16_t max)
{
    if (api_key < 0 || api_key >= KW_API_KEY_END)
        return -1;
    const struct kn_version_range *range = &rpc->ranges[api_key];
    int16_t best = KB_MIN(max, range->max);
    return best >= KB_MAX(min, range->min) ? best : -1;
}

bool kn_rpc_range(const struct kn_rpc *rpc, int16_t api_key, int16_t *min, int16_t *max)
{
    if (api_key < 0 || api_key >= KW_API_KEY_END)
        return false;
    *min = rpc->ranges[api_key].min;
    *max = rpc->ranges[api_key].max;
    return *max >= *min;
}

struct kb_buf *kn_rpc_api_versions(const struct kn_rpc *rpc, int16_t *version)
{
    *version = rpc->versions_version;
    return rpc->versions;
}
