/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions in one log, through the drive: what opens and ends them, how far the
 * stable end goes, and that it is the same after a restart. */
#include "tests/unit/store/rig.h"

#include <errno.h>
#include <string.h>

struct world {
    struct kb_fs *fs;
    struct rig rig;
    struct kd_replica *replica;
    int32_t sequences[8];
};

static void begin(struct world *world, uint64_t seed, bool again)
{
    rig_init(&world->rig, world->fs, seed);
    world->rig.config.segment_bytes = 2000;
    rig_open(&world->rig);
    world->replica = again ? rig_find(&world->rig, "t", 0) : rig_add(&world->rig, "t", 0);
}

static int set_up(void **state)
{
    static struct world world;
    world = (struct world){.fs = kb_fs_mem_new()};
    begin(&world, 1, false);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    rig_close(&world->rig);
    world->fs->ops->free(world->fs);
    return 0;
}

static const struct kd_partition *state_of(const struct world *world)
{
    return kd_replica_state(world->replica);
}

static int64_t stable(const struct world *world)
{
    return kd_partition_stable_end(state_of(world));
}

static struct rig_batch in_txn(struct world *world, int64_t producer)
{
    return (struct rig_batch){.producer_id = producer,
                              .sequence = world->sequences[producer],
                              .count = 2,
                              .value_bytes = 100,
                              .timestamp_ms = 1,
                              .tag = (uint64_t)producer,
                              .transactional = true};
}

static int64_t write_txn(struct world *world, int64_t producer)
{
    struct rig_batch batch = in_txn(world, producer);
    int64_t offset;
    assert_int_equal(rig_append(&world->rig, world->replica, &batch, &offset), KB_OK);
    world->sequences[producer] += 2;
    return offset;
}

static int mark(struct world *world, int64_t producer, bool commit)
{
    struct kd_txn_mark mark = {.producer = producer, .commit = commit};
    return rig_end_txn(&world->rig, world->replica, &mark);
}

static void the_stable_end_waits_for_what_is_open(void **state)
{
    struct world *world = *state;
    int64_t first = write_txn(world, 1);
    int64_t second = write_txn(world, 2);
    int64_t plain = rig_append_plain(&world->rig, world->replica, 3, 10);
    assert_int_equal(stable(world), first);
    assert_int_equal(mark(world, 1, true), KB_OK);
    assert_int_equal(stable(world), second);
    assert_int_equal(mark(world, 2, false), KB_OK);
    assert_int_equal(stable(world), plain + 3 + 2); /* markers have offsets */
    assert_int_equal(stable(world), state_of(world)->high_watermark);
    assert_int_equal(mark(world, 2, false), KB_OK); /* again: nothing is open */
    assert_int_equal(stable(world), plain + 3 + 3);
}

struct watch {
    int64_t first; /* of the transaction */
    int below, above;
};

/* Whenever anybody may look: is the marker committed, or does the end stand still? */
static void on_advanced(struct rig *rig, struct kd_replica *replica)
{
    struct watch *watch = rig->ctx;
    const struct kd_partition *p = kd_replica_state(replica);
    if (p->high_watermark < p->log_end) {
        watch->below++;
        assert_int_equal(kd_partition_stable_end(p), watch->first);
    } else {
        watch->above++;
    }
}

static bool answered(void *ctx)
{
    return ((struct kd_append *)ctx)->owner != NULL;
}

static void on_done(struct kd_append *append)
{
    append->owner = append;
}

static void an_ended_transaction_holds_until_its_marker_is_committed(void **state)
{
    struct world *world = *state;
    struct watch watch = {.first = write_txn(world, 1)};
    struct kd_txn_mark end = {.producer = 1, .commit = true};
    struct kd_append append = {.wait = KD_WAIT_COMMITTED, .done = on_done};
    world->rig.ctx = &watch;
    world->rig.on_advanced = on_advanced;
    assert_true(kd_control_append(&end, 1, 1, &append));
    struct kb_buf *frame = append.frame;
    kd_replica_append(world->replica, &append);
    assert_true(append.placed);
    assert_int_equal(stable(world), watch.first); /* it is not on the disk yet */
    assert_true(rig_wait(&world->rig, answered, &append));
    kb_buf_unref(frame);
    assert_int_equal(append.code, KB_OK);
    assert_int_equal(stable(world), append.base_offset + 1);
    assert_int_equal(watch.above, 1);
    world->rig.on_advanced = NULL;
}

