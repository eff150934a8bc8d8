/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/admin.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/cluster.h"
#include "wire/api.h"
#include "wire/reader.h"
#include <stdlib.h>

enum { RESULT_BYTES = 256 << 20 };

static void start(struct kc_admin *admin);

static struct kb_time now(const struct kc_admin *admin)
{
    return kn_loop_now(kc_client_loop(admin->call.client));
}

/* ---- Requests and results -------------------------------------------------------*/

void kc_request_free(kurier_request *request)
{
    if (!request)
        return;
    kb_arena_deinit(&request->arena);
    kb_free(request);
}

static kurier_result *result_new(void)
{
    kurier_result *result = KB_NEW(kurier_result);
    if (!result)
        return NULL;
    kb_list_init(&result->node);
    kb_arena_init(&result->arena, RESULT_BYTES);
    kb_error_clear(&result->err);
    return result;
}

void kc_result_free(kurier_result *result)
{
    if (!result)
        return;
    kb_arena_deinit(&result->arena);
    kb_free(result->rows);
    kb_free(result);
}

kurier_row *kc_result_row(kurier_result *result)
{
    if (result->count == result->capacity) {
        size_t capacity = KB_MAX(result->capacity * 2, (size_t)16);
        kurier_row *rows = kb_realloc(result->rows, capacity * sizeof *rows);
        if (!rows)
            return NULL;
        result->rows = rows;
        result->capacity = capacity;
    }
    kurier_row *row = &result->rows[result->count++];
    *row =
        (kurier_row){.partition = -1, .leader = -1, .epoch = -1, .offset = -1, .timestamp_ms = -1};
    return row;
}

const char *kc_result_text(kurier_result *result, struct kb_slice text)
{
    return text.data ? kb_arena_strdup(&result->arena, text) : NULL;
}

/* ---- Parts ------------------------------------------------------------------------*/

int32_t kc_admin_time_left_ms(const struct kc_admin_part *part)
{
    int64_t left_ms = kb_time_left(now(part->admin), part->ask.deadline_ms);
    return (int32_t)KB_MIN(left_ms, (int64_t)INT32_MAX);
}

static void drop_parts(struct kc_admin *admin)
{
    KB_LIST_EACH_SAFE(it, &admin->parts) {
        struct kc_admin_part *part = KB_CONTAINER(it, struct kc_admin_part, all);
        kc_ask_cancel(&part->ask);
        kb_list_remove(&part->all);
        kb_free(part);
    }
    admin->unanswered = 0;
}

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_admin_part *part = KB_CONTAINER(ask, struct kc_admin_part, ask);
    return part->admin->stage->encode(part, version, out);
}

static void over(struct kc_admin *admin);

static void note(struct kc_admin *admin, const struct kb_error *err)
{
    if (!admin->err.code)
        admin->err = *err;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_admin_part *part = KB_CONTAINER(ask, struct kc_admin_part, ask);
    struct kc_admin *admin = part->admin;
    struct kb_error err;
    kb_error_clear(&err);
    if (answer->err)
        note(admin, answer->err);
    else if (admin->stage->take(part, answer->version, answer->body, &err))
        note(admin, &err);
    if (--admin->unanswered == 0)
        over(admin);
}

/* False: no memory. Asks only once all parts stand. */
static bool add_part(struct kc_admin *admin, int32_t node)
{
    const struct kc_admin_api *api = admin->stage;
    int32_t request_ms = admin->call.client->options->common.request_timeout_ms;
    struct kc_admin_part *part = KB_NEW(struct kc_admin_part);
    if (!part)
        return false;
    part->ask = (struct kc_ask){
        .api_key = api->key,
        .min_version = api->min_version,
        .max_version = api->max_version,
        .deadline_ms = KB_MIN(kb_deadline(now(admin), request_ms), admin->call.deadline_ms),
        .encode = encode,
        .on_answer = on_answer};
    part->admin = admin;
    part->node = node;
    kb_list_push_back(&admin->parts, &part->all);
    return true;
}

static bool has_part(const struct kc_admin *admin, int32_t node)
{
    KB_LIST_EACH(it, &admin->parts)
        if (KB_CONTAINER(it, struct kc_admin_part, all)->node == node)
            return true;
    return false;
}

static bool make_parts(struct kc_admin *admin)
{
    const kurier_request *request = admin->request;
    bool whole = true;
    if (admin->stage->route == KC_ROUTE_NODE)
        return add_part(admin, request->node);
    if (admin->stage->route != KC_ROUTE_LEADERS)
        return add_part(admin, admin->stage->route);
    for (size_t i = 0; whole && i < request->count; i++) {
        int32_t leader = request->offsets[i].leader;
        if (leader >= 0 && !has_part(admin, leader))
            whole = add_part(admin, leader);
    }
    return whole;
}

/* ---- Attempts ----------------------------------------------------------------------*/

/* A partition that no broker answered for has a row all the same. */
static void fill_missing(struct kc_admin *admin, int32_t code)
{
    kurier_request *request = admin->request;
    for (size_t i = 0; request->offsets && i < request->count; i++) {
        struct kc_admin_offset *offset = &request->offsets[i];
        kurier_row *row = offset->answered ? NULL : kc_result_row(admin->result);
        if (!row)
            continue;
        row->name = kc_result_text(admin->result, kb_slice_str(offset->topic));
        row->partition = offset->partition;
        row->code = (kurier_code)code;
    }
}

static int compare_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int by_name_and_partition(const void *a, const void *b)
{
    const kurier_row *x = a, *y = b;
    int order = compare_text(x->name, y->name);
    if (!order)
        order = (x->partition > y->partition) - (x->partition < y->partition);
    return order ? order : compare_text(x->key, y->key);
}

