/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json.h"

#include "base/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* The longest mark of a cut, and the 0 byte. */
static const char cut_member[] = ",\"...\":\"...\"";

void kw_json_init(struct kw_json *j, char *out, size_t size)
{
    KB_CHECK(size >= KW_JSON_MIN_BYTES);
    *j = (struct kw_json){.start = out, .next = out, .end = out + size};
}

/* Room that may be written to; what ends the text is kept back. */
static size_t room(const struct kw_json *j)
{
    size_t kept = sizeof cut_member + j->depth;
    size_t left = (size_t)(j->end - j->next);
    return left > kept ? left - kept : 0;
}

static void put(struct kw_json *j, const char *text, size_t size)
{
    memcpy(j->next, text, size);
    j->next += size;
}

static void cut(struct kw_json *j)
{
    const char *mark = cut_member;
    if (j->named)
        mark = "\"...\"";
    else if (j->depth == 0 || j->closers[j->depth - 1] == ']')
        mark = ",\"...\"";
    if (*mark == ',' && !j->comma)
        mark++;
    put(j, mark, strlen(mark));
    j->cut = true;
}

/* Room for `size` bytes of a name or value and the comma before it, which is
 * written; false: it is cut here, or was before. */
static bool begin(struct kw_json *j, size_t size)
{
    if (j->cut)
        return false;
    if (room(j) < size + j->comma) {
        cut(j);
        return false;
    }
    if (j->comma)
        *j->next++ = ',';
    j->comma = false;
    return true;
}

static void end_value(struct kw_json *j)
{
    j->named = false;
    j->comma = true;
}

static void token(struct kw_json *j, const char *text, size_t size)
{
    if (!begin(j, size))
        return;
    put(j, text, size);
    end_value(j);
}

void kw_json_open(struct kw_json *j, char bracket)
{
    if (!begin(j, 2)) /* it, and room to close it */
        return;
    KB_CHECK(j->depth < KW_JSON_DEPTH);
    j->closers[j->depth++] = bracket == '{' ? '}' : ']';
    *j->next++ = bracket;
    j->named = false;
}

void kw_json_close(struct kw_json *j)
{
    if (j->cut)
        return;
    KB_CHECK(j->depth > 0);
    *j->next++ = j->closers[--j->depth];
    end_value(j);
}

void kw_json_name(struct kw_json *j, const char *name)
{
    size_t size = strlen(name);
    if (!begin(j, size + 3))
        return;
    *j->next++ = '"';
    put(j, name, size);
    put(j, "\":", 2);
    j->named = true;
}

void kw_json_null(struct kw_json *j)
{
    token(j, "null", 4);
}

void kw_json_bool(struct kw_json *j, bool value)
{
    token(j, value ? "true" : "false", value ? 4 : 5);
}

void kw_json_integer(struct kw_json *j, int64_t value)
{
    char text[24];
    token(j, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

void kw_json_real(struct kw_json *j, double value)
{
    char text[40];
    const char *format = isfinite(value) ? "%.17g" : "\"%g\"";
    token(j, text, (size_t)snprintf(text, sizeof text, format, value));
}

/* ---- Texts ----------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at `at`; 0: it is none. */
static size_t sequence(const uint8_t *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
    if (size <= 1 || size > left)
        return size > left ? 0 : size;
    uint32_t letter = *at & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        letter = letter << 6 | (at[i] & 63);
    }
    bool surrogate = letter >= 0xd800 && letter < 0xe000;
    return letter < least[size] || letter > 0x10ffff || surrogate ? 0 : size;
}

/* One letter as JSON has it; how many bytes of the text it took. */
static size_t escape(const uint8_t *at, size_t left, char out[8], size_t *out_size)
{
    size_t size = sequence(at, left);
    int written = 0;
    if (size == 0)
        written = snprintf(out, 8, "\\ufffd");
    else if (*at < ' ' || *at == 127)
        written = snprintf(out, 8, "\\u%04x", *at);
    else if (*at == '"' || *at == '\\')
        written = snprintf(out, 8, "\\%c", *at);
    else
        memcpy(out, at, size);
    *out_size = written ? (size_t)written : size;
    return size ? size : 1;
}

void kw_json_text(struct kw_json *j, struct kb_slice text, size_t max_bytes)
{
    char letter[8];
    size_t size, at = 0;
    if (!text.data) {
        kw_json_null(j);
        return;
    }
    if (!begin(j, 5)) /* quotes and dots */
        return;
    *j->next++ = '"';
    while (at < text.size && at < max_bytes) {
        size_t taken = escape(text.data + at, text.size - at, letter, &size);
        if (room(j) < size + 4)
            break;
        put(j, letter, size);
        at += taken;
    }
    if (at < text.size)
        put(j, "...", 3);
    *j->next++ = '"';
    end_value(j);
}

void kw_json_hex(struct kw_json *j, struct kb_slice bytes, size_t max_bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    if (!bytes.data) {
        kw_json_null(j);
        return;
    }
    if (!begin(j, 5))
        return;
    *j->next++ = '"';
    for (; at < bytes.size && at < max_bytes && room(j) >= 6; at++) {
        *j->next++ = digits[bytes.data[at] >> 4];
        *j->next++ = digits[bytes.data[at] & 15];
    }
    if (at < bytes.size)
        put(j, "...", 3);
    *j->next++ = '"';
    end_value(j);
}

size_t kw_json_end(struct kw_json *j)
{
    while (j->depth > 0)
        *j->next++ = j->closers[--j->depth];
    *j->next = '\0';
    return (size_t)(j->next - j->start);
}
