/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H
/*
 * A fuzz target is one program, fuzz_NAME.c, with this one function. It takes
 * any bytes and returns 0; a crash, a sanitizer's complaint or a failed
 * KB_CHECK is a find. Configured with --enable-fuzzing (clang) libFuzzer calls
 * it; otherwise replay.c does, with the lines of corpus/NAME.txt and with
 * copies of them that it damages.
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
