/* SPDX-License-Identifier: Apache-2.0 */
/* Leader epochs go to disk before anything is led under them. After a start
 * every partition has a new one at the same time: all of a turn go in one job,
 * and where they are many in two syncs together, not in two each. */
#include "broker/drive/internal.h"
#include "base/mem.h"

struct save {
    struct kb_list link;
    struct kd_replica *replica;
    struct kd_op *op;
    char path[KD_PATH_MAX];
    char *text;
    size_t size;
};

struct kd_epoch_saves {
    struct kn_job job;
    struct kd_disk *disk;
    struct kb_list saves;
    size_t count;
    int status;
};

/* ---- On a disk thread --------------------------------------------------- */

typedef int step_fn(struct kb_fs *fs, const struct save *save);

static int replace(struct kb_fs *fs, const struct save *save)
{
    return kb_fs_replace(fs, save->path, save->text, save->size);
}

static int stage(struct kb_fs *fs, const struct save *save)
{
    return kb_fs_stage(fs, save->path, save->text, save->size);
}

static int install(struct kb_fs *fs, const struct save *save)
{
    return kb_fs_install(fs, save->path);
}

static int each(struct kd_epoch_saves *work, step_fn *step)
{
    int status = 0;
    KB_LIST_EACH(it, &work->saves)
        if (status >= 0)
            status = step(work->disk->fs, KB_CONTAINER(it, struct save, link));
    return status;
}

/* No name leads to a new file before its content is on the disk. */
static int save_together(struct kd_epoch_saves *work)
{
    int status = each(work, stage);
    if (status >= 0)
        status = kd_disk_syncfs(work->disk);
    if (status >= 0)
        status = each(work, install);
    return status < 0 ? status : kd_disk_syncfs(work->disk);
}

static void run_saves(struct kn_job *job)
{
    struct kd_epoch_saves *work = KB_CONTAINER(job, struct kd_epoch_saves, job);
    bool together = work->count > KD_SYNC_ALONE_MAX && kd_disk_has_syncfs(work->disk);
    work->status = together ? save_together(work) : each(work, replace);
}

/* ---- On the loop -------------------------------------------------------- */

static void finish(struct kd_epoch_saves *work, struct save *save)
{
    struct kd_disk *disk = work->disk;
    if (disk->halted) {
        save->op->done(save->op, KB_E_CLOSED);
    } else {
        kd_disk_finish_op(disk, save->op, work->status < 0 ? KB_E_KAFKA_STORAGE_ERROR : KB_OK);
        kd_replica_release(save->replica);
    }
    kb_free(save->text);
    kb_free(save);
}

static void saves_done(struct kn_job *job)
{
    struct kd_epoch_saves *work = KB_CONTAINER(job, struct kd_epoch_saves, job);
    struct kd_disk *disk = work->disk;
    struct kb_list *node;
    disk->jobs--;
    if (work->status < 0 && !disk->halted) {
        disk->last_errno = -work->status;
        KB_LOG(disk->log, KB_LOG_ERROR, "disk", "leader epochs cannot be saved: %s",
               strerror(-work->status));
    }
    while ((node = kb_list_pop_front(&work->saves)))
        finish(work, KB_CONTAINER(node, struct save, link));
    kb_free(work);
    if (!disk->halted)
        kd_disk_settle_soon(disk);
}

void kd_disk_save_epochs(struct kd_disk *disk)
{
    struct kd_epoch_saves *work = disk->epoch_saves;
    disk->epoch_saves = NULL;
    if (work)
        kd_disk_submit(disk, &disk->serial, &work->job);
}

static void collected(struct kn_task *task)
{
    kd_disk_save_epochs(KB_CONTAINER(task, struct kd_disk, save_epochs));
}

void kd_disk_epochs_init(struct kd_disk *disk)
{
    kn_task_init(&disk->save_epochs, collected);
}

void kd_disk_halt_epochs(struct kd_disk *disk)
{
    struct kd_epoch_saves *work = disk->epoch_saves;
    disk->epoch_saves = NULL;
    kn_task_cancel(&disk->save_epochs);
    if (work)
        saves_done(&work->job);
}

/* Those of this turn. NULL: no memory. */
static struct kd_epoch_saves *collecting(struct kd_disk *disk)
{
    if (disk->epoch_saves)
        return disk->epoch_saves;
    struct kd_epoch_saves *work = KB_NEW(struct kd_epoch_saves);
    if (!work)
        return NULL;
    work->disk = disk;
    work->job = (struct kn_job){.run = run_saves, .done = saves_done};
    kb_list_init(&work->saves);
    disk->jobs++;
    disk->epoch_saves = work;
    kn_task_soon(disk->loop, &disk->save_epochs);
    return work;
}

static bool save(struct kd_replica *replica, struct kd_op *op)
{
    struct kd_epoch_saves *work = collecting(replica->disk);
    struct save *one = work ? KB_NEW(struct save) : NULL;
    if (!one)
        return false;
    one->text = kd_epochs_format(&replica->state.epochs, &one->size);
    if (!one->text) {
        kb_free(one);
        return false;
    }
    one->replica = replica;
    one->op = op;
    kd_path_join(one->path, replica->name, KD_EPOCHS_FILE);
    replica->users++;
    work->count++;
    kb_list_push_back(&work->saves, &one->link);
    return true;
}

void kd_replica_lead(struct kd_replica *replica, int32_t leader_epoch, struct kd_op *op)
{
    struct kd_disk *disk = replica->disk;
    bool changed;
    if (replica->status != KD_ONLINE || disk->failed) {
        kd_disk_finish_op(disk, op, KB_E_KAFKA_STORAGE_ERROR);
        return;
    }
    int code = kd_partition_lead(&replica->state, leader_epoch, &changed);
    KB_CHECK(replica->has_files || !replica->reserve_asked);
    if (code || !changed || !replica->has_files)
        kd_disk_finish_op(disk, op, code);
    else if (!save(replica, op))
        kd_disk_finish_op(disk, op, KB_E_NO_MEMORY);
}
