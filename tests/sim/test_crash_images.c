/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power losses. Producers append to a few partitions while segments roll and
 * checkpoints are written; at seeded operations the disk is copied, together
 * with what was acknowledged and served by then. Of each copy a disk is made
 * as a power loss could leave it (operations that were not synced lost, torn,
 * reordered), and opened:
 *
 *   every record that was acknowledged is there, byte for byte and in order;
 *   nothing that a consumer could have seen is gone;
 *   a second power loss, right after or during the recovery, changes nothing,
 *   and neither does one after a kill -9;
 *   a producer that sends its last batches again gets their old offsets.
 *
 * Two controls must lose records, or the test proves nothing: a disk whose
 * syncs lie, and relaxed partitions, which are acknowledged from page cache.
 */
#include "tests/unit/store/rig.h"

#include "base/check.h"
#include "broker/store/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITIONS = 3, PRODUCERS = 3, IN_FLIGHT = 4, BATCHES = 500, RUNS = 20, IMAGES = 50 };

/* ---- What was done ------------------------------------------------------ */

struct sent {
    int64_t base_offset, end_offset; /* in its partition; -1: not placed */
    int partition, producer;
    struct kb_buf *frame; /* patched in place: the bytes that should be on disk */
    struct kd_append append;
    struct run *run;
};

struct image {
    struct kb_fs *disk;
    int64_t acked_end[PARTITIONS];  /* all below is acknowledged */
    int64_t served_end[PARTITIONS]; /* high watermark */
};

struct run {
    struct rig rig;
    struct kb_random random;
    struct sent *sent;
    size_t count, answered;
    struct kd_replica *replicas[PARTITIONS];
    int32_t next_sequence[PARTITIONS][PRODUCERS];
    int64_t acked_end[PARTITIONS];
    struct image *images;
    size_t image_count;
    uint64_t next_image; /* operation */
    bool recording;
};

static const char *topics[PARTITIONS] = {"alpha", "beta", "gamma"};

static int take_image(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct run *run = ctx;
    (void)op;
    (void)path;
    if (!run->recording || nth < run->next_image || run->image_count == IMAGES)
        return 0;
    struct image *image = &run->images[run->image_count++];
    image->disk = kb_fs_mem_clone(run->rig.fs);
    for (int i = 0; i < PARTITIONS; i++) {
        image->acked_end[i] = run->acked_end[i];
        image->served_end[i] =
            run->replicas[i] ? kd_replica_state(run->replicas[i])->high_watermark : 0;
    }
    run->next_image = nth + 1 + kb_random_below(&run->random, 80);
    return 0;
}

/* ---- Load --------------------------------------------------------------- */

static void send_next(struct run *run);

static void answered(struct kd_append *append)
{
    struct sent *sent = append->owner;
    struct run *run = sent->run;
    assert_int_equal(append->code, KB_OK);
    assert_false(append->duplicate);
    sent->base_offset = append->base_offset;
    sent->end_offset = append->needs_end;
    run->acked_end[sent->partition] = KB_MAX(run->acked_end[sent->partition], append->needs_end);
    run->answered++;
    send_next(run);
}

static void send_next(struct run *run)
{
    if (run->count == BATCHES)
        return;
    struct sent *sent = &run->sent[run->count++];
    sent->run = run;
    sent->partition = (int)kb_random_below(&run->random, PARTITIONS);
    sent->producer = (int)kb_random_below(&run->random, PRODUCERS);
    int32_t *sequence = &run->next_sequence[sent->partition][sent->producer];
    struct rig_batch batch = {.producer_id = 100 + sent->producer,
                              .epoch = 0,
                              .sequence = *sequence,
                              .count = 1 + (int32_t)kb_random_below(&run->random, 4),
                              .value_bytes = (size_t)kb_random_below(&run->random, 700),
                              .timestamp_ms = 1000 + (int64_t)run->count,
                              .tag = kb_random_next(&run->random)};
    *sequence += batch.count;
    sent->frame = rig_encode(&batch);
    sent->append = (struct kd_append){.frame = sent->frame,
                                      .batch = kb_buf_view(sent->frame),
                                      .wait = KD_WAIT_COMMITTED,
                                      .done = answered,
                                      .owner = sent};
    kw_batch_peek(sent->frame->data, &sent->append.header);
    kd_replica_append(run->replicas[sent->partition], &sent->append);
}

