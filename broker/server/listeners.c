/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/listeners.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Takes the next item of a comma-separated list, trimmed, into out. False: the
 * list is over, or the item does not fit. */
static bool next_item(const char **list, char *out, size_t size)
{
    const char *at = *list + strspn(*list, ", \t");
    size_t length = strcspn(at, ",");
    *list = at + length;
    while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    if (length == 0 || length >= size)
        return false;
    memcpy(out, at, length);
    out[length] = 0;
    return true;
}

/* "HOST:PORT", "[v6]:PORT", ":PORT". */
static bool parse_endpoint(const char *text, struct kd_endpoint *out)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !colon[1])
        return false;
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (*end || port < 0 || port > 65535)
        return false;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && colon[-1] == ']') {
        text++;
        size -= 2;
    }
    if (size >= sizeof out->host)
        return false;
    memcpy(out->host, text, size);
    out->host[size] = 0;
    out->port = (int32_t)port;
    return true;
}

/* "NAME://HOST:PORT". */
static bool parse_item(const char *item, char name[KD_LISTENER_NAME_MAX], struct kd_endpoint *out)
{
    const char *slashes = strstr(item, "://");
    size_t size = slashes ? (size_t)(slashes - item) : 0;
    if (size == 0 || size >= KD_LISTENER_NAME_MAX)
        return false;
    memcpy(name, item, size);
    name[size] = 0;
    return parse_endpoint(slashes + 3, out);
}

/* The protocol behind a listener's name; a name that is not mapped stands for
 * itself. */
static void protocol_of(const char *map, const char *name, char *out, size_t size)
{
    char item[2 * KD_LISTENER_NAME_MAX];
    size_t length = strlen(name);
    snprintf(out, size, "%s", name);
    while (map && *map)
        if (next_item(&map, item, sizeof item) && !strncmp(item, name, length) &&
            item[length] == ':')
            snprintf(out, size, "%s", item + length + 1);
}

static struct kd_listener_spec *find(struct kd_listeners *listeners, const char *name)
{
    for (int i = 0; i < listeners->count; i++)
        if (!strcmp(listeners->specs[i].name, name))
            return &listeners->specs[i];
    return NULL;
}

static int add(struct kd_listeners *listeners, const struct kd_config *config, const char *item,
               struct kb_error *err)
{
    struct kd_listener_spec spec;
    char protocol[KD_LISTENER_NAME_MAX];
    if (!parse_item(item, spec.name, &spec.bind))
        return kb_error_set(err, KB_E_BAD_CONFIG, "listeners: '%s' is not NAME://HOST:PORT", item);
    protocol_of(config->security_protocol_map, spec.name, protocol, sizeof protocol);
    if (strcmp(protocol, "PLAINTEXT") != 0)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "listeners: '%s' speaks %s; only PLAINTEXT is there", item, protocol);
    if (find(listeners, spec.name))
        return kb_error_set(err, KB_E_BAD_CONFIG, "listeners: the name %s comes twice", spec.name);
    if (listeners->count == KD_LISTENERS_MAX)
        return kb_error_set(err, KB_E_BAD_CONFIG, "listeners: more than %d", KD_LISTENERS_MAX);
    spec.told = spec.bind;
    listeners->specs[listeners->count++] = spec;
    return 0;
}

static int advertise(struct kd_listeners *listeners, const char *item, struct kb_error *err)
{
    char name[KD_LISTENER_NAME_MAX];
    struct kd_endpoint told;
    if (!parse_item(item, name, &told) || !told.host[0])
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "advertised.listeners: '%s' is not NAME://HOST:PORT", item);
    if (!strcmp(told.host, "0.0.0.0") || !strcmp(told.host, "::"))
        return kb_error_set(err, KB_E_BAD_CONFIG, "advertised.listeners: nobody can connect to %s",
                            told.host);
    struct kd_listener_spec *spec = find(listeners, name);
    if (!spec)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "advertised.listeners: there is no listener named %s", name);
    spec->told = told;
    return 0;
}

/* A wildcard can be listened on but not connected to: tell the host's name. */
static void tell_host(struct kd_listener_spec *spec)
{
    char *host = spec->told.host;
    if (host[0] && strcmp(host, "0.0.0.0") != 0 && strcmp(host, "::") != 0)
        return;
    if (gethostname(host, KD_HOST_MAX - 1) != 0)
        snprintf(host, KD_HOST_MAX, "localhost");
}

int kd_listeners_parse(struct kd_listeners *listeners, const struct kd_config *config,
                       struct kb_error *err)
{
    char item[KD_HOST_MAX + KD_LISTENER_NAME_MAX + 16];
    const char *list = config->listeners ? config->listeners : "";
    int code = 0;
    listeners->count = 0;
    while (!code && next_item(&list, item, sizeof item))
        code = add(listeners, config, item, err);
    if (!code && listeners->count == 0)
        return kb_error_set(err, KB_E_BAD_CONFIG, "listeners is empty: name one at least");
    list = config->advertised_listeners ? config->advertised_listeners : "";
    while (!code && next_item(&list, item, sizeof item))
        code = advertise(listeners, item, err);
    for (int i = 0; !code && i < listeners->count; i++)
        tell_host(&listeners->specs[i]);
    return code;
}

void kd_listeners_bound(struct kd_listener_spec *spec, int32_t port)
{
    if (spec->told.port == 0)
        spec->told.port = port;
    spec->bind.port = port;
}

void kd_listeners_format(const struct kd_listeners *listeners, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < listeners->count && at < size; i++) {
        const struct kd_listener_spec *spec = &listeners->specs[i];
        bool v6 = strchr(spec->told.host, ':');
        int n = snprintf(out + at, size - at, "%s%s://%s%s%s:%d", i ? "," : "", spec->name,
                         v6 ? "[" : "", spec->told.host, v6 ? "]" : "", spec->told.port);
        at += n > 0 ? (size_t)n : 0;
    }
}
