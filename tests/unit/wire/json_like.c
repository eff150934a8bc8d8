/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wire/json_like.h"

#include <stddef.h>

enum { DEPTH = 64 };

/* Behind the closing quote; NULL: there is none. */
static const char *skip_text(const char *at)
{
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < ' ')
            return NULL;
        at += *at == '\\' && at[1];
    }
    return at + 1;
}

bool json_like(const char *text)
{
    char open[DEPTH], before = ',';
    int depth = 0;
    for (const char *at = text; *at; before = at[-1]) {
        char mark = *at++;
        if (mark < ' ')
            return false;
        if (mark == '"')
            at = skip_text(at);
        else if ((mark == '{' || mark == '[') && depth < DEPTH)
            open[depth++] = mark == '{' ? '}' : ']';
        else if (mark == '{' || mark == '[')
            return false;
        else if ((mark == '}' || mark == ']') &&
                 (depth == 0 || open[--depth] != mark || before == ',' || before == ':'))
            return false;
        if (!at)
            return false;
    }
    return depth == 0;
}
