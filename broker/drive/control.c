/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/drive/control.h"

struct kd_txn_terms kd_control_terms(const struct kd_txn_mark *mark, int16_t version)
{
    return (struct kd_txn_terms){
        .ends = true,
        .end = {mark->commit, version, mark->coordinator_epoch},
    };
}

bool kd_control_append(const struct kd_txn_mark *mark, int16_t version, int64_t wall_ms,
                       struct kd_append *append)
{
    append->frame = kd_txn_mark_batch(mark, wall_ms, &append->header);
    if (!append->frame)
        return false;
    append->batch = kb_buf_view(append->frame);
    append->txn = kd_control_terms(mark, version);
    return true;
}
