/* SPDX-License-Identifier: Apache-2.0 */
/* What holds on every disk: each case runs on a real one and on memory. */
#include "tests/unit/unit.h"

#include "base/fs_mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[64];

static int remove_entry(void *ctx, const char *name, bool is_dir)
{
    struct kb_fs *fs = ctx;
    (void)is_dir;
    return fs->ops->unlink(fs, name);
}

static int on_a_real_disk(void **state)
{
    struct kb_fs *fs;
    snprintf(root, sizeof root, "/tmp/kurier-test-XXXXXX");
    if (!mkdtemp(root) || kb_fs_posix_new(root, &fs) < 0)
        return -1;
    *state = fs;
    return 0;
}

static int leave_the_real_disk(void **state)
{
    struct kb_fs *fs = *state;
    int rc = fs->ops->list(fs, "", remove_entry, fs);
    fs->ops->free(fs);
    return rc < 0 ? rc : rmdir(root);
}

static int in_memory(void **state)
{
    *state = kb_fs_mem_new();
    return *state ? 0 : -1;
}

static int leave_memory(void **state)
{
    struct kb_fs *fs = *state;
    fs->ops->free(fs);
    return 0;
}

static struct kb_file *open_file(struct kb_fs *fs, const char *path, int flags)
{
    struct kb_file *file = NULL;
    assert_int_equal(fs->ops->open(fs, path, flags, &file), 0);
    return file;
}

static int open_errno(struct kb_fs *fs, const char *path, int flags)
{
    struct kb_file *file;
    return fs->ops->open(fs, path, flags, &file);
}

enum { MAKE = KB_OPEN_WRITE | KB_OPEN_CREATE };

static void what_is_written_is_read(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_file *file = open_file(fs, "log", MAKE);
    struct iovec out[] = {{"abc", 3}, {"defg", 4}};
    char a[2], b[9] = {0};
    struct iovec in[] = {{a, 2}, {b, 8}};
    assert_int_equal(fs->ops->pwritev(fs, file, out, 2, 10000), 7);
    assert_int_equal(fs->ops->preadv(fs, file, in, 2, 10001, false), 6);
    assert_memory_equal(a, "bc", 2);
    assert_string_equal(b, "defg");
    assert_int_equal(fs->ops->preadv(fs, file, in, 2, 20000, false), 0);
    assert_int_equal(kb_fs_read_all(fs, file, b, 8, 5000), 0);
    assert_memory_equal(b, "\0\0\0\0\0\0\0\0", 8); /* a hole */
    assert_int_equal(kb_fs_read_all(fs, file, b, 8, 10000), -EIO);
    fs->ops->close(fs, file);
    assert_int_equal(fs->ops->unlink(fs, "log"), 0);
}

static void a_file_shrinks_and_grows_with_zeros(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_file *file = open_file(fs, "log", MAKE);
    struct kb_stat stat;
    char bytes[10];
    assert_int_equal(kb_fs_write_all(fs, file, "0123456789", 10, 0), 0);
    assert_int_equal(fs->ops->truncate(fs, file, 4), 0);
    assert_int_equal(fs->ops->truncate(fs, file, 10), 0);
    assert_int_equal(kb_fs_read_all(fs, file, bytes, 10, 0), 0);
    assert_memory_equal(bytes, "0123\0\0\0\0\0\0", 10);
    assert_int_equal(fs->ops->stat(fs, "log", &stat), 0);
    assert_int_equal(stat.size, 10);
    assert_false(stat.is_dir);
    assert_true(stat.mtime_ms > 1600000000000);
    fs->ops->close(fs, file);
    assert_int_equal(fs->ops->unlink(fs, "log"), 0);
}

static void reserving_space_keeps_the_size(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_file *file = open_file(fs, "log", MAKE);
    struct kb_stat stat;
    int rc = fs->ops->allocate(fs, file, 0, 100000);
    assert_true(rc == 0 || rc == -EOPNOTSUPP);
    assert_int_equal(fs->ops->stat(fs, "log", &stat), 0);
    assert_int_equal(stat.size, 0);
    fs->ops->close(fs, file);
    assert_int_equal(fs->ops->unlink(fs, "log"), 0);
}

