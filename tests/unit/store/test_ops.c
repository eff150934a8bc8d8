/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a log now and then: by time, both ends, leaving, settings. */
#include "tests/unit/store/rig.h"

#include "broker/store/layout.h"
#include "broker/store/recover.h"

#include <string.h>

struct world {
    struct kb_fs *fs;
    struct rig rig;
    struct kd_replica *replica;
};

static void begin(struct world *world)
{
    world->fs = kb_fs_mem_new();
    rig_init(&world->rig, world->fs, 1);
    world->rig.config.segment_bytes = 5000;
    world->rig.options.tail_bytes = 1;
    rig_open(&world->rig);
    world->replica = rig_add(&world->rig, "t", 0);
}

static void reopen(struct world *world, bool cleanly)
{
    if (cleanly)
        rig_close(&world->rig);
    else
        rig_kill(&world->rig);
    rig_init(&world->rig, world->fs, 2);
    world->rig.config.segment_bytes = 5000;
    world->rig.options.tail_bytes = 1;
    rig_open(&world->rig);
    world->replica = kd_disk_find_name(world->rig.disk, "t", 0);
}

static void end(struct world *world)
{
    rig_close(&world->rig);
    world->fs->ops->free(world->fs);
}

static bool there(struct world *world, const char *path)
{
    struct kb_stat stat;
    return world->fs->ops->stat(world->fs, path, &stat) >= 0;
}

/* ---- By time ------------------------------------------------------------ */

static void lookup_done(struct kd_lookup *lookup)
{
    *(bool *)lookup->owner = true;
}

static bool is_done(void *flag)
{
    return *(bool *)flag;
}

static struct kd_lookup find_time(struct world *world, int64_t timestamp_ms, int64_t bound)
{
    bool done = false;
    struct kd_lookup lookup = {
        .timestamp_ms = timestamp_ms, .bound = bound, .done = lookup_done, .owner = &done};
    kd_replica_lookup(world->replica, &lookup);
    assert_true(rig_wait(&world->rig, is_done, &done));
    rig_idle(&world->rig, 0);
    assert_int_equal(lookup.code, KB_OK);
    return lookup;
}

static void the_first_record_at_or_after_a_time(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (int i = 0; i < 100; i++) { /* three records each, times 1000 + 10 i + 0, 1, 2 */
        struct rig_batch batch = {.producer_id = -1,
                                  .epoch = -1,
                                  .sequence = -1,
                                  .count = 3,
                                  .value_bytes = 100,
                                  .timestamp_ms = 1000 + 10 * i};
        assert_int_equal(rig_append(&world.rig, world.replica, &batch, NULL), KB_OK);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            assert_int_equal(find_time(&world, 1000 + 10 * i, 300).offset, 3 * i);
            assert_int_equal(find_time(&world, 1000 + 10 * i + 2, 300).offset, 3 * i + 2);
            struct kd_lookup after = find_time(&world, 1000 + 10 * i + 3, 300);
            assert_int_equal(after.offset, i == 99 ? -1 : 3 * i + 3);
            assert_int_equal(after.found_ms, i == 99 ? -1 : 1000 + 10 * i + 10);
        }
        assert_int_equal(find_time(&world, 0, 300).offset, 0);
        assert_int_equal(find_time(&world, 1500, 100).offset, -1); /* behind the bound */
        assert_int_equal(find_time(&world, KD_TIME_MAX, 300).offset, 299);
        assert_int_equal(find_time(&world, KD_TIME_MAX, 150).offset, 149);
        assert_int_equal(find_time(&world, KD_TIME_MAX, 0).offset, -1);
        reopen(&world, round == 0);
    }
    end(&world);
}

