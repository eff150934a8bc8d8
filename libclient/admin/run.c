/* SPDX-License-Identifier: Apache-2.0 */
/* A request's attempts: parts are made and sent, answers taken, and what is left
 * asked for again until it is done or its time is up. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/admin/table.h"
#include "libclient/drive/cluster.h"
#include <stdlib.h>

static void begin(struct kc_admin *admin);
static void over(struct kc_admin *admin);
static void fail(struct kc_admin *admin, int code, const char *text);

static struct kurier_client *client_of(const struct kc_admin *admin)
{
    return admin->call.client;
}

static struct kb_time now(const struct kc_admin *admin)
{
    return kn_loop_now(kc_client_loop(client_of(admin)));
}

/* ---- Parts ------------------------------------------------------------------------*/

int32_t kc_admin_time_left_ms(const struct kc_admin_part *part)
{
    int64_t left_ms = kb_time_left(now(part->admin), part->ask.deadline_ms);
    return (int32_t)KB_MIN(left_ms, (int64_t)INT32_MAX);
}

static void drop_parts(struct kc_admin *admin)
{
    kc_ask_cancel(&admin->locating);
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
    part->version = version;
    return part->api->encode(part, version, out);
}

bool kc_admin_is_open(const struct kc_admin *admin)
{
    return admin->request->all && !admin->request->count;
}

const struct kc_admin_api *kc_admin_api(const struct kc_admin *admin,
                                        const struct kc_admin_item *item)
{
    const struct kc_admin_api *api = admin->request->api;
    bool instead = item ? item->instead : admin->all_instead;
    return instead ? api->instead : api;
}

/* A broker that is too old for this API; the row knows another way, or else since
 * when there is this one. */
static bool is_too_old(struct kc_admin_part *part, const struct kb_error *err)
{
    if (err->code != KB_E_UNSUPPORTED || !part->api->instead)
        return false;
    for (size_t i = 0; i < part->count; i++)
        part->items[i]->instead = true;
    part->admin->all_instead = !part->items;
    part->admin->instead = true;
    return true;
}

static void part_failed(struct kc_admin_part *part, const struct kn_answer *answer)
{
    struct kc_admin *admin = part->admin;
    if (is_too_old(part, answer->err))
        return;
    if (!admin->err.code)
        admin->err = *answer->err;
    admin->again |= (answer->err->classes & KB_RETRIABLE) != 0;
    kc_admin_fail_items(admin, part->items, part->count, answer);
}

static void send_part(struct kc_admin_part *part)
{
    struct kc_admin *admin = part->admin;
    int32_t request_ms = client_of(admin)->options->common.request_timeout_ms;
    part->ask.deadline_ms = KB_MIN(kb_deadline(now(admin), request_ms), admin->call.deadline_ms);
    kc_client_ask(client_of(admin), part->node, &part->ask);
}

static void part_answered(struct kc_admin_part *part)
{
    part->admin->heard = true;
    kc_admin_answer_rest(part, KB_E_PROTOCOL, "the broker's answer does not speak of it");
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_admin_part *part = KB_CONTAINER(ask, struct kc_admin_part, ask);
    struct kc_admin *admin = part->admin;
    struct kb_error err;
    int code = 0;
    kb_error_clear(&err);
    if (answer->err)
        part_failed(part, answer);
    else
        code = part->api->take(part, answer->version, answer->body, &err);
    if (code == KC_ADMIN_MORE) {
        send_part(part);
        return;
    }
    if (code)
        part_failed(part, &(struct kn_answer){.err = &err});
    else if (!answer->err)
        part_answered(part);
    if (--admin->unanswered == 0)
        over(admin);
}

bool kc_admin_add_part(struct kc_admin *admin, int32_t node, struct kc_admin_item **items,
                       size_t count)
{
    const struct kc_admin_api *api = kc_admin_api(admin, items ? items[0] : NULL);
    int16_t needs = api->needs ? api->needs(admin->request) : api->min_version;
    struct kc_admin_part *part = KB_NEW(struct kc_admin_part);
    if (!part)
        return false;
    part->ask = (struct kc_ask){.api_key = api->key,
                                .min_version = KB_MAX(needs, api->min_version),
                                .max_version = api->max_version,
                                .since = api->since,
                                .encode = encode,
                                .on_answer = on_answer};
    part->admin = admin;
    part->api = api;
    part->node = node;
    part->items = items;
    part->count = count;
    kb_list_push_back(&admin->parts, &part->all);
    admin->unanswered++;
    return true;
}

static bool go_together(const struct kc_admin_item *a, const struct kc_admin_item *b)
{
    return a->node == b->node && a->turn == b->turn && a->instead == b->instead;
}

/* Those left are sorted: a part is a run of one broker, one API and one turn. */
static bool make_parts(struct kc_admin *admin)
{
    struct kc_admin_item **left = admin->left;
    int16_t route = admin->request->api->route;
    bool whole = true;
    if (kc_admin_is_open(admin)) /* of all brokers there are parts already */
        return route == KC_ROUTE_ALL || kc_admin_add_part(admin, route, NULL, 0);
    kc_admin_sort_left(admin);
    for (size_t i = 0, n; whole && i < admin->left_count; i += n) {
        for (n = 1; i + n < admin->left_count && go_together(left[i + n], left[i]);)
            n++;
        whole = kc_admin_add_part(admin, left[i]->node, &left[i], n);
    }
    return whole;
}

