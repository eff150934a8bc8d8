/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_SENDQ_H
#define KN_SENDQ_H
/*
 * What a connection still has to send, in order: runs of bytes, sources that
 * give theirs when asked, and marks that tell when all before them is gone.
 * Knows no socket: it fills an iovec and is told how much of it went.
 *
 *     front ─> [size][piece][piece] [size][piece][source] [mark] <─ back
 *
 * Callbacks (source, mark) may queue more.
 */
#include "base/buf.h"
#include "net/conn.h"

enum kn_send_kind { KN_SEND_SIZE, KN_SEND_PIECE, KN_SEND_SOURCE, KN_SEND_MARK };

typedef void kn_mark_fn(struct kn_conn *, void *ctx, bool sent);

struct kn_send {
    enum kn_send_kind kind;
    uint32_t offset; /* SIZE, PIECE: bytes already gone */
    union {
        uint8_t size[4];
        struct kb_piece piece;
        struct kn_source *source;
        struct {
            kn_mark_fn *fn;
            void *ctx;
        } mark;
    };
};

struct kn_sendq {
    struct kn_send *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t head, count;
    size_t bytes;           /* of SIZE and PIECE, not gone */
    uint64_t source_left;   /* of the source at the front, not yet pulled */
    bool source_begun;      /* source_left holds */
    struct kb_piece pulled; /* of the source at the front: what is to go now */
    bool pulling;           /* inside source->next */
};

void kn_sendq_init(struct kn_sendq *queue);
/* Room for n entries more. False: no memory. */
bool kn_sendq_reserve(struct kn_sendq *queue, size_t n);
/* Room must be there. References pass. */
void kn_sendq_put_frame(struct kn_sendq *queue, const struct kb_piece *pieces, size_t n,
                        struct kn_source *source);
void kn_sendq_put_mark(struct kn_sendq *queue, kn_mark_fn *fn, void *ctx);

/* What to write next, at most max runs. 0: nothing, or the source says not
 * yet. < 0: the source cannot go on. */
int kn_sendq_gather(struct kn_sendq *queue, struct iovec *iov, int max);
/* `bytes` of what was gathered are gone; tells marks and sources. */
void kn_sendq_consume(struct kn_sendq *queue, struct kn_conn *conn, size_t bytes);
/* Everything goes; marks and sources hear false. */
void kn_sendq_drop(struct kn_sendq *queue, struct kn_conn *conn);
void kn_sendq_deinit(struct kn_sendq *queue); /* after drop */

#endif
