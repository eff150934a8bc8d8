/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: the directory in one job, then each log in a job of its own. */
#include "broker/drive/internal.h"
#include "base/mem.h"
#include "broker/store/recover.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct found {
    struct kb_list link;
    char name[KD_PATH_MAX], topic[KD_TOPIC_MAX + 1];
    enum kd_dir_kind kind;
    int32_t partition;
};

struct kd_opening {
    struct kn_job job;
    struct kd_disk *disk;
    struct kb_list found;
    enum kd_sync sync; /* of recovered tails */
    size_t left;       /* logs still loading, and one for the start */
    struct kb_error odd, err;
};

/* ---- One log ------------------------------------------------------------ */

struct loading {
    struct kn_job job;
    struct kd_replica *replica;
    struct kd_opening *opening; /* NULL: a reload */
    struct kd_load load;
    struct kd_producers producers;
    struct kd_epochs epochs;
};

static void run_load(struct kn_job *job)
{
    struct loading *loading = KB_CONTAINER(job, struct loading, job);
    (void)kd_log_load(&loading->load);
}

static void report(struct kd_disk *disk, const struct kd_load *load)
{
    disk->stats.recovered_bytes += load->clean ? 0 : (uint64_t)load->scanned_bytes;
    if (load->err.code)
        KB_LOG(disk->log, KB_LOG_ERROR, "store", "%s", load->err.text);
    if (!load->cut_bytes)
        return;
    disk->stats.cut_bytes += (uint64_t)load->cut_bytes;
    disk->stats.cut_logs++;
    KB_LOG(disk->log, KB_LOG_WARN, "store", "%s: %" PRId64 " bytes cut at offset %" PRId64 ": %s",
           load->dir, load->cut_bytes, load->log_end, load->cut_why ? load->cut_why : "not synced");
}

/* What was found becomes what the state loop knows. */
static void adopt(struct kd_replica *replica, struct loading *loading)
{
    struct kd_load *load = &loading->load;
    struct kd_partition *p = &replica->state;
    kd_producers_expect_lost(&loading->producers, &p->producers, loading->load.now_ms);
    kd_producers_move(&p->producers, &loading->producers);
    kd_epochs_deinit(&p->epochs);
    p->epochs = loading->epochs;
    kd_epochs_init(&loading->epochs);
    p->active = load->active;
    p->active.jitter_ms = kd_replica_draw_jitter(replica);
    kd_partition_found(p, KB_MAX(load->log_start, 0), load->log_end);
    replica->next_start = p->log_start;
    replica->log = load->log;
    replica->has_files = load->log->count > 0;
    replica->room = 0;
    replica->recovery_point = load->recovery_point;
    replica->to_checkpoint = !load->clean;
    replica->status = KD_ONLINE;
}

static void opened_one(struct kd_opening *opening);

static void free_loading(struct loading *loading)
{
    kd_producers_deinit(&loading->producers);
    kd_epochs_deinit(&loading->epochs);
    kb_free(loading);
}

/* Until there is room, or memory. */
static void reload_later(struct kd_replica *replica)
{
    enum { AGAIN_MS = 1000 };
    struct kd_disk *disk = replica->disk;
    replica->status = KD_RELOADING;
    if (!kn_timer_is_set(&disk->reload_timer))
        kn_timer_set(disk->loop, &disk->reload_timer, kb_deadline(kd_disk_now(disk), AGAIN_MS));
}

static void load_done(struct kn_job *job)
{
    struct loading *loading = KB_CONTAINER(job, struct loading, job);
    struct kd_replica *replica = loading->replica;
    struct kd_disk *disk = replica->disk;
    struct kd_opening *opening = loading->opening;
    replica->users--;
    disk->jobs--;
    if (disk->halted) {
        kd_log_free(loading->load.log);
        free_loading(loading);
        if (opening)
            opened_one(opening);
        return;
    }
    report(disk, &loading->load);
    if (loading->load.log)
        adopt(replica, loading);
    else if (loading->load.passing && disk->status != KD_DISK_CLOSING)
        reload_later(replica);
    else
        replica->status = KD_OFFLINE;
    if (opening && !loading->load.abandoned)
        (void)kd_replica_register_id(replica, loading->load.topic_id);
    if (opening && loading->load.abandoned)
        kd_replica_free(replica);
    else if (!opening && disk->options.events.advanced)
        disk->options.events.advanced(disk->options.ctx, replica);
    free_loading(loading);
    if (opening)
        opened_one(opening);
    kd_disk_settle_soon(disk);
}

