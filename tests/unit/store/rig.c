/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/rig.h"

#include "base/check.h"
#include "broker/store/log.h"
#include "wire/crc32c.h"
#include "wire/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 60 * 1000 };

/* ---- The world ---------------------------------------------------------- */

static void count_line(struct kb_log *log, enum kb_level level, const char *component,
                       const char *text)
{
    struct rig *rig = KB_CONTAINER(log, struct rig, log);
    (void)component;
    rig->warnings += level == KB_LOG_WARN;
    rig->errors += level == KB_LOG_ERROR;
    snprintf(rig->line, sizeof rig->line, "%s", text);
}

static void on_opened(void *ctx, const struct kb_error *err)
{
    struct rig *rig = ctx;
    rig->opened = true;
    rig->open_error = *err;
    if (rig->on_opened)
        rig->on_opened(rig);
}

static void on_closed(void *ctx)
{
    ((struct rig *)ctx)->closed = true;
}

static void on_failed(void *ctx, const struct kb_error *err)
{
    (void)err;
    ((struct rig *)ctx)->failed = true;
}

static void on_advanced(void *ctx, struct kd_replica *replica)
{
    struct rig *rig = ctx;
    rig->advanced++;
    if (rig->on_advanced)
        rig->on_advanced(rig, replica);
}

static void on_offline(void *ctx, struct kd_replica *replica, const struct kb_error *err)
{
    (void)replica;
    (void)err;
    ((struct rig *)ctx)->offline++;
}

static int no_syncfs(struct kb_fs *fs)
{
    (void)fs;
    return -ENOSYS;
}

void rig_without_syncfs(struct kb_fs *fs)
{
    static struct kb_fs_ops ops; /* of all disks in memory alike */
    ops = *fs->ops;
    ops.syncfs = no_syncfs;
    fs->ops = &ops;
}

