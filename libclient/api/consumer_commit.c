/* SPDX-License-Identifier: Apache-2.0 */
/* Positions to the group's coordinator, and from there. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/api/consumer.h"
#include "libclient/drive/commit.h"
#include "libclient/drive/lookup.h"
#include <string.h>

enum { NAMES_BYTES = 64 << 20 };

static int check(const kurier_consumer *c, const kurier_position *positions, size_t n, bool offsets,
                 struct kb_error *err)
{
    if (!c->rebalance)
        return kc_consumer_no_group(err);
    if (offsets && c->attachment)
        return kb_error_set(err, KB_E_STATE,
                            "the consumer is attached to a transactional producer: "
                            "kurier_txn_end commits");
    for (size_t i = 0; i < n; i++)
        if (!kc_position_names(&positions[i]) || (offsets && positions[i].offset < 0))
            return kb_error_set(err, KB_E_INVALID_ARGUMENT,
                                "position %zu: a topic, a partition >= 0%s are needed", i,
                                offsets ? " and an offset >= 0" : "");
    return 0;
}

/* A copy whose words lie in the arena: the caller may leave before it is sent. */
static kurier_position *copy(const kurier_position *positions, size_t n, struct kb_arena *arena)
{
    kurier_position *copies = kb_arena_array(arena, n + 1, sizeof *copies);
    for (size_t i = 0; copies && i < n; i++) {
        const char *metadata = positions[i].metadata;
        copies[i] = positions[i];
        copies[i].topic = kb_arena_strdup(arena, kb_slice_str(positions[i].topic));
        if (metadata)
            copies[i].metadata = kb_arena_strdup(arena, kb_slice_str(metadata));
        if (!copies[i].topic || (metadata && !copies[i].metadata))
            return NULL;
    }
    return copies;
}

/* ---- Committing ------------------------------------------------------------------*/

struct committing {
    struct kc_call call;
    struct kurier_consumer *consumer;
    struct kc_commit commit;
    struct kb_arena words;
    kurier_position *positions; /* NULL: everything finished */
    size_t n;
    bool async;
    uint64_t opaque;
};

static void release_committing(struct kc_call *call)
{
    struct committing *m = KB_CONTAINER(call, struct committing, call);
    kb_arena_deinit(&m->words);
    kb_free(m->commit.rows);
    kb_free(m);
}

static void end(struct committing *m, const struct kb_error *err)
{
    if (m->async)
        kc_event_committed(m->consumer->client, m->opaque, err);
    kc_call_done(&m->call, err);
}

static void on_done(struct kc_commit *commit, const struct kb_error *err)
{
    end(KB_CONTAINER(commit, struct committing, commit), err);
}

static bool fill_rows(struct committing *m)
{
    m->commit.rows = kb_malloc(m->n * sizeof *m->commit.rows);
    for (size_t i = 0; m->commit.rows && i < m->n; i++) {
        const kurier_position *p = &m->positions[i];
        struct kc_share *share = kc_consumer_share(m->consumer, p->topic, p->partition);
        if (!share)
            return false;
        m->commit.rows[m->commit.count++] = (struct kc_commit_row){.share = share,
                                                                   .assignment = share->assignment,
                                                                   .offset = p->offset,
                                                                   .leader_epoch = p->leader_epoch,
                                                                   .metadata = p->metadata};
    }
    return m->commit.rows != NULL;
}

static void run_committing(struct kc_call *call)
{
    struct committing *m = KB_CONTAINER(call, struct committing, call);
    struct kurier_consumer *c = m->consumer;
    struct kb_error err;
    kb_error_clear(&err);
    bool filled = m->positions ? fill_rows(m) : kc_commits_finished(c, NULL, true, &m->commit);
    m->commit.settle_by_ms = KB_NEVER;
    m->commit.on_done = on_done;
    m->commit.deadline_ms = call->deadline_ms;
    if (!c->commits)
        kb_error_set(&err, KB_E_CLOSED, "the consumer is closed");
    else if (!filled)
        kb_error_set(&err, KB_E_NO_MEMORY, "no memory for a commit");
    if (err.code)
        end(m, &err);
    else
        kc_commits_put(c->commits, &m->commit);
}

static struct committing *committing_new(kurier_consumer *c, const kurier_position *positions,
                                         size_t n)
{
    struct committing *m = KB_NEW(struct committing);
    if (!m)
        return NULL;
    kc_call_init(&m->call, c->client, run_committing, release_committing);
    kb_arena_init(&m->words, NAMES_BYTES);
    m->consumer = c;
    m->n = n;
    m->positions = n ? copy(positions, n, &m->words) : NULL;
    if (!n || m->positions)
        return m;
    release_committing(&m->call);
    return NULL;
}

static int commit(kurier_consumer *c, const kurier_position *positions, size_t n, int timeout_ms,
                  const uint64_t *opaque, struct kb_error *err)
{
    int code = check(c, positions, n, true, err);
    if (code)
        return code;
    struct committing *m = committing_new(c, positions, n);
    if (!m)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory for a commit");
    if (!opaque)
        return kc_call_ask(&m->call, timeout_ms, err);
    m->async = true;
    m->opaque = *opaque;
    kc_call_submit(&m->call, c->client->options->common.default_api_timeout_ms);
    kc_call_unref(&m->call);
    return 0;
}

