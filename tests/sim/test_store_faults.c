/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file operation of a short life fails once, or from then on, with EIO
 * or ENOSPC. Whatever happens, each append and each deletion is answered, what
 * was acknowledged is there after the next start, what was said to be deleted
 * is not, and that start is clean of complaints once the disk is well again.
 */
#include "tests/unit/store/rig.h"

#include "base/check.h"

#include <errno.h>

enum { PARTITIONS = 2, APPENDS = 40 };

struct fault {
    uint64_t from;
    bool forever;
    int error;
    bool hit;
};

static int fail_op(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct fault *fault = ctx;
    (void)path;
    if (nth < fault->from || (!fault->forever && fault->hit))
        return 0;
    if (fault->error == -ENOSPC && op != KB_FS_WRITE && op != KB_FS_ALLOCATE && op != KB_FS_META)
        return 0;
    fault->hit = true;
    return fault->error;
}

struct life {
    struct rig rig;
    int64_t acked_end[PARTITIONS];
    int64_t asked_start[PARTITIONS], told_start[PARTITIONS];
    int answered, refused;
};

static const char *topics[PARTITIONS] = {"alpha", "beta"};

struct deletion {
    struct kd_op op;
    bool done;
};

static void on_deleted(struct kd_op *op, int code)
{
    (void)code;
    KB_CONTAINER(op, struct deletion, op)->done = true;
}

static bool is_deleted(void *ctx)
{
    return ((struct deletion *)ctx)->done;
}

static void delete_some(struct life *life, int p, struct kd_replica *replica)
{
    struct deletion deletion = {.op.done = on_deleted};
    life->asked_start[p] = KB_MAX(life->acked_end[p] - 3, 0);
    kd_replica_set_start(replica, life->asked_start[p], &deletion.op);
    assert_true(rig_wait(&life->rig, is_deleted, &deletion));
    if (!deletion.op.code)
        life->told_start[p] = life->asked_start[p];
}

/* Appends in turn; a refusal is fine, silence is not. */
static void append_all(struct life *life)
{
    struct kd_replica *replicas[PARTITIONS];
    int32_t sequence[PARTITIONS] = {0};
    for (int i = 0; i < PARTITIONS; i++)
        replicas[i] = kd_disk_find_name(life->rig.disk, topics[i], 0);
    for (int i = 0; i < PARTITIONS; i++)
        if (!replicas[i])
            replicas[i] = rig_add(&life->rig, topics[i], 0);
    for (int i = 0; i < APPENDS; i++) {
        int64_t offset;
        int p = i % PARTITIONS;
        struct rig_batch batch = {.producer_id = 7,
                                  .sequence = sequence[p],
                                  .count = 2,
                                  .value_bytes = 400,
                                  .timestamp_ms = i,
                                  .tag = (uint64_t)i};
        int code = rig_append(&life->rig, replicas[p], &batch, &offset);
        life->answered++;
        if (code) {
            life->refused++;
            continue;
        }
        sequence[p] += 2;
        life->acked_end[p] = offset + 2;
        if (i % 7 == 6)
            delete_some(life, p, replicas[p]);
    }
}

static void live(struct life *life, struct kb_fs *fs, struct fault *fault)
{
    *life = (struct life){0};
    rig_init(&life->rig, fs, 5);
    life->rig.config.segment_bytes = 4000;
    life->rig.options.checkpoint_ms = 5;
    life->rig.config.file_delete_delay_ms = 5;
    kb_fs_mem_set_fault(fs, fault ? fail_op : NULL, fault);
    if (!rig_try_open(&life->rig)) {
        append_all(life);
        assert_int_equal(life->answered, APPENDS);
    }
    if (!life->rig.open_error.code)
        rig_close(&life->rig);
    else
        rig_kill(&life->rig);
    kb_fs_mem_set_fault(fs, NULL, NULL);
}

static void check_after(struct kb_fs *fs, const struct life *life)
{
    struct rig rig;
    rig_init(&rig, fs, 6);
    rig_open(&rig);
    for (int i = 0; i < PARTITIONS; i++) {
        struct kd_replica *replica = kd_disk_find_name(rig.disk, topics[i], 0);
        struct kb_buf *got = NULL;
        int64_t first, end, at;
        int batches;
        assert_true(replica || !life->acked_end[i]);
        if (!replica)
            continue;
        if (kd_replica_is_offline(replica))
            fail_msg("%s: %s", topics[i], rig.line);
        assert_true(kd_replica_state(replica)->log_end >= life->acked_end[i]);
        at = kd_replica_state(replica)->log_start;
        assert_true(at >= life->told_start[i] && at <= life->asked_start[i]);
        while (at < life->acked_end[i]) {
            assert_int_equal(rig_read(&rig, replica, at, life->acked_end[i], 1 << 20, true, &got),
                             KB_OK);
            rig_count_batches(got, &first, &end, &batches);
            assert_int_equal(first, at - at % 2); /* two records each */
            at = end;
            kb_buf_unref(got);
        }
    }
    assert_int_equal(rig.errors, 0);
    rig_close(&rig);
}

