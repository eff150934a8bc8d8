/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: from frames to requests, from answers to frames. */
#include "broker/server/link.h"
#include "base/mem.h"
#include "broker/api/api.h"
#include "broker/drive/source.h"
#include "broker/server/request_log.h"
#include <stdio.h>

enum { KEY_AND_VERSION_BYTES = 4 };

static void start(struct kd_link *link, struct kd_request *request);

static void protocol_error(struct kd_link *link, const char *what)
{
    struct kb_error why;
    kb_error_set(&why, KB_E_PROTOCOL, "%s", what);
    kn_conn_close(link->conn, &why);
}

/* ---- Order -------------------------------------------------------------- */

static bool is_pipelined(const struct kd_request *request)
{
    return request->api->flags & KD_PIPELINED;
}

static bool has_room(const struct kd_link *link, const struct kd_request *request)
{
    if (kn_conn_is_full(link->conn))
        return false;
    if (link->in_progress == 0)
        return true;
    if (!is_pipelined(request) || link->in_progress >= KD_PIPELINE)
        return false;
    KB_LIST_EACH(it, &link->requests)
        if (!is_pipelined(KB_CONTAINER(it, struct kd_request, link)))
            return false;
    return true;
}

static void go_on(struct kd_link *link)
{
    struct kd_request *held = link->held;
    if (link->finishing) {
        if (link->in_progress == 0)
            kn_conn_finish(link->conn, link->server->deadline_ms);
        return;
    }
    if (held && has_room(link, held)) {
        link->held = NULL;
        start(link, held);
    }
    if (!link->held && link->in_progress < KD_PIPELINE && !kn_conn_is_full(link->conn))
        kn_conn_resume_read(link->conn);
}

/* Its last byte is with the socket, or the connection has ended. */
static void finish(struct kd_link *link, struct kd_request *request)
{
    kb_list_remove(&request->link);
    link->in_progress--;
    kd_server_request_free(link->server, request);
}

static void on_sent(struct kn_conn *conn, void *ctx, bool sent)
{
    struct kd_request *request = ctx;
    struct kd_link *link = kn_conn_owner(conn);
    finish(link, request);
    if (sent)
        go_on(link);
}

/* An answer that is pulled from the log stays in progress until it is sent, so
 * that a slow reader holds one. */
static bool send_answer(struct kd_link *link, struct kd_request *request)
{
    struct kn_source *source =
        request->source ? kd_source_start(request->source, link->conn) : NULL;
    request->source = NULL;
    int code = kn_conn_send(link->conn, request->pieces, request->piece_count, source);
    request->piece_count = 0;
    if (!code && source && kn_conn_mark(link->conn, on_sent, request) == 0)
        return false;
    if (code && code != KB_E_CLOSED)
        protocol_error(link, "an answer could not be queued");
    return true;
}

static void flush(struct kd_link *link)
{
    struct kd_request *request;
    while ((request = KB_LIST_FIRST(&link->requests, struct kd_request, link)) &&
           request->answered) {
        if (request->sending)
            return;
        request->sending = true;
        if (request->silent || send_answer(link, request))
            finish(link, request);
    }
}

void kd_link_answered(struct kd_link *link, struct kd_request *request)
{
    request->answered = true;
    if (link->starting)
        return; /* start() goes on */
    flush(link);
    go_on(link);
}

static void start(struct kd_link *link, struct kd_request *request)
{
    kb_list_push_back(&link->requests, &request->link);
    link->in_progress++;
    link->starting = true;
    kd_request_log_start(request);
    request->api->handle(request);
    link->starting = false;
    flush(link);
}

void kd_link_finish(struct kd_link *link)
{
    link->finishing = true;
    kn_conn_pause_read(link->conn);
    KB_LIST_EACH_SAFE(it, &link->requests) {
        struct kd_request *request = KB_CONTAINER(it, struct kd_request, link);
        if (!request->answered && request->cancel)
            request->cancel(request);
    }
    go_on(link);
}

/* ---- Frames ------------------------------------------------------------- */

/* Which API, and may it be asked here? NULL: the connection is closing. How the
 * header goes on depends on the version, so that of an unknown one says nothing. */
static const struct kd_api *admit(struct kd_link *link, struct kd_request *request)
{
    char what[128];
    const struct kw_request_header *header = &request->header;
    bool named = request->frame->size >= KEY_AND_VERSION_BYTES;
    bool whole = kw_request_header_read(&request->body, &request->header);
    const struct kd_api *api = kd_api_find(header->key);
    bool known = api && header->version >= api->min_version && header->version <= api->max_version;
    if (whole && known && (link->authenticated || (api->flags & KD_BEFORE_AUTH)))
        return api;
    if (whole && api && header->key == KW_API_API_VERSIONS)
        return api; /* answers versions that do not exist, too */
    if (named && !known)
        snprintf(what, sizeof what, "request key=%d version=%d is not served", header->key,
                 header->version);
    else
        snprintf(what, sizeof what, "malformed request header key=%d", header->key);
    protocol_error(link, what);
    return NULL;
}

