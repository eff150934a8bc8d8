/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a log directory: | which | its bytes | */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/store/dir.h"
#include "broker/store/index.h"
#include "broker/store/index_file.h"
#include "broker/store/txn_file.h"
#include "tests/fuzz/disk.h"
#include "tests/fuzz/parts.h"
#include "tests/fuzz/same.h"

#include <string.h>

/* ---- Producer snapshots ------------------------------------------------- */

static void read_snapshot(struct kb_slice bytes)
{
    struct kd_producers first, again;
    disk_sum_snapshot(bytes);
    kd_producers_init(&first, 1);
    kd_producers_init(&again, 2);
    if (!kd_producers_decode(&first, bytes, 1)) {
        size_t size;
        uint8_t *written = kd_producers_encode(&first, &size);
        KB_CHECK(written && !kd_producers_decode(&again, kb_slice_of(written, size), 1));
        KB_CHECK(same_producers(&first, &again));
        kd_producers_expire(&first, 2);
        kb_free(written);
    } else {
        KB_CHECK(!kd_producers_count(&first));
    }
    kd_producers_deinit(&first);
    kd_producers_deinit(&again);
}

/* ---- Leader epochs ------------------------------------------------------ */

static void read_epochs(struct kb_slice bytes)
{
    struct kd_epochs first, again;
    kd_epochs_init(&first);
    kd_epochs_init(&again);
    if (!kd_epochs_parse(&first, bytes)) {
        size_t size;
        char *written = kd_epochs_format(&first, &size);
        KB_CHECK(written && !kd_epochs_parse(&again, kb_slice_of(written, size)));
        KB_CHECK(same_epochs(&first, &again));
        for (size_t i = 0; i < first.count; i++)
            KB_CHECK(kd_epochs_at(&first, first.entries[i].start_offset) >= first.entries[i].epoch);
        kb_free(written);
    }
    kd_epochs_deinit(&first);
    kd_epochs_deinit(&again);
}

/* ---- Checkpoints and meta.properties ------------------------------------ */

/* What it would be written as; null: it makes no sense. */
static struct kb_slice rewrite_checkpoint(struct kb_fs *fs, struct kb_slice bytes)
{
    struct kd_checkpoint checkpoint;
    struct kb_error err;
    struct kb_slice written = kb_slice_null();
    disk_put(fs, "checkpoint", bytes);
    if (!kd_checkpoint_load(fs, "checkpoint", &checkpoint, &err)) {
        for (size_t i = 0; i < checkpoint.count; i++) {
            const struct kd_checkpoint_entry *entry = &checkpoint.entries[i];
            KB_CHECK(kd_checkpoint_find(&checkpoint, entry->topic, entry->partition));
        }
        KB_CHECK(kd_checkpoint_save(fs, "checkpoint", &checkpoint) >= 0);
        written = disk_take(fs, "checkpoint");
        kd_checkpoint_deinit(&checkpoint);
    }
    return written;
}

static void read_checkpoint(struct kb_slice bytes)
{
    struct kb_fs *fs = kb_fs_mem_new();
    KB_CHECK(fs);
    struct kb_slice first = rewrite_checkpoint(fs, bytes);
    if (first.data) {
        struct kb_slice again = rewrite_checkpoint(fs, first);
        KB_CHECK(again.data && again.size == first.size);
        kb_free((void *)again.data);
    }
    kb_free((void *)first.data);
    fs->ops->free(fs);
}

static void read_meta(struct kb_slice bytes)
{
    struct kb_fs *fs = kb_fs_mem_new();
    char cluster_id[KD_CLUSTER_ID_MAX];
    struct kd_dir dir, again;
    struct kb_error odd, err;
    KB_CHECK(fs);
    disk_put(fs, KD_META_FILE, bytes);
    int code = kd_dir_open(&dir, fs, NULL, 1, &odd, &err);
    KB_CHECK(!code || *err.text);
    if (!code && *dir.cluster_id) {
        memcpy(cluster_id, dir.cluster_id, sizeof cluster_id);
        KB_CHECK(kd_dir_claim(&dir, cluster_id, 1) >= 0);
        kd_dir_close(&dir);
        KB_CHECK(!kd_dir_open(&again, fs, cluster_id, 1, &odd, &err));
        kd_dir_close(&again);
    } else if (!code) {
        kd_dir_close(&dir);
    }
    fs->ops->free(fs);
}

/* ---- Indexes ------------------------------------------------------------ */

/* What both ways of asking an index answer. One that made no sense when it was
 * loaded may answer anything. */
