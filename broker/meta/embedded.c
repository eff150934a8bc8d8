/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/embedded.h"
#include "base/arena.h"
#include "base/mem.h"
#include "broker/meta/journal.h"
#include "broker/meta/watches.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum request_kind { GET, CHILDREN, MULTI, CLOSE };

struct request {
    struct kb_list link;
    enum request_kind kind;
    void *ctx;
    union {
        kd_meta_node_fn *node;
        kd_meta_multi_fn *multi;
        void (*closed)(void *ctx);
    } fn;
    const char *path; /* get, children; NULL: there was no memory for it */
    struct kd_meta_watch *watch;
    struct kd_meta_op *ops;
    int n;
    struct kd_meta_change *changes;
    struct kd_meta_result result;
    struct kb_arena arena;
};

struct embedded {
    struct kd_meta meta;
    struct kd_embedded_options options;
    struct kd_tree tree;
    struct kd_watches watches;
    struct kd_journal journal;

    struct kb_list queue; /* not looked at yet */
    struct kb_list batch; /* applied, waiting for the disk */
    struct kd_bytes bytes;
    struct kn_task pump;
    struct kn_job job;
    bool busy; /* a job is on its way */
    bool halted;
    int status;         /* of the job: 0 or -errno; once < 0, it stays */
    size_t wanted;      /* bytes of room that are being asked for */
    size_t snapshot_at; /* bytes of log at which the next snapshot is due */
    int refused;        /* 0 or -errno: why there are none */

    kd_embedded_opened_fn *opened;
    void *opened_ctx;
    struct kb_error open_error;
};

static struct embedded *embedded_of(struct kd_meta *meta)
{
    return KB_CONTAINER(meta, struct embedded, meta);
}

/* ---- Requests ----------------------------------------------------------- */

enum { REQUEST_BUDGET = 16 << 20 };

static struct request *request_new(enum request_kind kind, void *ctx)
{
    struct request *request = KB_NEW(struct request);
    if (!request)
        return NULL;
    request->kind = kind;
    request->ctx = ctx;
    kb_list_init(&request->link);
    kb_arena_init(&request->arena, REQUEST_BUDGET);
    return request;
}

static void request_free(struct request *request)
{
    kb_arena_deinit(&request->arena);
    kb_free(request);
}

static void enqueue(struct embedded *store, struct request *request)
{
    kb_list_push_back(&store->queue, &request->link);
    kn_task_soon(store->options.loop, &store->pump);
}

/* ---- Answers ------------------------------------------------------------ */

