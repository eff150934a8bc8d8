/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated disk keeps and loses. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/fs_mem.h"

#include <errno.h>
#include <string.h>

enum { MAKE = KB_OPEN_WRITE | KB_OPEN_CREATE, SECTOR = 512, SEEDS = 200 };

static struct kb_file *open_file(struct kb_fs *fs, const char *path, int flags)
{
    struct kb_file *file = NULL;
    assert_int_equal(fs->ops->open(fs, path, flags, &file), 0);
    return file;
}

static void write_fill(struct kb_fs *fs, struct kb_file *file, int64_t at, char c, size_t size)
{
    char *bytes = kb_malloc(size);
    memset(bytes, c, size);
    assert_int_equal(kb_fs_write_all(fs, file, bytes, size, at), 0);
    kb_free(bytes);
}

/* The disk that a power loss with this seed leaves of `fs`, which stays. */
static struct kb_fs *after_power_loss(struct kb_fs *fs, uint64_t seed)
{
    struct kb_random random;
    struct kb_fs *found = kb_fs_mem_clone(fs);
    kb_random_seed(&random, seed);
    kb_fs_mem_crash(found, KB_CRASH_POWER, &random);
    return found;
}

static char *content(struct kb_fs *fs, const char *path, size_t *size)
{
    char *text = NULL;
    return kb_fs_load(fs, path, 1 << 20, &text, size) == 0 ? text : NULL;
}

static bool there(struct kb_fs *fs, const char *path)
{
    struct kb_stat stat;
    return fs->ops->stat(fs, path, &stat) == 0;
}

static void what_was_synced_survives(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *file = open_file(fs, "log", MAKE);
    write_fill(fs, file, 0, 'a', 5000);
    assert_int_equal(fs->ops->datasync(fs, file), 0);
    assert_int_equal(fs->ops->sync_dir(fs, ""), 0);
    write_fill(fs, file, 5000, 'b', 5000);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        size_t size;
        char *text = content(found, "log", &size);
        assert_true(size >= 5000 && size <= 10000);
        for (size_t i = 0; i < 5000; i++)
            assert_int_equal(text[i], 'a');
        for (size_t i = 5000; i < size; i++)
            assert_true(text[i] == 'b' || text[i] == 0);
        kb_free(text);
        found->ops->free(found);
    }
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

/* Over many seeds: all is there, nothing is, a tear at a sector, a hole before
 * something that came later. */
static void what_was_not_synced_can_go_in_every_way(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *file = open_file(fs, "log", MAKE);
    bool whole = false, none = false, torn = false, reordered = false;
    fs->ops->sync_dir(fs, "");
    write_fill(fs, file, 0, 'a', 4 * SECTOR);
    write_fill(fs, file, 4 * SECTOR, 'b', 4 * SECTOR);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        size_t size, as = 0, bs = 0;
        char *text = content(found, "log", &size);
        for (size_t i = 0; i < size; i += SECTOR) {
            for (size_t j = 1; j < SECTOR && i + j < size; j++)
                assert_int_equal(text[i + j], text[i]); /* sectors are whole */
            as += text[i] == 'a';
            bs += text[i] == 'b';
        }
        whole |= as == 4 && bs == 4;
        none |= as == 0 && bs == 0;
        torn |= as > 0 && as < 4;
        reordered |= as == 0 && bs == 4;
        kb_free(text);
        found->ops->free(found);
    }
    assert_true(whole && none && torn && reordered);
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

static void an_unsynced_truncation_shows_the_old_or_the_new(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *file = open_file(fs, "log", MAKE);
    bool old_seen = false, new_seen = false;
    write_fill(fs, file, 0, 'a', 4 * SECTOR);
    fs->ops->syncfs(fs);
    assert_int_equal(fs->ops->truncate(fs, file, SECTOR), 0);
    write_fill(fs, file, SECTOR, 'b', SECTOR);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        size_t size;
        char *text = content(found, "log", &size);
        for (size_t i = 0; i < size; i++)
            assert_true(text[i] == 'a' || (size == 2 * SECTOR && i >= SECTOR));
        old_seen |= size == 4 * SECTOR;
        new_seen |= size == 2 * SECTOR && text[SECTOR] == 'b';
        kb_free(text);
        found->ops->free(found);
    }
    assert_true(old_seen && new_seen);
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

