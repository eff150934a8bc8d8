/* SPDX-License-Identifier: Apache-2.0 */
/* Appends, reads and restarts through the drive, on a disk in memory. */
#include "tests/unit/store/rig.h"

#include <errno.h>
#include <string.h>

static void what_was_acknowledged_can_be_read(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct rig rig;
    struct kb_buf *got;
    int64_t first, end;
    int batches;
    rig_init(&rig, fs, 1);
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rig_append_plain(&rig, replica, 3, 100), 3 * i);
    assert_int_equal(kd_replica_state(replica)->high_watermark, 300);
    assert_int_equal(rig_read(&rig, replica, 0, 300, 1 << 20, true, &got), KB_OK);
    rig_count_batches(got, &first, &end, &batches);
    assert_int_equal(first, 0);
    assert_int_equal(end, 300);
    assert_int_equal(batches, 100);
    kb_buf_unref(got);
    rig_close(&rig);

    rig_init(&rig, fs, 2);
    rig_open(&rig);
    assert_true(kd_disk_was_clean(rig.disk));
    replica = rig_find(&rig, "t", 0);
    assert_int_equal(kd_replica_state(replica)->log_end, 300);
    assert_int_equal(rig_read(&rig, replica, 150, 300, 1 << 20, true, &got), KB_OK);
    rig_count_batches(got, &first, &end, &batches);
    assert_int_equal(first, 150);
    assert_int_equal(end, 300);
    kb_buf_unref(got);
    rig_close(&rig);
    fs->ops->free(fs);
}

static void segments_roll_and_every_offset_is_found(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct rig rig;
    struct kb_buf *got;
    int64_t first, end;
    int batches;
    rig_init(&rig, fs, 3);
    rig.config.segment_bytes = 20000;
    rig.options.tail_bytes = 1; /* none: everything from files */
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    for (int i = 0; i < 200; i++)
        rig_append_plain(&rig, replica, 2, (size_t)(50 + 10 * (i % 30)));
    for (int round = 0; round < 3; round++) {
        for (int64_t offset = 0; offset < 400; offset++) {
            assert_int_equal(rig_read(&rig, replica, offset, 400, 1, true, &got), KB_OK);
            rig_count_batches(got, &first, &end, &batches);
            assert_int_equal(first, offset - offset % 2);
            assert_int_equal(batches, 1);
            kb_buf_unref(got);
        }
        if (round == 0)
            rig_close(&rig); /* then again after a clean stop, then after a kill */
        else
            rig_kill(&rig);
        if (round == 2)
            break;
        rig_init(&rig, fs, 4);
        rig.options.tail_bytes = 1;
        rig.config.segment_bytes = 20000;
        rig_open(&rig);
        replica = rig_find(&rig, "t", 0);
        assert_int_equal(kd_replica_state(replica)->log_end, 400);
    }
    fs->ops->free(fs);
}

/* ---- Many files, where the file system cannot be synced as a whole ------- */

enum { MANY = 20 };

struct crowd {
    struct rig rig;
    struct kb_fs *fs;
    struct kd_append *appends[MANY];
    int answered, failed;
};

static void count_answer(struct kd_append *append)
{
    struct crowd *crowd = append->owner;
    crowd->answered++;
    crowd->failed += append->code != KB_OK;
}

static bool all_answered(void *ctx)
{
    return ((struct crowd *)ctx)->answered == MANY;
}

static void begin_crowd(struct crowd *crowd)
{
    *crowd = (struct crowd){.fs = kb_fs_mem_new()};
    rig_without_syncfs(crowd->fs);
    rig_init(&crowd->rig, crowd->fs, 5);
    rig_open(&crowd->rig);
    for (int i = 0; i < MANY; i++)
        rig_append_plain(&crowd->rig, rig_add(&crowd->rig, "many", i), 1, 10);
}

/* One to each log, all in one round. */
static void send_all(struct crowd *crowd)
{
    struct rig_batch batch = {
        .producer_id = -1, .epoch = -1, .sequence = -1, .count = 1, .value_bytes = 100};
    for (int i = 0; i < MANY; i++) {
        struct kb_buf *frame = rig_encode(&batch);
        crowd->appends[i] = rig_append_new(frame);
        crowd->appends[i]->owner = crowd;
        crowd->appends[i]->done = count_answer;
        kd_replica_append(rig_find(&crowd->rig, "many", i), crowd->appends[i]);
        kb_buf_unref(frame);
    }
}

static void end_crowd(struct crowd *crowd)
{
    for (int i = 0; i < MANY; i++)
        kb_free(crowd->appends[i]);
    crowd->fs->ops->free(crowd->fs);
}

static void many_files_are_synced_side_by_side(void **state)
{
    (void)state;
    struct crowd crowd;
    struct kd_disk_stats before, after;
    struct kb_random random;
    begin_crowd(&crowd);
    kd_disk_stats(crowd.rig.disk, &before);
    send_all(&crowd);
    assert_true(rig_wait(&crowd.rig, all_answered, &crowd));
    kd_disk_stats(crowd.rig.disk, &after);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(after.rounds - before.rounds, 1);
    struct kb_fs *then = kb_fs_mem_clone(crowd.fs);
    rig_kill(&crowd.rig);
    kb_random_seed(&random, 9);
    kb_fs_mem_crash(then, KB_CRASH_POWER, &random);
    rig_init(&crowd.rig, then, 6);
    rig_open(&crowd.rig);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(kd_replica_state(rig_find(&crowd.rig, "many", i))->log_end, 2);
    rig_close(&crowd.rig);
    then->ops->free(then);
    end_crowd(&crowd);
}

static int fail_one(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    (void)ctx;
    (void)nth;
    return op == KB_FS_SYNC && strstr(path, "many-7/") ? -EIO : 0;
}

static void one_of_many_that_fails_fails_the_disk(void **state)
{
    (void)state;
    struct crowd crowd;
    begin_crowd(&crowd);
    kb_fs_mem_set_fault(crowd.fs, fail_one, NULL);
    send_all(&crowd);
    assert_true(rig_wait(&crowd.rig, all_answered, &crowd));
    assert_int_equal(crowd.failed, MANY);
    assert_true(crowd.rig.failed);
    rig_kill(&crowd.rig);
    end_crowd(&crowd);
}

/* At any moment of such a round. */
static void a_halt_while_many_are_synced(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 12; ms++) {
        struct crowd crowd;
        begin_crowd(&crowd);
        send_all(&crowd);
        rig_idle(&crowd.rig, ms);
        rig_kill(&crowd.rig);
        assert_int_equal(crowd.answered, MANY);
        end_crowd(&crowd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_can_be_read),
        cmocka_unit_test(segments_roll_and_every_offset_is_found),
        cmocka_unit_test(many_files_are_synced_side_by_side),
        cmocka_unit_test(one_of_many_that_fails_fails_the_disk),
        cmocka_unit_test(a_halt_while_many_are_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
