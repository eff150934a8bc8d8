/* SPDX-License-Identifier: Apache-2.0 */
/* Logs are compacted while they are in use: what is left, what a restart finds, and
 * what happens when something comes between. */
#include "tests/unit/store/keyed.h"

#include "base/check.h"
#include "broker/store/clean.h"
#include "broker/store/layout.h"
#include "broker/store/recover.h"
#include "broker/store/segment.h"

#include <errno.h>
#include <string.h>

enum { SEGMENT_BYTES = 2000, DAY_MS = 86400 * 1000 };

struct world {
    struct kb_fs *fs;
    struct rig rig;
    struct kd_replica *replica;
    struct keyed_book book;
    struct kb_random random;
};

static const struct kd_cleaner_config cleaner = {
    .enabled = true, .backoff_ms = 50, .map_bytes = 1 << 20};

static void configure(struct world *world)
{
    struct kd_log_config *config = &world->rig.config;
    config->segment_bytes = SEGMENT_BYTES;
    config->index_interval_bytes = 300;
    config->compact = true;
    config->min_cleanable_ratio = 0.5;
    config->max_compaction_lag_ms = INT64_MAX;
    config->delete_retention_ms = DAY_MS;
    world->rig.options.tail_bytes = 1;
}

static int begin(void **state)
{
    struct world *world = KB_NEW(struct world);
    world->fs = kb_fs_mem_new();
    kb_random_seed(&world->random, 5);
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

/* As after a clean stop, or kill -9. */
static void restart(struct world *world, bool clean)
{
    if (clean)
        rig_close(&world->rig);
    else
        rig_kill(&world->rig);
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
}

static void append(struct world *world, int keys, int64_t timestamp_ms)
{
    struct keyed records[4];
    int32_t count = 1 + (int32_t)kb_random_below(&world->random, 4);
    for (int32_t i = 0; i < count; i++)
        records[i] = (struct keyed){(int)kb_random_below(&world->random, (uint64_t)keys),
                                    (int)world->book.end + i};
    struct keyed_batch batch = {.records = records,
                                .count = count,
                                .pad_bytes = (size_t)kb_random_below(&world->random, 60),
                                .codec = (enum kw_codec)kb_random_below(&world->random, KW_CODECS),
                                .timestamp_ms = timestamp_ms};
    keyed_append(&world->rig, world->replica, &world->book, &batch);
}

static void append_many(struct world *world, int batches, int keys)
{
    for (int i = 0; i < batches; i++)
        append(world, keys, 1000 + i);
}

static uint64_t compactions(struct world *world)
{
    struct kd_disk_stats stats;
    kd_disk_stats(world->rig.disk, &stats);
    return stats.compactions;
}

/* Compacts until nothing is due. */
static void compact(struct world *world)
{
    kd_disk_set_cleaner(world->rig.disk, &cleaner);
    rig_idle(&world->rig, 1000);
    kd_disk_set_cleaner(world->rig.disk, &(struct kd_cleaner_config){0});
    rig_idle(&world->rig, 1000);
}

static struct keyed_found read_all(struct world *world)
{
    return keyed_read(&world->rig, world->replica, &world->book, 0, world->book.end);
}

static struct keyed_found expect_well(struct world *world)
{
    struct keyed_found found = read_all(world);
    assert_int_equal(found.strange, 0);
    assert_int_equal(found.missing, 0);
    assert_int_equal(found.undead, 0);
    return found;
}

struct files {
    int logs, indexes, staged;
};

static int count_file(void *ctx, const char *name, bool is_dir)
{
    struct files *files = ctx;
    enum kd_suffix suffix;
    enum kd_stage stage;
    int64_t offset;
    if (is_dir || !kd_file_parse_stage(name, &offset, &suffix, &stage))
        return 0;
    files->staged += stage != KD_IN_LOG;
    files->logs += stage == KD_IN_LOG && suffix == KD_SUFFIX_LOG;
    files->indexes += stage == KD_IN_LOG && suffix == KD_SUFFIX_INDEX;
    return 0;
}

static struct files count_files(struct world *world)
{
    struct files files = {0};
    assert_int_equal(world->fs->ops->list(world->fs, "t-0", count_file, &files), 0);
    return files;
}

/* ---- What is left ------------------------------------------------------- */

static void only_the_latest_of_each_key_is_left(void **state)
{
    struct world *world = *state;
    append_many(world, 300, 8);
    struct files before = count_files(world);
    int records = expect_well(world).records;
    assert_true(before.logs > 10);
    compact(world);
    struct keyed_found found = expect_well(world);
    struct files after = count_files(world);
    assert_true(found.records < records / 5);
    assert_true(after.logs <= 3);
    assert_true(after.indexes >= after.logs - 1);
    assert_int_equal(after.staged, 0);
    assert_true(kd_replica_size_bytes(world->replica) < 3 * SEGMENT_BYTES);
    uint64_t count = compactions(world);
    compact(world); /* and then there is nothing to do */
    assert_int_equal(compactions(world), count);
}

static void a_restart_finds_the_same(void **state)
{
    struct world *world = *state;
    append_many(world, 200, 20);
    compact(world);
    struct keyed_found found = expect_well(world);
    for (int i = 0; i < 4; i++) {
        restart(world, i % 2);
        struct keyed_found again = expect_well(world);
        assert_int_equal(again.records, found.records);
        assert_int_equal(again.batches, found.batches);
        assert_int_equal(kd_replica_state(world->replica)->log_end, world->book.end);
        compact(world);
        assert_int_equal(compactions(world), 0); /* it knows how far it is clean */
    }
    assert_int_equal(world->rig.errors, 0);
}

static void it_goes_on_and_on(void **state)
{
    struct world *world = *state;
    kd_disk_set_cleaner(world->rig.disk, &cleaner);
    for (int i = 0; i < 40; i++) {
        append_many(world, 40, 30);
        expect_well(world);
        if (i % 10 == 9)
            restart(world, i % 20 == 9);
        kd_disk_set_cleaner(world->rig.disk, &cleaner);
    }
    compact(world);
    expect_well(world);
    assert_true(kd_replica_size_bytes(world->replica) < 6 * SEGMENT_BYTES);
}

static void every_offset_can_be_read_from(void **state)
{
    struct world *world = *state;
    append_many(world, 120, 10);
    compact(world);
    for (int64_t at = 0; at < world->book.end; at++) {
        struct kb_buf *got;
        int64_t first, end_offset;
        int batches;
        assert_int_equal(rig_read(&world->rig, world->replica, at, world->book.end, 1, true, &got),
                         KB_OK);
        assert_non_null(got);
        rig_count_batches(got, &first, &end_offset, &batches);
        assert_true(end_offset > at);
        kb_buf_unref(got);
    }
}

static void few_keys_at_a_time_come_to_the_same(void **state)
{
    struct world *world = *state;
    append_many(world, 200, 60);
    struct kd_cleaner_config small = cleaner;
    small.map_bytes = 20 * 24;
    kd_disk_set_cleaner(world->rig.disk, &small);
    rig_idle(&world->rig, 3000);
    assert_true(compactions(world) > 3);
    expect_well(world);
}

static void a_map_that_is_too_small_for_a_batch_is_told(void **state)
{
    struct world *world = *state;
    append_many(world, 100, 10);
    struct kd_cleaner_config tiny = cleaner;
    tiny.map_bytes = 48;
    kd_disk_set_cleaner(world->rig.disk, &tiny);
    rig_idle(&world->rig, 200000);
    assert_int_equal(world->rig.warnings, 1);
    assert_non_null(strstr(world->rig.line, "log.cleaner.dedupe.buffer.size"));
    assert_int_equal(compactions(world), 0);
    expect_well(world);
}

/* ---- Tombstones --------------------------------------------------------- */

static void put(struct world *world, int key, int value)
{
    struct keyed record = {key, value};
    struct keyed_batch batch = {.records = &record, .count = 1, .timestamp_ms = 5000};
    keyed_append(&world->rig, world->replica, &world->book, &batch);
}

static void tombstones_go_after_their_time(void **state)
{
    struct world *world = *state;
    for (int key = 0; key < 20; key++)
        put(world, key, key);
    for (int key = 0; key < 10; key++)
        put(world, key, KEYED_GONE);
    append_many(world, 100, 4); /* keys 0 to 3 come back */
    compact(world);
    struct keyed_found found = expect_well(world);
    assert_int_equal(found.tombstones, 6);
    append_many(world, 100, 4);
    compact(world);
    assert_int_equal(expect_well(world).tombstones, 6); /* a day is not over */
    rig_idle(&world->rig, DAY_MS);
    append_many(world, 100, 4);
    compact(world);
    found = expect_well(world);
    assert_int_equal(found.tombstones, 0);
    restart(world, false);
    assert_int_equal(expect_well(world).records, found.records);
}

/* ---- Producers ---------------------------------------------------------- */

static int unlink_snapshot(void *ctx, const char *name, bool is_dir)
{
    struct world *world = ctx;
    enum kd_suffix suffix;
    int64_t offset;
    char path[KD_PATH_MAX];
    (void)is_dir;
    if (!kd_file_parse(name, &offset, &suffix) || suffix != KD_SUFFIX_SNAPSHOT)
        return 0;
    kd_path_join(path, "t-0", name);
    return world->fs->ops->unlink(world->fs, path);
}

static void what_a_producer_sent_last_is_known(void **state)
{
    struct world *world = *state;
    struct keyed record = {63, 1};
    struct keyed_batch batch = {
        .records = &record, .count = 1, .timestamp_ms = 1, .producer_id = 77, .sequence = 0};
    keyed_append(&world->rig, world->replica, &world->book, &batch);
    int64_t offset = batch.base_offset;
    put(world, 63, 2);
    append_many(world, 100, 5);
    compact(world);
    assert_true(expect_well(world).empty_batches >= 1);
    rig_kill(&world->rig);
    assert_int_equal(world->fs->ops->list(world->fs, "t-0", unlink_snapshot, world), 0);
    rig_init(&world->rig, world->fs, 7);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
    struct kw_batch_header header;
    int64_t repeated = -1;
    struct kb_buf *frame = keyed_encode(&batch);
    kw_batch_peek(frame->data, &header);
    assert_int_equal(kd_partition_check(kd_replica_state(world->replica), &header, &repeated),
                     KB_E_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(repeated, offset);
    kb_buf_unref(frame);
}

/* ---- By time ------------------------------------------------------------ */

static void looked_up(struct kd_lookup *lookup)
{
    *(bool *)lookup->owner = true;
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

static struct kd_lookup look_up(struct world *world, int64_t timestamp_ms)
{
    bool done = false;
    struct kd_lookup lookup = {
        .timestamp_ms = timestamp_ms, .bound = world->book.end, .done = looked_up, .owner = &done};
    kd_replica_lookup(world->replica, &lookup);
    assert_true(rig_wait(&world->rig, is_set, &done));
    rig_idle(&world->rig, 0);
    return lookup;
}

static void records_are_found_by_their_time(void **state)
{
    struct world *world = *state;
    struct keyed record = {63, 1};
    struct keyed_batch batch = {
        .records = &record, .count = 1, .timestamp_ms = 99000, .producer_id = 77, .sequence = 0};
    keyed_append(&world->rig, world->replica, &world->book, &batch); /* will be an empty batch */
    append_many(world, 60, 5);
    put(world, 63, 2);
    append(world, 5, 50000);
    int64_t latest = world->book.end - 1;
    append_many(world, 60, 5);
    compact(world);
    struct kd_lookup lookup = look_up(world, 4000);
    assert_int_equal(lookup.code, KB_OK);
    assert_true(lookup.offset > 0 && lookup.found_ms >= 4000);
    lookup = look_up(world, KD_TIME_MAX);
    assert_int_equal(lookup.code, KB_OK);
    assert_true(lookup.offset > 0 && lookup.offset <= latest);
    assert_true(lookup.found_ms < 99000);
}

/* ---- What comes between ------------------------------------------------- */

static void read_done(struct kd_read *read)
{
    *(bool *)read->owner = true;
}

static void a_reader_keeps_what_it_began_to_read(void **state)
{
    struct world *world = *state;
    bool done = false;
    struct kd_read read = {.bound = INT64_MAX,
                           .max_bytes = 1 << 20,
                           .whole_first = true,
                           .done = read_done,
                           .owner = &done};
    struct kb_buf *before;
    append_many(world, 100, 5);
    assert_int_equal(
        rig_read(&world->rig, world->replica, 0, world->book.end, 1 << 20, true, &before), KB_OK);
    if (!kd_replica_read(world->replica, &read))
        assert_true(rig_wait(&world->rig, is_set, &done));
    compact(world);
    assert_non_null(read.extent.segment);
    assert_int_equal(read.extent.size_bytes, before->size);
    struct kb_buf *after = kb_buf_new(before->size);
    after->size = before->size;
    assert_int_equal(
        kd_segment_read(read.extent.segment, after->data, after->size, read.extent.position, false),
        (int64_t)after->size);
    assert_true(kb_slice_equal(kb_buf_view(before), kb_buf_view(after)));
    kb_buf_unref(after);
    kd_extent_release(&read.extent);
    kb_buf_unref(before);
    assert_int_equal(expect_well(world).strange, 0);
}

static void a_full_disk_does_no_harm(void **state)
{
    struct world *world = *state;
    struct kb_space space;
    append_many(world, 200, 50);
    assert_true(world->fs->ops->space(world->fs, &space) >= 0);
    kb_fs_mem_set_capacity(world->fs, space.total_bytes - space.free_bytes + 100);
    kd_disk_set_cleaner(world->rig.disk, &cleaner);
    rig_idle(&world->rig, 300000);
    assert_int_equal(world->rig.warnings, 1); /* once */
    assert_int_equal(world->rig.errors, 0);
    assert_int_equal(count_files(world).staged, 0);
    assert_int_equal(compactions(world), 0);
    expect_well(world);
    kb_fs_mem_set_capacity(world->fs, space.total_bytes);
    rig_idle(&world->rig, 100000);
    assert_true(compactions(world) > 0);
    expect_well(world);
}

static void a_damaged_batch_is_told_and_nothing_is_lost(void **state)
{
    struct world *world = *state;
    struct kb_file *file;
    append_many(world, 100, 5);
    assert_true(
        world->fs->ops->open(world->fs, "t-0/00000000000000000000.log", KB_OPEN_WRITE, &file) >= 0);
    assert_true(kb_fs_write_all(world->fs, file, "x", 1, 80) >= 0);
    world->fs->ops->close(world->fs, file);
    int64_t bytes = kd_replica_size_bytes(world->replica);
    kd_disk_set_cleaner(world->rig.disk, &cleaner);
    rig_idle(&world->rig, 300000);
    assert_int_equal(world->rig.warnings, 1);
    assert_non_null(strstr(world->rig.line, "damaged"));
    assert_int_equal(kd_replica_size_bytes(world->replica), bytes);
    assert_int_equal(count_files(world).staged, 0);
}

/* A batch's place is outside its checksum. */
static void a_batch_out_of_place_is_told(void **state)
{
    struct world *world = *state;
    struct kb_file *file;
    append_many(world, 100, 5);
    assert_true(
        world->fs->ops->open(world->fs, "t-0/00000000000000000000.log", KB_OPEN_WRITE, &file) >= 0);
    assert_true(kb_fs_write_all(world->fs, file, "\1", 1, 0) >= 0);
    world->fs->ops->close(world->fs, file);
    kd_disk_set_cleaner(world->rig.disk, &cleaner);
    rig_idle(&world->rig, 300000);
    assert_int_equal(world->rig.warnings, 1);
    assert_int_equal(compactions(world), 0);
}

/* ---- Transactions ------------------------------------------------------- */

enum { WRITERS = 4 };

struct writers {
    struct {
        int64_t offsets[64]; /* of what it wrote in its transaction */
        int count;
        int32_t sequence;
    } of[WRITERS];
    int commits, aborts;
};

static void write_in_txn(struct world *world, struct writers *writers, int i, int keys)
{
    struct keyed record = {(int)kb_random_below(&world->random, (uint64_t)keys),
                           (int)world->book.end};
    if (!kb_random_below(&world->random, 6))
        record.value = KEYED_GONE;
    struct keyed_batch batch = {.records = &record,
                                .count = 1,
                                .timestamp_ms = 1,
                                .producer_id = 50 + i,
                                .sequence = writers->of[i].sequence++,
                                .attributes = KW_BATCH_TRANSACTIONAL};
    writers->of[i].offsets[writers->of[i].count++] = world->book.end;
    keyed_append(&world->rig, world->replica, &world->book, &batch);
}

static void end_txn(struct world *world, struct writers *writers, int i, bool commit)
{
    struct kd_txn_mark mark = {.producer = 50 + i, .commit = commit};
    keyed_book_add_marker(&world->book);
    assert_int_equal(rig_end_txn(&world->rig, world->replica, &mark), KB_OK);
    for (int k = 0; !commit && k < writers->of[i].count; k++)
        keyed_book_abort(&world->book, writers->of[i].offsets[k], writers->of[i].offsets[k] + 1);
    writers->commits += commit;
    writers->aborts += !commit;
    writers->of[i].count = 0;
}

static void write_txns(struct world *world, struct writers *writers, int steps, int keys)
{
    for (int step = 0; step < steps; step++) {
        int i = (int)kb_random_below(&world->random, WRITERS);
        if (writers->of[i].count && (!kb_random_below(&world->random, 4) ||
                                     writers->of[i].count == KB_ARRAY_SIZE(writers->of[i].offsets)))
            end_txn(world, writers, i, kb_random_below(&world->random, 2));
        else if (kb_random_below(&world->random, 3))
            write_in_txn(world, writers, i, keys);
        else
            append(world, keys, 1);
    }
}

static void end_all(struct world *world, struct writers *writers)
{
    for (int i = 0; i < WRITERS; i++)
        if (writers->of[i].count)
            end_txn(world, writers, i, i % 2);
}

static void what_was_aborted_goes_and_what_was_committed_stays(void **state)
{
    struct world *world = *state;
    struct writers writers = {0};
    for (int round = 0; round < 6; round++) {
        write_txns(world, &writers, 150, 12);
        end_all(world, &writers);
        int aborted = read_all(world).aborted;
        compact(world);
        struct keyed_found found = expect_well(world);
        assert_true(found.aborted < aborted);
        if (round % 2)
            restart(world, round == 3);
        expect_well(world);
    }
    assert_true(writers.commits > 20 && writers.aborts > 20);
    assert_int_equal(world->rig.warnings + world->rig.errors, 0);
}

/* Behind an open transaction nothing is compacted, however much is written. */
static void what_is_not_decided_is_left_as_it_is(void **state)
{
    struct world *world = *state;
    struct writers writers = {0};
    write_in_txn(world, &writers, 0, 5);
    append_many(world, 200, 5);
    int64_t bytes = kd_replica_size_bytes(world->replica);
    compact(world);
    assert_int_equal(kd_replica_size_bytes(world->replica), bytes);
    end_txn(world, &writers, 0, false);
    append_many(world, 10, 5);
    compact(world);
    assert_true(kd_replica_size_bytes(world->replica) < bytes / 2);
    assert_int_equal(expect_well(world).aborted, 0);
}

/* Their markers go with the second compaction behind the horizon, and their entries. */
static void markers_go_when_nothing_is_left_of_their_transactions(void **state)
{
    struct world *world = *state;
    struct writers writers = {0};
    struct kd_log_config config = world->rig.config;
    config.delete_retention_ms = 0;
    kd_replica_configure(world->replica, &config);
    write_txns(world, &writers, 300, 12);
    end_all(world, &writers);
    int before = read_all(world).markers;
    for (int i = 0; i < 3; i++) {
        append_many(world, 100, 12);
        compact(world);
    }
    struct keyed_found found = expect_well(world);
    assert_int_equal(found.aborted, 0);
    assert_true(found.markers <= WRITERS && before > 40);
    restart(world, false);
    found = expect_well(world);
    assert_int_equal(kd_partition_stable_end(kd_replica_state(world->replica)), world->book.end);
    for (int i = 0; i < WRITERS; i++) /* who goes on where he was */
        write_in_txn(world, &writers, i, 5);
    end_all(world, &writers);
    assert_int_equal(kd_partition_stable_end(kd_replica_state(world->replica)), world->book.end);
}

static void op_done(struct kd_op *op, int code)
{
    assert_int_equal(code, KB_OK);
    op->done = NULL;
}

static bool op_is_done(void *op)
{
    return !((struct kd_op *)op)->done;
}

/* At each moment of a compaction its log is deleted, or the broker stopped. */
static void it_gives_up_when_the_log_goes(void **state)
{
    struct world *world = *state;
    int files = 0;
    for (int64_t after_ms = 0; after_ms < 40; after_ms++) {
        struct kd_op op = {.done = op_done};
        append_many(world, 60, 20);
        kd_disk_set_cleaner(world->rig.disk, &(struct kd_cleaner_config){true, 0, 1 << 20});
        rig_idle(&world->rig, after_ms);
        files += count_files(world).staged;
        if (after_ms % 2) {
            restart(world, true);
            expect_well(world);
            assert_int_equal(count_files(world).staged, 0);
            continue;
        }
        kd_replica_delete(world->replica, &op);
        assert_true(rig_wait(&world->rig, op_is_done, &op));
        keyed_book_deinit(&world->book);
        world->replica = rig_add(&world->rig, "t", 0);
    }
    assert_true(files > 0); /* else it proves nothing */
    assert_int_equal(world->rig.errors, 0);
}

/* And records are deleted in the middle of it. */
static void it_gives_way_to_deletions(void **state)
{
    struct world *world = *state;
    world->rig.config.delete_old = true;
    for (int64_t after_ms = 0; after_ms < 40; after_ms++) {
        struct kd_op op = {.done = op_done};
        append_many(world, 60, 20);
        int64_t start = world->book.end - 20;
        kd_disk_set_cleaner(world->rig.disk, &(struct kd_cleaner_config){true, 0, 1 << 20});
        rig_idle(&world->rig, after_ms);
        kd_replica_set_start(world->replica, start, &op);
        assert_true(rig_wait(&world->rig, op_is_done, &op));
        struct keyed_found found = keyed_read(&world->rig, world->replica, &world->book, start, 0);
        assert_int_equal(found.strange, 0);
        rig_idle(&world->rig, 100);
    }
    assert_int_equal(world->rig.errors + world->rig.warnings, 0);
    restart(world, false);
    assert_int_equal(kd_replica_state(world->replica)->log_end, world->book.end);
}

/* ---- Left behind -------------------------------------------------------- */

static void copy_file(struct world *world, const char *from, const char *to)
{
    char *data;
    size_t size;
    assert_true(kb_fs_load(world->fs, from, 1 << 20, &data, &size) >= 0);
    assert_true(kb_fs_replace(world->fs, to, data, size) >= 0);
    kb_free(data);
}

static void what_was_half_made_is_unlinked(void **state)
{
    struct world *world = *state;
    append_many(world, 100, 5);
    struct keyed_found found = expect_well(world);
    restart(world, true);
    rig_close(&world->rig);
    copy_file(world, "t-0/00000000000000000000.log", "t-0/00000000000000000000.log.cleaned");
    copy_file(world, "t-0/00000000000000000000.index", "t-0/00000000000000000000.index.cleaned");
    copy_file(world, "t-0/00000000000000000000.index", "t-0/00000000000000000000.timeindex.swap");
    copy_file(world, "t-0/00000000000000000000.log", "t-0/00000000000000000007.log.swap");
    copy_file(world, "t-0/00000000000000000000.log", "t-0/00000000000000000003.log.deleted");
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
    assert_int_equal(count_files(world).staged, 0);
    assert_int_equal(expect_well(world).records, found.records);
}

/* Of a segment that could not be begun. */
static void an_empty_file_is_no_gap(void **state)
{
    struct world *world = *state;
    append_many(world, 100, 5);
    rig_close(&world->rig);
    assert_true(kb_fs_replace(world->fs, "t-0/00000000000000000007.log", "", 0) >= 0);
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
    struct kb_stat stat;
    assert_int_equal(world->fs->ops->stat(world->fs, "t-0/00000000000000000007.log", &stat),
                     -ENOENT);
    assert_int_equal(expect_well(world).records, world->book.end);
}

/* The whole of a compacted segment, and what it was made from is there still. */
static void a_swap_is_finished(void **state)
{
    struct world *world = *state;
    append_many(world, 100, 5);
    rig_close(&world->rig);
    struct kb_fs *before = kb_fs_mem_clone(world->fs);
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
    compact(world);
    struct keyed_found found = expect_well(world);
    rig_close(&world->rig);
    char *made;
    size_t size;
    assert_true(kb_fs_load(world->fs, "t-0/00000000000000000000.log", 1 << 20, &made, &size) >= 0);
    world->fs->ops->free(world->fs);
    world->fs = before;
    assert_true(kb_fs_replace(before, "t-0/00000000000000000000.log.swap", made, size) >= 0);
    kb_free(made);
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
    assert_int_equal(expect_well(world).records, found.records);
    struct files files = count_files(world);
    assert_int_equal(files.staged, 0);
    assert_int_equal(files.indexes, files.logs);
}

static void a_damaged_swap_is_not_guessed_at(void **state)
{
    struct world *world = *state;
    append_many(world, 100, 5);
    rig_close(&world->rig);
    assert_true(kb_fs_replace(world->fs, "t-0/00000000000000000000.log.swap", "nonsense", 8) >= 0);
    rig_init(&world->rig, world->fs, 6);
    configure(world);
    rig_open(&world->rig);
    world->replica = rig_find(&world->rig, "t", 0);
    assert_true(kd_replica_is_offline(world->replica));
    assert_non_null(strstr(world->rig.line, "compacted segment is damaged"));
}

/* ---- Memory ------------------------------------------------------------- */

static struct kd_log *load(struct kd_files *files, struct kd_producers *producers,
                           struct kd_epochs *epochs)
{
    struct kd_load load = {.files = files,
                           .dir = "t-0",
                           .index_interval_bytes = 300,
                           .clean = true,
                           .log_start = -1,
                           .window_bytes = 4096,
                           .producers = producers,
                           .epochs = epochs};
    kd_producers_init(producers, 1);
    kd_epochs_init(epochs);
    (void)kd_log_load(&load);
    return load.log;
}

static void compact_alone(struct kd_log *log)
{
    struct kd_clean_ask ask = {.until = log->segments[log->count - 1]->base_offset,
                               .delete_retention_ms = 1,
                               .segment_bytes = SEGMENT_BYTES,
                               .map_bytes = 4096};
    struct kd_clean *clean = kd_clean_new(log, &ask);
    int status = clean ? 1 : -ENOMEM;
    while (status == 1)
        status = kd_clean_step(clean);
    assert_true(status == 0 || status == -ENOMEM);
    kd_clean_free(clean);
}

/* On a copy of the disk. */
static void run_short_of_memory(void *ctx)
{
    struct kb_fs *fs = kb_fs_mem_clone(ctx);
    struct kd_producers producers;
    struct kd_epochs epochs;
    struct kd_files files;
    if (!fs)
        return;
    kd_files_init(&files, fs, 4);
    struct kd_log *log = load(&files, &producers, &epochs);
    if (log)
        compact_alone(log);
    kd_log_free(log);
    kd_producers_deinit(&producers);
    kd_epochs_deinit(&epochs);
    kd_files_deinit(&files);
    fs->ops->free(fs);
}

static void no_memory_is_an_error(void **state)
{
    struct world *world = *state;
    append_many(world, 20, 5);
    put(world, 1, KEYED_GONE);
    append_many(world, 20, 5);
    restart(world, true);
    assert_true(unit_each_failure(run_short_of_memory, world->fs) > 50);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(only_the_latest_of_each_key_is_left),
        IN_WORLD(a_restart_finds_the_same),
        IN_WORLD(it_goes_on_and_on),
        IN_WORLD(every_offset_can_be_read_from),
        IN_WORLD(few_keys_at_a_time_come_to_the_same),
        IN_WORLD(a_map_that_is_too_small_for_a_batch_is_told),
        IN_WORLD(tombstones_go_after_their_time),
        IN_WORLD(what_a_producer_sent_last_is_known),
        IN_WORLD(records_are_found_by_their_time),
        IN_WORLD(a_reader_keeps_what_it_began_to_read),
        IN_WORLD(a_full_disk_does_no_harm),
        IN_WORLD(a_damaged_batch_is_told_and_nothing_is_lost),
        IN_WORLD(a_batch_out_of_place_is_told),
        IN_WORLD(what_was_aborted_goes_and_what_was_committed_stays),
        IN_WORLD(what_is_not_decided_is_left_as_it_is),
        IN_WORLD(markers_go_when_nothing_is_left_of_their_transactions),
        IN_WORLD(it_gives_up_when_the_log_goes),
        IN_WORLD(it_gives_way_to_deletions),
        IN_WORLD(what_was_half_made_is_unlinked),
        IN_WORLD(an_empty_file_is_no_gap),
        IN_WORLD(a_swap_is_finished),
        IN_WORLD(a_damaged_swap_is_not_guessed_at),
        IN_WORLD(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
