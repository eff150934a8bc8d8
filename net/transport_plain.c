/* SPDX-License-Identifier: Apache-2.0 */
#include "net/transport.h"

#include "base/mem.h"

static int64_t plain_readv(struct kn_transport *transport, const struct iovec *iov, int n)
{
    return transport->sock->ops->readv(transport->sock, iov, n);
}

static int64_t plain_writev(struct kn_transport *transport, const struct iovec *iov, int n)
{
    return transport->sock->ops->writev(transport->sock, iov, n);
}

static int64_t plain_read(struct kn_transport *transport, void *data, size_t size)
{
    struct iovec iov = {data, size};
    return plain_readv(transport, &iov, 1);
}

static int64_t plain_write(struct kn_transport *transport, const void *data, size_t size)
{
    struct iovec iov = {(void *)data, size};
    return plain_writev(transport, &iov, 1);
}

static void plain_free(struct kn_transport *transport)
{
    kb_free(transport);
}

static const struct kn_transport_ops plain_ops = {
    .read = plain_read,
    .write = plain_write,
    .readv = plain_readv,
    .writev = plain_writev,
    .free = plain_free,
};

struct kn_transport *kn_transport_plain_new(struct kn_sock *sock)
{
    struct kn_transport *transport = KB_NEW(struct kn_transport);
    if (transport)
        *transport = (struct kn_transport){.ops = &plain_ops, .sock = sock};
    return transport;
}
