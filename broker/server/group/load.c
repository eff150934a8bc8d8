/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/group/load.h"
#include "base/mem.h"
#include "broker/drive/pull.h"
#include "broker/server/group/shard.h"
#include "wire/record.h"

enum { PIECE_BYTES = 256 << 10, PLAIN_MAX = 100 << 20, AGAIN_MS = 200 };

struct kd_group_load {
    struct kd_group_shard *shard; /* NULL: given up */
    struct kd_pull pull;
    int64_t next, end;
    size_t records, bad;
};

static void read_on(struct kd_group_load *load);

void kd_group_shard_load_again(struct kn_timer *timer)
{
    kd_group_shard_load(KB_CONTAINER(timer, struct kd_group_shard, again));
}

static void try_again(struct kd_group_shard *shard)
{
    struct kn_loop *loop = shard->shard->loop;
    kn_timer_set(loop, &shard->again, kb_deadline(kn_loop_now(loop), AGAIN_MS));
}

static void give_up(struct kd_group_load *load, int code)
{
    struct kd_group_shard *shard = load->shard;
    KB_LOG(shard->shard->log, KB_LOG_ERROR, "groups",
           "cannot be loaded, tried again partition=%d offset=%lld error=%s", shard->place->index,
           (long long)load->next, kb_code_name(code));
    shard->load = NULL;
    kb_free(load);
    try_again(shard);
}

/* ---- Replay ------------------------------------------------------------- */

static int replay_records(struct kd_group_load *load, const struct kw_batch *batch,
                          struct kb_slice plain)
{
    struct kd_shard *broker = load->shard->shard;
    struct kw_record_iter it;
    struct kw_record record;
    kw_record_iter_init(&it, &batch->header, plain);
    while (kw_record_iter_next(&it, &record)) {
        const struct kd_record in = {record.key, record.value};
        int code = kd_groups_replay(&load->shard->groups, &in, kn_loop_now(broker->loop));
        if (code == KB_E_NO_MEMORY)
            return code;
        load->bad += code != KB_OK;
        load->records++;
    }
    load->bad += it.code != KB_OK;
    return KB_OK;
}

static int replay_batch(struct kd_group_load *load, const struct kw_batch *batch)
{
    struct kb_slice plain;
    enum kw_codec codec = kw_batch_header_codec(&batch->header);
    if (batch->header.attributes & KW_BATCH_CONTROL)
        return KB_OK;
    int code = kw_decompress_view(load->shard->shard->codec, codec, batch->records, PLAIN_MAX,
                                  &plain, NULL);
    if (code == KB_E_NO_MEMORY)
        return code;
    if (code) {
        load->bad++;
        return KB_OK;
    }
    return replay_records(load, batch, plain);
}

static int replay(struct kd_group_load *load, struct kb_slice bytes)
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

static void finish(struct kd_group_load *load)
{
    struct kd_group_shard *shard = load->shard;
    size_t bad = load->bad;
    if (bad)
        KB_LOG(shard->shard->log, KB_LOG_ERROR, "groups",
               "records not understood partition=%d "
               "count=%zu",
               shard->place->index, bad);
    if (load->records)
        KB_LOG(shard->shard->log, KB_LOG_INFO, "groups",
               "loaded partition=%d records=%zu "
               "groups=%zu",
               shard->place->index, load->records, shard->groups.by_id.count);
    shard->load = NULL;
    kb_free(load);
    kd_group_shard_loaded(shard);
}

static void on_pulled(struct kd_pull *pull)
{
    struct kd_group_load *load = KB_CONTAINER(pull, struct kd_group_load, pull);
    struct kb_buf *buf = pull->buf;
    int64_t before = load->next;
    if (!load->shard) {
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

static void read_on(struct kd_group_load *load)
{
    struct kd_shard *broker = load->shard->shard;
    struct kd_replica *replica = load->shard->place->replica;
    const struct kd_partition *p = kd_replica_state(replica);
    if (load->next >= load->end)
        finish(load);
    else
        kd_pull_start(&load->pull, replica, broker->loop, broker->exec, load->next, p->log_end,
                      PIECE_BYTES);
}

/* ---- Life --------------------------------------------------------------- */

void kd_group_shard_load(struct kd_group_shard *shard)
{
    const struct kd_partition *p = kd_replica_state(shard->place->replica);
    struct kd_group_load *load = NULL;
    kd_groups_deinit(&shard->groups);
    kd_groups_init(&shard->groups, shard->groups.limits, shard->groups.topics,
                   shard->groups.random);
    shard->state = KD_SHARD_LOADING;
    /* What is placed but not written yet may still come. */
    if (p->written_end == p->log_end && !kd_replica_is_offline(shard->place->replica))
        load = KB_NEW(struct kd_group_load);
    shard->load = load;
    if (!load) {
        try_again(shard);
        return;
    }
    load->shard = shard;
    load->next = p->log_start;
    load->end = p->log_end;
    load->pull.done = on_pulled;
    read_on(load);
}

void kd_group_load_free(struct kd_group_load *load)
{
    if (load)
        load->shard = NULL; /* its pull comes back to nobody */
}
