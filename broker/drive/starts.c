/* SPDX-License-Identifier: Apache-2.0 */
/* Log starts move up, for DeleteRecords and for retention. First the new start
 * is on the disk, for all that wait in one write; then readers see it; then
 * whole segments below it leave their logs, and their files go a while later:
 *
 *     rising ── save ──> served, answered ── drop ──> doomed ── unlink
 */
#include "broker/drive/internal.h"
#include "base/mem.h"
#include <inttypes.h>

struct kd_rise {
    struct kb_list link;
    struct kd_replica *replica;
    int64_t log_start;
    struct kd_op *op; /* NULL: nobody waits */
    struct kd_dropped dropped;
    int drop_status;
};

struct raising {
    struct kn_job job;
    struct kd_disk *disk;
    struct kb_list rises;
    struct kd_checkpoint starts;
    int status;
};

static void free_raising(struct raising *work)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&work->rises))) {
        struct kd_rise *rise = KB_CONTAINER(node, struct kd_rise, link);
        kd_dropped_deinit(&rise->dropped);
        kb_free(rise);
    }
    kd_checkpoint_deinit(&work->starts);
    kb_free(work);
}

static void end(struct raising *work)
{
    struct kd_disk *disk = work->disk;
    disk->jobs--;
    KB_LIST_EACH(it, &work->rises)
        kd_replica_release(KB_CONTAINER(it, struct kd_rise, link)->replica);
    free_raising(work);
    kd_disk_settle_soon(disk);
}

/* ---- Dropping ----------------------------------------------------------- */

static void run_drop(struct kn_job *job)
{
    struct raising *work = KB_CONTAINER(job, struct raising, job);
    KB_LIST_EACH(it, &work->rises) {
        struct kd_rise *rise = KB_CONTAINER(it, struct kd_rise, link);
        struct kd_log *log = rise->replica->log;
        rise->drop_status = kd_log_drop_below(log, rise->log_start, &rise->dropped);
    }
}

static void dropped(struct kd_rise *rise)
{
    struct kd_replica *replica = rise->replica;
    struct kd_disk *disk = replica->disk;
    if (rise->drop_status < 0)
        KB_LOG(disk->log, KB_LOG_WARN, "disk",
               "%s: deleted segments stay on the disk until the next start: %s", replica->name,
               strerror(-rise->drop_status));
    if (!rise->dropped.count)
        return;
    KB_LOG(disk->log, KB_LOG_INFO, "disk",
           "%s: deleted below offset %" PRId64 " segments=%zu bytes=%" PRId64, replica->name,
           rise->log_start, rise->dropped.count, rise->dropped.bytes);
    kd_disk_doom(replica, &rise->dropped);
}

static void drop_done(struct kn_job *job)
{
    struct raising *work = KB_CONTAINER(job, struct raising, job);
    if (work->disk->halted) {
        free_raising(work);
        return;
    }
    KB_LIST_EACH(it, &work->rises)
        dropped(KB_CONTAINER(it, struct kd_rise, link));
    end(work);
}

/* ---- Recording ---------------------------------------------------------- */

static void run_save(struct kn_job *job)
{
    struct raising *work = KB_CONTAINER(job, struct raising, job);
    work->status = kd_checkpoint_save(work->disk->fs, KD_LOG_STARTS_FILE, &work->starts);
}

/* It is on the disk: from here on nobody reads below it. */
static void risen(struct kd_rise *rise)
{
    struct kd_replica *replica = rise->replica;
    struct kd_partition *p = &replica->state;
    if (rise->log_start > p->log_start && replica->status == KD_ONLINE) {
        p->log_start = rise->log_start;
        (void)kd_epochs_cut_start(&p->epochs, p->log_start);
        kd_replica_advanced(replica, true);
    }
    kd_disk_finish_op(replica->disk, rise->op, KB_OK);
}

static void refused(struct kd_rise *rise, int code)
{
    struct kd_replica *replica = rise->replica;
    replica->next_start = replica->state.log_start;
    kd_disk_finish_op(replica->disk, rise->op, code);
}

