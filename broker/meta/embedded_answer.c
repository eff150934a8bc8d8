/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/embedded_impl.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

void kd_ask_free(struct kd_embedded *store, struct kd_ask *request)
{
    kb_arena_deinit(&request->arena);
    if (store->spare_count == KD_ASK_SPARES) {
        kb_free(request);
        return;
    }
    kb_list_push_back(&store->spares, &request->link);
    store->spare_count++;
}

static const struct kd_meta_node unknown_node = {.outcome = KD_META_UNKNOWN};
static const struct kd_meta_result unknown_result = {.outcome = KD_META_UNKNOWN, .failed = -1};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of a node's children, sorted. NULL: no memory. */
static const char **name_children(struct kb_arena *arena, const struct kd_tree_node *node)
{
    const char **names = kb_arena_array(arena, (size_t)node->child_count + 1, sizeof *names);
    size_t n = 0;
    if (!names)
        return NULL;
    KB_LIST_EACH(it, &node->children)
        names[n++] = kd_tree_name(KB_CONTAINER(it, struct kd_tree_node, siblings));
    qsort(names, n, sizeof *names, by_name);
    return names;
}

/* False: no memory. */
static bool describe(struct kd_embedded *store, struct kd_ask *request,
                     const struct kd_tree_node *node, struct kd_meta_node *out)
{
    *out = (struct kd_meta_node){.outcome = node ? KD_META_OK : KD_META_CONFLICT};
    bool wants_children = request->kind == KD_ASK_CHILDREN;
    if (request->watch && (node || !wants_children) &&
        !kd_watches_arm(&store->watches, request->path,
                        wants_children ? KD_WATCH_CHILDREN : KD_WATCH_NODE, request->watch))
        return false;
    if (!node)
        return true;
    kd_tree_stat(node, &out->stat);
    out->data = kb_slice_of(node->data, node->size);
    if (!wants_children)
        return true;
    out->children = name_children(&request->arena, node);
    out->count = node->child_count;
    return out->children;
}

static void answer_node(struct kd_embedded *store, struct kd_ask *request)
{
    struct kd_meta_node node;
    bool known = store->status >= 0 && request->path &&
                 describe(store, request, kd_tree_find(&store->tree, request->path), &node);
    request->fn.node(request->ctx, known ? &node : &unknown_node);
}

static void answer_multi(struct kd_embedded *store, struct kd_ask *request)
{
    bool lost = store->status < 0;
    request->fn.multi(request->ctx, lost ? &unknown_result : &request->result);
    if (lost || request->result.outcome != KD_META_OK)
        return;
    for (int i = 0; i < request->n; i++)
        kd_watches_fire(&store->watches, &request->ops[i], request->changes[i].path);
}

void kd_embedded_free(struct kd_embedded *store)
{
    struct kb_list *link;
    kn_task_cancel(&store->pump);
    while ((link = kb_list_pop_front(&store->spares)))
        kb_free(KB_CONTAINER(link, struct kd_ask, link));
    kd_journal_close(&store->journal);
    kd_watches_deinit(&store->watches);
    kd_tree_deinit(&store->tree);
    kd_bytes_free(&store->bytes);
    kb_free(store);
}

static struct kd_ask *next_request(struct kd_embedded *store)
{
    struct kb_list *link = kb_list_pop_front(&store->batch);
    if (!link)
        link = kb_list_pop_front(&store->queue);
    return link ? KB_CONTAINER(link, struct kd_ask, link) : NULL;
}

void kd_embedded_answer_lost(struct kd_embedded *store)
{
    struct kd_ask *request;
    store->status = -1;
    while ((request = next_request(store))) {
        if (request->kind == KD_ASK_MULTI)
            answer_multi(store, request);
        else if (request->kind != KD_ASK_CLOSE)
            answer_node(store, request);
        kd_ask_free(store, request);
    }
}

static void answer_close(struct kd_embedded *store, struct kd_ask *request)
{
    void (*closed)(void *ctx) = request->fn.closed;
    void *ctx = request->ctx;
    kd_ask_free(store, request);
    kd_embedded_answer_lost(store);
    kd_embedded_free(store);
    closed(ctx);
}

void kd_embedded_answer(struct kd_embedded *store)
{
    struct kb_list *link;
    while ((link = kb_list_pop_front(&store->batch))) {
        struct kd_ask *request = KB_CONTAINER(link, struct kd_ask, link);
        if (request->kind == KD_ASK_CLOSE) {
            answer_close(store, request);
            return;
        }
        if (request->kind == KD_ASK_MULTI)
            answer_multi(store, request);
        else
            answer_node(store, request);
        kd_ask_free(store, request);
    }
    if (!kb_list_empty(&store->queue))
        kn_task_soon(store->options.loop, &store->pump);
}
