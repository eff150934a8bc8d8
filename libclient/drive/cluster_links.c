/* SPDX-License-Identifier: Apache-2.0 */
/* A client's links: its own for data, its uses of those shared for control, and
 * both at the addresses that metadata tells. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/cluster.h"
#include "libclient/drive/diagnose.h"
#include <stdio.h>

struct data_link {
    struct kb_list all;
    struct kurier_client *client;
    struct kc_link *link;
    bool told_down;
};

struct kc_link_options kc_client_link_options(struct kurier_client *client, const char *client_id)
{
    const struct kc_common_options *from = &client->options->common;
    return (struct kc_link_options){.client_id = client_id,
                                    .connect_timeout_ms = from->connect_timeout_ms,
                                    .connect_timeout_max_ms = from->connect_timeout_max_ms,
                                    .request_timeout_ms = from->request_timeout_ms,
                                    .reconnect_backoff_ms = from->reconnect_backoff_ms,
                                    .reconnect_backoff_max_ms = from->reconnect_backoff_max_ms,
                                    .max_idle_ms = from->connections_max_idle_ms,
                                    .tap = kc_debug_tap(&client->debug)};
}

void kc_client_tell_up(struct kurier_client *client, const struct kc_link *link)
{
    struct kb_error what = {.broker = kc_link_node(link)};
    kc_trouble_up(client, link);
    snprintf(what.text, sizeof what.text, "%s: connected", kc_link_name(link));
    kc_event_put(client, KURIER_EVENT_BROKER_UP, KB_LOG_INFO, NULL, -1, &what);
}

void kc_client_tell_down(struct kurier_client *client, const struct kc_link *link,
                         const struct kb_error *why)
{
    struct kb_error what = *why;
    what.broker = kc_link_node(link);
    kc_trouble_down(client, link, &what);
    kc_event_put(client, KURIER_EVENT_BROKER_DOWN, KB_LOG_WARN, NULL, -1, &what);
}

void kc_client_throttled(struct kurier_client *client, struct kc_link *link, int32_t throttle_ms)
{
    struct kb_error what = {.broker = kc_link_node(link)};
    if (throttle_ms <= 0)
        return;
    kc_link_throttle(link, throttle_ms);
    snprintf(what.text, sizeof what.text, "%s: throttled for %d ms", kc_link_name(link),
             throttle_ms);
    kc_event_put(client, KURIER_EVENT_THROTTLED, KB_LOG_INFO, NULL, -1, &what);
}

static void data_up(struct kc_link *link)
{
    struct data_link *data = kc_link_owner(link);
    data->told_down = false;
    kc_client_tell_up(data->client, link);
}

static void data_usable(struct kc_link *link)
{
    struct data_link *data = kc_link_owner(link);
    if (data->client->ops->usable)
        data->client->ops->usable(data->client->owner, link);
}

/* Its partitions may have another leader by now. */
static void data_down(struct kc_link *link, const struct kb_error *why)
{
    struct data_link *data = kc_link_owner(link);
    struct kurier_client *client = data->client;
    if (!data->told_down)
        kc_client_tell_down(client, link, why);
    data->told_down = true;
    kc_client_refresh(client, NULL);
    if (client->ops->down)
        client->ops->down(client->owner, link, why);
}

static enum kn_admit data_size(struct kc_link *link, void *call_ctx, uint32_t size,
                               struct kb_buf **buf, struct kb_error *why)
{
    struct data_link *data = kc_link_owner(link);
    const struct kc_client_ops *ops = data->client->ops;
    return ops->size ? ops->size(data->client->owner, link, call_ctx, size, buf, why) : KN_ADMIT;
}

static void data_state(const struct kc_link *link)
{
    const struct data_link *data = kc_link_owner(link);
    kc_debug_link(&data->client->debug, link);
}

static const struct kc_link_handler data_handler = {.on_up = data_up,
                                                    .on_usable = data_usable,
                                                    .on_down = data_down,
                                                    .on_size = data_size,
                                                    .on_state = data_state};

static void note_address(const struct kurier_client *client, struct kc_link *link, int32_t node,
                         const char *host, int32_t port)
{
    char note[KC_LINK_NOTE_BYTES];
    kc_diagnose_address(client, node, host, port, note, sizeof note);
    kc_link_note(link, note);
}

static struct kc_link *data_link_new(struct kurier_client *client, const struct kc_broker *broker)
{
    struct kc_link_options options =
        kc_client_link_options(client, client->options->common.client_id);
    struct data_link *data = KB_NEW(struct data_link);
    if (!data)
        return NULL;
    options.max_in_flight = client->ops->max_in_flight;
    data->client = client;
    data->link = kc_link_new(client->runtime, broker->id, broker->host, broker->port, &options,
                             &data_handler, data);
    if (!data->link) {
        kb_free(data);
        return NULL;
    }
    note_address(client, data->link, broker->id, broker->host, broker->port);
    kb_list_push_back(&client->cluster->links, &data->all);
    return data->link;
}

