/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_JSON_LIKE_H
#define TESTS_JSON_LIKE_H
#include <stdbool.h>

/* Brackets and quotes match, nothing ends in a comma or colon, and no control is
 * in it: what a line that was cut must still be. */
bool json_like(const char *text);

#endif
