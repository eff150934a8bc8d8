/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a partition, after a crash or a clean stop:
 *
 *   | flags | recovery point | log start | file ...
 *   file   | kind | offset in its name | size 2 | bytes |
 *
 * Whatever lies there is refused and left alone, or becomes a log that is a
 * prefix of what was found; and to load it once more changes nothing.
 */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include "broker/store/recover.h"
#include "broker/store/scan.h"
#include "tests/fuzz/disk.h"
#include "tests/fuzz/parts.h"
#include "tests/fuzz/same.h"

#include <string.h>

enum { CLEAN = 1, STARTED = 2, SUMMED = 4 };
enum { DELETED = KD_SUFFIXES, EPOCHS, IDENTITY, KINDS };
enum { BASES = 16, INDEX_INTERVAL = 64, WINDOW_BYTES = 2 * KD_SCAN_ALIGN };

static const char dir[] = "t-0";

/* ---- What is found ------------------------------------------------------ */

static void path_of(char path[KD_PATH_MAX], unsigned kind, int64_t base)
{
    if (kind == EPOCHS)
        kd_path_join(path, dir, KD_EPOCHS_FILE);
    else if (kind == IDENTITY)
        kd_path_join(path, dir, KD_PARTITION_FILE);
    else if (kind == DELETED)
        kd_file_stage_path(path, dir, base, KD_SUFFIX_LOG, KD_DELETED);
    else
        kd_file_path(path, dir, base, (enum kd_suffix)kind);
}

static void put_file(struct kb_fs *fs, struct kb_slice *input, bool summed)
{
    char path[KD_PATH_MAX];
    unsigned kind = parts_u8(input) % KINDS;
    path_of(path, kind, parts_u8(input) % BASES);
    struct kb_slice bytes = parts_sized(input);
    if (summed && kind == KD_SUFFIX_LOG)
        disk_sum_batches(bytes);
    if (summed && kind == KD_SUFFIX_SNAPSHOT)
        disk_sum_snapshot(bytes);
    disk_put(fs, path, bytes);
}

static void put_identity(struct kb_fs *fs)
{
    char text[KD_PARTITION_FILE_MAX], path[KD_PATH_MAX];
    size_t size = kd_partition_file_format((struct kb_uuid){{7}}, text);
    path_of(path, IDENTITY, 0);
    disk_put(fs, path, kb_slice_of(text, size));
}

/* ---- Loading it --------------------------------------------------------- */

struct loaded {
    struct kd_files files;
    struct kd_producers producers;
    struct kd_epochs epochs;
    struct kd_load load;
};

static int load(struct loaded *out, struct kb_fs *fs, const struct kd_load *how)
{
    kd_files_init(&out->files, fs, 4);
    kd_producers_init(&out->producers, 1);
    kd_epochs_init(&out->epochs);
    out->load = *how;
    out->load.files = &out->files;
    out->load.producers = &out->producers;
    out->load.epochs = &out->epochs;
    int code = kd_log_load(&out->load);
    KB_CHECK(!code || (*out->load.err.text && !out->load.log));
    return code;
}

static void unload(struct loaded *loaded)
{
    kd_log_free(loaded->load.log);
    kd_producers_deinit(&loaded->producers);
    kd_epochs_deinit(&loaded->epochs);
    kd_files_deinit(&loaded->files);
}

/* ---- Reading it --------------------------------------------------------- */

static void find(struct kd_log *log, int64_t timestamp_ms, int64_t from, int64_t end)
{
    struct kd_find ask = {.timestamp_ms = timestamp_ms, .from = from, .bound = end};
    struct kd_found found;
    if (!kd_log_find_time(log, &ask, &found))
        KB_CHECK(found.offset < end);
}

