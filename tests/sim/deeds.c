/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/deeds.h"

#include "base/check.h"
#include "base/mem.h"

void deeds_deinit(struct deeds *d)
{
    for (int log = 0; log < HISTORY_LOGS; log++) {
        kb_free(d->seen[log].ids);
        kb_free(d->last[log].ids);
    }
    kb_free(d->rows);
    kb_free(d->of);
}

/* ---- What is done ------------------------------------------------------- */

int deeds_begin(struct deeds *d)
{
    if (d->count == d->capacity) {
        d->capacity = KB_MAX(2 * d->capacity, 64);
        d->rows = kb_realloc(d->rows, (size_t)d->capacity * sizeof *d->rows);
        KB_CHECK(d->rows);
    }
    d->rows[d->count] = (struct deed){0};
    return d->count++;
}

void deeds_hold(struct deeds *d, int deed, uint64_t id)
{
    KB_CHECK(deed >= 0 && deed < d->count && id > d->records);
    if (id > d->of_capacity) {
        d->of_capacity = KB_MAX(2 * d->of_capacity, id + 256);
        d->of = kb_realloc(d->of, d->of_capacity * sizeof *d->of);
        KB_CHECK(d->of);
    }
    while (d->records < id)
        d->of[d->records++] = -1;
    d->of[id - 1] = deed;
}

void deeds_ask(struct deeds *d, int deed)
{
    KB_CHECK(deed >= 0 && deed < d->count);
    d->rows[deed].asked = true;
}

void deeds_tell(struct deeds *d, int deed, enum deeds_told told)
{
    KB_CHECK(deed >= 0 && deed < d->count);
    d->rows[deed].told = told;
    d->commits += told == DEEDS_COMMITTED;
    d->aborts += told == DEEDS_ABORTED;
}

/* ---- What is seen ------------------------------------------------------- */

void deeds_serve(struct deeds *d, int log, int64_t offset, uint64_t id)
{
    history_view_put(&d->seen[log], offset, id);
}

void deeds_find(struct deeds *d, int log, int64_t offset, uint64_t id)
{
    history_view_put(&d->last[log], offset, id);
}

/* ---- Judgement ---------------------------------------------------------- */

static uint64_t at(const struct history_view *view, int64_t offset)
{
    return offset < view->end ? view->ids[offset] : 0;
}

/* A record that has no transaction is always to be seen. */
static void compare(struct deeds *d, const struct history_view *all, int log,
                    struct deeds_findings *out)
{
    int64_t end = KB_MAX(all->end, KB_MAX(d->seen[log].end, d->last[log].end));
    for (int64_t i = 0; i < end; i++) {
        uint64_t there = at(all, i), shown = at(&d->last[log], i), before = at(&d->seen[log], i);
        struct deed *deed = there && there <= d->records && d->of[there - 1] >= 0
                                ? &d->rows[d->of[there - 1]]
                                : NULL;
        out->unlike += (shown && shown != there) || (before && before != shown);
        out->withheld += there && !deed && !shown;
        if (deed) {
            deed->shown += shown != 0;
            deed->hidden += shown == 0;
        }
    }
}

static void judge(const struct deed *deed, struct deeds_findings *out)
{
    out->torn += deed->shown && deed->hidden;
    out->leaked += deed->shown && (!deed->asked || deed->told == DEEDS_ABORTED);
    out->withheld += deed->hidden && deed->told == DEEDS_COMMITTED;
}

void deeds_judge(struct deeds *d, const struct history *h, struct deeds_findings *out)
{
    *out = (struct deeds_findings){0};
    for (int i = 0; i < d->count; i++)
        d->rows[i].shown = d->rows[i].hidden = 0;
    for (int log = 0; d->count && log < h->topic_count * HISTORY_PARTITIONS; log++)
        compare(d, &h->topics[log / HISTORY_PARTITIONS].logs[log % HISTORY_PARTITIONS].last, log,
                out);
    for (int i = 0; i < d->count; i++)
        judge(&d->rows[i], out);
}