static void a_late_time_does_not_hide_earlier_ones(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    static const int64_t times[] = {500, 9000, 600, 700, 800};
    for (int i = 0; i < 60; i++) {
        struct rig_batch batch = {.producer_id = -1,
                                  .epoch = -1,
                                  .sequence = -1,
                                  .count = 1,
                                  .value_bytes = 300,
                                  .timestamp_ms = times[i % 5] + i / 5};
        assert_int_equal(rig_append(&world.rig, world.replica, &batch, NULL), KB_OK);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(find_time(&world, 501, 60).offset, 1); /* 9000 is the first not before */
        assert_int_equal(find_time(&world, 9001, 60).offset, 6);
        assert_int_equal(find_time(&world, KD_TIME_MAX, 60).offset, 56);
        reopen(&world, true);
    }
    end(&world);
}

/* ---- Both ends ---------------------------------------------------------- */

static void set_start_150(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_set_start(replica, 150, op);
}

static void deleted_records_stay_deleted(void **state)
{
    (void)state;
    struct world world;
    struct kb_buf *got;
    begin(&world);
    for (int i = 0; i < 100; i++)
        rig_append_plain(&world.rig, world.replica, 3, 100);
    assert_int_equal(rig_op(&world.rig, set_start_150, world.replica), KB_OK);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(kd_replica_state(world.replica)->log_start, 150);
        assert_int_equal(rig_read(&world.rig, world.replica, 149, 300, 100, true, &got),
                         KB_E_OFFSET_OUT_OF_RANGE);
        assert_int_equal(rig_read(&world.rig, world.replica, 150, 300, 100, true, &got), KB_OK);
        assert_non_null(got);
        kb_buf_unref(got);
        assert_false(there(&world, "t-0/00000000000000000000.log"));
        reopen(&world, round == 1);
    }
    end(&world);
}

static void set_start_30(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_set_start(replica, 30, op);
}

/* Only a log that was not flushed can come to this. */
static void a_log_that_ends_before_its_start_begins_anew(void **state)
{
    (void)state;
    struct world world;
    struct kb_file *file;
    begin(&world);
    for (int i = 0; i < 20; i++)
        rig_append_plain(&world.rig, world.replica, 3, 10);
    assert_int_equal(rig_op(&world.rig, set_start_30, world.replica), KB_OK);
    rig_kill(&world.rig);
    assert_int_equal(world.fs->ops->open(world.fs, "t-0/00000000000000000000.log",
                                         KB_OPEN_WRITE | KB_OPEN_TRUNCATE, &file),
                     0);
    world.fs->ops->close(world.fs, file);
    rig_init(&world.rig, world.fs, 2);
    rig_open(&world.rig);
    for (int round = 0; round < 3; round++) {
        world.replica = rig_find(&world.rig, "t", 0);
        const struct kd_partition *p = kd_replica_state(world.replica);
        assert_int_equal(p->log_start, 30);
        assert_int_equal(p->log_end, 30 + round);
        assert_int_equal(rig_append_plain(&world.rig, world.replica, 1, 10), 30 + round);
        reopen(&world, round == 0);
    }
    end(&world);
}

static void truncate_200(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_truncate(replica, 200, op);
}

static bool is_online(void *replica)
{
    return !kd_replica_is_offline(replica);
}

static void a_follower_drops_its_tail_and_goes_on(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (int i = 0; i < 100; i++)
        rig_append_plain(&world.rig, world.replica, 3, 100);
    rig_idle(&world.rig, 1000);
    assert_int_equal(rig_op(&world.rig, truncate_200, world.replica), KB_OK);
    assert_true(rig_wait(&world.rig, is_online, world.replica));
    assert_int_equal(kd_replica_state(world.replica)->log_end,
                     198); /* the batch that holds 200 goes */
    assert_int_equal(rig_append_plain(&world.rig, world.replica, 2, 100), 198);
    reopen(&world, false);
    assert_int_equal(kd_replica_state(world.replica)->log_end, 200);
    end(&world);
}

/* ---- Leaving ------------------------------------------------------------ */

static int count_dir(void *ctx, const char *name, bool is_dir)
{
    int *count = ctx;
    char topic[KD_TOPIC_MAX + 1];
    int32_t partition;
    *count += is_dir && kd_dir_parse(name, topic, &partition) != KD_DIR_OTHER;
    return 0;
}

static int count_dirs(struct world *world)
{
    int count = 0;
    assert_int_equal(world->fs->ops->list(world->fs, "", count_dir, &count), 0);
    return count;
}

