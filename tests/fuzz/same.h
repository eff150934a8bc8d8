/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_SAME_H
#define TESTS_FUZZ_SAME_H
/* Whether two states that were read say the same. */
#include "broker/core/epochs.h"
#include "broker/core/producer_state.h"

bool same_epochs(const struct kd_epochs *a, const struct kd_epochs *b);
bool same_producers(const struct kd_producers *a, const struct kd_producers *b);

#endif
