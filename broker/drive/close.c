/* SPDX-License-Identifier: Apache-2.0 */
/* A clean stop: what runs is let finish, then everything is put on disk, the
 * marker last. */
#include "broker/drive/internal.h"
#include "base/mem.h"

struct kd_closing {
    struct kn_job job;
    struct kd_disk *disk;
    struct kd_checkpoints files;
    bool there; /* files and snapshots are all there */
    int status;
};

struct kd_closing *kd_closing_new(void)
{
    return KB_NEW(struct kd_closing);
}

/* Run on a disk thread while nothing else of the disk runs: the replicas are
 * its own for so long. */
static int finish_logs(struct kd_disk *disk, enum kd_sync sync)
{
    int status = 0;
    KB_LIST_EACH(it, &disk->replicas) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        if (replica->log && status >= 0)
            status = kd_log_finish(replica->log, replica->reserve.snapshot, sync);
    }
    return status;
}

static int finish_all(struct kd_disk *disk)
{
    if (!kd_disk_has_syncfs(disk))
        return finish_logs(disk, KD_SYNC_EACH);
    int status = finish_logs(disk, KD_SYNC_TOGETHER);
    return status < 0 ? status : kd_disk_syncfs(disk);
}

static void run_close(struct kn_job *job)
{
    struct kd_closing *work = KB_CONTAINER(job, struct kd_closing, job);
    struct kd_disk *disk = work->disk;
    if (!disk->failed && work->there) {
        work->status = finish_all(disk);
        if (work->status >= 0)
            work->status = kd_checkpoints_save(disk->fs, &work->files);
        if (work->status >= 0)
            work->status = kd_dir_mark_clean(&disk->dir);
    }
    kd_dir_close(&disk->dir);
}

static void close_done(struct kn_job *job)
{
    struct kd_closing *work = KB_CONTAINER(job, struct kd_closing, job);
    struct kd_disk *disk = work->disk;
    if (work->status < 0 || !work->there)
        KB_LOG(disk->log, KB_LOG_ERROR, "disk",
               "the stop is not clean: %s; the next start recovers",
               work->there ? strerror(-work->status) : "no memory");
    kd_checkpoints_deinit(&work->files);
    kb_free(work);
    disk->jobs--;
    if (disk->halted)
        return;
    kd_disk_free_syncers(disk);
    disk->status = KD_DISK_CLOSED;
    if (disk->options.events.closed)
        disk->options.events.closed(disk->options.ctx);
}

/* Everything is flushed when this is written: the recovery points are the ends. */
static bool collect(struct kd_disk *disk, struct kd_closing *work)
{
    KB_LIST_EACH(it, &disk->replicas) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        size_t size;
        if (!replica->log || replica->status != KD_ONLINE)
            continue;
        replica->recovery_point = replica->state.written_end;
        uint8_t *snapshot = kd_producers_encode(&replica->state.producers, &size);
        if (!snapshot)
            return false;
        replica->reserve.snapshot = kb_slice_of(snapshot, size);
    }
    return kd_checkpoints_collect(disk, &work->files);
}

static bool is_quiet(const struct kd_disk *disk)
{
    if (disk->jobs || disk->lanes[0].busy || disk->lanes[1].busy)
        return false;
    KB_LIST_EACH(it, &disk->replicas) {
        const struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        if (replica->users || (!disk->failed && !kd_replica_is_idle(replica)))
            return false;
    }
    return true;
}

void kd_disk_close_step(struct kd_disk *disk)
{
    if (disk->status != KD_DISK_CLOSING || !is_quiet(disk))
        return;
    struct kd_closing *work = disk->closing;
    disk->closing = NULL;
    work->disk = disk;
    work->there = disk->failed || collect(disk, work);
    work->job = (struct kn_job){.run = run_close, .done = close_done};
    disk->jobs++;
    kd_disk_submit(disk, NULL, &work->job);
}

void kd_disk_close(struct kd_disk *disk)
{
    KB_CHECK(disk->status == KD_DISK_OPEN);
    disk->status = KD_DISK_CLOSING;
    kn_timer_cancel(disk->loop, &disk->checkpoint_timer);
    kn_timer_cancel(disk->loop, &disk->flush_timer);
    kn_timer_cancel(disk->loop, &disk->reload_timer);
    kd_disk_stop_retention(disk);
    kd_cleaner_stop(disk);
    KB_LIST_EACH(it, &disk->replicas) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        struct kb_list *node;
        while ((node = kb_list_pop_front(&replica->waiting)))
            kd_disk_finish(disk, KB_CONTAINER(node, struct kd_append, link),
                           KB_E_NOT_LEADER_OR_FOLLOWER);
    }
    kd_disk_settle_soon(disk);
}
