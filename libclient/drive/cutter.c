/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/cutter.h"
#include "base/check.h"
#include "libclient/drive/consumer.h"

bool kc_cutter_init(struct kc_cutter *c, struct kc_feed *feed,
                    const struct kc_consumer_options *options)
{
    *c = (struct kc_cutter){.feed = feed, .options = options, .codecs = kw_codec_ctx_new()};
    return c->codecs != NULL;
}

static void end_stretch(struct kc_cutter *c)
{
    kb_buf_unref(c->buf);
    c->buf = NULL;
    c->stretching = false;
}

static void end_chunk(struct kc_cutter *c)
{
    end_stretch(c);
    kc_chunk_free(c->chunk);
    c->chunk = NULL;
    kc_feed_kick(c->feed); /* there may be room for more of that partition */
}

void kc_cutter_deinit(struct kc_cutter *c)
{
    if (c->chunk)
        end_chunk(c);
    kw_codec_ctx_free(c->codecs);
}

bool kc_cutter_has(struct kc_cutter *c)
{
    bool open = c->chunk && !kc_chunk_is_stale(c->chunk) && !atomic_load(&c->chunk->share->paused);
    return open || kc_feed_has(c->feed);
}

/* ---- Wire batches ------------------------------------------------------------*/

static enum kw_codec codec_of(const struct kw_batch_header *header)
{
    return (enum kw_codec)(header->attributes & KW_BATCH_CODEC_MASK);
}

static bool is_control(const struct kw_batch *batch)
{
    return batch->header.attributes & KW_BATCH_CONTROL;
}

/* Nothing in it for the application. */
static bool is_void(const struct kc_cutter *c, const struct kw_batch *batch)
{
    return is_control(batch) || !batch->header.record_count ||
           kw_batch_header_last_offset(&batch->header) < c->chunk->from ||
           kc_aborted_hides(&c->chunk->aborted, &batch->header);
}

/* The chunk's next batch, left where it is. False: no more, or code is set. */
static bool peek(struct kc_cutter *c, struct kw_batch *batch, struct kb_slice *rest,
                 struct kb_error *err)
{
    struct kw_batch_iter it;
    kw_batch_iter_init(&it, *rest, SIZE_MAX);
    bool found = rest->size && kw_batch_iter_next(&it, batch);
    if (it.code)
        kb_error_set(err, it.code, "%s[%d]: at offset %lld: %s", c->chunk->share->topic,
                     c->chunk->share->partition, (long long)c->chunk->from, it.why);
    *rest = it.rest;
    return found;
}

static bool is_sound(const struct kc_cutter *c, const struct kw_batch *batch, struct kb_error *err)
{
    if (!c->options->check_crcs || !kw_batch_check_crc(batch, NULL))
        return true;
    kb_error_set(err, KB_E_CORRUPT_MESSAGE, "%s[%d]: the batch at offset %lld is corrupt",
                 c->chunk->share->topic, c->chunk->share->partition,
                 (long long)batch->header.base_offset);
    return false;
}

/* ---- What is left out ----------------------------------------------------------*/

/* False: a marker that is not sound, so that nobody knows what it ends. */
static bool pass_void(struct kc_cutter *c, const struct kw_batch *batch, struct kb_slice rest,
                      struct kb_error *err)
{
    if (is_control(batch) && !is_sound(c, batch, err))
        return false;
    if (is_control(batch))
        kc_aborted_pass(&c->chunk->aborted, batch);
    c->chunk->rest = rest;
    c->chunk->passed = KB_MAX(c->chunk->passed, kw_batch_header_last_offset(&batch->header) + 1);
    c->chunk->passed_epoch = batch->header.leader_epoch;
    return true;
}

/* What is left out behind a batch belongs to it: a marker behind the last record of a
 * partition is not waited for. */
static void take_voids(struct kc_cutter *c, struct kurier_batch *out)
{
    struct kb_error err = {0}; /* told when it is that batch's turn */
    struct kb_slice rest = c->chunk->rest;
    struct kw_batch batch;
    c->chunk->from = out->info.next_offset;
    while (peek(c, &batch, &rest, &err) && is_void(c, &batch) && pass_void(c, &batch, rest, &err))
        out->info.next_offset = KB_MAX(out->info.next_offset, c->chunk->passed);
}

/* The same where no batch lies before it. */
static void pass_tail(struct kc_cutter *c)
{
    struct kc_chunk *chunk = c->chunk;
    if (chunk->passed > chunk->from)
        kc_share_pass(chunk->share, chunk->version, chunk->from, chunk->passed,
                      chunk->passed_epoch);
}

/* ---- Runs: batches as they lie in the frame ------------------------------------*/

