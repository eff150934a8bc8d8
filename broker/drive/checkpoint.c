/* SPDX-License-Identifier: Apache-2.0 */
/* What happens by the clock: recovery points, and flushes of relaxed logs. */
#include "broker/drive/internal.h"
#include "base/mem.h"

/* ---- The files ---------------------------------------------------------- */

/* Of logs that could not be loaded, too: what was known of them stays. Not of logs
 * that leave: another one may come to have the name. */
bool kd_checkpoint_collect_starts(struct kd_disk *disk, struct kd_checkpoint *out)
{
    bool there = true;
    KB_LIST_EACH(it, &disk->replicas) {
        const struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        if (replica->next_start >= 0 && replica->status != KD_LEAVING)
            there = there &&
                    kd_checkpoint_add(out, replica->topic, replica->partition, replica->next_start);
    }
    return there;
}

bool kd_checkpoint_collect_clean_ends(struct kd_disk *disk, struct kd_checkpoint *out)
{
    bool there = true;
    KB_LIST_EACH(it, &disk->replicas) {
        const struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        if (replica->clean_end > 0 && replica->status != KD_LEAVING)
            there = there &&
                    kd_checkpoint_add(out, replica->topic, replica->partition, replica->clean_end);
    }
    return there;
}

bool kd_checkpoints_collect(struct kd_disk *disk, struct kd_checkpoints *out)
{
    *out = (struct kd_checkpoints){.has_clean_ends = disk->has_clean_ends};
    bool there = kd_checkpoint_collect_starts(disk, &out->log_starts) &&
                 kd_checkpoint_collect_clean_ends(disk, &out->clean_ends);
    KB_LIST_EACH(it, &disk->replicas) {
        const struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        const struct kd_partition *p = &replica->state;
        if (replica->status == KD_LEAVING)
            continue;
        there = there && kd_checkpoint_add(&out->recovery_points, replica->topic,
                                           replica->partition, replica->recovery_point);
        if (replica->log)
            there = there && kd_checkpoint_add(&out->high_watermarks, replica->topic,
                                               replica->partition, p->high_watermark);
    }
    return there;
}

void kd_checkpoints_deinit(struct kd_checkpoints *checkpoints)
{
    kd_checkpoint_deinit(&checkpoints->recovery_points);
    kd_checkpoint_deinit(&checkpoints->log_starts);
    kd_checkpoint_deinit(&checkpoints->high_watermarks);
    kd_checkpoint_deinit(&checkpoints->clean_ends);
}

int kd_checkpoints_save(struct kb_fs *fs, const struct kd_checkpoints *checkpoints)
{
    int status = kd_checkpoint_save(fs, KD_RECOVERY_POINTS_FILE, &checkpoints->recovery_points);
    if (status >= 0)
        status = kd_checkpoint_save(fs, KD_LOG_STARTS_FILE, &checkpoints->log_starts);
    if (status >= 0)
        status = kd_checkpoint_save(fs, KD_HIGH_WATERMARKS_FILE, &checkpoints->high_watermarks);
    if (status >= 0 && checkpoints->has_clean_ends)
        status = kd_checkpoint_save(fs, KD_CLEAN_ENDS_FILE, &checkpoints->clean_ends);
    return status;
}

/* ---- Recovery points ---------------------------------------------------- */

/* Two jobs: the logs are synced, then the files say so. */
struct checkpointing {
    struct kn_job job;
    struct kd_disk *disk;
    struct point {
        struct kd_replica *replica;
        int64_t offset;
        bool sync_failed;
    } * points;
    size_t count;
    struct kd_checkpoints files;
    bool sync_failed;
    int status;
};

static void sync_logs(struct checkpointing *work, enum kd_sync sync)
{
    for (size_t i = 0; i < work->count && work->status >= 0; i++) {
        struct point *point = &work->points[i];
        work->status = kd_log_checkpoint(point->replica->log, sync, &point->offset);
        point->sync_failed = point->replica->log->sync_failed;
        if (work->status < 0)
            point->offset = -1;
    }
}

