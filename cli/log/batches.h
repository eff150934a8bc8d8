/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_BATCHES_H
#define CLI_LOG_BATCHES_H
/*
 * The batches of a segment's file, one after the other, and the records in them.
 * The file may hold anything: what is no batch ends the walk with a reason.
 */
#include "base/fs.h"
#include "broker/store/scan.h"
#include "wire/compress.h"
#include "wire/record.h"

struct batches {
    struct kb_fs *fs;
    struct kb_file *file;
    int64_t size;
    struct kd_scan scan;
    void *window;
    int64_t position; /* of the batch below */
    struct kw_batch_header header;
    bool crc_holds;
    uint8_t *data; /* the batch as it lies there */
    size_t capacity;
    struct kw_codec_ctx *codecs;
    struct kw_record_iter records;
    char why[256]; /* what is wrong */
};

/* base_offset: no batch begins before it. 0 or -errno; to be closed in any case. */
int batches_open(struct batches *b, struct kb_fs *fs, const char *name, int64_t base_offset);
void batches_close(struct batches *b);

/* BATCHES_BAD: `why` is true of position; nothing more can be read. */
enum batches_next { BATCHES_END, BATCHES_ONE, BATCHES_BAD };
enum batches_next batches_next(struct batches *b);
/* Makes the records of the batch readable. False: why says what they are not. */
bool batches_unpack(struct batches *b);
/* False at the end, or at a fault: then why is not empty. */
bool batches_record(struct batches *b, struct kw_record *out);

#endif