static bool all_answered(void *ctx)
{
    return ((struct run *)ctx)->answered == BATCHES;
}

static void run_load(struct run *run, struct kb_fs *fs, uint64_t seed, bool relaxed)
{
    memset(run, 0, sizeof *run);
    kb_random_seed(&run->random, seed);
    rig_init(&run->rig, fs, seed);
    run->rig.options.checkpoint_ms = 20;
    run->rig.config.segment_bytes = 8192;
    run->rig.config.index_interval_bytes = 1024;
    run->rig.config.flush_messages = relaxed ? INT64_MAX : 1;
    run->sent = KB_NEW_ARRAY(struct sent, BATCHES);
    run->images = KB_NEW_ARRAY(struct image, IMAGES);
    kb_fs_mem_set_fault(fs, take_image, run);
    rig_open(&run->rig);
    run->recording = true;
    for (int i = 0; i < PARTITIONS; i++)
        run->replicas[i] = rig_add(&run->rig, topics[i], 0);
    for (int i = 0; i < IN_FLIGHT; i++)
        send_next(run);
    assert_true(rig_wait(&run->rig, all_answered, run));
    run->recording = false;
    kb_fs_mem_set_fault(fs, NULL, NULL);
    rig_kill(&run->rig);
}

static void free_run(struct run *run)
{
    for (size_t i = 0; i < run->image_count; i++)
        if (run->images[i].disk)
            run->images[i].disk->ops->free(run->images[i].disk);
    for (size_t i = 0; i < run->count; i++)
        kb_buf_unref(run->sent[i].frame);
    kb_free(run->sent);
    kb_free(run->images);
}

/* ---- What is found ------------------------------------------------------ */

struct findings {
    long images;
    long lost;      /* logs that end before what was acknowledged */
    long gone;      /* or before what was served */
    long torn;      /* a batch that is not what was sent */
    long offline;   /* logs that were given up */
    long changed;   /* another end after another crash */
    long forgotten; /* producers that could write a batch twice */
    int64_t ends[PARTITIONS];
};

static const struct sent *sent_at(const struct run *run, int partition, int64_t offset)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->sent[i].partition == partition && run->sent[i].base_offset == offset)
            return &run->sent[i];
    return NULL;
}

/* From its start, which must be 0, to its end, batch by batch, against what was sent. */
static void check_content(struct run *run, struct rig *rig, int partition,
                          struct kd_replica *replica, struct findings *found)
{
    int64_t end = kd_replica_state(replica)->log_end, at = kd_replica_state(replica)->log_start;
    found->lost += at > 0;
    while (at < end) {
        struct kb_buf *got;
        const struct sent *sent = sent_at(run, partition, at);
        assert_int_equal(rig_read(rig, replica, at, end, 1, true, &got), KB_OK);
        if (!got || !sent || !kb_slice_equal(kb_buf_view(got), kb_buf_view(sent->frame))) {
            found->torn++;
            kb_buf_unref(got);
            return;
        }
        kb_buf_unref(got);
        at = sent->end_offset;
    }
}

