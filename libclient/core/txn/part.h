/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_TXN_PART_H
#define KC_TXN_PART_H
/*
 * A partition's part in the open transaction. It lies in the sender's partition;
 * the sender puts it into its `joining` list when there is something to send, and
 * sends once the transaction (txn.h) says that it is IN.
 */
#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>

enum kc_txn_place { KC_TXN_OUT, KC_TXN_WANTED, KC_TXN_IN };

struct kc_txn_part {
    struct kb_list link;
    enum kc_txn_place place;
    bool maybe;        /* WANTED: was asked for, and no answer came */
    const char *topic; /* borrowed */
    int32_t index;
};

#endif