static void opening_says_what_is_wrong(void **state)
{
    struct kb_fs *fs = *state;
    assert_int_equal(open_errno(fs, "none", KB_OPEN_READ), -ENOENT);
    assert_int_equal(open_errno(fs, "none/file", MAKE), -ENOENT);
    fs->ops->close(fs, open_file(fs, "log", MAKE | KB_OPEN_EXCLUSIVE));
    assert_int_equal(open_errno(fs, "log", MAKE | KB_OPEN_EXCLUSIVE), -EEXIST);
    assert_int_equal(open_errno(fs, "log/file", KB_OPEN_READ), -ENOTDIR);
    assert_int_equal(fs->ops->mkdir(fs, "dir"), 0);
    assert_int_equal(open_errno(fs, "dir", KB_OPEN_WRITE), -EISDIR);
    struct kb_file *file = open_file(fs, "log", KB_OPEN_READ);
    assert_int_equal(fs->ops->pwritev(fs, file, &(struct iovec){"x", 1}, 1, 0), -EBADF);
    fs->ops->close(fs, file);
    assert_int_equal(fs->ops->unlink(fs, "log"), 0);
    assert_int_equal(fs->ops->unlink(fs, "dir"), 0);
    assert_int_equal(fs->ops->unlink(fs, "dir"), -ENOENT);
}

static void truncating_opens_an_empty_file(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_stat stat;
    assert_int_equal(kb_fs_replace(fs, "meta", "abc", 3), 0);
    fs->ops->close(fs, open_file(fs, "meta", KB_OPEN_WRITE | KB_OPEN_TRUNCATE));
    assert_int_equal(fs->ops->stat(fs, "meta", &stat), 0);
    assert_int_equal(stat.size, 0);
    assert_int_equal(fs->ops->unlink(fs, "meta"), 0);
}

static int remember(void *ctx, const char *name, bool is_dir)
{
    char *names = ctx;
    strcat(names, name);
    strcat(names, is_dir ? "/ " : " ");
    return 0;
}

static int stop(void *ctx, const char *name, bool is_dir)
{
    (void)name, (void)is_dir;
    ++*(int *)ctx;
    return 17;
}

static void directories_hold_names(void **state)
{
    struct kb_fs *fs = *state;
    char names[100] = "";
    int visits = 0;
    assert_int_equal(fs->ops->mkdir(fs, "t-0"), 0);
    assert_int_equal(fs->ops->mkdir(fs, "t-0"), -EEXIST);
    fs->ops->close(fs, open_file(fs, "t-0/0.log", MAKE));
    assert_int_equal(fs->ops->mkdir(fs, "t-0/sub"), 0);
    assert_int_equal(fs->ops->list(fs, "t-0", remember, names), 0);
    assert_non_null(strstr(names, "0.log "));
    assert_non_null(strstr(names, "sub/ "));
    assert_int_equal(strlen(names), strlen("0.log sub/ "));
    assert_int_equal(fs->ops->list(fs, "t-0", stop, &visits), 17);
    assert_int_equal(visits, 1);
    assert_int_equal(fs->ops->list(fs, "none", stop, &visits), -ENOENT);
    assert_int_equal(fs->ops->sync_dir(fs, "t-0"), 0);
    assert_int_equal(fs->ops->sync_dir(fs, ""), 0);
    assert_int_equal(fs->ops->unlink(fs, "t-0"), -ENOTEMPTY);
    assert_int_equal(fs->ops->unlink(fs, "t-0/0.log"), 0);
    assert_int_equal(fs->ops->unlink(fs, "t-0/sub"), 0);
    assert_int_equal(fs->ops->unlink(fs, "t-0"), 0);
}

static void a_rename_takes_the_place(void **state)
{
    struct kb_fs *fs = *state;
    char *text;
    size_t size;
    assert_int_equal(kb_fs_replace(fs, "a", "new", 3), 0);
    assert_int_equal(kb_fs_replace(fs, "b", "old", 3), 0);
    assert_int_equal(fs->ops->rename(fs, "a", "b"), 0);
    assert_int_equal(fs->ops->rename(fs, "a", "b"), -ENOENT);
    assert_int_equal(kb_fs_load(fs, "b", 100, &text, &size), 0);
    assert_string_equal(text, "new");
    kb_free(text);
    assert_int_equal(fs->ops->mkdir(fs, "d"), 0);
    assert_int_equal(fs->ops->rename(fs, "b", "d"), -EISDIR);
    assert_int_equal(fs->ops->rename(fs, "d", "d/inside"), -EINVAL);
    assert_int_equal(fs->ops->rename(fs, "b", "d/b"), 0);
    assert_int_equal(fs->ops->rename(fs, "d", "d.delete"), 0);
    assert_int_equal(fs->ops->unlink(fs, "d.delete/b"), 0);
    assert_int_equal(fs->ops->unlink(fs, "d.delete"), 0);
}

