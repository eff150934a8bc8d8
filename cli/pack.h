/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PACK_H
#define CLI_PACK_H
/*
 * Binary keys and values as numbers, told by a string of letters as kcat's -s
 * has them: one for each number, in their order.
 */
#include "cli/out.h"

bool pack_is_valid(const char *pack);
/* NULL, or why so many bytes are not of that form. */
const char *pack_check(const char *pack, size_t size);
/* Of bytes that are. */
void pack_print(const char *pack, kurier_bytes bytes, struct out *out);

#endif
