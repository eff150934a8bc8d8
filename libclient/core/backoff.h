/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_BACKOFF_H
#define KC_BACKOFF_H
/*
 * How long to wait before trying again: doubling from `first` to `most`, each
 * wait spread by a fifth either way, so that a thousand clients of one broken
 * broker do not come back at once (KIP-144, KIP-580).
 */
#include "base/random.h"
#include "base/time.h"

struct kc_backoff {
    int32_t first_ms, most_ms;
    uint32_t failures; /* in a row */
};

void kc_backoff_init(struct kc_backoff *backoff, int32_t first_ms, int32_t most_ms);
/* One more failure: the milliseconds to wait now. */
int64_t kc_backoff_next_ms(struct kc_backoff *backoff, struct kb_random *random);
void kc_backoff_reset(struct kc_backoff *backoff); /* it worked */

#endif
