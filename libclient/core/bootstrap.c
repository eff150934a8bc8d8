/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/bootstrap.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include <ctype.h>

enum { DEFAULT_PORT = 9092, HOST_MAX = 255 };

static struct kb_slice trim(struct kb_slice s)
{
    while (s.size && isspace(s.data[0]))
        s = kb_slice_of(s.data + 1, s.size - 1);
    while (s.size && isspace(s.data[s.size - 1]))
        s.size--;
    return s;
}

/* Behind "PROTOCOL://", which says nothing that security.protocol does not. */
static struct kb_slice skip_protocol(struct kb_slice s)
{
    const uint8_t *mark = s.size ? memmem(s.data, s.size, "://", 3) : NULL;
    return mark ? kb_slice_of(mark + 3, s.size - (size_t)(mark + 3 - s.data)) : s;
}

/* -1: not a port. */
static int32_t parse_port(struct kb_slice s)
{
    int32_t port = 0;
    if (s.size == 0 || s.size > 5)
        return -1;
    for (size_t i = 0; i < s.size; i++) {
        if (!isdigit(s.data[i]))
            return -1;
        port = port * 10 + (s.data[i] - '0');
    }
    return port >= 1 && port <= 65535 ? port : -1;
}

/* False: neither "host", "host:port", "[v6]" nor "[v6]:port". */
static bool split(struct kb_slice entry, struct kb_slice *host, int32_t *port)
{
    const uint8_t *end = entry.data + entry.size, *colon;
    *port = DEFAULT_PORT;
    if (entry.size && entry.data[0] == '[') {
        const uint8_t *close = memchr(entry.data, ']', entry.size);
        if (!close)
            return false;
        *host = kb_slice_of(entry.data + 1, (size_t)(close - entry.data) - 1);
        colon = close + 1;
        if (colon != end && *colon != ':')
            return false;
    } else {
        colon = entry.size ? memchr(entry.data, ':', entry.size) : NULL;
        if (!colon)
            colon = end;
        *host = kb_slice_of(entry.data, (size_t)(colon - entry.data));
    }
    if (colon != end)
        *port = parse_port(kb_slice_of(colon + 1, (size_t)(end - colon) - 1));
    return host->size > 0 && host->size <= HOST_MAX && *port > 0 &&
           !memchr(host->data, ' ', host->size);
}

static int add(struct kc_bootstrap *out, struct kb_slice entry, struct kb_error *err)
{
    struct kb_slice host;
    int32_t port;
    if (!split(skip_protocol(entry), &host, &port))
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "bootstrap.servers: \"%.*s\" is not host:port; IPv6 as [::1]:9092",
                            (int)KB_MIN(entry.size, 80), (const char *)entry.data);
    struct kc_address *grown =
        kb_realloc(out->addresses, (out->count + 1) * sizeof *out->addresses);
    char *copy = kb_strndup((const char *)host.data, host.size);
    if (grown)
        out->addresses = grown;
    if (!grown || !copy) {
        kb_free(copy);
        return kb_error_set(err, KB_E_NO_MEMORY, "bootstrap.servers: out of memory");
    }
    out->addresses[out->count++] = (struct kc_address){copy, port};
    return 0;
}

int kc_bootstrap_parse(struct kc_bootstrap *out, const char *servers, struct kb_error *err)
{
    struct kb_slice rest = kb_slice_str(servers ? servers : "");
    int code = 0;
    *out = (struct kc_bootstrap){0};
    while (rest.size && !code) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
        struct kb_slice entry = trim(kb_slice_of(rest.data, size));
        if (entry.size)
            code = add(out, entry, err);
        rest = kb_slice_of(rest.data + size + (comma != NULL), rest.size - size - (comma != NULL));
    }
    if (!code && out->count == 0)
        code = kb_error_set(err, KB_E_BAD_CONFIG,
                            "bootstrap.servers is not set; give it as host:port,host:port");
    if (code)
        kc_bootstrap_deinit(out);
    return code;
}

void kc_bootstrap_deinit(struct kc_bootstrap *bootstrap)
{
    for (size_t i = 0; i < bootstrap->count; i++)
        kb_free(bootstrap->addresses[i].host);
    kb_free(bootstrap->addresses);
    *bootstrap = (struct kc_bootstrap){0};
}