void rig_init(struct rig *rig, struct kb_fs *fs, uint64_t seed)
{
    *rig = (struct rig){.fs = fs};
    rig->log = (struct kb_log){KB_LOG_INFO, count_line};
    rig->sim = kn_sim_new(seed);
    rig->env = kn_sim_env(rig->sim, "broker");
    rig->loop = kn_loop_new(rig->env);
    rig->exec = kn_exec_new(rig->env, 2);
    rig->config = (struct kd_log_config){.segment_bytes = 1 << 20,
                                         .segment_ms = INT64_C(7) * 86400 * 1000,
                                         .index_bytes = 10 << 20,
                                         .index_interval_bytes = 4096,
                                         .flush_messages = 1,
                                         .flush_ms = KB_FOREVER};
    rig->options = (struct kd_disk_options){
        .fs = fs,
        .exec = rig->exec,
        .loop = rig->loop,
        .log = &rig->log,
        .seed = seed,
        .node_id = 1,
        .ctx = rig,
        .events = {on_opened, on_closed, on_failed, on_advanced, on_offline}};
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

bool rig_wait(struct rig *rig, bool (*cond)(void *ctx), void *ctx)
{
    return kn_sim_run(rig->sim, cond, ctx, WAIT_MS);
}

void rig_idle(struct rig *rig, int64_t ms)
{
    (void)kn_sim_run(rig->sim, NULL, NULL, ms);
}

int rig_try_open(struct rig *rig)
{
    rig->disk = kd_disk_new(&rig->options);
    assert_non_null(rig->disk);
    kd_disk_open(rig->disk);
    assert_true(rig_wait(rig, is_set, &rig->opened));
    return rig->open_error.code;
}

static void configure(void *ctx, struct kd_replica *replica)
{
    kd_replica_configure(replica, &((struct rig *)ctx)->config);
}

void rig_open(struct rig *rig)
{
    if (rig_try_open(rig))
        fail_msg("open: %s", rig->open_error.text);
    kd_disk_each(rig->disk, configure, rig);
}

void rig_kill(struct rig *rig)
{
    kd_disk_halt(rig->disk);
    kn_sim_kill(rig->sim, "broker", KN_SIM_KILL_PROCESS);
    kn_exec_free(rig->exec);
    kn_loop_free(rig->loop);
    kd_disk_free(rig->disk);
    rig->env->ops->free(rig->env);
    kn_sim_free(rig->sim);
}

void rig_close(struct rig *rig)
{
    kd_disk_close(rig->disk);
    assert_true(rig_wait(rig, is_set, &rig->closed));
    rig_kill(rig);
}

/* ---- Logs --------------------------------------------------------------- */

struct kd_replica *rig_add(struct rig *rig, const char *topic, int32_t partition)
{
    struct kb_uuid id = {.bytes = {1, 2, 3}};
    id.bytes[15] = (uint8_t)topic[0];
    struct kd_replica *replica = kd_disk_add(rig->disk, topic, id, partition, &rig->config);
    assert_non_null(replica);
    return replica;
}

struct kd_replica *rig_find(struct rig *rig, const char *topic, int32_t partition)
{
    struct kd_replica *replica = kd_disk_find_name(rig->disk, topic, partition);
    assert_non_null(replica);
    return replica;
}

/* ---- Batches ------------------------------------------------------------ */

static void fill(uint8_t *to, size_t size, uint64_t tag)
{
    struct kb_random random;
    kb_random_seed(&random, tag);
    for (size_t i = 0; i < size; i++)
        to[i] = i % 8 ? (uint8_t)(to[i - 1] + 1) : (uint8_t)kb_random_next(&random);
}

struct kb_buf *rig_encode(const struct rig_batch *batch)
{
    uint8_t *value = kb_malloc(batch->value_bytes + 1);
    struct kw_record_in record = {.value = kb_slice_of(value, batch->value_bytes)};
    size_t room = KW_BATCH_HEADER_BYTES + (size_t)batch->count * (batch->value_bytes + 40);
    struct kb_buf *buf = kb_buf_new(room);
    uint8_t *at = buf->data + KW_BATCH_HEADER_BYTES;
    fill(value, batch->value_bytes, batch->tag);
    for (int32_t i = 0; i < batch->count; i++) {
        record.offset_delta = record.timestamp_delta_ms = i;
        at = kw_record_write(at, &record, kw_record_body_size(&record));
    }
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.last_offset_delta = batch->count - 1;
    header.record_count = batch->count;
    header.base_timestamp_ms = batch->timestamp_ms;
    header.max_timestamp_ms = batch->timestamp_ms + batch->count - 1;
    header.producer_id = batch->producer_id;
    header.producer_epoch = batch->epoch;
    header.base_sequence = batch->sequence;
    header.attributes = batch->transactional ? KW_BATCH_TRANSACTIONAL : 0;
    size_t size = (size_t)(at - buf->data) - KW_BATCH_HEADER_BYTES;
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, buf->data + KW_BATCH_HEADER_BYTES, size), size);
    buf->size = KW_BATCH_HEADER_BYTES + size;
    kb_free(value);
    return buf;
}

struct kd_append *rig_append_new(struct kb_buf *frame)
{
    struct kd_append *append = KB_NEW(struct kd_append);
    append->frame = frame;
    append->batch = kb_buf_view(frame);
    kw_batch_peek(frame->data, &append->header);
    append->wait = KD_WAIT_COMMITTED;
    return append;
}

static void mark_done(struct kd_append *append)
{
    *(bool *)append->owner = true;
}

void rig_claim(struct kd_replica *replica, struct kd_append *append)
{
    const struct kd_producers *producers = &kd_replica_state(replica)->producers;
    append->txn.claim.joined = true;
    append->txn.claim.guard = kd_producers_guard(producers, append->header.producer_id);
}

int rig_end_txn(struct rig *rig, struct kd_replica *replica, const struct kd_txn_mark *mark)
{
    bool done = false;
    struct kd_append append = {.wait = KD_WAIT_COMMITTED, .done = mark_done, .owner = &done};
    assert_true(kd_control_append(mark, 1, kn_loop_now(rig->loop).wall_ms, &append));
    struct kb_buf *frame = append.frame;
    kd_replica_append(replica, &append);
    assert_true(rig_wait(rig, is_set, &done));
    kb_buf_unref(frame);
    return append.code;
}

