/* SPDX-License-Identifier: Apache-2.0 */
/* Old segments leave their log and their disk: when, in which order, and what
 * those hear who read them. */
#include "tests/unit/store/rig.h"

#include "base/check.h"
#include "broker/store/layout.h"
#include "broker/store/segment.h"

#include <string.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

struct world {
    struct kb_fs *fs;
    struct rig rig;
    struct kd_replica *replica;
};

static void open_with(struct world *world, uint64_t seed)
{
    rig_init(&world->rig, world->fs, seed);
    kb_fs_mem_set_clock(world->fs, kn_sim_clock(world->rig.sim));
    world->rig.config.segment_bytes = 5000;
    world->rig.config.delete_old = true;
    world->rig.config.retention_ms = world->rig.config.retention_bytes = -1;
    world->rig.config.file_delete_delay_ms = MINUTE_MS;
    world->rig.options.tail_bytes = 1;
    world->rig.options.retention_check_ms = 5 * MINUTE_MS;
    rig_open(&world->rig);
}

static void begin(struct world *world)
{
    *world = (struct world){.fs = kb_fs_mem_new()};
    open_with(world, 1);
    world->replica = rig_add(&world->rig, "t", 0);
}

static void end(struct world *world)
{
    rig_close(&world->rig);
    world->fs->ops->free(world->fs);
}

static void limit(struct world *world, int64_t retention_ms, int64_t retention_bytes)
{
    world->rig.config.retention_ms = retention_ms;
    world->rig.config.retention_bytes = retention_bytes;
    kd_replica_configure(world->replica, &world->rig.config);
}

static int64_t wall_ms(struct world *world)
{
    struct kb_clock *clock = kn_sim_clock(world->rig.sim);
    return clock->now(clock).wall_ms;
}

/* One batch of a record of 1000 bytes, so that five fill a segment. */
static void append_at(struct world *world, int64_t timestamp_ms)
{
    struct rig_batch batch = {.producer_id = -1,
                              .epoch = -1,
                              .sequence = -1,
                              .count = 1,
                              .value_bytes = 1000,
                              .timestamp_ms = timestamp_ms};
    assert_int_equal(rig_append(&world->rig, world->replica, &batch, NULL), KB_OK);
}

static void append_now(struct world *world, int count)
{
    for (int i = 0; i < count; i++)
        append_at(world, wall_ms(world));
}

static int64_t log_start(const struct world *world)
{
    return kd_replica_state(world->replica)->log_start;
}

static int count_file(void *ctx, const char *name, bool is_dir)
{
    (void)is_dir;
    int64_t offset;
    enum kd_suffix suffix;
    enum kd_stage stage;
    int *counts = ctx; /* logs, deleted files */
    bool known = kd_file_parse_stage(name, &offset, &suffix, &stage);
    counts[0] += known && suffix == KD_SUFFIX_LOG && stage == KD_IN_LOG;
    counts[1] += known && stage == KD_DELETED;
    return 0;
}

static void expect_files(struct world *world, int logs, int deleted)
{
    int counts[2] = {0};
    assert_int_equal(world->fs->ops->list(world->fs, "t-0", count_file, counts), 0);
    assert_int_equal(counts[0], logs);
    assert_int_equal(counts[1], deleted);
}

/* ---- By age and by size ------------------------------------------------- */

static void segments_go_when_all_their_records_are_old(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    limit(&world, HOUR_MS, -1);
    append_now(&world, 10); /* 4 fill a segment */
    rig_idle(&world.rig, 30 * MINUTE_MS);
    append_now(&world, 10);
    rig_idle(&world.rig, 29 * MINUTE_MS);
    assert_int_equal(log_start(&world), 0);
    rig_idle(&world.rig, 7 * MINUTE_MS);
    assert_int_equal(log_start(&world), 8); /* 8 and 9 lie with younger ones */
    rig_idle(&world.rig, DAY_MS);
    assert_int_equal(log_start(&world), 20); /* the active one rolled */
    append_now(&world, 1);
    assert_int_equal(kd_replica_state(world.replica)->log_end, 21);
    rig_idle(&world.rig, 10 * MINUTE_MS);
    expect_files(&world, 1, 0);
    end(&world);
}

