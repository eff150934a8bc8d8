/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crash at every operation on the disk while segments roll, records are
 * deleted by hand, segments go by retention, and a log is deleted. At each
 * operation the disk is copied, once as kill -9 would leave it and a few times
 * as a power loss could, and opened. What is found must equal what was told:
 *
 *   a log begins where it was last said to begin, or where it was being asked to;
 *   it ends where records were acknowledged, or later, and all in between is
 *   there, byte for byte;
 *   nothing lies around: no file below the start, none that waits to be unlinked;
 *   another crash changes nothing, and the log can be written;
 *   a log that was said to be deleted is gone, any other is whole.
 *
 * A disk whose syncs lie must be found out, or the test proves nothing.
 */
#include "tests/unit/store/rig.h"

#include "base/check.h"
#include "broker/store/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGS = 2, BATCHES = 60, POWER_LOSSES = 3, ASKED_MAX = 64 };

static const char *topics[LOGS] = {"stays", "goes"};

struct sent {
    int64_t base_offset, end_offset;
    struct kb_buf *frame;
};

/* What was told of one log. */
struct told {
    struct kd_replica *replica;
    struct sent sent[BATCHES];
    int sent_count;
    int64_t acked_end;
    int64_t asked[ASKED_MAX]; /* starts that somebody asked for */
    int asked_count;
    int64_t start; /* that somebody was told, or could see */
    bool asked_to_go, gone;
};

struct findings {
    long images;
    long lost;    /* logs that end before what was acknowledged, or are not there */
    long back;    /* that begin before what was told */
    long ahead;   /* or behind what was asked for */
    long torn;    /* a batch that is not what was sent */
    long litter;  /* files that nobody needs any more */
    long changed; /* another start or end after another crash */
    long undead;  /* logs that were deleted */
    long offline; /* and that were given up */
};

struct run {
    struct rig rig;
    struct kb_random random;
    struct told logs[LOGS];
    struct findings found;
    bool retention; /* else only by hand */
    bool recording;
};

/* ---- What is found ------------------------------------------------------ */

static const struct sent *sent_at(const struct told *told, int64_t offset)
{
    for (int i = 0; i < told->sent_count; i++)
        if (told->sent[i].base_offset <= offset && offset < told->sent[i].end_offset)
            return &told->sent[i];
    return NULL;
}

static void check_content(struct run *run, struct rig *rig, const struct told *told,
                          struct kd_replica *replica, int64_t end)
{
    int64_t at = kd_replica_state(replica)->log_start;
    while (at < end) {
        struct kb_buf *got = NULL;
        const struct sent *sent = sent_at(told, at);
        int code = rig_read(rig, replica, at, end, 1, true, &got);
        bool same =
            !code && got && sent && kb_slice_equal(kb_buf_view(got), kb_buf_view(sent->frame));
        kb_buf_unref(got);
        if (!same) {
            run->found.torn++;
            return;
        }
        at = sent->end_offset;
    }
}

/* Could the log begin here? Retention asks for what only it knows: then any
 * start up to what was acknowledged will do. */
static bool was_asked(const struct run *run, const struct told *told, int64_t start)
{
    for (int i = 0; i < told->asked_count; i++)
        if (told->asked[i] == start)
            return true;
    return start == told->start || run->retention;
}

struct litter {
    int64_t bases[BATCHES], start;
    int count, odd;
};

static int note_log(void *ctx, const char *name, bool is_dir)
{
    struct litter *litter = ctx;
    enum kd_suffix suffix;
    int64_t offset;
    if (!is_dir && kd_file_parse(name, &offset, &suffix) && suffix == KD_SUFFIX_LOG)
        litter->bases[litter->count++] = offset;
    return 0;
}

static int64_t end_of(const struct litter *litter, int64_t base)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < litter->count; i++)
        if (litter->bases[i] > base)
            next = KB_MIN(next, litter->bases[i]);
    return next;
}

static int note_odd(void *ctx, const char *name, bool is_dir)
{
    struct litter *litter = ctx;
    enum kd_suffix suffix;
    enum kd_stage stage;
    int64_t offset;
    if (is_dir || !kd_file_parse_stage(name, &offset, &suffix, &stage) ||
        suffix == KD_SUFFIX_SNAPSHOT || suffix == KD_SUFFIX_CUT)
        return 0;
    litter->odd += stage != KD_IN_LOG;
    bool has_log = false;
    for (int i = 0; i < litter->count; i++)
        has_log |= litter->bases[i] == offset;
    litter->odd += (!has_log && offset < litter->start) || end_of(litter, offset) <= litter->start;
    return 0;
}

