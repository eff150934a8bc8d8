/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/compact.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "wire/crc32c.h"
#include "wire/record.h"

/* A record whose time is told anew takes at most so much more. */
enum { REDATED_MORE_BYTES = 16 };

/* ---- Scratch ------------------------------------------------------------ */

bool kd_scratch_reserve(struct kd_scratch *scratch, size_t bytes)
{
    if (bytes <= scratch->capacity)
        return true;
    size_t capacity = KB_MAX(bytes, scratch->capacity + scratch->capacity / 2);
    void *grown = kb_realloc(scratch->data, capacity);
    if (!grown)
        return false;
    *scratch = (struct kd_scratch){grown, capacity};
    return true;
}

void kd_scratch_deinit(struct kd_scratch *scratch)
{
    kb_free(scratch->data);
    *scratch = (struct kd_scratch){0};
}

/* ---- The first pass ----------------------------------------------------- */

static int open_records(struct kw_codec_ctx *codec, const struct kw_batch *batch,
                        struct kw_record_iter *it)
{
    struct kb_slice plain;
    int code = kw_batch_check_crc(batch, NULL);
    if (!code)
        code = kw_decompress_view(codec, kw_batch_header_codec(&batch->header), batch->records,
                                  KD_COMPACT_PLAIN_MAX, &plain, NULL);
    if (!code)
        kw_record_iter_init(it, &batch->header, plain);
    return code;
}

int kd_compact_note(struct kd_key_map *map, const struct kd_txn_sieve *txns,
                    struct kw_codec_ctx *codec, const struct kw_batch *batch)
{
    struct kw_record_iter it;
    struct kw_record record;
    if (!batch->header.record_count || batch->header.attributes & KW_BATCH_CONTROL ||
        kd_txn_sieve_find(txns, &batch->header))
        return kw_batch_check_crc(batch, NULL);
    if (!kd_key_map_has_room(map, batch->header.record_count))
        return KB_E_LIMIT;
    int code = open_records(codec, batch, &it);
    while (!code && kw_record_iter_next(&it, &record))
        if (record.key.data)
            kd_key_map_put(map, record.key, record.offset);
    return code ? code : it.code;
}

/* ---- The second pass: which records stay -------------------------------- */

static bool is_kept(const struct kd_compactor *compactor, const struct kw_batch_header *header)
{
    size_t low = 0, high = compactor->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compactor->kept[middle].producer_id < header->producer_id)
            low = middle + 1;
        else
            high = middle;
    }
    const struct kd_kept *kept = low < compactor->kept_count ? &compactor->kept[low] : NULL;
    if (!kept || kept->producer_id != header->producer_id)
        return false;
    if (header->attributes & KW_BATCH_CONTROL)
        return kept->last_offset < 0 && kept->epoch == header->producer_epoch;
    return kept->last_offset == kw_batch_header_last_offset(header);
}

static bool stays(const struct kd_compactor *compactor, const struct kw_record *record,
                  bool tombstones_stay)
{
    if (record->offset >= compactor->end || compactor->is_marker)
        return true;
    if (!record->key.data)
        return false;
    int64_t latest = kd_key_map_get(compactor->latest, record->key);
    if (latest > record->offset || (KB_MUTANT("last-of-a-key-dropped") && latest == record->offset))
        return false;
    return record->value.data || tombstones_stay;
}

/* What stays of a batch's records, as they lie. */
struct left {
    struct kb_slice records;
    int32_t count;
    int64_t max_ms;
    bool tombstones;
};

static int sieve(struct kd_compactor *compactor, const struct kw_batch *batch, struct left *left)
{
    const struct kw_batch_header *header = &batch->header;
    bool dated = header->attributes & KW_BATCH_DELETE_HORIZON;
    bool tombstones_stay = !dated || compactor->now_ms < header->base_timestamp_ms;
    struct kw_record_iter it;
    struct kw_record record;
    size_t size = 0;
    int code = open_records(compactor->codec, batch, &it);
    if (code)
        return code;
    if (!kd_scratch_reserve(&compactor->records, (size_t)(it.end - it.at) + 1))
        return KB_E_NO_MEMORY;
    *left = (struct left){.max_ms = -1};
    for (const uint8_t *from = it.at; kw_record_iter_next(&it, &record); from = it.at) {
        if (!stays(compactor, &record, tombstones_stay))
            continue;
        memcpy(compactor->records.data + size, from, (size_t)(it.at - from));
        size += (size_t)(it.at - from);
        left->count++;
        left->max_ms = KB_MAX(left->max_ms, record.timestamp_ms);
        left->tombstones |= !record.value.data;
    }
    left->records = kb_slice_of(compactor->records.data, size);
    return it.code;
}