static void a_log_shrinks_to_its_size(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    append_now(&world, 20);
    int64_t segment = kd_replica_size_bytes(world.replica) / 5;
    limit(&world, -1, 3 * segment + 1);
    rig_idle(&world.rig, 10 * MINUTE_MS);
    assert_int_equal(log_start(&world), 4);
    assert_int_equal(kd_replica_size_bytes(world.replica), 4 * segment);
    limit(&world, -1, 3 * segment);
    rig_idle(&world.rig, 10 * MINUTE_MS);
    assert_int_equal(log_start(&world), 8);
    limit(&world, -1, 0);
    rig_idle(&world.rig, 10 * MINUTE_MS);
    assert_int_equal(log_start(&world), 20);
    assert_int_equal(kd_replica_size_bytes(world.replica), 0);
    end(&world);
}

static void a_compacted_log_keeps_everything(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.rig.config.delete_old = false;
    limit(&world, 0, 0);
    append_now(&world, 20);
    rig_idle(&world.rig, DAY_MS);
    assert_int_equal(log_start(&world), 0);
    expect_files(&world, 5, 0);
    end(&world);
}

static void times_of_records_count_wherever_they_come_from(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    limit(&world, HOUR_MS, -1);
    for (int i = 0; i < 8; i++)
        append_at(&world, 1000); /* long ago */
    append_at(&world, wall_ms(&world) + DAY_MS);
    append_now(&world, 3);
    for (int i = 0; i < 2; i++)
        append_at(&world, -1); /* of none: as old as their file */
    rig_idle(&world.rig, 10 * MINUTE_MS);
    assert_int_equal(log_start(&world), 8);
    rig_idle(&world.rig, 20 * HOUR_MS);
    assert_int_equal(log_start(&world), 8);
    rig_idle(&world.rig, 6 * HOUR_MS);
    assert_int_equal(log_start(&world), 14);
    end(&world);
}

static void a_restart_does_not_make_segments_younger_or_older(void **state)
{
    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        struct world world;
        begin(&world);
        append_now(&world, 20);
        int64_t then = wall_ms(&world);
        (clean ? rig_close : rig_kill)(&world.rig);
        open_with(&world, 2);
        world.replica = rig_find(&world.rig, "t", 0);
        kn_sim_jump_wall(world.rig.sim, then - wall_ms(&world));
        limit(&world, HOUR_MS, -1);
        rig_idle(&world.rig, 59 * MINUTE_MS);
        assert_int_equal(log_start(&world), 0);
        rig_idle(&world.rig, 70 * MINUTE_MS);
        assert_int_equal(log_start(&world), 20);
        end(&world);
    }
}

enum { CROWD = 450 };

/* More than are looked at in one turn, while some of them go. */
static void many_logs_are_looked_at_in_turns(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.rig.config.retention_bytes = 0;
    for (int i = 0; i < CROWD; i++)
        rig_append_plain(&world.rig, rig_add(&world.rig, "crowd", i), 5, 10);
    for (int i = 0; i < CROWD; i += 3)
        kd_replica_delete(rig_find(&world.rig, "crowd", i), NULL);
    rig_idle(&world.rig, 10 * MINUTE_MS);
    for (int i = 0; i < CROWD; i++)
        if (i % 3)
            assert_int_equal(kd_replica_state(rig_find(&world.rig, "crowd", i))->log_start, 5);
    end(&world);
}

/* ---- The clock ---------------------------------------------------------- */