/* The last acknowledged batch of each producer, once more. */
static void check_producers(struct run *run, struct rig *rig, int partition,
                            struct kd_replica *replica, const struct image *image,
                            struct findings *found)
{
    for (int producer = 0; producer < PRODUCERS; producer++) {
        struct sent *last = NULL;
        for (size_t i = 0; i < run->count; i++) {
            struct sent *sent = &run->sent[i];
            if (sent->partition == partition && sent->producer == producer &&
                sent->end_offset <= image->acked_end[partition])
                last = sent;
        }
        if (!last)
            continue;
        struct kw_batch_header header;
        int64_t repeated;
        kw_batch_peek(last->frame->data, &header);
        int code = kd_partition_check(kd_replica_state(replica), &header, &repeated);
        /* Batches behind it may be there as well; then it is among the last five, or nearly. */
        if (code == KB_E_DUPLICATE_SEQUENCE_NUMBER ? repeated != last->base_offset : code == KB_OK)
            found->forgotten++;
        (void)rig;
    }
}

static void check_disk(struct run *run, struct kb_fs *disk, const struct image *image,
                       uint64_t seed, bool last, struct findings *found)
{
    struct rig rig;
    rig_init(&rig, disk, seed);
    rig.options.tail_bytes = 1;
    rig.config.segment_bytes = 8192;
    rig_open(&rig);
    for (int i = 0; i < PARTITIONS; i++) {
        struct kd_replica *replica = kd_disk_find_name(rig.disk, topics[i], 0);
        int64_t end = replica ? kd_replica_state(replica)->log_end : 0;
        if (replica && kd_replica_is_offline(replica)) {
            found->offline++;
            continue;
        }
        found->lost += end < image->acked_end[i];
        found->gone += end < image->served_end[i];
        found->changed += found->ends[i] >= 0 && found->ends[i] != end;
        found->ends[i] = end;
        if (!replica)
            continue;
        check_content(run, &rig, i, replica, found);
        check_producers(run, &rig, i, replica, image, found);
    }
    if (last)
        rig_close(&rig);
    else
        rig_kill(&rig);
}

/* A copy of the disk in the middle of its recovery. */
struct interrupted {
    struct kb_fs *from, *copy;
    uint64_t at;
};

static int interrupt(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct interrupted *interrupted = ctx;
    (void)op;
    (void)path;
    if (nth >= interrupted->at && !interrupted->copy)
        interrupted->copy = kb_fs_mem_clone(interrupted->from);
    return 0;
}

static void add_findings(struct findings *to, const struct findings *more)
{
    to->lost += more->lost;
    to->gone += more->gone;
    to->torn += more->torn;
    to->offline += more->offline;
    to->changed += more->changed;
    to->forgotten += more->forgotten;
}

static void copy_disk(struct rig *rig)
{
    *(struct kb_fs **)rig->ctx = kb_fs_mem_clone(rig->fs);
}

/* Opens the logs; answers the disk as of the moment when they can be read. */
static struct kb_fs *serve(struct kb_fs *disk, uint64_t seed, int64_t ends[PARTITIONS])
{
    struct rig rig;
    struct kb_fs *then = NULL;
    rig_init(&rig, disk, seed);
    rig.on_opened = copy_disk;
    rig.ctx = &then;
    rig_open(&rig);
    for (int i = 0; i < PARTITIONS; i++) {
        struct kd_replica *replica = kd_disk_find_name(rig.disk, topics[i], 0);
        ends[i] = replica ? kd_replica_state(replica)->high_watermark : 0;
    }
    rig_kill(&rig);
    return then;
}

/* kill -9 keeps what was written; once that is served, it must not go with the
 * power either. */
static void check_kill(struct run *run, const struct image *image, uint64_t seed,
                       struct findings *found)
{
    struct kb_random random;
    struct kb_fs *disk = kb_fs_mem_clone(image->disk);
    struct findings other = {.ends = {-1, -1, -1}};
    kb_random_seed(&random, seed);
    kb_fs_mem_crash(disk, KB_CRASH_PROCESS, &random);
    struct kb_fs *then = serve(disk, seed, other.ends);
    kb_fs_mem_crash(then, KB_CRASH_POWER, &random);
    check_disk(run, then, image, seed, false, &other);
    add_findings(found, &other);
    then->ops->free(then);
    disk->ops->free(disk);
}

