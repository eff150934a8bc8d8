/* SPDX-License-Identifier: Apache-2.0 */
/* FindCoordinator says whom to ask about each group or transactional id, here its key:
 * from version 4 on about all of them at once, before about one after the other. */
#include "base/check.h"
#include "libclient/admin/table.h"
#include "wire/gen/find_coordinator.h"
#include <stdlib.h>

enum { OF_GROUPS = 0, OF_TXNS = 1, TYPED = 1, MANY_KEYS = 4 };

static bool is_of_txns(const struct kc_admin *admin)
{
    return admin->request->api->route == KC_ROUTE_TXNS;
}

static const char *key_of(const struct kc_admin *admin, const struct kc_admin_item *item)
{
    return admin->request->group ? admin->request->group : item->name;
}

static bool is_sought(const struct kc_admin_item *item)
{
    return item->node < 0 && !item->told;
}

/* The next that nothing is known of; NULL: none. */
static const char *next_sought(const struct kc_admin *admin)
{
    for (size_t i = 0; i < admin->left_count; i++)
        if (is_sought(admin->left[i]))
            return key_of(admin, admin->left[i]);
    return NULL;
}

/* ---- Asking ---------------------------------------------------------------------------*/

static int by_name(const void *a, const void *b)
{
    const struct kc_admin_item *const *x = a, *const *y = b;
    return kc_admin_compare(*x, *y);
}

/* Each once. False: no memory. */
static bool list_keys(struct kc_admin *admin, struct kb_arena *arena,
                      struct kw_find_coordinator_request *request)
{
    const char *last = NULL;
    struct kb_slice *keys = kb_arena_array(arena, admin->left_count + 1, sizeof *keys);
    for (size_t i = 0; keys && i < admin->left_count; i++) {
        const char *key = key_of(admin, admin->left[i]);
        if (!last || strcmp(key, last))
            keys[request->coordinator_keys_count++] = kb_slice_str(key);
        last = key;
    }
    request->coordinator_keys = keys;
    return keys != NULL;
}

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_admin *admin = KB_CONTAINER(ask, struct kc_admin, locating);
    struct kw_find_coordinator_request request;
    struct kb_arena arena;
    int code = 0;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    kw_find_coordinator_request_init(&request);
    request.key_type = is_of_txns(admin) ? OF_TXNS : OF_GROUPS;
    if (version < MANY_KEYS)
        request.key = kb_slice_str(next_sought(admin));
    else if (!list_keys(admin, &arena, &request))
        code = KB_E_NO_MEMORY;
    if (!code && !kw_find_coordinator_request_encode(out, version, &request))
        code = KB_E_UNSUPPORTED;
    kb_arena_deinit(&arena);
    return code;
}

/* ---- The answer ------------------------------------------------------------------------*/

/* The first of those left, by name, that is of this key. */
static size_t find_key(const struct kc_admin *admin, struct kb_slice key)
{
    size_t low = 0, high = admin->left_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kb_slice_compare(kb_slice_str(key_of(admin, admin->left[middle])), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_coordinator(struct kc_admin *admin, struct kb_slice key, int32_t node, int code,
                             struct kb_slice text)
{
    kurier_result *result = admin->result;
    if (!code && node < 0)
        code = KB_E_COORDINATOR_NOT_AVAILABLE;
    const char *words = code && text.size ? kb_arena_strdup(&result->arena, text) : NULL;
    for (size_t i = find_key(admin, key); i < admin->left_count; i++) {
        struct kc_admin_item *item = admin->left[i];
        if (!kb_slice_is(key, key_of(admin, item)))
            break;
        if (code)
            kc_admin_settle(admin, item, code, words, kc_admin_heals(admin->request->api, code));
        else
            item->node = node;
    }
}

static void take(struct kc_admin *admin, int16_t version,
                 const struct kw_find_coordinator_response *response)
{
    kc_client_throttled(admin->call.client, admin->locating.from, response->throttle_time_ms);
    if (version < MANY_KEYS)
        take_coordinator(admin, kb_slice_str(next_sought(admin)), response->node_id,
                         response->error_code, response->error_message);
    for (int32_t i = 0; version >= MANY_KEYS && i < response->coordinators_count; i++) {
        const struct kw_find_coordinator_response_coordinator *c = &response->coordinators[i];
        take_coordinator(admin, c->key, c->node_id, c->error_code, c->error_message);
    }
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer);

static void ask(struct kc_admin *admin)
{
    struct kurier_client *client = admin->call.client;
    struct kb_time now = kn_loop_now(kc_client_loop(client));
    int64_t deadline_ms = kb_deadline(now, client->options->common.request_timeout_ms);
    admin->locating = (struct kc_ask){.api_key = KW_API_FIND_COORDINATOR,
                                      .min_version = is_of_txns(admin) ? TYPED : 0,
                                      .max_version = 6,
                                      .deadline_ms = KB_MIN(deadline_ms, admin->call.deadline_ms),
                                      .encode = encode,
                                      .on_answer = on_answer};
    kc_client_ask(client, KC_ANY_BROKER, &admin->locating);
}

static void failed(struct kc_admin *admin, const struct kb_error *err)
{
    admin->err = *err;
    admin->again = (err->classes & KB_RETRIABLE) != 0;
    kc_admin_fail_items(admin, admin->left, admin->left_count, &(struct kn_answer){.err = err});
}

static int read(struct kc_admin *admin, const struct kn_answer *answer, struct kb_error *err)
{
    struct kw_find_coordinator_response response;
    struct kb_arena arena;
    kb_error_clear(err);
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    if (kw_find_coordinator_response_decode(answer->body, answer->version, &arena, &response))
        take(admin, answer->version, &response);
    else
        kb_error_set(err, KB_E_PROTOCOL, "%s: an answer to FindCoordinator that cannot be read: %s",
                     kc_link_name(admin->locating.from),
                     answer->body->fault ? answer->body->fault : "out of memory");
    kb_arena_deinit(&arena);
    if (!err->code && next_sought(admin) && answer->version >= MANY_KEYS)
        kb_error_set(err, KB_E_PROTOCOL, "%s: an answer to FindCoordinator without \"%.100s\"",
                     kc_link_name(admin->locating.from), next_sought(admin));
    return err->code;
}

static void on_answer(struct kc_ask *asked, const struct kn_answer *answer)
{
    struct kc_admin *admin = KB_CONTAINER(asked, struct kc_admin, locating);
    struct kb_error err;
    if (answer->err)
        failed(admin, answer->err);
    else if (read(admin, answer, &err))
        failed(admin, &err);
    else if (next_sought(admin)) {
        ask(admin);
        return;
    }
    kc_admin_located(admin);
}

void kc_admin_find_coordinators(struct kc_admin *admin)
{
    qsort(admin->left, admin->left_count, sizeof *admin->left, by_name);
    for (size_t i = 0; i < admin->left_count; i++)
        admin->left[i]->node = KC_ANY_BROKER;
    ask(admin);
}
