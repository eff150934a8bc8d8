/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rpc.h"

#include "base/random.h"

int64_t kn_backoff_ms(int64_t base_ms, int64_t max_ms, int attempts, struct kb_random *random)
{
    int64_t wait_ms = KB_MIN(base_ms, max_ms);
    for (int i = 0; i < attempts && wait_ms < max_ms; i++)
        wait_ms = wait_ms > max_ms / 2 ? max_ms : wait_ms * 2;
    int64_t fifth = wait_ms / 5;
    return wait_ms - fifth + (int64_t)kb_random_below(random, (uint64_t)(2 * fifth) + 1);
}