static void a_deleted_log_is_gone_and_its_name_free(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    rig_append_plain(&world.rig, world.replica, 3, 100);
    assert_int_equal(rig_op(&world.rig, kd_replica_delete, world.replica), KB_OK);
    assert_null(kd_disk_find_name(world.rig.disk, "t", 0));
    rig_idle(&world.rig, 1000);
    assert_int_equal(count_dirs(&world), 0);
    world.replica = rig_add(&world.rig, "t", 0);
    assert_int_equal(rig_append_plain(&world.rig, world.replica, 1, 100), 0);
    end(&world);
}

static void a_stray_log_keeps_its_files(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    rig_append_plain(&world.rig, world.replica, 3, 100);
    assert_int_equal(rig_op(&world.rig, kd_replica_stray, world.replica), KB_OK);
    rig_idle(&world.rig, 1000);
    assert_int_equal(count_dirs(&world), 1);
    reopen(&world, true);
    assert_null(world.replica);
    end(&world);
}

static void a_directory_without_an_id_is_passed_over(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(world.fs->ops->mkdir(world.fs, "half-0"), 0);
    reopen(&world, false);
    assert_null(kd_disk_find_name(world.rig.disk, "half", 0));
    struct kd_replica *half = rig_add(&world.rig, "half", 0);
    assert_int_equal(rig_append_plain(&world.rig, half, 1, 10), 0);
    end(&world);
}

/* ---- The directory ------------------------------------------------------ */

static void set_done(void *ctx, int code)
{
    assert_int_equal(code, KB_OK);
    *(bool *)ctx = true;
}

static int open_again(struct world *world, const char *cluster, int32_t node, const char *words)
{
    rig_init(&world->rig, world->fs, 3);
    world->rig.options.cluster_id = cluster;
    world->rig.options.node_id = node;
    int code = rig_try_open(&world->rig);
    if (code && !strstr(world->rig.open_error.text, words))
        fail_msg("\"%s\" does not say \"%s\"", world->rig.open_error.text, words);
    return code;
}

static void a_directory_of_another_is_refused(void **state)
{
    (void)state;
    struct world world;
    bool done = false;
    begin(&world);
    assert_string_equal(kd_disk_cluster_id(world.rig.disk), "");
    kd_disk_set_cluster_id(world.rig.disk, "mine", set_done, &done);
    assert_true(rig_wait(&world.rig, is_done, &done));
    rig_close(&world.rig);
    assert_int_equal(open_again(&world, "theirs", 1, "belongs to cluster mine"),
                     KB_E_INCONSISTENT_CLUSTER_ID);
    rig_kill(&world.rig);
    assert_int_equal(open_again(&world, NULL, 2, "belongs to node 1"), KB_E_BAD_CONFIG);
    rig_kill(&world.rig);
    struct rig other;
    assert_int_equal(open_again(&world, NULL, 1, ""), KB_OK);
    assert_string_equal(kd_disk_cluster_id(world.rig.disk), "mine");
    rig_init(&other, world.fs, 4);
    assert_int_equal(rig_try_open(&other), KB_E_BUSY);
    rig_kill(&other);
    rig_close(&world.rig);
    assert_int_equal(kb_fs_replace(world.fs, "meta.properties", "version=9\n", 10), 0);
    assert_int_equal(open_again(&world, NULL, 1, "newer format"), KB_E_UNSUPPORTED);
    rig_kill(&world.rig);
    world.fs->ops->free(world.fs);
}

/* ---- Settings ----------------------------------------------------------- */

static void lead_5(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_lead(replica, 5, op);
}

static void lead_6(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_lead(replica, 6, op);
}