/* Walking passes over control batches by itself, so that short transactions make no
 * short runs. */
static bool may_run_on(const struct kc_cutter *c, const struct kurier_batch *out,
                       const struct kw_batch *batch)
{
    return is_control(batch) || (codec_of(&batch->header) == KW_CODEC_NONE && !is_void(c, batch) &&
                                 out->walk.left + (uint32_t)batch->header.record_count <=
                                     (uint32_t)c->options->max_poll_records);
}

/* Adds batches to the run while they are plain and fit. */
static void extend_run(struct kc_cutter *c, struct kurier_batch *out)
{
    struct kb_slice rest = c->chunk->rest;
    struct kw_batch batch;
    struct kb_error err = {0}; /* told when it is that batch's turn */
    while (peek(c, &batch, &rest, &err) && may_run_on(c, out, &batch) &&
           is_sound(c, &batch, &err)) {
        if (is_control(&batch))
            kc_aborted_pass(&c->chunk->aborted, &batch);
        else
            out->walk.left += (uint32_t)batch.header.record_count;
        out->walk.run.size += batch.bytes.size;
        out->info.next_offset = kw_batch_header_last_offset(&batch.header) + 1;
        c->chunk->rest = rest;
    }
}

static struct kurier_batch *cut_run(struct kc_cutter *c, const struct kw_batch *first,
                                    struct kb_slice rest)
{
    struct kurier_batch *out = kc_batch_new(c->chunk, c->chunk->frame);
    if (!out)
        return NULL;
    c->chunk->rest = rest;
    kc_walk_begin(&out->walk, &first->header, first->records);
    out->walk.left = (uint32_t)first->header.record_count;
    out->walk.run = kb_slice_of(rest.data, 0);
    out->info.next_offset = kw_batch_header_last_offset(&first->header) + 1;
    out->info.leader_epoch = first->header.leader_epoch;
    extend_run(c, out);
    return out;
}

/* ---- Stretches: one batch, packed or larger than max.poll.records ---------------*/

/* Memory for an unpacked batch is taken after the fact: the one that overdraws
 * is the reserve. Nobody unpacks while it is overdrawn. */
static int unpack(struct kc_cutter *c, const struct kw_batch *batch, struct kb_slice *records,
                  struct kb_error *err)
{
    if (kc_feed_free_bytes(c->feed) <= 0 && atomic_load(&c->feed->unpacked) > 0)
        return kb_error_set(err, KB_E_HELD,
                            "the batches in your hands use up fetch.memory (%lld bytes)",
                            (long long)c->feed->total_bytes);
    int code = kw_decompress(c->codecs, codec_of(&batch->header), batch->records,
                             (size_t)c->feed->total_bytes, &c->buf, err);
    if (code == KB_E_MESSAGE_TOO_LARGE)
        kb_error_set(err, code,
                     "%s[%d]: the batch at offset %lld unpacks to more than fetch.memory "
                     "(%lld bytes): raise it",
                     c->chunk->share->topic, c->chunk->share->partition,
                     (long long)batch->header.base_offset, (long long)c->feed->total_bytes);
    if (code)
        return code;
    if (!kc_feed_overdraw(c->feed, c->buf)) {
        end_stretch(c);
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory for an unpacked batch");
    }
    *records = kb_buf_view(c->buf);
    return 0;
}

/* Goes to the first record that is wanted; only a fetch that begins in the middle
 * of a batch has others. */
static void reach_from(struct kc_cutter *c)
{
    struct kw_record record;
    struct kw_record_iter ahead = c->records;
    while (kw_record_iter_next(&ahead, &record) && record.offset < c->chunk->from)
        c->records = ahead;
}

static int begin_stretch(struct kc_cutter *c, const struct kw_batch *batch, struct kb_slice rest,
                         struct kb_error *err)
{
    struct kb_slice records = batch->records;
    if (codec_of(&batch->header) == KW_CODEC_NONE)
        c->buf = kb_buf_ref(c->chunk->frame);
    else if (unpack(c, batch, &records, err))
        return err->code;
    c->header = batch->header;
    kw_record_iter_init(&c->records, &c->header, records);
    if (c->chunk->from > c->header.base_offset)
        reach_from(c);
    c->stretching = true;
    c->after = rest;
    return 0;
}

/* Passes over the `most` records that the stretch takes; all of them are wanted. */
static bool pass_over(struct kc_cutter *c, uint32_t most, int64_t *next_offset)
{
    struct kw_record last;
    if (!kw_record_iter_skip(&c->records, (int32_t)most - 1) ||
        !kw_record_iter_next(&c->records, &last))
        return false;
    *next_offset = last.offset + 1;
    return true;
}

