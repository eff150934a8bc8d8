/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log/batches.h"
#include "cli/log/dump.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- A batch -----------------------------------------------------------------------------*/

static const char *codec_name(const struct kw_batch_header *header)
{
    unsigned codec = kw_batch_header_codec(header);
    return codec < KW_CODECS ? kw_codec_info((enum kw_codec)codec)->name : "unknown";
}

static void text_batch(struct dump *d, const struct batches *b)
{
    const struct kw_batch_header *h = &b->header;
    struct out *out = d->args->out;
    out_format(out,
               "batch %" PRId64 "-%" PRId64 " at %" PRId64 ", %zu bytes, %" PRId32
               " records, %s, time %" PRId64 "-%" PRId64 ", epoch %" PRId32 ", crc %08" PRIx32,
               h->base_offset, kw_batch_header_last_offset(h), b->position, kw_batch_header_size(h),
               h->record_count, codec_name(h), h->base_timestamp_ms, h->max_timestamp_ms,
               h->leader_epoch, h->crc);
    if (h->producer_id >= 0)
        out_format(out, ", producer %" PRId64 "/%d from %" PRId32, h->producer_id,
                   h->producer_epoch, h->base_sequence);
    if (h->attributes & KW_BATCH_LOG_APPEND_TIME)
        out_text(out, ", log append time");
    if (h->attributes & KW_BATCH_TRANSACTIONAL)
        out_text(out, ", transactional");
    if (h->attributes & KW_BATCH_CONTROL)
        out_text(out, ", control");
    out_char(out, '\n');
}

static void json_batch(struct dump *d, const struct batches *b)
{
    const struct kw_batch_header *h = &b->header;
    dump_begin(d, "batch");
    js_number(&d->json, "position", b->position);
    js_number(&d->json, "bytes", (int64_t)kw_batch_header_size(h));
    js_number(&d->json, "base_offset", h->base_offset);
    js_number(&d->json, "last_offset", kw_batch_header_last_offset(h));
    js_number(&d->json, "records", h->record_count);
    js_text(&d->json, "codec", codec_name(h));
    js_number(&d->json, "base_timestamp", h->base_timestamp_ms);
    js_number(&d->json, "max_timestamp", h->max_timestamp_ms);
    js_text(&d->json, "tstype", h->attributes & KW_BATCH_LOG_APPEND_TIME ? "logappend" : "create");
    js_number(&d->json, "leader_epoch", h->leader_epoch);
    js_number(&d->json, "producer_id", h->producer_id);
    js_number(&d->json, "producer_epoch", h->producer_epoch);
    js_number(&d->json, "base_sequence", h->base_sequence);
    js_bool(&d->json, "transactional", h->attributes & KW_BATCH_TRANSACTIONAL);
    js_bool(&d->json, "control", h->attributes & KW_BATCH_CONTROL);
    js_number(&d->json, "crc", h->crc);
    js_bool(&d->json, "crc_holds", b->crc_holds);
    dump_end(d);
}

/* ---- Its records -----------------------------------------------------------------------------*/

static kurier_bytes bytes(struct kb_slice slice)
{
    return kurier_bytes_of(slice.data, slice.size);
}

static void field(struct js *json, const char *key, const char *base64_key, struct kb_slice slice)
{
    js_bytes(json, key, bytes(slice));
    if (slice.data && !js_is_utf8(bytes(slice)))
        js_base64(json, base64_key, bytes(slice));
}

static void headers(struct js *json, const struct kw_record *record)
{
    struct kw_header_iter it;
    struct kw_header header;
    js_open(json, "headers", '[');
    kw_header_iter_init(&it, record->raw_headers);
    while (kw_header_iter_next(&it, &header)) {
        js_bytes(json, NULL, bytes(header.name));
        js_bytes(json, NULL, bytes(header.value));
    }
    js_close(json, ']');
}

/* As text it is the same object, without the file's name. */
static void print_record(struct dump *d, const struct batches *b, const struct kw_record *record)
{
    struct kw_control control;
    if (!d->args->json)
        out_text(d->args->out, "  ");
    if (d->args->json)
        dump_begin(d, "record");
    else
        js_open(&d->json, NULL, '{');
    js_number(&d->json, "offset", record->offset);
    js_number(&d->json, "ts", record->timestamp_ms);
    if ((b->header.attributes & KW_BATCH_CONTROL) && kw_control_parse(record, &control)) {
        js_text(&d->json, "control",
                control.type == KW_CONTROL_COMMIT  ? "commit"
                : control.type == KW_CONTROL_ABORT ? "abort"
                                                   : "unknown");
        js_number(&d->json, "coordinator_epoch", control.coordinator_epoch);
    } else {
        if (record->raw_headers.data)
            headers(&d->json, record);
        field(&d->json, "key", "key_base64", record->key);
        field(&d->json, "payload", "payload_base64", record->value);
    }
    js_close(&d->json, '}');
    js_end(&d->json);
}

static void print_records(struct dump *d, struct batches *b)
{
    struct kw_record record;
    bool whole = batches_unpack(b);
    while (whole && !dump_enough(d) && batches_record(b, &record)) {
        if (record.offset < d->args->offset)
            continue;
        print_record(d, b, &record);
        d->printed++;
    }
    if (b->why[0])
        dump_damage(d, b->position, b->why);
}

/* ---- The file ---------------------------------------------------------------------------------*/

static void print_batch(struct dump *d, struct batches *b)
{
    if (kw_batch_header_last_offset(&b->header) < d->args->offset)
        return;
    (d->args->json ? json_batch : text_batch)(d, b);
    if (!b->crc_holds)
        dump_damage(d, b->position, "a checksum that does not hold");
    if (d->args->records)
        print_records(d, b);
    else
        d->printed++;
}

void dump_batches(struct dump *d, int64_t base_offset)
{
    struct batches b;
    enum batches_next next = BATCHES_ONE;
    (void)base_offset; /* what was cut off a log has other offsets than its name says */
    int status = batches_open(&b, d->fs, d->name, 0);
    if (status < 0)
        dump_damage(d, -1, strerror(-status));
    while (status >= 0 && !dump_enough(d) && (next = batches_next(&b)) == BATCHES_ONE)
        print_batch(d, &b);
    if (next == BATCHES_BAD)
        dump_damage(d, b.position, b.why);
    batches_close(&b);
}