static void syncing_a_file_does_not_keep_its_name(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    int found_it = 0;
    fs->ops->mkdir(fs, "t-0");
    struct kb_file *file = open_file(fs, "t-0/log", MAKE);
    write_fill(fs, file, 0, 'a', 100);
    fs->ops->datasync(fs, file);
    for (int step = 0; step < 3; step++) {
        found_it = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct kb_fs *found = after_power_loss(fs, seed);
            found_it += there(found, "t-0/log");
            found->ops->free(found);
        }
        if (step < 2)
            assert_in_range(found_it, 1, SEEDS - 1);
        fs->ops->sync_dir(fs, step == 0 ? "t-0" : ""); /* its own, then the one above */
    }
    assert_int_equal(found_it, SEEDS);
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

static void a_replaced_file_is_the_old_or_the_new(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    assert_int_equal(kb_fs_replace(fs, "meta", "old", 3), 0);
    struct kb_file *file = open_file(fs, "meta.tmp", MAKE);
    bool old_seen = false, new_seen = false;
    kb_fs_write_all(fs, file, "new", 3, 0);
    fs->ops->datasync(fs, file);
    fs->ops->close(fs, file);
    fs->ops->rename(fs, "meta.tmp", "meta");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        size_t size;
        char *text = content(found, "meta", &size);
        assert_non_null(text);
        old_seen |= !strcmp(text, "old");
        new_seen |= !strcmp(text, "new");
        assert_true(!strcmp(text, "old") || !strcmp(text, "new"));
        assert_false(!strcmp(text, "new") && there(found, "meta.tmp"));
        kb_free(text);
        found->ops->free(found);
    }
    assert_true(old_seen && new_seen);
    fs->ops->free(fs);
}

static void a_rename_between_directories_is_whole(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    fs->ops->mkdir(fs, "a");
    fs->ops->mkdir(fs, "b");
    fs->ops->close(fs, open_file(fs, "a/f", MAKE));
    fs->ops->syncfs(fs);
    fs->ops->rename(fs, "a/f", "b/f");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        assert_int_equal(there(found, "a/f") + there(found, "b/f"), 1);
        found->ops->free(found);
    }
    fs->ops->sync_dir(fs, "b");
    struct kb_fs *found = after_power_loss(fs, 1);
    assert_true(there(found, "b/f") && !there(found, "a/f"));
    found->ops->free(found);
    fs->ops->free(fs);
}

static void an_unlinked_file_can_come_back(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    int back = 0;
    assert_int_equal(kb_fs_replace(fs, "meta", "abc", 3), 0);
    fs->ops->unlink(fs, "meta");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        size_t size;
        char *text = content(found, "meta", &size);
        if (text)
            assert_string_equal(text, "abc");
        back += text != NULL;
        kb_free(text);
        found->ops->free(found);
    }
    assert_in_range(back, 1, SEEDS - 1);
    fs->ops->free(fs);
}

