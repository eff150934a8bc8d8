/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_COORDINATOR_BATCH_H
#define KD_COORDINATOR_BATCH_H
/* What a step leaves, as a batch to be placed. */
#include "broker/server/coordinator/coordinator.h"

/* NULL: no memory. */
struct kb_buf *kd_step_batch(const struct kd_step *step, int64_t now_ms,
                             struct kw_batch_header *header);

#endif
