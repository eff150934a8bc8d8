/* SPDX-License-Identifier: Apache-2.0 */
/* From a batch to an answer: placing, rounds, group commit. */
#include "broker/drive/internal.h"
#include "base/mem.h"
#include "broker/store/recover.h"
#include <errno.h>
#include <inttypes.h>

/* ---- Answers ------------------------------------------------------------ */

void kd_writes_free(struct kd_writes *writes)
{
    while (writes->first) {
        struct kd_write *write = KB_CONTAINER(writes->first, struct kd_write, batch);
        writes->first = write->batch.next;
        kb_buf_unref(write->frame);
        kb_free(write);
    }
    *writes = (struct kd_writes){.last = &writes->first};
}

static bool is_satisfied(const struct kd_replica *replica, const struct kd_append *append)
{
    const struct kd_partition *p = &replica->state;
    return append->needs_end <=
           (append->wait == KD_WAIT_COMMITTED ? p->high_watermark : p->written_end);
}

/* They stand in the order of the end they need. */
void kd_replica_commit(struct kd_replica *replica)
{
    KB_LIST_EACH_SAFE(it, &replica->committing) {
        struct kd_append *append = KB_CONTAINER(it, struct kd_append, link);
        if (append->needs_end > replica->state.written_end)
            break;
        if (is_satisfied(replica, append))
            kd_disk_finish(replica->disk, append, KB_OK);
    }
}

void kd_replica_advanced(struct kd_replica *replica, bool moved)
{
    struct kd_disk *disk = replica->disk;
    kd_replica_commit(replica);
    if (moved && disk->options.events.advanced)
        disk->options.events.advanced(disk->options.ctx, replica);
}

static void wait_for_commit(struct kd_replica *replica, struct kd_append *append)
{
    struct kb_list *before = &replica->committing;
    while (before->prev != &replica->committing &&
           KB_CONTAINER(before->prev, struct kd_append, link)->needs_end > append->needs_end)
        before = before->prev;
    kb_list_remove(&append->link);
    kb_list_insert(before, &append->link);
    if (is_satisfied(replica, append))
        kd_disk_finish(replica->disk, append, KB_OK);
}

void kd_replica_drop_appends(struct kd_replica *replica, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&replica->waiting)))
        kd_disk_finish(replica->disk, KB_CONTAINER(node, struct kd_append, link), code);
    while ((node = kb_list_pop_front(&replica->committing)))
        kd_disk_finish(replica->disk, KB_CONTAINER(node, struct kd_append, link), code);
    kd_writes_free(&replica->queued);
}

/* What was placed and not written is gone; the log is loaded again, so that
 * offsets and producers are those of the file. */
void kd_replica_fail(struct kd_replica *replica, int status, const char *what)
{
    struct kd_disk *disk = replica->disk;
    struct kb_error err;
    if (replica->status != KD_ONLINE)
        return;
    replica->status = replica->log->broken ? KD_OFFLINE : KD_RELOADING;
    kb_error_errno(&err, KB_E_KAFKA_STORAGE_ERROR, -status, "%s: %s fails", replica->name, what);
    KB_LOG(disk->log, KB_LOG_ERROR, "disk", "%s", err.text);
    kd_replica_drop_appends(replica, KB_E_KAFKA_STORAGE_ERROR);
    kd_tail_clear(&disk->tails, &replica->tail);
    if (disk->options.events.offline)
        disk->options.events.offline(disk->options.ctx, replica, &err);
}

/* ---- Placing ------------------------------------------------------------ */

static void get_ready(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    if (replica->in_round || !kb_list_empty(&replica->lane_link))
        return;
    replica->lane = &disk->lanes[replica->state.relaxed];
    kb_list_push_back(&replica->lane->ready, &replica->lane_link);
    kn_task_soon(disk->loop, &replica->lane->start);
}

static struct kd_write *queue_write(struct kd_replica *replica, const struct kd_append *append)
{
    struct kd_write *write = KB_NEW(struct kd_write);
    if (!write)
        return NULL;
    write->frame = kb_buf_ref(append->frame);
    write->batch = (struct kd_log_batch){.bytes = append->batch};
    *replica->queued.last = &write->batch;
    replica->queued.last = &write->batch.next;
    replica->queued.bytes += (int64_t)append->batch.size;
    replica->queued.count++;
    return write;
}

/* The one that was queued last, behind `last`. */
static void unqueue_write(struct kd_replica *replica, struct kd_write *write,
                          struct kd_log_batch **last)
{
    replica->queued.last = last;
    *last = NULL;
    replica->queued.bytes -= (int64_t)write->batch.bytes.size;
    replica->queued.count--;
    kb_buf_unref(write->frame);
    kb_free(write);
}

