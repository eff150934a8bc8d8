/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction: now and then every log is looked at, and the one that is most in
 * need of it is compacted, step by step, so that other jobs come between; then
 * they are looked at again, until none is due. How far a log is clean goes into a
 * file once it is: losing that costs another compaction, nothing else. */
#include "broker/store/clean.h"
#include "base/mem.h"
#include "broker/drive/internal.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { LOGS_A_TURN = 200, RETRY_MS = 60 * 1000, BACKOFF_MIN_MS = 10 };

struct kd_cleaning {
    struct kn_job job;
    struct kd_disk *disk;
    struct kd_replica *replica;
    struct kd_clean_ask ask;
    struct kd_kept *kept;
    struct kd_clean *clean; /* made by the first step */
    int status;
    struct kd_checkpoint ends;
};

static void look_again(struct kd_disk *disk);

static void free_cleaning(struct kd_cleaning *work)
{
    kd_clean_free(work->clean);
    kd_checkpoint_deinit(&work->ends);
    kb_free(work->kept);
    kb_free(work);
}

static void end(struct kd_cleaning *work)
{
    struct kd_disk *disk = work->disk;
    struct kd_replica *replica = work->replica;
    free_cleaning(work);
    disk->cleaner.now = NULL;
    disk->jobs--;
    kd_replica_release(replica);
    look_again(disk);
    kd_disk_settle_soon(disk);
}

/* ---- What came of it ---------------------------------------------------- */

static const struct failure {
    int status;
    bool rests; /* trying again would not help */
    const char *why;
} failures[] = {
    {-EBADMSG, true, "a batch of it is damaged, or packed in a codec that this broker lacks"},
    {-ENOBUFS, true, "log.cleaner.dedupe.buffer.size is too small for the keys of one batch"},
    {-EFBIG, true, "a segment would become too large"},
    {-ENOSPC, false, "no room on the disk; it is tried again"},
    {0, false, NULL},
};

static void failed(struct kd_cleaning *work, const struct kd_clean_report *report)
{
    struct kd_replica *replica = work->replica;
    struct kd_disk *disk = work->disk;
    const struct failure *failure = failures;
    if (report->unsafe)
        kd_disk_fail(disk, work->status, "a compacted segment could not be put in place");
    replica->clean_again_ms = kb_deadline(kd_disk_now(disk), RETRY_MS);
    if (work->status == -ESTALE) /* part of it was deleted, and it may be due no more */
        return;
    while (failure->status && failure->status != work->status)
        failure++;
    replica->clean_rests = failure->rests;
    if (!replica->clean_warned)
        KB_LOG(disk->log, KB_LOG_WARN, "cleaner", "%s is not compacted: %s", replica->name,
               failure->why ? failure->why : strerror(-work->status));
    replica->clean_warned = true;
}

static void run_save(struct kn_job *job)
{
    struct kd_cleaning *work = KB_CONTAINER(job, struct kd_cleaning, job);
    work->status = kd_checkpoint_save(work->disk->fs, KD_CLEAN_ENDS_FILE, &work->ends);
}

static void save_done(struct kn_job *job)
{
    struct kd_cleaning *work = KB_CONTAINER(job, struct kd_cleaning, job);
    struct kd_disk *disk = work->disk;
    if (disk->halted) {
        free_cleaning(work);
        return;
    }
    if (work->status < 0)
        KB_LOG(disk->log, KB_LOG_WARN, "cleaner", KD_CLEAN_ENDS_FILE " could not be written: %s",
               strerror(-work->status));
    end(work);
}

static void succeeded(struct kd_cleaning *work, const struct kd_clean_report *report)
{
    struct kd_replica *replica = work->replica;
    struct kd_disk *disk = work->disk;
    replica->clean_end = report->end;
    replica->clean_warned = false;
    disk->has_clean_ends = true;
    disk->stats.compactions++;
    disk->stats.compacted_from_bytes += (uint64_t)report->bytes_before;
    disk->stats.compacted_to_bytes += (uint64_t)report->bytes_after;
    KB_LOG(disk->log, KB_LOG_INFO, "cleaner",
           "%s: compacted below offset %" PRId64 " bytes=%" PRId64 " before=%" PRId64,
           replica->name, report->end, report->bytes_after, report->bytes_before);
}

/* ---- Step by step ------------------------------------------------------- */

