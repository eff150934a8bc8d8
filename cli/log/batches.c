/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log/batches.h"
#include "base/mem.h"
#include "wire/crc32c.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 1 << 16, UNPACKED_MAX_BYTES = 1 << 28 };

int batches_open(struct batches *b, struct kb_fs *fs, const char *name, int64_t base_offset)
{
    struct kb_stat st;
    *b = (struct batches){.fs = fs};
    int status = fs->ops->stat(fs, name, &st);
    if (status < 0)
        return status;
    status = fs->ops->open(fs, name, KB_OPEN_READ, &b->file);
    if (status < 0)
        return status;
    b->size = st.size;
    b->window = kb_aligned(KD_SCAN_ALIGN, WINDOW_BYTES);
    b->codecs = kw_codec_ctx_new();
    if (!b->window || !b->codecs)
        return -ENOMEM;
    kd_scan_init(&b->scan, fs, b->file, b->window, WINDOW_BYTES, 0, st.size, base_offset);
    return 0;
}

void batches_close(struct batches *b)
{
    if (b->file)
        b->fs->ops->close(b->fs, b->file);
    if (b->codecs)
        kw_codec_ctx_free(b->codecs);
    kb_free(b->window);
    free(b->data);
}

static bool fault(struct batches *b, const char *why)
{
    snprintf(b->why, sizeof b->why, "%s", why);
    return false;
}

/* All of it, once its length is known to lie within the file. */
static bool load(struct batches *b)
{
    size_t size = kw_batch_header_size(&b->header);
    if (size > b->capacity) {
        uint8_t *data = realloc(b->data, size);
        if (!data)
            return fault(b, "a batch too large for the memory there is");
        b->data = data;
        b->capacity = size;
    }
    int status = kb_fs_read_all(b->fs, b->file, b->data, size, b->position);
    if (status < 0)
        return fault(b, strerror(-status));
    uint32_t crc = kw_crc32c(0, b->data + KW_BATCH_SUMMED_AT, size - KW_BATCH_SUMMED_AT);
    b->crc_holds = crc == b->header.crc;
    return true;
}

enum batches_next batches_next(struct batches *b)
{
    b->why[0] = '\0';
    b->position = b->scan.position;
    int code = kd_scan_next(&b->scan, false, &b->header);
    if (code == KB_E_OFFSET_OUT_OF_RANGE)
        return BATCHES_END;
    if (code) {
        fault(b, code == KB_E_DISK ? strerror(-b->scan.status) : b->scan.why);
        return BATCHES_BAD;
    }
    return load(b) ? BATCHES_ONE : BATCHES_BAD;
}

bool batches_unpack(struct batches *b)
{
    struct kb_error err;
    struct kw_batch batch;
    struct kb_slice records;
    size_t size = kw_batch_header_size(&b->header);
    b->why[0] = '\0';
    if (kw_batch_parse(kb_slice_of(b->data, size), &batch, &err))
        return fault(b, err.text);
    if (kw_decompress_view(b->codecs, (enum kw_codec)kw_batch_header_codec(&b->header),
                           batch.records, UNPACKED_MAX_BYTES, &records, &err))
        return fault(b, err.text);
    kw_record_iter_init(&b->records, &batch.header, records);
    return true;
}

bool batches_record(struct batches *b, struct kw_record *out)
{
    if (kw_record_iter_next(&b->records, out))
        return true;
    if (b->records.code)
        fault(b, b->records.why);
    return false;
}
