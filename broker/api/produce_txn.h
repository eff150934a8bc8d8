/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PRODUCE_TXN_H
#define KD_PRODUCE_TXN_H
#include <stdint.h>

/* What a transaction's coordinator said of a batch, as a Produce of that version tells
 * it. What passes by itself becomes a code of which every client just asks again. */
int kd_produce_txn_code(int code, int16_t version);

#endif