static void run_step(struct kn_job *job)
{
    struct kd_cleaning *work = KB_CONTAINER(job, struct kd_cleaning, job);
    if (!work->clean)
        work->clean = kd_clean_new(work->replica->log, &work->ask);
    work->status = work->clean ? kd_clean_step(work->clean) : -ENOMEM;
}

static void run_give_up(struct kn_job *job)
{
    kd_clean_give_up(KB_CONTAINER(job, struct kd_cleaning, job)->clean);
}

static void gave_up(struct kn_job *job)
{
    struct kd_cleaning *work = KB_CONTAINER(job, struct kd_cleaning, job);
    if (work->disk->halted)
        free_cleaning(work);
    else
        end(work);
}

/* A log that is being cut, or goes, has no clean end that is known. */
static void finish(struct kd_cleaning *work)
{
    struct kd_clean_report report = {0};
    struct kd_disk *disk = work->disk;
    bool done = !work->status && work->replica->status == KD_ONLINE;
    if (work->clean)
        report = kd_clean_report(work->clean);
    if (work->status < 0)
        failed(work, &report);
    if (done)
        succeeded(work, &report);
    if (!done || !kd_checkpoint_collect_clean_ends(disk, &work->ends)) {
        end(work);
        return;
    }
    work->job = (struct kn_job){.run = run_save, .done = save_done};
    kd_disk_submit(disk, &disk->serial, &work->job);
}

static void step_done(struct kn_job *job)
{
    struct kd_cleaning *work = KB_CONTAINER(job, struct kd_cleaning, job);
    struct kd_disk *disk = work->disk;
    if (disk->halted) {
        free_cleaning(work);
        return;
    }
    bool stays = work->replica->status == KD_ONLINE && !disk->failed &&
                 disk->status == KD_DISK_OPEN && disk->cleaner.config.enabled;
    if (work->status != 1) {
        finish(work);
        return;
    }
    work->job = stays ? (struct kn_job){.run = run_step, .done = step_done}
                      : (struct kn_job){.run = run_give_up, .done = gave_up};
    kd_disk_submit(disk, NULL, &work->job);
}

/* ---- Beginning ---------------------------------------------------------- */

static int64_t first_dirty(const struct kd_replica *replica)
{
    const struct kd_partition *p = &replica->state;
    return replica->clean_end > p->log_end ? p->log_start
                                           : KB_MAX(replica->clean_end, p->log_start);
}

static int by_producer(const void *a, const void *b)
{
    const struct kd_kept *x = a, *y = b;
    return (x->producer_id > y->producer_id) - (x->producer_id < y->producer_id);
}

/* What tells of each producer: its last batch, or the marker of its epoch. */
static bool take_kept(struct kd_cleaning *work)
{
    const struct kd_producers *producers = &work->replica->state.producers;
    const struct kd_producer *at = NULL;
    size_t count = 0;
    work->kept = KB_NEW_ARRAY(struct kd_kept, kd_producers_count(producers) + 1);
    if (!work->kept)
        return false;
    while ((at = kd_producers_next(producers, at)))
        work->kept[count++] = (struct kd_kept){
            at->id, at->count ? at->last[at->count - 1].last_offset : -1, at->epoch};
    qsort(work->kept, count, sizeof *work->kept, by_producer);
    work->ask.kept = work->kept;
    work->ask.kept_count = count;
    return true;
}

static void begin(struct kd_disk *disk, struct kd_replica *replica,
                  const struct kd_clean_look *look)
{
    struct kd_cleaning *work = KB_NEW(struct kd_cleaning);
    if (!work)
        return;
    work->disk = disk;
    work->replica = replica;
    work->job = (struct kn_job){.run = run_step, .done = step_done};
    work->ask = (struct kd_clean_ask){
        .from = look->first_dirty,
        .until = look->until,
        .now_ms = disk->cleaner.now_ms,
        .delete_retention_ms = replica->config.delete_retention_ms,
        .segment_bytes = replica->config.segment_bytes,
        .map_bytes = (size_t)disk->cleaner.config.map_bytes,
        .secret = {{kb_random_next(&disk->random), kb_random_next(&disk->random)}},
    };
    if (!take_kept(work)) {
        free_cleaning(work);
        return;
    }
    /* A reader in memory is told of what was aborted from the files, where that may go. */
    kd_tail_clear(&disk->tails, &replica->tail);
    disk->cleaner.now = work;
    disk->jobs++;
    replica->users++;
    kd_disk_submit(disk, NULL, &work->job);
}

/* ---- Looking ------------------------------------------------------------ */

