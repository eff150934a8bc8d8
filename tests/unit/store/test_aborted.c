/* SPDX-License-Identifier: Apache-2.0 */
/* Aborted transactions beside their log, held to a model: while it is written, after
 * every kind of stop, and where somebody damaged or removed the index. */
#include "tests/unit/store/keyed.h"

#include "base/check.h"
#include "broker/core/txn_mark.h"
#include "broker/store/layout.h"
#include "broker/store/recover.h"
#include "broker/store/txn_file.h"

#include <string.h>

enum { PRODUCERS = 6, ABORTED_MAX = 2000, SEGMENT_BYTES = 2500 };

struct world {
    struct kb_fs *fs;
    struct rig rig;
    struct kd_replica *replica;
    struct keyed_book book;
    struct kb_random random;
    int64_t open[PRODUCERS]; /* first offsets; -1: none */
    int32_t sequence[PRODUCERS];
    struct kd_aborted aborted[ABORTED_MAX];
    size_t count;
};

static void configure(struct world *world)
{
    world->rig.config.segment_bytes = SEGMENT_BYTES;
    world->rig.config.index_interval_bytes = 300;
    world->rig.options.tail_bytes = 1;
}

static int begin(void **state)
{
    struct world *world = KB_NEW(struct world);
    world->fs = kb_fs_mem_new();
    kb_random_seed(&world->random, 7);
    for (int i = 0; i < PRODUCERS; i++)
        world->open[i] = -1;
    rig_init(&world->rig, world->fs, 5);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_add(&world->rig, "t", 0);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    rig_kill(&world->rig);
    keyed_book_deinit(&world->book);
    world->fs->ops->free(world->fs);
    kb_free(world);
    return 0;
}

static void reopen(struct world *world)
{
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
}

static void restart(struct world *world, bool clean)
{
    if (clean)
        rig_close(&world->rig);
    else
        rig_kill(&world->rig);
    reopen(world);
}

/* ---- The model ---------------------------------------------------------- */

static void produce(struct world *world, int producer)
{
    struct keyed records[3];
    int32_t count = 1 + (int32_t)kb_random_below(&world->random, 3);
    for (int32_t i = 0; i < count; i++)
        records[i] = (struct keyed){(int)kb_random_below(&world->random, 9), i};
    struct keyed_batch batch = {.records = records,
                                .count = count,
                                .timestamp_ms = 1,
                                .producer_id = 100 + producer,
                                .sequence = world->sequence[producer],
                                .attributes = KW_BATCH_TRANSACTIONAL};
    if (world->open[producer] < 0)
        world->open[producer] = kd_replica_state(world->replica)->log_end;
    world->sequence[producer] += count;
    keyed_append(&world->rig, world->replica, &world->book, &batch);
}

static void finish(struct world *world, int producer, bool commit)
{
    struct kd_txn_mark mark = {.producer = 100 + producer, .commit = commit};
    int64_t at = kd_replica_state(world->replica)->log_end, stable = at + 1;
    int64_t first = world->open[producer];
    keyed_book_add_marker(&world->book);
    assert_int_equal(rig_end_txn(&world->rig, world->replica, &mark), KB_OK);
    world->open[producer] = -1;
    for (int i = 0; i < PRODUCERS; i++)
        if (world->open[i] >= 0)
            stable = KB_MIN(stable, world->open[i]);
    if (!commit && first >= 0)
        world->aborted[world->count++] = (struct kd_aborted){100 + producer, first, at, stable};
}

static void write_some(struct world *world, int steps)
{
    for (int i = 0; i < steps; i++) {
        int producer = (int)kb_random_below(&world->random, PRODUCERS);
        if (kb_random_below(&world->random, 3))
            produce(world, producer);
        else
            finish(world, producer, kb_random_below(&world->random, 2));
    }
}

/* ---- What the files say ------------------------------------------------- */

struct loaded {
    struct kd_files files;
    struct kd_producers producers;
    struct kd_epochs epochs;
    struct kd_load load;
};