static void save_done(struct kn_job *job)
{
    struct raising *work = KB_CONTAINER(job, struct raising, job);
    struct kd_disk *disk = work->disk;
    disk->raising = false;
    if (disk->halted) {
        KB_LIST_EACH(it, &work->rises) {
            struct kd_op *op = KB_CONTAINER(it, struct kd_rise, link)->op;
            if (op)
                op->done(op, KB_E_CLOSED);
        }
        free_raising(work);
        return;
    }
    KB_LIST_EACH(it, &work->rises) {
        struct kd_rise *rise = KB_CONTAINER(it, struct kd_rise, link);
        if (work->status < 0)
            refused(rise, KB_E_KAFKA_STORAGE_ERROR);
        else
            risen(rise);
    }
    if (!kb_list_empty(&disk->rising))
        kn_task_soon(disk->loop, &disk->raise);
    if (work->status < 0) {
        KB_LOG(disk->log, KB_LOG_ERROR, "disk", "new log starts could not be written: %s",
               strerror(-work->status));
        end(work);
        return;
    }
    work->job = (struct kn_job){.run = run_drop, .done = drop_done};
    kd_disk_submit(disk, &disk->dropping, &work->job);
}

static struct raising *collect(struct kd_disk *disk)
{
    struct raising *work = KB_NEW(struct raising);
    if (!work)
        return NULL;
    kb_list_init(&work->rises);
    work->disk = disk;
    work->job = (struct kn_job){.run = run_save, .done = save_done};
    KB_LIST_EACH(it, &disk->rising) {
        const struct kd_rise *rise = KB_CONTAINER(it, struct kd_rise, link);
        rise->replica->next_start = KB_MAX(rise->replica->next_start, rise->log_start);
    }
    if (kd_checkpoint_collect_starts(disk, &work->starts))
        return work;
    free_raising(work);
    return NULL;
}

static void refuse_all(struct kd_disk *disk, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&disk->rising))) {
        struct kd_rise *rise = KB_CONTAINER(node, struct kd_rise, link);
        refused(rise, code);
        kd_replica_release(rise->replica);
        kb_free(rise);
    }
}

static void raise_all(struct kn_task *task)
{
    struct kd_disk *disk = KB_CONTAINER(task, struct kd_disk, raise);
    struct kb_list *node;
    if (disk->raising)
        return; /* what waits goes next */
    struct raising *work = collect(disk);
    if (!work) {
        refuse_all(disk, KB_E_NO_MEMORY);
        return;
    }
    while ((node = kb_list_pop_front(&disk->rising)))
        kb_list_push_back(&work->rises, node);
    disk->raising = true;
    disk->jobs++;
    kd_disk_submit(disk, &disk->serial, &work->job);
}

static void raise_one(struct kd_replica *replica, int64_t log_start, struct kd_op *op)
{
    struct kd_disk *disk = replica->disk;
    struct kd_rise *rise = KB_NEW(struct kd_rise);
    if (!rise) {
        kd_disk_finish_op(disk, op, KB_E_NO_MEMORY);
        return;
    }
    *rise = (struct kd_rise){.replica = replica, .log_start = log_start, .op = op};
    replica->users++;
    kb_list_push_back(&disk->rising, &rise->link);
    kn_task_soon(disk->loop, &disk->raise);
}

void kd_replica_set_start(struct kd_replica *replica, int64_t log_start, struct kd_op *op)
{
    const struct kd_partition *p = &replica->state;
    struct kd_disk *disk = replica->disk;
    if (replica->status != KD_ONLINE || disk->failed || disk->status != KD_DISK_OPEN)
        kd_disk_finish_op(disk, op, KB_E_KAFKA_STORAGE_ERROR);
    else if (log_start <= p->log_start)
        kd_disk_finish_op(disk, op, KB_OK);
    else if (log_start > p->high_watermark)
        kd_disk_finish_op(disk, op, KB_E_OFFSET_OUT_OF_RANGE);
    else
        raise_one(replica, log_start, op);
}

void kd_disk_halt_starts(struct kd_disk *disk)
{
    struct kb_list *node;
    kn_task_cancel(&disk->raise);
    while ((node = kb_list_pop_front(&disk->rising))) {
        struct kd_rise *rise = KB_CONTAINER(node, struct kd_rise, link);
        rise->replica->users--;
        kd_disk_finish_op(disk, rise->op, KB_E_CLOSED);
        kb_free(rise);
    }
}

void kd_disk_starts_init(struct kd_disk *disk)
{
    kb_list_init(&disk->rising);
    kn_lane_init(&disk->dropping);
    kn_task_init(&disk->raise, raise_all);
}
