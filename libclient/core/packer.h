/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_PACKER_H
#define KC_PACKER_H
/*
 * Seals batches: compresses the records in place, in the chunks that they came
 * in, and sums them. Any number of threads at once; each needs a codec context
 * of its own meanwhile, and finds it among the idle ones. A batch that does not
 * get smaller, or for which there is no memory, goes out as it is.
 */
#include "base/lock.h"
#include "libclient/core/supply.h"
#include "wire/compress.h"

enum { KC_PACKER_IDLE = 8 };

struct kc_packer {
    enum kw_codec codec;
    int level;
    struct kc_supply *supply; /* chunks that fall empty go back here */
    struct kb_lock lock;
    struct kw_codec_ctx *idle[KC_PACKER_IDLE];
    int idle_count;
};

void kc_packer_init(struct kc_packer *packer, enum kw_codec codec, int level,
                    struct kc_supply *supply);
void kc_packer_deinit(struct kc_packer *packer);
void kc_packer_seal(struct kc_packer *packer, struct kc_send_batch *batch);

#endif