static void read_all(struct kd_log *log, int64_t from, int64_t end)
{
    for (int i = 0; i < 64 && from < end; i++) {
        struct kd_locate ask = {
            .offset = from, .bound = end, .max_bytes = 1 + 100 * (size_t)i, .whole_first = true};
        struct kd_located located;
        if (kd_log_locate(log, &ask, &located))
            return;
        if (located.segment) {
            uint8_t *bytes = kb_malloc(located.size_bytes + 1);
            KB_CHECK(bytes);
            KB_CHECK(kd_segment_read(located.segment, bytes, located.size_bytes, located.position,
                                     false) == (int64_t)located.size_bytes);
            kb_free(bytes);
            kd_segment_unpin(located.segment);
            kd_segment_unref(located.segment);
        }
        from += 1 + (end - from) / 8;
    }
}

static void use(const struct loaded *loaded)
{
    const struct kd_load *load = &loaded->load;
    int64_t start = KB_MAX(load->log_start, 0), end = load->log_end;
    KB_CHECK(start <= end);
    read_all(load->log, start, end);
    find(load->log, KD_FIND_MAX, start, end);
    for (int64_t at = 1; at < INT64_MAX >> 9; at <<= 9)
        find(load->log, at, start, end);
}

/* ---- What must hold ----------------------------------------------------- */

/* The log files of `now` are beginnings of those of `before`: all of them whole
 * where `whole`. Files that retention had taken out may be gone. */
static void must_be_prefixes(struct kb_fs *before, struct kb_fs *now, bool whole)
{
    char path[KD_PATH_MAX];
    for (int64_t base = 0; base < BASES; base++) {
        kd_file_path(path, dir, base, KD_SUFFIX_LOG);
        struct kb_slice was = disk_take(before, path), is = disk_take(now, path);
        KB_CHECK(was.data || !is.data);
        KB_CHECK(!whole || (is.data && is.size == was.size) || !was.data);
        KB_CHECK(is.size <= was.size && (!is.size || !memcmp(is.data, was.data, is.size)));
        kb_free((void *)was.data);
        kb_free((void *)is.data);
    }
}

static void run(struct kb_fs *fs, const struct kd_load *how)
{
    struct loaded first, second;
    struct kb_fs *before = kb_fs_mem_clone(fs);
    KB_CHECK(before);
    int code = load(&first, fs, how);
    bool served = !code && !first.load.abandoned;
    must_be_prefixes(before, fs, code != KB_OK);
    if (served)
        use(&first);
    struct kb_fs *between = kb_fs_mem_clone(fs);
    KB_CHECK(between);
    KB_CHECK(load(&second, fs, how) == code);
    if (served) {
        KB_CHECK(!second.load.cut_bytes);
        KB_CHECK(first.load.log_start == second.load.log_start);
        KB_CHECK(first.load.log_end == second.load.log_end);
        KB_CHECK(same_epochs(&first.epochs, &second.epochs));
        KB_CHECK(same_producers(&first.producers, &second.producers));
    }
    must_be_prefixes(between, fs, true);
    unload(&first);
    unload(&second);
    between->ops->free(between);
    before->ops->free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = kb_malloc(size + 1);
    struct kb_fs *fs = kb_fs_mem_new();
    KB_CHECK(copy && fs && fs->ops->mkdir(fs, dir) >= 0);
    memcpy(copy, data, size);
    struct kb_slice input = kb_slice_of(copy, size);
    unsigned flags = parts_u8(&input);
    struct kd_load how = {.dir = dir,
                          .index_interval_bytes = INDEX_INTERVAL,
                          .clean = flags & CLEAN,
                          .sync = KD_SYNC_EACH,
                          .recovery_point = parts_u8(&input),
                          .log_start = parts_u8(&input),
                          .now_ms = 1,
                          .window_bytes = WINDOW_BYTES};
    if (!(flags & STARTED))
        how.log_start = -1;
    put_identity(fs);
    while (input.size)
        put_file(fs, &input, flags & SUMMED);
    run(fs, &how);
    fs->ops->free(fs);
    kb_free(copy);
    return 0;
}
