/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata is asked for and told of; what is asked finds its link. */
#include "libclient/drive/cluster.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/admin/admin.h"
#include "wire/api.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { ARENA_BYTES = 64 << 20 }; /* an answer about 100,000 partitions needs 15 MB */

static void plan(struct kurier_client *client);

/* ---- Asking -------------------------------------------------------------------------*/

/* The only broker is asked for metadata after each loss of its connection, before
 * anything else: somebody else may answer there by now. */
static bool is_verified(const struct kurier_client *client)
{
    return client->cluster->home || client->metadata.broker_count > 1;
}

static struct kc_link *link_to_node(struct kurier_client *client, int32_t node)
{
    const struct kc_broker *broker = kc_metadata_broker(&client->metadata, node);
    struct kc_control_use *use =
        broker ? kc_cluster_control(client, node, broker->host, broker->port) : NULL;
    return use && !use->foreign && is_verified(client) ? kc_control_link(use) : NULL;
}

static struct kc_link *link_to_any(struct kurier_client *client)
{
    struct kc_control_use *home = client->cluster->home;
    if (home && kc_link_state(kc_control_link(home)) != KC_LINK_RESTING)
        return kc_control_link(home);
    return NULL;
}

static struct kc_link *link_for(struct kurier_client *client, int32_t to)
{
    if (to == KC_CONTROLLER && client->metadata.controller >= 0)
        to = client->metadata.controller;
    return to >= 0 ? link_to_node(client, to) : link_to_any(client);
}

static void route(struct kurier_client *client)
{
    KB_LIST_EACH_SAFE(it, &client->cluster->waiting) {
        struct kc_ask *ask = KB_CONTAINER(it, struct kc_ask, node);
        struct kc_link *link = link_for(client, ask->to);
        if (!link)
            continue;
        kb_list_remove(it);
        kc_link_ask(link, ask);
    }
}

void kc_client_ask(struct kurier_client *client, int32_t node, struct kc_ask *ask)
{
    KB_CHECK(!ask->link);
    ask->to = node;
    ask->call = NULL;
    kb_list_push_back(&client->cluster->waiting, &ask->node);
    if (!link_for(client, node))
        kc_metadata_refresh(&client->metadata, NULL);
    kn_task_soon(kc_client_loop(client), &client->cluster->turn);
    plan(client);
}

/* Those that wait, and may wait until until_ms. */
static void fail_asks(struct kurier_client *client, int64_t until_ms, const struct kb_error *err)
{
    struct kb_list failed;
    kb_list_init(&failed);
    KB_LIST_EACH_SAFE(it, &client->cluster->waiting) {
        if (KB_CONTAINER(it, struct kc_ask, node)->deadline_ms > until_ms)
            continue;
        kb_list_remove(it);
        kb_list_push_back(&failed, it);
    }
    while (!kb_list_empty(&failed)) {
        struct kc_ask *ask = KB_LIST_FIRST(&failed, struct kc_ask, node);
        kb_list_remove(&ask->node);
        ask->on_answer(ask, &(struct kn_answer){.err = err});
    }
}

static void fail_late_asks(struct kurier_client *client)
{
    struct kb_error err;
    kb_error_set(&err, KB_E_TIMED_OUT, "no broker was known in time");
    if (client->cause.code) /* written on this thread */
        err = client->cause;
    fail_asks(client, kn_loop_now(kc_client_loop(client)).mono_ms, &err);
}

/* ---- Metadata -------------------------------------------------------------------------*/

static void tell_changes(struct kurier_client *client)
{
    struct kc_topic *topic;
    while ((topic = kc_metadata_next_change(&client->metadata))) {
        KC_DEBUG(&client->debug, TOPIC, "topic=%s partitions=%d error=%s", topic->name,
                 topic->partition_count, topic->error ? kb_code_name(topic->error) : "none");
        if (client->ops->topic)
            client->ops->topic(client->owner, topic);
    }
}

static void on_turn(struct kn_task *task)
{
    struct kurier_client *client = KB_CONTAINER(task, struct kc_cluster, turn)->client;
    route(client);
    tell_changes(client);
    plan(client);
}

static int encode_query(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_cluster *cluster = KB_CONTAINER(ask, struct kc_cluster, query);
    return kw_metadata_request_encode(out, version, &cluster->request) ? 0 : KB_E_UNSUPPORTED;
}