/* As after a clean stop: nothing is scanned that is not in doubt. */
static struct kd_log *load(struct world *world, struct loaded *loaded)
{
    kd_files_init(&loaded->files, world->fs, 4);
    kd_producers_init(&loaded->producers, 1);
    kd_epochs_init(&loaded->epochs);
    loaded->load = (struct kd_load){.files = &loaded->files,
                                    .dir = "t-0",
                                    .index_interval_bytes = 300,
                                    .clean = true,
                                    .log_start = -1,
                                    .now_ms = 1,
                                    .producers = &loaded->producers,
                                    .epochs = &loaded->epochs};
    assert_int_equal(kd_log_load(&loaded->load), KB_OK);
    return loaded->load.log;
}

static void unload(struct loaded *loaded)
{
    kd_log_free(loaded->load.log);
    kd_producers_deinit(&loaded->producers);
    kd_epochs_deinit(&loaded->epochs);
    kd_files_deinit(&loaded->files);
}

static void assert_same(const struct kd_aborted *a, const struct kd_aborted *b)
{
    assert_int_equal(a->producer_id, b->producer_id);
    assert_int_equal(a->first_offset, b->first_offset);
    assert_int_equal(a->last_offset, b->last_offset);
    assert_int_equal(a->stable_offset, b->stable_offset);
}

/* Every one of the model that overlaps is told, and nothing that is not in it. */
static void expect_range(struct world *world, struct kd_log *log, int64_t from, int64_t to)
{
    struct kd_aborted_ask ask = {from, to, KD_ABORTED_MAX};
    struct kd_aborted_list list;
    int64_t until;
    size_t k = 0;
    assert_int_equal(kd_log_aborted(log, &ask, &list, &until), 0);
    assert_int_equal(until, to);
    for (size_t i = 0; i < world->count; i++) {
        const struct kd_aborted *known = &world->aborted[i];
        if (known->last_offset >= from && known->first_offset < to) {
            assert_true(k < list.count);
            assert_same(&list.items[k++], known);
        }
    }
    assert_int_equal(k, list.count);
    kd_aborted_list_deinit(&list);
}

static void expect_model(struct world *world)
{
    struct loaded loaded;
    struct kd_log *log = load(world, &loaded);
    int64_t log_end = loaded.load.log_end, first = INT64_MAX;
    expect_range(world, log, 0, log_end);
    for (int i = 0; i < 50; i++) {
        int64_t from = (int64_t)kb_random_below(&world->random, (uint64_t)log_end);
        expect_range(world, log, from, from + 1 + (int64_t)kb_random_below(&world->random, 90));
    }
    for (int i = 0; i < PRODUCERS; i++)
        if (world->open[i] >= 0)
            first = KB_MIN(first, world->open[i]);
    assert_int_equal(kd_producers_first_unstable(&loaded.producers), first);
    assert_true(kd_log_has_aborted(log, world->aborted[world->count - 1].last_offset));
    assert_false(kd_log_has_aborted(log, world->aborted[world->count - 1].last_offset + 1));
    unload(&loaded);
}

/* ---- Stories ------------------------------------------------------------ */

static void every_stop_leaves_an_index_of_all_that_was_aborted(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 6; round++) {
        write_some(world, 100);
        rig_idle(&world->rig, round == 3 ? 120 * 1000 : 1); /* a checkpoint in between */
        restart(world, round % 2);
        rig_kill(&world->rig);
        expect_model(world);
        reopen(world);
    }
    assert_true(world->count > 50);
}

static void power_losses_leave_it_whole(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 8; round++) {
        write_some(world, 60);
        rig_idle(&world->rig, round % 3 ? 1 : 120 * 1000);
        rig_kill(&world->rig);
        kb_fs_mem_crash(world->fs, KB_CRASH_POWER, &world->random);
        reopen(world);
        assert_int_equal(kd_replica_state(world->replica)->log_end, world->book.end);
        rig_kill(&world->rig);
        expect_model(world);
        reopen(world);
    }
}

struct txn_files {
    int64_t bases[256];
    size_t count;
};

static int note_txn_file(void *ctx, const char *name, bool is_dir)
{
    struct txn_files *found = ctx;
    enum kd_suffix suffix;
    int64_t offset;
    if (!is_dir && kd_file_parse(name, &offset, &suffix) && suffix == KD_SUFFIX_TXNINDEX)
        found->bases[found->count++] = offset;
    return 0;
}

