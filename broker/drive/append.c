/* SPDX-License-Identifier: Apache-2.0 */
/* From a batch to an answer: it is placed here, written by a round. */
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

/* It is not placed, and what its producer sent behind it is not to be either. */
static void refuse(struct kd_replica *replica, struct kd_append *append, int code)
{
    struct kd_disk *disk = replica->disk;
    kd_producers_expect(&replica->state.producers, &append->header, kd_disk_now(disk).wall_ms);
    kd_disk_finish(disk, append, code);
}

void kd_replica_refuse_waiting(struct kd_replica *replica)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&replica->waiting)))
        refuse(replica, KB_CONTAINER(node, struct kd_append, link), KB_E_KAFKA_STORAGE_ERROR);
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
    kd_replica_refuse_waiting(replica);
    kd_replica_drop_appends(replica, KB_E_KAFKA_STORAGE_ERROR);
    kd_tail_clear(&disk->tails, &replica->tail);
    if (disk->options.events.offline)
        disk->options.events.offline(disk->options.ctx, replica, &err);
}

/* ---- Placing ------------------------------------------------------------ */

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

static int give_place(struct kd_replica *replica, struct kd_append *append,
                      struct kd_log_batch *batch)
{
    struct kd_partition *p = &replica->state;
    uint8_t *bytes = (uint8_t *)(uintptr_t)append->batch.data;
    const struct kd_txn_terms *txn = &append->txn;
    int64_t interval = replica->config.index_interval_bytes,
            now_ms = kd_disk_now(replica->disk).wall_ms;
    if (!txn->ends)
        return kd_partition_place(p, bytes, &append->header, interval, now_ms);
    int code = kd_partition_place_end(p, bytes, &append->header, &txn->end, interval, now_ms,
                                      &batch->aborted);
    batch->aborts = !code && !txn->end.commit && batch->aborted.first_offset >= 0;
    return code;
}

/* The write is queued first, since taking back an offset is not possible. */
static int place(struct kd_replica *replica, struct kd_append *append)
{
    struct kd_disk *disk = replica->disk;
    struct kd_log_batch **last = replica->queued.last;
    struct kd_write *write = queue_write(replica, append);
    if (!write)
        return KB_E_NO_MEMORY;
    int code = give_place(replica, append, &write->batch);
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
    kd_replica_get_ready(replica);
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
static bool ask_room(struct kd_replica *replica, int64_t bytes, bool roll)
{
    struct kd_reserve *reserve = &replica->reserve;
    size_t size;
    *reserve = (struct kd_reserve){.bytes = bytes, .roll = roll};
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
    kd_replica_get_ready(replica);
    return true;
}

void kd_replica_forget_reserve(struct kd_replica *replica)
{
    kb_free((void *)(uintptr_t)replica->reserve.snapshot.data);
    kb_free((void *)(uintptr_t)replica->reserve.epochs_file.data);
    replica->reserve = (struct kd_reserve){0};
    replica->reserve_asked = replica->reserve_running = false;
}

void kd_replica_roll(struct kd_replica *replica)
{
    if (replica->reserve_asked || !replica->state.active.bytes)
        return;
    if (!ask_room(replica, 0, true))
        kd_replica_forget_reserve(replica);
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
    if (!code)
        code = kd_partition_check_txn(p, &append->header, &append->txn);
    if (!code) {
        bool roll =
            kd_partition_roll_due(p, &limits, &append->header, kd_disk_now(replica->disk).wall_ms);
        if (roll || replica->room < (int64_t)append->batch.size) {
            if (ask_room(replica, (int64_t)append->batch.size, roll))
                return false;
            kd_replica_forget_reserve(replica);
            code = KB_E_NO_MEMORY;
        } else {
            code = place(replica, append);
        }
    }
    if (code == KB_E_NO_MEMORY)
        refuse(replica, append, code);
    else if (code)
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
        refuse(replica, append, KB_E_KAFKA_STORAGE_ERROR);
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
