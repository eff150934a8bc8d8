/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/compress.h"
#include "wire/print.h"
#include "wire/print_fields.h"
#include "wire/record.h"

static void member(struct kw_json *j, const char *name, int64_t value)
{
    kw_json_name(j, name);
    kw_json_integer(j, value);
}

static void text_member(struct kw_json *j, const char *name, struct kb_slice text)
{
    kw_json_name(j, name);
    kw_json_text(j, text, KW_PRINT_TEXT_BYTES);
}

/* ---- Records ---------------------------------------------------------------- */

static void print_record(struct kw_json *j, const struct kw_record *record)
{
    struct kw_header_iter it;
    struct kw_header header;
    kw_json_open(j, '{');
    member(j, "offset", record->offset);
    member(j, "timestamp_ms", record->timestamp_ms);
    text_member(j, "key", record->key);
    text_member(j, "value", record->value);
    kw_header_iter_init(&it, record->raw_headers);
    if (it.left > 0) {
        kw_json_name(j, "headers");
        kw_json_open(j, '[');
        while (!j->cut && kw_header_iter_next(&it, &header)) {
            kw_json_open(j, '{');
            text_member(j, "name", header.name);
            text_member(j, "value", header.value);
            kw_json_close(j);
        }
        kw_json_close(j);
    }
    kw_json_close(j);
}

static void print_payloads(struct kw_json *j, struct kb_slice records)
{
    struct kw_batch_iter batches;
    struct kw_batch batch;
    kw_json_name(j, "data");
    kw_json_open(j, '[');
    kw_batch_iter_init(&batches, records, SIZE_MAX);
    while (!j->cut && kw_batch_iter_next(&batches, &batch)) {
        struct kw_record_iter it;
        struct kw_record record;
        if (kw_batch_header_codec(&batch.header) != KW_CODEC_NONE)
            continue;
        kw_record_iter_init(&it, &batch.header, batch.records);
        while (!j->cut && kw_record_iter_next(&it, &record))
            print_record(j, &record);
    }
    kw_json_close(j);
}

/* ---- Batches ---------------------------------------------------------------- */

struct summary {
    int64_t batches, records;
    bool mixed; /* codecs */
    struct kw_batch_header first;
};

static void count(struct summary *s, struct kw_batch_iter *it)
{
    struct kw_batch batch;
    while (kw_batch_iter_next(it, &batch)) {
        if (s->batches++ == 0)
            s->first = batch.header;
        s->records += batch.header.record_count;
        s->mixed |= kw_batch_header_codec(&batch.header) != kw_batch_header_codec(&s->first);
    }
}

static void print_summary(struct kw_json *j, const struct summary *s)
{
    enum kw_codec codec = kw_batch_header_codec(&s->first);
    member(j, "base_offset", s->first.base_offset);
    member(j, "records", s->records);
    text_member(j, "codec", kb_slice_str(s->mixed ? "mixed" : kw_codec_info(codec)->name));
    if (s->first.producer_id >= 0) {
        member(j, "producer_id", s->first.producer_id);
        member(j, "producer_epoch", s->first.producer_epoch);
        member(j, "base_sequence", s->first.base_sequence);
    }
}

static void print_content(struct kw_json *j, struct kb_slice records, unsigned flags)
{
    struct summary s = {0};
    struct kw_batch_iter it;
    kw_batch_iter_init(&it, records, SIZE_MAX);
    count(&s, &it);
    member(j, "batches", s.batches);
    if (s.batches)
        print_summary(j, &s);
    if (it.code)
        text_member(j, "fault", kb_slice_str(it.why));
    else if (it.rest.size)
        member(j, "cut_off_bytes", (int64_t)it.rest.size);
    if (s.batches && flags & KW_PRINT_PAYLOADS)
        print_payloads(j, records);
}

void kw_print_batches(struct kw_json *j, struct kb_slice records, unsigned flags)
{
    if (!records.data) {
        kw_json_null(j);
        return;
    }
    kw_json_open(j, '{');
    member(j, "bytes", (int64_t)records.size);
    if (!(flags & KW_PRINT_SIZES))
        print_content(j, records, flags);
    kw_json_close(j);
}
