/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_AUTO_COMMIT_H
#define KC_AUTO_COMMIT_H
/*
 * enable.auto.commit: what is finished, at every auto.commit.interval.ms. One that
 * fails is told as an event, and the next tries again. On the loop.
 */
#include "libclient/drive/consumer.h"

struct kc_auto_commit;
struct kc_auto_commit *kc_auto_commit_new(struct kurier_consumer *consumer); /* NULL: no memory */
void kc_auto_commit_free(struct kc_auto_commit *automatic); /* before the commits */

#endif
