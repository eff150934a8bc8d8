/* SPDX-License-Identifier: Apache-2.0 */
/* Administration: requests are run, results looked at. Their constructors stand
 * with what they are about, in libclient/admin. */
#include "libclient/admin/admin.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "libclient/admin/table.h"
#include "libclient/api/error.h"

/* ---- Structs that lie in arrays ------------------------------------------------------*/

#define SIZE_IS(type, bytes) _Static_assert(sizeof(type) == (bytes), "ABI: " #type)
SIZE_IS(kurier_nodes, 16);
SIZE_IS(kurier_new_topic, 40);
SIZE_IS(kurier_partition_info, 88);
SIZE_IS(kurier_resource_ref, 24);
SIZE_IS(kurier_setting_change, 32);
SIZE_IS(kurier_synonym, 24);
SIZE_IS(kurier_setting, 56);
SIZE_IS(kurier_broker_info, 32);
SIZE_IS(kurier_log_replica, 32);
SIZE_IS(kurier_log_dir, 56);
SIZE_IS(kurier_api_versions, 24);
SIZE_IS(kurier_feature, 16);
SIZE_IS(kurier_feature_change, 16);
SIZE_IS(kurier_reassignment, 32);
SIZE_IS(kurier_producer_state, 40);
SIZE_IS(kurier_group_member, 128);
SIZE_IS(kurier_group_ref, 24);
SIZE_IS(kurier_group_offset, 40);
SIZE_IS(kurier_transaction_filter, 48);
SIZE_IS(kurier_open_transaction, 32);

/* ---- Requests -------------------------------------------------------------------------*/

static const char *const flag_names[] = {"KURIER_VALIDATE_ONLY",   "KURIER_BY_ID",
                                         "KURIER_WITH_OPERATIONS", "KURIER_WITH_DOCS",
                                         "KURIER_WITH_FENCED",     "KURIER_READ_COMMITTED"};

static void refuse_flags(kurier_request *request, uint32_t flags)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(flag_names); i++)
        if (flags & 1u << i)
            kc_request_refuse(request, "there is no %s here", flag_names[i]);
    kc_request_refuse(request, "0x%x is no flag of requests", flags);
}

/* Those of members are any text. */
static void check_ids(kurier_request *request)
{
    struct kb_uuid id;
    for (size_t i = 0; !request->group && i < request->count; i++)
        if (!kb_uuid_parse(request->items[i].name, &id))
            kc_request_refuse(request, "\"%s\" is no topic id", request->items[i].name);
}

kurier_request *kurier_request_with(kurier_request *request, uint32_t flags)
{
    if (!request)
        return NULL;
    if (flags & ~request->api->flags)
        refuse_flags(request, flags & ~request->api->flags);
    request->flags |= flags;
    if (!(flags & request->api->flags & KURIER_BY_ID))
        return request;
    check_ids(request);
    if (request->api->by_id)
        request->api = request->api->by_id;
    return request;
}

void kurier_request_free(kurier_request *request)
{
    kc_request_free(request);
}

/* ---- Running -----------------------------------------------------------------------*/

static int check(kurier_client *client, const kurier_request *request, struct kb_error *err)
{
    if (kc_client_check(client, err))
        return KB_E_FORKED;
    if (request->err.code && err)
        *err = request->err;
    return request->err.code;
}

/* NULL: err says why, and the request is freed. */
static struct kc_admin *prepare(kurier_client *client, kurier_request *request,
                                struct kb_error *err)
{
    struct kc_admin *admin = NULL;
    if (!request)
        kb_error_set(err, KB_E_NO_MEMORY, "there is no request: out of memory");
    else if (check(client, request, err))
        kc_request_free(request);
    else if (!(admin = kc_admin_new(client, request)))
        kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
    return admin;
}

/* The loop ends the call at its deadline, with what it knows by then; so the wait
 * itself has no other. */
kurier_result *kurier_admin_run(kurier_client *client, kurier_request *request, int timeout_ms,
                                kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    struct kc_admin *admin = prepare(client, request, err);
    kurier_result *result = NULL;
    if (!admin)
        return NULL;
    kc_call_submit(&admin->call, timeout_ms);
    int code = kc_call_wait(&admin->call, timeout_ms ? KB_FOREVER : 0, err);
    if (code == 0) {
        result = admin->result;
        admin->result = NULL;
    }
    kc_call_unref(&admin->call);
    return result;
}

