/* SPDX-License-Identifier: Apache-2.0 */
/* What a look found, as an answer: encoded bytes and stretches of logs in
 * turn. No record is copied or looked at. */
#include "broker/api/fetch.h"
#include "broker/drive/source.h"
#include "broker/server/request_log.h"

void kd_fetch_release(struct kd_fetch *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct kd_slot *slot = &f->slots[i];
        kd_extent_release(&slot->extent);
        kd_aborted_list_deinit(&slot->aborted);
        *slot = (struct kd_slot){.part = slot->part,
                                 .high_watermark = -1,
                                 .stable_end = -1,
                                 .log_start = -1,
                                 .diverging = {-1, -1},
                                 .leader = {-1, -1}};
    }
}

/* An incremental answer leaves out what the client knows already. */
static bool is_told(const struct kd_fetch *f, const struct kd_slot *slot)
{
    return !f->incremental || slot->code || slot->extent.size_bytes || slot->diverging.epoch >= 0 ||
           slot->high_watermark != slot->part->told_high_watermark ||
           slot->log_start != slot->part->told_log_start;
}

/* Null where it is not asked for; false: no memory. */
static bool fill_aborted(struct kd_fetch *f, const struct kd_slot *slot,
                         struct kw_fetch_response_partition *out)
{
    const struct kd_aborted_list *list = &slot->aborted;
    out->aborted_transactions_count = f->read_committed ? 0 : -1;
    if (!list->count)
        return true;
    out->aborted_transactions =
        kb_arena_array(&f->request->arena, list->count, sizeof *out->aborted_transactions);
    for (size_t i = 0; out->aborted_transactions && i < list->count; i++) {
        struct kw_fetch_response_aborted_transaction *aborted =
            &out->aborted_transactions[out->aborted_transactions_count++];
        kw_fetch_response_aborted_transaction_init(aborted);
        aborted->producer_id = list->items[i].producer_id;
        aborted->first_offset = list->items[i].first_offset;
    }
    return out->aborted_transactions;
}

static bool fill(struct kd_fetch *f, const struct kd_slot *slot,
                 struct kw_fetch_response_partition *out)
{
    static const uint8_t nothing;
    kw_fetch_response_partition_init(out);
    out->partition_index = slot->part->partition;
    out->error_code = slot->code;
    out->high_watermark = slot->high_watermark;
    out->last_stable_offset = slot->stable_end;
    out->log_start_offset = slot->log_start;
    out->diverging_epoch = slot->diverging;
    /* Only its size counts: the writer leaves a gap for the log's own bytes. */
    out->records = kb_slice_of(&nothing, slot->extent.size_bytes);
    out->current_leader = slot->leader;
    return fill_aborted(f, slot, out);
}

static bool same_topic(const struct kw_fetch_response_topic *topic,
                       const struct kd_session_part *part)
{
    return kb_uuid_equal(topic->topic_id, part->topic_id) &&
           kb_slice_equal(topic->topic, part->topic);
}

/* Partitions in the order of the session; neighbours of one topic together. */
static bool build(struct kd_fetch *f, struct kw_fetch_response *out)
{
    struct kb_arena *arena = &f->request->arena;
    struct kw_fetch_response_topic *topic = NULL;
    struct kw_fetch_response_partition *parts = kb_arena_array(arena, f->count, sizeof *parts);
    out->responses = kb_arena_array(arena, f->count, sizeof *out->responses);
    if (!parts || !out->responses)
        return false;
    for (size_t i = 0; i < f->count; i++) {
        const struct kd_slot *slot = &f->slots[i];
        if (!is_told(f, slot))
            continue;
        if (!topic || !same_topic(topic, slot->part)) {
            topic = &out->responses[out->responses_count++];
            kw_fetch_response_topic_init(topic);
            topic->topic = slot->part->topic;
            topic->topic_id = slot->part->topic_id;
            topic->partitions = parts;
        }
        if (!fill(f, slot, parts++))
            return false;
        topic->partitions_count++;
    }
    return true;
}

static int add_encoded(struct kd_source *source, struct kb_buf *buf, size_t from, size_t to)
{
    if (from == to)
        return KB_OK;
    struct kb_piece piece = {kb_buf_ref(buf), kb_slice_of(buf->data + from, to - from)};
    return kd_source_add_piece(source, piece);
}

/* Fills the gaps with the slots' extents, which are in the order of encoding. */
static int interleave(struct kd_fetch *f, struct kd_source *source, struct kb_buf *buf,
                      const struct kw_splice *splices, size_t count)
{
    size_t from = 0, slot = 0;
    int code = KB_OK;
    for (size_t i = 0; i < count && !code; i++) {
        while (!f->slots[slot].extent.size_bytes)
            slot++;
        code = add_encoded(source, buf, from, splices[i].at);
        if (!code)
            code = kd_source_add_extent(source, &f->slots[slot].extent);
        from = splices[i].at;
        slot++;
    }
    return code ? code : add_encoded(source, buf, from, buf->size);
}

/* NULL: no memory. */
static struct kd_source *encode(struct kd_fetch *f, const struct kw_fetch_response *out)
{
    struct kd_request *request = f->request;
    struct kw_writer w;
    struct kw_splice *splices = kb_arena_array(&request->arena, f->count, sizeof *splices);
    if (!splices)
        return NULL;
    kd_answer_begin(request, &w);
    kw_writer_splice(&w, splices, f->count);
    kw_fetch_response_encode(&w, request->header.version, out);
    size_t count = w.splice_count;
    struct kb_buf *buf = kw_writer_take(&w);
    struct kd_source *source =
        buf ? kd_source_new(request->shard->exec, request->shard->log) : NULL;
    int code = source ? interleave(f, source, buf, splices, count) : KB_E_NO_MEMORY;
    kb_buf_unref(buf);
    if (code && source)
        kd_source_free(source);
    return code ? NULL : source;
}

/* What the client knows from now on. */
static void note_told(struct kd_fetch *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct kd_slot *slot = &f->slots[i];
        slot->part->told_high_watermark = slot->code ? -1 : slot->high_watermark;
        slot->part->told_log_start = slot->code ? -1 : slot->log_start;
        if (slot->extent.size_bytes)
            kd_session_rotate(f->session, slot->part);
    }
}

void kd_fetch_answer(struct kd_fetch *f)
{
    struct kd_request *request = f->request;
    struct kw_fetch_response out;
    kw_fetch_response_init(&out);
    out.session_id = f->session->cached ? f->session->id : 0;
    bool fine = build(f, &out);
    note_told(f);
    if (fine)
        kd_request_log_message(request, &out);
    struct kd_source *source = fine ? encode(f, &out) : NULL;
    kd_fetch_release(f);
    kd_session_leave(f->session);
    if (source)
        kd_answer_source(request, source);
    else
        kd_answer_fail(request, "no memory for the answer");
}

void kd_fetch_refuse(struct kd_request *request, int16_t code)
{
    struct kw_fetch_response out;
    struct kw_writer w;
    kw_fetch_response_init(&out);
    out.error_code = code;
    kd_answer_begin(request, &w);
    kw_fetch_response_encode(&w, request->header.version, &out);
    kd_answer_end(request, &w);
}
