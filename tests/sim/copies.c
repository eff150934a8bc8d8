/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/copies.h"

#include "base/check.h"
#include "base/mem.h"

enum { BESIDE_ONE_IN = 3 };

void copies_deinit(struct copies *c)
{
    kb_free(c->of);
}

bool copies_wants_beside(uint64_t source)
{
    return source % BESIDE_ONE_IN == 0;
}

int32_t copies_target(const struct copies *c, int32_t partition, bool beside)
{
    return (partition + beside) % c->partitions;
}

void copies_hold(struct copies *c, uint64_t id, uint64_t source, int64_t offset, bool beside)
{
    KB_CHECK(id > c->records);
    if (id > c->capacity) {
        c->capacity = KB_MAX(2 * c->capacity, id + 256);
        c->of = kb_realloc(c->of, c->capacity * sizeof *c->of);
        KB_CHECK(c->of);
    }
    while (c->records < id)
        c->of[c->records++] = (struct copy){0};
    c->of[id - 1] = (struct copy){source, offset, beside};
}

/* ---- Judgement ---------------------------------------------------------- */

/* How often each source is there: as it is, and beside. */
typedef uint16_t counts[2];

static const struct copy *copy_at(const struct copies *c, uint64_t id)
{
    return id >= 1 && id <= c->records && c->of[id - 1].source ? &c->of[id - 1] : NULL;
}

static void count_in(const struct copies *c, const struct history *h, int32_t partition,
                     const struct history_view *shown, counts *seen, struct copies_findings *out)
{
    int64_t newest[2] = {-1, -1}; /* offset of the last source, of those beside too */
    for (int64_t i = 0; i < shown->end; i++) {
        const struct copy *copy = copy_at(c, shown->ids[i]);
        if (!copy)
            continue;
        const struct history_record *source = &h->records[copy->source - 1];
        bool again = seen[copy->source - 1][copy->beside]++ > 0;
        bool elsewhere = copies_target(c, source->partition, copy->beside) != partition;
        out->repeated += again;
        out->misplaced += elsewhere || (!again && copy->offset <= newest[copy->beside]);
        newest[copy->beside] = KB_MAX(newest[copy->beside], copy->offset);
    }
}

static void miss_in(const struct history_view *source, const counts *seen,
                    struct copies_findings *out)
{
    for (int64_t i = 0; i < source->end; i++) {
        uint64_t id = source->ids[i];
        if (!id)
            continue;
        out->missing += !seen[id - 1][false];
        out->missing += copies_wants_beside(id) && !seen[id - 1][true];
    }
}

void copies_judge(const struct copies *c, const struct history *h, const struct deeds *d,
                  bool in_the_end, struct copies_findings *out)
{
    counts *seen = kb_calloc(h->count + 1, sizeof *seen);
    const struct history_view *shown = in_the_end ? d->last : d->seen;
    KB_CHECK(seen);
    *out = (struct copies_findings){0};
    for (int32_t i = 0; i < c->partitions; i++)
        count_in(c, h, i, &shown[c->to * HISTORY_PARTITIONS + i], seen, out);
    for (int32_t i = 0; i < c->partitions; i++) {
        const struct history_log *log = &h->topics[c->from].logs[i];
        miss_in(in_the_end ? &log->last : &log->seen, seen, out);
    }
    kb_free(seen);
}