kurier_code kurier_consumer_commit(kurier_consumer *c, const kurier_position *positions, size_t n,
                                   int timeout_ms, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    int code = kc_consumer_enter(c, e);
    if (code)
        return code;
    code = commit(c, positions, n, timeout_ms, NULL, e);
    kc_consumer_leave(c);
    return code;
}

kurier_code kurier_consumer_commit_async(kurier_consumer *c, const kurier_position *positions,
                                         size_t n, uint64_t opaque, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    int code = kc_consumer_enter(c, e);
    if (code)
        return code;
    code = commit(c, positions, n, 0, &opaque, e);
    kc_consumer_leave(c);
    return code;
}

/* ---- What is committed -----------------------------------------------------------*/

struct looking {
    struct kc_call call;
    struct kurier_consumer *consumer;
    struct kc_lookup lookup;
    struct kb_arena words;
    kurier_position *positions;
    size_t n;
};

static void release_looking(struct kc_call *call)
{
    struct looking *l = KB_CONTAINER(call, struct looking, call);
    kb_arena_deinit(&l->words);
    kb_free(l->lookup.rows);
    kb_free(l);
}

/* The caller's rows may be gone: into ours, whose words lie in `words`. */
static void answer(struct looking *l, const struct kc_lookup_row *row)
{
    kurier_position *p = &l->positions[row->version];
    p->code = (kurier_code)row->code;
    p->offset = row->offset < 0 ? KURIER_COMMITTED : row->offset;
    p->leader_epoch = row->leader_epoch;
    p->metadata = row->metadata.size ? kb_arena_strdup(&l->words, row->metadata) : NULL;
}

static void on_looked_up(struct kc_lookup *lookup, const struct kb_error *err)
{
    struct looking *l = KB_CONTAINER(lookup, struct looking, lookup);
    for (size_t i = 0; i < l->n && !err->code; i++)
        answer(l, &lookup->rows[i]);
    kc_lookup_deinit(lookup);
    kc_call_done(&l->call, err);
}

static void run_looking(struct kc_call *call)
{
    struct looking *l = KB_CONTAINER(call, struct looking, call);
    struct kb_error closed;
    if (!l->consumer->membership) {
        kb_error_set(&closed, KB_E_CLOSED, "the consumer is closed");
        kc_call_done(call, &closed);
        return;
    }
    for (size_t i = 0; i < l->n; i++)
        l->lookup.rows[i] = (struct kc_lookup_row){
            .topic = l->positions[i].topic, .partition = l->positions[i].partition, .version = i};
    l->lookup.consumer = l->consumer;
    l->lookup.count = l->n;
    l->lookup.deadline_ms = call->deadline_ms;
    l->lookup.on_done = on_looked_up;
    kc_lookup_begin(&l->lookup);
}

static struct looking *looking_new(kurier_consumer *c, const kurier_position *positions, size_t n)
{
    struct looking *l = KB_NEW(struct looking);
    if (!l)
        return NULL;
    kc_call_init(&l->call, c->client, run_looking, release_looking);
    kb_arena_init(&l->words, NAMES_BYTES);
    l->consumer = c;
    l->n = n;
    l->positions = copy(positions, n, &l->words);
    l->lookup.rows = kb_malloc((n + 1) * sizeof *l->lookup.rows);
    if (l->positions && l->lookup.rows)
        return l;
    release_looking(&l->call);
    return NULL;
}

/* What was found out, into the caller's rows; the first row that failed is told. */
static int take(kurier_consumer *c, const struct looking *l, kurier_position *out,
                struct kb_error *err)
{
    int code = 0;
    kb_arena_reset(&c->words);
    for (size_t i = 0; i < l->n; i++) {
        const kurier_position *p = &l->positions[i];
        out[i].code = p->code;
        out[i].offset = p->offset;
        out[i].leader_epoch = p->leader_epoch;
        out[i].metadata =
            p->metadata ? kb_arena_strdup(&c->words, kb_slice_str(p->metadata)) : NULL;
        if (p->code && !code)
            code = kb_error_set(err, p->code, "%s[%d]: %s", out[i].topic, out[i].partition,
                                kb_code_text(p->code));
    }
    return code;
}

static int look_up(kurier_consumer *c, kurier_position *inout, size_t n, int timeout_ms,
                   struct kb_error *err)
{
    int code = check(c, inout, n, false, err);
    struct looking *l = code ? NULL : looking_new(c, inout, n);
    if (code || !l)
        return code ? code : kb_error_set(err, KB_E_NO_MEMORY, "no memory to look offsets up");
    kc_call_submit(&l->call, timeout_ms);
    code = kc_call_wait(&l->call, timeout_ms, err);
    if (!code)
        code = take(c, l, inout, err);
    kc_call_unref(&l->call);
    return code;
}

kurier_code kurier_consumer_committed(kurier_consumer *c, kurier_position *inout, size_t n,
                                      int timeout_ms, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    int code = kc_consumer_enter(c, e);
    if (code)
        return code;
    code = look_up(c, inout, n, timeout_ms, e);
    kc_consumer_leave(c);
    return code;
}