static struct txn_files txn_files(struct world *world)
{
    struct txn_files found = {.count = 0};
    assert_true(world->fs->ops->list(world->fs, "t-0", note_txn_file, &found) >= 0);
    assert_true(found.count > 3 && found.count < 256);
    return found;
}

static void damage(struct world *world, int64_t base_offset, int how)
{
    struct kb_fs *fs = world->fs;
    struct kb_file *file;
    char path[KD_PATH_MAX];
    kd_file_path(path, "t-0", base_offset, KD_SUFFIX_TXNINDEX);
    assert_true(fs->ops->open(fs, path, KB_OPEN_WRITE, &file) >= 0);
    uint8_t raw[KD_TXN_ENTRY_BYTES] = {0};
    struct kd_aborted entry = {100, base_offset, base_offset + 100000, base_offset};
    if (how == 0) /* torn */
        assert_true(fs->ops->truncate(fs, file, KD_TXN_ENTRY_BYTES - 1) >= 0);
    if (how == 1) { /* zeroes */
        assert_true(kb_fs_write_all(fs, file, raw, sizeof raw, 0) >= 0);
    }
    if (how == 2) { /* of somewhere else */
        kd_txn_entry_put(raw, &entry);
        assert_true(kb_fs_write_all(fs, file, raw, sizeof raw, 0) >= 0);
    }
    fs->ops->close(fs, file);
}

static void a_damaged_index_is_built_again(void **state)
{
    struct world *world = *state;
    write_some(world, 400);
    rig_close(&world->rig);
    for (int how = 0; how < 3; how++) {
        struct txn_files found = txn_files(world);
        damage(world, found.bases[kb_random_below(&world->random, found.count)], how);
        expect_model(world);
        expect_model(world);
    }
    reopen(world);
}

static void indexes_that_somebody_removed_are_built_again(void **state)
{
    struct world *world = *state;
    static const enum kd_suffix all[] = {KD_SUFFIX_INDEX, KD_SUFFIX_TIMEINDEX, KD_SUFFIX_TXNINDEX};
    char path[KD_PATH_MAX];
    struct kb_stat stat;
    write_some(world, 400);
    rig_close(&world->rig);
    struct txn_files found = txn_files(world);
    for (size_t i = 0; i < found.count * KB_ARRAY_SIZE(all); i++) {
        kd_file_path(path, "t-0", found.bases[i / KB_ARRAY_SIZE(all)], all[i % KB_ARRAY_SIZE(all)]);
        (void)world->fs->ops->unlink(world->fs, path);
    }
    expect_model(world);
    int64_t oldest = found.bases[0];
    for (size_t i = 1; i < found.count; i++)
        oldest = KB_MIN(oldest, found.bases[i]);
    kd_file_path(path, "t-0", oldest, KD_SUFFIX_INDEX);
    assert_true(world->fs->ops->stat(world->fs, path, &stat) >= 0 && stat.size > 0);
    expect_model(world);
    reopen(world);
}

static int64_t truncate_to;

static void start_truncate(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_truncate(replica, truncate_to, op);
}

static bool is_online(void *replica)
{
    return !kd_replica_is_offline(replica);
}

/* The model forgets what lies behind; who was ended there is open again. */
static void forget_behind(struct world *world, int64_t log_end)
{
    while (world->count && world->aborted[world->count - 1].last_offset >= log_end)
        world->count--;
    const struct kd_producers *producers = &kd_replica_state(world->replica)->producers;
    const struct kd_producer *at = NULL;
    for (int i = 0; i < PRODUCERS; i++)
        world->open[i] = -1;
    while ((at = kd_producers_next(producers, at))) {
        world->open[at->id - 100] = at->txn_first_offset;
        world->sequence[at->id - 100] =
            at->count ? at->last[at->count - 1].last_sequence + 1 : world->sequence[at->id - 100];
    }
    world->book.end = log_end;
}

