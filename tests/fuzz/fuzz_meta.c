/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a metadata store may find: | flags | size 2 | snapshot | log |, or with a
 * flag the content of one node. Either it is refused, or it is a tree that a
 * snapshot keeps, and that is found again when it is opened again.
 */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/meta/journal.h"
#include "broker/meta/records.h"
#include "tests/fuzz/disk.h"
#include "tests/fuzz/parts.h"
#include "wire/crc32c.h"

#include <stdlib.h>
#include <string.h>

enum { SUMMED = 2, IS_RECORD = 4 };

/* ---- Snapshot and log --------------------------------------------------- */

static void put_sum(uint8_t *crc, const uint8_t *from, size_t size)
{
    kw_put_be32(crc, kw_crc32c(0, from, size));
}

static void sum_snapshot(struct kb_slice bytes)
{
    uint8_t *at = (uint8_t *)bytes.data; /* a copy of the target's own */
    if (bytes.size >= 4)
        put_sum(at + bytes.size - 4, at, bytes.size - 4);
}

static void sum_log(struct kb_slice bytes)
{
    uint8_t *at = (uint8_t *)bytes.data;
    for (size_t i = KD_MAGIC_BYTES; i + KD_RECORD_HEAD <= bytes.size;) {
        size_t body = kw_get_be32(at + i);
        if (body > bytes.size - i - KD_RECORD_HEAD)
            break;
        put_sum(at + i + 4, at + i + KD_RECORD_HEAD, body);
        i += KD_RECORD_HEAD + body;
    }
}

/* The tree as bytes; data NULL: the store was refused. */
static struct kd_bytes open_store(struct kb_fs *fs, int64_t *cut_bytes)
{
    struct kd_journal journal;
    struct kd_bytes bytes = {0};
    struct kd_tree tree;
    struct kb_error err;
    KB_CHECK(kd_tree_init(&tree, 1));
    int code = kd_journal_open(&journal, fs, "meta", &tree, &err);
    KB_CHECK(!code || *err.text);
    if (!code) {
        *cut_bytes = journal.cut_bytes;
        KB_CHECK(kd_journal_snapshot(&bytes, &tree));
        kd_journal_close(&journal);
    }
    kd_tree_deinit(&tree);
    return bytes;
}

static void must_restore(const struct kd_bytes *snapshot)
{
    struct kd_tree tree;
    struct kd_bytes again = {0};
    KB_CHECK(kd_tree_init(&tree, 1));
    KB_CHECK(kd_journal_restore(snapshot->data, snapshot->size, &tree));
    KB_CHECK(kd_journal_snapshot(&again, &tree));
    KB_CHECK(again.size == snapshot->size && !memcmp(again.data, snapshot->data, again.size));
    kd_bytes_free(&again);
    kd_tree_deinit(&tree);
}

static void read_store(struct kb_slice input, unsigned flags)
{
    struct kb_fs *fs = kb_fs_mem_new();
    KB_CHECK(fs && fs->ops->mkdir(fs, "meta") >= 0);
    struct kb_slice snapshot = parts_sized(&input);
    if (flags & SUMMED) {
        sum_snapshot(snapshot);
        sum_log(input);
    }
    if (snapshot.size)
        disk_put(fs, "meta/snapshot", snapshot);
    disk_put(fs, "meta/log", input);
    int64_t cut_bytes = 0;
    struct kd_bytes first = open_store(fs, &cut_bytes);
    struct kd_bytes again = open_store(fs, &cut_bytes);
    KB_CHECK(first.size == again.size);
    if (first.data) {
        KB_CHECK(!cut_bytes && !memcmp(first.data, again.data, first.size));
        must_restore(&first);
    }
    kd_bytes_free(&first);
    kd_bytes_free(&again);
    fs->ops->free(fs);
}

/* ---- What stands in a node ---------------------------------------------- */

/* Each reads, and answers what it would write; NULL: it makes no sense. */
static char *rewrite_topic(struct kb_slice text)
{
    struct kd_topic_record record;
    if (!kd_record_topic_read(text, &record))
        return NULL;
    char *written = kd_record_topic(&record);
    KB_CHECK(written);
    kd_topic_record_deinit(&record);
    return written;
}

static char *rewrite_state(struct kb_slice text)
{
    struct kd_state_record record;
    if (!kd_record_state_read(text, &record))
        return NULL;
    char *written = kd_record_state(&record);
    KB_CHECK(written);
    kd_state_record_deinit(&record);
    return written;
}

static char *rewrite_config(struct kb_slice text)
{
    struct kd_overrides config = {0};
    char *written = NULL;
    if (kd_record_config_read(text, &config)) {
        written = kd_record_config(&config);
        KB_CHECK(written);
    }
    kd_overrides_deinit(&config);
    return written;
}

static char *rewrite_cluster(struct kb_slice text)
{
    char id[64];
    if (!kd_record_cluster_read(text, id, sizeof id))
        return NULL;
    char *written = kd_record_cluster(id);
    KB_CHECK(written);
    return written;
}

static void read_block(struct kb_slice text)
{
    char out[KD_BLOCK_TEXT];
    int64_t end, again;
    if (kd_record_block_read(text, &end)) {
        struct kb_slice written = kd_record_block(out, 1, 0, end);
        KB_CHECK(kd_record_block_read(written, &again) && again == end);
    }
}

static void read_node(struct kb_slice input)
{
    static char *(*const rewriters[])(struct kb_slice) = {rewrite_topic, rewrite_state,
                                                          rewrite_config, rewrite_cluster};
    enum { COUNT = sizeof rewriters / sizeof *rewriters };
    unsigned which = parts_u8(&input) % (COUNT + 1);
    if (which == COUNT) {
        read_block(input);
        return;
    }
    char *first = rewriters[which](input);
    if (first) {
        char *again = rewriters[which](kb_slice_str(first));
        KB_CHECK(again && !strcmp(first, again));
        kd_record_free(again);
    }
    kd_record_free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = kb_malloc(size + 1);
    KB_CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    struct kb_slice input = kb_slice_of(copy, size);
    unsigned flags = parts_u8(&input);
    if (flags & IS_RECORD)
        read_node(input);
    else
        read_store(input, flags);
    kb_free(copy);
    return 0;
}
