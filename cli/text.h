/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H
/* "\n", "\t", "\r", "\0", "\\", "\xHH" resolved. */
#include <kurier/base.h>

/* Free out->data. False: no memory. */
bool text_unescape(const char *text, size_t size, kurier_bytes *out);

#endif
