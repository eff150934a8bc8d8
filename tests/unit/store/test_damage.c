/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are not what they were: a log cut at any byte, with flipped bits,
 * with a tail of zeros; indexes, snapshots, checkpoints with garbage in them.
 * A log always opens with a true prefix of itself, or not at all where what is
 * gone was on disk for sure. DAMAGES sets how many of each kind are tried; with
 * 65536 a log is cut at every byte of its last 64 KiB.
 */
#include "tests/unit/store/rig.h"

#include "broker/store/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 75, DAMAGES = 600, TAIL = 64 * 1024 };

static const char log_file[] = "t-0/00000000000000000000.log";

struct original {
    struct kb_fs *fs;
    uint8_t *bytes; /* of the log */
    size_t size;
    long inputs;               /* damages that were tried */
    int64_t ends[BATCHES];     /* offset behind each batch */
    size_t positions[BATCHES]; /* and its place */
};

static int damages(void)
{
    const char *text = getenv("DAMAGES");
    return text ? atoi(text) : DAMAGES;
}

/* A log that was killed before any recovery point was written, or after one
 * at its end. */
static void make_original(struct original *original, bool checkpointed)
{
    struct rig rig;
    char *bytes;
    original->inputs = 0;
    original->fs = kb_fs_mem_new();
    rig_init(&rig, original->fs, 1);
    rig.options.checkpoint_ms = checkpointed ? 1 : 3600 * 1000;
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    struct kb_random random;
    kb_random_seed(&random, 3);
    for (int i = 0; i < BATCHES; i++) {
        rig_append_plain(&rig, replica, 1 + i % 3, (size_t)kb_random_below(&random, 900));
        original->ends[i] = kd_replica_state(replica)->log_end;
    }
    rig_idle(&rig, 50);
    rig_kill(&rig);
    assert_int_equal(kb_fs_load(original->fs, log_file, 1 << 20, &bytes, &original->size), 0);
    original->bytes = (uint8_t *)bytes;
    size_t at = 0;
    for (int i = 0; i < BATCHES; i++) {
        struct kw_batch_header header;
        kw_batch_peek(original->bytes + at, &header);
        at += kw_batch_header_size(&header);
        original->positions[i] = at;
    }
    assert_int_equal(at, original->size);
}

static void free_original(struct original *original)
{
    if (original->inputs)
        print_message("%ld inputs, each a true prefix\n", original->inputs);
    original->fs->ops->free(original->fs);
    kb_free(original->bytes);
}

/* The end offset of the batches that lie whole before `position`. */
static int64_t end_before(const struct original *original, size_t position)
{
    int64_t end = 0;
    for (int i = 0; i < BATCHES && original->positions[i] <= position; i++)
        end = original->ends[i];
    return end;
}

static void rewrite(struct kb_fs *fs, const char *path, const uint8_t *bytes, size_t size)
{
    struct kb_file *file;
    assert_int_equal(
        fs->ops->open(fs, path, KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE, &file), 0);
    assert_int_equal(kb_fs_write_all(fs, file, bytes, size, 0), 0);
    fs->ops->close(fs, file);
}

static int64_t open_once(const struct original *original, struct kb_fs *fs, bool append)
{
    struct rig rig;
    struct kb_buf *got;
    rig_init(&rig, fs, 2);
    rig.options.tail_bytes = 1;
    rig_open(&rig);
    struct kd_replica *replica = rig_find(&rig, "t", 0);
    int64_t end = kd_replica_is_offline(replica) ? -1 : kd_replica_state(replica)->log_end;
    if (end > 0) {
        assert_int_equal(rig_read(&rig, replica, 0, end, 1 << 20, true, &got), KB_OK);
        assert_true(kb_slice_equal(kb_buf_view(got), kb_slice_of(original->bytes, got->size)));
        assert_int_equal(end_before(original, got->size), end);
        kb_buf_unref(got);
    }
    if (end >= 0 && append)
        assert_int_equal(rig_append_plain(&rig, replica, 1, 10), end);
    rig_kill(&rig);
    return end;
}

/* Opens the damaged log, and again, and then writes to it. Answers its end;
 * -1: offline. */
static int64_t open_twice(const struct original *original, struct kb_fs *fs)
{
    int64_t end = open_once(original, fs, false);
    assert_int_equal(open_once(original, fs, true), end);
    return end;
}

/* The log's content as damaged, and where the damage begins. */
static void try_damage(struct original *original, const uint8_t *bytes, size_t size,
                       size_t first_bad)
{
    original->inputs++;
    struct kb_fs *fs = kb_fs_mem_clone(original->fs);
    rewrite(fs, log_file, bytes, size);
    assert_int_equal(open_twice(original, fs), end_before(original, first_bad));
    fs->ops->free(fs);
}

static void a_log_cut_at_any_byte(void **state)
{
    (void)state;
    struct original original;
    make_original(&original, false);
    size_t from = original.size > TAIL ? original.size - TAIL : 0;
    size_t step = (original.size - from + (size_t)damages() - 1) / (size_t)damages();
    for (size_t size = original.size; size > from; size -= size - from > step ? step : size - from)
        try_damage(&original, original.bytes, size, size);
    free_original(&original);
}