/* While a roll is under way the last segment is both sealed and active. */
static bool may_be_compacted(const struct kd_replica *replica, int64_t mono_ms)
{
    return replica->status == KD_ONLINE && replica->has_files && !replica->reserve_asked &&
           replica->config.compact && !replica->clean_rests && replica->clean_again_ms <= mono_ms;
}

static bool look_at_segment(void *ctx, const struct kd_segment_facts *segment)
{
    return kd_clean_sees(ctx, segment);
}

static void look_at(struct kd_cleaner *cleaner, struct kd_replica *replica, int64_t mono_ms)
{
    const struct kd_log_config *config = &replica->config;
    struct kd_clean_limits limits = {config->min_cleanable_ratio, config->min_compaction_lag_ms,
                                     config->max_compaction_lag_ms};
    struct kd_clean_look look;
    if (!may_be_compacted(replica, mono_ms))
        return;
    kd_clean_begin(&look, &limits, first_dirty(replica), kd_partition_stable_end(&replica->state),
                   cleaner->now_ms);
    kd_log_each_sealed(replica->log, look_at_segment, &look);
    if (!kd_clean_is_due(&look) || (cleaner->best && !kd_clean_is_before(&look, &cleaner->of_best)))
        return;
    cleaner->best = replica;
    cleaner->of_best = look;
}

/* Some, then requests again, then the next. */
static void look_on(struct kn_task *task)
{
    struct kd_disk *disk = KB_CONTAINER(task, struct kd_disk, cleaner.looking);
    struct kd_cleaner *cleaner = &disk->cleaner;
    struct kb_time now = kd_disk_now(disk);
    for (int i = 0; i < LOGS_A_TURN && cleaner->next != &disk->replicas; i++) {
        struct kd_replica *replica = KB_CONTAINER(cleaner->next, struct kd_replica, link);
        cleaner->next = replica->link.next;
        look_at(cleaner, replica, now.mono_ms);
    }
    if (cleaner->next != &disk->replicas) {
        kn_task_next(disk->loop, task);
        return;
    }
    if (cleaner->best)
        begin(disk, cleaner->best, &cleaner->of_best);
    cleaner->best = NULL;
    if (!cleaner->now)
        kn_timer_set(disk->loop, &cleaner->timer, kb_deadline(now, cleaner->config.backoff_ms));
}

static void look_again(struct kd_disk *disk)
{
    struct kd_cleaner *cleaner = &disk->cleaner;
    if (!cleaner->config.enabled || cleaner->now || disk->failed || disk->status != KD_DISK_OPEN)
        return;
    cleaner->next = disk->replicas.next;
    cleaner->best = NULL;
    cleaner->now_ms = kd_wall_believe(&disk->wall, kd_disk_now(disk));
    kn_task_next(disk->loop, &cleaner->looking);
}

static void on_timer(struct kn_timer *timer)
{
    look_again(KB_CONTAINER(timer, struct kd_disk, cleaner.timer));
}

void kd_cleaner_wake(struct kd_disk *disk)
{
    struct kd_cleaner *cleaner = &disk->cleaner;
    if (disk->status == KD_DISK_OPEN && cleaner->config.enabled && !cleaner->now)
        kn_timer_set(disk->loop, &cleaner->timer,
                     kb_deadline(kd_disk_now(disk), cleaner->config.backoff_ms));
}

void kd_disk_set_cleaner(struct kd_disk *disk, const struct kd_cleaner_config *config)
{
    disk->cleaner.config = *config;
    disk->cleaner.config.backoff_ms = KB_MAX(config->backoff_ms, (int64_t)BACKOFF_MIN_MS);
    kd_cleaner_wake(disk);
}

void kd_cleaner_pass_over(struct kd_replica *replica)
{
    struct kd_cleaner *cleaner = &replica->disk->cleaner;
    if (cleaner->next == &replica->link)
        cleaner->next = replica->link.next;
    if (cleaner->best == replica)
        cleaner->best = NULL;
}

void kd_cleaner_init(struct kd_disk *disk)
{
    disk->cleaner.next = &disk->replicas;
    kn_task_init(&disk->cleaner.looking, look_on);
    kn_timer_init(&disk->cleaner.timer, on_timer);
}

void kd_cleaner_stop(struct kd_disk *disk)
{
    kn_task_cancel(&disk->cleaner.looking);
    kn_timer_cancel(disk->loop, &disk->cleaner.timer);
}
