/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_JS_H
#define CLI_JS_H
/*
 * JSON, written as it goes. A key is NULL for what stands in an array or alone.
 * Text that is not UTF-8 comes out with U+FFFD for each byte that does not fit.
 */
#include "cli/out.h"

struct js {
    struct out *out;
    bool comma; /* the next value needs one in front */
};

static inline struct js js_to(struct out *out)
{
    return (struct js){.out = out};
}

void js_open(struct js *json, const char *key, char bracket);     /* '{' or '[' */
void js_close(struct js *json, char bracket);                     /* '}' or ']' */
void js_text(struct js *json, const char *key, const char *text); /* NULL: null */
void js_bytes(struct js *json, const char *key, kurier_bytes bytes);
void js_base64(struct js *json, const char *key, kurier_bytes bytes);
void js_number(struct js *json, const char *key, int64_t value);
void js_real(struct js *json, const char *key, double value);
void js_bool(struct js *json, const char *key, bool value);
void js_null(struct js *json, const char *key);
/* A newline: one document a line. */
void js_end(struct js *json);

bool js_is_utf8(kurier_bytes bytes);

#endif