static void a_killed_process_loses_nothing_but_its_files(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *lock, *again, *file = open_file(fs, "log", MAKE);
    size_t size;
    assert_int_equal(fs->ops->lock(fs, ".lock", &lock), 0);
    write_fill(fs, file, 0, 'a', 3000);
    kb_fs_mem_crash(fs, KB_CRASH_PROCESS, NULL);
    assert_int_equal(kb_fs_write_all(fs, file, "x", 1, 0), -EIO);
    assert_int_equal(fs->ops->datasync(fs, file), -EIO);
    assert_int_equal(fs->ops->lock(fs, ".lock", &again), 0);
    fs->ops->close(fs, lock); /* the dead holder takes nothing along */
    assert_int_equal(fs->ops->lock(fs, ".lock", &lock), -EAGAIN);
    char *text = content(fs, "log", &size);
    assert_int_equal(size, 3000);
    kb_free(text);
    fs->ops->close(fs, again);
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

static void a_lying_disk_loses_what_was_synced(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    int lost = 0;
    kb_fs_mem_set_lying(fs, true);
    assert_int_equal(kb_fs_replace(fs, "meta", "abc", 3), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct kb_fs *found = after_power_loss(fs, seed);
        lost += !there(found, "meta");
        found->ops->free(found);
    }
    assert_true(lost > 0);
    fs->ops->free(fs);
}

struct plan {
    enum kb_fs_op op;
    int error, times;
};

static int fail_as_planned(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct plan *plan = ctx;
    (void)path, (void)nth;
    return op == plan->op && plan->times-- > 0 ? plan->error : 0;
}

static void after_a_failed_sync_the_bytes_never_reach_the_disk(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *file = open_file(fs, "log", MAKE);
    struct plan plan = {KB_FS_SYNC, -EIO, 1};
    char text[8] = "";
    fs->ops->sync_dir(fs, "");
    write_fill(fs, file, 0, 'a', 4096);
    kb_fs_mem_set_fault(fs, fail_as_planned, &plan);
    assert_int_equal(fs->ops->datasync(fs, file), -EIO);
    write_fill(fs, file, 4096, 'b', 10);
    assert_int_equal(fs->ops->datasync(fs, file), 0); /* as kernels do */
    assert_int_equal(kb_fs_read_all(fs, file, text, 4, 0), 0);
    assert_string_equal(text, "aaaa"); /* still in the cache */
    struct kb_file *direct = open_file(fs, "log", KB_OPEN_READ | KB_OPEN_DIRECT);
    assert_int_equal(kb_fs_read_all(fs, direct, text, 4, 0), 0);
    assert_memory_equal(text, "\0\0\0\0", 4);
    struct kb_fs *found = after_power_loss(fs, 3);
    size_t size;
    char *after = content(found, "log", &size);
    assert_int_equal(size, 4106);
    assert_memory_equal(after, "\0\0\0\0", 4);
    assert_memory_equal(after + 4096, "bbbb", 4);
    kb_free(after);
    found->ops->free(found);
    fs->ops->close(fs, direct);
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

static void every_kind_of_operation_can_fail(void **state)
{
    (void)state;
    static const enum kb_fs_op ops[] = {KB_FS_OPEN, KB_FS_WRITE, KB_FS_SYNC, KB_FS_META};
    for (size_t i = 0; i < KB_ARRAY_SIZE(ops); i++) {
        struct kb_fs *fs = kb_fs_mem_new();
        struct plan plan = {ops[i], -ENOMEDIUM, 1};
        kb_fs_mem_set_fault(fs, fail_as_planned, &plan);
        assert_int_equal(kb_fs_replace(fs, "meta", "abc", 3), -ENOMEDIUM);
        assert_int_equal(kb_fs_replace(fs, "meta", "abc", 3), 0);
        assert_true(kb_fs_mem_operations(fs) >= 5);
        fs->ops->free(fs);
    }
}

static void a_full_disk_takes_what_fits(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *a = open_file(fs, "a", MAKE), *b = open_file(fs, "b", MAKE);
    struct kb_space space;
    kb_fs_mem_set_capacity(fs, 10000);
    write_fill(fs, a, 0, 'a', 6000);
    assert_int_equal(fs->ops->allocate(fs, b, 0, 5000), -ENOSPC);
    assert_int_equal(fs->ops->allocate(fs, b, 0, 1000), 0);
    assert_int_equal(fs->ops->space(fs, &space), 0);
    assert_int_equal(space.free_bytes, 3000);
    char bytes[5000] = {0};
    struct iovec part = {bytes, sizeof bytes};
    assert_int_equal(fs->ops->pwritev(fs, b, &part, 1, 0), 4000);
    assert_int_equal(fs->ops->pwritev(fs, b, &part, 1, 4000), -ENOSPC);
    assert_int_equal(fs->ops->pwritev(fs, b, &part, 1, 0), 4000); /* over what is there */
    fs->ops->unlink(fs, "a");
    assert_int_equal(fs->ops->pwritev(fs, b, &part, 1, 4000), -ENOSPC); /* still open */
    fs->ops->close(fs, a);
    assert_int_equal(fs->ops->pwritev(fs, b, &part, 1, 4000), 5000);
    assert_int_equal(fs->ops->truncate(fs, b, 0), 0);
    fs->ops->space(fs, &space);
    assert_int_equal(space.free_bytes, 10000);
    fs->ops->close(fs, b);
    fs->ops->free(fs);
}

static void a_clone_goes_its_own_way(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    size_t size;
    assert_int_equal(kb_fs_replace(fs, "meta", "one", 3), 0);
    struct kb_fs *clone = kb_fs_mem_clone(fs);
    struct kb_file *file = open_file(clone, "meta", KB_OPEN_WRITE);
    assert_int_equal(kb_fs_write_all(clone, file, "two", 3, 0), 0);
    clone->ops->close(clone, file);
    char *text = content(fs, "meta", &size);
    assert_string_equal(text, "one");
    kb_free(text);
    text = content(clone, "meta", &size);
    assert_string_equal(text, "two");
    kb_free(text);
    fs->ops->free(fs);
    clone->ops->free(clone);
}

static void a_seed_repeats_a_crash(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_file *file = open_file(fs, "log", MAKE);
    fs->ops->sync_dir(fs, "");
    for (int i = 0; i < 2000; i++) /* past the journal's limit as well */
        write_fill(fs, file, i * 100, (char)('a' + i % 26), 100);
    size_t size[2];
    char *text[2];
    for (int i = 0; i < 2; i++) {
        struct kb_fs *found = after_power_loss(fs, 77);
        text[i] = content(found, "log", &size[i]);
        found->ops->free(found);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(text[0], text[1], size[0]);
    kb_free(text[0]);
    kb_free(text[1]);
    fs->ops->close(fs, file);
    fs->ops->free(fs);
}

static void work(void *ctx)
{
    (void)ctx;
    struct kb_fs *fs = kb_fs_mem_new();
    if (!fs)
        return;
    struct kb_file *file = NULL;
    fs->ops->mkdir(fs, "t-0");
    if (fs->ops->open(fs, "t-0/log", MAKE, &file) == 0) {
        kb_fs_write_all(fs, file, "abc", 3, 9000);
        fs->ops->datasync(fs, file);
        kb_fs_write_all(fs, file, "def", 3, 9000);
        fs->ops->truncate(fs, file, 9001);
        fs->ops->close(fs, file);
    }
    kb_fs_replace(fs, "t-0/meta", "x", 1);
    fs->ops->rename(fs, "t-0/log", "t-0/log.deleted");
    struct kb_fs *clone = kb_fs_mem_clone(fs);
    if (clone)
        clone->ops->free(clone);
    fs->ops->syncfs(fs);
    fs->ops->unlink(fs, "t-0/log.deleted");
    fs->ops->free(fs);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    assert_true(unit_each_failure(work, NULL) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives),
        cmocka_unit_test(what_was_not_synced_can_go_in_every_way),
        cmocka_unit_test(an_unsynced_truncation_shows_the_old_or_the_new),
        cmocka_unit_test(syncing_a_file_does_not_keep_its_name),
        cmocka_unit_test(a_replaced_file_is_the_old_or_the_new),
        cmocka_unit_test(a_rename_between_directories_is_whole),
        cmocka_unit_test(an_unlinked_file_can_come_back),
        cmocka_unit_test(a_killed_process_loses_nothing_but_its_files),
        cmocka_unit_test(a_lying_disk_loses_what_was_synced),
        cmocka_unit_test(after_a_failed_sync_the_bytes_never_reach_the_disk),
        cmocka_unit_test(every_kind_of_operation_can_fail),
        cmocka_unit_test(a_full_disk_takes_what_fits),
        cmocka_unit_test(a_clone_goes_its_own_way),
        cmocka_unit_test(a_seed_repeats_a_crash),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("fs_mem", tests, NULL, NULL);
}
