/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H
/*
 * A log directory in a simulated world: one loop, an executor whose jobs take
 * seeded times, and a disk in memory (or any other). What a test asks for is
 * waited for, in virtual time. Fails the test where that takes a minute.
 */
#include "tests/unit/unit.h"

#include "base/fs_mem.h"
#include "broker/drive/control.h"
#include "net/sim.h"

struct rig {
    struct kn_sim *sim;
    struct kn_env *env;
    struct kn_loop *loop;
    struct kn_exec *exec;
    struct kb_fs *fs;
    struct kd_disk *disk;
    struct kd_log_config config; /* of logs that rig_add makes */
    struct kd_disk_options options;
    struct kb_log log; /* counts lines, keeps the last */
    int warnings, errors;
    char line[512];
    bool opened, closed, failed;
    struct kb_error open_error;
    int advanced, offline;
    void (*on_opened)(struct rig *rig); /* the first moment that anybody can read */
    void (*on_advanced)(struct rig *rig, struct kd_replica *replica);
    void *ctx; /* the test's */
};

/* From here on its files are synced one by one, as where syncfs is not safe. */
void rig_without_syncfs(struct kb_fs *fs);
/* The fs stays the caller's. Nothing is open yet; options may be changed. */
void rig_init(struct rig *rig, struct kb_fs *fs, uint64_t seed);
void rig_open(struct rig *rig);    /* must succeed; logs that were there are configured */
int rig_try_open(struct rig *rig); /* the code that it ends with */
void rig_close(struct rig *rig);   /* a clean stop, and rig_kill */
void rig_kill(struct rig *rig);    /* everything goes but the fs */

bool rig_wait(struct rig *rig, bool (*cond)(void *ctx), void *ctx);
void rig_idle(struct rig *rig, int64_t ms); /* lets that much time pass */

struct kd_replica *rig_add(struct rig *rig, const char *topic, int32_t partition);
struct kd_replica *rig_find(struct rig *rig, const char *topic, int32_t partition);

/* A batch of `count` records with a payload that the tag decides. */
struct rig_batch {
    int64_t producer_id;
    int16_t epoch;
    int32_t sequence; /* -1 with no producer */
    int32_t count;
    size_t value_bytes;   /* of each record */
    int64_t timestamp_ms; /* of the first; the others 1 ms later each */
    uint64_t tag;
    bool transactional;
};
struct kb_buf *rig_encode(const struct rig_batch *batch);
/* An append that frees itself when answered; done may be NULL. */
struct kd_append *rig_append_new(struct kb_buf *frame);
/* A transactional batch may be appended: its coordinator has been asked just now. */
void rig_claim(struct kd_replica *replica, struct kd_append *append);
/* A marker, waited for; answers the code. */
int rig_end_txn(struct rig *rig, struct kd_replica *replica, const struct kd_txn_mark *mark);
/* Appends and waits; answers the code. */
int rig_append(struct rig *rig, struct kd_replica *replica, const struct rig_batch *batch,
               int64_t *base_offset);
/* One plain batch, which must succeed. */
int64_t rig_append_plain(struct rig *rig, struct kd_replica *replica, int32_t count,
                         size_t value_bytes);

/* A read, waited for; bytes joined into one buffer (NULL if none). */
int rig_read(struct rig *rig, struct kd_replica *replica, int64_t offset, int64_t bound,
             size_t max_bytes, bool whole_first, struct kb_buf **out);
int rig_op(struct rig *rig, void (*start)(struct kd_replica *, struct kd_op *),
           struct kd_replica *replica);
void rig_count_batches(struct kb_buf *buf, int64_t *first, int64_t *end, int *batches);

#endif