/* The write is queued first, since taking back an offset is not possible. */
static int place(struct kd_replica *replica, struct kd_append *append)
{
    struct kd_disk *disk = replica->disk;
    struct kd_log_batch **last = replica->queued.last;
    struct kd_write *write = queue_write(replica, append);
    if (!write)
        return KB_E_NO_MEMORY;
    int code = kd_partition_place(&replica->state, (uint8_t *)(uintptr_t)append->batch.data,
                                  &append->header, kd_disk_now(disk).wall_ms);
    if (code) {
        unqueue_write(replica, write, last);
        return code;
    }
    write->batch.last_offset = kw_batch_header_last_offset(&append->header);
    write->batch.max_timestamp_ms = append->header.max_timestamp_ms;
    replica->room -= (int64_t)append->batch.size;
    append->placed = true;
    append->base_offset = append->header.base_offset;
    append->needs_end = write->batch.last_offset + 1;
    kd_tail_add(&disk->tails, &replica->tail, append->batch, append->base_offset,
                write->batch.last_offset);
    disk->stats.appends++;
    disk->stats.appended_bytes += append->batch.size;
    disk->appended_since_checkpoint += (int64_t)append->batch.size;
    get_ready(replica);
    return KB_OK;
}

static void placed(struct kd_replica *replica, struct kd_append *append)
{
    kd_append_let_go(append); /* the write holds it from here */
    if (append->wait == KD_WAIT_PLACED)
        kd_disk_finish(replica->disk, append, KB_OK);
    else
        wait_for_commit(replica, append);
}

/* Asks the disk for room, and for a new segment where one is due. */
static bool ask_room(struct kd_replica *replica, const struct kd_append *append, bool roll)
{
    struct kd_reserve *reserve = &replica->reserve;
    size_t size;
    *reserve = (struct kd_reserve){.bytes = (int64_t)append->batch.size, .roll = roll};
    if (roll) {
        uint8_t *snapshot = kd_producers_encode(&replica->state.producers, &size);
        if (!snapshot)
            return false;
        reserve->snapshot = kb_slice_of(snapshot, size);
    }
    if (!replica->has_files && replica->state.epochs.count) {
        char *epochs = kd_epochs_format(&replica->state.epochs, &size);
        if (!epochs)
            return false;
        reserve->epochs_file = kb_slice_of(epochs, size);
    }
    size = kd_partition_file_format(replica->topic_id, replica->partition_file);
    reserve->partition_file = kb_slice_of(replica->partition_file, size);
    replica->reserve_asked = true;
    get_ready(replica);
    return true;
}

static void forget_reserve(struct kd_replica *replica)
{
    kb_free((void *)(uintptr_t)replica->reserve.snapshot.data);
    kb_free((void *)(uintptr_t)replica->reserve.epochs_file.data);
    replica->reserve = (struct kd_reserve){0};
    replica->reserve_asked = replica->reserve_running = false;
}

/* False: it has to wait for room. */
static bool place_or_refuse(struct kd_replica *replica, struct kd_append *append)
{
    struct kd_partition *p = &replica->state;
    const struct kd_log_config *config = &replica->config;
    struct kd_roll_limits limits = {config->segment_bytes, config->segment_ms, config->index_bytes,
                                    config->index_interval_bytes};
    int64_t repeated;
    int code = kd_partition_check(p, &append->header, &repeated);
    if (code == KB_E_DUPLICATE_SEQUENCE_NUMBER) {
        append->duplicate = true;
        append->base_offset = repeated;
        append->needs_end = repeated + append->header.last_offset_delta + 1;
        placed(replica, append);
        return true;
    }
    if (!code) {
        bool roll =
            kd_partition_roll_due(p, &limits, &append->header, kd_disk_now(replica->disk).wall_ms);
        if (roll || replica->room < (int64_t)append->batch.size) {
            if (ask_room(replica, append, roll))
                return false;
            forget_reserve(replica);
            code = KB_E_NO_MEMORY;
        } else {
            code = place(replica, append);
        }
    }
    if (code)
        kd_disk_finish(replica->disk, append, code);
    else
        placed(replica, append);
    return true;
}

void kd_replica_place_waiting(struct kd_replica *replica)
{
    while (!replica->reserve_asked && replica->status == KD_ONLINE &&
           !kb_list_empty(&replica->waiting))
        if (!place_or_refuse(replica, KB_CONTAINER(replica->waiting.next, struct kd_append, link)))
            return;
}

