/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/epochs.h"
#include "base/codes.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdio.h>

void kd_epochs_init(struct kd_epochs *epochs)
{
    *epochs = (struct kd_epochs){0};
}

void kd_epochs_deinit(struct kd_epochs *epochs)
{
    kb_free(epochs->entries);
    kd_epochs_init(epochs);
}

int32_t kd_epochs_latest(const struct kd_epochs *epochs)
{
    return epochs->count ? epochs->entries[epochs->count - 1].epoch : -1;
}

static bool push(struct kd_epochs *epochs, int32_t epoch, int64_t start_offset)
{
    if (epochs->count == epochs->capacity) {
        size_t capacity = epochs->capacity ? 2 * epochs->capacity : 4;
        void *grown = kb_realloc(epochs->entries, capacity * sizeof *epochs->entries);
        if (!grown)
            return false;
        epochs->entries = grown;
        epochs->capacity = capacity;
    }
    epochs->entries[epochs->count++] = (struct kd_epoch){epoch, start_offset};
    return true;
}

int kd_epochs_assign(struct kd_epochs *epochs, int32_t epoch, int64_t start_offset, bool *changed)
{
    if (changed)
        *changed = false;
    if (epoch < 0 || epoch == kd_epochs_latest(epochs))
        return KB_OK;
    size_t kept = epochs->count;
    while (kept && (epochs->entries[kept - 1].epoch >= epoch ||
                    epochs->entries[kept - 1].start_offset >= start_offset))
        kept--;
    size_t before = epochs->count;
    epochs->count = kept;
    if (!push(epochs, epoch, start_offset)) {
        epochs->count = before;
        return KB_E_NO_MEMORY;
    }
    if (changed)
        *changed = true;
    return KB_OK;
}

bool kd_epochs_end_of(const struct kd_epochs *epochs, int32_t asked, int64_t log_end,
                      struct kd_epoch *out)
{
    *out = (struct kd_epoch){-1, -1};
    if (asked < 0 || asked > kd_epochs_latest(epochs))
        return false;
    size_t above = 0; /* first entry above `asked` */
    while (above < epochs->count && epochs->entries[above].epoch <= asked)
        above++;
    int64_t end = above < epochs->count ? epochs->entries[above].start_offset : log_end;
    *out = (struct kd_epoch){above ? epochs->entries[above - 1].epoch : asked, end};
    return true;
}

int32_t kd_epochs_at(const struct kd_epochs *epochs, int64_t offset)
{
    for (size_t i = epochs->count; i-- > 0;) {
        if (epochs->entries[i].start_offset <= offset)
            return epochs->entries[i].epoch;
    }
    return -1;
}

bool kd_epochs_cut_end(struct kd_epochs *epochs, int64_t log_end)
{
    size_t before = epochs->count;
    while (epochs->count && epochs->entries[epochs->count - 1].start_offset > log_end)
        epochs->count--;
    return epochs->count != before;
}

/* The entry that holds the new start stays, and begins there. */
bool kd_epochs_cut_start(struct kd_epochs *epochs, int64_t log_start)
{
    size_t gone = 0;
    while (gone + 1 < epochs->count && epochs->entries[gone + 1].start_offset <= log_start)
        gone++;
    if (!epochs->count || (!gone && epochs->entries[0].start_offset >= log_start))
        return false;
    memmove(epochs->entries, epochs->entries + gone,
            (epochs->count - gone) * sizeof *epochs->entries);
    epochs->count -= gone;
    if (epochs->entries[0].start_offset < log_start)
        epochs->entries[0].start_offset = log_start;
    return true;
}

/* ---- The file ----------------------------------------------------------- */

enum { LINE_MAX_BYTES = 34 };

char *kd_epochs_format(const struct kd_epochs *epochs, size_t *size)
{
    size_t room = (epochs->count + 2) * LINE_MAX_BYTES;
    char *text = kb_malloc(room);
    if (!text)
        return NULL;
    size_t at = (size_t)snprintf(text, room, "0\n%zu\n", epochs->count);
    for (size_t i = 0; i < epochs->count; i++)
        at += (size_t)snprintf(text + at, room - at, "%" PRId32 " %" PRId64 "\n",
                               epochs->entries[i].epoch, epochs->entries[i].start_offset);
    *size = at;
    return text;
}

/* A number and the character behind it. */
static bool take_number(struct kb_slice *text, char end, int64_t max, int64_t *out)
{
    size_t i = 0;
    int64_t value = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++) {
        int digit = text->data[i] - '0';
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    if (!i || i == text->size || text->data[i] != end)
        return false;
    *text = kb_slice_of(text->data + i + 1, text->size - i - 1);
    *out = value;
    return true;
}

static int parse(struct kd_epochs *epochs, struct kb_slice text)
{
    int64_t version, count, epoch, start;
    if (!take_number(&text, '\n', 0, &version) || !take_number(&text, '\n', INT32_MAX, &count))
        return KB_E_CORRUPT;
    for (int64_t i = 0; i < count; i++) {
        if (!take_number(&text, ' ', INT32_MAX, &epoch) ||
            !take_number(&text, '\n', INT64_MAX, &start))
            return KB_E_CORRUPT;
        const struct kd_epoch *last = epochs->count ? &epochs->entries[epochs->count - 1] : NULL;
        if (last && (epoch <= last->epoch || start < last->start_offset))
            return KB_E_CORRUPT;
        if (!push(epochs, (int32_t)epoch, start))
            return KB_E_NO_MEMORY;
    }
    return text.size ? KB_E_CORRUPT : KB_OK;
}

int kd_epochs_parse(struct kd_epochs *epochs, struct kb_slice text)
{
    epochs->count = 0;
    int code = parse(epochs, text);
    if (code)
        epochs->count = 0;
    return code;
}
