/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of logs: who is in it, and how answers leave. */
#include "broker/drive/internal.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>

enum { TAIL_BYTES = 8 * 1024 * 1024, OPEN_FILES = 512, CHECKPOINT_MS = 60 * 1000 };
static const int64_t checkpoint_bytes = INT64_C(1) << 30;

static void settle(struct kn_task *task);

struct kd_disk *kd_disk_new(const struct kd_disk_options *options)
{
    struct kd_disk *disk = KB_NEW(struct kd_disk);
    if (!disk)
        return NULL;
    disk->opening = kd_opening_new();
    disk->closing = kd_closing_new();
    if (!disk->opening || !disk->closing) {
        kb_free(disk->opening);
        kb_free(disk->closing);
        kb_free(disk);
        return NULL;
    }
    disk->options = *options;
    disk->fs = options->fs;
    disk->exec = options->exec;
    disk->loop = options->loop;
    disk->log = options->log;
    if (options->cluster_id) {
        snprintf(disk->expected_cluster, sizeof disk->expected_cluster, "%s", options->cluster_id);
        disk->options.cluster_id = disk->expected_cluster;
    }
    if (!disk->options.checkpoint_ms)
        disk->options.checkpoint_ms = CHECKPOINT_MS;
    if (!disk->options.checkpoint_bytes)
        disk->options.checkpoint_bytes = checkpoint_bytes;
    kb_random_seed(&disk->random, options->seed);
    kd_files_init(&disk->files, disk->fs, options->open_files ? options->open_files : OPEN_FILES);
    kd_tails_init(&disk->tails, options->tail_bytes ? options->tail_bytes : TAIL_BYTES);
    kb_map_init(&disk->by_id, kb_random_next(&disk->random));
    kb_map_init(&disk->by_name, kb_random_next(&disk->random));
    kb_list_init(&disk->replicas);
    kb_list_init(&disk->finished);
    kb_list_init(&disk->operated);
    kb_list_init(&disk->to_sync);
    kn_lane_init(&disk->serial);
    kn_task_init(&disk->settle, settle);
    kd_lane_init(&disk->lanes[0], disk, true);
    kd_lane_init(&disk->lanes[1], disk, false);
    kd_disk_checkpoint_init(disk);
    kd_disk_epochs_init(disk);
    kd_disk_starts_init(disk);
    kd_disk_retention_init(disk);
    kd_cleaner_init(disk);
    return disk;
}

void kd_disk_free(struct kd_disk *disk)
{
    if (!disk)
        return;
    KB_LIST_EACH_SAFE(it, &disk->replicas)
        kd_replica_free(KB_CONTAINER(it, struct kd_replica, link));
    kb_map_deinit(&disk->by_id);
    kb_map_deinit(&disk->by_name);
    kd_dir_close(&disk->dir);
    kd_files_deinit(&disk->files);
    kb_free(disk->opening);
    kb_free(disk->closing);
    kb_free(disk);
}

struct kb_time kd_disk_now(const struct kd_disk *disk)
{
    return kn_loop_now(disk->loop);
}

void kd_disk_submit(struct kd_disk *disk, struct kn_lane *lane, struct kn_job *job)
{
    if (lane == &disk->serial)
        kd_disk_save_epochs(disk);
    kn_exec_submit(disk->exec, disk->loop, lane, job);
}

/* A failure sticks: the kernel tells of it once, and would call the next well. */
int kd_disk_syncfs(struct kd_disk *disk)
{
    int status = atomic_load(&disk->files.syncfs_failed);
    if (status < 0)
        return status;
    status = disk->fs->ops->syncfs(disk->fs);
    atomic_store(&disk->syncfs_known, status == -ENOSYS ? -1 : 1);
    if (status < 0 && status != -ENOSYS)
        atomic_store(&disk->files.syncfs_failed, status);
    return status;
}

/* Asking is doing: the first time costs a sync. */
bool kd_disk_has_syncfs(struct kd_disk *disk)
{
    if (!atomic_load(&disk->syncfs_known))
        (void)kd_disk_syncfs(disk);
    return atomic_load(&disk->syncfs_known) > 0;
}

const char *kd_disk_cluster_id(const struct kd_disk *disk)
{
    return disk->dir.cluster_id;
}

bool kd_disk_was_clean(const struct kd_disk *disk)
{
    return disk->dir.clean;
}

bool kd_disk_has_failed(const struct kd_disk *disk)
{
    return disk->failed;
}

int kd_disk_last_errno(const struct kd_disk *disk)
{
    return disk->last_errno;
}

void kd_disk_stats(const struct kd_disk *disk, struct kd_disk_stats *out)
{
    *out = disk->stats;
}

/* ---- Answers ------------------------------------------------------------ */

void kd_disk_settle_soon(struct kd_disk *disk)
{
    if (!disk->halted)
        kn_task_soon(disk->loop, &disk->settle);
}

void kd_append_let_go(struct kd_append *append)
{
    kb_buf_unref(append->frame);
    append->frame = NULL;
}

