/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crash at every operation on the disk while logs are compacted: values change,
 * keys are deleted, tombstones expire, transactions commit and abort, and their markers
 * go. At each operation the disk is copied, once as
 * kill -9 would leave it and a few times as a power loss could, and opened:
 *
 *   of each key the latest value that was acknowledged is there, or a later one;
 *   every record is one that was written, at its offset, and they rise;
 *   a key that was deleted does not come back: its tombstone goes after what it
 *   deleted;
 *   who reads what is committed sees nothing that was aborted, and misses nothing:
 *   the index of aborted transactions and the batches agree;
 *   nothing lies around that belongs to no log;
 *   another crash changes nothing, and the log can be compacted on.
 *
 * A disk whose syncs lie must be found out, or the test proves nothing. In a second
 * test nothing crashes, and each operation fails once, or from then on.
 */
#include "tests/unit/store/keyed.h"

#include "base/check.h"
#include "broker/core/txn_mark.h"
#include "broker/store/layout.h"
#include "broker/store/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 24, BATCHES = 12, KEYS = 12, POWER_LOSSES = 3, TOMBSTONES_MS = 60 };
enum { WRITERS = 3, WRITER_ID = 60, TXN_MAX = 5, OFFSETS_MAX = 4096 };

struct findings {
    long images;
    long lost;    /* logs that end before what was acknowledged, or are not there */
    long strange; /* records that were never written, or out of order */
    long missing; /* latest values */
    long undead;  /* deleted keys */
    long litter;  /* files that nobody needs any more */
    long changed; /* other records after another crash */
    long offline; /* logs that were given up */
    long exposed; /* aborted records that a reader of what is committed would see */
    long hidden;  /* and committed ones that he would not */
    long told;    /* aborted records that were there, and that he was told of */
    long halfway; /* images with files of a compaction in them */
};

/* How its transaction will end is settled when it begins. */
struct writer {
    int64_t offsets[TXN_MAX];
    int count;
    int32_t sequence;
    bool aborts;
};

struct run {
    struct rig rig;
    struct writer writers[WRITERS];
    int64_t marker_of[OFFSETS_MAX]; /* of a record; 0: none yet */
    bool transactions;
    struct kb_random random;
    struct kd_replica *replica;
    struct keyed_book book;
    int64_t acked_end;
    struct findings found;
    bool recording;
};

static const struct kd_cleaner_config cleaner = {
    .enabled = true, .backoff_ms = 20, .map_bytes = 1 << 16};

static void configure(struct rig *rig)
{
    rig->options.checkpoint_ms = 40;
    rig->options.tail_bytes = 1;
    rig->config.segment_bytes = 1200;
    rig->config.index_interval_bytes = 300;
    rig->config.compact = true;
    rig->config.min_cleanable_ratio = 0.4;
    rig->config.max_compaction_lag_ms = INT64_MAX;
    rig->config.delete_retention_ms = TOMBSTONES_MS;
}

/* ---- What is found ------------------------------------------------------ */

static int count_staged(void *ctx, const char *name, bool is_dir)
{
    enum kd_suffix suffix;
    enum kd_stage stage;
    int64_t offset;
    long *count = ctx;
    *count += !is_dir && kd_file_parse_stage(name, &offset, &suffix, &stage) && stage != KD_IN_LOG;
    return 0;
}

static long staged(struct kb_fs *disk)
{
    long count = 0;
    (void)disk->ops->list(disk, "t-0", count_staged, &count);
    return count;
}

static void judge(struct run *run, const struct keyed_found *found)
{
    run->found.strange += found->strange;
    run->found.missing += found->missing;
    run->found.undead += found->undead;
}

/* Answers how many records there are; -1: no log. */
static long read_all(struct run *run, struct rig *rig)
{
    struct kd_replica *replica = kd_disk_find_name(rig->disk, "t", 0);
    if (!replica) {
        run->found.lost += run->acked_end > 0;
        return -1;
    }
    if (kd_replica_is_offline(replica)) {
        run->found.offline++;
        return -1;
    }
    run->found.lost += kd_replica_state(replica)->log_end < run->acked_end;
    struct keyed_found found = keyed_read(rig, replica, &run->book, 0, run->acked_end);
    judge(run, &found);
    return found.records;
}

struct view {
    struct run *run;
    int64_t log_end, next;
    const struct kd_aborted_list *aborted;
};

