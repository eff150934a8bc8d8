/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/check.h"

#include <string.h>

/*
 * Java's properties text, read in place: what is written never outruns what
 * is read.
 */
struct scan {
    char *at, *end; /* not read yet */
    char *out;      /* where the next character goes */
    int line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && is_blank(*scan->at))
        scan->at++;
}

/* \r\n is one end of a line. */
static void skip_newline(struct scan *scan)
{
    bool carriage_return = *scan->at++ == '\r';
    if (carriage_return && scan->at < scan->end && *scan->at == '\n')
        scan->at++;
    scan->line++;
}

static void skip_comment(struct scan *scan)
{
    while (scan->at < scan->end && !is_newline(*scan->at))
        scan->at++;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = c ? strchr(digits, c | 0x20) : NULL;
    return digit ? (int)(digit - digits) : -1;
}

static void put_utf8(struct scan *scan, unsigned code)
{
    if (code < 0x80) {
        *scan->out++ = (char)code;
        return;
    }
    if (code < 0x800) {
        *scan->out++ = (char)(0xc0 | code >> 6);
    } else {
        *scan->out++ = (char)(0xe0 | code >> 12);
        *scan->out++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *scan->out++ = (char)(0x80 | (code & 0x3f));
}

/* Four hex digits behind \u. */
static bool take_unicode(struct scan *scan)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = scan->at < scan->end ? hex_digit(*scan->at++) : -1;
        if (digit < 0)
            return false;
        code = code << 4 | (unsigned)digit;
    }
    if (code == 0)
        return false; /* would cut the string */
    put_utf8(scan, code);
    return true;
}

/* What stands behind a backslash. */
static bool take_escape(struct scan *scan)
{
    static const char from[] = "ntrf", to[] = "\n\t\r\f";
    if (scan->at == scan->end)
        return true;
    if (is_newline(*scan->at)) { /* the line goes on below */
        skip_newline(scan);
        skip_blanks(scan);
        return true;
    }
    char c = *scan->at++;
    if (c == 'u')
        return take_unicode(scan);
    const char *known = c ? strchr(from, c) : NULL;
    *scan->out++ = known ? to[known - from] : c;
    return true;
}

/* Copies up to the end of the line, or up to one of `ends`. */
static bool take_text(struct scan *scan, const char *ends)
{
    while (scan->at < scan->end && !is_newline(*scan->at)) {
        char c = *scan->at;
        if (c == '\0' || strchr(ends, c))
            return c != '\0';
        scan->at++;
        if (c != '\\')
            *scan->out++ = c;
        else if (!take_escape(scan))
            return false;
    }
    return true;
}

/* Blanks, at most one = or :, blanks. */
static void skip_separator(struct scan *scan)
{
    skip_blanks(scan);
    if (scan->at < scan->end && (*scan->at == '=' || *scan->at == ':'))
        scan->at++;
    skip_blanks(scan);
}

/*
 * Key and value are cut out of the text where they stand. The key's 0 byte
 * needs a place before the value begins: there is one, the separator; but a
 * line that ends behind the key has none, and its value is "".
 */
static bool take_property(struct scan *scan, char **key, char **value)
{
    *key = scan->out = scan->at;
    if (!take_text(scan, " \t\f=:"))
        return false;
    char *key_end = scan->out;
    char *behind = scan->at;
    skip_separator(scan);
    scan->out = *value = scan->at;
    bool empty = scan->at == behind;
    if (!empty && !take_text(scan, ""))
        return false;
    char *value_end = scan->out;
    if (scan->at < scan->end)
        skip_newline(scan);
    *value_end = '\0';
    *key_end = '\0';
    if (empty)
        *value = key_end;
    return true;
}

int kb_properties_parse(char *text, size_t size, kb_property_fn *each, void *ctx,
                        struct kb_error *err)
{
    struct scan scan = {.at = text, .end = text + size, .line = 1};
    while (scan.at < scan.end) {
        char *key, *value;
        skip_blanks(&scan);
        if (scan.at == scan.end)
            break;
        if (*scan.at == '#' || *scan.at == '!') {
            skip_comment(&scan);
        } else if (is_newline(*scan.at)) {
            skip_newline(&scan);
        } else {
            int line = scan.line;
            if (!take_property(&scan, &key, &value))
                return kb_error_set(err, KB_E_BAD_CONFIG, "line %d: a malformed escape or a 0 byte",
                                    scan.line);
            int rc = each(ctx, key, value, line, err);
            if (rc != 0)
                return rc;
        }
    }
    return KB_OK;
}