static struct kc_control_use *find_control(const struct kurier_client *client, const char *host,
                                           int32_t port)
{
    KB_LIST_EACH(it, &client->cluster->controls) {
        struct kc_control_use *use = KB_CONTAINER(it, struct kc_control_use, of_client);
        if (kc_control_is_at(use, host, port))
            return use;
    }
    return NULL;
}

static bool is_shunned(const struct kurier_client *client, const struct kc_broker *broker)
{
    const struct kc_control_use *use =
        broker ? find_control(client, broker->host, broker->port) : NULL;
    return use && use->foreign;
}

struct kc_link *kc_client_link(struct kurier_client *client, int32_t node)
{
    const struct kc_broker *broker = kc_metadata_broker(&client->metadata, node);
    if (is_shunned(client, broker))
        return NULL;
    KB_LIST_EACH(it, &client->cluster->links) {
        struct kc_link *link = KB_CONTAINER(it, struct data_link, all)->link;
        if (kc_link_node(link) == node)
            return link;
    }
    return broker ? data_link_new(client, broker) : NULL;
}

void kc_cluster_move_links(struct kurier_client *client)
{
    KB_LIST_EACH(it, &client->cluster->links) {
        struct kc_link *link = KB_CONTAINER(it, struct data_link, all)->link;
        const struct kc_broker *broker = kc_metadata_broker(&client->metadata, kc_link_node(link));
        if (broker) {
            kc_link_move(link, broker->host, broker->port);
            note_address(client, link, broker->id, broker->host, broker->port);
        } else {
            kc_link_keep(link, false); /* gone: whoever still needs it says so again */
        }
    }
}

void kc_cluster_shun(struct kurier_client *client, struct kc_control_use *use)
{
    use->foreign = true;
    if (client->cluster->home == use)
        client->cluster->home = NULL;
    KB_LIST_EACH(it, &client->cluster->links) {
        struct kc_link *link = KB_CONTAINER(it, struct data_link, all)->link;
        if (strcmp(kc_link_name(link), kc_link_name(kc_control_link(use))))
            continue;
        kc_link_keep(link, false);
        kc_link_cut(link, &client->cluster->foreign);
    }
}

/* Who answered last may be somebody else when it comes back: it is asked for metadata
 * first. */
void kc_cluster_control_down(struct kc_control_use *use)
{
    struct kc_cluster *cluster = use->client->cluster;
    if (cluster && cluster->home == use)
        cluster->home = NULL;
}

size_t kc_cluster_addresses(const struct kurier_client *client)
{
    return KB_MAX(client->bootstrap.count, client->metadata.broker_count);
}

bool kc_cluster_is_up(const struct kurier_client *client)
{
    KB_LIST_EACH(it, &client->cluster->controls) {
        struct kc_control_use *use = KB_CONTAINER(it, struct kc_control_use, of_client);
        if (kc_link_state(kc_control_link(use)) == KC_LINK_UP)
            return true;
    }
    KB_LIST_EACH(it, &client->cluster->links)
        if (kc_link_state(KB_CONTAINER(it, struct data_link, all)->link) == KC_LINK_UP)
            return true;
    return false;
}

struct kc_control_use *kc_cluster_control(struct kurier_client *client, int32_t node,
                                          const char *host, int32_t port)
{
    struct kc_control_use *use = find_control(client, host, port);
    if (!use && (use = kc_control_open(client, host, port)))
        kb_list_push_back(&client->cluster->controls, &use->of_client);
    if (use)
        note_address(client, kc_control_link(use), node, host, port);
    return use;
}

static bool is_a_broker(const struct kc_metadata *md, const struct kc_control_use *use)
{
    for (size_t i = 0; i < md->broker_count; i++)
        if (kc_control_is_at(use, md->brokers[i].host, md->brokers[i].port))
            return true;
    return false;
}

/* Addresses that no broker has any more. */
void kc_cluster_drop_controls(struct kurier_client *client)
{
    struct kc_cluster *cluster = client->cluster;
    KB_LIST_EACH_SAFE(it, &cluster->controls) {
        struct kc_control_use *use = KB_CONTAINER(it, struct kc_control_use, of_client);
        if (use != cluster->home && kc_link_is_quiet(kc_control_link(use)) &&
            !is_a_broker(&client->metadata, use))
            kc_control_close(use);
    }
}

void kc_cluster_close_links(struct kurier_client *client)
{
    KB_LIST_EACH_SAFE(it, &client->cluster->links) {
        struct data_link *data = KB_CONTAINER(it, struct data_link, all);
        kb_list_remove(&data->all);
        kc_link_free(data->link);
        kb_free(data);
    }
    KB_LIST_EACH_SAFE(it, &client->cluster->controls)
        kc_control_close(KB_CONTAINER(it, struct kc_control_use, of_client));
}
