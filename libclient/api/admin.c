/* SPDX-License-Identifier: Apache-2.0 */
#include "kurier/admin.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/api/error.h"
#include "libclient/drive/admin.h"
#include <stdlib.h>

enum { REQUEST_BYTES = 64 << 20 };

/* ---- Requests ---------------------------------------------------------------------*/

static kurier_request *request_new(const struct kc_admin_api *api)
{
    kurier_request *request = KB_NEW(kurier_request);
    if (!request)
        return NULL;
    request->api = api;
    kb_arena_init(&request->arena, REQUEST_BYTES);
    return request;
}

/* The arena says whether all was copied. */
static kurier_request *whole(kurier_request *request)
{
    if (request && request->arena.failed) {
        kc_request_free(request);
        return NULL;
    }
    return request;
}

static const char *copy(kurier_request *request, const char *text)
{
    return text ? kb_arena_strdup(&request->arena, kb_slice_str(text)) : NULL;
}

static void copy_names(kurier_request *request, const char *const *names, size_t n)
{
    request->names = kb_arena_array(&request->arena, n + 1, sizeof *request->names);
    request->count = n;
    for (size_t i = 0; request->names && i < n; i++)
        request->names[i] = copy(request, names[i]);
}

static const char *const *copy_settings(kurier_request *request, const char *const *config)
{
    size_t n = 0;
    while (config && config[n])
        n++;
    const char **settings = kb_arena_array(&request->arena, n + 2, sizeof *settings);
    for (size_t i = 0; settings && i < n; i++)
        settings[i] = copy(request, config[i]);
    return settings;
}

kurier_request *kurier_admin_create_topics(const kurier_new_topic *topics, size_t n)
{
    kurier_request *request = request_new(&kc_admin_create_topics);
    if (!request)
        return NULL;
    request->new_topics = kb_arena_array(&request->arena, n + 1, sizeof *request->new_topics);
    request->count = n;
    for (size_t i = 0; request->new_topics && i < n; i++) {
        request->new_topics[i] = topics[i];
        request->new_topics[i].name = copy(request, topics[i].name);
        request->new_topics[i].config = copy_settings(request, topics[i].config);
    }
    return whole(request);
}

kurier_request *kurier_admin_delete_topics(const char *const *names, size_t n)
{
    kurier_request *request = request_new(&kc_admin_delete_topics);
    if (request)
        copy_names(request, names, n);
    return whole(request);
}

kurier_request *kurier_admin_add_partitions(const char *topic, int32_t to_count)
{
    kurier_request *request = request_new(&kc_admin_add_partitions);
    if (request) {
        copy_names(request, &topic, 1);
        request->to_count = to_count;
    }
    return whole(request);
}

kurier_request *kurier_admin_topics(const char *const *names, size_t n)
{
    kurier_request *request = request_new(&kc_admin_topics);
    if (request && names)
        copy_names(request, names, n);
    return whole(request);
}

kurier_request *kurier_admin_offsets(const kurier_position *positions, size_t n)
{
    kurier_request *request = request_new(&kc_admin_offsets);
    if (!request)
        return NULL;
    request->offsets = kb_arena_array(&request->arena, n + 1, sizeof *request->offsets);
    request->count = n;
    for (size_t i = 0; request->offsets && i < n; i++) {
        const kurier_position *from = &positions[i];
        bool end = from->offset == KURIER_END || from->offset == KURIER_BEGINNING;
        request->offsets[i] =
            (struct kc_admin_offset){.topic = copy(request, from->topic),
                                     .partition = from->partition,
                                     .leader_epoch = from->leader_epoch,
                                     .timestamp_ms = end ? from->offset : from->timestamp_ms,
                                     .leader = -1};
    }
    return whole(request);
}

kurier_request *kurier_admin_configs(kurier_resource kind, const char *name)
{
    bool broker = kind == KURIER_BROKER;
    kurier_request *request =
        request_new(broker ? &kc_admin_broker_configs : &kc_admin_topic_configs);
    if (!request)
        return NULL;
    request->resource = kind;
    request->node = broker ? (int32_t)strtol(name, NULL, 10) : -1;
    copy_names(request, &name, 1);
    return whole(request);
}

kurier_request *kurier_admin_cluster(void)
{
    return request_new(&kc_admin_cluster);
}

void kurier_request_free(kurier_request *request)
{
    kc_request_free(request);
}

/* ---- Running -----------------------------------------------------------------------*/

/* NULL: err says why, and the request is freed. */
static struct kc_admin *prepare(kurier_client *client, kurier_request *request,
                                struct kb_error *err)
{
    struct kc_admin *admin = NULL;
    if (!request)
        kb_error_set(err, KB_E_NO_MEMORY, "there is no request: out of memory");
    else if (kc_client_check(client, err))
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

/* ---- Results ------------------------------------------------------------------------*/

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

uint64_t kurier_result_opaque(const kurier_result *result)
{
    return result->opaque;
}

static kurier_code row_error(const kurier_row *row, struct kb_error *err)
{
    const char *text = row->text ? row->text : kb_code_text(row->code);
    const char *name = row->name ? row->name : "";
    if (row->partition >= 0)
        kb_error_set(err, row->code, "%s [%d]: %s", name, row->partition, text);
    else
        kb_error_set(err, row->code, "%s: %s", name, text);
    return row->code;
}

kurier_code kurier_result_error(const kurier_result *result, kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    if (result->err.code) {
        if (err)
            *err = result->err;
        return (kurier_code)result->err.code;
    }
    for (size_t i = 0; i < result->count; i++)
        if (result->rows[i].code)
            return row_error(&result->rows[i], err);
    return KURIER_OK;
}

size_t kurier_result_rows(const kurier_result *result, const kurier_row **out)
{
    *out = result->rows;
    return result->count;
}

void kurier_result_free(kurier_result *result)
{
    kc_result_free(result);
}