static void query_failed(struct kurier_client *client, const struct kb_error *err)
{
    struct kc_cluster *cluster = client->cluster;
    struct kb_time now = kn_loop_now(kc_client_loop(client));
    KC_DEBUG(&client->debug, METADATA, "query failed: %s", err->text);
    cluster->refusals = err->classes & KB_RETRIABLE ? 0 : cluster->refusals + 1;
    kc_metadata_failure(&client->metadata, now, cluster->asked_node);
    kc_ready_explain(client, err);
    kc_trouble_failed(client, err);
    if (cluster->refusals >= kc_cluster_addresses(client))
        fail_asks(client, KB_NEVER, err); /* waiting heals none of them */
}

static void query_answered(struct kurier_client *client,
                           const struct kw_metadata_response *response)
{
    struct kc_cluster *cluster = client->cluster;
    uint32_t before = client->metadata.answers;
    kc_metadata_answer(&client->metadata, kn_loop_now(kc_client_loop(client)), response);
    if (client->metadata.answers == before)
        return; /* an error in its place: the machine asks again */
    KC_DEBUG(&client->debug, METADATA, "query answered from=%s brokers=%zu topics=%d",
             kc_link_name(kc_control_link(cluster->asked)), client->metadata.broker_count,
             response->topics_count);
    cluster->home = cluster->asked;
    cluster->asked->foreign = false;
    cluster->refusals = 0;
    kb_error_clear(&cluster->foreign);
    kc_trouble_answered(client);
    kc_cluster_move_links(client);
    kc_cluster_drop_controls(client);
    kc_ready_look(client);
}

static bool is_foreign(const struct kc_metadata *md, const struct kw_metadata_response *response)
{
    return md->cluster_id && response->cluster_id.data &&
           !kb_slice_is(response->cluster_id, md->cluster_id);
}

/* The address belongs to somebody else by now: nothing of what it says is taken. */
static void query_astray(struct kurier_client *client, const struct kw_metadata_response *response)
{
    struct kc_cluster *cluster = client->cluster;
    kb_error_set(&cluster->foreign, KB_E_INCONSISTENT_CLUSTER_ID,
                 "%s belongs to cluster %.*s now, this client to %s: if that is meant make a new "
                 "one, else correct the address",
                 kc_link_name(kc_control_link(cluster->asked)),
                 (int)KB_MIN(response->cluster_id.size, (size_t)40),
                 (const char *)response->cluster_id.data, client->metadata.cluster_id);
    kc_cluster_shun(client, cluster->asked);
    kc_trouble_down(client, kc_control_link(cluster->asked), &cluster->foreign);
    query_failed(client, &cluster->foreign);
}

static void on_query_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_cluster *cluster = KB_CONTAINER(ask, struct kc_cluster, query);
    struct kurier_client *client = cluster->client;
    struct kw_metadata_response response;
    struct kb_error bad;
    kb_arena_reset(&cluster->arena);
    if (answer->err) {
        query_failed(client, answer->err);
    } else if (kw_metadata_response_decode(answer->body, answer->version, &cluster->arena,
                                           &response)) {
        kc_client_throttled(client, kc_control_link(cluster->asked), response.throttle_time_ms);
        if (is_foreign(&client->metadata, &response))
            query_astray(client, &response);
        else
            query_answered(client, &response);
    } else {
        kb_error_set(&bad, KB_E_PROTOCOL, "%s: an answer to Metadata that cannot be read: %s",
                     kc_link_name(kc_control_link(cluster->asked)), answer->body->fault);
        query_failed(client, &bad);
    }
    kb_arena_reset(&cluster->arena);
    kn_task_soon(kc_client_loop(client), &cluster->turn);
}