static void on_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    struct kd_link *link = kn_conn_owner(conn);
    struct kd_request *request = kd_server_request_new(link->server, link);
    if (!request) {
        kb_buf_unref(frame);
        protocol_error(link, "out of memory");
        return;
    }
    request->frame = frame;
    request->body = kw_reader_of(kb_buf_view(frame));
    request->api = admit(link, request);
    kd_request_log_begin(request);
    if (!request->api) {
        kd_request_log_end(request);
        kd_server_request_free(link->server, request);
        return;
    }
    if (has_room(link, request)) {
        start(link, request);
    } else {
        link->held = request;
        kn_conn_pause_read(conn);
    }
}

static enum kn_admit on_size(struct kn_conn *conn, uint32_t size, struct kb_buf **buf,
                             struct kb_error *why)
{
    struct kd_link *link = kn_conn_owner(conn);
    bool wait;
    *buf = kd_credit_take(&link->server->credit, size, &wait);
    if (*buf)
        return KN_ADMIT;
    if (wait) {
        kd_credit_await(&link->server->credit, &link->credit, size);
        return KN_WAIT;
    }
    kb_error_set(why, KB_E_NO_MEMORY, "no memory for a request of %u bytes", size);
    return KN_REFUSE;
}

static void on_credit(struct kd_credit_wait *wait)
{
    kn_conn_resume_read(KB_CONTAINER(wait, struct kd_link, credit)->conn);
}

static void on_drain(struct kn_conn *conn)
{
    go_on(kn_conn_owner(conn));
}

/* ---- Its life ----------------------------------------------------------- */

static void log_close(const struct kd_link *link, const struct kb_error *why)
{
    bool ordinary = why->code == 0 || why->code == KB_E_CLOSED || why->code == KB_E_TRANSPORT;
    KB_LOG(link->server->shard->log, ordinary ? KB_LOG_DEBUG : KB_LOG_WARN, "server",
           "connection closed peer=%s client=\"%s\" reason=\"%s\"", kn_conn_name(link->conn),
           link->software, why->text);
}

/* Requests in progress go on without their connection. */
static void orphan(struct kd_link *link)
{
    if (link->held)
        kd_server_request_free(link->server, link->held);
    kd_turns_abandon(&link->turns);
    KB_LIST_EACH_SAFE(it, &link->requests) {
        struct kd_request *request = KB_CONTAINER(it, struct kd_request, link);
        kb_list_remove(&request->link);
        request->peer = NULL;
        if (request->answered)
            kd_server_request_free(link->server, request);
        else if (request->cancel)
            request->cancel(request);
    }
}

static void on_close(struct kn_conn *conn, const struct kb_error *why)
{
    struct kd_link *link = kn_conn_owner(conn);
    log_close(link, why);
    kd_link_free(link);
}

void kd_link_free(struct kd_link *link)
{
    struct kd_server *server = link->server;
    kn_timer_cancel(server->shard->loop, &link->idle);
    kd_credit_forget(&server->credit, &link->credit);
    orphan(link);
    kb_list_remove(&link->link);
    server->link_count--;
    if (link->listener)
        kn_listener_release(link->listener);
    kb_free(link);
    if (server->link_count == 0 && server->drained)
        server->drained(server);
}

static void on_idle(struct kn_timer *timer)
{
    struct kd_link *link = KB_CONTAINER(timer, struct kd_link, idle);
    struct kd_shard *shard = link->server->shard;
    int64_t limit = shard->config->connections_max_idle_ms;
    int64_t due = kn_conn_active_ms(link->conn) + limit;
    bool busy = link->in_progress > 0 || link->held;
    int64_t now = kn_loop_now(shard->loop).mono_ms;
    if (busy || due > now) {
        kn_timer_set(shard->loop, &link->idle, busy ? now + limit : due);
        return;
    }
    struct kb_error why;
    kb_error_set(&why, KB_E_CLOSED, "idle for connections.max.idle.ms");
    kn_conn_close(link->conn, &why);
}

static const struct kn_conn_handler handler = {
    .on_size = on_size, .on_frame = on_frame, .on_drain = on_drain, .on_close = on_close};

void kd_link_open(struct kd_server *server, struct kn_sock *sock, const struct kn_addr *peer,
                  struct kn_listener *listener, const struct kd_listener_spec *spec)
{
    struct kd_shard *shard = server->shard;
    struct kn_conn_options options = {.max_frame_bytes =
                                          (uint32_t)shard->config->request_max_bytes};
    struct kb_error err;
    struct kd_link *link = KB_NEW(struct kd_link);
    if (!link) {
        sock->ops->close(sock, true);
        kn_listener_release(listener);
        return;
    }
    link->server = server;
    link->listener = listener;
    link->spec = spec;
    link->peer = *peer;
    link->authenticated = true;
    link->credit.resume = on_credit;
    kb_list_init(&link->credit.link);
    kb_list_init(&link->requests);
    kn_timer_init(&link->idle, on_idle);
    kb_list_push_back(&server->links, &link->link);
    server->link_count++;
    link->conn = kn_conn_new(shard->loop, sock, &options, &handler, link, &err);
    if (!link->conn) {
        KB_LOG(shard->log, KB_LOG_WARN, "server", "connection refused reason=\"%s\"", err.text);
        kd_link_free(link);
    } else if (shard->config->connections_max_idle_ms >= 0) {
        kn_timer_set(shard->loop, &link->idle,
                     kb_deadline(kn_loop_now(shard->loop), shard->config->connections_max_idle_ms));
    }
}
