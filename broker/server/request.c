/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/request.h"
#include "broker/api/api.h"
#include "broker/drive/source.h"
#include "broker/server/link.h"
#include "broker/server/request_log.h"

void kd_request_drop_frame(struct kd_request *request)
{
    kb_buf_unref(request->frame);
    request->frame = NULL;
    request->body = kw_reader_of(kb_slice_null());
    request->header.client_id = kb_slice_null();
}

struct kb_time kd_request_now(const struct kd_request *request)
{
    return kn_loop_now(request->shard->loop);
}

void kd_request_park(struct kd_request *request, int64_t timeout_ms, void (*fn)(struct kn_timer *))
{
    request->timer.fn = fn;
    kn_timer_set(request->shard->loop, &request->timer,
                 kb_deadline(kd_request_now(request), timeout_ms));
}

/* ---- Answers ------------------------------------------------------------ */

static void answered(struct kd_request *request)
{
    kn_timer_cancel(request->shard->loop, &request->timer);
    request->cancel = NULL;
    kd_request_log_end(request);
    if (request->peer)
        kd_link_answered(request->peer, request);
    else
        kd_server_request_free(request->server, request);
}

static void close_peer(struct kd_request *request, int code, const char *what)
{
    struct kb_error why;
    kb_error_set(&why, code, "%s v%d: %s", kw_api_name(request->header.key),
                 request->header.version, what);
    if (request->peer)
        kn_conn_close(request->peer->conn, &why);
    request->silent = true;
    answered(request);
}

void kd_request_refuse(struct kd_request *request)
{
    close_peer(request, KB_E_PROTOCOL,
               request->body.fault ? request->body.fault : "cannot be decoded");
}

void kd_answer_fail(struct kd_request *request, const char *why)
{
    close_peer(request, KB_E_NO_MEMORY, why);
}

int16_t kd_answer_code(int code)
{
    if (code == KB_E_NO_MEMORY)
        return KB_E_KAFKA_STORAGE_ERROR;
    return (int16_t)(code <= KB_E_TIMED_OUT ? KB_E_UNKNOWN_SERVER_ERROR : code);
}

void kd_answer_nothing(struct kd_request *request)
{
    request->silent = true;
    answered(request);
}

void kd_answer_begin(struct kd_request *request, struct kw_writer *w)
{
    kw_writer_init(w, KD_ANSWER_BYTES);
    kw_response_header_write(w, request->header.key, request->header.version,
                             request->header.correlation_id);
}

void kd_answer_end(struct kd_request *request, struct kw_writer *w)
{
    const char *fault = w->fault;
    struct kb_buf *buf = kw_writer_take(w);
    request->pieces = buf ? kb_arena_alloc(&request->arena, sizeof *request->pieces) : NULL;
    if (!request->pieces) {
        kb_buf_unref(buf);
        kd_answer_fail(request, fault ? fault : "no memory for the answer");
        return;
    }
    request->pieces[0] = (struct kb_piece){buf, kb_buf_view(buf)};
    request->piece_count = 1;
    answered(request);
}

void kd_answer_source(struct kd_request *request, struct kd_source *source)
{
    request->source = source;
    answered(request);
}
