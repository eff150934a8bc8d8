/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/js.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Text -----------------------------------------------------------------------*/

/* How many bytes the character at `at` has; 0: it is none (RFC 3629). */
static size_t character(const uint8_t *at, size_t left)
{
    static const struct {
        uint8_t from, to, second_from, second_to;
        size_t size;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (*at < forms[i].from || *at > forms[i].to)
            continue;
        bool good = left >= forms[i].size;
        if (good && forms[i].size > 1)
            good = at[1] >= forms[i].second_from && at[1] <= forms[i].second_to;
        for (size_t k = 2; good && k < forms[i].size; k++)
            good = (at[k] & 0xc0) == 0x80;
        return good ? forms[i].size : 0;
    }
    return 0;
}

bool js_is_utf8(kurier_bytes bytes)
{
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    while (at < end) {
        size_t size = *at < 0x80 ? 1 : character(at, (size_t)(end - at));
        if (!size)
            return false;
        at += size;
    }
    return true;
}

static void escape(struct out *out, uint8_t c)
{
    static const char special[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    const char *found = c ? strchr(special, c) : NULL;
    if (found)
        out_format(out, "\\%c", letters[found - special]);
    else
        out_format(out, "\\u%04X", c);
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void quoted(struct out *out, const void *data, size_t size)
{
    const uint8_t *at = data, *end = at + size;
    out_char(out, '"');
    while (at < end) {
        const uint8_t *from = at;
        while (at < end && is_plain(*at))
            at++;
        out_bytes(out, from, (size_t)(at - from));
        if (at == end)
            break;
        size_t taken = *at < 0x80 ? 0 : character(at, (size_t)(end - at));
        if (taken)
            out_bytes(out, at, taken);
        else if (*at < 0x80)
            escape(out, *at);
        else
            out_text(out, "\\ufffd");
        at += taken ? taken : 1;
    }
    out_char(out, '"');
}

/* ---- Values ---------------------------------------------------------------------*/

static void begin(struct js *json, const char *key)
{
    if (json->comma)
        out_char(json->out, ',');
    json->comma = true;
    if (!key)
        return;
    quoted(json->out, key, strlen(key));
    out_char(json->out, ':');
}

void js_open(struct js *json, const char *key, char bracket)
{
    begin(json, key);
    out_char(json->out, bracket);
    json->comma = false;
}

void js_close(struct js *json, char bracket)
{
    out_char(json->out, bracket);
    json->comma = true;
}

void js_null(struct js *json, const char *key)
{
    begin(json, key);
    out_text(json->out, "null");
}

void js_bytes(struct js *json, const char *key, kurier_bytes bytes)
{
    if (!bytes.data) {
        js_null(json, key);
        return;
    }
    begin(json, key);
    quoted(json->out, bytes.data, bytes.size);
}

void js_text(struct js *json, const char *key, const char *text)
{
    js_bytes(json, key, kurier_bytes_of(text, text ? strlen(text) : 0));
}

void js_number(struct js *json, const char *key, int64_t value)
{
    begin(json, key);
    out_number(json->out, value);
}

void js_real(struct js *json, const char *key, double value)
{
    begin(json, key);
    out_format(json->out, "%.3f", isfinite(value) ? value : 0.0);
}

void js_bool(struct js *json, const char *key, bool value)
{
    begin(json, key);
    out_text(json->out, value ? "true" : "false");
}

void js_base64(struct js *json, const char *key, kurier_bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = bytes.data;
    begin(json, key);
    out_char(json->out, '"');
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                         (left > 2 ? at[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        left > 1 ? digits[three >> 6 & 63] : '=',
                        left > 2 ? digits[three & 63] : '='};
        out_bytes(json->out, four, 4);
    }
    out_char(json->out, '"');
}

void js_end(struct js *json)
{
    out_char(json->out, '\n');
    json->comma = false;
}
