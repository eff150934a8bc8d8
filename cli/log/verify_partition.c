/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/uuid.h"
#include "broker/core/epochs.h"
#include "broker/core/producer_state.h"
#include "broker/store/layout.h"
#include "broker/store/txn_file.h"
#include "cli/log/verify.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 28 };

void verify_fault(struct verdict *verdict, const char *file, int64_t byte, const char *format, ...)
{
    size_t n = verdict->fault_count++;
    va_list args;
    if (n >= VERIFY_FAULTS)
        return;
    struct fault *fault = &verdict->faults[n];
    snprintf(fault->file, sizeof fault->file, "%s", file);
    fault->byte = byte;
    va_start(args, format);
    vsnprintf(fault->why, sizeof fault->why, format, args);
    va_end(args);
}

/* ---- Small files -------------------------------------------------------------------------*/

typedef const char *judge_fn(struct verdict *verdict, struct kb_slice file, int64_t offset);

static const char *judge_snapshot(struct verdict *verdict, struct kb_slice file, int64_t offset)
{
    struct kd_producers producers;
    kd_producers_init(&producers, 0);
    int code = kd_producers_decode(&producers, file, 0);
    kd_producers_deinit(&producers);
    if (code)
        return "no snapshot of producers, or one whose checksum does not hold";
    return verdict->fault_count == 0 && offset > verdict->end_offset && verdict->end_offset >= 0
               ? "it is of an offset that the log does not reach"
               : NULL;
}

static const char *judge_epochs(struct verdict *verdict, struct kb_slice file, int64_t none)
{
    struct kd_epochs epochs;
    (void)none;
    kd_epochs_init(&epochs);
    int code = kd_epochs_parse(&epochs, file);
    int64_t last = epochs.count ? epochs.entries[epochs.count - 1].start_offset : 0;
    kd_epochs_deinit(&epochs);
    if (code)
        return "no checkpoint of leader epochs";
    return verdict->fault_count == 0 && verdict->end_offset >= 0 && last > verdict->end_offset
               ? "an epoch begins where the log does not reach"
               : NULL;
}

static const char *judge_aborted(struct verdict *verdict, struct kb_slice file, int64_t base_offset)
{
    struct kd_aborted aborted;
    (void)verdict;
    if (file.size % KD_TXN_ENTRY_BYTES)
        return "an entry that is not all there";
    for (size_t at = 0; at < file.size; at += KD_TXN_ENTRY_BYTES) {
        if (!kd_txn_entry_get(file.data + at, &aborted))
            return "an entry that makes no sense";
        if (aborted.last_offset < base_offset)
            return "markers out of order";
        base_offset = aborted.last_offset + 1;
    }
    return NULL;
}

/* version: 0, topic_id: 22 letters. */
static const char *judge_partition(struct verdict *verdict, struct kb_slice file, int64_t none)
{
    char text[64] = {0}, id[KB_UUID_TEXT];
    struct kb_uuid uuid;
    int version, end = 0;
    (void)verdict;
    (void)none;
    if (file.size < sizeof text)
        memcpy(text, file.data, file.size);
    bool fits = sscanf(text, "version: %d topic_id: %22s %n", &version, id, &end) == 2;
    return fits && version == 0 && (size_t)end == file.size && kb_uuid_parse(id, &uuid)
               ? NULL
               : "no topic's id";
}

static judge_fn *find(const char *name, int64_t *offset)
{
    enum kd_suffix suffix;
    *offset = 0;
    if (!strcmp(name, KD_EPOCHS_FILE))
        return judge_epochs;
    if (!strcmp(name, KD_PARTITION_FILE))
        return judge_partition;
    if (!kd_file_parse(name, offset, &suffix))
        return NULL;
    return suffix == KD_SUFFIX_SNAPSHOT   ? judge_snapshot
           : suffix == KD_SUFFIX_TXNINDEX ? judge_aborted
                                          : NULL;
}

static void verify_small(struct verdict *verdict, struct log_dir *dir, const char *name)
{
    char *data;
    size_t size;
    int64_t offset;
    judge_fn *judge = find(name, &offset);
    if (!judge)
        return;
    int status = kb_fs_load(dir->fs, name, FILE_MAX_BYTES, &data, &size);
    if (status == -ENOENT) /* a running broker took it away */
        return;
    const char *why =
        status < 0 ? strerror(-status) : judge(verdict, kb_slice_of(data, size), offset);
    if (why)
        verify_fault(verdict, name, status < 0 ? -1 : 0, "%s", why);
    if (status >= 0)
        kb_free(data);
}

/* ---- All of them -------------------------------------------------------------------------*/

static bool is_segment(const struct log_dir *dir, size_t i, int64_t *base)
{
    enum kd_suffix suffix;
    return !dir->is_dir[i] && kd_file_parse(dir->names[i], base, &suffix) &&
           suffix == KD_SUFFIX_LOG;
}

static int64_t next_base(const struct log_dir *dir, size_t i)
{
    int64_t base;
    for (size_t k = i + 1; k < dir->count; k++)
        if (is_segment(dir, k, &base))
            return base;
    return INT64_MAX;
}

/* An index without its log. */
static void verify_company(struct verdict *verdict, const struct log_dir *dir, const char *name)
{
    char log[KD_PATH_MAX];
    enum kd_suffix suffix;
    int64_t base;
    if (!kd_file_parse(name, &base, &suffix) ||
        (suffix != KD_SUFFIX_INDEX && suffix != KD_SUFFIX_TIMEINDEX))
        return;
    kd_file_path(log, "", base, KD_SUFFIX_LOG);
    if (!log_dir_has(dir, log))
        verify_fault(verdict, name, -1, "there is no %s", log);
}

void verify_partition(struct verdict *verdict, struct log_dir *dir, struct progress *progress)
{
    int64_t base;
    *verdict = (struct verdict){.first_offset = -1, .end_offset = -1};
    for (size_t i = 0; i < dir->count && !cli_stopping(); i++)
        if (is_segment(dir, i, &base))
            verify_segment(verdict, dir, base, next_base(dir, i), progress);
    for (size_t i = 0; i < dir->count && !cli_stopping(); i++) {
        verify_small(verdict, dir, dir->names[i]);
        verify_company(verdict, dir, dir->names[i]);
    }
}
