/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_REQUEST_H
#define KD_REQUEST_H
/*
 * One request on its way through the broker. The frame it came in and an arena
 * live as long as it does; what is decoded are views into both.
 *
 * A handler either answers before it returns, or leaves the request parked and
 * answers later from the loop; it must answer once. While it is parked its
 * connection may go, or the broker stop: then `cancel`, if set, is called; it
 * gives up the wait and answers (nothing will do). Without a connection an
 * answer is dropped. After the answer the request is gone.
 */
#include "base/arena.h"
#include "broker/server/shard.h"
#include "wire/frame.h"

struct kd_api;
struct kd_server;
struct kd_link;
struct kd_source;
struct kd_request_log;

struct kd_request {
    struct kb_list link;  /* in its connection's order */
    struct kd_link *peer; /* NULL: the connection has gone */
    struct kd_server *server;
    struct kd_shard *shard;
    const struct kd_api *api;
    struct kw_request_header header; /* client_id: a view of the frame */
    struct kb_buf *frame;
    struct kw_reader body;
    struct kb_arena arena;
    struct kn_timer timer; /* the handler's, for its deadline */
    void (*cancel)(struct kd_request *request);
    void *op;                   /* the handler's, in the arena */
    struct kd_request_log *log; /* NULL: it is not logged */

    bool answered, silent, sending;
    struct kb_piece *pieces; /* of the answer, in the arena */
    size_t piece_count;
    struct kd_source *source; /* follows the pieces; or NULL */
};

/* The frame's bytes are not needed any more: what the handler keeps is in the
 * arena. Its memory goes back to the budget once nobody else holds it. */
void kd_request_drop_frame(struct kd_request *request);
/* It cannot be decoded: the connection is closed, as Kafka does. The request
 * is gone. */
void kd_request_refuse(struct kd_request *request);

/* An answer: begin writes the header, then the handler encodes the body.
 *
 *     kd_answer_begin(request, &w);
 *     kw_metadata_response_encode(&w, version, &out);
 *     kd_answer_end(request, &w);
 */
void kd_answer_begin(struct kd_request *request, struct kw_writer *w);
void kd_answer_end(struct kd_request *request, struct kw_writer *w);
/* What was written is `source`'s first piece already. */
void kd_answer_source(struct kd_request *request, struct kd_source *source);
void kd_answer_nothing(struct kd_request *request); /* acks=0 */
/* A code as clients know it: ours mean nothing to them. A lack of memory passes, and
 * is told as one of which every client asks again. */
int16_t kd_answer_code(int code);
/* Out of memory in mid-answer: the connection is closed. */
void kd_answer_fail(struct kd_request *request, const char *why);

struct kb_time kd_request_now(const struct kd_request *request);
/* fn(request) at the deadline, unless it is answered before. */
void kd_request_park(struct kd_request *request, int64_t timeout_ms, void (*fn)(struct kn_timer *));

#endif