void kd_replica_append(struct kd_replica *replica, struct kd_append *append)
{
    struct kd_disk *disk = replica->disk;
    kb_list_init(&append->link);
    kb_buf_ref(append->frame);
    append->code = KB_OK;
    append->duplicate = append->placed = false;
    append->base_offset = -1;
    if (disk->halted) {
        kd_append_let_go(append);
        append->code = KB_E_CLOSED;
        append->done(append);
    } else if (disk->failed || replica->status == KD_OFFLINE || replica->status == KD_RELOADING) {
        kd_disk_finish(disk, append, KB_E_KAFKA_STORAGE_ERROR);
    } else if (disk->status != KD_DISK_OPEN || replica->status != KD_ONLINE) {
        kd_disk_finish(disk, append, KB_E_NOT_LEADER_OR_FOLLOWER);
    } else {
        kb_list_push_back(&replica->waiting, &append->link);
        kd_replica_place_waiting(replica);
    }
}

void kd_replica_abandon(struct kd_replica *replica, struct kd_append *append)
{
    (void)replica;
    kb_list_remove(&append->link);
    kd_append_let_go(append);
}

/* ---- A round, on a disk thread ------------------------------------------ */

static void write_one(struct kd_replica *replica)
{
    struct kd_log *log = replica->log;
    replica->write_status = replica->reserve_status = 0;
    if (replica->writing.first)
        replica->write_status = kd_log_write(log, replica->writing.first);
    if (replica->reserve_running && replica->write_status >= 0)
        replica->reserve_status = kd_log_reserve(log, &replica->reserve);
    replica->round_room = kd_log_room(log);
    replica->round_size = kd_log_size_bytes(log);
    replica->sync_failed = log->sync_failed;
    replica->round_end = log->end_offset;
}

/* One or two files are synced by themselves; more in one go, where the file
 * system is known to do that well. */
static int sync_round(struct kd_lane *lane)
{
    int status = 0;
    size_t dirty = 0;
    KB_LIST_EACH(it, &lane->round) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, lane_link);
        dirty += kd_log_take_dirty(replica->log, &replica->dirty, &replica->round_end);
    }
    bool together = dirty > KD_SYNC_ALONE_MAX && kd_disk_has_syncfs(lane->disk);
    if (together)
        status = kd_disk_syncfs(lane->disk);
    KB_LIST_EACH(it, &lane->round) {
        struct kd_replica *replica = KB_CONTAINER(it, struct kd_replica, lane_link);
        if (replica->dirty && !together && status >= 0)
            status = kd_segment_datasync(replica->dirty);
        if (replica->dirty)
            kd_log_synced(replica->dirty);
        replica->dirty = NULL;
    }
    return status;
}

static void run_round(struct kn_job *job)
{
    struct kd_lane *lane = KB_CONTAINER(job, struct kd_lane, job);
    KB_LIST_EACH(it, &lane->round)
        write_one(KB_CONTAINER(it, struct kd_replica, lane_link));
    lane->sync_status = lane->flushed ? sync_round(lane) : 0;
}

/* ---- Before and after, on the loop -------------------------------------- */

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
static void refuse_waiting(struct kd_replica *replica, int status)
{
    struct kd_disk *disk = replica->disk;
    struct kb_list *node;
    KB_LOG(disk->log, KB_LOG_WARN, "disk", "%s: no room for an append: %s", replica->name,
           strerror(-status));
    while ((node = kb_list_pop_front(&replica->waiting)))
        kd_disk_finish(disk, KB_CONTAINER(node, struct kd_append, link), KB_E_KAFKA_STORAGE_ERROR);
}

static void reserved(struct kd_replica *replica)
{
    int64_t now_ms = kd_disk_now(replica->disk).wall_ms;
    bool roll = replica->reserve.roll;
    forget_reserve(replica);
    if (replica->reserve_status < 0) {
        refuse_waiting(replica, replica->reserve_status);
        return;
    }
    if (roll)
        kd_disk_checkpoint_soon(replica->disk);
    if (roll || !replica->has_files)
        kd_partition_rolled(&replica->state, now_ms);
    replica->has_files = true;
}

static void after_round(struct kd_replica *replica, bool flushed)
{
    struct kd_disk *disk = replica->disk;
    replica->in_round = false;
    replica->size_bytes = replica->round_size;
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
        forget_reserve(replica);
    }
    kd_writes_free(&replica->writing);
    if (replica->queued.first || replica->reserve_asked)
        get_ready(replica);
    if (replica->status == KD_RELOADING)
        kd_replica_reload(replica);
    if (replica->status == KD_LEAVING)
        kd_replica_leave_step(replica);
}

static void round_done(struct kn_job *job)
{
    struct kd_lane *lane = KB_CONTAINER(job, struct kd_lane, job);
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