int rig_append(struct rig *rig, struct kd_replica *replica, const struct rig_batch *batch,
               int64_t *base_offset)
{
    bool done = false;
    struct kb_buf *frame = rig_encode(batch);
    struct kd_append *append = rig_append_new(frame);
    append->owner = &done;
    append->done = mark_done;
    rig_claim(replica, append);
    kd_replica_append(replica, append);
    assert_true(rig_wait(rig, is_set, &done));
    int code = append->code;
    if (base_offset)
        *base_offset = append->base_offset;
    kb_buf_unref(frame);
    kb_free(append);
    return code;
}

int64_t rig_append_plain(struct rig *rig, struct kd_replica *replica, int32_t count,
                         size_t value_bytes)
{
    int64_t offset;
    int64_t end = kd_replica_state(replica)->log_end;
    struct rig_batch batch = {.producer_id = -1,
                              .epoch = -1,
                              .sequence = -1,
                              .count = count,
                              .value_bytes = value_bytes,
                              .timestamp_ms = 1000 + end,
                              .tag = (uint64_t)end};
    assert_int_equal(rig_append(rig, replica, &batch, &offset), KB_OK);
    return offset;
}

/* ---- Reads -------------------------------------------------------------- */

static void read_done(struct kd_read *read)
{
    *(bool *)read->owner = true;
}

static struct kb_buf *join(struct kd_extent *extent)
{
    struct kb_buf *buf = kb_buf_new(extent->size_bytes);
    for (size_t i = 0; i < extent->piece_count; i++) {
        memcpy(buf->data + buf->size, extent->pieces[i].bytes.data, extent->pieces[i].bytes.size);
        buf->size += extent->pieces[i].bytes.size;
    }
    while (extent->segment && buf->size < extent->size_bytes) {
        int64_t got =
            kd_segment_read(extent->segment, buf->data + buf->size, extent->size_bytes - buf->size,
                            extent->position + (int64_t)buf->size, false);
        assert_true(got > 0);
        buf->size += (size_t)got;
    }
    return buf;
}

int rig_read(struct rig *rig, struct kd_replica *replica, int64_t offset, int64_t bound,
             size_t max_bytes, bool whole_first, struct kb_buf **out)
{
    bool done = false;
    struct kd_read read = {.offset = offset,
                           .bound = bound,
                           .max_bytes = max_bytes,
                           .whole_first = whole_first,
                           .done = read_done,
                           .owner = &done};
    *out = NULL;
    if (!kd_replica_read(replica, &read)) {
        assert_true(rig_wait(rig, is_set, &done));
        rig_idle(rig, 0);
    }
    if (!read.code && read.extent.size_bytes)
        *out = join(&read.extent);
    kd_extent_release(&read.extent);
    return read.code;
}

void rig_count_batches(struct kb_buf *buf, int64_t *first, int64_t *end, int *batches)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    *first = *end = -1;
    *batches = 0;
    if (!buf)
        return;
    kw_batch_iter_init(&it, kb_buf_view(buf), SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch)) {
        assert_int_equal(kw_batch_check_crc(&batch, NULL), KB_OK);
        if (*first < 0)
            *first = batch.header.base_offset;
        *end = kw_batch_header_last_offset(&batch.header) + 1;
        (*batches)++;
    }
    assert_int_equal(it.code, KB_OK);
}

struct waited_op {
    struct kd_op op;
    bool done;
};

static void op_done(struct kd_op *op, int code)
{
    (void)code;
    KB_CONTAINER(op, struct waited_op, op)->done = true;
}

int rig_op(struct rig *rig, void (*start)(struct kd_replica *, struct kd_op *),
           struct kd_replica *replica)
{
    struct waited_op waited = {.op.done = op_done};
    start(replica, &waited.op);
    assert_true(rig_wait(rig, is_set, &waited.done));
    return waited.op.code;
}
