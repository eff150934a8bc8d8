/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/group_options.h"
#include "base/check.h"
#include <ctype.h>

static struct kb_slice trim(struct kb_slice text)
{
    while (text.size && isspace(text.data[0]))
        text = kb_slice_of(text.data + 1, text.size - 1);
    while (text.size && isspace(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Java's configurations name them by class. */
static const struct {
    const char *name, *class;
} classes[] = {
    {"range", "org.apache.kafka.clients.consumer.RangeAssignor"},
    {"roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor"},
    {"sticky", "org.apache.kafka.clients.consumer.StickyAssignor"},
    {"cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"},
};

static const struct kc_assignor *find(struct kb_slice name)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(classes); i++)
        if (kb_slice_is(name, classes[i].class))
            return kc_assignor_find(kb_slice_str(classes[i].name));
    return kc_assignor_find(name);
}

static bool has(const struct kc_assignors *set, const struct kc_assignor *assignor)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->list[i] == assignor)
            return true;
    return false;
}

static int add(struct kc_assignors *out, struct kb_slice name, struct kb_error *err)
{
    const struct kc_assignor *assignor = find(name);
    if (!assignor)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "partition.assignment.strategy: %.*s is no assignor; there are range, "
                            "roundrobin, sticky, cooperative-sticky",
                            (int)KB_MIN(name.size, (size_t)60), (const char *)name.data);
    if (!has(out, assignor))
        out->list[out->count++] = assignor;
    return 0;
}

static int read_strategy(struct kb_slice rest, struct kc_assignors *out, struct kb_error *err)
{
    int code = 0;
    out->count = 0;
    while (rest.size && !code) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
        struct kb_slice name = trim(kb_slice_of(rest.data, size));
        if (name.size)
            code = add(out, name, err);
        rest = kb_slice_of(rest.data + size, rest.size - size);
        if (comma)
            rest = kb_slice_of(rest.data + 1, rest.size - 1);
    }
    if (!code && !out->count)
        code = kb_error_set(err, KB_E_BAD_CONFIG,
                            "partition.assignment.strategy is empty: name at least one assignor");
    return code;
}

int kc_group_options(const struct kc_consumer_options *options, struct kc_assignors *out,
                     struct kb_error *err)
{
    if (options->heartbeat_interval_ms >= options->session_timeout_ms)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "heartbeat.interval.ms (%d) must be below session.timeout.ms (%d); a "
                            "third of it is a good choice",
                            options->heartbeat_interval_ms, options->session_timeout_ms);
    return read_strategy(kb_slice_str(options->assignment_strategy), out, err);
}
