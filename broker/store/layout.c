/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/layout.h"
#include "base/check.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const suffixes[KD_SUFFIXES] = {
    [KD_SUFFIX_LOG] = ".log",
    [KD_SUFFIX_INDEX] = ".index",
    [KD_SUFFIX_TIMEINDEX] = ".timeindex",
    [KD_SUFFIX_TXNINDEX] = ".txnindex",
    [KD_SUFFIX_SNAPSHOT] = ".snapshot",
    [KD_SUFFIX_CUT] = ".cut",
};

enum { OFFSET_DIGITS = 20 };

static const char *const stages[KD_STAGES] = {
    [KD_IN_LOG] = "",
    [KD_DELETED] = ".deleted",
    [KD_CLEANED] = ".cleaned",
    [KD_SWAP] = ".swap",
};

void kd_file_stage_path(char out[KD_PATH_MAX], const char *dir, int64_t offset,
                        enum kd_suffix suffix, enum kd_stage stage)
{
    int n = snprintf(out, KD_PATH_MAX, "%s%s%020" PRId64 "%s%s", dir, *dir ? "/" : "", offset,
                     suffixes[suffix], stages[stage]);
    KB_CHECK(n < KD_PATH_MAX);
}

void kd_file_path(char out[KD_PATH_MAX], const char *dir, int64_t offset, enum kd_suffix suffix)
{
    kd_file_stage_path(out, dir, offset, suffix, KD_IN_LOG);
}

/* Which of the texts it is; -1: none of them. */
static int which(const char *text, size_t size, const char *const *texts, int count)
{
    for (int i = 0; i < count; i++)
        if (strlen(texts[i]) == size && !memcmp(texts[i], text, size))
            return i;
    return -1;
}

bool kd_file_parse_stage(const char *name, int64_t *offset, enum kd_suffix *suffix,
                         enum kd_stage *stage)
{
    if (strspn(name, "0123456789") != OFFSET_DIGITS || name[OFFSET_DIGITS] != '.')
        return false;
    errno = 0;
    *offset = strtoll(name, NULL, 10);
    const char *first = name + OFFSET_DIGITS, *rest = first + 1 + strcspn(first + 1, ".");
    int what = which(first, (size_t)(rest - first), suffixes, KD_SUFFIXES);
    int how = which(rest, strlen(rest), stages, KD_STAGES);
    *suffix = (enum kd_suffix)what;
    *stage = (enum kd_stage)how;
    return !errno && what >= 0 && how >= 0;
}

bool kd_file_parse(const char *name, int64_t *offset, enum kd_suffix *suffix)
{
    enum kd_stage stage;
    return kd_file_parse_stage(name, offset, suffix, &stage) && stage == KD_IN_LOG;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

void kd_path_join(char out[KD_PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, KD_PATH_MAX, "%s/%s", dir, name);
    KB_CHECK(n < KD_PATH_MAX);
}

void kd_dir_name(char out[KD_PATH_MAX], const char *topic, int32_t partition)
{
    int n = snprintf(out, KD_PATH_MAX, "%s-%" PRId32, topic, partition);
    KB_CHECK(n < KD_PATH_MAX);
}

enum kd_dir_kind kd_dir_parse(const char *name, char topic[KD_TOPIC_MAX + 1], int32_t *partition)
{
    if (ends_with(name, "-delete"))
        return KD_DIR_DELETE;
    if (ends_with(name, "-stray"))
        return KD_DIR_STRAY;
    const char *dash = strrchr(name, '-');
    if (!dash || dash == name || dash - name > KD_TOPIC_MAX)
        return KD_DIR_OTHER;
    size_t digits = strspn(dash + 1, "0123456789");
    if (!digits || digits > 9 || dash[1 + digits] || (digits > 1 && dash[1] == '0'))
        return KD_DIR_OTHER;
    memcpy(topic, name, (size_t)(dash - name));
    topic[dash - name] = 0;
    *partition = (int32_t)strtol(dash + 1, NULL, 10);
    return KD_DIR_LOG;
}

/* A name has 255 bytes at most: a long topic gives way to the id. */
void kd_dir_retired(char out[KD_PATH_MAX], const char *dir, const uint8_t id[16],
                    enum kd_dir_kind kind)
{
    const char *end = kind == KD_DIR_DELETE ? "-delete" : "-stray";
    char hex[33];
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    int room = 255 - 1 - 32 - (int)strlen(end);
    snprintf(out, KD_PATH_MAX, "%.*s.%s%s", room, dir, hex, end);
}