static bool is_skipped(const struct view *view, const struct kw_batch_header *header)
{
    for (size_t i = 0; i < view->aborted->count; i++) {
        const struct kd_aborted *aborted = &view->aborted->items[i];
        if (aborted->producer_id == header->producer_id &&
            aborted->first_offset <= header->base_offset &&
            aborted->last_offset >= header->base_offset)
            return true;
    }
    return false;
}

/* Batches of transactions are of one record here. */
static void view_batch(struct view *view, const struct kw_batch_header *header)
{
    struct run *run = view->run;
    int64_t offset = header->base_offset;
    view->next = kw_batch_header_last_offset(header) + 1;
    if (!(header->attributes & KW_BATCH_TRANSACTIONAL) || header->attributes & KW_BATCH_CONTROL ||
        !header->record_count)
        return;
    bool skipped = is_skipped(view, header);
    bool decided = run->marker_of[offset] && run->marker_of[offset] < view->log_end;
    run->found.told += skipped;
    run->found.hidden += skipped && !run->book.aborted[offset];
    run->found.exposed += !skipped && run->book.aborted[offset] && decided;
}

static void view_stretch(struct view *view, struct kd_located *located)
{
    uint8_t *bytes = kb_malloc(located->size_bytes);
    struct kw_batch_iter it;
    struct kw_batch batch;
    assert_int_equal(
        kd_segment_read(located->segment, bytes, located->size_bytes, located->position, false),
        (int64_t)located->size_bytes);
    view->aborted = &located->aborted;
    kw_batch_iter_init(&it, kb_slice_of(bytes, located->size_bytes), SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch))
        view_batch(view, &batch.header);
    kb_free(bytes);
    kd_aborted_list_deinit(&located->aborted);
    kd_segment_unpin(located->segment);
    kd_segment_unref(located->segment);
}

/* The log as it is, and the list that a Fetch would get with it. */
static void view_log(struct run *run, struct kd_log *log, int64_t log_end)
{
    struct view view = {.run = run, .log_end = log_end};
    struct kd_located located;
    while (view.next < log_end) {
        struct kd_locate ask = {.offset = view.next,
                                .bound = log_end,
                                .max_bytes = 700,
                                .whole_first = true,
                                .aborted_max = 64};
        assert_int_equal(kd_log_locate(log, &ask, &located), 0);
        if (!located.size_bytes)
            return;
        view_stretch(&view, &located);
    }
}

static void read_committed(struct run *run, struct kb_fs *disk)
{
    struct kd_files files;
    struct kd_producers producers;
    struct kd_epochs epochs;
    kd_files_init(&files, disk, 4);
    kd_producers_init(&producers, 1);
    kd_epochs_init(&epochs);
    struct kd_load load = {.files = &files,
                           .dir = "t-0",
                           .index_interval_bytes = 300,
                           .clean = true,
                           .log_start = -1,
                           .now_ms = 1,
                           .producers = &producers,
                           .epochs = &epochs};
    if (!kd_log_load(&load) && load.log)
        view_log(run, load.log, load.log_end);
    kd_log_free(load.log);
    kd_producers_deinit(&producers);
    kd_epochs_deinit(&epochs);
    kd_files_deinit(&files);
}

static long open_and_check(struct run *run, struct kb_fs *disk, uint64_t seed, bool compacts_on)
{
    struct rig rig;
    rig_init(&rig, disk, seed);
    configure(&rig);
    rig_open(&rig);
    long records = read_all(run, &rig);
    run->found.litter += staged(disk);
    if (compacts_on) {
        kd_disk_set_cleaner(rig.disk, &cleaner);
        rig_idle(&rig, 200);
        (void)read_all(run, &rig);
    }
    rig_kill(&rig);
    if (run->transactions && records >= 0)
        read_committed(run, disk);
    return records;
}

static void check_crash(struct run *run, enum kb_crash how, uint64_t seed)
{
    struct kb_random random;
    struct kb_fs *disk = kb_fs_mem_clone(run->rig.fs);
    kb_random_seed(&random, seed);
    kb_fs_mem_crash(disk, how, &random);
    run->found.halfway += staged(disk) > 0;
    long records = open_and_check(run, disk, seed, false);
    kb_fs_mem_crash(disk, KB_CRASH_POWER, &random);
    run->found.changed += open_and_check(run, disk, seed + 1, true) != records;
    kb_fs_mem_crash(disk, KB_CRASH_POWER, &random);
    (void)open_and_check(run, disk, seed + 2, false);
    run->found.images++;
    disk->ops->free(disk);
}

