/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/retention.h"

void kd_retention_begin(struct kd_retention *retention, const struct kd_retention_limits *limits,
                        int64_t log_bytes, int64_t high_watermark, int64_t now_ms)
{
    *retention = (struct kd_retention){
        .by_age = limits->ms >= 0,
        .horizon_ms = limits->ms >= 0 ? now_ms - limits->ms : 0,
        .excess_bytes = limits->bytes >= 0 ? log_bytes - limits->bytes : -1,
        .high_watermark = high_watermark,
    };
}

bool kd_retention_takes(struct kd_retention *retention, const struct kd_segment_facts *segment)
{
    bool aged = retention->by_age && segment->latest_ms < retention->horizon_ms;
    bool spare = retention->excess_bytes >= segment->bytes;
    if (segment->end_offset > retention->high_watermark || (!aged && !spare))
        return false;
    retention->excess_bytes -= segment->bytes;
    return true;
}
