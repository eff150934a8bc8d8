/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/keyed.h"

#include "base/check.h"
#include "wire/crc32c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 32, PAD_MAX_BYTES = 2000, RECORD_BYTES = 2 * TEXT_BYTES + 40 };

/* ---- Writing ------------------------------------------------------------ */

static uint8_t *put_record(uint8_t *to, const struct keyed_batch *batch, int32_t i)
{
    char key[TEXT_BYTES], value[TEXT_BYTES + PAD_MAX_BYTES];
    struct keyed keyed = batch->records[i];
    struct kw_record_in record = {.offset_delta = i};
    assert_true(batch->pad_bytes <= PAD_MAX_BYTES);
    record.key = kb_slice_of(key, (size_t)sprintf(key, "key-%d", keyed.key));
    size_t size = (size_t)sprintf(value, "value-%d ", keyed.value);
    memset(value + size, '.', batch->pad_bytes);
    if (keyed.value != KEYED_GONE)
        record.value = kb_slice_of(value, size + batch->pad_bytes);
    return kw_record_write(to, &record, kw_record_body_size(&record));
}

struct kb_buf *keyed_encode(const struct keyed_batch *batch)
{
    uint8_t *plain = kb_malloc((size_t)batch->count * (RECORD_BYTES + batch->pad_bytes) + 1);
    uint8_t *end = plain;
    struct kw_batch_header header;
    for (int32_t i = 0; i < batch->count; i++)
        end = put_record(end, batch, i);
    struct kb_slice records = kb_slice_of(plain, (size_t)(end - plain));
    struct kw_codec_ctx *codec = kw_codec_ctx_new();
    if (batch->codec)
        assert_int_equal(kw_compress(codec, batch->codec,
                                     kw_codec_info(batch->codec)->default_level, &records, 1,
                                     &records, NULL),
                         KB_OK);
    kw_batch_header_init(&header);
    header.base_offset = batch->base_offset;
    header.attributes = (int16_t)(batch->attributes | (int16_t)batch->codec);
    header.last_offset_delta = batch->count - 1;
    header.record_count = batch->count;
    header.base_timestamp_ms = header.max_timestamp_ms = batch->timestamp_ms;
    if (batch->producer_id) {
        header.producer_id = batch->producer_id;
        header.producer_epoch = 0;
        header.base_sequence = batch->sequence;
    }
    struct kb_buf *buf = kb_buf_new(KW_BATCH_HEADER_BYTES + records.size);
    buf->size = KW_BATCH_HEADER_BYTES + records.size;
    memcpy(buf->data + KW_BATCH_HEADER_BYTES, records.data, records.size);
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, records.data, records.size), records.size);
    kw_codec_ctx_free(codec);
    kb_free(plain);
    return buf;
}

void keyed_book_deinit(struct keyed_book *book)
{
    kb_free(book->at);
    kb_free(book->aborted);
    *book = (struct keyed_book){0};
}

void keyed_book_add(struct keyed_book *book, const struct keyed_batch *batch)
{
    int64_t end = batch->base_offset + batch->count;
    assert_int_equal(batch->base_offset, book->end);
    if (end > book->capacity) {
        book->capacity = 2 * end + 16;
        book->at = kb_realloc(book->at, (size_t)book->capacity * sizeof *book->at);
        book->aborted = kb_realloc(book->aborted, (size_t)book->capacity * sizeof *book->aborted);
        assert_true(book->at && book->aborted);
    }
    for (int64_t i = book->end; i < end; i++)
        book->aborted[i] = batch->aborted;
    memcpy(book->at + book->end, batch->records, (size_t)batch->count * sizeof *book->at);
    book->end = end;
}

void keyed_book_add_marker(struct keyed_book *book)
{
    static const struct keyed none = {-1, KEYED_GONE};
    struct keyed_batch marker = {.base_offset = book->end, .records = &none, .count = 1};
    keyed_book_add(book, &marker);
}

void keyed_book_abort(struct keyed_book *book, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        book->aborted[i] = true;
}