static int at_each_operation(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct run *run = ctx;
    (void)path;
    if (!run->recording || op == KB_FS_READ)
        return 0;
    check_crash(run, KB_CRASH_PROCESS, nth);
    for (uint64_t i = 0; i < POWER_LOSSES; i++)
        check_crash(run, KB_CRASH_POWER, nth * 10 + i);
    return 0;
}

/* ---- What is done ------------------------------------------------------- */

static int end_txn(struct run *run, struct writer *writer)
{
    struct kd_txn_mark mark = {.producer = WRITER_ID + (writer - run->writers),
                               .commit = !writer->aborts};
    for (int i = 0; i < writer->count; i++)
        run->marker_of[writer->offsets[i]] = run->book.end;
    writer->count = 0;
    keyed_book_add_marker(&run->book);
    return rig_end_txn(&run->rig, run->replica, &mark);
}

static int append_in_txn(struct run *run)
{
    struct writer *writer = &run->writers[kb_random_below(&run->random, WRITERS)];
    int64_t at = run->book.end;
    if (writer->count == TXN_MAX || (writer->count && !kb_random_below(&run->random, 3)))
        return end_txn(run, writer);
    if (!writer->count)
        writer->aborts = kb_random_below(&run->random, 2);
    struct keyed record = {(int)kb_random_below(&run->random, KEYS), (int)at};
    struct keyed_batch batch = {.records = &record,
                                .count = 1,
                                .timestamp_ms = 1000 + at,
                                .producer_id = WRITER_ID + (writer - run->writers),
                                .sequence = writer->sequence++,
                                .attributes = KW_BATCH_TRANSACTIONAL};
    assert_true(at < OFFSETS_MAX);
    writer->offsets[writer->count++] = at;
    batch.aborted = writer->aborts;
    return keyed_try_append(&run->rig, run->replica, &run->book, &batch);
}

/* A third of it deletes. */
static int append_plain(struct run *run)
{
    struct keyed records[3];
    int32_t count = 1 + (int32_t)kb_random_below(&run->random, 3);
    for (int32_t i = 0; i < count; i++) {
        int value = (int)run->book.end + i;
        records[i].key = (int)kb_random_below(&run->random, KEYS);
        records[i].value = kb_random_below(&run->random, 3) ? value : KEYED_GONE;
    }
    struct keyed_batch batch = {.records = records,
                                .count = count,
                                .pad_bytes = (size_t)kb_random_below(&run->random, 40),
                                .codec =
                                    kb_random_below(&run->random, 2) ? KW_CODEC_LZ4 : KW_CODEC_NONE,
                                .timestamp_ms = 1000 + run->book.end};
    return keyed_try_append(&run->rig, run->replica, &run->book, &batch);
}

static int append(struct run *run)
{
    bool in_txn = run->transactions && kb_random_below(&run->random, 2);
    int code = in_txn ? append_in_txn(run) : append_plain(run);
    run->acked_end = code ? run->acked_end : run->book.end;
    return code;
}

static void work(struct run *run)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BATCHES; i++) {
            run->recording = round >= ROUNDS / 2; /* once the log has a past */
            assert_int_equal(append(run), KB_OK);
        }
        rig_idle(&run->rig, 50);
    }
}

static struct findings crash_everywhere(uint64_t seed, bool transactions, bool lying)
{
    struct run *run = KB_NEW(struct run);
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_disk_stats stats;
    run->transactions = transactions;
    kb_random_seed(&run->random, seed);
    kb_fs_mem_set_lying(fs, lying);
    if (seed % 2 == 0)
        rig_without_syncfs(fs);
    rig_init(&run->rig, fs, seed);
    configure(&run->rig);
    rig_open(&run->rig);
    run->replica = rig_add(&run->rig, "t", 0);
    kd_disk_set_cleaner(run->rig.disk, &cleaner);
    kb_fs_mem_set_fault(fs, at_each_operation, run);
    work(run);
    kb_fs_mem_set_fault(fs, NULL, NULL);
    kd_disk_stats(run->rig.disk, &stats);
    assert_true(stats.compactions > ROUNDS / 4);
    rig_kill(&run->rig);
    struct findings found = run->found;
    keyed_book_deinit(&run->book);
    fs->ops->free(fs);
    kb_free(run);
    print_message("%ld images, %ld halfway: lost %ld, strange %ld, missing %ld, undead %ld, "
                  "litter %ld, changed %ld, offline %ld; exposed %ld, hidden %ld of %ld\n",
                  found.images, found.halfway, found.lost, found.strange, found.missing,
                  found.undead, found.litter, found.changed, found.offline, found.exposed,
                  found.hidden, found.told);
    return found;
}

