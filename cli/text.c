/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* One escape behind the backslash; answers how many letters it took. */
static size_t unescape_one(const char *at, size_t left, char *out)
{
    static const char names[] = {'n', 't', 'r', '0', '\\'}, values[] = "\n\t\r\0\\";
    const char *found = left ? memchr(names, *at, sizeof names) : NULL;
    if (found) {
        *out = values[found - names];
        return 1;
    }
    if (left > 1 && *at == 'x' && isxdigit((unsigned char)at[1])) {
        bool two = left > 2 && isxdigit((unsigned char)at[2]);
        *out = (char)(two ? hex(at[1]) << 4 | hex(at[2]) : hex(at[1]));
        return two ? 3 : 2;
    }
    *out = '\\'; /* not an escape: it stays as it is */
    return 0;
}

bool text_unescape(const char *text, size_t size, kurier_bytes *out)
{
    char *data = malloc(size + 1), *to = data;
    if (!data)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            i += unescape_one(text + i + 1, size - i - 1, to++);
        else
            *to++ = text[i];
    }
    *to = '\0';
    *out = kurier_bytes_of(data, (size_t)(to - data));
    return true;
}
