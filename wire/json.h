/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_JSON_H
#define KW_JSON_H
/*
 * Writes JSON into memory of the caller's, on one line. What does not fit is
 * left out, and marked by "..."; the text is JSON all the same, since room for
 * the mark and for every bracket that is open is kept back.
 *
 *   kw_json_init(&j, out, size);
 *   kw_json_open(&j, '{');
 *   kw_json_name(&j, "topic");
 *   kw_json_text(&j, name, SIZE_MAX);
 *   kw_json_close(&j);
 *   length = kw_json_end(&j);
 *
 * After the cut every call does nothing; loops may look at `cut` to end early.
 */
#include "base/slice.h"

enum { KW_JSON_DEPTH = 24, KW_JSON_MIN_BYTES = 64 };

struct kw_json {
    char *start, *next, *end;
    char closers[KW_JSON_DEPTH]; /* of the brackets that are open */
    unsigned depth;
    bool comma; /* one belongs in front of what comes next */
    bool named; /* a name stands there, and waits for its value */
    bool cut;
};

/* size is KW_JSON_MIN_BYTES or more. */
void kw_json_init(struct kw_json *j, char *out, size_t size);
void kw_json_open(struct kw_json *j, char bracket); /* '{' or '[' */
void kw_json_close(struct kw_json *j);
void kw_json_name(struct kw_json *j, const char *name); /* plain: nothing to escape */

void kw_json_null(struct kw_json *j);
void kw_json_bool(struct kw_json *j, bool value);
void kw_json_integer(struct kw_json *j, int64_t value);
void kw_json_real(struct kw_json *j, double value);
/* Escaped; null for null. Past max_bytes of it "..." follows. */
void kw_json_text(struct kw_json *j, struct kb_slice text, size_t max_bytes);
void kw_json_hex(struct kw_json *j, struct kb_slice bytes, size_t max_bytes);

/* Closes what is open, writes a 0 byte; the length without it. */
size_t kw_json_end(struct kw_json *j);

#endif
