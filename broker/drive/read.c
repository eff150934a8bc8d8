/* SPDX-License-Identifier: Apache-2.0 */
/* Reads: memory first, the page cache next, a disk thread last. */
#include "broker/drive/internal.h"
#include "base/mem.h"
#include <errno.h>
#include <inttypes.h>

void kd_extent_release(struct kd_extent *extent)
{
    for (size_t i = 0; i < extent->piece_count; i++)
        kb_buf_unref(extent->pieces[i].owner);
    kb_free(extent->pieces);
    if (extent->segment) {
        kd_segment_unpin(extent->segment);
        kd_segment_unref(extent->segment);
    }
    *extent = (struct kd_extent){0};
}

static int code_of(int status)
{
    if (status >= 0)
        return KB_OK;
    if (status == -ESTALE) /* deleted while it was asked for */
        return KB_E_OFFSET_OUT_OF_RANGE;
    return status == -ENOMEM || status == -ENOBUFS ? KB_E_NO_MEMORY : KB_E_KAFKA_STORAGE_ERROR;
}

/* Most logs have nothing to tell. */
static bool wants_aborted(const struct kd_read *read)
{
    return read->aborted_max && kd_log_has_aborted(read->replica->log, read->offset);
}

static int locate(struct kd_read *read, bool nowait)
{
    struct kd_locate ask = {.offset = read->offset,
                            .bound = read->bound,
                            .max_bytes = read->max_bytes,
                            .whole_first = read->whole_first,
                            .nowait = nowait,
                            .aborted_max = wants_aborted(read) ? read->aborted_max : 0};
    struct kd_located found;
    int status = kd_log_locate(read->replica->log, &ask, &found);
    if (status == -EAGAIN)
        return status;
    read->code = code_of(status);
    if (status >= 0) {
        read->extent = (struct kd_extent){
            .segment = found.segment, .position = found.position, .size_bytes = found.size_bytes};
        read->aborted = found.aborted;
    }
    return status;
}

/* Once: whoever reads there will try again and again. */
static void note_failure(const struct kd_read *read)
{
    struct kd_replica *replica = read->replica;
    if (read->code != KB_E_KAFKA_STORAGE_ERROR || replica->read_failed)
        return;
    replica->read_failed = true;
    KB_LOG(replica->disk->log, KB_LOG_ERROR, "disk", "%s: cannot be read at offset %" PRId64,
           replica->name, read->offset);
}

static void run_read(struct kn_job *job)
{
    struct kd_read *read = KB_CONTAINER(job, struct kd_read, job);
    (void)locate(read, false);
}

static void release_user(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    if (disk->halted)
        return;
    kd_replica_release(replica);
    kd_disk_settle_soon(disk);
}

static void read_done(struct kn_job *job)
{
    struct kd_read *read = KB_CONTAINER(job, struct kd_read, job);
    struct kd_replica *replica = read->replica;
    if (replica->disk->halted) {
        kd_extent_release(&read->extent);
        kd_aborted_list_deinit(&read->aborted);
        read->code = KB_E_CLOSED;
    }
    note_failure(read);
    read->done(read);
    release_user(replica);
}

static bool from_tail(struct kd_read *read)
{
    struct kd_tail_read ask = {read->offset, read->bound, read->max_bytes, read->whole_first};
    struct kd_extent *extent = &read->extent;
    return kd_tail_find(&read->replica->tail, &ask, &extent->pieces, &extent->piece_count,
                        &extent->size_bytes);
}

bool kd_replica_read(struct kd_replica *replica, struct kd_read *read)
{
    const struct kd_partition *p = &replica->state;
    read->replica = replica;
    read->code = KB_OK;
    read->extent = (struct kd_extent){0};
    read->aborted = (struct kd_aborted_list){0};
    if (replica->status != KD_ONLINE || replica->disk->failed) {
        read->code = KB_E_KAFKA_STORAGE_ERROR;
        return true;
    }
    if (read->offset < p->log_start || read->offset > p->log_end) {
        read->code = KB_E_OFFSET_OUT_OF_RANGE;
        return true;
    }
    if (read->offset >= read->bound || (!wants_aborted(read) && from_tail(read)))
        return true;
    if (locate(read, true) != -EAGAIN) {
        note_failure(read);
        return true;
    }
    read->job = (struct kn_job){.run = run_read, .done = read_done};
    replica->users++;
    kd_disk_submit(replica->disk, NULL, &read->job);
    return false;
}

/* ---- By time ------------------------------------------------------------ */

static void run_lookup(struct kn_job *job)
{
    struct kd_lookup *lookup = KB_CONTAINER(job, struct kd_lookup, job);
    struct kd_find ask = {lookup->timestamp_ms, lookup->from, lookup->bound};
    struct kd_found found;
    lookup->code = code_of(kd_log_find_time(lookup->replica->log, &ask, &found));
    lookup->offset = found.offset;
    lookup->found_ms = found.timestamp_ms;
    lookup->leader_epoch = found.leader_epoch;
}

static void lookup_done(struct kn_job *job)
{
    struct kd_lookup *lookup = KB_CONTAINER(job, struct kd_lookup, job);
    struct kd_replica *replica = lookup->replica;
    if (replica->disk->halted)
        lookup->code = KB_E_CLOSED;
    lookup->done(lookup);
    release_user(replica);
}

/* A log that cannot be asked answers from a job that finds nothing. */
static void run_refusal(struct kn_job *job)
{
    (void)job;
}

void kd_replica_lookup(struct kd_replica *replica, struct kd_lookup *lookup)
{
    bool online = replica->status == KD_ONLINE && !replica->disk->failed;
    lookup->replica = replica;
    lookup->code = online ? KB_OK : KB_E_KAFKA_STORAGE_ERROR;
    lookup->from = replica->state.log_start;
    lookup->offset = lookup->found_ms = -1;
    lookup->leader_epoch = -1;
    lookup->job = (struct kn_job){.run = online ? run_lookup : run_refusal, .done = lookup_done};
    replica->users++;
    kd_disk_submit(replica->disk, NULL, &lookup->job);
}
