/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/outcome.h"
#include "base/codes.h"
#include "base/mem.h"
#include "wire/message.h"
#include <string.h>

enum { OUTCOME_MAX_BYTES = 64 << 20, FULL_BYTES = 1 << 20, FULL_RECORDS = 10000 };

void kd_outcome_init(struct kd_outcome *out)
{
    *out = (struct kd_outcome){0};
    kb_arena_init(&out->arena, OUTCOME_MAX_BYTES);
    kb_list_init(&out->answers);
}

void kd_outcome_deinit(struct kd_outcome *out)
{
    kb_arena_deinit(&out->arena);
    kb_free(out->records);
}

struct kb_slice kd_outcome_take(struct kw_writer *w, struct kd_outcome *out)
{
    struct kb_slice bytes = kb_slice_null();
    struct kb_buf *buf = kw_writer_take(w);
    if (buf)
        bytes = kd_slice_copy(&out->arena, kb_buf_view(buf));
    kb_buf_unref(buf);
    out->failed |= !bytes.data;
    return bytes;
}

static bool make_room(struct kd_outcome *out)
{
    if (out->record_count < out->record_room)
        return true;
    size_t room = out->record_room ? 2 * out->record_room : 8;
    struct kd_record *records = kb_realloc(out->records, room * sizeof *records);
    if (!records)
        return false;
    out->records = records;
    out->record_room = room;
    return true;
}

bool kd_outcome_add(struct kd_outcome *out, struct kd_record record)
{
    if (out->failed || !make_room(out)) {
        out->failed = true;
        return false;
    }
    out->records[out->record_count++] = record;
    return true;
}

bool kd_outcome_is_full(const struct kd_outcome *out)
{
    return out->failed || out->record_count >= FULL_RECORDS ||
           out->arena.granted - out->arena.budget >= FULL_BYTES;
}

struct kb_slice kd_slice_copy(struct kb_arena *arena, struct kb_slice from)
{
    char *copy = from.data ? kb_arena_strdup(arena, from) : NULL;
    if (from.data && !copy)
        return kb_slice_str("");
    return kb_slice_of(copy, from.size);
}

bool kd_slice_set(struct kb_slice *to, struct kb_slice from)
{
    uint8_t *copy = NULL;
    if (from.data) {
        copy = kb_malloc(from.size + 1);
        if (!copy)
            return false;
        memcpy(copy, from.data, from.size);
    }
    kb_free((void *)to->data);
    *to = kb_slice_of(copy, from.size);
    return true;
}

void kd_reading_init(struct kd_reading *in, struct kb_slice bytes)
{
    in->r = kw_reader_of(bytes);
    in->version = kw_read_i16(&in->r);
    kb_arena_init(&in->arena, kw_arena_budget(bytes.size));
}

int kd_reading_fault(const struct kd_reading *in)
{
    return in->arena.failed ? KB_E_NO_MEMORY : KB_E_CORRUPT_MESSAGE;
}
