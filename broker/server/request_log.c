/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/request_log.h"

#include "base/mem.h"
#include "base/time.h"
#include "broker/drive/source.h"
#include "broker/server/link.h"
#include "wire/print.h"

#include <inttypes.h>
#include <stdio.h>

struct kd_request_log {
    int64_t came_ns, started_ns;
    size_t request_bytes;
    bool messages;
    char request[KD_LOGGED_BYTES], response[KD_LOGGED_BYTES]; /* "": nothing to tell */
};

void kd_request_log_begin(struct kd_request *request)
{
    int32_t wanted = request->shard->config->log_requests;
    if (wanted == KD_LOG_NO_REQUESTS || !request->shard->log)
        return;
    struct kd_request_log *log = kb_malloc(sizeof *log);
    if (!log)
        return;
    log->came_ns = log->started_ns = kb_mono_ns();
    log->request_bytes = request->frame->size;
    log->messages = wanted == KD_LOG_MESSAGES;
    log->response[0] = '\0';
    kw_print_request(kb_buf_view(request->frame), log->messages ? 0 : KW_PRINT_NO_BODY,
                     log->request, sizeof log->request);
    request->log = log;
}

void kd_request_log_start(struct kd_request *request)
{
    if (request->log)
        request->log->started_ns = kb_mono_ns();
}

void kd_request_log_message(struct kd_request *request, const void *response)
{
    struct kd_request_log *log = request->log;
    if (log && log->messages)
        kw_print_message(kw_message_find(request->header.key, true), request->header.version,
                         response, KW_PRINT_SIZES, log->response, sizeof log->response);
}

/* The answer as encoded, if it lies in one piece. */
static void print_answer(struct kd_request_log *log, const struct kd_request *request)
{
    int32_t correlation_id;
    int16_t key = request->header.key, version = request->header.version;
    if (!log->messages || log->response[0] || request->piece_count != 1)
        return;
    struct kw_reader r = kw_reader_of(request->pieces[0].bytes);
    if (kw_response_header_read(&r, key, version, &correlation_id))
        kw_print_body(key, version, true, kb_slice_of(r.next, kw_reader_left(&r)), 0, log->response,
                      sizeof log->response);
}

static uint64_t answer_bytes(const struct kd_request *request)
{
    uint64_t bytes = request->source ? kd_source_size_bytes(request->source) : 0;
    for (size_t i = 0; i < request->piece_count; i++)
        bytes += request->pieces[i].bytes.size;
    return bytes;
}

static void write_line(const struct kd_request_log *log, const struct kd_request *request)
{
    enum { FACTS_BYTES = 256 };
    char line[FACTS_BYTES + 2 * KD_LOGGED_BYTES];
    snprintf(line, sizeof line,
             "peer=%s request_bytes=%zu response_bytes=%" PRIu64 " queued_us=%" PRId64
             " handled_us=%" PRId64 " request=%s%s%s",
             request->peer ? kn_conn_name(request->peer->conn) : "gone", log->request_bytes,
             answer_bytes(request), (log->started_ns - log->came_ns) / 1000,
             (kb_mono_ns() - log->started_ns) / 1000, log->request,
             log->response[0] ? " response=" : "", log->response);
    kb_log_text(request->shard->log, KB_LOG_INFO, "request", line);
}

void kd_request_log_end(struct kd_request *request)
{
    if (!request->log)
        return;
    print_answer(request->log, request);
    write_line(request->log, request);
    kd_request_log_drop(request);
}

void kd_request_log_drop(struct kd_request *request)
{
    kb_free(request->log);
    request->log = NULL;
}
