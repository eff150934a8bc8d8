/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/marker.h"
#include "broker/drive/control.h"

static void on_appended(struct kd_append *append)
{
    struct kd_marker *marker = append->owner;
    marker->place = NULL;
    marker->done(marker, append->code);
}

void kd_marker_write(struct kd_shard *shard, struct kd_place *place, struct kd_marker *marker)
{
    struct kd_txn_mark mark = {marker->producer, marker->epoch, marker->coordinator_epoch,
                               marker->commit};
    struct kd_append *append = &marker->append;
    *append = (struct kd_append){.wait = KD_WAIT_COMMITTED, .done = on_appended, .owner = marker};
    marker->place = NULL;
    if (!place->serving) {
        marker->done(marker, KB_E_NOT_LEADER_OR_FOLLOWER);
    } else if (!kd_control_append(&mark, marker->version, kn_loop_now(shard->loop).wall_ms,
                                  append)) {
        marker->done(marker, KB_E_NO_MEMORY);
    } else {
        struct kb_buf *frame = append->frame;
        marker->place = place;
        kd_replica_append(place->replica, append);
        kb_buf_unref(frame);
    }
}

void kd_marker_forget(struct kd_marker *marker)
{
    if (marker->place)
        kd_replica_abandon(marker->place->replica, &marker->append);
    marker->place = NULL;
}
