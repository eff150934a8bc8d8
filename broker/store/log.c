/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/log.h"
#include "base/mem.h"

struct kd_log *kd_log_new(struct kd_files *files, const char *dir, int64_t index_interval_bytes,
                          int64_t end_offset)
{
    struct kd_log *log = KB_NEW(struct kd_log);
    if (!log || !(log->dir = kb_strdup(dir))) {
        kb_free(log);
        return NULL;
    }
    log->files = files;
    atomic_init(&log->index_interval_bytes, index_interval_bytes);
    log->end_offset = end_offset;
    log->aborted_last = -1;
    kd_index_init(&log->index);
    pthread_mutex_init(&log->shape, NULL);
    pthread_mutex_init(&log->work, NULL);
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void kd_log_free(struct kd_log *log)
{
    if (!log)
        return;
    if (log->dirty)
        kd_segment_unpin(kd_log_active(log));
    for (size_t i = 0; i < log->count; i++) {
        kd_segment_close(log->segments[i]);
        kd_segment_unref(log->segments[i]);
    }
    kd_index_deinit(&log->index);
    pthread_mutex_destroy(&log->shape);
    pthread_mutex_destroy(&log->work);
    pthread_mutex_destroy(&log->lock);
    kb_free(log->segments);
    kb_free(log->dir);
    kb_free(log);
}

struct kd_segment *kd_log_active(struct kd_log *log)
{
    return log->count ? log->segments[log->count - 1] : NULL;
}

bool kd_log_push_segment(struct kd_log *log, struct kd_segment *segment)
{
    if (log->count == log->capacity) {
        size_t capacity = log->capacity ? 2 * log->capacity : 2;
        void *grown = kb_realloc(log->segments, capacity * sizeof *log->segments);
        if (!grown) {
            kd_segment_unref(segment);
            return false;
        }
        log->segments = grown;
        log->capacity = capacity;
    }
    log->segments[log->count++] = segment;
    return true;
}

int64_t kd_log_size_bytes(struct kd_log *log)
{
    int64_t size = 0;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->count; i++)
        size += atomic_load(&log->segments[i]->size);
    pthread_mutex_unlock(&log->lock);
    return size;
}

void kd_log_each_sealed(struct kd_log *log, kd_log_each_sealed_fn *each, void *ctx)
{
    bool more = true;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; more && i + 1 < log->count; i++) {
        const struct kd_segment *segment = log->segments[i];
        bool dated = segment->first_ms >= 0;
        struct kd_segment_facts facts = {segment->base_offset, log->segments[i + 1]->base_offset,
                                         atomic_load(&segment->size), segment->latest_ms,
                                         dated ? segment->first_ms : segment->latest_ms};
        more = each(ctx, &facts);
    }
    pthread_mutex_unlock(&log->lock);
}
