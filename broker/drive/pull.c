/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/drive/pull.h"
#include "base/mem.h"
#include "broker/store/segment.h"

static void finish(struct kn_task *task)
{
    struct kd_pull *pull = KB_CONTAINER(task, struct kd_pull, task);
    kd_extent_release(&pull->read.extent);
    if (pull->code) {
        kb_buf_unref(pull->buf);
        pull->buf = NULL;
    }
    pull->done(pull);
}

static void copy_pieces(struct kd_pull *pull)
{
    const struct kd_extent *extent = &pull->read.extent;
    for (size_t i = 0; i < extent->piece_count; i++) {
        struct kb_slice bytes = extent->pieces[i].bytes;
        memcpy(pull->buf->data + pull->buf->size, bytes.data, bytes.size);
        pull->buf->size += bytes.size;
    }
}

static void run_file(struct kn_job *job)
{
    struct kd_pull *pull = KB_CONTAINER(job, struct kd_pull, job);
    const struct kd_extent *extent = &pull->read.extent;
    while (pull->buf->size < extent->size_bytes) {
        int64_t got = kd_segment_read(extent->segment, pull->buf->data + pull->buf->size,
                                      extent->size_bytes - pull->buf->size,
                                      extent->position + (int64_t)pull->buf->size, false);
        if (got <= 0) {
            pull->code = KB_E_KAFKA_STORAGE_ERROR;
            return;
        }
        pull->buf->size += (size_t)got;
    }
}

static void file_done(struct kn_job *job)
{
    struct kd_pull *pull = KB_CONTAINER(job, struct kd_pull, job);
    finish(&pull->task);
}

static void on_located(struct kd_read *read)
{
    struct kd_pull *pull = read->owner;
    pull->code = read->code;
    if (!read->code && read->extent.size_bytes) {
        pull->buf = kb_buf_new(read->extent.size_bytes);
        pull->code = pull->buf ? KB_OK : KB_E_NO_MEMORY;
    }
    if (pull->code || !pull->buf || !read->extent.segment) {
        if (!pull->code && pull->buf)
            copy_pieces(pull);
        kn_task_soon(pull->loop, &pull->task);
        return;
    }
    pull->job = (struct kn_job){.run = run_file, .done = file_done};
    kn_exec_submit(pull->exec, pull->loop, NULL, &pull->job);
}

void kd_pull_start(struct kd_pull *pull, struct kd_replica *replica, struct kn_loop *loop,
                   struct kn_exec *exec, int64_t offset, int64_t bound, size_t max_bytes)
{
    pull->replica = replica;
    pull->loop = loop;
    pull->exec = exec;
    pull->code = KB_OK;
    pull->buf = NULL;
    pull->read = (struct kd_read){.offset = offset,
                                  .bound = bound,
                                  .max_bytes = max_bytes,
                                  .whole_first = true,
                                  .done = on_located,
                                  .owner = pull};
    kn_task_init(&pull->task, finish);
    if (kd_replica_read(replica, &pull->read))
        on_located(&pull->read);
}
