/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_CONN_H
#define KN_CONN_H
/*
 * A connection that carries frames, in either direction:
 *
 *     +---------------+------------------------+
 *     | size, 4 bytes | that many bytes        |   size is big-endian
 *     +---------------+------------------------+
 *
 * It adds the size to what is sent and strips it from what arrives; a frame
 * here is the body alone. Belongs to one loop and lives on its thread.
 *
 * Callbacks never come from inside a call into the connection, and any of them
 * may call any function here, close included. on_close comes last and once;
 * when it returns the connection is gone.
 */
#include "base/buf.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/transport.h"

struct kn_conn;

enum kn_admit {
    KN_ADMIT, /* read it */
    KN_WAIT,  /* no credit: the socket is not read until kn_conn_resume_read, then asked again */
    KN_REFUSE /* close; the cause is KB_E_LIMIT, or what *why was set to */
};

struct kn_conn_handler {
    /* Handshake done; frames may flow. NULL: not needed. */
    void (*on_open)(struct kn_conn *);
    /* A frame of `size` bytes comes (1 .. max_frame_bytes). *buf: where to read
     * it, capacity >= size, ownership passes; left NULL: kb_buf_new. NULL
     * handler: admit all. */
    enum kn_admit (*on_size)(struct kn_conn *, uint32_t size, struct kb_buf **buf,
                             struct kb_error *why);
    /* Ownership of the reference passes. */
    void (*on_frame)(struct kn_conn *, struct kb_buf *frame);
    /* The send queue was at its high mark and is below the low mark again. NULL: not needed. */
    void (*on_drain)(struct kn_conn *);
    /* code 0: closed by kn_conn_finish; KB_E_CLOSED: the other side ended between frames;
     * KB_E_TRANSPORT: errno and the peer's name in the text; or what kn_conn_close was told. */
    void (*on_close)(struct kn_conn *, const struct kb_error *why);
};

struct kn_conn_options {
    uint32_t max_frame_bytes;     /* incoming; 0: 100 MiB + 64 KiB */
    size_t high_bytes, low_bytes; /* send queue marks; 0: 1 MiB, 256 KiB */
    size_t max_queued_bytes;      /* kn_conn_send refuses above; 0: none */
    const char *host; /* dialled name, for the transport and errors; NULL: the peer's address */
    struct kn_transport_maker *transport; /* NULL: plain. Must outlive the connection */
};

/* Takes the socket, also on failure. NULL: err says why. Reading starts in the
 * next turn. */
struct kn_conn *kn_conn_new(struct kn_loop *loop, struct kn_sock *sock,
                            const struct kn_conn_options *options,
                            const struct kn_conn_handler *handler, void *owner,
                            struct kb_error *err);
void *kn_conn_owner(const struct kn_conn *conn);
struct kn_loop *kn_conn_loop(const struct kn_conn *conn);
const char *kn_conn_name(const struct kn_conn *conn); /* "host:port" or the address, for logs */
bool kn_conn_peer(const struct kn_conn *conn, struct kn_addr *out);
bool kn_conn_local(const struct kn_conn *conn, struct kn_addr *out);

/* ---- Sending ------------------------------------------------------------ */

/*
 * The rest of a frame, pulled piece by piece as the socket drains, so that a
 * slow peer holds one piece. Its bytes are known ahead: size_bytes in all.
 */
enum { KN_SOURCE_PIECE = 256 * 1024 };
struct kn_source {
    /* 1: *out is the next piece, 1 .. max bytes, its reference passes. 0: not
     * yet; kn_conn_resume_source goes on. < 0: cannot; the connection closes. */
    int (*next)(struct kn_source *, size_t max_bytes, struct kb_piece *out);
    /* Once, when its last byte is with the socket or the connection ends. */
    void (*done)(struct kn_source *, bool sent);
    uint64_t size_bytes;
};

/* Queues one frame: the pieces, then the source (may be NULL). The references
 * in the pieces pass, and the source until its done, on failure too. Bytes
 * leave at the end of this turn, together with what else is sent in it.
 * KB_E_CLOSED, KB_E_QUEUE_FULL, KB_E_NO_MEMORY. */
int kn_conn_send(struct kn_conn *conn, const struct kb_piece *pieces, size_t n,
                 struct kn_source *source);
/* A note behind what is queued: fn(conn, ctx, true) once all before it is with
 * the socket, false if the connection ends first. KB_E_CLOSED, KB_E_NO_MEMORY:
 * fn is not called. */
int kn_conn_mark(struct kn_conn *conn, void (*fn)(struct kn_conn *, void *ctx, bool sent),
                 void *ctx);
void kn_conn_resume_source(struct kn_conn *conn); /* none waits: nothing */
/* Bytes queued and not yet with the socket; sources not counted. */
size_t kn_conn_queued_bytes(const struct kn_conn *conn);
bool kn_conn_is_full(const struct kn_conn *conn); /* between the high mark and on_drain */

/* ---- Reading ------------------------------------------------------------ */

/* No on_frame until resumed; a frame that has begun stays half read. */
void kn_conn_pause_read(struct kn_conn *conn);
void kn_conn_resume_read(struct kn_conn *conn);
bool kn_conn_is_paused(const struct kn_conn *conn);
/* The first bytes of the frame that is being read, at most 4; answers how many.
 * For words about a peer whose bytes are no frame. */
size_t kn_conn_head(const struct kn_conn *conn, uint8_t out[4]);
/* mono_ms of the last byte either way: for connections.max.idle.ms. */
int64_t kn_conn_active_ms(const struct kn_conn *conn);

/* ---- Ending ------------------------------------------------------------- */

/* At once; what is queued is dropped. on_close comes later in this turn, with
 * this cause (NULL: KB_E_CLOSED). Closing twice keeps the first cause. */
void kn_conn_close(struct kn_conn *conn, const struct kb_error *why);
/* Reads no more, sends what is queued, then closes; at the deadline (mono_ms)
 * in any case. */
void kn_conn_finish(struct kn_conn *conn, int64_t deadline_ms);
/* At once, for an owner that goes away: no callback any more. Marks and sources
 * hear false before it returns. */
void kn_conn_drop(struct kn_conn *conn);

#endif