static void run_sync(struct kn_job *job)
{
    struct checkpointing *work = KB_CONTAINER(job, struct checkpointing, job);
    bool together = work->count > KD_SYNC_ALONE_MAX && kd_disk_has_syncfs(work->disk);
    sync_logs(work, together ? KD_SYNC_TOGETHER : KD_SYNC_EACH);
    if (!together || work->status < 0)
        return;
    work->status = kd_disk_syncfs(work->disk);
    work->sync_failed = work->status < 0;
}

static void run_save(struct kn_job *job)
{
    struct checkpointing *work = KB_CONTAINER(job, struct checkpointing, job);
    work->status = kd_checkpoints_save(work->disk->fs, &work->files);
}

static void end_checkpoint(struct checkpointing *work)
{
    struct kd_disk *disk = work->disk;
    if (work->status < 0 && !disk->halted)
        KB_LOG(disk->log, KB_LOG_WARN, "disk", "the recovery points could not be written: %s",
               strerror(-work->status));
    kd_checkpoints_deinit(&work->files);
    kb_free(work->points);
    kb_free(work);
    disk->checkpointing = false;
    disk->jobs--;
    if (disk->halted)
        return;
    kn_timer_set(disk->loop, &disk->checkpoint_timer,
                 kd_disk_now(disk).mono_ms + disk->options.checkpoint_ms);
    kd_disk_settle_soon(disk);
}

static void save_done(struct kn_job *job)
{
    end_checkpoint(KB_CONTAINER(job, struct checkpointing, job));
}

static void release_points(struct checkpointing *work)
{
    if (work->sync_failed)
        kd_disk_fail(work->disk, work->status, "a sync failed");
    for (size_t i = 0; i < work->count; i++) {
        struct kd_replica *replica = work->points[i].replica;
        if (work->points[i].sync_failed)
            kd_disk_fail(work->disk, work->status, "a sync failed");
        if (!work->disk->failed && work->points[i].offset >= 0 && replica->status == KD_ONLINE) {
            replica->recovery_point = work->points[i].offset;
            bool moved = kd_partition_flushed(
                &replica->state, KB_MIN(work->points[i].offset, replica->state.written_end));
            if (replica->state.flushed_end == replica->state.written_end)
                replica->unflushed = 0;
            kd_replica_advanced(replica, moved);
        }
        kd_replica_release(replica);
    }
}

static void sync_done(struct kn_job *job)
{
    struct checkpointing *work = KB_CONTAINER(job, struct checkpointing, job);
    struct kd_disk *disk = work->disk;
    if (!disk->halted)
        release_points(work);
    if (disk->halted || work->status < 0 || disk->failed ||
        !kd_checkpoints_collect(disk, &work->files)) {
        end_checkpoint(work);
        return;
    }
    work->job = (struct kn_job){.run = run_save, .done = save_done};
    kd_disk_submit(disk, &disk->serial, &work->job);
}

static size_t collect_points(struct kd_disk *disk, struct point *points)
{
    size_t count = 0;
    KB_LIST_EACH(it, &disk->replicas) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        if (!replica->to_checkpoint || replica->status != KD_ONLINE)
            continue;
        if (points) {
            points[count] = (struct point){.replica = replica, .offset = -1};
            replica->to_checkpoint = false;
            replica->users++;
        }
        count++;
    }
    return count;
}

static void checkpoint(struct kn_timer *timer)
{
    struct kd_disk *disk = KB_CONTAINER(timer, struct kd_disk, checkpoint_timer);
    if (disk->checkpointing || disk->failed || disk->status != KD_DISK_OPEN)
        return;
    kn_timer_set(disk->loop, timer, kd_disk_now(disk).mono_ms + disk->options.checkpoint_ms);
    size_t count = collect_points(disk, NULL);
    struct checkpointing *work = count ? KB_NEW(struct checkpointing) : NULL;
    if (!work || !(work->points = KB_NEW_ARRAY(struct point, count))) {
        kb_free(work);
        return;
    }
    work->disk = disk;
    work->job = (struct kn_job){.run = run_sync, .done = sync_done};
    work->count = collect_points(disk, work->points);
    disk->checkpointing = true;
    disk->appended_since_checkpoint = 0;
    disk->jobs++;
    kd_disk_submit(disk, NULL, &work->job);
}