static uint64_t operations_of_a_life(void)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct life life;
    live(&life, fs, NULL);
    assert_int_equal(life.refused, 0);
    uint64_t count = kb_fs_mem_operations(fs);
    check_after(fs, &life);
    fs->ops->free(fs);
    return count;
}

static void fail_each(int error, bool forever)
{
    uint64_t count = operations_of_a_life();
    assert_true(count > 200);
    for (uint64_t nth = 1; nth <= count; nth++) {
        struct kb_fs *fs = kb_fs_mem_new();
        struct fault fault = {.from = nth, .error = error, .forever = forever};
        struct life life;
        live(&life, fs, &fault);
        if (fault.hit && !forever && life.answered && error == -ENOSPC)
            assert_true(life.refused < APPENDS); /* it goes on by itself */
        check_after(fs, &life);
        fs->ops->free(fs);
    }
}

static void one_error_at_each_operation(void **state)
{
    (void)state;
    fail_each(-EIO, false);
}

static void errors_from_each_operation_on(void **state)
{
    (void)state;
    fail_each(-EIO, true);
}

static void no_space_at_each_operation(void **state)
{
    (void)state;
    fail_each(-ENOSPC, false);
}

static void no_space_from_each_operation_on(void **state)
{
    (void)state;
    fail_each(-ENOSPC, true);
}

/* A small disk fills up; it is told before an offset is given, reads go on,
 * and writes once there is room. */
static void a_full_disk_refuses_and_resumes(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct rig rig;
    struct kb_buf *got;
    int code = 0, appended = 0;
    kb_fs_mem_set_capacity(fs, 1 << 20);
    rig_init(&rig, fs, 9);
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    struct rig_batch batch = {
        .producer_id = -1, .epoch = -1, .sequence = -1, .count = 1, .value_bytes = 10000};
    while (!(code = rig_append(&rig, replica, &batch, NULL)))
        appended++;
    assert_int_equal(code, KB_E_KAFKA_STORAGE_ERROR);
    assert_true(appended > 60);
    assert_int_equal(kd_replica_state(replica)->log_end, appended);
    assert_false(kd_replica_is_offline(replica));
    assert_int_equal(rig.offline, 0);
    assert_int_equal(rig_append(&rig, replica, &batch, NULL), KB_E_KAFKA_STORAGE_ERROR);
    assert_int_equal(rig_read(&rig, replica, 0, appended, 5000, true, &got), KB_OK);
    assert_non_null(got);
    kb_buf_unref(got);
    kb_fs_mem_set_capacity(fs, 4 << 20);
    assert_int_equal(rig_append(&rig, replica, &batch, NULL), KB_OK);
    rig_close(&rig);
    fs->ops->free(fs);
}

static int fail_syncs(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    int *syncs = ctx;
    (void)nth;
    (void)path;
    if (op != KB_FS_SYNC)
        return 0;
    (*syncs)++;
    return -EIO;
}

static void a_failed_sync_is_the_last(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct rig rig;
    int syncs = 0;
    rig_init(&rig, fs, 10);
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    rig_append_plain(&rig, replica, 1, 100);
    kb_fs_mem_set_fault(fs, fail_syncs, &syncs);
    struct rig_batch batch = {
        .producer_id = -1, .epoch = -1, .sequence = -1, .count = 1, .value_bytes = 100};
    assert_int_equal(rig_append(&rig, replica, &batch, NULL), KB_E_KAFKA_STORAGE_ERROR);
    assert_true(rig.failed);
    assert_true(kd_disk_has_failed(rig.disk));
    assert_int_equal(syncs, 1);
    assert_int_equal(rig_append(&rig, replica, &batch, NULL), KB_E_KAFKA_STORAGE_ERROR);
    rig_idle(&rig, 200 * 1000);
    assert_int_equal(syncs, 1);
    assert_int_equal(kd_replica_state(replica)->high_watermark, 1);
    kb_fs_mem_set_fault(fs, NULL, NULL);
    rig_close(&rig);
    rig_init(&rig, fs, 11);
    rig_open(&rig);
    assert_false(kd_disk_was_clean(rig.disk));
    rig_close(&rig);
    fs->ops->free(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_error_at_each_operation),
        cmocka_unit_test(errors_from_each_operation_on),
        cmocka_unit_test(no_space_at_each_operation),
        cmocka_unit_test(no_space_from_each_operation_on),
        cmocka_unit_test(a_full_disk_refuses_and_resumes),
        cmocka_unit_test(a_failed_sync_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
