/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/fragment.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum { KEY_BYTES = 1000, RECORD_MAX = 100, HEAD = 2, MASK = 0x5a };

struct fragment {
    struct kn_transport transport;
    size_t step;
    bool greeted, met; /* handshake: our 'A' is queued, theirs has come */
    bool key_wanted;   /* we asked; no write until 'A' */
    size_t since_key;
    size_t writing; /* payload of the record that a write is in the middle of */
    unsigned wants_write;
    uint8_t out[RECORD_MAX + 4 * HEAD]; /* records not yet with the socket */
    size_t out_size;
    uint8_t in[4096]; /* bytes from the socket, whole records or not */
    size_t in_size;
    uint8_t plain[4096]; /* what read() will give */
    size_t plain_size;
    int ended; /* 1: the stream's end; < 0: -errno */
};

static struct fragment *of(struct kn_transport *transport)
{
    return KB_CONTAINER(transport, struct fragment, transport);
}

static void cut_front(uint8_t *data, size_t *size, size_t n)
{
    *size -= n;
    memmove(data, data + n, *size);
}

static void put_record(struct fragment *f, char type, const uint8_t *data, size_t size)
{
    KB_CHECK(f->out_size + HEAD + size <= sizeof f->out);
    f->out[f->out_size++] = (uint8_t)type;
    f->out[f->out_size++] = (uint8_t)size;
    for (size_t i = 0; i < size; i++)
        f->out[f->out_size++] = data[i] ^ MASK;
}

/* 0: all is with the socket. */
static int drain(struct fragment *f)
{
    while (f->out_size) {
        struct iovec iov = {f->out, KB_MIN(f->step, f->out_size)};
        int64_t n = f->transport.sock->ops->writev(f->transport.sock, &iov, 1);
        if (n < 0)
            return (int)n;
        cut_front(f->out, &f->out_size, (size_t)n);
    }
    return 0;
}

static bool decode_one(struct fragment *f)
{
    size_t size = f->in_size >= HEAD ? f->in[1] : 0;
    if (f->in_size < HEAD || f->in_size < HEAD + size || f->plain_size + size > sizeof f->plain)
        return false;
    if (f->in[0] == 'K')
        put_record(f, 'A', NULL, 0);
    if (f->in[0] == 'A') {
        f->met = true;
        f->key_wanted = false;
    }
    for (size_t i = 0; i < size; i++)
        f->plain[f->plain_size++] = f->in[HEAD + i] ^ MASK;
    cut_front(f->in, &f->in_size, HEAD + size);
    return true;
}

static void decode(struct fragment *f)
{
    while (decode_one(f))
        ;
}

/* Reads one step and decodes what is whole. 0 or -EAGAIN; the end sticks. */
static int fetch(struct fragment *f)
{
    struct iovec iov = {f->in + f->in_size, KB_MIN(f->step, sizeof f->in - f->in_size)};
    int64_t n = f->ended ? 0 : f->transport.sock->ops->readv(f->transport.sock, &iov, 1);
    if (n == -EAGAIN)
        return -EAGAIN;
    if (n <= 0 && !f->ended)
        f->ended = n == 0 ? 1 : (int)n;
    if (n > 0)
        f->in_size += (size_t)n;
    decode(f);
    return 0;
}

/* An answer that is owed goes before anything more is read; behind a record in
 * the middle of its write, it goes with that. */
static int64_t fragment_read(struct kn_transport *transport, void *data, size_t size)
{
    struct fragment *f = of(transport);
    while (f->plain_size == 0) {
        int rc = f->writing ? 0 : drain(f);
        if (rc == 0 && f->ended)
            return f->ended == 1 ? 0 : f->ended;
        if (rc == 0)
            rc = fetch(f);
        if (rc < 0)
            return rc;
    }
    size = KB_MIN(size, f->plain_size);
    memcpy(data, f->plain, size);
    cut_front(f->plain, &f->plain_size, size);
    decode(f); /* what had no room before */
    if (!f->writing)
        drain(f); /* if it cannot, wants says so */
    return (int64_t)size;
}

static int wait_for_key(struct fragment *f)
{
    while (f->key_wanted) {
        f->wants_write = KN_WRITE;
        int rc = drain(f);
        if (rc < 0)
            return rc;
        f->wants_write = KN_READ;
        if (f->ended)
            return -EPIPE;
        if (f->plain_size > sizeof f->plain / 2 || fetch(f) < 0)
            return -EAGAIN;
    }
    return 0;
}

static int64_t fragment_write(struct kn_transport *transport, const void *data, size_t size)
{
    struct fragment *f = of(transport);
    int rc = f->writing ? 0 : wait_for_key(f);
    if (rc < 0)
        return rc;
    if (!f->writing) {
        f->writing = KB_MIN(size, RECORD_MAX);
        put_record(f, 'D', data, f->writing);
        f->since_key += f->writing;
        f->key_wanted = f->since_key >= KEY_BYTES;
    }
    if (f->since_key >= KEY_BYTES) {
        put_record(f, 'K', NULL, 0);
        f->since_key = 0;
    }
    f->wants_write = KN_WRITE;
    rc = drain(f);
    if (rc < 0)
        return rc;
    size = f->writing;
    f->writing = 0;
    return (int64_t)size;
}

static int fragment_handshake(struct kn_transport *transport, struct kb_error *err)
{
    struct fragment *f = of(transport);
    if (!f->greeted)
        put_record(f, 'A', NULL, 0);
    f->greeted = true;
    int rc = drain(f);
    while (rc == 0 && !f->met && !f->ended)
        rc = fetch(f);
    if (rc == 0 && !f->met)
        kb_error_set(err, KB_E_TLS, "no greeting");
    return rc == 0 && !f->met ? -EPROTO : rc;
}

static bool fragment_pending(struct kn_transport *transport)
{
    struct fragment *f = of(transport);
    return f->plain_size || f->ended;
}

static unsigned fragment_wants(struct kn_transport *transport, unsigned direction)
{
    struct fragment *f = of(transport);
    if (direction == KN_READ)
        return f->out_size && !f->writing ? KN_WRITE : KN_READ;
    return f->key_wanted && !f->writing ? f->wants_write : KN_WRITE;
}

static void fragment_free(struct kn_transport *transport)
{
    kb_free(of(transport));
}

static const struct kn_transport_ops fragment_ops = {
    .handshake = fragment_handshake,
    .read = fragment_read,
    .write = fragment_write,
    .pending = fragment_pending,
    .wants = fragment_wants,
    .free = fragment_free,
};

static struct kn_transport *make(struct kn_transport_maker *maker, struct kn_sock *sock,
                                 const char *host, struct kb_error *err)
{
    struct fragment *f = KB_NEW(struct fragment);
    (void)host;
    if (!f) {
        kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
        return NULL;
    }
    f->transport = (struct kn_transport){.ops = &fragment_ops, .sock = sock};
    f->step = KB_CONTAINER(maker, struct fragment_maker, maker)->step;
    f->wants_write = KN_WRITE;
    return &f->transport;
}

void fragment_maker_init(struct fragment_maker *maker, size_t step)
{
    maker->maker.make = make;
    maker->step = step;
}