static void check_files(struct run *run, struct kb_fs *disk, int log, int64_t start)
{
    struct litter litter = {.start = start};
    char dir[KD_PATH_MAX];
    kd_dir_name(dir, topics[log], 0);
    (void)disk->ops->list(disk, dir, note_log, &litter);
    (void)disk->ops->list(disk, dir, note_odd, &litter);
    run->found.litter += litter.odd;
}

/* `added` records were acknowledged since the crash. */
static void check_log(struct run *run, struct rig *rig, int log, int64_t ends[2 * LOGS], int added)
{
    const struct told *told = &run->logs[log];
    struct kd_replica *replica = kd_disk_find_name(rig->disk, topics[log], 0);
    struct findings *found = &run->found;
    if (!replica) {
        found->lost += told->acked_end > 0 && !told->asked_to_go;
        return;
    }
    found->undead += told->gone;
    if (kd_replica_is_offline(replica)) {
        found->offline++;
        return;
    }
    const struct kd_partition *state = kd_replica_state(replica);
    found->lost += state->log_end < told->acked_end;
    found->back += state->log_start < told->start;
    found->ahead += state->log_start > told->start && !was_asked(run, told, state->log_start);
    found->ahead += state->log_start > told->acked_end;
    found->changed += ends[2 * log] >= 0 &&
                      (ends[2 * log] != state->log_start || ends[2 * log + 1] != state->log_end);
    ends[2 * log] = state->log_start;
    ends[2 * log + 1] = state->log_end;
    check_content(run, rig, told, replica, state->log_end - added);
    check_files(run, rig->fs, log, state->log_start);
}

/* Opens the logs, and adds a record to each. */
static void open_and_check(struct run *run, struct kb_fs *disk, uint64_t seed,
                           int64_t ends[2 * LOGS], int added)
{
    struct rig rig;
    rig_init(&rig, disk, seed);
    rig.options.tail_bytes = 1;
    rig_open(&rig);
    for (int i = 0; i < LOGS; i++)
        check_log(run, &rig, i, ends, added);
    for (int i = 0; i < LOGS; i++) {
        struct kd_replica *replica = kd_disk_find_name(rig.disk, topics[i], 0);
        if (replica && !kd_replica_is_offline(replica))
            run->found.changed += rig_append_plain(&rig, replica, 1, 10) != ends[2 * i + 1]++;
    }
    rig_kill(&rig);
}

static void check_crash(struct run *run, enum kb_crash how, uint64_t seed)
{
    struct kb_random random;
    int64_t ends[2 * LOGS] = {-1, -1, -1, -1};
    struct kb_fs *disk = kb_fs_mem_clone(run->rig.fs);
    kb_random_seed(&random, seed);
    kb_fs_mem_crash(disk, how, &random);
    for (int opened = 0; opened < 3; opened++) {
        open_and_check(run, disk, seed + (uint64_t)opened, ends, opened);
        kb_fs_mem_crash(disk, KB_CRASH_POWER, &random);
    }
    run->found.images++;
    disk->ops->free(disk);
}

static int at_each_operation(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct run *run = ctx;
    (void)path;
    if (!run->recording || op == KB_FS_READ)
        return 0;
    for (int i = 0; i < LOGS; i++)
        if (run->logs[i].replica)
            run->logs[i].start = kd_replica_state(run->logs[i].replica)->log_start;
    check_crash(run, KB_CRASH_PROCESS, nth);
    for (uint64_t i = 0; i < POWER_LOSSES; i++)
        check_crash(run, KB_CRASH_POWER, nth * 10 + i);
    return 0;
}

/* ---- What is done ------------------------------------------------------- */

static void append(struct run *run, struct told *told)
{
    struct sent *sent = &told->sent[told->sent_count++];
    struct rig_batch batch = {.producer_id = -1,
                              .epoch = -1,
                              .sequence = -1,
                              .count = 1 + (int32_t)kb_random_below(&run->random, 4),
                              .value_bytes = (size_t)kb_random_below(&run->random, 600),
                              .timestamp_ms = 1000,
                              .tag = kb_random_next(&run->random)};
    sent->frame = rig_encode(&batch);
    sent->base_offset = kd_replica_state(told->replica)->log_end;
    sent->end_offset = sent->base_offset + batch.count;
    kw_batch_place(sent->frame->data, sent->base_offset, -1);
    assert_int_equal(rig_append(&run->rig, told->replica, &batch, NULL), KB_OK);
    told->acked_end = sent->end_offset;
}

struct waited {
    struct kd_op op;
    bool done;
};