static void mark_done(struct kd_append *append)
{
    *(bool *)append->owner = true;
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

int keyed_try_append(struct rig *rig, struct kd_replica *replica, struct keyed_book *book,
                     struct keyed_batch *batch)
{
    bool done = false;
    batch->base_offset = kd_replica_state(replica)->log_end;
    keyed_book_add(book, batch);
    struct kb_buf *frame = keyed_encode(batch);
    struct kd_append *append = rig_append_new(frame);
    append->owner = &done;
    append->done = mark_done;
    rig_claim(replica, append);
    kd_replica_append(replica, append);
    assert_true(rig_wait(rig, is_set, &done));
    int code = append->code;
    assert_true(code || append->base_offset == batch->base_offset);
    kb_buf_unref(frame);
    kb_free(append);
    return code;
}

void keyed_append(struct rig *rig, struct kd_replica *replica, struct keyed_book *book,
                  struct keyed_batch *batch)
{
    assert_int_equal(keyed_try_append(rig, replica, book, batch), KB_OK);
}

/* ---- Reading ------------------------------------------------------------ */

struct keyed keyed_of(const struct kw_record *record)
{
    char key[TEXT_BYTES] = "", value[TEXT_BYTES] = "";
    struct keyed keyed = {-1, KEYED_GONE};
    memcpy(key, record->key.data, KB_MIN(record->key.size, sizeof key - 1));
    assert_int_equal(sscanf(key, "key-%d", &keyed.key), 1);
    if (!record->value.data)
        return keyed;
    memcpy(value, record->value.data, KB_MIN(record->value.size, sizeof value - 1));
    assert_int_equal(sscanf(value, "value-%d ", &keyed.value), 1);
    return keyed;
}

struct reading {
    const struct keyed_book *book;
    struct kw_codec_ctx *codec;
    struct keyed_found found;
    int64_t next;
    int64_t latest[KEYED_KEYS]; /* offset that was read last; -1: none */
};

static void see_record(struct reading *reading, const struct kw_record *record)
{
    struct keyed keyed = keyed_of(record);
    const struct keyed_book *book = reading->book;
    bool known = record->offset >= 0 && record->offset < book->end &&
                 book->at[record->offset].key == keyed.key &&
                 book->at[record->offset].value == keyed.value;
    reading->found.strange += !known;
    if (known && book->aborted[record->offset]) {
        reading->found.aborted++;
        return;
    }
    reading->found.records++;
    reading->found.tombstones += keyed.value == KEYED_GONE;
    if (keyed.key >= 0 && keyed.key < KEYED_KEYS)
        reading->latest[keyed.key] = record->offset;
}

static void see_batch(struct reading *reading, const struct kw_batch *batch)
{
    struct kw_record_iter it;
    struct kw_record record;
    struct kb_slice plain;
    reading->found.batches++;
    reading->found.empty_batches += !batch->header.record_count;
    reading->found.strange += batch->header.base_offset < reading->next;
    reading->found.strange += kw_batch_check_crc(batch, NULL) != KB_OK;
    reading->next = kw_batch_header_last_offset(&batch->header) + 1;
    bool control = batch->header.attributes & KW_BATCH_CONTROL;
    reading->found.markers += control && batch->header.record_count;
    if (!batch->header.record_count || control)
        return;
    assert_int_equal(kw_decompress_view(reading->codec, kw_batch_header_codec(&batch->header),
                                        batch->records, 1 << 24, &plain, NULL),
                     KB_OK);
    kw_record_iter_init(&it, &batch->header, plain);
    while (kw_record_iter_next(&it, &record))
        see_record(reading, &record);
    reading->found.strange += it.code != KB_OK;
}

static void see(struct reading *reading, struct kb_slice bytes)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    kw_batch_iter_init(&it, bytes, SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch))
        see_batch(reading, &batch);
    reading->found.strange += it.code != KB_OK;
}

static void judge(struct reading *reading, int64_t sure_end)
{
    for (int key = 0; key < KEYED_KEYS; key++) {
        int64_t latest = -1, sure = -1, got = reading->latest[key];
        for (int64_t i = 0; i < reading->book->end; i++) {
            if (reading->book->at[i].key != key || reading->book->aborted[i])
                continue;
            latest = i;
            sure = i < sure_end ? i : sure;
        }
        bool gone = sure >= 0 && reading->book->at[sure].value == KEYED_GONE;
        reading->found.missing += sure >= 0 && !gone && got < sure;
        reading->found.undead += gone && got >= 0 && got < sure && sure == latest;
    }
}

struct keyed_found keyed_read(struct rig *rig, struct kd_replica *replica,
                              const struct keyed_book *book, int64_t from, int64_t sure_end)
{
    struct reading *reading = KB_NEW(struct reading);
    int64_t end = kd_replica_state(replica)->log_end;
    reading->book = book;
    reading->codec = kw_codec_ctx_new();
    reading->next = 0;
    for (int i = 0; i < KEYED_KEYS; i++)
        reading->latest[i] = -1;
    for (int64_t at = from; at < end; at = KB_MAX(reading->next, at + 1)) {
        struct kb_buf *got;
        int code = rig_read(rig, replica, at, end, 4000, true, &got);
        if (code || !got) {
            reading->found.strange++;
            break;
        }
        see(reading, kb_buf_view(got));
        kb_buf_unref(got);
    }
    judge(reading, sure_end);
    struct keyed_found found = reading->found;
    kw_codec_ctx_free(reading->codec);
    kb_free(reading);
    return found;
}
