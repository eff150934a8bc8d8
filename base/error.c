/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    CLASS_PLAIN = 0,
    CLASS_RETRY = KB_RETRIABLE,
    CLASS_ABORT = KB_ABORTABLE,
    CLASS_FATAL = KB_FATAL
};

struct code_row {
    int code;
    uint32_t classes;
    const char *name, *text;
};

#define ROW(name, number, class, text) {number, CLASS_##class, #name, text},
#define LOCAL_ROW(name, number, class, text) {number, CLASS_##class, "_" #name, text},
static const struct code_row protocol_rows[] = {KB_PROTOCOL_CODES(ROW)};
static const struct code_row local_rows[] = {KB_LOCAL_CODES(LOCAL_ROW)};
#undef ROW
#undef LOCAL_ROW

enum { FIRST_PROTOCOL = -1, FIRST_LOCAL = -100 };

/* Both lists are without gaps: the row is found by its number. A number newer
 * than this build counts as UNKNOWN_SERVER_ERROR. */
static const struct code_row *row_of(int code)
{
    if (code <= FIRST_LOCAL && code > FIRST_LOCAL - (int)KB_ARRAY_SIZE(local_rows))
        return &local_rows[FIRST_LOCAL - code];
    if (code >= FIRST_PROTOCOL && code < FIRST_PROTOCOL + (int)KB_ARRAY_SIZE(protocol_rows))
        return &protocol_rows[code - FIRST_PROTOCOL];
    return &protocol_rows[0];
}

const char *kb_code_name(int code)
{
    return row_of(code)->name;
}

const char *kb_code_text(int code)
{
    return row_of(code)->text;
}

uint32_t kb_code_classes(int code)
{
    return row_of(code)->classes;
}

void kb_error_clear(struct kb_error *err)
{
    if (err)
        *err = (struct kb_error){.broker = -1};
}

static void start(struct kb_error *err, int code)
{
    err->code = code;
    err->classes = kb_code_classes(code);
    err->broker = -1;
}

int kb_error_set(struct kb_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    start(err, code);
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

int kb_error_errno(struct kb_error *err, int code, int errno_value, const char *format, ...)
{
    if (!err)
        return code;
    start(err, code);
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    errno = errno_value; /* for %m: strerror is not for threads */
    snprintf(err->text + used, sizeof err->text - used, ": %m");
    return code;
}