static void on_done(struct kd_op *op, int code)
{
    assert_int_equal(code, KB_OK);
    KB_CONTAINER(op, struct waited, op)->done = true;
}

static bool is_done(void *ctx)
{
    return ((struct waited *)ctx)->done;
}

static void delete_records(struct run *run, struct told *told)
{
    struct waited waited = {.op.done = on_done};
    int64_t to = told->start + (int64_t)kb_random_below(
                                   &run->random, (uint64_t)(told->acked_end - told->start) + 1);
    told->asked[told->asked_count++] = to;
    kd_replica_set_start(told->replica, to, &waited.op);
    assert_true(rig_wait(&run->rig, is_done, &waited));
    told->start = kd_replica_state(told->replica)->log_start;
    assert_true(told->start >= to);
}

static void delete_log(struct run *run, struct told *told)
{
    struct waited waited = {.op.done = on_done};
    struct kd_replica *replica = told->replica;
    told->asked_to_go = true;
    told->replica = NULL;
    kd_replica_delete(replica, &waited.op);
    assert_true(rig_wait(&run->rig, is_done, &waited));
    told->gone = true;
}

static void work(struct run *run)
{
    for (int i = 0; i < BATCHES; i++) {
        for (int log = 0; log < LOGS; log++)
            if (!run->logs[log].asked_to_go)
                append(run, &run->logs[log]);
        if (!run->retention && i % 8 == 7)
            delete_records(run, &run->logs[i / 8 % 2 && !run->logs[1].asked_to_go]);
        if (i == 3 * BATCHES / 4)
            delete_log(run, &run->logs[1]);
        if (run->retention)
            rig_idle(&run->rig, 30);
    }
    rig_idle(&run->rig, 1000);
}

static struct findings crash_everywhere(uint64_t seed, bool retention, bool lying)
{
    struct run *run = KB_NEW(struct run);
    struct kb_fs *fs = kb_fs_mem_new();
    run->retention = retention;
    kb_random_seed(&run->random, seed);
    kb_fs_mem_set_lying(fs, lying);
    rig_init(&run->rig, fs, seed);
    run->rig.options.checkpoint_ms = 40;
    run->rig.options.retention_check_ms = 20;
    run->rig.config.segment_bytes = 3000;
    run->rig.config.index_interval_bytes = 500;
    run->rig.config.file_delete_delay_ms = 15;
    run->rig.config.delete_old = retention;
    run->rig.config.retention_ms = -1;
    run->rig.config.retention_bytes = 6000;
    rig_open(&run->rig);
    for (int i = 0; i < LOGS; i++)
        run->logs[i].replica = rig_add(&run->rig, topics[i], 0);
    kb_fs_mem_set_fault(fs, at_each_operation, run);
    run->recording = true;
    work(run);
    run->recording = false;
    kb_fs_mem_set_fault(fs, NULL, NULL);
    assert_true(run->logs[0].start > 0);
    rig_kill(&run->rig);
    struct findings found = run->found;
    for (int i = 0; i < LOGS; i++)
        for (int k = 0; k < run->logs[i].sent_count; k++)
            kb_buf_unref(run->logs[i].sent[k].frame);
    fs->ops->free(fs);
    kb_free(run);
    print_message("%ld images: lost %ld, back %ld, ahead %ld, torn %ld, litter %ld, changed %ld, "
                  "undead %ld, offline %ld\n",
                  found.images, found.lost, found.back, found.ahead, found.torn, found.litter,
                  found.changed, found.undead, found.offline);
    return found;
}

/* ---- The tests ---------------------------------------------------------- */

static uint64_t seeds_of_the_day(void)
{
    const char *text = getenv("RUNS");
    return text ? strtoull(text, NULL, 0) : 1;
}

static void expect_nothing_odd(bool retention)
{
    for (uint64_t seed = 1; seed <= seeds_of_the_day(); seed++) {
        struct findings found = crash_everywhere(seed, retention, false);
        assert_true(found.images > 1000);
        assert_int_equal(found.lost + found.back + found.ahead + found.torn, 0);
        assert_int_equal(found.litter + found.changed + found.undead + found.offline, 0);
    }
}

static void records_deleted_by_hand(void **state)
{
    (void)state;
    expect_nothing_odd(false);
}

static void segments_deleted_by_retention(void **state)
{
    (void)state;
    expect_nothing_odd(true);
}

static void a_disk_that_lies_is_found_out(void **state)
{
    (void)state;
    struct findings found = crash_everywhere(1, false, true);
    assert_true(found.back > 0 && found.lost > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_deleted_by_hand),
        cmocka_unit_test(segments_deleted_by_retention),
        cmocka_unit_test(a_disk_that_lies_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
