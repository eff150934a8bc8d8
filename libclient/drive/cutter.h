/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CUTTER_H
#define KC_CUTTER_H
/*
 * Cuts chunks into the batches that poll hands out, on the caller's thread:
 * checks sums, unpacks what is packed, leaves out control batches, what transactions
 * aborted and what lies before the position. What is left out counts as finished. One batch is a run of unpacked wire batches, or a
 * stretch of a single one: at most max.poll.records, without copying a record.
 */
#include "libclient/core/options.h"
#include "libclient/drive/batch.h"
#include "wire/compress.h"

struct kc_cutter {
    struct kc_feed *feed;
    const struct kc_consumer_options *options;
    struct kw_codec_ctx *codecs;
    struct kc_chunk *chunk; /* being cut; NULL: none */

    /* a wire batch that is handed out in stretches */
    bool stretching;
    struct kw_batch_header header;
    struct kw_record_iter records;
    struct kb_buf *buf;    /* unpacked, or the frame; a reference */
    struct kb_slice after; /* of the chunk, behind it */
};

bool kc_cutter_init(struct kc_cutter *cutter, struct kc_feed *feed,
                    const struct kc_consumer_options *options);
void kc_cutter_deinit(struct kc_cutter *cutter);

/*
 * The next batch. NULL with code 0: nothing is there now. NULL with a code: an
 * error of one partition (its text names it), or KB_E_HELD: what is there is
 * packed, and the application holds all the memory that it needs.
 */
struct kurier_batch *kc_cutter_next(struct kc_cutter *cutter, struct kb_error *err);
/* Would next have something to say? */
bool kc_cutter_has(struct kc_cutter *cutter);

#endif
