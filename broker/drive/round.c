/* SPDX-License-Identifier: Apache-2.0 */
/* A lane's round: what is queued is written, and committed in one go. */
#include "broker/drive/internal.h"
#include "base/mutant.h"
#include <errno.h>

/* ---- On a disk thread --------------------------------------------------- */

static void write_one(struct kd_replica *replica)
{
    struct kd_log *log = replica->log;
    replica->write_status = replica->reserve_status = 0;
    if (replica->writing.first)
        replica->write_status = kd_log_write(log, replica->writing.first);
    if (replica->reserve_running && replica->write_status >= 0)
        replica->reserve_status = kd_log_reserve(log, &replica->reserve);
    replica->round_room = kd_log_room(log);
    replica->sync_failed = log->sync_failed;
    replica->round_end = log->end_offset;
}

static void run_round(struct kn_job *job)
{
    struct kd_lane *lane = KB_CONTAINER(job, struct kd_lane, job);
    KB_LIST_EACH(it, &lane->round)
        write_one(KB_CONTAINER(it, struct kd_replica, lane_link));
    bool flush = lane->flushed && !KB_MUTANT("ack-before-fsync");
    lane->sync_status = 0;
    lane->synced = !flush || kd_lane_sync(lane);
}

/* ---- Before and after, on the loop -------------------------------------- */

void kd_replica_get_ready(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    if (replica->in_round || !kb_list_empty(&replica->lane_link))
        return;
    replica->lane = &disk->lanes[replica->state.relaxed];
    kb_list_push_back(&replica->lane->ready, &replica->lane_link);
    kn_task_soon(disk->loop, &replica->lane->start);
}

static void start_round(struct kn_task *task)
{
    struct kd_lane *lane = KB_CONTAINER(task, struct kd_lane, start);
    struct kb_list *node;
    if (lane->busy || lane->disk->failed || kb_list_empty(&lane->ready))
        return;
    while ((node = kb_list_pop_front(&lane->ready))) {
        struct kd_replica *replica = KB_CONTAINER(node, struct kd_replica, lane_link);
        replica->writing = replica->queued;
        if (!replica->writing.first)
            replica->writing.last = &replica->writing.first;
        replica->queued = (struct kd_writes){.last = &replica->queued.first};
        replica->reserve_running = replica->reserve_asked;
        replica->in_round = true;
        kb_list_push_back(&lane->round, &replica->lane_link);
    }
    lane->busy = true;
    lane->disk->stats.rounds++;
    lane->disk->stats.syncs += lane->flushed;
    kd_disk_submit(lane->disk, NULL, &lane->job);
}

static void count_unflushed(struct kd_replica *replica)
{
    const struct kd_log_config *config = &replica->config;
    if (!replica->unflushed)
        replica->unflushed_since_ms = kd_disk_now(replica->disk).mono_ms;
    replica->unflushed += replica->writing.count;
    if (replica->unflushed >= config->flush_messages || config->flush_ms >= 0)
        kd_disk_flush_later(replica);
}

static void wrote(struct kd_replica *replica, bool flushed)
{
    bool moved = kd_partition_written(&replica->state, replica->round_end);
    if (flushed)
        moved |= kd_partition_flushed(&replica->state, replica->round_end);
    else
        count_unflushed(replica);
    replica->to_checkpoint = true;
    kd_replica_advanced(replica, moved);
}

/* No room: nothing was placed, so nothing is lost; the log stays as it is. */
static void tell_no_room(struct kd_replica *replica, int status)
{
    KB_LOG(replica->disk->log, KB_LOG_WARN, "disk", "%s: no room for an append: %s", replica->name,
           strerror(-status));
    kd_replica_refuse_waiting(replica);
}

static void reserved(struct kd_replica *replica)
{
    int64_t now_ms = kd_disk_now(replica->disk).wall_ms;
    bool roll = replica->reserve.roll, wanted = replica->reserve.bytes > 0;
    kd_replica_forget_reserve(replica);
    if (replica->reserve_status < 0) {
        if (wanted)
            tell_no_room(replica, replica->reserve_status);
        return;
    }
    if (roll)
        kd_disk_checkpoint_soon(replica->disk);
    if (roll || !replica->has_files)
        kd_partition_rolled(&replica->state, now_ms, kd_replica_draw_jitter(replica));
    replica->has_files = true;
    if (replica->retiring)
        kd_replica_retire(replica);
}

static void after_round(struct kd_replica *replica, bool flushed)
{
    struct kd_disk *disk = replica->disk;
    replica->in_round = false;
    if (replica->sync_failed)
        kd_disk_fail(disk, -EIO, "a sync failed");
    if (replica->write_status < 0)
        kd_replica_fail(replica, replica->write_status, "an append");
    if (!disk->failed && replica->status == KD_ONLINE) {
        if (replica->writing.first)
            wrote(replica, flushed);
        replica->room = replica->round_room - replica->queued.bytes;
        if (replica->reserve_running)
            reserved(replica);
        kd_replica_place_waiting(replica);
    } else if (replica->reserve_running || replica->reserve_asked) {
        kd_replica_forget_reserve(replica);
    }
    kd_writes_free(&replica->writing);
    if (replica->queued.first || replica->reserve_asked)
        kd_replica_get_ready(replica);
    if (replica->status == KD_RELOADING)
        kd_replica_reload(replica);
    if (replica->status == KD_LEAVING)
        kd_replica_leave_step(replica);
}

static void round_done(struct kn_job *job)
{
    struct kd_lane *lane = KB_CONTAINER(job, struct kd_lane, job);
    if (lane->synced)
        kd_lane_finish(lane);
    else if (!lane->disk->halted)
        kd_lane_sync_aside(lane);
}

void kd_lane_finish(struct kd_lane *lane)
{
    struct kd_disk *disk = lane->disk;
    struct kb_list *node;
    if (disk->halted)
        return;
    lane->busy = false;
    if (lane->sync_status < 0)
        kd_disk_fail(disk, lane->sync_status, "a sync failed");
    while ((node = kb_list_pop_front(&lane->round)))
        after_round(KB_CONTAINER(node, struct kd_replica, lane_link), lane->flushed);
    if (!kb_list_empty(&lane->ready))
        kn_task_soon(disk->loop, &lane->start);
    if (disk->appended_since_checkpoint >= disk->options.checkpoint_bytes)
        kd_disk_checkpoint_soon(disk);
    kd_disk_settle_soon(disk);
}

void kd_lane_init(struct kd_lane *lane, struct kd_disk *disk, bool flushed)
{
    *lane = (struct kd_lane){
        .disk = disk, .flushed = flushed, .job = {.run = run_round, .done = round_done}};
    kb_list_init(&lane->ready);
    kb_list_init(&lane->round);
    kn_task_init(&lane->start, start_round);
}

bool kd_replica_is_idle(const struct kd_replica *replica)
{
    return !replica->in_round && kb_list_empty(&replica->lane_link) && !replica->users;
}
