/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/server.h"
#include "base/mem.h"
#include "broker/drive/source.h"
#include "broker/server/link.h"
#include "broker/server/request_log.h"

void kd_server_init(struct kd_server *server, struct kd_shard *shard)
{
    memset(server, 0, sizeof *server);
    server->shard = shard;
    kd_credit_init(&server->credit, shard->loop, shard->config->queued_max_request_bytes);
    kb_list_init(&server->links);
    kb_list_init(&server->spare);
}

/* ---- Listening ---------------------------------------------------------- */

static bool same_host(const struct kn_addr *a, const struct kn_addr *b)
{
    struct kn_addr x = *a, y = *b;
    char text[2][KN_ADDR_TEXT];
    kn_addr_set_port(&x, 0);
    kn_addr_set_port(&y, 0);
    return !strcmp(kn_addr_format(&x, text[0]), kn_addr_format(&y, text[1]));
}

/* Counted only where the operator set a limit. */
static bool too_many_from(const struct kd_server *server, const struct kn_addr *peer)
{
    int32_t limit = server->shard->config->max_connections_per_ip, count = 0;
    if (limit >= server->shard->config->max_connections)
        return false;
    KB_LIST_EACH(it, &server->links)
        count += same_host(&KB_CONTAINER(it, struct kd_link, link)->peer, peer);
    return count >= limit;
}

static void on_accept(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    struct kd_door *door = owner;
    struct kd_server *server = door->server;
    char name[KN_ADDR_TEXT];
    if (server->link_count < server->shard->config->max_connections &&
        !too_many_from(server, peer)) {
        kd_link_open(server, sock, peer, door->listener, door->spec);
        return;
    }
    KB_LOG(server->shard->log, KB_LOG_WARN, "server", "connection refused, limit reached peer=%s",
           kn_addr_format(peer, name));
    sock->ops->close(sock, true);
    kn_listener_release(door->listener);
}

static void on_starved(void *owner, int error)
{
    struct kd_door *door = owner;
    KB_LOG(door->server->shard->log, KB_LOG_WARN, "server",
           "connections wait to be accepted reason=\"%s\"", strerror(error));
}

static int open_door(struct kd_server *server, struct kd_listener_spec *spec, struct kb_error *err)
{
    struct kd_door *door = &server->doors[server->door_count];
    struct kn_listener_options options = {.backlog = server->shard->config->backlog,
                                          .on_starved = on_starved};
    struct kn_addr bound;
    struct kb_error why;
    door->server = server;
    door->spec = spec;
    door->listener = kn_listener_open(server->shard->loop, spec->bind.host,
                                      (uint16_t)spec->bind.port, &options, on_accept, door, &why);
    if (!door->listener)
        return kb_error_set(err, why.code, "cannot listen on %s://%s:%d: %s", spec->name,
                            spec->bind.host, spec->bind.port, why.text);
    server->door_count++;
    kn_listener_local(door->listener, &bound);
    kd_listeners_bound(spec, kn_addr_port(&bound));
    return 0;
}

int kd_server_open(struct kd_server *server, struct kb_error *err)
{
    struct kd_listeners *listeners = &server->shard->listeners;
    int code = 0;
    for (int i = 0; !code && i < listeners->count; i++)
        code = open_door(server, &listeners->specs[i], err);
    return code;
}

static void close_doors(struct kd_server *server)
{
    KB_LIST_EACH(it, &server->links)
        KB_CONTAINER(it, struct kd_link, link)->listener = NULL;
    while (server->door_count > 0)
        kn_listener_close(server->doors[--server->door_count].listener);
}

void kd_server_close(struct kd_server *server, int64_t deadline_ms,
                     void (*drained)(struct kd_server *))
{
    close_doors(server);
    server->drained = drained;
    if (server->link_count == 0) {
        drained(server);
        return;
    }
    server->deadline_ms = deadline_ms;
    KB_LIST_EACH_SAFE(it, &server->links)
        kd_link_finish(KB_CONTAINER(it, struct kd_link, link));
}

void kd_server_deinit(struct kd_server *server)
{
    server->drained = NULL;
    close_doors(server);
    while (!kb_list_empty(&server->links)) {
        struct kd_link *link = KB_LIST_FIRST(&server->links, struct kd_link, link);
        kn_conn_drop(link->conn);
        kd_link_free(link);
    }
}

void kd_server_forget_spares(struct kd_server *server)
{
    while (!kb_list_empty(&server->spare)) {
        struct kd_request *request = KB_LIST_FIRST(&server->spare, struct kd_request, link);
        kb_list_remove(&request->link);
        kb_arena_deinit(&request->arena);
        kb_free(request);
    }
    server->spare_count = 0;
}

/* ---- Requests ----------------------------------------------------------- */

static struct kd_request *take_spare(struct kd_server *server)
{
    struct kb_list *link = kb_list_pop_front(&server->spare);
    if (!link)
        return NULL;
    server->spare_count--;
    struct kd_request *request = KB_CONTAINER(link, struct kd_request, link);
    struct kb_arena arena = request->arena;
    *request = (struct kd_request){.arena = arena};
    return request;
}

struct kd_request *kd_server_request_new(struct kd_server *server, struct kd_link *link)
{
    struct kd_request *request = take_spare(server);
    if (!request) {
        request = KB_NEW(struct kd_request);
        if (!request)
            return NULL;
        kb_arena_init(&request->arena, KD_ARENA_BYTES);
    }
    kb_list_init(&request->link);
    kn_timer_init(&request->timer, NULL);
    request->peer = link;
    request->server = server;
    request->shard = server->shard;
    return request;
}

void kd_server_request_free(struct kd_server *server, struct kd_request *request)
{
    kn_timer_cancel(server->shard->loop, &request->timer);
    kd_request_log_drop(request);
    for (size_t i = 0; i < request->piece_count; i++)
        kb_buf_unref(request->pieces[i].owner);
    if (request->source)
        kd_source_free(request->source);
    kb_buf_unref(request->frame);
    bool grown = request->arena.granted - request->arena.budget > KD_SPARE_BYTES;
    if (!grown && server->spare_count < KD_SPARE_REQUESTS) {
        kb_arena_reset(&request->arena);
        kb_list_push_front(&server->spare, &request->link);
        server->spare_count++;
        return;
    }
    kb_arena_deinit(&request->arena);
    kb_free(request);
}