static bool load_replica(struct kd_replica *replica, struct kd_opening *opening, int64_t log_start)
{
    struct kd_disk *disk = replica->disk;
    struct loading *loading = KB_NEW(struct loading);
    if (!loading)
        return false;
    loading->job = (struct kn_job){.run = run_load, .done = load_done};
    loading->replica = replica;
    loading->opening = opening;
    kd_producers_init(&loading->producers, kb_random_next(&disk->random));
    kd_epochs_init(&loading->epochs);
    loading->load = (struct kd_load){
        .files = &disk->files,
        .dir = replica->name,
        .index_interval_bytes =
            replica->config.index_interval_bytes ? replica->config.index_interval_bytes : 4096,
        .clean = opening && disk->dir.clean,
        .sync = opening ? opening->sync : KD_SYNC_EACH,
        .recovery_point = replica->recovery_point,
        .log_start = log_start,
        .now_ms = kd_disk_now(disk).wall_ms,
        .producers = &loading->producers,
        .epochs = &loading->epochs,
    };
    replica->users++;
    disk->jobs++;
    kd_disk_submit(disk, NULL, &loading->job);
    return true;
}

/* Once nobody uses the old log any more. */
void kd_replica_reload(struct kd_replica *replica)
{
    if (!kd_replica_is_idle(replica) || replica->disk->failed)
        return;
    kd_log_free(replica->log);
    replica->log = NULL;
    if (!load_replica(replica, NULL, replica->state.log_start))
        replica->status = KD_OFFLINE;
}

void kd_disk_reload(struct kn_timer *timer)
{
    struct kd_disk *disk = KB_CONTAINER(timer, struct kd_disk, reload_timer);
    KB_LIST_EACH_SAFE(it, &disk->replicas) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, link);
        if (disk->status == KD_DISK_OPEN && replica->status == KD_RELOADING && !replica->log)
            kd_replica_reload(replica);
    }
}

/* ---- The directory ------------------------------------------------------ */

static void note_dir(void *ctx, const char *name, enum kd_dir_kind kind, const char *topic,
                     int32_t partition)
{
    struct kd_opening *opening = ctx;
    struct found *found = KB_NEW(struct found);
    if (!found || strlen(name) >= sizeof found->name) {
        kb_free(found);
        kb_error_set(&opening->err, KB_E_NO_MEMORY, "no memory to list the log directory");
        return;
    }
    snprintf(found->name, sizeof found->name, "%s", name);
    snprintf(found->topic, sizeof found->topic, "%s", topic);
    found->kind = kind;
    found->partition = partition;
    kb_list_push_back(&opening->found, &found->link);
}

/* Those of logs that are here. False: no memory. */
static bool keep_known(const struct kd_opening *opening, const struct kd_checkpoint *from,
                       struct kd_checkpoint *out)
{
    bool there = true;
    KB_LIST_EACH(it, &opening->found) {
        const struct found *found = KB_CONTAINER(it, struct found, link);
        const struct kd_checkpoint_entry *entry =
            found->kind == KD_DIR_LOG ? kd_checkpoint_find(from, found->topic, found->partition)
                                      : NULL;
        if (entry)
            there = there && kd_checkpoint_add(out, found->topic, found->partition, entry->offset);
    }
    return there;
}

/* A log that was deleted is forgotten, should a crash have come before: another one
 * may come to have its name. */
static int forget_unknown(const struct kd_opening *opening, const struct kd_checkpoint *from,
                          const char *path)
{
    struct kd_checkpoint known = {0};
    int status = keep_known(opening, from, &known) ? 0 : -ENOMEM;
    if (status >= 0 && known.count < from->count)
        status = kd_checkpoint_save(opening->disk->fs, path, &known);
    kd_checkpoint_deinit(&known);
    return status;
}

static int forget_deleted(const struct kd_opening *opening)
{
    const struct kd_dir *dir = &opening->disk->dir;
    int status = forget_unknown(opening, &dir->recovery_points, KD_RECOVERY_POINTS_FILE);
    if (status >= 0)
        status = forget_unknown(opening, &dir->log_starts, KD_LOG_STARTS_FILE);
    if (status >= 0)
        status = forget_unknown(opening, &dir->clean_ends, KD_CLEAN_ENDS_FILE);
    return status;
}

static void run_open(struct kn_job *job)
{
    struct kd_opening *opening = KB_CONTAINER(job, struct kd_opening, job);
    struct kd_disk *disk = opening->disk;
    size_t logs = 0;
    if (kd_dir_open(&disk->dir, disk->fs, disk->options.cluster_id, disk->options.node_id,
                    &opening->odd, &opening->err))
        return;
    int status = kd_dir_list(&disk->dir, note_dir, opening);
    if (status < 0)
        kb_error_errno(&opening->err, KB_E_DISK, -status, "the log directory cannot be listed");
    KB_LIST_EACH(it, &opening->found) {
        struct found *found = KB_CONTAINER(it, struct found, link);
        if (found->kind == KD_DIR_DELETE)
            kd_dir_remove(disk->fs, found->name);
        logs += found->kind == KD_DIR_LOG;
    }
    if (status >= 0 && (status = forget_deleted(opening)) < 0)
        kb_error_errno(&opening->err, KB_E_DISK, -status, "the checkpoints cannot be written");
    if (!disk->dir.clean && logs > KD_SYNC_ALONE_MAX && kd_disk_has_syncfs(disk))
        opening->sync = KD_SYNC_TOGETHER;
}