kurier_code kurier_admin_submit(kurier_client *client, kurier_request *request, int timeout_ms,
                                uint64_t opaque, kurier_error *public_err)
{
    struct kb_error local, *err = kc_error(public_err);
    if (!err)
        err = &local;
    struct kc_admin *admin = prepare(client, request, err);
    if (!admin)
        return (kurier_code)err->code;
    admin->submitted = true;
    admin->result->opaque = opaque;
    kc_call_submit(&admin->call, timeout_ms);
    kc_call_unref(&admin->call);
    return KURIER_OK;
}

/* ---- Results that come --------------------------------------------------------------*/

struct taking {
    kurier_client *client;
    kurier_result *result;
};

static bool take_result(void *ctx)
{
    struct taking *taking = ctx;
    kurier_client *client = taking->client;
    pthread_mutex_lock(&client->lock);
    struct kb_list *node = kb_list_pop_front(&client->results);
    bool last = kb_list_empty(&client->results);
    pthread_mutex_unlock(&client->lock);
    if (!node)
        return false;
    taking->result = KB_CONTAINER(node, kurier_result, node);
    if (last)
        kc_client_unpend(client, KURIER_RESULTS);
    return true;
}

kurier_result *kurier_client_result(kurier_client *client, int timeout_ms, kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    struct taking taking = {client, NULL};
    if (kc_client_check(client, err))
        return NULL;
    int code = kc_wait(&client->waits, client->runtime, KURIER_RESULTS, take_result, &taking,
                       timeout_ms, err);
    if (code == KB_E_TIMED_OUT)
        kb_error_clear(err); /* there was merely nothing */
    return taking.result;
}

void kc_result_free(kurier_result *result)
{
    if (!result)
        return;
    kb_arena_deinit(&result->arena);
    kb_free(result->infos);
    kb_free(result);
}

void kurier_result_free(kurier_result *result)
{
    kc_result_free(result);
}

/* ---- What is in them ------------------------------------------------------------------*/

uint64_t kurier_result_opaque(const kurier_result *result)
{
    return result->opaque;
}

size_t kurier_result_count(const kurier_result *result)
{
    return result->count;
}

kurier_item_kind kurier_result_kind(const kurier_result *result)
{
    return result->kind;
}

static kurier_code tell(const kurier_item *item, struct kb_error *err)
{
    kb_error_clear(err);
    if (item->code && item->partition >= 0)
        kb_error_set(err, item->code, "%s [%d]: %s", item->name, item->partition, item->text);
    else if (item->code)
        kb_error_set(err, item->code, "%s: %s", item->name, item->text);
    return item->code;
}

kurier_code kurier_result_outcome(const kurier_result *result, size_t i, kurier_error *err)
{
    if (i < result->count)
        return tell(&result->infos[i].item, kc_error(err));
    return (kurier_code)kb_error_set(kc_error(err), KB_E_INVALID_ARGUMENT,
                                     "the result has %zu items", result->count);
}

kurier_code kurier_result_error(const kurier_result *result, kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    if (result->err.code && err)
        *err = result->err;
    if (result->err.code)
        return (kurier_code)result->err.code;
    for (size_t i = 0; i < result->count; i++)
        if (result->infos[i].item.code)
            return tell(&result->infos[i].item, err);
    return KURIER_OK;
}

const kurier_item *kurier_result_item(const kurier_result *result, size_t i)
{
    return i < result->count ? &result->infos[i].item : NULL;
}

/* NULL past the last, and where the items are of another kind. */
#define INFO_OF(name, KIND)                                                                        \
    const kurier_##name##_info *kurier_result_##name(const kurier_result *result, size_t i)        \
    {                                                                                              \
        return result->kind == (KIND) && i < result->count ? &result->infos[i].name : NULL;        \
    }
INFO_OF(topic, KURIER_ITEM_TOPIC)
INFO_OF(offset, KURIER_ITEM_OFFSET)
INFO_OF(resource, KURIER_ITEM_RESOURCE)
INFO_OF(cluster, KURIER_ITEM_CLUSTER)
INFO_OF(log_dirs, KURIER_ITEM_LOG_DIRS)
INFO_OF(reassignment, KURIER_ITEM_REASSIGNMENT)
INFO_OF(producers, KURIER_ITEM_PRODUCERS)
INFO_OF(versions, KURIER_ITEM_VERSIONS)
INFO_OF(group, KURIER_ITEM_GROUP)
INFO_OF(group_offsets, KURIER_ITEM_GROUP_OFFSETS)
INFO_OF(transaction, KURIER_ITEM_TRANSACTION)
INFO_OF(hanging, KURIER_ITEM_HANGING)
