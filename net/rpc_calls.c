/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rpc_impl.h"

#include "base/mem.h"
#include "wire/frame.h"

#include <stdio.h>

enum { HEADER_MAX = 64 * 1024 };

/* ---- One call ----------------------------------------------------------- */

static void drop_pieces(struct kn_call *call)
{
    for (size_t i = 0; i < call->n; i++)
        kb_buf_unref(call->pieces[i].owner);
    call->n = 0;
}

/* Out of its list, with its place in the counts given back. */
static void detach(struct kn_call *call)
{
    struct kn_rpc *rpc = call->rpc;
    kb_list_remove(&call->link);
    kn_timer_cancel(rpc->loop, &call->deadline);
    int *count = call->started ? &rpc->flight_count : &rpc->waiting_count;
    --*count;
    if (rpc->flight_count + rpc->waiting_count == 0)
        rpc->idle_since_ms = kn_loop_now(rpc->loop).mono_ms;
}

/* The call is gone when its owner hears. */
static void end_call(struct kn_call *call, struct kn_answer *answer)
{
    kn_answer_fn *on_answer = call->on_answer;
    void *ctx = call->ctx;
    answer->version = call->version;
    answer->sent = call->started;
    answer->took_ms = kn_loop_now(call->rpc->loop).mono_ms - call->began_ms;
    detach(call);
    drop_pieces(call);
    kb_free(call);
    if (on_answer)
        on_answer(ctx, answer);
}

void kn_call_cancel(struct kn_call *call)
{
    call->on_answer = NULL;
    if (call->started)
        return;
    detach(call);
    drop_pieces(call);
    kb_free(call);
}

void kn_rpc_end_calls(struct kn_rpc *rpc, bool told)
{
    struct kb_list *lists[] = {&rpc->sent, &rpc->leaving, &rpc->waiting};
    struct kb_error why = rpc->why;
    for (size_t i = 0; i < KB_ARRAY_SIZE(lists); i++) {
        while (!kb_list_empty(lists[i])) {
            struct kn_call *call = KB_LIST_FIRST(lists[i], struct kn_call, link);
            struct kn_answer answer = {.err = &why};
            if (!told)
                call->on_answer = NULL;
            end_call(call, &answer);
        }
    }
}

static void time_out(struct kn_call *call, struct kb_error *why)
{
    bool stranger = call->rpc->state == KN_RPC_NEGOTIATING;
    kb_error_set(why, KB_E_TIMED_OUT, "%s: no answer to %s within %lld ms%s", call->rpc->name,
                 kw_api_name(call->api_key), (long long)call->timeout_ms,
                 stranger ? "; is it a Kafka broker?" : "");
    why->broker = call->rpc->options.broker;
}

/* A call that was never sent ends alone; one that was leaves the stream out of
 * step. */
static void on_deadline(struct kn_timer *timer)
{
    struct kn_call *call = KB_CONTAINER(timer, struct kn_call, deadline);
    struct kb_error why;
    struct kn_answer answer = {.err = &why};
    time_out(call, &why);
    if (call->started)
        kn_rpc_close(call->rpc, &why);
    else
        end_call(call, &answer);
}

/* ---- Sending ------------------------------------------------------------ */

static void tell_room(struct kn_rpc *rpc)
{
    if (rpc->state == KN_RPC_READY && rpc->handler->on_room &&
        rpc->flight_count + rpc->waiting_count < rpc->options.max_in_flight)
        rpc->handler->on_room(rpc);
}

static void pump(struct kn_rpc *rpc);

static void on_left(struct kn_conn *conn, void *ctx, bool sent)
{
    struct kn_call *call = ctx;
    struct kn_rpc *rpc = call->rpc;
    struct kn_answer answer = {0};
    (void)conn;
    if (!sent)
        return; /* it ends with all the others */
    end_call(call, &answer);
    pump(rpc);
    tell_room(rpc);
}

static int hand_over(struct kn_rpc *rpc, struct kn_call *call)
{
    size_t n = call->n;
    struct kn_tap *tap = rpc->options.tap;
    if (tap && tap->on_request)
        tap->on_request(tap, rpc, call->pieces, n);
    call->n = 0; /* the references pass */
    int rc = kn_conn_send(rpc->conn, call->pieces, n, NULL);
    if (rc == 0 && call->no_answer)
        rc = kn_conn_mark(rpc->conn, on_left, call);
    return rc;
}

static void start_call(struct kn_rpc *rpc, struct kn_call *call)
{
    struct kb_error why;
    kb_list_remove(&call->link);
    kb_list_push_back(call->no_answer ? &rpc->leaving : &rpc->sent, &call->link);
    call->started = true;
    rpc->waiting_count--;
    rpc->flight_count++;
    int rc = hand_over(rpc, call);
    if (rc == 0)
        return;
    kb_error_set(&why, rc, "%s: %s could not be sent", rpc->name, kw_api_name(call->api_key));
    kn_rpc_close(rpc, &why);
}

static void pump(struct kn_rpc *rpc)
{
    while (rpc->state != KN_RPC_CLOSED && rpc->flight_count < rpc->options.max_in_flight &&
           !kb_list_empty(&rpc->waiting))
        start_call(rpc, KB_LIST_FIRST(&rpc->waiting, struct kn_call, link));
}

