/* SPDX-License-Identifier: Apache-2.0 */
/* Retention by the clock: every log is looked at now and then, which costs next
 * to nothing where nothing is due; and the files of deleted segments are
 * unlinked once their delay is over. */
#include "broker/drive/internal.h"
#include "base/mem.h"

enum { CHECK_MS = 5 * 60 * 1000, FIRST_CHECK_MS = 30 * 1000, LOGS_A_TURN = 200 };

/* ---- Looking ------------------------------------------------------------ */

struct look {
    struct kd_retention retention;
    int64_t log_start; /* that the log may begin at */
    bool all_sealed;   /* the sealed segments may all go */
};

static bool look_at_segment(void *ctx, const struct kd_segment_facts *segment)
{
    struct look *look = ctx;
    look->all_sealed = kd_retention_takes(&look->retention, segment);
    if (look->all_sealed)
        look->log_start = segment->end_offset;
    return look->all_sealed;
}

/* While a roll is under way the last segment is both sealed and active. */
static bool has_retention(const struct kd_replica *replica)
{
    return replica->status == KD_ONLINE && replica->has_files && !replica->reserve_asked &&
           replica->config.delete_old;
}

static void look_at(struct kd_replica *replica, int64_t now_ms)
{
    struct kd_partition *p = &replica->state;
    struct kd_retention_limits limits = {replica->config.retention_ms,
                                         replica->config.retention_bytes};
    struct look look = {.log_start = -1, .all_sealed = true};
    if (!has_retention(replica))
        return;
    kd_retention_begin(&look.retention, &limits, kd_log_size_bytes(replica->log), p->high_watermark,
                       now_ms);
    kd_log_each_sealed(replica->log, look_at_segment, &look);
    if (look.all_sealed && kd_partition_retires(p, &look.retention)) {
        replica->retiring = true;
        kd_replica_roll(replica);
    }
    if (look.log_start > p->log_start)
        kd_replica_set_start(replica, look.log_start, NULL);
}

void kd_replica_retire(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    replica->retiring = false;
    look_at(replica, kd_wall_believe(&disk->wall, kd_disk_now(disk)));
}

/* Some, then requests again, then the next. */
static void look_on(struct kn_task *task)
{
    struct kd_disk *disk = KB_CONTAINER(task, struct kd_disk, looking);
    for (int i = 0; i < LOGS_A_TURN && disk->next_look != &disk->replicas; i++) {
        struct kd_replica *replica = KB_CONTAINER(disk->next_look, struct kd_replica, link);
        disk->next_look = replica->link.next;
        look_at(replica, disk->look_ms);
    }
    if (disk->next_look != &disk->replicas)
        kn_task_next(disk->loop, task);
}

void kd_disk_pass_over(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    if (disk->next_look == &replica->link)
        disk->next_look = replica->link.next;
}

/* The clock is looked at more often than the logs. */
static void on_retention(struct kn_timer *timer)
{
    struct kd_disk *disk = KB_CONTAINER(timer, struct kd_disk, retention_timer);
    struct kb_time now = kd_disk_now(disk);
    disk->look_ms = kd_wall_believe(&disk->wall, now);
    if (disk->failed || disk->status != KD_DISK_OPEN)
        return;
    if (now.mono_ms >= disk->next_check_ms) {
        if (disk->next_look == &disk->replicas) /* else the last round is still on */
            disk->next_look = disk->replicas.next;
        kn_task_next(disk->loop, &disk->looking);
        disk->next_check_ms = kb_deadline(now, disk->options.retention_check_ms);
    }
    kn_timer_set(disk->loop, timer, KB_MIN(disk->next_check_ms, kb_deadline(now, KD_WALL_SLOT_MS)));
}

void kd_disk_start_retention(struct kd_disk *disk)
{
    struct kb_time now = kd_disk_now(disk);
    (void)kd_wall_believe(&disk->wall, now);
    disk->next_check_ms =
        kb_deadline(now, KB_MIN(disk->options.retention_check_ms, (int64_t)FIRST_CHECK_MS));
    kn_timer_set(disk->loop, &disk->retention_timer, disk->next_check_ms);
}

/* ---- Unlinking ---------------------------------------------------------- */

struct kd_doomed {
    struct kb_list link;
    struct kd_replica *replica;
    struct kd_dropped files;
    int64_t due_ms;
};

struct unlinking {
    struct kn_job job;
    struct kd_disk *disk;
    struct kb_list doomed;
};

