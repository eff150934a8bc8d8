/* SPDX-License-Identifier: Apache-2.0 */
/* What senders were told, against what is there in the end. */
#include "tests/sim/run.h"

#include "base/check.h"

enum { LATE_MS = 1500 }; /* a process that is stopped for a while hears nothing */

#define EACH_RECORD(record, h)                                                                     \
    for (const struct history_record *record = (h)->records; record < (h)->records + (h)->count;   \
         record++)

static uint64_t id_of(const struct history *h, const struct history_record *record)
{
    return (uint64_t)(record - h->records) + 1;
}

static const struct history_lane *lane_of(const struct history *h,
                                          const struct history_record *record)
{
    return &h->lanes[record->lane];
}

long check_lost(const struct run *run)
{
    const struct history *h = &run->history;
    long lost = 0;
    EACH_RECORD(record, h)
    lost += record->told == HISTORY_ACKED && !record->found &&
            !history_may_be_gone(h, record, record->offset);
    return lost;
}

static bool is_there(const struct history *h, const struct history_record *record)
{
    const struct history_view *last = &h->topics[record->topic].logs[record->partition].last;
    return record->offset < last->end && last->ids[record->offset] == id_of(h, record);
}

long check_moved(const struct run *run)
{
    const struct history *h = &run->history;
    long moved = 0;
    EACH_RECORD(record, h)
    {
        bool known = record->told == HISTORY_ACKED && record->offset >= 0;
        moved += known && record->found && !is_there(h, record) &&
                 !history_may_be_gone(h, record, record->offset);
    }
    return moved;
}

long check_duplicated(const struct run *run)
{
    const struct history *h = &run->history;
    long duplicated = 0;
    EACH_RECORD(record, h)
    duplicated += lane_of(h, record)->once && record->found > 1;
    return duplicated;
}

/* A record that was sent again may be there twice, and one that its sender gave
 * up may come at any time: but the first places of those acknowledged rise. */
static long misordered_in(const struct history *h, const struct history_view *last)
{
    uint64_t newest[HISTORY_LANES] = {0};
    long misordered = 0;
    for (int64_t i = last->start; i < last->end; i++) {
        uint64_t id = last->ids[i];
        const struct history_record *record = id ? &h->records[id - 1] : NULL;
        const struct history_lane *lane = record ? lane_of(h, record) : NULL;
        if (!record || lane->loose || (!lane->ordered && record->told != HISTORY_ACKED))
            continue;
        misordered += id < newest[record->lane] && (lane->ordered || record->found == 1);
        newest[record->lane] = KB_MAX(newest[record->lane], id);
    }
    return misordered;
}

long check_misordered(const struct run *run)
{
    const struct history *h = &run->history;
    long misordered = 0;
    for (int topic = 0; topic < h->topic_count; topic++)
        for (int i = 0; i < HISTORY_PARTITIONS; i++)
            misordered += misordered_in(h, &h->topics[topic].logs[i].last);
    return misordered;
}

long check_denied(const struct run *run)
{
    long denied = 0;
    EACH_RECORD(record, &run->history)
    denied += record->told == HISTORY_DENIED && record->found && !record->repeated;
    return denied;
}

long check_untold(const struct run *run)
{
    const struct history *h = &run->history;
    long untold = 0;
    EACH_RECORD(record, h)
    untold += record->tellings == 0 && !lane_of(h, record)->dead;
    return untold;
}

long check_twice_told(const struct run *run)
{
    long twice = 0;
    EACH_RECORD(record, &run->history)
    twice += record->tellings > 1;
    return twice;
}

long check_late(const struct run *run)
{
    const struct history *h = &run->history;
    long late = 0;
    EACH_RECORD(record, h)
    {
        int64_t patience_ms = lane_of(h, record)->patience_ms;
        late += patience_ms && record->told_ms - record->sent_ms > patience_ms + LATE_MS;
    }
    return late;
}

long check_reused(const struct run *run)
{
    return run->history.reused;
}