static void finish_opening(struct kd_opening *opening)
{
    struct kd_disk *disk = opening->disk;
    struct kb_error err = opening->err;
    struct kb_list *node;
    while ((node = kb_list_pop_front(&opening->found)))
        kb_free(KB_CONTAINER(node, struct found, link));
    kb_free(opening);
    if (disk->halted)
        return;
    disk->status = err.code ? KD_DISK_CLOSED : KD_DISK_OPEN;
    if (err.code) {
        KB_LOG(disk->log, KB_LOG_ERROR, "disk", "%s", err.text);
        kd_dir_close(&disk->dir);
    } else {
        kd_disk_checkpoint_soon(disk);
        kd_disk_start_retention(disk);
        kd_cleaner_wake(disk);
    }
    disk->options.events.opened(disk->options.ctx, &err);
}

static void run_sync_tails(struct kn_job *job)
{
    struct kd_opening *opening = KB_CONTAINER(job, struct kd_opening, job);
    int status = kd_disk_syncfs(opening->disk);
    if (status < 0)
        kb_error_errno(&opening->err, KB_E_DISK, -status, "the recovered tails cannot be synced");
}

static void tails_synced(struct kn_job *job)
{
    struct kd_opening *opening = KB_CONTAINER(job, struct kd_opening, job);
    opening->disk->jobs--;
    finish_opening(opening);
}

/* Nothing is served before what was recovered is on the disk for sure. */
static void opened_one(struct kd_opening *opening)
{
    struct kd_disk *disk = opening->disk;
    if (--opening->left)
        return;
    if (disk->halted || opening->err.code || opening->sync == KD_SYNC_EACH) {
        finish_opening(opening);
        return;
    }
    opening->job = (struct kn_job){.run = run_sync_tails, .done = tails_synced};
    disk->jobs++;
    kd_disk_submit(disk, NULL, &opening->job);
}

static int64_t offset_of(const struct kd_checkpoint *checkpoint, const struct found *found,
                         int64_t none)
{
    const struct kd_checkpoint_entry *entry =
        kd_checkpoint_find(checkpoint, found->topic, found->partition);
    return entry ? entry->offset : none;
}

static bool load_found(struct kd_opening *opening, const struct found *found)
{
    struct kd_disk *disk = opening->disk;
    struct kd_replica *replica = kd_replica_new(disk, found->topic, found->partition);
    if (!replica)
        return false;
    replica->status = KD_OFFLINE;
    replica->recovery_point = offset_of(&disk->dir.recovery_points, found, 0);
    replica->next_start = offset_of(&disk->dir.log_starts, found, -1);
    replica->clean_end = offset_of(&disk->dir.clean_ends, found, 0);
    if (!load_replica(replica, opening, replica->next_start))
        return false;
    opening->left++;
    return true;
}

static void open_done(struct kn_job *job)
{
    struct kd_opening *opening = KB_CONTAINER(job, struct kd_opening, job);
    struct kd_disk *disk = opening->disk;
    disk->jobs--;
    disk->has_clean_ends = disk->dir.clean_ends.count > 0;
    if (opening->odd.code)
        KB_LOG(disk->log, KB_LOG_WARN, "disk", "%s; everything is recovered from the start",
               opening->odd.text);
    KB_LIST_EACH(it, &opening->found) {
        const struct found *found = KB_CONTAINER(it, struct found, link);
        if (!disk->halted && !opening->err.code && found->kind == KD_DIR_LOG &&
            !load_found(opening, found))
            kb_error_set(&opening->err, KB_E_NO_MEMORY, "no memory to open the logs");
    }
    opened_one(opening);
}

struct kd_opening *kd_opening_new(void)
{
    return KB_NEW(struct kd_opening);
}

void kd_disk_open(struct kd_disk *disk)
{
    struct kd_opening *opening = disk->opening;
    KB_CHECK(disk->status == KD_DISK_NEW);
    disk->opening = NULL;
    disk->status = KD_DISK_OPENING;
    kb_list_init(&opening->found);
    opening->disk = disk;
    opening->left = 1;
    opening->job = (struct kn_job){.run = run_open, .done = open_done};
    disk->jobs++;
    kd_disk_submit(disk, NULL, &opening->job);
}
