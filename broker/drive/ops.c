/* SPDX-License-Identifier: Apache-2.0 */
/* Rare operations on one log. All go through one lane of the directory, so
 * that its files are written in the order of the decisions. */
#include "broker/drive/internal.h"
#include "base/mem.h"
#include <errno.h>

struct work {
    struct kn_job job;
    struct kd_disk *disk;
    struct kd_replica *replica; /* NULL: none to release */
    struct kd_op *op;
    int (*run)(struct work *);
    void (*after)(struct work *); /* on the loop; may be NULL */
    int status;
    int64_t offset, end;
    bool late; /* there was no room for the checkpoint files */
    struct kd_checkpoints files;
    char to[KD_PATH_MAX];
    char cluster_id[KD_CLUSTER_ID_MAX];
    void (*done)(void *ctx, int code);
    void *ctx;
};

static void run_work(struct kn_job *job)
{
    struct work *work = KB_CONTAINER(job, struct work, job);
    work->status = work->run(work);
}

static void free_work(struct work *work)
{
    kd_checkpoints_deinit(&work->files);
    kb_free(work);
}

static void work_done(struct kn_job *job)
{
    struct work *work = KB_CONTAINER(job, struct work, job);
    struct kd_disk *disk = work->disk;
    disk->jobs--;
    if (disk->halted) {
        if (work->op)
            work->op->done(work->op, KB_E_CLOSED);
        if (work->done)
            work->done(work->ctx, KB_E_CLOSED);
        free_work(work);
        return;
    }
    if (work->status < 0)
        disk->last_errno = -work->status;
    if (work->after)
        work->after(work);
    struct kd_replica *replica = work->replica; /* NULL once it has left */
    if (work->status < 0)
        KB_LOG(disk->log, KB_LOG_ERROR, "disk", "%s: %s", replica ? replica->name : "log directory",
               strerror(-work->status));
    kd_disk_finish_op(disk, work->op, work->status < 0 ? KB_E_KAFKA_STORAGE_ERROR : KB_OK);
    if (replica)
        kd_replica_release(replica);
    free_work(work);
    kd_disk_settle_soon(disk);
}

static struct work *make(struct kd_disk *disk, struct kd_replica *replica, struct kd_op *op,
                         int (*run)(struct work *))
{
    struct work *work = KB_NEW(struct work);
    if (!work) {
        kd_disk_finish_op(disk, op, KB_E_NO_MEMORY);
        return NULL;
    }
    *work = (struct work){.disk = disk, .replica = replica, .op = op, .run = run};
    work->job = (struct kn_job){.run = run_work, .done = work_done};
    return work;
}

static void submit(struct work *work)
{
    work->disk->jobs++;
    if (work->replica)
        work->replica->users++;
    kd_disk_submit(work->disk, &work->disk->serial, &work->job);
}

/* The log of an offline replica cannot be changed. */
static bool refuse_offline(struct kd_replica *replica, struct kd_op *op)
{
    bool refuse = replica->status != KD_ONLINE || replica->disk->failed;
    if (refuse)
        kd_disk_finish_op(replica->disk, op, KB_E_KAFKA_STORAGE_ERROR);
    return refuse;
}

/* ---- Truncation --------------------------------------------------------- */

/* The recovery point goes down before the log does: nothing below it may ever
 * be missing. */
static int run_truncate(struct work *work)
{
    struct kd_log *log = work->replica->log;
    int status = kd_log_boundary(log, work->offset, &work->end);
    if (status < 0)
        return status;
    kd_checkpoint_lower(&work->files.recovery_points, work->replica->topic,
                        work->replica->partition, work->end);
    kd_checkpoint_lower(&work->files.clean_ends, work->replica->topic, work->replica->partition,
                        work->end);
    status = kd_checkpoints_save(work->disk->fs, &work->files);
    return status < 0 ? status : kd_log_truncate(log, work->offset, &work->end);
}

static void after_truncate(struct work *work)
{
    struct kd_replica *replica = work->replica;
    if (work->status < 0)
        return;
    replica->recovery_point = KB_MIN(replica->recovery_point, work->end);
    replica->clean_end = KB_MIN(replica->clean_end, work->end);
}

void kd_replica_truncate(struct kd_replica *replica, int64_t log_end, struct kd_op *op)
{
    struct kd_disk *disk = replica->disk;
    KB_CHECK(kb_list_empty(&replica->waiting) && !replica->queued.first && !replica->writing.first);
    if (refuse_offline(replica, op))
        return;
    struct work *work = make(disk, replica, op, run_truncate);
    if (!work)
        return;
    work->offset = log_end;
    work->after = after_truncate;
    if (!kd_checkpoints_collect(disk, &work->files)) {
        kd_checkpoints_deinit(&work->files);
        kb_free(work);
        kd_disk_finish_op(disk, op, KB_E_NO_MEMORY);
        return;
    }
    kd_tail_clear(&disk->tails, &replica->tail);
    replica->status =
        KD_RELOADING; /* producers, epochs, the active segment: read anew afterwards */
    submit(work);
}