static void ask_index(const struct kd_index *index, bool sound, struct kb_fs *fs)
{
    int64_t max_ms, last_ms, last_relative;
    for (int shift = 0; shift < 62; shift += 3) {
        int64_t key = INT64_C(1) << shift;
        int64_t position = kd_index_file_position(fs, "t-0", 0, key);
        uint32_t relative = kd_index_file_time(fs, "t-0", 0, key, &max_ms);
        KB_CHECK(!sound || position == kd_index_position(index, key));
        KB_CHECK(!sound || relative == kd_index_time_relative(index, key));
    }
    bool any = kd_index_file_last_time(fs, "t-0", 0, &last_ms, &last_relative);
    KB_CHECK(!sound || any == (index->time_count > 0));
    KB_CHECK(!sound || !any || last_ms == index->max_timestamp_ms);
}

static void read_index(struct kb_slice bytes)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_index index;
    char path[KD_PATH_MAX];
    KB_CHECK(fs && fs->ops->mkdir(fs, "t-0") >= 0);
    kd_file_path(path, "t-0", 0, KD_SUFFIX_INDEX);
    disk_put(fs, path, parts_sized(&bytes));
    kd_file_path(path, "t-0", 0, KD_SUFFIX_TIMEINDEX);
    disk_put(fs, path, bytes);
    int status = kd_index_load(&index, fs, "t-0", 0, 1 << 20);
    KB_CHECK(status >= 0);
    ask_index(&index, status, fs);
    kd_index_cut(&index, 1 << 10);
    KB_CHECK(!kd_index_save(&index, fs, "t-0", 0, KD_SYNC_EACH));
    if (status)
        ask_index(&index, false, fs);
    kd_index_deinit(&index);
    fs->ops->free(fs);
}

/* ---- Aborted transactions ----------------------------------------------- */

struct aborted_file {
    struct kd_txn_writer writer;
    int64_t last;
};

static int copy_aborted(void *ctx, const struct kd_aborted *aborted)
{
    struct aborted_file *file = ctx;
    KB_CHECK(aborted->last_offset > file->last && aborted->first_offset < aborted->last_offset);
    file->last = aborted->last_offset;
    return kd_txn_writer_add(&file->writer, aborted);
}

/* What holds reads back as it was written, and is found by its markers. */
static void check_aborted(struct kb_fs *fs, const char *path, struct kb_slice bytes)
{
    struct aborted_file file = {.last = -1};
    int64_t at, again, last;
    kd_txn_writer_init(&file.writer, fs, "t-0", 0, KD_CLEANED);
    KB_CHECK(!kd_txn_file_walk(fs, path, 0, (int64_t)bytes.size, copy_aborted, &file));
    KB_CHECK(!kd_txn_writer_finish(&file.writer));
    kd_txn_writer_deinit(&file.writer);
    if (!bytes.size)
        return;
    struct kb_slice written = disk_take(fs, file.writer.path);
    KB_CHECK(written.size == bytes.size && !memcmp(written.data, bytes.data, bytes.size));
    kb_free((void *)written.data);
    KB_CHECK(kd_txn_file_check(fs, path, 0, INT64_MAX, &again, &last) == 1);
    KB_CHECK(again == (int64_t)bytes.size && last == file.last);
    KB_CHECK(!kd_txn_file_seek(fs, path, again, last, &at) && at == again - KD_TXN_ENTRY_BYTES);
    KB_CHECK(!kd_txn_file_seek(fs, path, again, last + 1, &at) && at == again);
}

static void read_aborted(struct kb_slice bytes)
{
    struct kb_fs *fs = kb_fs_mem_new();
    char path[KD_PATH_MAX];
    int64_t size, last;
    KB_CHECK(fs && fs->ops->mkdir(fs, "t-0") >= 0);
    kd_file_path(path, "t-0", 0, KD_SUFFIX_TXNINDEX);
    disk_put(fs, path, bytes);
    int status = kd_txn_file_check(fs, path, 0, INT64_MAX, &size, &last);
    KB_CHECK(status == 0 || status == 1);
    if (status)
        check_aborted(fs, path, bytes);
    fs->ops->free(fs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct kb_slice) = {read_snapshot, read_epochs, read_checkpoint,
                                                       read_meta,     read_index,  read_aborted};
    if (!size)
        return 0;
    uint8_t *copy = kb_malloc(size);
    KB_CHECK(copy);
    memcpy(copy, data + 1, size - 1);
    readers[data[0] % (sizeof readers / sizeof *readers)](kb_slice_of(copy, size - 1));
    kb_free(copy);
    return 0;
}
