/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_MESSAGE_H
#define TESTS_FUZZ_MESSAGE_H
#include "base/slice.h"
#include "wire/layout.h"

/* Decodes a body, within the arena budget that is told for its size. What could
 * be decoded can be encoded, and reads back as the same message. KB_CHECK fails
 * where that is not so. */
void fuzz_message(const struct kw_message *message, int16_t version, struct kb_slice body);

#endif
