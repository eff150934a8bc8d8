/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/embedded_impl.h"
#include "base/mem.h"
#include <string.h>

static struct kd_embedded *embedded_of(struct kd_meta *meta)
{
    return KB_CONTAINER(meta, struct kd_embedded, meta);
}
/* ---- Requests ----------------------------------------------------------- */

enum { REQUEST_BUDGET = 16 << 20 };

/* Callers rely on an answer. Where there is no memory to keep a request, one of
 * the store's spares says so when its turn comes; more of them than that are
 * never on their way. */
static struct kd_ask *request_new(struct kd_embedded *store, enum kd_ask_kind kind, void *ctx)
{
    struct kd_ask *request = KB_NEW(struct kd_ask);
    if (!request) {
        struct kb_list *link = kb_list_pop_front(&store->spares);
        KB_CHECK(link);
        store->spare_count--;
        request = KB_CONTAINER(link, struct kd_ask, link);
    }
    *request = (struct kd_ask){.kind = kind, .ctx = ctx};
    kb_list_init(&request->link);
    kb_arena_init(&request->arena, REQUEST_BUDGET);
    return request;
}

static bool make_spares(struct kd_embedded *store)
{
    while (store->spare_count < KD_ASK_SPARES) {
        struct kd_ask *spare = KB_NEW(struct kd_ask);
        if (!spare)
            return false;
        kb_list_push_back(&store->spares, &spare->link);
        store->spare_count++;
    }
    return true;
}

static void enqueue(struct kd_embedded *store, struct kd_ask *request)
{
    kb_list_push_back(&store->queue, &request->link);
    kn_task_soon(store->options.loop, &store->pump);
}
/* ---- The table ---------------------------------------------------------- */

static void ask(struct kd_embedded *store, enum kd_ask_kind kind, const char *path,
                struct kd_meta_watch *watch, kd_meta_node_fn *fn, void *ctx)
{
    struct kd_ask *request = request_new(store, kind, ctx);
    request->fn.node = fn;
    request->watch = watch;
    request->path = kb_arena_strdup(&request->arena, kb_slice_str(path));
    enqueue(store, request);
}

static void embedded_get(struct kd_meta *meta, const char *path, struct kd_meta_watch *watch,
                         kd_meta_node_fn *fn, void *ctx)
{
    ask(embedded_of(meta), KD_ASK_GET, path, watch, fn, ctx);
}

static void embedded_children(struct kd_meta *meta, const char *path, struct kd_meta_watch *watch,
                              kd_meta_node_fn *fn, void *ctx)
{
    ask(embedded_of(meta), KD_ASK_CHILDREN, path, watch, fn, ctx);
}

static struct kb_slice copy(struct kb_arena *arena, struct kb_slice data)
{
    uint8_t *to = data.size ? kb_arena_alloc(arena, data.size) : NULL;
    if (!to)
        return kb_slice_null();
    memcpy(to, data.data, data.size);
    return kb_slice_of(to, data.size);
}

static void embedded_multi(struct kd_meta *meta, const struct kd_meta_op *ops, int n,
                           kd_meta_multi_fn *fn, void *ctx)
{
    struct kd_ask *request = request_new(embedded_of(meta), KD_ASK_MULTI, ctx);
    struct kb_arena *arena = &request->arena;
    request->fn.multi = fn;
    request->n = n;
    request->ops = kb_arena_array(arena, (size_t)n, sizeof *ops);
    request->changes = kb_arena_array(arena, (size_t)n, sizeof *request->changes);
    for (int i = 0; request->ops && i < n; i++) {
        request->ops[i] = ops[i];
        request->ops[i].path = kb_arena_strdup(arena, kb_slice_str(ops[i].path));
        request->ops[i].data = copy(arena, ops[i].data);
    }
    if (arena->failed)
        request->changes = NULL;
    enqueue(embedded_of(meta), request);
}

static void embedded_disarm(struct kd_meta *meta, struct kd_meta_watch *watch)
{
    kd_watches_disarm(&embedded_of(meta)->watches, watch);
}

static void embedded_close(struct kd_meta *meta, void (*closed)(void *ctx), void *ctx)
{
    struct kd_ask *request = request_new(embedded_of(meta), KD_ASK_CLOSE, ctx);
    request->fn.closed = closed;
    enqueue(embedded_of(meta), request);
}

static void embedded_halt(struct kd_meta *meta)
{
    struct kd_embedded *store = embedded_of(meta);
    kn_task_cancel(&store->pump);
    kd_embedded_answer_lost(store);
    kn_task_cancel(&store->pump);
    store->halted = true;
    if (!store->busy)
        kd_embedded_free(store);
}

static const struct kd_meta_ops embedded_ops = {.get = embedded_get,
                                                .children = embedded_children,
                                                .multi = embedded_multi,
                                                .disarm = embedded_disarm,
                                                .close = embedded_close,
                                                .halt = embedded_halt};

/* ---- Opening ------------------------------------------------------------ */

static void run_open(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    kd_journal_open(&store->journal, store->options.fs, store->options.dir, &store->tree,
                    &store->open_error);
}

static void open_done(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    kd_embedded_opened_fn *opened = store->opened;
    void *ctx = store->opened_ctx;
    struct kb_error err = store->open_error;
    store->busy = false;
    if (err.code) {
        kd_embedded_free(store);
        opened(ctx, NULL, &err);
        return;
    }
    if (store->journal.cut_bytes)
        KB_LOG(store->options.log, KB_LOG_WARN, "meta", "cut a torn write dir=%s bytes=%lld",
               store->options.dir, (long long)store->journal.cut_bytes);
    opened(ctx, &store->meta, &err);
}

bool kd_embedded_open(const struct kd_embedded_options *options, kd_embedded_opened_fn *opened,
                      void *ctx)
{
    struct kd_embedded *store = KB_NEW(struct kd_embedded);
    if (!store)
        return false;
    store->meta.ops = &embedded_ops;
    store->options = *options;
    if (!store->options.snapshot_bytes)
        store->options.snapshot_bytes = 1 << 20;
    store->snapshot_at = store->options.snapshot_bytes;
    store->opened = opened;
    store->opened_ctx = ctx;
    kb_list_init(&store->spares);
    kb_list_init(&store->queue);
    kb_list_init(&store->batch);
    kb_error_clear(&store->open_error);
    kn_task_init(&store->pump, kd_embedded_pump);
    kd_watches_init(&store->watches, options->seed);
    if (!kd_tree_init(&store->tree, options->seed) || !make_spares(store)) {
        kd_embedded_free(store);
        return false;
    }
    kd_embedded_submit(store, run_open, open_done);
    return true;
}
