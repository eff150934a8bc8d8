/* SPDX-License-Identifier: Apache-2.0 */
#include "net/env.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static struct sockaddr_in *v4(const struct kn_addr *addr)
{
    return (struct sockaddr_in *)(void *)&addr->sa;
}

static struct sockaddr_in6 *v6(const struct kn_addr *addr)
{
    return (struct sockaddr_in6 *)(void *)&addr->sa;
}

uint16_t kn_addr_port(const struct kn_addr *addr)
{
    return ntohs(addr->sa.ss_family == AF_INET6 ? v6(addr)->sin6_port : v4(addr)->sin_port);
}

void kn_addr_set_port(struct kn_addr *addr, uint16_t port)
{
    if (addr->sa.ss_family == AF_INET6)
        v6(addr)->sin6_port = htons(port);
    else
        v4(addr)->sin_port = htons(port);
}

bool kn_addr_is_loopback(const struct kn_addr *addr)
{
    if (addr->sa.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&v6(addr)->sin6_addr);
    return ntohl(v4(addr)->sin_addr.s_addr) >> 24 == 127;
}

char *kn_addr_format(const struct kn_addr *addr, char out[KN_ADDR_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool is_v6 = addr->sa.ss_family == AF_INET6;
    inet_ntop(addr->sa.ss_family,
              is_v6 ? (void *)&v6(addr)->sin6_addr : (void *)&v4(addr)->sin_addr, host,
              sizeof host);
    snprintf(out, KN_ADDR_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", host, kn_addr_port(addr));
    return out;
}

bool kn_addr_parse(const char *host, uint16_t port, struct kn_addr *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4(out)->sin_addr) == 1) {
        out->sa.ss_family = AF_INET;
        out->size = sizeof(struct sockaddr_in);
    } else if (inet_pton(AF_INET6, host, &v6(out)->sin6_addr) == 1) {
        out->sa.ss_family = AF_INET6;
        out->size = sizeof(struct sockaddr_in6);
    } else {
        return false;
    }
    kn_addr_set_port(out, port);
    return true;
}