/* ---- The second pass: the batch that is left ---------------------------- */

static void as_it_was(const struct kw_batch *batch, struct kd_compacted *out)
{
    *out = (struct kd_compacted){.bytes = batch->bytes, .header = batch->header};
}

enum { IN_TXN = KW_BATCH_TRANSACTIONAL | KW_BATCH_CONTROL };
enum need { NO_NEED, BOUNDS, PRODUCER };

/* For its producer the batch's own maximum stays: it is its last sign of life. Of a
 * transaction whose marker may go before it, bounds say nothing. */
static int emptied(struct kd_compactor *compactor, enum need need, struct kd_compacted *out)
{
    struct kw_batch_header *header = &out->header;
    int drop = KW_BATCH_CODEC_MASK | KW_BATCH_DELETE_HORIZON;
    out->changed = true;
    out->bytes = kb_slice_null();
    if (need == NO_NEED)
        return KB_OK;
    if (!kd_scratch_reserve(&compactor->batch, KW_BATCH_HEADER_BYTES))
        return KB_E_NO_MEMORY;
    if (need == BOUNDS && header->attributes & IN_TXN) {
        drop |= IN_TXN;
        header->producer_id = -1;
        header->producer_epoch = -1;
        header->base_sequence = -1;
    }
    header->attributes &= (int16_t)~drop;
    header->record_count = 0;
    kw_batch_stamp(compactor->batch.data, header, 0, 0);
    out->bytes = kb_slice_of(compactor->batch.data, KW_BATCH_HEADER_BYTES);
    return KB_OK;
}

/* The same records, their times told from another one on. */
static int redate(struct kd_compactor *compactor, const struct kw_batch_header *header,
                  int64_t base_ms, struct left *left)
{
    struct kw_record_iter it;
    struct kw_record record;
    size_t more = (size_t)left->count * REDATED_MORE_BYTES;
    if (!kd_scratch_reserve(&compactor->batch, KW_BATCH_HEADER_BYTES + left->records.size + more))
        return KB_E_NO_MEMORY;
    uint8_t *at = compactor->batch.data + KW_BATCH_HEADER_BYTES;
    kw_record_iter_init(&it, header, left->records);
    while (kw_record_iter_next(&it, &record)) {
        uint64_t delta_ms = (uint64_t)record.timestamp_ms - (uint64_t)base_ms;
        struct kw_record_in in = {.timestamp_delta_ms = (int64_t)delta_ms,
                                  .offset_delta = (int32_t)(record.offset - header->base_offset),
                                  .key = record.key,
                                  .value = record.value,
                                  .raw_headers = record.raw_headers};
        at = kw_record_write(at, &in, kw_record_body_size(&in));
    }
    uint8_t *from = compactor->batch.data + KW_BATCH_HEADER_BYTES;
    left->records = kb_slice_of(from, (size_t)(at - from));
    return it.code;
}

static int pack(struct kd_compactor *compactor, struct kb_slice records, struct kd_compacted *out)
{
    enum kw_codec codec = kw_batch_header_codec(&out->header);
    int level = kw_codec_info(codec)->default_level;
    int code = codec == KW_CODEC_NONE
                   ? KB_OK
                   : kw_compress(compactor->codec, codec, level, &records, 1, &records, NULL);
    if (code)
        return code;
    size_t size = KW_BATCH_HEADER_BYTES + records.size;
    if (!kd_scratch_reserve(&compactor->batch, size))
        return KB_E_NO_MEMORY;
    uint8_t *to = compactor->batch.data + KW_BATCH_HEADER_BYTES;
    memmove(to, records.data, records.size);
    kw_batch_stamp(compactor->batch.data, &out->header, kw_crc32c(0, to, records.size),
                   records.size);
    out->bytes = kb_slice_of(compactor->batch.data, size);
    out->changed = true;
    return KB_OK;
}