static void flipped_bits(void **state)
{
    (void)state;
    struct original original;
    struct kb_random random;
    make_original(&original, false);
    kb_random_seed(&random, 5);
    for (int i = 0; i < damages(); i++) {
        size_t at = (size_t)kb_random_below(&random, original.size);
        int batch = 0;
        while (original.positions[batch] <= at)
            batch++;
        size_t start = batch ? original.positions[batch - 1] : 0;
        if (at - start >= KW_BATCH_EPOCH_AT && at - start < KW_BATCH_MAGIC_AT)
            continue; /* the epoch is not summed: a broker may change it */
        if (at - start < 8)
            continue; /* nor is the base offset; only its order can be checked */
        uint8_t *bytes = kb_malloc(original.size);
        memcpy(bytes, original.bytes, original.size);
        bytes[at] ^= (uint8_t)(1u << kb_random_below(&random, 8));
        try_damage(&original, bytes, original.size, start);
        kb_free(bytes);
    }
    free_original(&original);
}

static void tails_of_zeros(void **state)
{
    (void)state;
    struct original original;
    struct kb_random random;
    make_original(&original, false);
    kb_random_seed(&random, 6);
    for (int i = 0; i < damages() / 4; i++) {
        size_t at = (size_t)kb_random_below(&random, original.size + 1);
        size_t size = original.size + (size_t)kb_random_below(&random, 5000);
        uint8_t *bytes = kb_calloc(1, size);
        memcpy(bytes, original.bytes, at);
        size_t bad = at; /* zeros that were zeros before are no damage */
        while (bad < original.size && !original.bytes[bad])
            bad++;
        try_damage(&original, bytes, size, bad);
        kb_free(bytes);
    }
    free_original(&original);
}

/* Below the recovery point nothing is cut: it was on disk, so somebody has to
 * look. */
static void damage_below_the_recovery_point_takes_the_log_offline(void **state)
{
    (void)state;
    struct original original;
    make_original(&original, true);
    for (size_t size = 0; size < original.size; size += original.size / 20) {
        struct kb_fs *fs = kb_fs_mem_clone(original.fs);
        rewrite(fs, log_file, original.bytes, size);
        assert_int_equal(open_twice(&original, fs), -1);
        char *left;
        size_t left_size;
        assert_int_equal(kb_fs_load(fs, log_file, 1 << 20, &left, &left_size), 0);
        assert_int_equal(left_size, size);
        kb_free(left);
        fs->ops->free(fs);
    }
    free_original(&original);
}

/* ---- Segments ----------------------------------------------------------- */

enum { SEGMENTS = 5 };

/* Five sealed segments of four batches, an active one, and no recovery point
 * or one at the end. */
static struct kb_fs *make_segments(int64_t bases[SEGMENTS + 1], bool checkpointed)
{
    struct rig rig;
    struct kb_fs *fs = kb_fs_mem_new();
    rig_init(&rig, fs, 1);
    rig.options.checkpoint_ms = checkpointed ? 1 : 3600 * 1000;
    rig.config.segment_bytes = 5000;
    rig.config.index_interval_bytes = 1000;
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    for (int i = 0; i < SEGMENTS; i++) {
        bases[i] = kd_replica_state(replica)->log_end;
        for (int k = 0; k < 4; k++)
            rig_append_plain(&rig, replica, 1 + i, 1000 / (size_t)(1 + i));
        bases[i + 1] = kd_replica_state(replica)->log_end;
    }
    rig_append_plain(&rig, replica, 1, 1000);
    rig_idle(&rig, 50);
    rig_kill(&rig);
    return fs;
}

/* Answers the log's end, or -1: offline, in words that name `from`. */
static int64_t open_segments(struct kb_fs *fs, int64_t from)
{
    struct rig rig;
    char words[64];
    rig_init(&rig, fs, 2);
    rig_open(&rig);
    struct kd_replica *replica = rig_find(&rig, "t", 0);
    int64_t end = kd_replica_is_offline(replica) ? -1 : kd_replica_state(replica)->log_end;
    snprintf(words, sizeof words, "offset %ld", (long)from);
    if (end < 0 && (!rig.errors || !strstr(rig.line, words)))
        fail_msg("\"%s\" does not say \"%s\"", rig.line, words);
    rig_kill(&rig);
    return end;
}

static void a_segment_that_is_missing_is_told(void **state)
{
    (void)state;
    int64_t bases[SEGMENTS + 1];
    char path[KD_PATH_MAX];
    for (int i = 1; i < SEGMENTS; i++) {
        for (int hinted = 0; hinted < 2; hinted++) {
            struct kb_fs *fs = make_segments(bases, true);
            kd_file_path(path, "t-0", bases[i], KD_SUFFIX_LOG);
            assert_int_equal(fs->ops->unlink(fs, path), 0);
            kd_file_path(path, "t-0", bases[i - 1], KD_SUFFIX_INDEX);
            if (!hinted)
                assert_int_equal(fs->ops->unlink(fs, path), 0);
            assert_int_equal(open_segments(fs, bases[i]), -1);
            fs->ops->free(fs);
        }
    }
}