static void epochs_are_on_disk_and_come_back_without_their_file(void **state)
{
    (void)state;
    struct world world;
    struct kd_epoch got;
    begin(&world);
    assert_int_equal(rig_op(&world.rig, lead_5, world.replica), KB_OK);
    for (int i = 0; i < 30; i++)
        rig_append_plain(&world.rig, world.replica, 1, 400);
    assert_int_equal(rig_op(&world.rig, lead_6, world.replica), KB_OK);
    rig_append_plain(&world.rig, world.replica, 1, 400);
    for (int round = 0; round < 3; round++) {
        const struct kd_partition *p = kd_replica_state(world.replica);
        assert_true(kd_epochs_end_of(&p->epochs, 5, p->log_end, &got));
        assert_int_equal(got.start_offset, 30);
        if (round == 1)
            assert_int_equal(world.fs->ops->unlink(world.fs, "t-0/leader-epoch-checkpoint"), 0);
        reopen(&world, round == 0);
    }
    end(&world);
}

static int count_syncs(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    (void)path;
    (void)nth;
    *(int *)ctx += op == KB_FS_SYNC;
    return 0;
}

static void relaxed_logs_are_flushed_by_count_or_time(void **state)
{
    (void)state;
    struct world world;
    int syncs = 0;
    begin(&world);
    world.rig.config.flush_messages = 10;
    kd_replica_configure(world.replica, &world.rig.config);
    rig_append_plain(&world.rig, world.replica, 1, 10);
    rig_idle(&world.rig, 61 * 1000); /* past a checkpoint */
    kb_fs_mem_set_fault(world.fs, count_syncs, &syncs);
    for (int i = 0; i < 5; i++)
        rig_append_plain(&world.rig, world.replica, 1, 10);
    rig_idle(&world.rig, 1000);
    assert_int_equal(syncs, 0);
    assert_int_equal(kd_replica_state(world.replica)->high_watermark, 6);
    for (int i = 0; i < 5; i++)
        rig_append_plain(&world.rig, world.replica, 1, 10);
    rig_idle(&world.rig, 1000);
    assert_int_equal(syncs, 1);
    world.rig.config.flush_messages = INT64_MAX;
    world.rig.config.flush_ms = 500;
    kd_replica_configure(world.replica, &world.rig.config);
    rig_append_plain(&world.rig, world.replica, 1, 10);
    rig_idle(&world.rig, 400);
    assert_int_equal(syncs, 1);
    rig_idle(&world.rig, 200);
    assert_int_equal(syncs, 2);
    assert_int_equal(kd_replica_state(world.replica)->flushed_end, 12);
    kb_fs_mem_set_fault(world.fs, NULL, NULL);
    end(&world);
}

static void repeats_get_their_old_offset(void **state)
{
    (void)state;
    struct world world;
    int64_t offset;
    begin(&world);
    struct rig_batch batch = {
        .producer_id = 9, .epoch = 0, .sequence = 0, .count = 4, .value_bytes = 200};
    assert_int_equal(rig_append(&world.rig, world.replica, &batch, &offset), KB_OK);
    assert_int_equal(offset, 0);
    rig_append_plain(&world.rig, world.replica, 10, 200);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(rig_append(&world.rig, world.replica, &batch, &offset), KB_OK);
        assert_int_equal(offset, 0);
        assert_int_equal(kd_replica_state(world.replica)->log_end, 14);
        reopen(&world, round == 0);
    }
    batch.sequence = 5;
    assert_int_equal(rig_append(&world.rig, world.replica, &batch, &offset),
                     KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_record_at_or_after_a_time),
        cmocka_unit_test(a_late_time_does_not_hide_earlier_ones),
        cmocka_unit_test(deleted_records_stay_deleted),
        cmocka_unit_test(a_log_that_ends_before_its_start_begins_anew),
        cmocka_unit_test(a_follower_drops_its_tail_and_goes_on),
        cmocka_unit_test(a_deleted_log_is_gone_and_its_name_free),
        cmocka_unit_test(a_stray_log_keeps_its_files),
        cmocka_unit_test(a_directory_without_an_id_is_passed_over),
        cmocka_unit_test(a_directory_of_another_is_refused),
        cmocka_unit_test(epochs_are_on_disk_and_come_back_without_their_file),
        cmocka_unit_test(relaxed_logs_are_flushed_by_count_or_time),
        cmocka_unit_test(repeats_get_their_old_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
