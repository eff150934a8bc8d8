/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/embedded_impl.h"
#include <errno.h>
#include <string.h>

static const struct kd_meta_result no_space_result = {
    .outcome = KD_META_CONFLICT, .reason = KD_META_NO_SPACE, .failed = -1};
static const struct kd_meta_result unknown_result = {.outcome = KD_META_UNKNOWN, .failed = -1};

/* What of a multi goes to disk. False: no memory. */
static bool record(struct kd_embedded *store, struct kd_ask *request)
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

static void apply(struct kd_embedded *store, struct kd_ask *request)
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
static size_t bytes_of(const struct kd_ask *request)
{
    bool writes = request->kind == KD_ASK_MULTI && request->changes;
    return writes ? kd_journal_record_bound(request->ops, request->n) : 0;
}

static bool has_room(const struct kd_embedded *store, const struct kd_ask *request)
{
    return store->status < 0 ||
           kd_journal_has_room(&store->journal, store->bytes.size + bytes_of(request));
}

static void run_reserve(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    store->refused = kd_journal_reserve(&store->journal, store->wanted);
}

static void run_append(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    store->status = kd_journal_append(&store->journal, &store->bytes);
}

static void run_replace(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    store->status = kd_journal_replace(&store->journal, &store->bytes);
}

bool kd_embedded_job_done(struct kd_embedded *store)
{
    bool halted = store->halted;
    store->busy = false;
    if (halted)
        kd_embedded_free(store);
    return !halted;
}

void kd_embedded_submit(struct kd_embedded *store, void (*run)(struct kn_job *),
                        void (*done)(struct kn_job *))
{
    store->busy = true;
    store->job.run = run;
    store->job.done = done;
    kn_exec_submit(store->options.exec, store->options.loop, NULL, &store->job);
}

static void check_status(struct kd_embedded *store)
{
    const struct kd_embedded_options *options = &store->options;
    struct kb_error err;
    if (store->status >= 0)
        return;
    kb_error_errno(&err, KB_E_DISK, -store->status, "writing to %s failed", options->dir);
    KB_LOG(options->log, KB_LOG_ERROR, "meta", "%s", err.text);
    if (options->failed)
        options->failed(options->ctx, &err);
}

static void replaced(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    if (!kd_embedded_job_done(store))
        return;
    store->bytes.size = 0;
    store->snapshot_at = store->options.snapshot_bytes;
    if (store->status == -ENOSPC) { /* the log goes on; later there may be room */
        store->status = 0;
        store->snapshot_at += (size_t)store->journal.size;
    }
    check_status(store);
    kd_embedded_answer(store);
}

static void appended(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    if (!kd_embedded_job_done(store))
        return;
    store->bytes.size = 0;
    check_status(store);
    bool due = (size_t)store->journal.size > store->snapshot_at;
    if (store->status >= 0 && due && kd_journal_snapshot(&store->bytes, &store->tree)) {
        kd_embedded_submit(store, run_replace, replaced);
        return;
    }
    store->bytes.size = 0;
    kd_embedded_answer(store);
}

static struct kd_ask *first_queued(struct kd_embedded *store)
{
    return KB_LIST_FIRST(&store->queue, struct kd_ask, link);
}

static void move_to_batch(struct kd_embedded *store, struct kd_ask *request)
{
    kb_list_remove(&request->link);
    kb_list_push_back(&store->batch, &request->link);
}

/* What vouches for the log; without room for it the next start is one after a crash. */
static void record_end(struct kd_embedded *store)
{
    struct kd_journal *journal = &store->journal;
    if (store->status >= 0 && kd_journal_has_room(journal, kd_journal_record_bound(NULL, 0)))
        (void)kd_journal_record_end(&store->bytes, journal->size, store->tree.zxid);
}

static bool must_write(const struct kd_embedded *store)
{
    return store->bytes.size && store->status >= 0;
}

/* Up to the first that there is no room for yet. A close comes alone, when all
 * before it is on the disk. */
static void take_batch(struct kd_embedded *store)
{
    struct kd_ask *request;
    while ((request = first_queued(store)) && has_room(store, request)) {
        bool closes = request->kind == KD_ASK_CLOSE;
        if (closes && must_write(store))
            break;
        move_to_batch(store, request);
        if (closes) {
            record_end(store);
            break;
        }
        if (request->kind == KD_ASK_MULTI)
            apply(store, request);
    }
    if (must_write(store))
        kd_embedded_submit(store, run_append, appended);
    else
        kd_embedded_answer(store);
}

/* Without room nothing was applied: this one is refused, the store goes on. */
static void reserved(struct kn_job *job)
{
    struct kd_embedded *store = KB_CONTAINER(job, struct kd_embedded, job);
    if (!kd_embedded_job_done(store))
        return;
    if (store->refused < 0) {
        struct kd_ask *request = first_queued(store);
        KB_LOG(store->options.log, KB_LOG_WARN, "meta", "no room for a write dir=%s error=\"%s\"",
               store->options.dir, strerror(-store->refused));
        request->result = no_space_result;
        move_to_batch(store, request);
    }
    take_batch(store);
}

void kd_embedded_pump(struct kn_task *task)
{
    struct kd_embedded *store = KB_CONTAINER(task, struct kd_embedded, pump);
    struct kd_ask *first = first_queued(store);
    if (store->busy || !first)
        return;
    if (has_room(store, first)) {
        take_batch(store);
        return;
    }
    store->wanted = bytes_of(first);
    kd_embedded_submit(store, run_reserve, reserved);
}
