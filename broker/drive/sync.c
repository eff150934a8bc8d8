/* SPDX-License-Identifier: Apache-2.0 */
/* The sync of a round. One or two files by themselves, more with the whole
 * file system where that is known to do well; elsewhere side by side, since a
 * disk commits many files in hardly more time than one. */
#include "broker/drive/internal.h"

enum { SYNCERS = 8 };

static struct kd_replica *replica_at(struct kb_list *it)
{
    return KB_CONTAINER(it, struct kd_replica, lane_link);
}

static size_t take_dirty(struct kd_lane *lane)
{
    size_t dirty = 0;
    KB_LIST_EACH(it, &lane->round) {
        struct kd_replica *replica = replica_at(it);
        dirty += kd_log_take_dirty(replica->log, &replica->dirty, &replica->round_end);
    }
    return dirty;
}

static void let_go(struct kd_replica *replica, int status)
{
    if (replica->dirty)
        kd_log_synced(replica->log, replica->dirty, status);
    replica->dirty = NULL;
}

bool kd_lane_sync(struct kd_lane *lane)
{
    size_t dirty = take_dirty(lane);
    bool together = dirty > KD_SYNC_ALONE_MAX && kd_disk_has_syncfs(lane->disk);
    if (dirty > KD_SYNC_ALONE_MAX && !together)
        return false;
    if (together)
        lane->sync_status = kd_disk_syncfs(lane->disk);
    KB_LIST_EACH(it, &lane->round) {
        struct kd_replica *replica = replica_at(it);
        if (replica->dirty && !together && lane->sync_status >= 0)
            lane->sync_status = kd_segment_datasync(replica->dirty);
        let_go(replica, lane->sync_status);
    }
    return true;
}

/* ---- Side by side ------------------------------------------------------- */

static void run_sync(struct kn_job *job)
{
    struct kd_replica *replica = KB_CONTAINER(job, struct kd_replica, sync_job);
    replica->sync_status = kd_segment_datasync(replica->dirty);
    let_go(replica, replica->sync_status);
}

static void sync_done(struct kn_job *job)
{
    struct kd_replica *replica = KB_CONTAINER(job, struct kd_replica, sync_job);
    struct kd_lane *lane = replica->lane;
    if (replica->sync_status < 0 && lane->sync_status >= 0)
        lane->sync_status = replica->sync_status;
    if (--lane->syncing == 0)
        kd_lane_finish(lane);
}

/* Threads of their own: a read must not wait behind so many syncs. Without
 * them the others will do. */
static struct kn_exec *syncers_of(struct kd_disk *disk)
{
    if (!disk->syncers)
        disk->syncers = kn_exec_new(kn_loop_env(disk->loop), SYNCERS);
    return disk->syncers ? disk->syncers : disk->exec;
}

void kd_lane_sync_aside(struct kd_lane *lane)
{
    struct kd_disk *disk = lane->disk;
    struct kn_exec *exec = syncers_of(disk);
    KB_LIST_EACH(it, &lane->round)
        lane->syncing += replica_at(it)->dirty != NULL;
    KB_LIST_EACH(it, &lane->round) {
        struct kd_replica *replica = replica_at(it);
        if (!replica->dirty)
            continue;
        replica->sync_job = (struct kn_job){.run = run_sync, .done = sync_done};
        kn_exec_submit(exec, disk->loop, NULL, &replica->sync_job);
    }
}

void kd_disk_free_syncers(struct kd_disk *disk)
{
    kn_exec_free(disk->syncers);
    disk->syncers = NULL;
}