/* A sealed segment was synced before the next began, so that no crash cuts it. */
static void a_sealed_segment_that_was_cut_is_told(void **state)
{
    (void)state;
    int64_t bases[SEGMENTS + 1];
    char path[KD_PATH_MAX], *bytes;
    size_t size;
    for (int checkpointed = 0; checkpointed < 2; checkpointed++) {
        for (size_t cut = 1; cut < 5; cut++) {
            struct kb_fs *fs = make_segments(bases, checkpointed);
            kd_file_path(path, "t-0", bases[2], KD_SUFFIX_LOG);
            assert_int_equal(kb_fs_load(fs, path, 1 << 20, &bytes, &size), 0);
            rewrite(fs, path, (uint8_t *)bytes, size - size * cut / 4);
            int64_t good = bases[2] + 3 * (4 - (int64_t)cut);
            assert_int_equal(open_segments(fs, good), -1);
            kb_free(bytes);
            fs->ops->free(fs);
        }
    }
}

static void what_was_cut_is_kept_beside(void **state)
{
    (void)state;
    struct original original;
    char *kept;
    size_t size;
    make_original(&original, false);
    struct kb_fs *fs = kb_fs_mem_clone(original.fs);
    size_t at = original.positions[BATCHES - 2] + 20;
    rewrite(fs, log_file, original.bytes, at);
    assert_int_equal(open_twice(&original, fs), original.ends[BATCHES - 2]);
    char path[KD_PATH_MAX];
    kd_file_path(path, "t-0", original.ends[BATCHES - 2], KD_SUFFIX_CUT);
    assert_int_equal(kb_fs_load(fs, path, 1 << 20, &kept, &size), 0);
    assert_int_equal(size, 20);
    assert_memory_equal(kept, original.bytes + at - 20, 20);
    kb_free(kept);
    fs->ops->free(fs);
    free_original(&original);
}

/* ---- Everything else is a hint ------------------------------------------ */

static const char *const hints[] = {
    "t-0/00000000000000000000.index", "t-0/00000000000000000000.timeindex",
    "t-0/leader-epoch-checkpoint",    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",    "replication-offset-checkpoint",
};

static void garbage_beside_the_log_does_no_harm(void **state)
{
    (void)state;
    struct original original;
    struct kb_random random;
    make_original(&original, true);
    kb_random_seed(&random, 8);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        for (int k = 0; k < 12; k++) {
            uint8_t garbage[96];
            size_t size = (size_t)kb_random_below(&random, sizeof garbage + 1);
            for (size_t n = 0; n < size; n++)
                garbage[n] = (uint8_t)(k % 2 ? kb_random_next(&random) : 0);
            struct kb_fs *fs = kb_fs_mem_clone(original.fs);
            rewrite(fs, hints[i], garbage, size);
            int64_t end = open_twice(&original, fs);
            if (end != original.ends[BATCHES - 1])
                fail_msg("%s: end %ld", hints[i], (long)end);
            fs->ops->free(fs);
        }
    }
    free_original(&original);
}

/* A roll made it on a full disk and unlinked it, and a power loss brought it back. */
static void an_empty_segment_that_the_log_has_passed_is_dropped(void **state)
{
    (void)state;
    for (int checkpointed = 0; checkpointed < 2; checkpointed++) {
        struct original original;
        char path[KD_PATH_MAX];
        struct kb_file *file;
        struct kb_stat stat;
        struct rig rig;
        make_original(&original, checkpointed);
        struct kb_fs *fs = original.fs;
        kd_file_path(path, "t-0", original.ends[BATCHES / 2], KD_SUFFIX_LOG);
        assert_true(fs->ops->open(fs, path, KB_OPEN_WRITE | KB_OPEN_CREATE, &file) >= 0);
        fs->ops->close(fs, file);
        rig_init(&rig, fs, 2);
        rig_open(&rig);
        struct kd_replica *replica = rig_find(&rig, "t", 0);
        assert_false(kd_replica_is_offline(replica));
        assert_int_equal(kd_replica_state(replica)->log_end, original.ends[BATCHES - 1]);
        assert_int_equal(fs->ops->stat(fs, path, &stat), -ENOENT);
        assert_int_equal(rig_append_plain(&rig, replica, 1, 10), original.ends[BATCHES - 1]);
        rig_kill(&rig);
        free_original(&original);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_cut_at_any_byte),
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(tails_of_zeros),
        cmocka_unit_test(damage_below_the_recovery_point_takes_the_log_offline),
        cmocka_unit_test(a_segment_that_is_missing_is_told),
        cmocka_unit_test(a_sealed_segment_that_was_cut_is_told),
        cmocka_unit_test(an_empty_segment_that_the_log_has_passed_is_dropped),
        cmocka_unit_test(what_was_cut_is_kept_beside),
        cmocka_unit_test(garbage_beside_the_log_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
