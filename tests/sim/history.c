/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/history.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "wire/be.h"

#include <stdio.h>

enum { ID_BYTES = 8, SMALL_MAX = 400, LARGE_ONE_IN = 24, LATE_MS = 400 };

void history_init(struct history *h, uint64_t seed)
{
    *h = (struct history){.seed = seed, .newest_producer = -1};
}

void history_deinit(struct history *h)
{
    for (int i = 0; i < HISTORY_PARTITIONS; i++) {
        kb_free(h->seen[i].ids);
        kb_free(h->last[i].ids);
    }
    kb_free(h->records);
}

/* ---- Sent --------------------------------------------------------------- */

uint64_t history_send(struct history *h, int32_t partition, int64_t now_ms)
{
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? h->capacity * 2 : 256;
        h->records = kb_realloc(h->records, h->capacity * sizeof *h->records);
        KB_CHECK(h->records);
    }
    h->records[h->count++] =
        (struct history_record){.partition = partition, .sent_ms = now_ms, .offset = -1};
    return h->count;
}

void history_unsend(struct history *h, uint64_t id)
{
    KB_CHECK(id == h->count && h->records[id - 1].tellings == 0);
    h->count--;
}

struct kb_slice history_value(const struct history *h, uint64_t id, uint8_t *room)
{
    struct kb_random random;
    kb_random_seed(&random, h->seed ^ id * 0x9e3779b97f4a7c15u);
    uint64_t bound =
        kb_random_below(&random, LARGE_ONE_IN) ? SMALL_MAX : HISTORY_VALUE_MAX - ID_BYTES;
    size_t size = ID_BYTES + (size_t)kb_random_below(&random, bound + 1);
    kw_put_be64(room, id);
    for (size_t i = ID_BYTES; i < size; i++)
        room[i] = i % 8 ? (uint8_t)(room[i - 1] + 1) : (uint8_t)kb_random_next(&random);
    return kb_slice_of(room, size);
}

/* ---- Told and seen ------------------------------------------------------ */

void history_tell(struct history *h, uint64_t id, enum history_told told, int64_t offset,
                  int64_t now_ms)
{
    KB_CHECK(id >= 1 && id <= h->count);
    struct history_record *record = &h->records[id - 1];
    record->tellings++;
    record->told = told;
    record->offset = offset;
    h->acked += told == HISTORY_ACKED;
    h->late += h->patience_ms && now_ms - record->sent_ms > h->patience_ms + LATE_MS;
}

/* 0: nobody sent that there. */
static uint64_t id_of(const struct history *h, int32_t partition, struct kb_slice value)
{
    uint8_t room[HISTORY_VALUE_MAX];
    uint64_t id = value.size >= ID_BYTES ? kw_get_be64(value.data) : 0;
    bool sent = id >= 1 && id <= h->count && h->records[id - 1].partition == partition;
    return sent && kb_slice_equal(value, history_value(h, id, room)) ? id : 0;
}

static void reach(struct history_view *view, int64_t end)
{
    int64_t capacity = KB_MAX(view->capacity, 64);
    while (capacity < end)
        capacity *= 2;
    if (capacity > view->capacity) {
        view->ids = kb_realloc(view->ids, (size_t)capacity * sizeof *view->ids);
        KB_CHECK(view->ids);
        memset(view->ids + view->capacity, 0,
               (size_t)(capacity - view->capacity) * sizeof *view->ids);
        view->capacity = capacity;
    }
    view->end = KB_MAX(view->end, end);
}

void history_serve(struct history *h, int32_t partition, int64_t offset, struct kb_slice value)
{
    struct history_view *seen = &h->seen[partition];
    uint64_t id = id_of(h, partition, value);
    h->served++;
    h->strange += id == 0;
    reach(seen, offset + 1);
    h->changed += seen->ids[offset] && seen->ids[offset] != id;
    seen->ids[offset] = id;
}

void history_find(struct history *h, int32_t partition, int64_t offset, struct kb_slice value)
{
    struct history_view *last = &h->last[partition];
    uint64_t id = id_of(h, partition, value);
    h->gaps += offset != last->end;
    h->strange += id == 0;
    reach(last, offset + 1);
    last->ids[offset] = id;
    if (id)
        h->records[id - 1].found++;
}

void history_producer(struct history *h, int64_t id)
{
    h->reused += id <= h->newest_producer;
    h->newest_producer = KB_MAX(h->newest_producer, id);
}

/* ---- The judgement ------------------------------------------------------ */

static void judge_record(const struct history *h, uint64_t id, struct findings *out)
{
    const struct history_record *record = &h->records[id - 1];
    const struct history_view *last = &h->last[record->partition];
    bool acked = record->told == HISTORY_ACKED, known = acked && record->offset >= 0;
    out->untold += record->tellings == 0;
    out->twice_told += record->tellings > 1;
    out->lost += acked && !record->found;
    out->moved +=
        known && record->found && (record->offset >= last->end || last->ids[record->offset] != id);
    out->duplicated += record->found > 1;
    out->denied += record->told == HISTORY_DENIED && record->found;
}

static void judge_partition(const struct history_view *seen, const struct history_view *last,
                            struct findings *out)
{
    uint64_t newest = 0;
    for (int64_t i = 0; i < last->end; i++) {
        out->misordered += last->ids[i] && last->ids[i] < newest;
        newest = KB_MAX(newest, last->ids[i]);
    }
    for (int64_t i = 0; i < seen->end; i++)
        out->gone += seen->ids[i] && (i >= last->end || last->ids[i] != seen->ids[i]);
}

void history_judge(struct history *h, struct findings *out)
{
    *out = (struct findings){.strange = h->strange,
                             .changed = h->changed,
                             .gaps = h->gaps,
                             .late = h->late,
                             .reused = h->reused};
    for (uint64_t id = 1; id <= h->count; id++)
        judge_record(h, id, out);
    for (int i = 0; i < HISTORY_PARTITIONS; i++)
        judge_partition(&h->seen[i], &h->last[i], out);
}

static const struct {
    const char *name;
    size_t at;
} rows[] = {
#define ROW(field)                                                                                 \
    {                                                                                              \
#field, offsetof(struct findings, field)                                                   \
    }
    ROW(lost),       ROW(moved),   ROW(duplicated), ROW(misordered), ROW(denied),
    ROW(gone),       ROW(changed), ROW(strange),    ROW(gaps),       ROW(untold),
    ROW(twice_told), ROW(late),    ROW(reused)
#undef ROW
};

static long value_of(const struct findings *f, size_t row)
{
    return *(const long *)(const void *)((const char *)f + rows[row].at);
}

const char *findings_text(const struct findings *f, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows) && used < size; i++)
        if (value_of(f, i))
            used += (size_t)snprintf(out + used, size - used, "%s%s %ld", used ? ", " : "",
                                     rows[i].name, value_of(f, i));
    return out;
}