/* ---- Leaving ------------------------------------------------------------ */

/* The checkpoint files forget it before its name is another log's, which begins anew.
 * What is deleted makes room for them; where that is not enough, the next checkpoint
 * has to do it. */
static int forget_offsets(struct work *work)
{
    int status = kd_checkpoints_save(work->disk->fs, &work->files);
    if (status == -ENOSPC && work->replica->leaving_to == KD_DIR_DELETE) {
        kd_dir_remove(work->disk->fs, work->to);
        status = kd_checkpoints_save(work->disk->fs, &work->files);
    }
    work->late = status == -ENOSPC;
    return work->late ? 0 : status;
}

static int run_leave(struct work *work)
{
    struct kb_fs *fs = work->disk->fs;
    char from[KD_PATH_MAX];
    kd_dir_name(from, work->replica->topic, work->replica->partition);
    int status = fs->ops->rename(fs, from, work->to);
    if (status == -ENOENT)
        return 0;
    if (status >= 0)
        status = fs->ops->sync_dir(fs, "");
    return status < 0 ? status : forget_offsets(work);
}

static int run_remove(struct work *work)
{
    kd_dir_remove(work->disk->fs, work->to);
    return 0;
}

/* The replica is gone; its files follow in their own time. */
static void after_leave(struct work *work)
{
    struct kd_replica *replica = work->replica;
    struct kd_disk *disk = work->disk;
    bool unlink = replica->leaving_to == KD_DIR_DELETE && work->status >= 0;
    work->replica = NULL;
    kd_replica_free(replica);
    if (work->late)
        kd_disk_checkpoint_soon(disk);
    struct work *removal = unlink ? make(disk, NULL, NULL, run_remove) : NULL;
    if (!removal)
        return;
    memcpy(removal->to, work->to, sizeof removal->to);
    submit(removal);
}

void kd_replica_leave_step(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    if (!kd_replica_is_idle(replica))
        return;
    struct work *work = make(disk, replica, replica->leaving_op, run_leave);
    if (!work) {
        replica->status = KD_OFFLINE;
        return;
    }
    if (!kd_checkpoints_collect(disk, &work->files)) {
        replica->status = KD_OFFLINE;
        free_work(work);
        kd_disk_finish_op(disk, replica->leaving_op, KB_E_NO_MEMORY);
        return;
    }
    uint8_t id[16];
    uint64_t random[2] = {kb_random_next(&disk->random), kb_random_next(&disk->random)};
    memcpy(id, random, sizeof id);
    kd_dir_retired(work->to, replica->name, id, replica->leaving_to);
    work->after = after_leave;
    submit(work);
}

static void leave(struct kd_replica *replica, struct kd_op *op, enum kd_dir_kind to)
{
    replica->status = KD_LEAVING;
    replica->leaving_op = op;
    replica->leaving_to = to;
    kd_replica_drop_appends(replica, KB_E_NOT_LEADER_OR_FOLLOWER);
    kb_list_remove(&replica->sync_link);
    if (!replica->in_round)
        kb_list_remove(&replica->lane_link);
    kd_replica_leave_step(replica);
}

void kd_replica_delete(struct kd_replica *replica, struct kd_op *op)
{
    leave(replica, op, KD_DIR_DELETE);
}

void kd_replica_stray(struct kd_replica *replica, struct kd_op *op)
{
    leave(replica, op, KD_DIR_STRAY);
}

void kd_replica_expire_producers(struct kd_replica *replica, int64_t seen_before_ms)
{
    (void)kd_producers_expire(&replica->state.producers, seen_before_ms);
}

/* ---- The directory's own ------------------------------------------------ */

static int run_space(struct work *work)
{
    struct kd_space_op *op = KB_CONTAINER(work->op, struct kd_space_op, op);
    return work->disk->fs->ops->space(work->disk->fs, &op->space);
}

void kd_disk_space(struct kd_disk *disk, struct kd_space_op *op)
{
    struct work *work = make(disk, NULL, &op->op, run_space);
    if (work)
        submit(work);
}

static int run_claim(struct work *work)
{
    return kd_dir_claim(&work->disk->dir, work->cluster_id, work->disk->options.node_id);
}

static void after_claim(struct work *work)
{
    work->done(work->ctx, work->status < 0 ? KB_E_DISK : KB_OK);
}

void kd_disk_set_cluster_id(struct kd_disk *disk, const char *cluster_id,
                            void (*done)(void *ctx, int code), void *ctx)
{
    struct work *work = make(disk, NULL, NULL, run_claim);
    KB_CHECK(strlen(cluster_id) < KD_CLUSTER_ID_MAX);
    if (!work) {
        done(ctx, KB_E_NO_MEMORY);
        return;
    }
    memcpy(work->cluster_id, cluster_id, strlen(cluster_id) + 1);
    work->done = done;
    work->ctx = ctx;
    work->after = after_claim;
    submit(work);
}