void kd_disk_checkpoint_soon(struct kd_disk *disk)
{
    if (!disk->checkpointing)
        kn_timer_set(disk->loop, &disk->checkpoint_timer, kd_disk_now(disk).mono_ms);
}

/* ---- Relaxed logs ------------------------------------------------------- */

struct flushing {
    struct kn_job job;
    struct kd_disk *disk;
    struct kb_list replicas; /* by sync_link */
    int status;
};

static void run_flush(struct kn_job *job)
{
    struct flushing *work = KB_CONTAINER(job, struct flushing, job);
    KB_LIST_EACH(it, &work->replicas) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, sync_link);
        struct kd_segment *segment;
        if (!kd_log_take_dirty(replica->log, &segment, &replica->sync_end))
            continue;
        int status = kd_segment_datasync(segment);
        kd_log_synced(replica->log, segment, status);
        if (status < 0 && work->status >= 0)
            work->status = status;
    }
}

static int64_t flush_due(const struct kd_replica *replica)
{
    const struct kd_log_config *config = &replica->config;
    if (replica->unflushed >= config->flush_messages || config->flush_ms < 0)
        return 0;
    return replica->unflushed_since_ms + config->flush_ms;
}

static void flush_done(struct kn_job *job)
{
    struct flushing *work = KB_CONTAINER(job, struct flushing, job);
    struct kd_disk *disk = work->disk;
    struct kb_list *node;
    if (disk->halted) {
        kb_free(work);
        return;
    }
    if (work->status < 0)
        kd_disk_fail(disk, work->status, "a sync failed");
    while ((node = kb_list_pop_front(&work->replicas))) {
        struct kd_replica *replica = KB_CONTAINER(node, struct kd_replica, sync_link);
        if (!disk->failed && replica->status == KD_ONLINE)
            kd_replica_advanced(replica, kd_partition_flushed(&replica->state, replica->sync_end));
        kd_replica_release(replica);
    }
    kb_free(work);
    disk->syncing = false;
    disk->jobs--;
    if (!kb_list_empty(&disk->to_sync))
        kn_timer_set(disk->loop, &disk->flush_timer, kd_disk_now(disk).mono_ms);
    kd_disk_settle_soon(disk);
}

/* Takes those that are due, and comes back for the others. */
static void flush(struct kn_timer *timer)
{
    struct kd_disk *disk = KB_CONTAINER(timer, struct kd_disk, flush_timer);
    struct flushing *work = disk->syncing || disk->failed ? NULL : KB_NEW(struct flushing);
    int64_t now = kd_disk_now(disk).mono_ms, next = KB_NEVER;
    if (!work)
        return;
    work->disk = disk;
    work->job = (struct kn_job){.run = run_flush, .done = flush_done};
    kb_list_init(&work->replicas);
    KB_LIST_EACH_SAFE(it, &disk->to_sync) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, sync_link);
        int64_t due = flush_due(replica);
        if (due > now) {
            next = KB_MIN(next, due);
            continue;
        }
        kb_list_remove(it);
        kb_list_push_back(&work->replicas, it);
        replica->unflushed = 0;
        replica->users++;
    }
    kn_timer_set(disk->loop, timer, next);
    if (kb_list_empty(&work->replicas)) {
        kb_free(work);
        return;
    }
    disk->syncing = true;
    disk->jobs++;
    kd_disk_submit(disk, NULL, &work->job);
}

void kd_disk_flush_later(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    if (kb_list_empty(&replica->sync_link))
        kb_list_push_back(&disk->to_sync, &replica->sync_link);
    int64_t due = flush_due(replica);
    if (!kn_timer_is_set(&disk->flush_timer) || disk->flush_timer.node.key > due)
        kn_timer_set(disk->loop, &disk->flush_timer, due);
}

void kd_disk_checkpoint_init(struct kd_disk *disk)
{
    kn_timer_init(&disk->checkpoint_timer, checkpoint);
    kn_timer_init(&disk->flush_timer, flush);
    kn_timer_init(&disk->reload_timer, kd_disk_reload);
}
