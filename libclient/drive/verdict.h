/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_VERDICT_H
#define KC_VERDICT_H
/* What a coordinator's code says of the offsets that it was asked for, or told. */
#include <stdint.h>

enum kc_verdict {
    KC_VERDICT_SETTLED,
    KC_VERDICT_AGAIN,       /* by itself it will go */
    KC_VERDICT_ELSEWHERE,   /* of another coordinator */
    KC_VERDICT_BY_ITS_NAME, /* the id is not known there (yet) */
    KC_VERDICT_WHEN_SETTLED /* of a commit: once we are where the group is, unless it waits for us */
};

enum kc_verdict kc_verdict_of_lookup(int32_t code);
enum kc_verdict kc_verdict_of_commit(int32_t code);

#endif