static struct kurier_batch *cut_stretch(struct kc_cutter *c)
{
    struct kurier_batch *out = kc_batch_new(c->chunk, c->buf);
    if (!out)
        return NULL;
    uint32_t left = (uint32_t)c->records.left;
    uint32_t most = KB_MIN((uint32_t)c->options->max_poll_records, left);
    out->walk.it = c->records;
    out->walk.left = most;
    out->walk.flags = c->header.attributes & KW_BATCH_LOG_APPEND_TIME ? KURIER_LOG_APPEND_TIME : 0;
    out->info.leader_epoch = c->header.leader_epoch;
    /* The last stretch, and one that is damaged within, takes the rest. */
    if (most == left || !pass_over(c, most, &out->info.next_offset)) {
        out->info.next_offset = kw_batch_header_last_offset(&c->header) + 1;
        c->chunk->rest = c->after;
        end_stretch(c);
    }
    return out;
}

/* ---- Chunks -------------------------------------------------------------------*/

/* NULL with code 0: its partition was given up, or goes back, as it was being cut. */
static struct kurier_batch *finish(struct kc_cutter *c, struct kurier_batch *out,
                                   struct kb_error *err)
{
    if (!out) {
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a batch");
        return NULL;
    }
    if (c->stretching)
        c->chunk->from = out->info.next_offset;
    else
        take_voids(c, out);
    c->chunk->from = out->info.next_offset;
    if (!kc_batch_hand(out)) {
        kurier_batch_release(out);
        return NULL;
    }
    atomic_store(&c->chunk->share->handed, out->info.next_offset);
    return out;
}

static bool is_plain(const struct kc_cutter *c, const struct kw_batch *batch)
{
    return codec_of(&batch->header) == KW_CODEC_NONE &&
           batch->header.record_count <= c->options->max_poll_records;
}

/* NULL: nothing (more) of this chunk, or an error. */
static struct kurier_batch *cut(struct kc_cutter *c, struct kb_error *err)
{
    while (!c->stretching) {
        struct kw_batch batch;
        struct kb_slice rest = c->chunk->rest;
        if (!peek(c, &batch, &rest, err) || err->code)
            return NULL;
        if (is_void(c, &batch)) {
            if (!pass_void(c, &batch, rest, err))
                return NULL;
            continue;
        }
        if (!is_sound(c, &batch, err))
            return NULL;
        if (is_plain(c, &batch))
            return finish(c, cut_run(c, &batch, rest), err);
        if (begin_stretch(c, &batch, rest, err))
            return NULL;
        if (!c->records.left && !c->records.code) { /* compacted: none of them is wanted */
            end_stretch(c);
            pass_void(c, &batch, rest, err);
        }
    }
    return finish(c, cut_stretch(c), err);
}

/* Bad bytes: perhaps only as they came, so they are fetched again, slowly. */
static void give_up_chunk(struct kc_cutter *c)
{
    kc_share_rewind(c->chunk->share, c->chunk->version, c->chunk->from, true, kc_consumer_rewind);
    end_chunk(c);
}

/* Its partition was paused: others go first. */
static void put_back(struct kc_cutter *c)
{
    end_stretch(c);
    kc_feed_put_back(c->feed, c->chunk);
    c->chunk = NULL;
}

static struct kurier_batch *open_chunk(struct kc_cutter *c, struct kb_error *err)
{
    if (c->chunk->kind == KC_CHUNK_RECORDS)
        return NULL;
    struct kurier_batch *out = NULL;
    if (c->chunk->kind == KC_CHUNK_ERROR)
        *err = c->chunk->err;
    else if ((out = kc_batch_new(c->chunk, NULL)))
        out->info.at_end = true;
    end_chunk(c);
    return out;
}

struct kurier_batch *kc_cutter_next(struct kc_cutter *c, struct kb_error *err)
{
    kb_error_clear(err);
    for (;;) {
        if (c->chunk && kc_chunk_is_stale(c->chunk))
            end_chunk(c);
        if (c->chunk && atomic_load(&c->chunk->share->paused))
            put_back(c);
        if (!c->chunk) {
            c->chunk = kc_feed_pop(c->feed);
            if (!c->chunk)
                return NULL;
            struct kurier_batch *special = open_chunk(c, err);
            if (special || err->code)
                return special;
            if (!c->chunk)
                continue;
        }
        struct kurier_batch *out = cut(c, err);
        if (out)
            return out;
        if (err->code == KB_E_HELD || err->code == KB_E_NO_MEMORY)
            return NULL;
        if (err->code) {
            give_up_chunk(c);
            return NULL;
        }
        pass_tail(c);
        end_chunk(c);
    }
}
