/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listing.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void listing_begin(struct listing *l, const struct args *args, const struct column *columns)
{
    *l = (struct listing){.out = args->out, .as_json = args->json, .columns = columns};
    l->json = js_to(args->out);
    while (columns[l->column_count].head && l->column_count < LISTING_COLUMNS)
        l->column_count++;
    if (l->as_json)
        js_open(&l->json, NULL, '[');
}

/* ---- Cells --------------------------------------------------------------------------*/

/* Text is taken. */
static void keep(struct listing *l, char *text)
{
    if (text && l->cells == l->capacity) {
        size_t capacity = l->capacity * 2 + 64;
        char **cell = realloc(l->cell, capacity * sizeof *cell);
        if (cell) {
            l->cell = cell;
            l->capacity = capacity;
        }
    }
    if (!text || l->cells == l->capacity) {
        l->failed = true;
        free(text);
        return;
    }
    l->cell[l->cells++] = text;
}

/* The key of the next value. */
static const char *json_cell(struct listing *l)
{
    size_t column = l->cells % l->column_count;
    if (column == 0)
        js_open(&l->json, NULL, '{');
    return l->columns[column].key;
}

static void json_cell_done(struct listing *l)
{
    if (++l->cells % l->column_count == 0)
        js_close(&l->json, '}');
}

void listing_text(struct listing *l, const char *text)
{
    if (!l->as_json) {
        keep(l, strdup(text ? text : "-"));
        return;
    }
    js_text(&l->json, json_cell(l), text);
    json_cell_done(l);
}

void listing_number(struct listing *l, int64_t value)
{
    char *text = NULL;
    if (l->as_json) {
        js_number(&l->json, json_cell(l), value);
        json_cell_done(l);
        return;
    }
    int size = value == -1 ? asprintf(&text, "-") : asprintf(&text, "%" PRId64, value);
    keep(l, size < 0 ? NULL : text);
}

void listing_bool(struct listing *l, bool value)
{
    if (!l->as_json) {
        listing_text(l, value ? "yes" : "no");
        return;
    }
    js_bool(&l->json, json_cell(l), value);
    json_cell_done(l);
}

/* ---- Printing ---------------------------------------------------------------------------*/

/* Letters, not bytes: UTF-8's later ones take no place. */
static size_t width(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((uint8_t)*text & 0xc0) != 0x80;
    return n;
}

static const char *head(const struct listing *l, size_t column)
{
    const char *text = l->columns[column].head;
    return text + (*text == '>');
}

static void print_cell(struct listing *l, const char *text, size_t column, size_t wide)
{
    bool right = l->columns[column].head[0] == '>', last = column + 1 == l->column_count;
    size_t spare = wide - width(text);
    for (size_t i = 0; right && i < spare; i++)
        out_char(l->out, ' ');
    out_text(l->out, text);
    for (size_t i = 0; !right && !last && i < spare; i++)
        out_char(l->out, ' ');
    out_text(l->out, last ? "\n" : "  ");
}

static void print_all(struct listing *l)
{
    size_t widths[LISTING_COLUMNS];
    for (size_t c = 0; c < l->column_count; c++)
        widths[c] = width(head(l, c));
    for (size_t i = 0; i < l->cells; i++) {
        size_t c = i % l->column_count, wide = width(l->cell[i]);
        widths[c] = wide > widths[c] ? wide : widths[c];
    }
    out_colour(l->out, OUT_HEAD);
    for (size_t c = 0; c < l->column_count; c++)
        print_cell(l, head(l, c), c, widths[c]);
    out_colour(l->out, OUT_PLAIN);
    for (size_t i = 0; i < l->cells; i++)
        print_cell(l, l->cell[i], i % l->column_count, widths[i % l->column_count]);
}

void listing_end(struct listing *l)
{
    if (l->as_json) {
        js_close(&l->json, ']');
        js_end(&l->json);
        return;
    }
    if (l->failed)
        l->out->error = ENOMEM;
    else
        print_all(l);
    for (size_t i = 0; i < l->cells; i++)
        free(l->cell[i]);
    free(l->cell);
}
