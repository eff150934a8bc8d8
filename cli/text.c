/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes, and the format of -f. */
#include "cli/cli.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* One escape behind the backslash; answers how many letters it took. */
static size_t unescape_one(const char *at, char *out)
{
    static const char names[] = "ntr\\0", values[] = "\n\t\r\\";
    const char *found = strchr(names, *at);
    if (*at && found) {
        *out = values[found - names];
        return 1;
    }
    if (*at == 'x' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) {
        *out = (char)(hex(at[1]) << 4 | hex(at[2]));
        return 3;
    }
    *out = '\\'; /* not an escape: it stays as it is */
    return 0;
}

char *text_unescape(const char *text)
{
    char *out = malloc(strlen(text) + 1), *to = out;
    if (!out)
        return NULL;
    while (*text) {
        if (*text == '\\')
            text += 1 + unescape_one(text + 1, to++);
        else
            *to++ = *text++;
    }
    *to = '\0';
    return out;
}

/* ---- Format ---------------------------------------------------------------------------*/

struct format {
    char *text; /* unescaped */
    const char *null;
};

static const char directives[] = "tpokKsSTh%";

struct format *format_new(const char *text, bool show_nulls, char *why, size_t why_size)
{
    struct format *format = calloc(1, sizeof *format);
    if (!format || !(format->text = text_unescape(text))) {
        snprintf(why, why_size, "out of memory");
        free(format);
        return NULL;
    }
    format->null = show_nulls ? "NULL" : "";
    for (const char *at = strchr(format->text, '%'); at; at = strchr(at + 2, '%')) {
        if (at[1] && strchr(directives, at[1]))
            continue;
        snprintf(why, why_size,
                 "-f: there is no %.2s; those known are %%t %%p %%o %%k %%K %%s "
                 "%%S %%T %%h %%%%",
                 at);
        format_free(format);
        return NULL;
    }
    return format;
}

void format_free(struct format *format)
{
    if (format)
        free(format->text);
    free(format);
}

static void print_bytes(const struct format *format, kurier_bytes bytes, FILE *out)
{
    if (bytes.data)
        fwrite(bytes.data, 1, bytes.size, out);
    else
        fputs(format->null, out);
}

static void print_size(kurier_bytes bytes, FILE *out)
{
    fprintf(out, "%" PRId64, bytes.data ? (int64_t)bytes.size : -1);
}

static void print_headers(const struct format *format, const kurier_record *record, FILE *out)
{
    kurier_bytes name, value;
    size_t at = 0;
    for (bool first = true; kurier_record_header(record, &at, &name, &value); first = false) {
        if (!first)
            fputc(',', out);
        print_bytes(format, name, out);
        fputc('=', out);
        if (value.data)
            print_bytes(format, value, out);
        else
            fputs("NULL", out);
    }
}

static void print_directive(const struct format *format, char directive,
                            const kurier_record *record, FILE *out)
{
    switch (directive) {
    case 't':
        fputs(record->topic, out);
        break;
    case 'p':
        fprintf(out, "%" PRId32, record->partition);
        break;
    case 'o':
        fprintf(out, "%" PRId64, record->offset);
        break;
    case 'k':
        print_bytes(format, record->key, out);
        break;
    case 'K':
        print_size(record->key, out);
        break;
    case 's':
        print_bytes(format, record->value, out);
        break;
    case 'S':
        print_size(record->value, out);
        break;
    case 'T':
        fprintf(out, "%" PRId64, record->timestamp_ms);
        break;
    case 'h':
        print_headers(format, record, out);
        break;
    case '%':
        fputc('%', out);
        break;
    }
}

bool format_print(const struct format *format, const kurier_record *record, FILE *out)
{
    const char *at = format->text;
    for (const char *mark = strchr(at, '%'); mark; mark = strchr(at, '%')) {
        fwrite(at, 1, (size_t)(mark - at), out);
        print_directive(format, mark[1], record, out);
        at = mark + 2;
    }
    fputs(at, out);
    return !ferror(out);
}
