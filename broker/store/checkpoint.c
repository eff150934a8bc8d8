/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/checkpoint.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 64 * 1024 * 1024, LINE_MAX_BYTES = KD_TOPIC_MAX + 40 };

static int compare(const void *a, const void *b)
{
    const struct kd_checkpoint_entry *x = a, *y = b;
    int names = strcmp(x->topic, y->topic);
    return names ? names : (x->partition > y->partition) - (x->partition < y->partition);
}

bool kd_checkpoint_add(struct kd_checkpoint *checkpoint, const char *topic, int32_t partition,
                       int64_t offset)
{
    if (checkpoint->count == checkpoint->capacity) {
        size_t capacity = checkpoint->capacity ? 2 * checkpoint->capacity : 16;
        void *grown = kb_realloc(checkpoint->entries, capacity * sizeof *checkpoint->entries);
        if (!grown)
            return false;
        checkpoint->entries = grown;
        checkpoint->capacity = capacity;
    }
    checkpoint->entries[checkpoint->count++] =
        (struct kd_checkpoint_entry){topic, partition, offset};
    return true;
}

/* "topic partition offset": the topic is cut out in place. */
static bool parse_line(char *line, struct kd_checkpoint_entry *out)
{
    char *partition = strchr(line, ' '), *end;
    if (!partition || partition == line || partition - line > KD_TOPIC_MAX)
        return false;
    *partition++ = 0;
    errno = 0;
    long long number = strtoll(partition, &end, 10);
    if (end == partition || *end != ' ' || number < 0 || number > INT32_MAX)
        return false;
    char *offset = end + 1;
    long long value = strtoll(offset, &end, 10);
    if (end == offset || *end || value < 0 || errno)
        return false;
    *out = (struct kd_checkpoint_entry){line, (int32_t)number, value};
    return true;
}

static int parse(struct kd_checkpoint *checkpoint, const char *path, struct kb_error *err)
{
    char *save = NULL, *line = strtok_r(checkpoint->text, "\n", &save);
    if (!line || strcmp(line, "0"))
        return kb_error_set(err, KB_E_CORRUPT, "%s: not of version 0", path);
    line = strtok_r(NULL, "\n", &save);
    long long expected = line ? strtoll(line, NULL, 10) : -1;
    struct kd_checkpoint_entry entry;
    while ((line = strtok_r(NULL, "\n", &save))) {
        if (!parse_line(line, &entry))
            return kb_error_set(err, KB_E_CORRUPT, "%s: line %zu makes no sense", path,
                                checkpoint->count + 3);
        if (!kd_checkpoint_add(checkpoint, entry.topic, entry.partition, entry.offset))
            return kb_error_set(err, KB_E_NO_MEMORY, "%s: no memory to read it", path);
    }
    if (expected < 0 || (size_t)expected != checkpoint->count)
        return kb_error_set(err, KB_E_CORRUPT, "%s: %zu entries, not %lld", path, checkpoint->count,
                            expected);
    return KB_OK;
}

int kd_checkpoint_load(struct kb_fs *fs, const char *path, struct kd_checkpoint *out,
                       struct kb_error *err)
{
    size_t size;
    *out = (struct kd_checkpoint){0};
    int status = kb_fs_load(fs, path, FILE_MAX_BYTES, &out->text, &size);
    if (status == -ENOENT)
        return KB_OK;
    if (status < 0)
        return kb_error_errno(err, KB_E_DISK, -status, "%s cannot be read", path);
    int code = parse(out, path, err);
    if (code) {
        kd_checkpoint_deinit(out);
        return code;
    }
    if (out->count)
        qsort(out->entries, out->count, sizeof *out->entries, compare);
    return KB_OK;
}

const struct kd_checkpoint_entry *kd_checkpoint_find(const struct kd_checkpoint *checkpoint,
                                                     const char *topic, int32_t partition)
{
    struct kd_checkpoint_entry key = {topic, partition, 0};
    if (!checkpoint->count)
        return NULL;
    return bsearch(&key, checkpoint->entries, checkpoint->count, sizeof key, compare);
}

void kd_checkpoint_lower(struct kd_checkpoint *checkpoint, const char *topic, int32_t partition,
                         int64_t offset)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        struct kd_checkpoint_entry *entry = &checkpoint->entries[i];
        if (entry->partition == partition && !strcmp(entry->topic, topic) && entry->offset > offset)
            entry->offset = offset;
    }
}

int kd_checkpoint_save(struct kb_fs *fs, const char *path, const struct kd_checkpoint *checkpoint)
{
    char *text = kb_malloc((checkpoint->count + 1) * LINE_MAX_BYTES);
    if (!text)
        return -ENOMEM;
    int at = sprintf(text, "0\n%zu\n", checkpoint->count);
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct kd_checkpoint_entry *entry = &checkpoint->entries[i];
        at += sprintf(text + at, "%s %" PRId32 " %" PRId64 "\n", entry->topic, entry->partition,
                      entry->offset);
    }
    int status = kb_fs_replace(fs, path, text, (size_t)at);
    kb_free(text);
    return status < 0 ? status : 0;
}

void kd_checkpoint_deinit(struct kd_checkpoint *checkpoint)
{
    kb_free(checkpoint->entries);
    kb_free(checkpoint->text);
    *checkpoint = (struct kd_checkpoint){0};
}
