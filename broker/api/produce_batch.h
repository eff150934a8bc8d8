/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PRODUCE_BATCH_H
#define KD_PRODUCE_BATCH_H
/* Is this what may be appended to that topic? And if it cannot be stored as it
 * came, the batch as it will be. */
#include "broker/server/shard.h"
#include "wire/produce.h"

struct kd_admission {
    /* In. */
    const struct kd_topic *topic;
    struct kb_slice records; /* of the request; may be patched in place */
    struct kb_buf *frame;    /* that holds them */
    int16_t produce_version;
    int64_t wall_ms;
    /* Out. */
    struct kb_buf *buf;     /* one reference: the frame, or a batch made anew */
    struct kw_batch batch;  /* in buf */
    int64_t append_time_ms; /* LogAppendTime, or -1 */
};

/* One of Kafka's codes; err has words. */
int kd_produce_admit(struct kd_shard *shard, struct kd_admission *a, struct kb_error *err);

#endif
