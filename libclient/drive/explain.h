/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_EXPLAIN_H
#define KC_EXPLAIN_H
/* Why a partition makes no progress: a table of what can stand in the way, asked in
 * the order in which it has to go. On the loop. */
#include "libclient/drive/consumer.h"

void kc_consumer_explain(struct kurier_consumer *consumer, const char *topic, int32_t partition,
                         kurier_explanation *out);

#endif