static void a_clock_that_is_moved_deletes_nothing_early(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct world world;
        begin(&world);
        limit(&world, 90 * MINUTE_MS, -1);
        append_now(&world, 10);
        rig_idle(&world.rig, 40 * MINUTE_MS);
        kn_sim_jump_wall(world.rig.sim, sign * HOUR_MS);
        rig_idle(&world.rig, 45 * MINUTE_MS);
        assert_int_equal(log_start(&world), 0);
        kn_sim_jump_wall(world.rig.sim, -sign * HOUR_MS);
        rig_idle(&world.rig, 3 * MINUTE_MS); /* 88 minutes old */
        assert_int_equal(log_start(&world), 0);
        rig_idle(&world.rig, 75 * MINUTE_MS);
        assert_int_equal(log_start(&world), 10);
        end(&world);
    }
}

/* ---- Files -------------------------------------------------------------- */

static void files_are_renamed_first_and_unlinked_later(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    append_now(&world, 20);
    expect_files(&world, 5, 0);
    limit(&world, -1, 0);
    rig_idle(&world.rig, 30 * 1000 + 500); /* the first look comes after half a minute */
    assert_int_equal(log_start(&world), 20);
    expect_files(&world, 1, 15); /* a log and two indexes each */
    rig_idle(&world.rig, 58 * 1000);
    expect_files(&world, 1, 15);
    rig_idle(&world.rig, 3 * 1000);
    expect_files(&world, 1, 0);
    end(&world);
}

static void files_that_wait_for_their_unlinking_go_at_the_next_start(void **state)
{
    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        struct world world;
        begin(&world);
        append_now(&world, 20);
        limit(&world, -1, 0);
        rig_idle(&world.rig, 30 * 1000 + 500);
        expect_files(&world, 1, 15);
        (clean ? rig_close : rig_kill)(&world.rig);
        open_with(&world, 2);
        world.replica = rig_find(&world.rig, "t", 0);
        assert_int_equal(log_start(&world), 20);
        expect_files(&world, 1, 0);
        end(&world);
    }
}

static void a_deleted_topic_takes_its_deleted_segments_along(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    append_now(&world, 20);
    limit(&world, -1, 0);
    rig_idle(&world.rig, 30 * 1000 + 500);
    expect_files(&world, 1, 15);
    assert_int_equal(rig_op(&world.rig, kd_replica_delete, world.replica), KB_OK);
    rig_idle(&world.rig, 5 * MINUTE_MS);
    world.replica = rig_add(&world.rig, "t", 0);
    append_now(&world, 1);
    expect_files(&world, 1, 0);
    end(&world);
}

/* ---- Readers ------------------------------------------------------------ */

static void mark(struct kd_read *read)
{
    *(bool *)read->owner = true;
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

static void set_start_16(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_set_start(replica, 16, op);
}

static void a_read_of_a_deleted_segment_goes_on(void **state)
{
    (void)state;
    struct world world;
    bool done = false;
    uint8_t byte;
    begin(&world);
    append_now(&world, 20);
    struct kd_read read = {
        .offset = 2, .bound = 20, .max_bytes = 3000, .done = mark, .owner = &done};
    if (!kd_replica_read(world.replica, &read))
        assert_true(rig_wait(&world.rig, is_set, &done));
    assert_non_null(read.extent.segment);
    assert_int_equal(rig_op(&world.rig, set_start_16, world.replica), KB_OK);
    rig_idle(&world.rig, 5 * MINUTE_MS);
    expect_files(&world, 1, 0);
    for (size_t i = 0; i < read.extent.size_bytes; i++)
        assert_int_equal(kd_segment_read(read.extent.segment, &byte, 1,
                                         read.extent.position + (int64_t)i, false),
                         1);
    kd_extent_release(&read.extent);
    end(&world);
}

/* Reads and lookups on their way to a disk thread while segments go. */
static void readers_and_deletions_in_any_order(void **state)
{
    (void)state;
    int found = 0, gone = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct world world = {.fs = kb_fs_mem_new()};
        bool done = false;
        open_with(&world, seed);
        world.replica = rig_add(&world.rig, "t", 0);
        append_now(&world, 20);
        struct kd_read read = {
            .offset = 2, .bound = 20, .max_bytes = 3000, .done = mark, .owner = &done};
        kd_replica_set_start(world.replica, 16, NULL);
        rig_idle(&world.rig, (int64_t)(seed % 8));
        done = kd_replica_read(world.replica, &read);
        assert_true(rig_wait(&world.rig, is_set, &done));
        assert_true(read.code == KB_OK || read.code == KB_E_OFFSET_OUT_OF_RANGE);
        found += read.code == KB_OK;
        gone += read.code != KB_OK;
        kd_extent_release(&read.extent);
        end(&world);
    }
    assert_true(found > 10 && gone > 10);
}

