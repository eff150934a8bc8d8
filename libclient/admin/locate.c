/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata says who leads the partitions that are asked for, and which brokers
 * there are. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/admin/table.h"
#include "libclient/drive/cluster.h"
#include <stdio.h>
#include <stdlib.h>

static bool wants_leader(const struct kc_admin *admin)
{
    return admin->request->api->route == KC_ROUTE_LEADERS;
}

bool kc_admin_is_coordinated(const struct kc_admin *admin)
{
    int16_t route = admin->request->api->route;
    return route == KC_ROUTE_GROUPS || route == KC_ROUTE_TXNS;
}

bool kc_admin_must_locate(const struct kc_admin *admin)
{
    int16_t route = admin->request->api->route;
    if (kc_admin_is_open(admin))
        return route == KC_ROUTE_BROKERS || route == KC_ROUTE_ALL;
    for (size_t i = 0; i < admin->left_count; i++)
        if (wants_leader(admin) || kc_admin_is_coordinated(admin) || admin->left[i]->node >= 0)
            return true;
    return false;
}

/* ---- Asking ---------------------------------------------------------------------------*/

static int by_name(const void *a, const void *b)
{
    const struct kc_admin_item *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static bool list_topics(struct kc_admin *admin, struct kb_arena *arena,
                        struct kw_metadata_request *request)
{
    size_t count = wants_leader(admin) ? admin->left_count : 0;
    request->topics = kb_arena_array(arena, count + 1, sizeof *request->topics);
    if (!request->topics)
        return false;
    if (count)
        qsort(admin->left, count, sizeof *admin->left, by_name);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(admin->left[i]->name, admin->left[i - 1]->name))
            request->topics[request->topics_count++].name = kb_slice_str(admin->left[i]->name);
    return true;
}

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_admin *admin = KB_CONTAINER(ask, struct kc_admin, locating);
    struct kw_metadata_request request;
    struct kb_arena arena;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    kw_metadata_request_init(&request);
    request.allow_auto_topic_creation = false;
    int code = list_topics(admin, &arena, &request) ? 0 : KB_E_NO_MEMORY;
    if (!code && !kw_metadata_request_encode(out, version, &request))
        code = KB_E_UNSUPPORTED;
    kb_arena_deinit(&arena);
    return code;
}

/* ---- Partitions -------------------------------------------------------------------------*/

static const struct kw_metadata_response_partition *find_partition(
    const struct kw_metadata_response_topic *topic, int32_t partition)
{
    bool in_place = partition >= 0 && partition < topic->partitions_count &&
                    topic->partitions[partition].partition_index == partition;
    if (in_place)
        return &topic->partitions[partition];
    for (int32_t i = 0; i < topic->partitions_count; i++)
        if (topic->partitions[i].partition_index == partition)
            return &topic->partitions[i];
    return NULL;
}

static void take_leader(struct kc_admin *admin, struct kc_admin_item *item,
                        const struct kw_metadata_response_topic *topic)
{
    const struct kw_metadata_response_partition *partition =
        topic && !topic->error_code ? find_partition(topic, item->partition) : NULL;
    int code = 0;
    item->node = partition ? partition->leader_id : -1;
    if (!topic || (!topic->error_code && !partition))
        code = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    else if (topic->error_code)
        code = topic->error_code;
    else if (item->node < 0)
        code = KB_E_LEADER_NOT_AVAILABLE;
    if (code)
        kc_admin_settle(admin, item, code, NULL, code == KB_E_LEADER_NOT_AVAILABLE);
}

static int name_against_topic(const void *key, const void *element)
{
    const struct kw_metadata_response_topic *topic = element;
    return kb_slice_compare(kb_slice_str(key), topic->name);
}

static int topics_by_name(const void *a, const void *b)
{
    const struct kw_metadata_response_topic *x = a, *y = b;
    return kb_slice_compare(x->name, y->name);
}

static void take_leaders(struct kc_admin *admin, const struct kw_metadata_response *response)
{
    size_t count = (size_t)response->topics_count;
    if (count)
        qsort(response->topics, count, sizeof *response->topics, topics_by_name);
    for (size_t i = 0; i < admin->left_count; i++)
        take_leader(admin, admin->left[i],
                    count ? bsearch(admin->left[i]->name, response->topics, count,
                                    sizeof *response->topics, name_against_topic)
                          : NULL);
}

/* ---- Brokers ----------------------------------------------------------------------------*/

static const struct kw_metadata_response_broker *find_broker(
    const struct kw_metadata_response *response, int32_t node)
{
    for (int32_t i = 0; i < response->brokers_count; i++)
        if (response->brokers[i].node_id == node)
            return &response->brokers[i];
    return NULL;
}

static int brokers_by_id(const void *a, const void *b)
{
    const struct kw_metadata_response_broker *x = a, *y = b;
    return (x->node_id > y->node_id) - (x->node_id < y->node_id);
}

