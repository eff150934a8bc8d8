/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options_doc.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

static const char *const type_names[] = {
    [KB_OPT_BOOL] = "boolean",  [KB_OPT_INT] = "int",       [KB_OPT_LONG] = "long",
    [KB_OPT_DOUBLE] = "double", [KB_OPT_STRING] = "string", [KB_OPT_LIST] = "list",
    [KB_OPT_ENUM] = "one of",   [KB_OPT_SET] = "list",      [KB_OPT_IGNORED] = "any",
};

static void put(FILE *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '|')
            putc('\\', out);
        putc(text[i] == '\n' ? ' ' : text[i], out);
    }
}

void kb_doc_text(FILE *out, const char *text)
{
    put(out, text ? text : "", text ? strlen(text) : 0);
}

void kb_doc_code(FILE *out, const char *text)
{
    if (!text)
        return;
    putc('`', out);
    kb_doc_text(out, text);
    putc('`', out);
}

/* The words of a list that `mark` parts, each as code. */
static void put_words(FILE *out, const char *list, char mark, const char *between)
{
    for (const char *at = list; at;) {
        const char *end = strchrnul(at, mark);
        fputs(at == list ? "`" : between, out);
        put(out, at, (size_t)(end - at));
        putc('`', out);
        at = *end ? end + 1 : NULL;
    }
}

static void put_range(FILE *out, const struct kb_option *row)
{
    bool number = row->type == KB_OPT_INT || row->type == KB_OPT_LONG || row->type == KB_OPT_DOUBLE;
    if (row->choices)
        put_words(out, row->choices, '|', ", `");
    else if (!number || (row->min == 0 && row->max == 0))
        return;
    else if (row->max >= INT32_MAX)
        fprintf(out, "%" PRId64 " or more", row->min);
    else
        fprintf(out, "%" PRId64 " to %" PRId64, row->min, row->max);
}

void kb_doc_head(FILE *out, const struct kb_doc_column *columns, size_t n)
{
    fputs("| Key | Type | Range | Default |", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, " %s |", columns[i].title);
    fputs(" What it does |\n|---|---|---|---|", out);
    for (size_t i = 0; i < n; i++)
        fputs("---|", out);
    fputs("---|\n", out);
}

void kb_doc_row(FILE *out, const struct kb_option *row, const struct kb_doc_column *columns,
                size_t n)
{
    fputs("| ", out);
    kb_doc_code(out, row->key);
    if (row->aliases) {
        fputs("<br>also ", out);
        put_words(out, row->aliases, ',', ", `");
    }
    fprintf(out, " | %s | ", type_names[row->type]);
    put_range(out, row);
    fputs(" | ", out);
    kb_doc_code(out, row->value && *row->value ? row->value : NULL);
    fputs(" | ", out);
    for (size_t i = 0; i < n; i++) {
        columns[i].cell(out, row);
        fputs(" | ", out);
    }
    kb_doc_text(out, row->doc);
    if (row->flags & KB_OPT_LATER)
        fputs(" Taken, but nothing acts on it yet.", out);
    fputs(" |\n", out);
}