void kd_disk_finish(struct kd_disk *disk, struct kd_append *append, int code)
{
    kd_append_let_go(append);
    append->code = code;
    kb_list_remove(&append->link);
    kb_list_push_back(&disk->finished, &append->link);
    kd_disk_settle_soon(disk);
}

void kd_disk_finish_op(struct kd_disk *disk, struct kd_op *op, int code)
{
    if (!op)
        return;
    op->code = code;
    kb_list_push_back(&disk->operated, &op->link);
    kd_disk_settle_soon(disk);
}

static void answer_all(struct kd_disk *disk)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&disk->finished))) {
        struct kd_append *append = KB_CONTAINER(node, struct kd_append, link);
        append->done(append);
    }
    while ((node = kb_list_pop_front(&disk->operated))) {
        struct kd_op *op = KB_CONTAINER(node, struct kd_op, link);
        op->done(op, op->code);
    }
}

/* Answers leave from a task of their own: whoever hears one may call anything. */
static void settle(struct kn_task *task)
{
    struct kd_disk *disk = KB_CONTAINER(task, struct kd_disk, settle);
    answer_all(disk);
    kd_disk_close_step(disk);
}

void kd_disk_halt(struct kd_disk *disk)
{
    disk->halted = true;
    kn_timer_cancel(disk->loop, &disk->checkpoint_timer);
    kn_timer_cancel(disk->loop, &disk->flush_timer);
    kn_timer_cancel(disk->loop, &disk->reload_timer);
    kd_disk_stop_retention(disk);
    kd_cleaner_stop(disk);
    KB_LIST_EACH(it, &disk->replicas)
        kd_replica_drop_appends(KB_CONTAINER(it, struct kd_replica, link), KB_E_CLOSED);
    kd_disk_halt_starts(disk);
    kd_disk_halt_epochs(disk);
    answer_all(disk);
    kn_task_cancel(&disk->settle);
    kn_task_cancel(&disk->lanes[0].start);
    kn_task_cancel(&disk->lanes[1].start);
    kd_disk_free_syncers(disk);
}

/* ---- Replicas ----------------------------------------------------------- */

struct kd_replica *kd_replica_new(struct kd_disk *disk, const char *topic, int32_t partition)
{
    struct kd_replica *replica = KB_NEW(struct kd_replica);
    if (!replica)
        return NULL;
    replica->disk = disk;
    replica->partition = partition;
    snprintf(replica->topic, sizeof replica->topic, "%s", topic);
    kd_dir_name(replica->name, topic, partition);
    kd_partition_init(&replica->state, kb_random_next(&disk->random));
    kd_tail_init(&replica->tail);
    kb_list_init(&replica->waiting);
    kb_list_init(&replica->committing);
    kb_list_init(&replica->lane_link);
    kb_list_init(&replica->sync_link);
    replica->queued.last = &replica->queued.first;
    replica->writing.last = &replica->writing.first;
    replica->lane = &disk->lanes[0];
    replica->next_start = -1;
    if (!kb_map_put(&disk->by_name, &replica->by_name, kb_slice_str(replica->name))) {
        kd_partition_deinit(&replica->state);
        kb_free(replica);
        return NULL;
    }
    kb_list_push_back(&disk->replicas, &replica->link);
    return replica;
}

static void make_key(uint8_t key[20], struct kb_uuid topic_id, int32_t partition)
{
    memcpy(key, &topic_id, sizeof topic_id);
    memcpy(key + sizeof topic_id, &partition, sizeof partition);
}

bool kd_replica_register_id(struct kd_replica *replica, struct kb_uuid topic_id)
{
    struct kb_map *by_id = &replica->disk->by_id;
    replica->topic_id = topic_id;
    make_key(replica->id_key, topic_id, replica->partition);
    struct kb_slice key = kb_slice_of(replica->id_key, sizeof replica->id_key);
    return !kb_uuid_is_zero(topic_id) && !kb_map_get(by_id, key) &&
           kb_map_put(by_id, &replica->by_id, key);
}

void kd_replica_free(struct kd_replica *replica)
{
    struct kd_disk *disk = replica->disk;
    struct kb_slice key = kb_slice_of(replica->id_key, sizeof replica->id_key);
    if (kb_map_get(&disk->by_id, key) == &replica->by_id)
        kb_map_remove(&disk->by_id, &replica->by_id);
    kb_map_remove(&disk->by_name, &replica->by_name);
    kd_disk_pass_over(replica);
    kd_cleaner_pass_over(replica);
    kb_list_remove(&replica->link);
    kb_list_remove(&replica->lane_link);
    kb_list_remove(&replica->sync_link);
    kd_writes_free(&replica->queued);
    kd_writes_free(&replica->writing);
    kb_free((void *)(uintptr_t)replica->reserve.snapshot.data);
    kb_free((void *)(uintptr_t)replica->reserve.epochs_file.data);
    if (replica->dirty)
        kd_log_synced(replica->log, replica->dirty, 0);
    kd_disk_forget_doomed(replica);
    kd_tail_clear(&disk->tails, &replica->tail);
    kd_partition_deinit(&replica->state);
    kd_log_free(replica->log);
    kb_free(replica);
}