static struct kb_buf *make_header(struct kn_rpc *rpc, const struct kn_call *call)
{
    struct kw_writer w;
    struct kw_request_header header = {
        .key = call->api_key,
        .version = call->version,
        .correlation_id = call->correlation,
        .client_id = kb_slice_str(rpc->options.client_id),
    };
    kw_writer_init(&w, HEADER_MAX);
    kw_request_header_write(&w, &header);
    return kw_writer_take(&w);
}

static struct kn_call *make_call(struct kn_rpc *rpc, const struct kn_request *request)
{
    struct kn_call *call = kb_calloc(1, sizeof *call + (request->n + 1) * sizeof call->pieces[0]);
    if (!call)
        return NULL;
    call->rpc = rpc;
    call->on_answer = request->on_answer;
    call->ctx = request->ctx;
    call->began_ms = kn_loop_now(rpc->loop).mono_ms;
    call->timeout_ms = request->timeout_ms;
    call->api_key = request->api_key;
    call->version = request->version;
    call->no_answer = request->no_answer;
    call->correlation = rpc->next_correlation;
    struct kb_buf *header = make_header(rpc, call);
    if (!header) {
        kb_free(call);
        return NULL;
    }
    call->pieces[call->n++] = (struct kb_piece){header, kb_buf_view(header)};
    for (size_t i = 0; i < request->n; i++)
        call->pieces[call->n++] = request->pieces[i];
    return call;
}

struct kn_call *kn_call_new(struct kn_rpc *rpc, const struct kn_request *request,
                            struct kb_error *err)
{
    struct kn_call *call = make_call(rpc, request);
    if (!call) {
        for (size_t i = 0; i < request->n; i++)
            kb_buf_unref(request->pieces[i].owner);
        kb_error_set(err, KB_E_NO_MEMORY, "%s: no memory for a call", rpc->name);
        return NULL;
    }
    rpc->next_correlation = (rpc->next_correlation + 1) & INT32_MAX;
    kn_timer_init(&call->deadline, on_deadline);
    kn_timer_set(rpc->loop, &call->deadline,
                 kb_deadline(kn_loop_now(rpc->loop), request->timeout_ms));
    kb_list_push_back(&rpc->waiting, &call->link);
    rpc->waiting_count++;
    pump(rpc);
    return call;
}

struct kn_call *kn_rpc_call(struct kn_rpc *rpc, const struct kn_request *request,
                            struct kb_error *err)
{
    if (rpc->state == KN_RPC_AUTHENTICATING || rpc->state == KN_RPC_READY)
        return kn_call_new(rpc, request, err);
    for (size_t i = 0; i < request->n; i++)
        kb_buf_unref(request->pieces[i].owner);
    kb_error_set(err, rpc->state == KN_RPC_CLOSED ? KB_E_CLOSED : KB_E_STATE, "%s: not connected",
                 rpc->name);
    return NULL;
}

/* ---- Answers ------------------------------------------------------------ */

static void out_of_step(struct kn_rpc *rpc, const char *what)
{
    struct kb_error why;
    kb_error_set(&why, KB_E_PROTOCOL,
                 rpc->state == KN_RPC_NEGOTIATING ? "%s does not speak the Kafka protocol (%s)"
                                                  : "%s: %s",
                 rpc->name, what);
    kn_rpc_close(rpc, &why);
}

static void tell_tap(const struct kn_rpc *rpc, const struct kn_call *call,
                     const struct kb_buf *frame)
{
    struct kn_tap *tap = rpc->options.tap;
    if (tap && tap->on_response)
        tap->on_response(tap, rpc, call->api_key, call->version, kb_buf_view(frame),
                         kn_loop_now(rpc->loop).mono_ms - call->began_ms);
}

static void answer_call(struct kn_rpc *rpc, struct kb_buf *frame)
{
    struct kn_call *call = KB_LIST_FIRST(&rpc->sent, struct kn_call, link);
    struct kw_reader reader = kw_reader_of(kb_buf_view(frame));
    int32_t correlation = -1;
    if (!call) {
        out_of_step(rpc, "it answers what was not asked");
        return;
    }
    if (!kw_response_header_read(&reader, call->api_key, call->version, &correlation) ||
        correlation != call->correlation) {
        char what[64];
        snprintf(what, sizeof what, "it answers request %d, and %d is due", correlation,
                 call->correlation);
        out_of_step(rpc, what);
        return;
    }
    rpc->heard |= rpc->state == KN_RPC_READY;
    struct kn_answer answer = {.frame = frame, .body = &reader};
    tell_tap(rpc, call, frame);
    end_call(call, &answer);
    pump(rpc);
    tell_room(rpc);
}

void kn_rpc_on_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    answer_call(kn_conn_owner(conn), frame);
    kb_buf_unref(frame);
}

/* ---- Counts ------------------------------------------------------------- */

int kn_rpc_in_flight(const struct kn_rpc *rpc)
{
    return rpc->flight_count;
}

int kn_rpc_waiting(const struct kn_rpc *rpc)
{
    return rpc->waiting_count;
}

int64_t kn_rpc_idle_since_ms(const struct kn_rpc *rpc)
{
    return rpc->flight_count + rpc->waiting_count ? KB_NEVER : rpc->idle_since_ms;
}
