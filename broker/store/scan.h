/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SCAN_H
#define KD_SCAN_H
/*
 * Walks the batches of a segment file through a window of fixed size: headers
 * alone, which skips over records, or everything with its checksum. Trusts
 * nothing: a length that leads nowhere ends the walk with a reason.
 */
#include "base/fs.h"
#include "wire/batch.h"
#include "wire/record.h"

struct kd_scan {
    struct kb_fs *fs;
    struct kb_file *file; /* open for reading */
    int64_t position;     /* of the next batch */
    int64_t end;          /* bytes there are to see */
    int64_t next_offset;  /* batches below it are out of order */
    uint8_t *window;
    size_t window_bytes; /* a multiple of 4096, as is each read's place */
    int64_t window_at;
    size_t window_fill;
    bool nowait;
    const char *why; /* of KB_E_CORRUPT_MESSAGE; static */
    int status;      /* -errno of KB_E_DISK */
};

enum { KD_SCAN_ALIGN = 4096 };

/* The window is the caller's, aligned to KD_SCAN_ALIGN. */
void kd_scan_init(struct kd_scan *scan, struct kb_fs *fs, struct kb_file *file, void *window,
                  size_t window_bytes, int64_t from, int64_t end, int64_t next_offset);
/* Reads the header at `position` and moves behind its batch; header says what
 * was there. KB_OK, or OFFSET_OUT_OF_RANGE at the end, CORRUPT_MESSAGE (position stays),
 * DISK (status says why, -EAGAIN with nowait). */
int kd_scan_next(struct kd_scan *scan, bool check_crc, struct kw_batch_header *header);
/* What the marker says that kd_scan_next just passed. OFFSET_OUT_OF_RANGE: nothing, since
 * a compaction emptied it; CORRUPT_MESSAGE, DISK. */
int kd_scan_control(struct kd_scan *scan, const struct kw_batch_header *header,
                    struct kw_control *out);

#endif
