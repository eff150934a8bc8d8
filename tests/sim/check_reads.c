/* SPDX-License-Identifier: Apache-2.0 */
/* What readers saw, against each other and the end. */
#include "tests/sim/run.h"

#include "base/check.h"

static long sum(const struct run *run,
                long (*count)(const struct history *h, const struct history_log *log))
{
    const struct history *h = &run->history;
    long total = 0;
    for (int topic = 0; topic < h->topic_count; topic++)
        for (int i = 0; i < HISTORY_PARTITIONS; i++)
            total += count(h, &h->topics[topic].logs[i]);
    return total;
}

static long gone_from(const struct history *h, const struct history_log *log)
{
    const struct history_view *seen = &log->seen, *last = &log->last;
    long gone = 0;
    for (int64_t i = 0; i < seen->end; i++) {
        bool there = i < last->end && last->ids[i] == seen->ids[i];
        gone += seen->ids[i] && !there && !history_may_be_gone(h, &h->records[seen->ids[i] - 1], i);
    }
    return gone;
}

long check_gone(const struct run *run)
{
    return sum(run, gone_from);
}

/* Below the start of the last reading, `lost` and `gone` say what may be; and above
 * it too, where retention goes on meanwhile. */
static long gaps_in(const struct history *h, const struct history_log *log)
{
    long gaps = 0;
    if (h->retention || h->markers)
        return 0;
    for (int64_t i = log->last.start; i < log->last.end; i++)
        gaps += log->last.ids[i] == 0;
    return gaps;
}

long check_gaps(const struct run *run)
{
    return sum(run, gaps_in);
}

static long skipped_in(const struct history *h, const struct history_log *log)
{
    long skipped = 0;
    for (int64_t i = log->last.start; i < log->last.end; i++) {
        uint64_t id = log->last.ids[i];
        bool acked = id && h->records[id - 1].told == HISTORY_ACKED;
        bool seen = i < log->seen.end && log->seen.ids[i] == id;
        skipped += acked && !seen && !history_may_be_gone(h, &h->records[id - 1], i);
    }
    return skipped;
}

long check_skipped(const struct run *run)
{
    return run->history.read_along ? sum(run, skipped_in) : 0;
}

long check_reread(const struct run *run)
{
    const struct history *h = &run->history;
    long reread = 0;
    for (uint64_t i = 0; h->read_once && i < h->count; i++)
        reread += h->records[i].served > 1;
    return reread;
}

long check_changed(const struct run *run)
{
    return run->history.changed;
}

long check_strange(const struct run *run)
{
    return run->history.strange;
}

long check_reappeared(const struct run *run)
{
    return run->history.reappeared;
}
