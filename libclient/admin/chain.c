/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that follow each other: what one brought to light, the next asks about. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/admin/table.h"

static bool no_memory(struct kc_admin *admin)
{
    kb_error_set(&admin->err, KB_E_NO_MEMORY, "out of memory");
    return false;
}

static void set_aside(struct kc_admin *admin)
{
    KB_CHECK(admin->stages < KC_ADMIN_STAGES);
    admin->before[admin->stages++] = (struct kc_admin_stage){admin->request, admin->result};
}

bool kc_admin_go_on(struct kc_admin *admin, kurier_request *request)
{
    kurier_result *result = request ? kc_result_new(request) : NULL;
    struct kc_admin_item **left =
        result ? KB_NEW_ARRAY(struct kc_admin_item *, request->count + 1) : NULL;
    if (!left) {
        kc_request_free(request);
        kc_result_free(result);
        return no_memory(admin);
    }
    result->opaque = admin->result->opaque;
    set_aside(admin);
    kb_free(admin->left);
    admin->left = left;
    admin->request = request;
    admin->result = result;
    admin->heard = admin->all_instead = false;
    return true;
}

void kc_admin_go_on_with(struct kc_admin *admin, const struct kc_admin_api *api)
{
    KB_CHECK(api->kind == KURIER_ITEM);
    admin->request->api = api;
    admin->request->follow = NULL;
    admin->result->kind = api->kind;
    for (size_t i = 0; i < admin->request->count; i++) {
        struct kc_admin_item *item = &admin->request->items[i];
        item->done = kc_admin_info(admin, item)->item.code != KURIER_OK;
        item->lost = item->instead = false;
    }
}

bool kc_admin_conclude(struct kc_admin *admin, const struct kc_admin_api *api)
{
    kurier_request *request = kc_request_new(api, 0);
    return kc_admin_go_on(admin, request);
}

void kc_admin_forget_stages(struct kc_admin *admin)
{
    while (admin->stages) {
        struct kc_admin_stage *stage = &admin->before[--admin->stages];
        kc_request_free(stage->request);
        kc_result_free(stage->result);
    }
}