static void an_unlinked_file_lives_while_it_is_open(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_file *file = open_file(fs, "log", MAKE);
    char text[4] = "";
    assert_int_equal(kb_fs_write_all(fs, file, "abc", 3, 0), 0);
    assert_int_equal(fs->ops->unlink(fs, "log"), 0);
    assert_int_equal(fs->ops->datasync(fs, file), 0);
    assert_int_equal(kb_fs_read_all(fs, file, text, 3, 0), 0);
    assert_string_equal(text, "abc");
    fs->ops->close(fs, file);
}

static void small_files_are_replaced_and_loaded(void **state)
{
    struct kb_fs *fs = *state;
    char *text;
    size_t size;
    assert_int_equal(fs->ops->mkdir(fs, "d"), 0);
    assert_int_equal(kb_fs_replace(fs, "d/meta", "version=1\n", 10), 0);
    assert_int_equal(kb_fs_replace(fs, "d/meta", "version=2\n", 10), 0);
    assert_int_equal(kb_fs_load(fs, "d/meta", 10, &text, &size), 0);
    assert_int_equal(size, 10);
    assert_string_equal(text, "version=2\n");
    kb_free(text);
    assert_int_equal(kb_fs_load(fs, "d/meta", 9, &text, &size), -EFBIG);
    assert_int_equal(kb_fs_load(fs, "d", 9, &text, &size), -EISDIR);
    assert_int_equal(kb_fs_load(fs, "d/none", 9, &text, &size), -ENOENT);
    assert_int_equal(open_errno(fs, "d/meta.tmp", KB_OPEN_READ), -ENOENT);
    assert_int_equal(fs->ops->unlink(fs, "d/meta"), 0);
    assert_int_equal(fs->ops->unlink(fs, "d"), 0);
}

static void a_lock_has_one_holder(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_file *first, *second;
    assert_int_equal(fs->ops->lock(fs, ".lock", &first), 0);
    assert_int_equal(fs->ops->lock(fs, ".lock", &second), -EAGAIN);
    fs->ops->close(fs, first);
    assert_int_equal(fs->ops->lock(fs, ".lock", &second), 0);
    fs->ops->close(fs, second);
    assert_int_equal(fs->ops->unlink(fs, ".lock"), 0);
}

static void a_direct_read_sees_what_was_synced(void **state)
{
    struct kb_fs *fs = *state;
    char text[4] = "";
    assert_int_equal(kb_fs_replace(fs, "log", "abc", 3), 0);
    struct kb_file *file = open_file(fs, "log", KB_OPEN_READ | KB_OPEN_DIRECT);
    assert_int_equal(kb_fs_read_all(fs, file, text, 3, 0), 0);
    assert_string_equal(text, "abc");
    fs->ops->close(fs, file);
    assert_int_equal(fs->ops->unlink(fs, "log"), 0);
}

static void space_and_syncfs_answer(void **state)
{
    struct kb_fs *fs = *state;
    struct kb_space space;
    assert_int_equal(fs->ops->space(fs, &space), 0);
    assert_true(space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
    int rc = fs->ops->syncfs(fs);
    assert_true(rc == 0 || rc == -ENOSYS);
}

static void a_root_that_is_not_there_is_refused(void **state)
{
    (void)state;
    struct kb_fs *fs;
    assert_int_equal(kb_fs_posix_new("/nowhere/at/all", &fs), -ENOENT);
}

#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, on_a_real_disk, leave_the_real_disk)
#define IN_MEMORY(name) cmocka_unit_test_setup_teardown(name, in_memory, leave_memory)
#define ON_BOTH(name) ON_DISK(name), IN_MEMORY(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(what_is_written_is_read),
        ON_BOTH(a_file_shrinks_and_grows_with_zeros),
        ON_BOTH(reserving_space_keeps_the_size),
        ON_BOTH(opening_says_what_is_wrong),
        ON_BOTH(truncating_opens_an_empty_file),
        ON_BOTH(directories_hold_names),
        ON_BOTH(a_rename_takes_the_place),
        ON_BOTH(an_unlinked_file_lives_while_it_is_open),
        ON_BOTH(small_files_are_replaced_and_loaded),
        ON_BOTH(a_lock_has_one_holder),
        ON_BOTH(a_direct_read_sees_what_was_synced),
        ON_BOTH(space_and_syncfs_answer),
        cmocka_unit_test(a_root_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
