/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/backoff.h"
#include "base/check.h"

void kc_backoff_init(struct kc_backoff *backoff, int32_t first_ms, int32_t most_ms)
{
    KB_CHECK(first_ms >= 0);
    backoff->first_ms = first_ms;
    backoff->most_ms = KB_MAX(first_ms, most_ms);
    backoff->failures = 0;
}

int64_t kc_backoff_next_ms(struct kc_backoff *backoff, struct kb_random *random)
{
    uint32_t doublings = KB_MIN(backoff->failures, 30);
    int64_t wait_ms = KB_MIN((int64_t)backoff->first_ms << doublings, (int64_t)backoff->most_ms);
    int64_t spread_ms = wait_ms / 5;
    backoff->failures++;
    if (spread_ms == 0)
        return wait_ms;
    return wait_ms - spread_ms + (int64_t)kb_random_below(random, 2 * (uint64_t)spread_ms + 1);
}

void kc_backoff_reset(struct kc_backoff *backoff)
{
    backoff->failures = 0;
}