/* ---- Operations that fail ----------------------------------------------- */

struct fault {
    uint64_t from;
    bool forever, hit;
    int error;
};

static int fail_op(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct fault *fault = ctx;
    (void)path;
    bool may = fault->error != -ENOSPC || op == KB_FS_WRITE || op == KB_FS_ALLOCATE;
    if (!may || nth < fault->from || (!fault->forever && fault->hit))
        return 0;
    fault->hit = true;
    return fault->error;
}

/* Until an append is refused. */
static void live(struct run *run, struct kb_fs *fs, struct fault *fault)
{
    int code = KB_OK;
    kb_random_seed(&run->random, 3);
    rig_init(&run->rig, fs, 3);
    configure(&run->rig);
    rig_open(&run->rig);
    run->replica = rig_add(&run->rig, "t", 0);
    kd_disk_set_cleaner(run->rig.disk, &cleaner);
    kb_fs_mem_set_fault(fs, fail_op, fault);
    for (int round = 0; !code && round < 4; round++) {
        for (int i = 0; !code && i < BATCHES; i++)
            code = append(run);
        rig_idle(&run->rig, 50);
    }
    rig_idle(&run->rig, 100);
    kb_fs_mem_set_fault(fs, NULL, NULL);
    rig_kill(&run->rig);
}

static struct findings fail_each(int error, bool forever, bool transactions)
{
    struct findings all = {0};
    struct fault fault = {.from = 0, .hit = true};
    while (fault.hit) {
        struct run *run = KB_NEW(struct run);
        struct kb_fs *fs = kb_fs_mem_new();
        fault = (struct fault){.from = fault.from + 1, .error = error, .forever = forever};
        run->transactions = transactions;
        live(run, fs, &fault);
        (void)open_and_check(run, fs, 7, true);
        (void)open_and_check(run, fs, 8, false);
        all.images++;
        all.lost += run->found.lost + run->found.missing + run->found.offline + run->found.hidden;
        all.strange += run->found.strange + run->found.undead + run->found.litter;
        all.strange += run->found.exposed;
        keyed_book_deinit(&run->book);
        fs->ops->free(fs);
        kb_free(run);
    }
    return all;
}

/* ---- The tests ---------------------------------------------------------- */

static uint64_t seeds_of_the_day(void)
{
    const char *text = getenv("RUNS");
    return text ? strtoull(text, NULL, 0) : 1;
}

static void a_compaction_is_done_or_not(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds_of_the_day(); seed++) {
        struct findings found = crash_everywhere(seed, false, false);
        assert_true(found.images > 1000 && found.halfway > found.images / 10);
        assert_int_equal(found.lost + found.strange + found.missing + found.undead, 0);
        assert_int_equal(found.litter + found.changed + found.offline, 0);
    }
}

static void a_compaction_of_transactions_is_done_or_not(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds_of_the_day(); seed++) {
        struct findings found = crash_everywhere(seed, true, false);
        assert_true(found.images > 1000 && found.halfway > found.images / 20);
        assert_int_equal(found.lost + found.strange + found.missing + found.undead, 0);
        assert_int_equal(found.litter + found.changed + found.offline, 0);
        assert_int_equal(found.exposed + found.hidden, 0);
        assert_true(found.told > found.images);
    }
}

static void a_disk_that_lies_is_found_out(void **state)
{
    (void)state;
    struct findings found = crash_everywhere(1, false, true);
    assert_true(found.lost > 0 && found.offline > 0);
}

static void an_operation_that_fails_loses_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct findings found = fail_each(i % 4 < 2 ? -EIO : -ENOSPC, i % 2, i >= 4);
        print_message("%ld lives: lost %ld, strange %ld\n", found.images, found.lost,
                      found.strange);
        assert_true(found.images > 100);
        assert_int_equal(found.lost + found.strange, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_that_fails_loses_nothing),
        cmocka_unit_test(a_compaction_is_done_or_not),
        cmocka_unit_test(a_compaction_of_transactions_is_done_or_not),
        cmocka_unit_test(a_disk_that_lies_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