/* A late Produce of a transaction that was aborted: nobody vouches for it any more. */
static void what_is_late_after_an_abort_is_refused(void **state)
{
    struct world *world = *state;
    struct rig_batch late = in_txn(world, 1);
    struct kb_buf *frame = rig_encode(&late);
    struct kd_append *append = rig_append_new(frame);
    write_txn(world, 2);
    rig_claim(world->replica, append); /* verified, and then the marker comes */
    assert_int_equal(mark(world, 1, false), KB_OK);
    append->done = on_done;
    kd_replica_append(world->replica, append);
    assert_true(rig_wait(&world->rig, answered, append));
    assert_int_equal(append->code, KB_E_NOT_ENOUGH_REPLICAS);
    assert_false(append->placed);
    append->txn.claim.joined = false;
    append->owner = NULL;
    append->frame = frame;
    kd_replica_append(world->replica, append);
    assert_true(rig_wait(&world->rig, answered, append));
    assert_int_equal(append->code, KB_E_INVALID_TXN_STATE);
    kb_buf_unref(frame);
    kb_free(append);
    assert_int_equal(mark(world, 2, false), KB_OK);
    assert_int_equal(stable(world), state_of(world)->log_end);
}

static void sequences_go_on_from_transaction_to_transaction(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 20; i++) {
        int64_t first = write_txn(world, 1);
        write_txn(world, 1);
        assert_int_equal(stable(world), first);
        assert_int_equal(mark(world, 1, i % 2), KB_OK);
        assert_int_equal(stable(world), first + 5);
    }
    struct rig_batch repeat = in_txn(world, 1);
    repeat.sequence -= 2;
    int64_t offset;
    assert_int_equal(rig_append(&world->rig, world->replica, &repeat, &offset), KB_OK);
    assert_int_equal(offset, 19 * 5 + 2);
    assert_int_equal(state_of(world)->log_end, 100);
    struct rig_batch gap = in_txn(world, 1);
    gap.sequence += 2;
    assert_int_equal(rig_append(&world->rig, world->replica, &gap, &offset),
                     KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

static void expect_same_after_restart(struct world *world, bool clean, uint64_t seed)
{
    int64_t stable_end = stable(world), log_end = state_of(world)->log_end;
    if (clean)
        rig_close(&world->rig);
    else
        rig_kill(&world->rig);
    begin(world, seed, true);
    assert_int_equal(state_of(world)->log_end, log_end);
    assert_int_equal(stable(world), stable_end);
}

/* Snapshots at every segment, and batches behind the last one; both ends are read. */
static void open_transactions_are_open_after_a_restart(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 40; i++) {
        bool open[8] = {false};
        for (int64_t producer = 1; producer < 8; producer++)
            if ((i * 7 + producer * 3) % 4 != 0) {
                write_txn(world, producer);
                open[producer] = true;
            }
        expect_same_after_restart(world, i % 3 == 0, (uint64_t)(100 + 2 * i));
        for (int64_t producer = 1; producer < 8; producer++)
            if (open[producer])
                assert_int_equal(mark(world, producer, (i + producer) % 2), KB_OK);
        assert_int_equal(stable(world), state_of(world)->log_end);
        expect_same_after_restart(world, i % 2 == 0, (uint64_t)(101 + 2 * i));
    }
}

/* A log that begins behind an open transaction's first record is readable up to there. */
static void deleted_records_do_not_hold_the_stable_end_below_the_start(void **state)
{
    struct world *world = *state;
    write_txn(world, 1);
    int64_t end = rig_append_plain(&world->rig, world->replica, 3, 10) + 1;
    kd_replica_state(world->replica)->log_start = end;
    assert_int_equal(stable(world), end);
    kd_replica_state(world->replica)->log_start = 0;
    assert_int_equal(mark(world, 1, true), KB_OK);
}

/* ---- A full disk ---------------------------------------------------------- */

static int no_room_for_an_index(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    const bool *full = ctx;
    (void)nth;
    return *full && op == KB_FS_WRITE && strstr(path, ".txnindex") ? -ENOSPC : 0;
}

/* The log is loaded again, for which there is no room either, until there is. */
static void who_finds_no_room_for_an_abort_goes_on_once_there_is(void **state)
{
    enum { LONG_MS = 5000, SOON_MS = 1500 };
    struct world *world = *state;
    bool full = false;
    kb_fs_mem_set_fault(world->fs, no_room_for_an_index, &full);
    write_txn(world, 3);
    assert_int_equal(mark(world, 3, false), KB_OK); /* there is something to be indexed */
    int64_t first = write_txn(world, 1);
    full = true;
    assert_int_equal(mark(world, 1, false), KB_E_KAFKA_STORAGE_ERROR);
    rig_idle(&world->rig, LONG_MS);
    assert_true(kd_replica_is_offline(world->replica));
    full = false;
    rig_idle(&world->rig, SOON_MS);
    assert_false(kd_replica_is_offline(world->replica));
    if (stable(world) == first) /* its marker was not written after all */
        assert_int_equal(mark(world, 1, false), KB_OK);
    assert_int_equal(stable(world), first + 3);
    assert_int_equal(write_txn(world, 2), first + 3);
    kb_fs_mem_set_fault(world->fs, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_stable_end_waits_for_what_is_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ended_transaction_holds_until_its_marker_is_committed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_late_after_an_abort_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sequences_go_on_from_transaction_to_transaction, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(open_transactions_are_open_after_a_restart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(deleted_records_do_not_hold_the_stable_end_below_the_start,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_finds_no_room_for_an_abort_goes_on_once_there_is,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
