/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes of the metadata journal. A short life (writes, snapshots, a clean
 * stop, a kill) is led again and again; each time another operation on the disk
 * fails, as a failing disk or a full one would let it, and the life goes on
 * after a kill. At every operation the disk is copied, as kill -9 would leave
 * it and as a power loss could, and opened:
 *
 *   it opens;
 *   what was acknowledged is there, and what an earlier start has shown;
 *   the writes that are there are the first ones, with none left out;
 *   what is written then stays through another power loss.
 *
 * A disk whose syncs lie must be found out, or the test proves nothing.
 */
#include "tests/unit/unit.h"

#include "base/fs_mem.h"
#include "broker/meta/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POWER_LOSSES = 2, NOT_OPENED = -1 };

/* Node /1 is written first, then /2, and so on. */
struct store {
    struct kb_fs *fs;
    struct kd_journal journal;
    struct kd_tree tree;
    int count;
};

/* How many of the nodes are there; -1: some, but not the first ones. */
static int count_nodes(const struct kd_tree *tree)
{
    char path[16];
    int count = 0;
    do
        snprintf(path, sizeof path, "/%d", ++count);
    while (kd_tree_find(tree, path));
    return tree->root->child_count == count - 1 ? count - 1 : -1;
}

static int store_open(struct store *store, struct kb_fs *fs)
{
    struct kb_error err;
    *store = (struct store){.fs = fs, .count = NOT_OPENED};
    assert_true(kd_tree_init(&store->tree, 1));
    int code = kd_journal_open(&store->journal, fs, "meta", &store->tree, &err);
    if (!code)
        store->count = count_nodes(&store->tree);
    return code;
}

static void store_close(struct store *store)
{
    kd_journal_close(&store->journal);
    kd_tree_deinit(&store->tree);
}

/* 0 or -errno. Where there is no room nothing happens. */
static int store_write(struct store *store)
{
    char path[16];
    struct kd_bytes bytes = {0};
    struct kd_meta_change change;
    struct kd_meta_result result;
    snprintf(path, sizeof path, "/%d", store->count + 1);
    struct kd_meta_op op = {KD_META_CREATE, 0, path, kb_slice_str("something"), KD_META_ANY};
    size_t bound = kd_journal_record_bound(&op, 1);
    if (!kd_journal_has_room(&store->journal, bound) &&
        kd_journal_reserve(&store->journal, bound) < 0)
        return 0;
    kd_tree_multi(&store->tree, &op, 1, &change, &result);
    assert_int_equal(result.outcome, KD_META_OK);
    assert_true(kd_journal_record(&bytes, store->journal.size, result.zxid, &op, 1));
    int r = kd_journal_append(&store->journal, &bytes);
    store->count += r == 0;
    kd_bytes_free(&bytes);
    return r;
}

static int store_snapshot(struct store *store)
{
    struct kd_bytes bytes = {0};
    assert_true(kd_journal_snapshot(&bytes, &store->tree));
    int r = kd_journal_replace(&store->journal, &bytes);
    kd_bytes_free(&bytes);
    return r == -ENOSPC ? 0 : r; /* the log goes on */
}

/* As after a clean stop. */
static int store_end(struct store *store)
{
    struct kd_bytes bytes = {0};
    assert_true(kd_journal_record_end(&bytes, store->journal.size, store->tree.zxid));
    int r = kd_journal_append(&store->journal, &bytes);
    kd_bytes_free(&bytes);
    return r;
}

/* ---- A life ------------------------------------------------------------- */

struct findings {
    long images, refused, lost, odd, faults;
};

struct life {
    struct kb_fs *fs;
    struct store store;
    bool is_open;
    int sure, asked; /* writes that must be there, and that may be */
    uint64_t begun, fault_at;
    int fault; /* -errno */
    bool lying;
    struct findings found;
};

/* The disk as it is, after a crash. */
static void check_crash(struct life *life, enum kb_crash how, uint64_t seed)
{
    struct kb_random random;
    struct store store;
    struct findings *found = &life->found;
    struct kb_fs *disk = kb_fs_mem_clone(life->fs);
    int sure = life->sure;
    kb_random_seed(&random, seed);
    kb_fs_mem_crash(disk, how, &random);
    found->images++;
    for (int i = 0; i < 3; i++) {
        int code = store_open(&store, disk);
        found->refused += code != KB_OK;
        found->lost += !code && store.count < sure;
        found->odd += !code && (store.count < 0 || store.count > life->asked + i);
        bool goes_on = !code && store.count >= 0;
        if (goes_on) {
            assert_int_equal(store_write(&store), 0);
            sure = store.count;
        }
        store_close(&store);
        if (!goes_on)
            break;
        kb_fs_mem_crash(disk, KB_CRASH_POWER, &random);
    }
    disk->ops->free(disk);
}