static void hand_over(struct kc_admin *admin)
{
    struct kurier_client *client = admin->call.client;
    pthread_mutex_lock(&client->lock);
    kb_list_push_back(&client->results, &admin->result->node);
    pthread_mutex_unlock(&client->lock);
    admin->result = NULL;
    kc_client_pend(client, KURIER_RESULTS);
}

static void finish(struct kc_admin *admin)
{
    kurier_result *result = admin->result;
    kb_list_remove(&admin->all);
    kn_timer_cancel(kc_client_loop(admin->call.client), &admin->timer);
    drop_parts(admin);
    if (admin->err.code && result->count > 0) {
        fill_missing(admin, admin->err.code);
        kb_error_clear(&admin->err);
    }
    result->err = admin->err;
    if (result->count)
        qsort(result->rows, result->count, sizeof *result->rows, by_name_and_partition);
    if (admin->submitted)
        hand_over(admin);
    kc_call_done(&admin->call, &admin->err);
}

static void fail(struct kc_admin *admin, const struct kb_error *err)
{
    admin->err = *err;
    finish(admin);
}

static void send_stage(struct kc_admin *admin, const struct kc_admin_api *api)
{
    drop_parts(admin);
    kb_error_clear(&admin->err);
    admin->stage = api;
    if (!make_parts(admin)) {
        struct kb_error err;
        kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
        fail(admin, &err);
        return;
    }
    KB_LIST_EACH(it, &admin->parts)
        admin->unanswered++;
    if (kb_list_empty(&admin->parts))
        over(admin);
    else
        KB_LIST_EACH(it, &admin->parts) {
            struct kc_admin_part *part = KB_CONTAINER(it, struct kc_admin_part, all);
            kc_client_ask(admin->call.client, part->node, &part->ask);
        }
}

static bool wants_retry(const struct kc_admin *admin)
{
    for (size_t i = 0; i < admin->result->count; i++)
        for (size_t k = 0; k < KC_ADMIN_RETRIES && admin->stage->retry[k]; k++)
            if (admin->result->rows[i].code == (kurier_code)admin->stage->retry[k])
                return true;
    return false;
}

/* False: the time is up. */
static bool retry_later(struct kc_admin *admin)
{
    struct kurier_client *client = admin->call.client;
    int64_t at_ms =
        now(admin).mono_ms + kc_backoff_next_ms(&admin->backoff, &client->runtime->random);
    if (at_ms >= admin->call.deadline_ms)
        return false;
    kc_client_refresh(client, NULL);
    kn_timer_set(kc_client_loop(client), &admin->timer, at_ms);
    return true;
}

/* Every part has been answered. */
static void over(struct kc_admin *admin)
{
    const struct kc_admin_api *stage = admin->stage;
    bool failed = admin->err.code != 0;
    if (failed && admin->err.code == KB_E_UNSUPPORTED && stage->instead)
        send_stage(admin, stage->instead);
    else if ((failed ? admin->err.classes & KB_RETRIABLE : wants_retry(admin)) &&
             retry_later(admin))
        return;
    else if (!failed && stage->then)
        send_stage(admin, stage->then);
    else
        finish(admin);
}

static void on_timer(struct kn_timer *timer)
{
    start(KB_CONTAINER(timer, struct kc_admin, timer));
}

static void start(struct kc_admin *admin)
{
    kurier_request *request = admin->request;
    admin->result->count = 0;
    kb_arena_reset(&admin->result->arena);
    for (size_t i = 0; request->offsets && i < request->count; i++) {
        request->offsets[i].leader = -1;
        request->offsets[i].answered = false;
    }
    send_stage(admin, request->api);
}

/* ---- The call ------------------------------------------------------------------------*/

static void run(struct kc_call *call)
{
    struct kc_admin *admin = KB_CONTAINER(call, struct kc_admin, call);
    struct kurier_client *client = call->client;
    int64_t longest_ms = kb_deadline(now(admin), client->options->common.default_api_timeout_ms);
    if (call->deadline_ms == KB_NEVER)
        call->deadline_ms = longest_ms;
    kb_list_push_back(&client->cluster->admins, &admin->all);
    start(admin);
}

static void release(struct kc_call *call)
{
    struct kc_admin *admin = KB_CONTAINER(call, struct kc_admin, call);
    kc_request_free(admin->request);
    kc_result_free(admin->result);
    kb_free(admin);
}

struct kc_admin *kc_admin_new(struct kurier_client *client, kurier_request *request)
{
    struct kc_admin *admin = KB_NEW(struct kc_admin);
    kurier_result *result = result_new();
    if (!admin || !result) {
        kc_request_free(request);
        kc_result_free(result);
        kb_free(admin);
        return NULL;
    }
    kc_call_init(&admin->call, client, run, release);
    kb_list_init(&admin->all);
    kb_list_init(&admin->parts);
    kb_error_clear(&admin->err);
    kn_timer_init(&admin->timer, on_timer);
    kc_backoff_init(&admin->backoff, client->options->common.retry_backoff_ms,
                    client->options->common.retry_backoff_max_ms);
    admin->request = request;
    admin->result = result;
    return admin;
}

void kc_admin_close(struct kurier_client *client)
{
    struct kb_error closed;
    kb_error_set(&closed, KB_E_CLOSED, "the handle was freed");
    while (!kb_list_empty(&client->cluster->admins))
        fail(KB_LIST_FIRST(&client->cluster->admins, struct kc_admin, all), &closed);
}

void kc_admin_forget(struct kurier_client *client)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&client->results)))
        kc_result_free(KB_CONTAINER(node, kurier_result, node));
}
