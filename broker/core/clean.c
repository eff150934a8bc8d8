/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/clean.h"

void kd_clean_begin(struct kd_clean_look *look, const struct kd_clean_limits *limits,
                    int64_t first_dirty, int64_t stable_end, int64_t now_ms)
{
    *look = (struct kd_clean_look){
        .min_ratio = limits->min_ratio,
        .first_dirty = first_dirty,
        .stable_end = stable_end,
        .young_ms = limits->min_lag_ms > 0 ? now_ms - limits->min_lag_ms : INT64_MAX,
        .overdue_ms = limits->max_lag_ms < INT64_MAX ? now_ms - limits->max_lag_ms : INT64_MIN,
        .until = first_dirty,
    };
}

static bool may_be_compacted(const struct kd_clean_look *look,
                             const struct kd_segment_facts *segment)
{
    return segment->end_offset <= look->stable_end && segment->latest_ms <= look->young_ms;
}

bool kd_clean_sees(struct kd_clean_look *look, const struct kd_segment_facts *segment)
{
    if (segment->end_offset <= look->first_dirty) {
        look->clean_bytes += segment->bytes;
        return true;
    }
    look->ended = look->ended || !may_be_compacted(look, segment);
    if (look->ended)
        return false;
    look->dirty_bytes += segment->bytes;
    look->overdue = look->overdue || segment->first_ms <= look->overdue_ms;
    look->until = segment->end_offset;
    return true;
}

double kd_clean_ratio(const struct kd_clean_look *look)
{
    int64_t bytes = look->clean_bytes + look->dirty_bytes;
    return bytes > 0 ? (double)look->dirty_bytes / (double)bytes : 0;
}

bool kd_clean_is_due(const struct kd_clean_look *look)
{
    return look->dirty_bytes > 0 && (look->overdue || kd_clean_ratio(look) > look->min_ratio);
}

bool kd_clean_is_before(const struct kd_clean_look *a, const struct kd_clean_look *b)
{
    if (a->overdue != b->overdue)
        return a->overdue;
    return kd_clean_ratio(a) > kd_clean_ratio(b);
}
