/* SPDX-License-Identifier: Apache-2.0 */
/* What the constructors share. */
#include "base/check.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "libclient/admin/table.h"
#include <stdio.h>

enum { REQUEST_BYTES = 64 << 20 };

kurier_request *kc_request_new(const struct kc_admin_api *api, size_t count)
{
    kurier_request *request = KB_NEW(kurier_request);
    if (!request)
        return NULL;
    request->api = api;
    request->count = count;
    kb_error_clear(&request->err);
    kb_arena_init(&request->arena, REQUEST_BYTES);
    request->items = kb_arena_array(&request->arena, count + 1, sizeof *request->items);
    if (request->items)
        return request;
    kc_request_free(request);
    return NULL;
}

void kc_request_free(kurier_request *request)
{
    if (!request)
        return;
    kb_arena_deinit(&request->arena);
    kb_free(request);
}

kurier_request *kc_request_whole(kurier_request *request)
{
    if (request && request->arena.failed) {
        kc_request_free(request);
        return NULL;
    }
    return request;
}

void kc_request_refuse(kurier_request *request, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!request->err.code)
        kb_error_set(&request->err, KB_E_INVALID_ARGUMENT, "%s: %s", request->api->name, text);
}

struct kc_admin_item *kc_request_item(kurier_request *request, size_t i, const char *name,
                                      int32_t partition)
{
    struct kc_admin_item *item = &request->items[i];
    const char *copy = kc_request_text(request, name);
    item->name = copy ? copy : "";
    item->partition = partition;
    item->node = request->api->route == KC_CONTROLLER ? KC_CONTROLLER : KC_ANY_BROKER;
    if (!name)
        kc_request_refuse(request, "number %zu has no name", i);
    return item;
}

const char *kc_request_text(kurier_request *request, const char *text)
{
    return text ? kb_arena_strdup(&request->arena, kb_slice_str(text)) : NULL;
}

const void *kc_request_copy(kurier_request *request, const void *from, size_t size)
{
    void *copy = from ? kb_arena_alloc(&request->arena, size) : NULL;
    if (copy && size)
        memcpy(copy, from, size);
    return copy;
}

const char *const *kc_request_texts(kurier_request *request, const char *const *texts)
{
    size_t n = 0;
    if (!texts)
        return NULL;
    while (texts[n])
        n++;
    const char **copies = kb_arena_array(&request->arena, n + 1, sizeof *copies);
    for (size_t i = 0; copies && i < n; i++)
        copies[i] = kc_request_text(request, texts[i]);
    return copies;
}

kurier_nodes kc_request_nodes(kurier_request *request, kurier_nodes nodes)
{
    nodes.ids = kc_request_copy(request, nodes.ids, nodes.count * sizeof *nodes.ids);
    return nodes;
}

kurier_request *kc_request_of_partitions(const struct kc_admin_api *api,
                                         const kurier_position *positions, size_t n)
{
    kurier_request *request = kc_request_new(api, positions ? n : 0);
    if (!request)
        return NULL;
    request->all = !positions;
    for (size_t i = 0; i < request->count; i++) {
        const kurier_position *from = &positions[i];
        struct kc_admin_item *item = kc_request_item(request, i, from->topic, from->partition);
        item->number = from->offset;
        if (from->partition < 0)
            kc_request_refuse(request, "number %zu is of partition %d", i, from->partition);
    }
    return kc_request_whole(request);
}

kurier_request *kc_request_of_names(const struct kc_admin_api *api, const char *const *names,
                                    size_t n)
{
    kurier_request *request = kc_request_new(api, n);
    for (size_t i = 0; request && i < n; i++)
        kc_request_item(request, i, names[i], -1);
    return kc_request_whole(request);
}

kurier_request *kc_request_in_group(kurier_request *request, const char *group)
{
    if (!request)
        return NULL;
    if (!group)
        kc_request_refuse(request, "no group is named");
    request->group = kc_request_text(request, group ? group : "");
    return kc_request_whole(request);
}

kurier_request *kc_request_of_brokers(const struct kc_admin_api *api, const int32_t *nodes,
                                      size_t n)
{
    kurier_request *request = kc_request_new(api, nodes ? n : 0);
    if (!request)
        return NULL;
    request->all = !nodes;
    for (size_t i = 0; i < request->count; i++) {
        kc_request_item(request, i, "", -1)->node = nodes[i];
        if (nodes[i] < 0)
            kc_request_refuse(request, "%d is no node id", nodes[i]);
    }
    return kc_request_whole(request);
}

size_t kc_admin_same_name(const struct kc_admin_part *part, size_t i)
{
    size_t n = 1;
    while (i + n < part->count && !strcmp(part->items[i + n]->name, part->items[i]->name))
        n++;
    return n;
}

/* Zero for a name that is no id: the broker says then that it knows none such. */
struct kb_uuid kc_admin_id(const struct kc_admin_item *item)
{
    struct kb_uuid id = {{0}};
    return kb_uuid_parse(item->name, &id) ? id : (struct kb_uuid){{0}};
}
