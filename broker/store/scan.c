/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/scan.h"
#include "base/check.h"
#include "wire/crc32c.h"
#include "wire/record.h"
#include <errno.h>

enum { CONTROL_MAX_BYTES = 1024 }; /* of a marker's record, which has about twenty */

void kd_scan_init(struct kd_scan *scan, struct kb_fs *fs, struct kb_file *file, void *window,
                  size_t window_bytes, int64_t from, int64_t end, int64_t next_offset)
{
    KB_CHECK(window_bytes % KD_SCAN_ALIGN == 0 && (uintptr_t)window % KD_SCAN_ALIGN == 0);
    *scan = (struct kd_scan){.fs = fs,
                             .file = file,
                             .window = window,
                             .window_bytes = window_bytes,
                             .position = from,
                             .end = end,
                             .next_offset = next_offset};
}

static int corrupt(struct kd_scan *scan, const char *why)
{
    scan->why = why;
    return KB_E_CORRUPT_MESSAGE;
}

/* A view of what lies at `at`: at least 1 byte and at most `size`. After a
 * failed sync the disk may hold less than the size that the file had. */
static int view(struct kd_scan *scan, int64_t at, size_t size, struct kb_slice *out)
{
    if (at < scan->window_at || at >= scan->window_at + (int64_t)scan->window_fill) {
        struct iovec io = {scan->window, scan->window_bytes};
        int64_t from = at - at % KD_SCAN_ALIGN;
        scan->window_fill = 0;
        int64_t got = scan->fs->ops->preadv(scan->fs, scan->file, &io, 1, from, scan->nowait);
        if (got < 0) {
            scan->status = (int)got;
            return KB_E_DISK;
        }
        if (got <= at - from)
            return corrupt(scan, "the file ends early");
        scan->window_at = from;
        scan->window_fill = (size_t)got;
    }
    size_t skip = (size_t)(at - scan->window_at);
    *out = kb_slice_of(scan->window + skip, KB_MIN(size, scan->window_fill - skip));
    return KB_OK;
}

/* They may lie across two windows. */
static int read_bytes(struct kd_scan *scan, int64_t at, uint8_t *out, size_t size)
{
    struct kb_slice part;
    for (size_t done = 0; done < size; done += part.size) {
        int code = view(scan, at + (int64_t)done, size - done, &part);
        if (code)
            return code;
        memcpy(out + done, part.data, part.size);
    }
    return KB_OK;
}

static int read_crc(struct kd_scan *scan, size_t batch_bytes, uint32_t *crc)
{
    struct kb_slice part;
    *crc = 0;
    for (size_t at = KW_BATCH_SUMMED_AT; at < batch_bytes; at += part.size) {
        int code = view(scan, scan->position + (int64_t)at, batch_bytes - at, &part);
        if (code)
            return code;
        *crc = kw_crc32c(*crc, part.data, part.size);
    }
    return KB_OK;
}

static int judge(struct kd_scan *scan, const uint8_t *raw, const struct kw_batch_header *header)
{
    if (header->length < KW_BATCH_HEADER_BYTES - KW_BATCH_PREFIX_BYTES)
        return corrupt(scan, "a batch length that is none");
    if (raw[KW_BATCH_MAGIC_AT] != KW_BATCH_MAGIC)
        return corrupt(scan, "not a batch of format 2");
    if ((int64_t)kw_batch_header_size(header) > scan->end - scan->position)
        return corrupt(scan, "a batch that is not all there");
    if (header->base_offset < scan->next_offset || header->last_offset_delta < 0 ||
        header->base_offset > INT64_MAX - 1 - header->last_offset_delta)
        return corrupt(scan, "an offset out of order");
    return KB_OK;
}

int kd_scan_next(struct kd_scan *scan, bool check_crc, struct kw_batch_header *header)
{
    uint8_t raw[KW_BATCH_HEADER_BYTES];
    uint32_t crc;
    if (scan->position >= scan->end)
        return KB_E_OFFSET_OUT_OF_RANGE;
    if (scan->end - scan->position < KW_BATCH_HEADER_BYTES)
        return corrupt(scan, "a header that is not all there");
    int code = read_bytes(scan, scan->position, raw, sizeof raw);
    if (code)
        return code;
    kw_batch_peek(raw, header);
    code = judge(scan, raw, header);
    if (!code && check_crc) {
        code = read_crc(scan, kw_batch_header_size(header), &crc);
        if (!code && crc != header->crc)
            code = corrupt(scan, "a checksum that does not hold");
    }
    if (code)
        return code;
    scan->position += (int64_t)kw_batch_header_size(header);
    scan->next_offset = kw_batch_header_last_offset(header) + 1;
    return KB_OK;
}

int kd_scan_control(struct kd_scan *scan, const struct kw_batch_header *header,
                    struct kw_control *out)
{
    uint8_t raw[CONTROL_MAX_BYTES];
    size_t size = kw_batch_header_size(header) - KW_BATCH_HEADER_BYTES;
    struct kw_record_iter it;
    struct kw_record record;
    if (!header->record_count)
        return KB_E_OFFSET_OUT_OF_RANGE;
    if (size > sizeof raw || kw_batch_header_codec(header))
        return corrupt(scan, "a marker that is none");
    int code = read_bytes(scan, scan->position - (int64_t)size, raw, size);
    if (code)
        return code;
    kw_record_iter_init(&it, header, kb_slice_of(raw, size));
    if (!kw_record_iter_next(&it, &record) || !kw_control_parse(&record, out))
        return corrupt(scan, "a marker that is none");
    return KB_OK;
}