static void free_doomed(struct kd_doomed *doomed)
{
    kb_list_remove(&doomed->link);
    kd_dropped_deinit(&doomed->files);
    kb_free(doomed);
}

static void run_unlink(struct kn_job *job)
{
    struct unlinking *work = KB_CONTAINER(job, struct unlinking, job);
    KB_LIST_EACH(it, &work->doomed) {
        struct kd_doomed *doomed = KB_CONTAINER(it, struct kd_doomed, link);
        kd_log_unlink_dropped(work->disk->fs, doomed->replica->name, &doomed->files);
    }
}

static void unlink_done(struct kn_job *job)
{
    struct unlinking *work = KB_CONTAINER(job, struct unlinking, job);
    struct kd_disk *disk = work->disk;
    disk->jobs--;
    while (!kb_list_empty(&work->doomed)) {
        struct kd_doomed *doomed = KB_LIST_FIRST(&work->doomed, struct kd_doomed, link);
        struct kd_replica *replica = doomed->replica;
        free_doomed(doomed);
        if (!disk->halted)
            kd_replica_release(replica);
    }
    kb_free(work);
    if (!disk->halted)
        kd_disk_settle_soon(disk);
}

static void take_due(struct kd_disk *disk, struct unlinking *work)
{
    int64_t now = kd_disk_now(disk).mono_ms, next = KB_NEVER;
    KB_LIST_EACH_SAFE(it, &disk->doomed) {
        struct kd_doomed *doomed = KB_CONTAINER(it, struct kd_doomed, link);
        if (doomed->due_ms > now) {
            next = KB_MIN(next, doomed->due_ms);
            continue;
        }
        kb_list_remove(it);
        kb_list_push_back(&work->doomed, it);
        doomed->replica->users++;
    }
    kn_timer_set(disk->loop, &disk->unlink_timer, next);
}

/* Without memory the files go when their log is loaded. */
static void on_unlink(struct kn_timer *timer)
{
    struct kd_disk *disk = KB_CONTAINER(timer, struct kd_disk, unlink_timer);
    struct unlinking *work = disk->status == KD_DISK_OPEN ? KB_NEW(struct unlinking) : NULL;
    if (!work)
        return;
    work->disk = disk;
    work->job = (struct kn_job){.run = run_unlink, .done = unlink_done};
    kb_list_init(&work->doomed);
    take_due(disk, work);
    if (kb_list_empty(&work->doomed)) {
        kb_free(work);
        return;
    }
    disk->jobs++;
    kd_disk_submit(disk, &disk->dropping, &work->job);
}

void kd_disk_doom(struct kd_replica *replica, struct kd_dropped *files)
{
    struct kd_disk *disk = replica->disk;
    struct kd_doomed *doomed = KB_NEW(struct kd_doomed);
    if (!doomed)
        return;
    doomed->replica = replica;
    doomed->files = *files;
    *files = (struct kd_dropped){0};
    doomed->due_ms = kb_deadline(kd_disk_now(disk), replica->config.file_delete_delay_ms);
    kb_list_push_back(&disk->doomed, &doomed->link);
    if (!kn_timer_is_set(&disk->unlink_timer) || disk->unlink_timer.node.key > doomed->due_ms)
        kn_timer_set(disk->loop, &disk->unlink_timer, doomed->due_ms);
}

/* Its directory goes, or moves: the files with it. */
void kd_disk_forget_doomed(struct kd_replica *replica)
{
    KB_LIST_EACH_SAFE(it, &replica->disk->doomed) {
        struct kd_doomed *doomed = KB_CONTAINER(it, struct kd_doomed, link);
        if (doomed->replica == replica)
            free_doomed(doomed);
    }
}

void kd_disk_retention_init(struct kd_disk *disk)
{
    if (!disk->options.retention_check_ms)
        disk->options.retention_check_ms = CHECK_MS;
    kb_list_init(&disk->doomed);
    disk->next_look = &disk->replicas;
    kn_task_init(&disk->looking, look_on);
    kn_timer_init(&disk->retention_timer, on_retention);
    kn_timer_init(&disk->unlink_timer, on_unlink);
}

void kd_disk_stop_retention(struct kd_disk *disk)
{
    kn_task_cancel(&disk->looking);
    kn_timer_cancel(disk->loop, &disk->retention_timer);
    kn_timer_cancel(disk->loop, &disk->unlink_timer);
}