/* ---- Starts ------------------------------------------------------------- */

enum { MANY = 40 };

static void set_start_done(struct kd_op *op, int code)
{
    op->code = code;
    op->done = NULL;
}

static bool all_done(void *ctx)
{
    struct kd_op *ops = ctx;
    for (int i = 0; i < MANY; i++)
        if (ops[i].done)
            return false;
    return true;
}

static int count_syncs(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    (void)nth;
    *(int *)ctx += op == KB_FS_SYNC && strstr(path, KD_LOG_STARTS_FILE);
    return 0;
}

static void many_deletions_share_a_write(void **state)
{
    (void)state;
    struct world world;
    struct kd_op ops[MANY];
    struct kd_replica *replicas[MANY];
    int syncs = 0;
    begin(&world);
    for (int i = 0; i < MANY; i++) {
        replicas[i] = rig_add(&world.rig, "many", i);
        rig_append_plain(&world.rig, replicas[i], 10, 10);
    }
    kb_fs_mem_set_fault(world.fs, count_syncs, &syncs);
    for (int i = 0; i < MANY; i++) {
        ops[i] = (struct kd_op){.done = set_start_done};
        kd_replica_set_start(replicas[i], 1 + i % 9, &ops[i]);
        assert_int_equal(kd_replica_state(replicas[i])->log_start, 0); /* not on the disk yet */
    }
    assert_true(rig_wait(&world.rig, all_done, ops));
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ops[i].code, KB_OK);
        assert_int_equal(kd_replica_state(replicas[i])->log_start, 1 + i % 9);
    }
    assert_true(syncs >= 1 && syncs <= 2);
    kb_fs_mem_set_fault(world.fs, NULL, NULL);
    end(&world);
}

static int fail_starts(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    (void)ctx;
    (void)nth;
    return op == KB_FS_WRITE && strstr(path, KD_LOG_STARTS_FILE) ? -5 : 0;
}

static void a_start_that_cannot_be_recorded_does_not_count(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    append_now(&world, 20);
    kb_fs_mem_set_fault(world.fs, fail_starts, NULL);
    assert_int_equal(rig_op(&world.rig, set_start_16, world.replica), KB_E_KAFKA_STORAGE_ERROR);
    assert_int_equal(log_start(&world), 0);
    expect_files(&world, 5, 0);
    kb_fs_mem_set_fault(world.fs, NULL, NULL);
    assert_int_equal(rig_op(&world.rig, set_start_16, world.replica), KB_OK);
    assert_int_equal(log_start(&world), 16);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_go_when_all_their_records_are_old),
        cmocka_unit_test(a_log_shrinks_to_its_size),
        cmocka_unit_test(a_compacted_log_keeps_everything),
        cmocka_unit_test(times_of_records_count_wherever_they_come_from),
        cmocka_unit_test(a_restart_does_not_make_segments_younger_or_older),
        cmocka_unit_test(many_logs_are_looked_at_in_turns),
        cmocka_unit_test(a_clock_that_is_moved_deletes_nothing_early),
        cmocka_unit_test(files_are_renamed_first_and_unlinked_later),
        cmocka_unit_test(files_that_wait_for_their_unlinking_go_at_the_next_start),
        cmocka_unit_test(a_deleted_topic_takes_its_deleted_segments_along),
        cmocka_unit_test(a_read_of_a_deleted_segment_goes_on),
        cmocka_unit_test(readers_and_deletions_in_any_order),
        cmocka_unit_test(many_deletions_share_a_write),
        cmocka_unit_test(a_start_that_cannot_be_recorded_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