/* All that there are become items. False: no memory. */
static bool list_brokers(struct kc_admin *admin, const struct kw_metadata_response *response)
{
    kurier_request *request = admin->request;
    size_t count = (size_t)response->brokers_count;
    struct kc_admin_item **left = KB_NEW_ARRAY(struct kc_admin_item *, count + 1);
    request->items = kb_arena_array(&request->arena, count + 1, sizeof *request->items);
    if (!left || !request->items) {
        kb_free(left);
        return false;
    }
    kb_free(admin->left);
    admin->left = left;
    if (count)
        qsort(response->brokers, count, sizeof *response->brokers, brokers_by_id);
    for (size_t i = 0; i < count; i++) {
        request->items[i] = (struct kc_admin_item){
            .name = "", .partition = -1, .node = response->brokers[i].node_id};
        admin->left[i] = &request->items[i];
    }
    request->count = admin->left_count = count;
    return kc_result_begin(admin->result, request);
}

/* Each is asked for its share. False: no memory. */
static bool ask_brokers(struct kc_admin *admin, const struct kw_metadata_response *response)
{
    bool whole = true;
    for (int32_t i = 0; whole && i < response->brokers_count; i++)
        whole = kc_admin_add_part(admin, response->brokers[i].node_id, NULL, 0);
    return whole;
}

static const char *name_of(struct kc_admin *admin, const struct kw_metadata_response_broker *broker)
{
    char name[300];
    bool v6 = broker->host.size && memchr(broker->host.data, ':', broker->host.size);
    snprintf(name, sizeof name, v6 ? "[%.*s]:%d" : "%.*s:%d", (int)KB_MIN(broker->host.size, 255u),
             (const char *)broker->host.data, broker->port);
    return kb_arena_strdup(&admin->result->arena, kb_slice_str(name));
}

static void take_brokers(struct kc_admin *admin, const struct kw_metadata_response *response)
{
    char text[64];
    for (size_t i = 0; i < admin->left_count; i++) {
        struct kc_admin_item *item = admin->left[i];
        const struct kw_metadata_response_broker *broker = find_broker(response, item->node);
        if (item->node < 0)
            continue;
        snprintf(text, sizeof text, "the cluster has no broker %d now", item->node);
        if (!broker)
            kc_admin_settle(admin, item, KB_E_BROKER_NOT_AVAILABLE, text, false);
        else if (admin->request->api->route == KC_ROUTE_BROKERS)
            kc_admin_info(admin, item)->item.name = name_of(admin, broker);
    }
}

/* ---- The answer ------------------------------------------------------------------------*/

static bool take(struct kc_admin *admin, const struct kw_metadata_response *response)
{
    bool whole = true;
    kc_client_throttled(admin->call.client, admin->locating.from, response->throttle_time_ms);
    if (wants_leader(admin)) {
        take_leaders(admin, response);
        return true;
    }
    if (admin->request->api->route == KC_ROUTE_ALL)
        return ask_brokers(admin, response);
    if (kc_admin_is_open(admin))
        whole = list_brokers(admin, response);
    if (whole)
        take_brokers(admin, response);
    return whole;
}

static void failed(struct kc_admin *admin, const struct kb_error *err)
{
    admin->err = *err;
    admin->again = (err->classes & KB_RETRIABLE) != 0;
    kc_admin_fail_items(admin, admin->left, admin->left_count, &(struct kn_answer){.err = err});
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_admin *admin = KB_CONTAINER(ask, struct kc_admin, locating);
    struct kw_metadata_response response;
    struct kb_arena arena;
    struct kb_error err;
    kb_error_clear(&err);
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    if (answer->err)
        err = *answer->err;
    else if (!kw_metadata_response_decode(answer->body, answer->version, &arena, &response))
        kb_error_set(&err, KB_E_PROTOCOL, "%s: an answer to Metadata that cannot be read: %s",
                     kc_link_name(ask->from), answer->body->fault);
    else if (!take(admin, &response))
        kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
    kb_arena_deinit(&arena);
    if (err.code)
        failed(admin, &err);
    kc_admin_located(admin);
}

void kc_admin_locate(struct kc_admin *admin)
{
    struct kurier_client *client = admin->call.client;
    struct kb_time now = kn_loop_now(kc_client_loop(client));
    int64_t deadline_ms = kb_deadline(now, client->options->common.request_timeout_ms);
    admin->locating = (struct kc_ask){.api_key = KW_API_METADATA,
                                      .min_version = wants_leader(admin) ? 4 : 1,
                                      .max_version = 13,
                                      .deadline_ms = KB_MIN(deadline_ms, admin->call.deadline_ms),
                                      .encode = encode,
                                      .on_answer = on_answer};
    kc_client_ask(client, KC_ANY_BROKER, &admin->locating);
}