static void check_image(struct run *run, struct image *image, uint64_t seed, struct findings *found)
{
    check_kill(run, image, seed, found);
    struct kb_random random;
    struct kb_fs *disk = image->disk;
    struct findings other = {.ends = {-1, -1, -1}};
    kb_random_seed(&random, seed);
    for (int i = 0; i < PARTITIONS; i++)
        found->ends[i] = -1;
    found->images++;
    kb_fs_mem_crash(disk, KB_CRASH_POWER, &random);
    struct interrupted interrupted = {
        .from = disk, .at = kb_fs_mem_operations(disk) + kb_random_below(&random, 40)};
    kb_fs_mem_set_fault(disk, interrupt, &interrupted);
    check_disk(run, disk, image, seed, false, found);
    kb_fs_mem_set_fault(disk, NULL, NULL);
    kb_fs_mem_crash(disk, KB_CRASH_POWER, &random);
    check_disk(run, disk, image, seed + 1, true, found);
    check_disk(run, disk, image, seed + 2, false, found); /* after a clean stop */
    if (interrupted.copy) {
        kb_fs_mem_crash(interrupted.copy, KB_CRASH_POWER, &random);
        check_disk(run, interrupted.copy, image, seed + 3, false, &other);
        add_findings(found, &other);
        interrupted.copy->ops->free(interrupted.copy);
    }
    disk->ops->free(disk);
    image->disk = NULL;
}

static struct findings crash_often(uint64_t first_seed, int runs, bool lying, bool relaxed)
{
    struct findings found = {0};
    for (int i = 0; i < runs; i++) {
        struct run run;
        struct kb_fs *fs = kb_fs_mem_new();
        kb_fs_mem_set_lying(fs, lying);
        if (i % 2) /* a commit is many syncs side by side, or one */
            rig_without_syncfs(fs);
        run_load(&run, fs, first_seed + (uint64_t)i, relaxed);
        for (size_t k = 0; k < run.image_count; k++)
            check_image(&run, &run.images[k], first_seed + (uint64_t)i * 1000 + k, &found);
        free_run(&run);
        fs->ops->free(fs);
    }
    print_message(
        "%ld images: lost %ld, gone %ld, torn %ld, offline %ld, changed %ld, forgotten %ld\n",
        found.images, found.lost, found.gone, found.torn, found.offline, found.changed,
        found.forgotten);
    return found;
}

/* ---- The tests ---------------------------------------------------------- */

static uint64_t seed_of_the_day(void)
{
    const char *text = getenv("SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

static int runs_of_the_day(void)
{
    const char *text = getenv("RUNS");
    return text ? atoi(text) : RUNS;
}

static void nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    struct findings found = crash_often(seed_of_the_day(), runs_of_the_day(), false, false);
    assert_true(found.images >= IMAGES * runs_of_the_day());
    assert_int_equal(found.lost, 0);
    assert_int_equal(found.gone, 0);
    assert_int_equal(found.torn, 0);
    assert_int_equal(found.offline, 0);
    assert_int_equal(found.changed, 0);
    assert_int_equal(found.forgotten, 0);
}

static void a_disk_that_lies_is_found_out(void **state)
{
    (void)state;
    struct findings found = crash_often(seed_of_the_day(), 2, true, false);
    assert_true(found.lost + found.offline > 0);
}

static void without_flushing_records_are_lost(void **state)
{
    (void)state;
    struct findings found = crash_often(seed_of_the_day(), 2, false, true);
    assert_true(found.lost > 0);
    assert_int_equal(found.torn, 0);
    assert_int_equal(found.offline, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost),
        cmocka_unit_test(a_disk_that_lies_is_found_out),
        cmocka_unit_test(without_flushing_records_are_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
