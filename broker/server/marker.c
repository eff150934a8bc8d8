/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/marker.h"
#include "broker/drive/control.h"
#include "broker/server/group/topic.h"
#include <string.h>

static void on_appended(struct kd_append *append)
{
    struct kd_marker *marker = append->owner;
    marker->place = NULL;
    marker->done(marker, append->code);
}

/* ---- A coordinator's own partition ---- */

static void on_marked(struct kd_reply *reply, int code)
{
    struct kd_marker *marker = KB_CONTAINER(reply, struct kd_marker, reply);
    bool is_told = code == KB_OK || code == KB_E_INVALID_PRODUCER_EPOCH ||
                   code == KB_E_TRANSACTION_COORDINATOR_FENCED;
    marker->done(marker, is_told ? code : KB_E_NOT_LEADER_OR_FOLLOWER);
}

static void write_group_marker(struct kd_shard *shard, int32_t partition,
                               const struct kd_txn_mark *mark, struct kd_marker *marker)
{
    struct kd_coordinator *c;
    int code = kd_coordinator_at(&shard->groups->topic, partition, &c);
    marker->reply.answer = on_marked;
    if (code)
        on_marked(&marker->reply, code);
    else
        kd_coordinator_mark(c, mark, marker->version, &marker->reply);
}

/* ---- Any other ---- */

static void write_marker(struct kd_shard *shard, struct kd_place *place,
                         const struct kd_txn_mark *mark, struct kd_marker *marker)
{
    struct kd_append *append = &marker->append;
    *append = (struct kd_append){.wait = KD_WAIT_COMMITTED, .done = on_appended, .owner = marker};
    if (!kd_control_append(mark, marker->version, kn_loop_now(shard->loop).wall_ms, append)) {
        marker->done(marker, KB_E_NO_MEMORY);
        return;
    }
    struct kb_buf *frame = append->frame;
    marker->place = place;
    kd_replica_append(place->replica, append);
    kb_buf_unref(frame);
}

void kd_marker_write(struct kd_shard *shard, struct kd_place *place, struct kd_marker *marker)
{
    const struct kd_txn_mark mark = {marker->producer, marker->epoch, marker->coordinator_epoch,
                                     marker->commit};
    marker->place = NULL;
    kb_list_init(&marker->reply.link);
    if (!place->serving)
        marker->done(marker, KB_E_NOT_LEADER_OR_FOLLOWER);
    else if (!strcmp(place->topic->name, KD_GROUP_TOPIC))
        write_group_marker(shard, place->index, &mark, marker);
    else
        write_marker(shard, place, &mark, marker);
}

void kd_marker_forget(struct kd_marker *marker)
{
    if (marker->place)
        kd_replica_abandon(marker->place->replica, &marker->append);
    marker->place = NULL;
    kd_reply_forget(&marker->reply);
}
