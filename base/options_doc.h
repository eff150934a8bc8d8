/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_OPTIONS_DOC_H
#define KB_OPTIONS_DOC_H
/*
 * Options as a table in Markdown: the configuration pages in doc/ are made of
 * it, each by a program over its own table.
 *
 *   kb_doc_head(out, columns, n);
 *   for each row that the page shows
 *       kb_doc_row(out, row, columns, n);
 *
 *   | Key | Type | Range | Default | COLUMNS ... | What it does |
 *
 * Aliases stand below their key. A row that is taken but acted on by nothing
 * yet says so.
 */
#include "base/options.h"

#include <stdio.h>

/* A column of the page's own: writes one cell, by kb_doc_text or plain. */
struct kb_doc_column {
    const char *title;
    void (*cell)(FILE *out, const struct kb_option *row);
};

void kb_doc_head(FILE *out, const struct kb_doc_column *columns, size_t n);
void kb_doc_row(FILE *out, const struct kb_option *row, const struct kb_doc_column *columns,
                size_t n);

/* Text with what would end a cell escaped; NULL writes nothing. */
void kb_doc_text(FILE *out, const char *text);
/* The same as `code`. */
void kb_doc_code(FILE *out, const char *text);

#endif