static int at_each_operation(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct life *life = ctx;
    bool fails = nth - life->begun == life->fault_at;
    (void)path;
    if (op != KB_FS_READ && nth - life->begun >= life->fault_at)
        for (uint64_t i = 0; i <= POWER_LOSSES; i++)
            check_crash(life, i ? KB_CRASH_POWER : KB_CRASH_PROCESS,
                        (nth * 100 + life->fault_at) * 10 + i);
    life->found.faults += fails;
    return fails ? life->fault : 0;
}

/* What a start has shown must stay. */
static void start(struct life *life)
{
    for (int tries = 0; tries < 3 && !life->is_open; tries++) {
        life->is_open = store_open(&life->store, life->fs) == KB_OK;
        if (!life->is_open)
            store_close(&life->store);
    }
    assert_true(life->is_open);
    life->sure = life->asked = life->store.count;
}

static void stop(struct life *life)
{
    store_close(&life->store);
    life->is_open = false;
}

static void kill_and_start(struct life *life)
{
    struct kb_random random;
    kb_random_seed(&random, 1);
    kb_fs_mem_crash(life->fs, KB_CRASH_PROCESS, &random);
    stop(life);
    start(life);
}

/* A store that failed is opened anew. */
static void write_some(struct life *life, int count)
{
    for (int i = 0; i < count; i++) {
        life->asked = life->store.count + 1;
        if (store_write(&life->store) < 0)
            kill_and_start(life);
        else
            life->sure = life->store.count;
    }
}

static void snapshot(struct life *life)
{
    if (store_snapshot(&life->store) < 0)
        kill_and_start(life);
}

/* A clean stop, and another start. */
static void end(struct life *life)
{
    if (store_end(&life->store) < 0) {
        kill_and_start(life);
        return;
    }
    stop(life);
    start(life);
}

static void lead(struct life *life)
{
    start(life);
    write_some(life, 3);
    snapshot(life);
    write_some(life, 2);
    end(life);
    write_some(life, 2);
    kill_and_start(life);
    write_some(life, 2);
    end(life);
    end(life);
}

/* Answers how many operations it took. */
static uint64_t try_life(uint64_t fault_at, int fault, bool lying, struct findings *total)
{
    struct life life = {.fs = kb_fs_mem_new(), .fault_at = fault_at, .fault = fault};
    kb_fs_mem_set_lying(life.fs, lying);
    kb_fs_mem_set_fault(life.fs, at_each_operation, &life);
    lead(&life);
    stop(&life);
    uint64_t operations = kb_fs_mem_operations(life.fs);
    kb_fs_mem_set_fault(life.fs, NULL, NULL);
    life.fs->ops->free(life.fs);
    total->images += life.found.images;
    total->refused += life.found.refused;
    total->lost += life.found.lost;
    total->odd += life.found.odd;
    total->faults += life.found.faults;
    return operations;
}

static struct findings every_life(int fault, bool lying)
{
    struct findings found = {0};
    uint64_t operations = 1;
    for (uint64_t at = 0; at < operations; at++)
        operations = try_life(at, fault, lying, &found);
    print_message("%s: %ld images of %ld faults: refused %ld, lost %ld, odd %ld\n",
                  fault ? strerror(-fault) : "no fault", found.images, found.faults, found.refused,
                  found.lost, found.odd);
    return found;
}

/* ---- The tests ---------------------------------------------------------- */

static void expect_nothing_lost(int fault)
{
    struct findings found = every_life(fault, false);
    assert_true(found.images > 1000);
    assert_true(found.faults > 30);
    assert_int_equal(found.refused + found.lost + found.odd, 0);
}

static void a_disk_that_fails_once(void **state)
{
    (void)state;
    expect_nothing_lost(-EIO);
}

static void a_disk_that_is_full_once(void **state)
{
    (void)state;
    expect_nothing_lost(-ENOSPC);
}

static void a_disk_that_lies_is_found_out(void **state)
{
    (void)state;
    struct findings found = {0};
    (void)try_life(0, 0, true, &found);
    assert_true(found.lost + found.refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fails_once),
        cmocka_unit_test(a_disk_that_is_full_once),
        cmocka_unit_test(a_disk_that_lies_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