static const struct kd_meta_node unknown_node = {.outcome = KD_META_UNKNOWN};
static const struct kd_meta_result no_space_result = {
    .outcome = KD_META_CONFLICT, .reason = KD_META_NO_SPACE, .failed = -1};
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
static bool describe(struct embedded *store, struct request *request,
                     const struct kd_tree_node *node, struct kd_meta_node *out)
{
    *out = (struct kd_meta_node){.outcome = node ? KD_META_OK : KD_META_CONFLICT};
    bool wants_children = request->kind == CHILDREN;
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

static void answer_node(struct embedded *store, struct request *request)
{
    struct kd_meta_node node;
    bool known = store->status >= 0 && request->path &&
                 describe(store, request, kd_tree_find(&store->tree, request->path), &node);
    request->fn.node(request->ctx, known ? &node : &unknown_node);
}

static void answer_multi(struct embedded *store, struct request *request)
{
    bool lost = store->status < 0;
    request->fn.multi(request->ctx, lost ? &unknown_result : &request->result);
    if (lost || request->result.outcome != KD_META_OK)
        return;
    for (int i = 0; i < request->n; i++)
        kd_watches_fire(&store->watches, &request->ops[i], request->changes[i].path);
}

static void store_free(struct embedded *store)
{
    kn_task_cancel(&store->pump);
    kd_journal_close(&store->journal);
    kd_watches_deinit(&store->watches);
    kd_tree_deinit(&store->tree);
    kd_bytes_free(&store->bytes);
    kb_free(store);
}

static struct request *next_request(struct embedded *store)
{
    struct kb_list *link = kb_list_pop_front(&store->batch);
    if (!link)
        link = kb_list_pop_front(&store->queue);
    return link ? KB_CONTAINER(link, struct request, link) : NULL;
}

/* Nothing will happen any more: all that waits hears UNKNOWN. */
static void answer_lost(struct embedded *store)
{
    struct request *request;
    store->status = -1;
    while ((request = next_request(store))) {
        if (request->kind == MULTI)
            answer_multi(store, request);
        else if (request->kind != CLOSE)
            answer_node(store, request);
        request_free(request);
    }
}

static void answer_close(struct embedded *store, struct request *request)
{
    void (*closed)(void *ctx) = request->fn.closed;
    void *ctx = request->ctx;
    request_free(request);
    answer_lost(store);
    store_free(store);
    closed(ctx);
}

static void answer_batch(struct embedded *store)
{
    struct kb_list *link;
    while ((link = kb_list_pop_front(&store->batch))) {
        struct request *request = KB_CONTAINER(link, struct request, link);
        if (request->kind == CLOSE) {
            answer_close(store, request);
            return;
        }
        if (request->kind == MULTI)
            answer_multi(store, request);
        else
            answer_node(store, request);
        request_free(request);
    }
    if (!kb_list_empty(&store->queue))
        kn_task_soon(store->options.loop, &store->pump);
}

/* ---- Batches ------------------------------------------------------------ */

/* What of a multi goes to disk. False: no memory. */
static bool record(struct embedded *store, struct request *request)
{
    struct kd_meta_op *ops = kb_arena_array(&request->arena, (size_t)request->n + 1, sizeof *ops);
    int n = 0;
    if (!ops)
        return false;
    for (int i = 0; i < request->n; i++) {
        if (request->ops[i].kind == KD_META_CHECK || request->changes[i].ephemeral)
            continue;
        ops[n] = request->ops[i];
        ops[n++].path = request->changes[i].path;
    }
    return kd_journal_record(&store->bytes, store->journal.size, request->result.zxid, ops, n);
}

static void apply(struct embedded *store, struct request *request)
{
    if (store->status < 0 || !request->changes) {
        request->result = unknown_result;
        return;
    }
    kd_tree_multi(&store->tree, request->ops, request->n, request->changes, &request->result);
    /* Applied but not written down: nothing that follows could be trusted. */
    if (request->result.outcome == KD_META_OK && !record(store, request))
        store->status = -1;
}

/* Of a request that lacked memory nothing is written. */
static size_t bytes_of(const struct request *request)
{
    bool writes = request->kind == MULTI && request->changes;
    return writes ? kd_journal_record_bound(request->ops, request->n) : 0;
}

static bool has_room(const struct embedded *store, const struct request *request)
{
    return store->status < 0 ||
           kd_journal_has_room(&store->journal, store->bytes.size + bytes_of(request));
}

static void run_reserve(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    store->refused = kd_journal_reserve(&store->journal, store->wanted);
}

static void run_append(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    store->status = kd_journal_append(&store->journal, &store->bytes);
}

static void run_replace(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    store->status = kd_journal_replace(&store->journal, &store->bytes);
}

/* Of a halted store the last job's end is the end. */
static bool job_done(struct embedded *store)
{
    bool halted = store->halted;
    store->busy = false;
    if (halted)
        store_free(store);
    return !halted;
}

static void submit(struct embedded *store, void (*run)(struct kn_job *),
                   void (*done)(struct kn_job *))
{
    store->busy = true;
    store->job.run = run;
    store->job.done = done;
    kn_exec_submit(store->options.exec, store->options.loop, NULL, &store->job);
}

static void check_status(struct embedded *store)
{
    if (store->status < 0)
        KB_LOG(store->options.log, KB_LOG_ERROR, "meta", "writing failed dir=%s error=\"%s\"",
               store->options.dir, strerror(-store->status));
}

static void replaced(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    if (!job_done(store))
        return;
    store->bytes.size = 0;
    store->snapshot_at = store->options.snapshot_bytes;
    if (store->status == -ENOSPC) { /* the log goes on; later there may be room */
        store->status = 0;
        store->snapshot_at += (size_t)store->journal.size;
    }
    check_status(store);
    answer_batch(store);
}

static void appended(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    if (!job_done(store))
        return;
    store->bytes.size = 0;
    check_status(store);
    bool due = (size_t)store->journal.size > store->snapshot_at;
    if (store->status >= 0 && due && kd_journal_snapshot(&store->bytes, &store->tree)) {
        submit(store, run_replace, replaced);
        return;
    }
    store->bytes.size = 0;
    answer_batch(store);
}

static struct request *first_queued(struct embedded *store)
{
    return KB_LIST_FIRST(&store->queue, struct request, link);
}

static void move_to_batch(struct embedded *store, struct request *request)
{
    kb_list_remove(&request->link);
    kb_list_push_back(&store->batch, &request->link);
}

/* Up to the first that there is no room for yet. */
static void take_batch(struct embedded *store)
{
    struct request *request;
    while ((request = first_queued(store)) && has_room(store, request)) {
        move_to_batch(store, request);
        if (request->kind == MULTI)
            apply(store, request);
        if (request->kind == CLOSE)
            break;
    }
    if (store->bytes.size && store->status >= 0)
        submit(store, run_append, appended);
    else
        answer_batch(store);
}

/* Without room nothing was applied: this one is refused, the store goes on. */
static void reserved(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    if (!job_done(store))
        return;
    if (store->refused < 0) {
        struct request *request = first_queued(store);
        KB_LOG(store->options.log, KB_LOG_WARN, "meta", "no room for a write dir=%s error=\"%s\"",
               store->options.dir, strerror(-store->refused));
        request->result = no_space_result;
        move_to_batch(store, request);
    }
    take_batch(store);
}

static void pump(struct kn_task *task)
{
    struct embedded *store = KB_CONTAINER(task, struct embedded, pump);
    struct request *first = first_queued(store);
    if (store->busy || !first)
        return;
    if (has_room(store, first)) {
        take_batch(store);
        return;
    }
    store->wanted = bytes_of(first);
    submit(store, run_reserve, reserved);
}

/* ---- The table ---------------------------------------------------------- */

/* A request that cannot even be kept is a request that may not be answered;
 * callers rely on an answer, so memory for these few bytes is a must. */
static struct request *request_must(enum request_kind kind, void *ctx)
{
    struct request *request = request_new(kind, ctx);
    KB_CHECK(request);
    return request;
}

static void ask(struct embedded *store, enum request_kind kind, const char *path,
                struct kd_meta_watch *watch, kd_meta_node_fn *fn, void *ctx)
{
    struct request *request = request_must(kind, ctx);
    request->fn.node = fn;
    request->watch = watch;
    request->path = kb_arena_strdup(&request->arena, kb_slice_str(path));
    enqueue(store, request);
}

static void embedded_get(struct kd_meta *meta, const char *path, struct kd_meta_watch *watch,
                         kd_meta_node_fn *fn, void *ctx)
{
    ask(embedded_of(meta), GET, path, watch, fn, ctx);
}

static void embedded_children(struct kd_meta *meta, const char *path, struct kd_meta_watch *watch,
                              kd_meta_node_fn *fn, void *ctx)
{
    ask(embedded_of(meta), CHILDREN, path, watch, fn, ctx);
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
    struct request *request = request_must(MULTI, ctx);
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
    struct request *request = request_must(CLOSE, ctx);
    request->fn.closed = closed;
    enqueue(embedded_of(meta), request);
}

static void embedded_halt(struct kd_meta *meta)
{
    struct embedded *store = embedded_of(meta);
    kn_task_cancel(&store->pump);
    answer_lost(store);
    kn_task_cancel(&store->pump);
    store->halted = true;
    if (!store->busy)
        store_free(store);
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
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    kd_journal_open(&store->journal, store->options.fs, store->options.dir, &store->tree,
                    &store->open_error);
}

static void open_done(struct kn_job *job)
{
    struct embedded *store = KB_CONTAINER(job, struct embedded, job);
    kd_embedded_opened_fn *opened = store->opened;
    void *ctx = store->opened_ctx;
    struct kb_error err = store->open_error;
    store->busy = false;
    if (err.code) {
        store_free(store);
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
    struct embedded *store = KB_NEW(struct embedded);
    if (!store)
        return false;
    store->meta.ops = &embedded_ops;
    store->options = *options;
    if (!store->options.snapshot_bytes)
        store->options.snapshot_bytes = 1 << 20;
    store->snapshot_at = store->options.snapshot_bytes;
    store->opened = opened;
    store->opened_ctx = ctx;
    kb_list_init(&store->queue);
    kb_list_init(&store->batch);
    kb_error_clear(&store->open_error);
    kn_task_init(&store->pump, pump);
    kd_watches_init(&store->watches, options->seed);
    if (!kd_tree_init(&store->tree, options->seed)) {
        store_free(store);
        return false;
    }
    submit(store, run_open, open_done);
    return true;
}