static void a_log_that_is_cut_forgets_what_was_aborted_behind(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 5; round++) {
        write_some(world, 120);
        truncate_to = world->book.end - 1 - (int64_t)kb_random_below(&world->random, 90);
        assert_int_equal(rig_op(&world->rig, start_truncate, world->replica), KB_OK);
        assert_true(rig_wait(&world->rig, is_online, world->replica));
        forget_behind(world, kd_replica_state(world->replica)->log_end);
        rig_close(&world->rig);
        expect_model(world);
        reopen(world);
        forget_behind(world, world->book.end);
    }
}

static int64_t start_at;

static void start_set(struct kd_replica *replica, struct kd_op *op)
{
    kd_replica_set_start(replica, start_at, op);
}

/* Whole segments go, and their indexes with them; what overlaps the rest is still told. */
static void deleted_segments_take_their_index_along(void **state)
{
    struct world *world = *state;
    struct kd_aborted kept[ABORTED_MAX];
    size_t count = 0;
    write_some(world, 400);
    start_at = world->book.end / 2;
    assert_int_equal(rig_op(&world->rig, start_set, world->replica), KB_OK);
    rig_idle(&world->rig, 120 * 1000);
    rig_close(&world->rig);
    struct loaded loaded;
    struct kd_log *log = load(world, &loaded);
    expect_range(world, log, start_at, loaded.load.log_end);
    int64_t first = log->segments[0]->base_offset;
    unload(&loaded);
    assert_true(first > 0 && first <= start_at);
    struct txn_files found = txn_files(world);
    for (size_t i = 0; i < found.count; i++)
        assert_true(found.bases[i] >= first);
    for (size_t i = 0; i < world->count; i++)
        if (world->aborted[i].last_offset >= first)
            kept[count++] = world->aborted[i];
    memcpy(world->aborted, kept, count * sizeof *kept);
    world->count = count;
    reopen(world);
    assert_int_equal(kd_replica_state(world->replica)->log_start, start_at);
    restart(world, false);
    rig_kill(&world->rig);
    log = load(world, &loaded);
    expect_range(world, log, start_at, loaded.load.log_end);
    unload(&loaded);
    reopen(world);
}

static void no_more_is_told_than_was_asked_for(void **state)
{
    struct world *world = *state;
    struct loaded loaded;
    struct kd_aborted_list list;
    int64_t until;
    for (int i = 0; i < PRODUCERS; i++)
        produce(world, i);
    for (int i = 0; i < PRODUCERS; i++)
        finish(world, i, false);
    write_some(world, 100);
    rig_close(&world->rig);
    struct kd_log *log = load(world, &loaded);
    struct kd_aborted_ask ask = {0, world->book.end, 3};
    assert_int_equal(kd_log_aborted(log, &ask, &list, &until), 0);
    assert_int_equal(list.count, 3);
    assert_int_equal(until, world->aborted[3].first_offset);
    kd_aborted_list_deinit(&list);
    struct kd_locate locate = {
        .bound = world->book.end, .max_bytes = 1 << 20, .whole_first = true, .aborted_max = 3};
    struct kd_located located;
    assert_int_equal(kd_log_locate(log, &locate, &located), 0);
    assert_int_equal(located.aborted.count, 3);
    assert_int_equal(located.end_offset, world->aborted[3].first_offset);
    kd_aborted_list_deinit(&located.aborted);
    kd_segment_unpin(located.segment);
    kd_segment_unref(located.segment);
    locate.nowait = true;
    assert_int_equal(kd_log_locate(log, &locate, &located), -11 /* EAGAIN */);
    unload(&loaded);
    reopen(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_stop_leaves_an_index_of_all_that_was_aborted, begin,
                                        end),
        cmocka_unit_test_setup_teardown(power_losses_leave_it_whole, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_index_is_built_again, begin, end),
        cmocka_unit_test_setup_teardown(indexes_that_somebody_removed_are_built_again, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_is_cut_forgets_what_was_aborted_behind, begin,
                                        end),
        cmocka_unit_test_setup_teardown(deleted_segments_take_their_index_along, begin, end),
        cmocka_unit_test_setup_teardown(no_more_is_told_than_was_asked_for, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
