/* SPDX-License-Identifier: Apache-2.0 */
/* Appends, reads and restarts through the drive, on a disk in memory. */
#include "tests/unit/store/rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_can_be_read),
        cmocka_unit_test(segments_roll_and_every_offset_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