static int64_t horizon_of(const struct kd_compactor *compactor)
{
    return compactor->delete_retention_ms > INT64_MAX - compactor->now_ms
               ? INT64_MAX
               : compactor->now_ms + compactor->delete_retention_ms;
}

static int rebuild(struct kd_compactor *compactor, struct left *left, bool horizon,
                   struct kd_compacted *out)
{
    struct kw_batch_header *header = &out->header;
    int code = KB_OK;
    header->record_count = left->count;
    if (!(header->attributes & KW_BATCH_LOG_APPEND_TIME))
        header->max_timestamp_ms = left->max_ms;
    if (horizon) {
        int64_t base_ms = horizon_of(compactor);
        code = redate(compactor, header, base_ms, left);
        header->base_timestamp_ms = base_ms;
        header->attributes |= KW_BATCH_DELETE_HORIZON;
    }
    return code ? code : pack(compactor, left->records, out);
}

static bool is_empty(const struct kw_batch_header *header)
{
    return !header->record_count;
}

static int compact_data(struct kd_compactor *compactor, const struct kw_batch *batch,
                        enum need need, struct kd_compacted *out)
{
    const struct kw_batch_header *header = &batch->header;
    struct left left = {0};
    bool none = is_empty(header) || kd_txn_sieve_find(compactor->txns, header);
    int code = none ? kw_batch_check_crc(batch, NULL) : sieve(compactor, batch, &left);
    bool bare = !(header->attributes & KW_BATCH_TRANSACTIONAL) || need == PRODUCER;
    if (code || (is_empty(header) && need && bare))
        return code;
    if (!left.count)
        return emptied(compactor, need, out);
    bool horizon = left.tombstones && !(header->attributes & KW_BATCH_DELETE_HORIZON);
    if (left.count == header->record_count && !horizon)
        return KB_OK;
    return rebuild(compactor, &left, horizon, out);
}

/* Nothing of its transaction is left: it stays for who is in the midst of reading that. */
static int compact_marker(struct kd_compactor *compactor, const struct kw_batch *batch,
                          enum need need, struct kd_compacted *out)
{
    const struct kw_batch_header *header = &batch->header;
    struct left left;
    int code = kw_batch_check_crc(batch, NULL);
    bool dated = header->attributes & KW_BATCH_DELETE_HORIZON;
    if (code || (is_empty(header) && need == PRODUCER) ||
        (dated && !is_empty(header) && compactor->now_ms < header->base_timestamp_ms))
        return code;
    if (is_empty(header) || dated)
        return emptied(compactor, need, out);
    compactor->is_marker = true;
    code = sieve(compactor, batch, &left);
    compactor->is_marker = false;
    return code ? code : rebuild(compactor, &left, true, out);
}

/* A batch that keeps its producer keeps its marker, too. */
static int note_left(struct kd_compactor *compactor, const struct kd_compacted *out)
{
    const struct kw_batch_header *header = &out->header;
    bool left = out->bytes.size && header->attributes & KW_BATCH_TRANSACTIONAL;
    return !left || kd_txn_sieve_leave(compactor->txns, header->producer_id) ? KB_OK
                                                                             : KB_E_NO_MEMORY;
}

int kd_compact_batch(struct kd_compactor *compactor, const struct kw_batch *batch, bool keep,
                     struct kd_compacted *out)
{
    const struct kw_batch_header *header = &batch->header;
    bool control = header->attributes & KW_BATCH_CONTROL;
    enum need need = is_kept(compactor, header) ? PRODUCER : keep ? BOUNDS : NO_NEED;
    as_it_was(batch, out);
    if (control)
        out->ends = kd_txn_sieve_end(compactor->txns, header->producer_id);
    if (header->base_offset >= compactor->end) {
        out->ends = control;
        return kw_batch_check_crc(batch, NULL);
    }
    if (control)
        return out->ends ? kw_batch_check_crc(batch, NULL)
                         : compact_marker(compactor, batch, need, out);
    int code = compact_data(compactor, batch, need, out);
    return code ? code : note_left(compactor, out);
}

void kd_compactor_deinit(struct kd_compactor *compactor)
{
    kd_scratch_deinit(&compactor->records);
    kd_scratch_deinit(&compactor->batch);
}
