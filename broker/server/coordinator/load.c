/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/coordinator/load.h"
#include "base/mem.h"
#include "broker/drive/pull.h"
#include "broker/server/coordinator/coordinator.h"
#include "wire/record.h"

enum { PIECE_BYTES = 256 << 10, PLAIN_MAX = 100 << 20, AGAIN_MS = 200 };

struct kd_load {
    struct kd_coordinator *c; /* NULL: given up */
    struct kd_pull pull;
    int64_t next, end;
    size_t records, bad;
};

static void read_on(struct kd_load *load);

void kd_coordinator_load_again(struct kn_timer *timer)
{
    kd_coordinator_load(KB_CONTAINER(timer, struct kd_coordinator, again));
}

static void try_again(struct kd_coordinator *c)
{
    struct kn_loop *loop = c->shard->loop;
    kn_timer_set(loop, &c->again, kb_deadline(kn_loop_now(loop), AGAIN_MS));
}

static void give_up(struct kd_load *load, int code)
{
    struct kd_coordinator *c = load->c;
    KB_LOG(c->shard->log, KB_LOG_ERROR, c->kind->name,
           "cannot be loaded, tried again partition=%d offset=%lld error=%s", c->place->index,
           (long long)load->next, kb_code_name(code));
    c->load = NULL;
    kb_free(load);
    try_again(c);
}

/* ---- Replay ------------------------------------------------------------- */

static int replay_records(struct kd_load *load, const struct kw_batch *batch, struct kb_slice plain)
{
    struct kd_shard *broker = load->c->shard;
    struct kw_record_iter it;
    struct kw_record record;
    kw_record_iter_init(&it, &batch->header, plain);
    while (kw_record_iter_next(&it, &record)) {
        const struct kd_record in = {record.key, record.value};
        int code = load->c->kind->replay(load->c, &in, &batch->header, kn_loop_now(broker->loop));
        if (code == KB_E_NO_MEMORY)
            return code;
        load->bad += code != KB_OK;
        load->records++;
    }
    load->bad += it.code != KB_OK;
    return KB_OK;
}

/* Of a control batch only the end of a transaction says something. */
static int replay_control(struct kd_load *load, const struct kw_batch *batch)
{
    struct kd_coordinator *c = load->c;
    struct kw_record_iter it;
    struct kw_record record;
    struct kd_txn_mark mark;
    kw_record_iter_init(&it, &batch->header, batch->records);
    if (!kw_record_iter_next(&it, &record) || !kd_txn_mark_parse(&batch->header, &record, &mark))
        return KB_OK;
    load->records++;
    return c->kind->mark(c, &mark, kn_loop_now(c->shard->loop));
}

static int replay_batch(struct kd_load *load, const struct kw_batch *batch)
{
    struct kb_slice plain;
    enum kw_codec codec = kw_batch_header_codec(&batch->header);
    if (batch->header.attributes & KW_BATCH_CONTROL)
        return replay_control(load, batch);
    int code =
        kw_decompress_view(load->c->shard->codec, codec, batch->records, PLAIN_MAX, &plain, NULL);
    if (code == KB_E_NO_MEMORY)
        return code;
    if (code) {
        load->bad++;
        return KB_OK;
    }
    return replay_records(load, batch, plain);
}

static int replay(struct kd_load *load, struct kb_slice bytes)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    kw_batch_iter_init(&it, bytes, SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch)) {
        int64_t last = kw_batch_header_last_offset(&batch.header);
        int code = last >= load->next ? replay_batch(load, &batch) : KB_OK;
        if (code)
            return code;
        load->next = KB_MAX(load->next, last + 1);
    }
    return it.code;
}

static void finish(struct kd_load *load)
{
    struct kd_coordinator *c = load->c;
    size_t bad = load->bad;
    if (bad)
        KB_LOG(c->shard->log, KB_LOG_ERROR, c->kind->name,
               "records not understood partition=%d "
               "count=%zu",
               c->place->index, bad);
    if (load->records)
        KB_LOG(c->shard->log, KB_LOG_INFO, c->kind->name,
               "loaded partition=%d records=%zu "
               "%s=%zu",
               c->place->index, load->records, c->kind->name, c->kind->count(c));
    c->load = NULL;
    kb_free(load);
    kd_coordinator_loaded(c);
}

static void on_pulled(struct kd_pull *pull)
{
    struct kd_load *load = KB_CONTAINER(pull, struct kd_load, pull);
    struct kb_buf *buf = pull->buf;
    int64_t before = load->next;
    if (!load->c) {
        kb_buf_unref(buf);
        kb_free(load);
        return;
    }
    int code = pull->code;
    if (!code)
        code = buf ? replay(load, kb_buf_view(buf)) : KB_OK;
    kb_buf_unref(buf);
    if (!code && load->next == before)
        code = KB_E_CORRUPT_MESSAGE;
    if (code)
        give_up(load, code);
    else
        read_on(load);
}

static void read_on(struct kd_load *load)
{
    struct kd_shard *broker = load->c->shard;
    struct kd_replica *replica = load->c->place->replica;
    const struct kd_partition *p = kd_replica_state(replica);
    if (load->next >= load->end)
        finish(load);
    else
        kd_pull_start(&load->pull, replica, broker->loop, broker->exec, load->next, p->log_end,
                      PIECE_BYTES);
}

/* ---- Life --------------------------------------------------------------- */

void kd_coordinator_load(struct kd_coordinator *c)
{
    const struct kd_partition *p = kd_replica_state(c->place->replica);
    struct kd_load *load = NULL;
    c->kind->forget(c);
    c->state = KD_COORDINATOR_LOADING;
    /* What is placed but not committed yet may still come, and may not be acted on. */
    if (p->high_watermark == p->log_end && !kd_replica_is_offline(c->place->replica))
        load = KB_NEW(struct kd_load);
    c->load = load;
    if (!load) {
        try_again(c);
        return;
    }
    load->c = c;
    load->next = p->log_start;
    load->end = p->log_end;
    load->pull.done = on_pulled;
    read_on(load);
}

void kd_load_free(struct kd_load *load)
{
    if (load)
        load->c = NULL; /* its pull comes back to nobody */
}