struct kd_replica *kd_disk_add(struct kd_disk *disk, const char *topic, struct kb_uuid topic_id,
                               int32_t partition, const struct kd_log_config *config)
{
    KB_CHECK(!kd_disk_find_name(disk, topic, partition));
    struct kd_replica *replica = kd_replica_new(disk, topic, partition);
    if (!replica)
        return NULL;
    kd_replica_configure(replica, config);
    replica->log = kd_log_new(&disk->files, replica->name, config->index_interval_bytes, 0);
    if (!replica->log || !kd_replica_register_id(replica, topic_id)) {
        kd_replica_free(replica);
        return NULL;
    }
    kd_partition_found(&replica->state, 0, 0);
    replica->next_start = 0;
    return replica;
}

struct kd_replica *kd_disk_find(struct kd_disk *disk, struct kb_uuid topic_id, int32_t partition)
{
    uint8_t key[20];
    make_key(key, topic_id, partition);
    return KB_MAP_VALUE(kb_map_get(&disk->by_id, kb_slice_of(key, sizeof key)), struct kd_replica,
                        by_id);
}

struct kd_replica *kd_disk_find_name(struct kd_disk *disk, const char *topic, int32_t partition)
{
    char name[KD_PATH_MAX];
    kd_dir_name(name, topic, partition);
    return KB_MAP_VALUE(kb_map_get(&disk->by_name, kb_slice_str(name)), struct kd_replica, by_name);
}

void kd_disk_each(struct kd_disk *disk, void (*each)(void *ctx, struct kd_replica *replica),
                  void *ctx)
{
    KB_LIST_EACH(it, &disk->replicas)
        each(ctx, KB_CONTAINER(it, struct kd_replica, link));
}

/* A segment's share of chance, so that not all of them roll at once. */
int64_t kd_replica_draw_jitter(struct kd_replica *replica)
{
    const struct kd_log_config *config = &replica->config;
    int64_t most = KB_MIN(config->segment_jitter_ms, config->segment_ms);
    return most > 0 ? (int64_t)kb_random_below(&replica->disk->random, (uint64_t)most) : 0;
}

void kd_replica_configure(struct kd_replica *replica, const struct kd_log_config *config)
{
    bool jitters = config->segment_jitter_ms != replica->config.segment_jitter_ms;
    replica->config = *config;
    if (jitters)
        replica->state.active.jitter_ms = kd_replica_draw_jitter(replica);
    replica->state.relaxed = config->flush_messages > 1 || config->flush_ms >= 0;
    if (replica->log)
        replica->log->index_interval_bytes = config->index_interval_bytes;
    if (replica->unflushed) /* may be due earlier than it was */
        kd_disk_flush_later(replica);
}

struct kd_partition *kd_replica_state(struct kd_replica *replica)
{
    return &replica->state;
}

const char *kd_replica_topic(const struct kd_replica *replica)
{
    return replica->topic;
}

struct kb_uuid kd_replica_topic_id(const struct kd_replica *replica)
{
    return replica->topic_id;
}

int32_t kd_replica_partition(const struct kd_replica *replica)
{
    return replica->partition;
}

bool kd_replica_is_offline(const struct kd_replica *replica)
{
    return replica->status != KD_ONLINE || replica->disk->failed;
}

int64_t kd_replica_size_bytes(const struct kd_replica *replica)
{
    return replica->log ? kd_log_size_bytes(replica->log) : 0;
}

/* Whoever waits for it to be idle goes on. */
void kd_replica_release(struct kd_replica *replica)
{
    replica->users--;
    if (replica->status == KD_RELOADING)
        kd_replica_reload(replica);
    else if (replica->status == KD_LEAVING)
        kd_replica_leave_step(replica);
}

void kd_replica_set_owner(struct kd_replica *replica, void *owner)
{
    replica->owner = owner;
}

void *kd_replica_owner(const struct kd_replica *replica)
{
    return replica->owner;
}

/* ---- Failure ------------------------------------------------------------ */

/* After a failed sync nobody knows what is on the disk: no second try. */
void kd_disk_fail(struct kd_disk *disk, int status, const char *what)
{
    if (disk->failed)
        return;
    disk->failed = true;
    kb_error_errno(&disk->error, KB_E_DISK, -status,
                   "%s; the broker stops, and recovers at its next start", what);
    KB_LOG(disk->log, KB_LOG_ERROR, "disk", "%s", disk->error.text);
    KB_LIST_EACH(it, &disk->replicas)
        kd_replica_drop_appends(KB_CONTAINER(it, struct kd_replica, link),
                                KB_E_KAFKA_STORAGE_ERROR);
    if (disk->options.events.failed)
        disk->options.events.failed(disk->options.ctx, &disk->error);
}
