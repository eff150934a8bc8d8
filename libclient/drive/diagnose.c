/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/diagnose.h"
#include "base/check.h"
#include "libclient/drive/client.h"
#include "wire/api.h"
#include <stdio.h>

/* ---- Versions -----------------------------------------------------------------------*/

/* The newest API or version that came with a release, newest release first. */
static const struct {
    int16_t key, version;
    const char *release;
} marks[] = {
    {KW_API_LIST_CONFIG_RESOURCES, 1, "4.1 or later"},
    {KW_API_CONSUMER_GROUP_HEARTBEAT, 1, "4.0"},
    {KW_API_DESCRIBE_TOPIC_PARTITIONS, 0, "3.8 or 3.9"},
    {KW_API_CONSUMER_GROUP_HEARTBEAT, 0, "3.5 to 3.7"},
    {KW_API_FETCH, 13, "3.1 to 3.4"},
    {KW_API_DESCRIBE_TRANSACTIONS, 0, "3.0"},
    {KW_API_DESCRIBE_CLUSTER, 0, "2.8"},
    {KW_API_DESCRIBE_USER_SCRAM_CREDENTIALS, 0, "2.7"},
    {KW_API_DESCRIBE_CLIENT_QUOTAS, 0, "2.6"},
    {KW_API_LIST_PARTITION_REASSIGNMENTS, 0, "2.4 or 2.5"},
    {KW_API_INCREMENTAL_ALTER_CONFIGS, 0, "2.3"},
    {KW_API_ELECT_LEADERS, 0, "2.2"},
    {KW_API_FETCH, 10, "2.1"},
    {KW_API_FETCH, 8, "2.0"},
    {KW_API_CREATE_DELEGATION_TOKEN, 0, "1.1"},
    {KW_API_CREATE_PARTITIONS, 0, "1.0"},
    {KW_API_DELETE_RECORDS, 0, "0.11"},
    {KW_API_OFFSET_FOR_LEADER_EPOCH, 0, "0.11"},
    {KW_API_CREATE_TOPICS, 0, "0.10.1 or 0.10.2"},
};

const char *kc_diagnose_release(const struct kn_rpc *rpc)
{
    int16_t min, max;
    for (size_t i = 0; i < KB_ARRAY_SIZE(marks); i++)
        if (kn_rpc_range(rpc, marks[i].key, &min, &max) && max >= marks[i].version)
            return marks[i].release;
    return "0.10.0";
}

static int without_api(const struct kn_rpc *rpc, int16_t api_key, const char *since,
                       struct kb_error *err)
{
    const char *api = kw_api_name(api_key);
    if (api_key == KW_API_METADATA)
        return kb_error_set(err, KB_E_UNSUPPORTED,
                            "%s offers no Metadata, so it is a controller and no broker: give "
                            "brokers' addresses",
                            kn_rpc_name(rpc));
    if (since)
        return kb_error_set(err, KB_E_UNSUPPORTED,
                            "%s does not offer %s, which came with Kafka %s; it looks like Kafka "
                            "%s",
                            kn_rpc_name(rpc), api, since, kc_diagnose_release(rpc));
    return kb_error_set(err, KB_E_UNSUPPORTED, "%s does not offer %s; it looks like Kafka %s",
                        kn_rpc_name(rpc), api, kc_diagnose_release(rpc));
}

/* "3", "3-7" */
static const char *range(char out[16], int16_t min, int16_t max)
{
    snprintf(out, 16, min == max ? "%d" : "%d-%d", min, max);
    return out;
}

int kc_diagnose_versions(const struct kn_rpc *rpc, int16_t api_key, int16_t min, int16_t max,
                         const char *since, struct kb_error *err)
{
    const char *api = kw_api_name(api_key);
    char theirs[16], ours[16];
    int16_t from, to;
    if (!kn_rpc_range(rpc, api_key, &from, &to))
        return without_api(rpc, api_key, since, err);
    range(theirs, from, to);
    range(ours, min, max);
    if (from > max)
        return kb_error_set(err, KB_E_UNSUPPORTED,
                            "%s is too new: it speaks %s %s, and libkurier %s speaks %s; take a "
                            "newer one",
                            kn_rpc_name(rpc), api, theirs, kurier_version(), ours);
    return kb_error_set(err, KB_E_UNSUPPORTED,
                        "%s is too old: it speaks %s %s, and %s is needed; it looks like Kafka %s",
                        kn_rpc_name(rpc), api, theirs, ours, kc_diagnose_release(rpc));
}

/* ---- Addresses ----------------------------------------------------------------------*/

static bool is_loopback(const char *host)
{
    return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1");
}

static bool is_any(const char *host)
{
    return !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
}

static bool is_ours(const struct kc_bootstrap *bootstrap, const char *host, int32_t port)
{
    for (size_t i = 0; i < bootstrap->count; i++)
        if (bootstrap->addresses[i].port == port && !strcmp(bootstrap->addresses[i].host, host))
            return true;
    return false;
}

static bool starts_here(const struct kc_bootstrap *bootstrap)
{
    for (size_t i = 0; i < bootstrap->count; i++)
        if (is_loopback(bootstrap->addresses[i].host))
            return true;
    return false;
}

void kc_diagnose_address(const struct kurier_client *client, int32_t node, const char *host,
                         int32_t port, char *out, size_t size)
{
    const struct kc_bootstrap *bootstrap = &client->bootstrap;
    const struct kc_address *first = &bootstrap->addresses[0];
    out[0] = 0;
    if (node < 0 || is_ours(bootstrap, host, port))
        return;
    if (is_any(host))
        snprintf(out, size,
                 "broker %d advertises %s, which is no address: set its advertised.listeners", node,
                 host);
    else if (is_loopback(host) && !starts_here(bootstrap))
        snprintf(out, size,
                 "broker %d advertises %s, which is this machine: set its advertised.listeners",
                 node, host);
    else
        snprintf(out, size,
                 "broker %d advertises this address (advertised.listeners), not the %s:%d that was "
                 "given",
                 node, first->host, first->port);
}