/* ---- The end ------------------------------------------------------------------------*/

static void hand_over(struct kc_admin *admin)
{
    struct kurier_client *client = client_of(admin);
    pthread_mutex_lock(&client->lock);
    kb_list_push_back(&client->results, &admin->result->node);
    pthread_mutex_unlock(&client->lock);
    admin->result = NULL;
    kc_client_pend(client, KURIER_RESULTS);
}

static void end(struct kc_admin *admin)
{
    kb_list_remove(&admin->all);
    kn_timer_cancel(kc_client_loop(client_of(admin)), &admin->timer);
    admin->result->err = admin->err;
    if (admin->err.code)
        admin->result->count = 0;
    if (admin->submitted)
        hand_over(admin);
    kc_call_done(&admin->call, &admin->err);
}

static void finish(struct kc_admin *admin)
{
    const kurier_request *request = admin->request;
    drop_parts(admin);
    if (admin->heard && !kc_admin_is_open(admin))
        kb_error_clear(&admin->err); /* each item has its own */
    if (!admin->err.code && kc_admin_is_open(admin))
        kc_result_sort(admin->result, request->api->route == KC_ROUTE_ALL);
    if (!admin->err.code && request->follow && request->follow(admin))
        begin(admin);
    else
        end(admin);
}

/* As a whole, whatever came before. */
static void fail(struct kc_admin *admin, int code, const char *text)
{
    kb_error_set(&admin->err, code, "%s", text);
    admin->heard = false;
    finish(admin);
}

/* ---- Attempts ----------------------------------------------------------------------*/

static void send_parts(struct kc_admin *admin)
{
    if (!make_parts(admin)) {
        fail(admin, KB_E_NO_MEMORY, "out of memory");
        return;
    }
    if (kb_list_empty(&admin->parts)) {
        over(admin);
        return;
    }
    KB_LIST_EACH(it, &admin->parts)
        send_part(KB_CONTAINER(it, struct kc_admin_part, all));
}

static void list_left(struct kc_admin *admin)
{
    kurier_request *request = admin->request;
    admin->left_count = 0;
    for (size_t i = 0; i < request->count; i++)
        if (!request->items[i].done && !request->items[i].told)
            admin->left[admin->left_count++] = &request->items[i];
}

void kc_admin_located(struct kc_admin *admin)
{
    if (!admin->left && admin->request->count) {
        fail(admin, KB_E_NO_MEMORY, "out of memory");
        return;
    }
    list_left(admin);
    if (admin->err.code)
        over(admin);
    else
        send_parts(admin);
}

static void begin(struct kc_admin *admin)
{
    drop_parts(admin);
    kb_error_clear(&admin->err);
    admin->again = admin->instead = false;
    if (kc_admin_is_open(admin))
        admin->result->count = 0;
    for (size_t i = 0; i < admin->request->count; i++)
        admin->request->items[i].told = false;
    list_left(admin);
    if (!kc_admin_must_locate(admin))
        send_parts(admin);
    else if (kc_admin_is_coordinated(admin))
        kc_admin_find_coordinators(admin);
    else
        kc_admin_locate(admin);
}

/* False: the time is up. */
static bool retry_later(struct kc_admin *admin)
{
    struct kurier_client *client = client_of(admin);
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
    if (admin->instead)
        begin(admin);
    else if (!admin->again || !retry_later(admin))
        finish(admin);
}

static void on_timer(struct kn_timer *timer)
{
    begin(KB_CONTAINER(timer, struct kc_admin, timer));
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
    begin(admin);
}

static void release(struct kc_call *call)
{
    struct kc_admin *admin = KB_CONTAINER(call, struct kc_admin, call);
    kc_admin_forget_stages(admin);
    kc_request_free(admin->request);
    kc_result_free(admin->result);
    kb_free(admin->left);
    kb_free(admin);
}

struct kc_admin *kc_admin_new(struct kurier_client *client, kurier_request *request)
{
    struct kc_admin *admin = KB_NEW(struct kc_admin);
    kurier_result *result = kc_result_new(request);
    struct kc_admin_item **left = KB_NEW_ARRAY(struct kc_admin_item *, request->count + 1);
    if (!admin || !result || !left) {
        kc_request_free(request);
        kc_result_free(result);
        kb_free(left);
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
    admin->left = left;
    return admin;
}

void kc_admin_close(struct kurier_client *client)
{
    while (!kb_list_empty(&client->cluster->admins))
        fail(KB_LIST_FIRST(&client->cluster->admins, struct kc_admin, all), KB_E_CLOSED,
             "the handle was freed");
}

void kc_admin_forget(struct kurier_client *client)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&client->results)))
        kc_result_free(KB_CONTAINER(node, kurier_result, node));
}