static void send_query(struct kurier_client *client)
{
    struct kc_cluster *cluster = client->cluster;
    struct kb_time now = kn_loop_now(kc_client_loop(client));
    struct kc_target target;
    if (!kc_metadata_query(&client->metadata, now, &cluster->arena, &cluster->request, &target))
        return;
    cluster->asked = kc_cluster_control(client, target.node, target.host, target.port);
    cluster->asked_node = target.node;
    if (!cluster->asked) {
        kc_metadata_failure(&client->metadata, now, target.node);
        return;
    }
    cluster->query =
        (struct kc_ask){.api_key = KW_API_METADATA,
                        .min_version = client->options->common.allow_auto_create_topics ? 1 : 4,
                        .max_version = 13,
                        .deadline_ms = kb_deadline(now, client->options->common.request_timeout_ms),
                        .encode = encode_query,
                        .on_answer = on_query_answer};
    kc_link_ask(kc_control_link(cluster->asked), &cluster->query);
    if (!client->metadata.known)
        kc_ready_explain(client, NULL);
}

static void on_timer(struct kn_timer *timer)
{
    struct kurier_client *client = KB_CONTAINER(timer, struct kc_cluster, timer)->client;
    fail_late_asks(client);
    send_query(client);
    plan(client);
}

static void plan(struct kurier_client *client)
{
    int64_t deadline_ms = kc_metadata_deadline_ms(&client->metadata);
    KB_LIST_EACH(it, &client->cluster->waiting)
        deadline_ms = KB_MIN(deadline_ms, KB_CONTAINER(it, struct kc_ask, node)->deadline_ms);
    kn_timer_set(kc_client_loop(client), &client->cluster->timer, deadline_ms);
}

struct kc_topic *kc_client_want(struct kurier_client *client, const char *name)
{
    struct kc_topic *topic = kc_metadata_want(&client->metadata, name);
    kn_task_soon(kc_client_loop(client), &client->cluster->turn);
    return topic;
}

void kc_client_unwant(struct kurier_client *client, struct kc_topic *topic)
{
    kc_metadata_unwant(&client->metadata, topic);
}

void kc_client_refresh(struct kurier_client *client, struct kc_topic *topic)
{
    kc_metadata_refresh(&client->metadata, topic);
    plan(client);
}

void kc_client_leader(struct kurier_client *client, struct kc_topic *topic, int32_t partition,
                      int32_t leader, int32_t leader_epoch)
{
    if (kc_metadata_leader(&client->metadata, topic, partition, leader, leader_epoch))
        kn_task_soon(kc_client_loop(client), &client->cluster->turn);
}

/* ---- Opening and closing ------------------------------------------------------------*/

bool kc_cluster_open(struct kurier_client *client)
{
    const struct kc_common_options *from = &client->options->common;
    struct kc_cluster *cluster = KB_NEW(struct kc_cluster);
    if (!cluster)
        return false;
    struct kc_metadata_options options = {.max_age_ms = from->metadata_max_age_ms,
                                          .retry_backoff_ms = from->retry_backoff_ms,
                                          .retry_backoff_max_ms = from->retry_backoff_max_ms,
                                          .rebootstrap_trigger_ms = from->rebootstrap_trigger_ms,
                                          .rebootstrap =
                                              from->metadata_recovery == KC_RECOVERY_REBOOTSTRAP,
                                          .auto_create = from->allow_auto_create_topics};
    kc_metadata_init(&client->metadata, &options, &client->bootstrap, &client->runtime->random);
    kb_arena_init(&cluster->arena, ARENA_BYTES);
    kb_list_init(&cluster->controls);
    kb_list_init(&cluster->links);
    kb_list_init(&cluster->waiting);
    kb_list_init(&cluster->readying);
    kb_list_init(&cluster->admins);
    kn_timer_init(&cluster->timer, on_timer);
    kn_task_init(&cluster->turn, on_turn);
    cluster->client = client;
    client->cluster = cluster;
    plan(client);
    return true;
}

void kc_cluster_close(struct kurier_client *client)
{
    struct kc_cluster *cluster = client->cluster;
    if (client->ops->close)
        client->ops->close(client->owner);
    kc_ready_close(client);
    kc_admin_close(client);
    kc_ask_cancel(&cluster->query);
    KB_CHECK(kb_list_empty(&cluster->waiting)); /* the owner's to cancel in close */
    kn_timer_cancel(kc_client_loop(client), &cluster->timer);
    kn_task_cancel(&cluster->turn);
    kc_cluster_close_links(client);
    kb_arena_deinit(&cluster->arena);
    kc_metadata_deinit(&client->metadata);
    kb_free(cluster);
    client->cluster = NULL;
}
