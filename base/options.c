/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/check.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field_of(const struct kb_option *row, void *owner)
{
    return (char *)owner + row->field;
}

static bool owns_text(const struct kb_option *row)
{
    return row->type == KB_OPT_STRING || row->type == KB_OPT_LIST;
}

/* --- finding --- */

/* Whether `word` is one of the words in a list that `mark` parts; *index is
 * its place. */
static bool in_list(const char *list, char mark, const char *word, int *index)
{
    size_t size = strlen(word);
    for (*index = 0; list; ++*index) {
        const char *end = strchrnul(list, mark);
        if ((size_t)(end - list) == size && !memcmp(list, word, size))
            return true;
        list = *end ? end + 1 : NULL;
    }
    return false;
}

bool kb_options_list_has(const char *list, const char *word)
{
    int index;
    return in_list(list, ',', word, &index);
}

const struct kb_option *kb_options_find(const struct kb_options *table, const char *key)
{
    int index;
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->rows[i].key, key) || in_list(table->rows[i].aliases, ',', key, &index))
            return &table->rows[i];
    return NULL;
}

enum { LONGEST_KEY = 80 };

/* Edits (insert, delete, replace, swap of neighbours) from a to b; SIZE_MAX: at least `most`. */
static size_t distance(const char *a, const char *b, size_t most)
{
    size_t rows[3][LONGEST_KEY + 1], width = strlen(b);
    if (strlen(a) > LONGEST_KEY || width > LONGEST_KEY)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        size_t least = now[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t cost = above[j - 1] + (a[i - 1] != b[j - 1]);
            cost = KB_MIN(cost, KB_MIN(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost = KB_MIN(cost, two_above[j - 2] + 1);
            now[j] = cost;
            least = KB_MIN(least, cost);
        }
        if (least >= most)
            return SIZE_MAX;
    }
    return rows[strlen(a) % 3][width];
}

const char *kb_options_nearest(const struct kb_options *table, const char *key)
{
    const char *nearest = NULL;
    size_t size = strlen(key);
    size_t best = KB_MAX(size / 3, (size_t)1) + 1; /* further away is no guess */
    for (size_t i = 0; i < table->count; i++) {
        size_t width = strlen(table->rows[i].key);
        if (KB_MAX(width, size) - KB_MIN(width, size) >= best)
            continue; /* so many edits at least */
        size_t edits = distance(key, table->rows[i].key, best);
        if (edits < best) {
            best = edits;
            nearest = table->rows[i].key;
        }
    }
    return nearest;
}

/* --- setting --- */

/* Without the blanks around it; cut off in place. */
static char *trim(char *text)
{
    static const char blanks[] = " \t\r\n\f";
    text += strspn(text, blanks);
    for (size_t size = strlen(text); size && strchr(blanks, text[size - 1]); size--)
        text[size - 1] = '\0';
    return text;
}

static int refuse(const struct kb_option *row, const char *value, struct kb_error *err,
                  const char *wanted)
{
    bool secret = row->flags & KB_OPT_SECRET;
    return kb_error_set(err, KB_E_BAD_CONFIG, "%s=%s: %s", row->key, secret ? "(hidden)" : value,
                        wanted);
}

static int set_bool(const struct kb_option *row, bool *field, const char *value,
                    struct kb_error *err)
{
    bool is_true = !strcasecmp(value, "true");
    if (!is_true && strcasecmp(value, "false"))
        return refuse(row, value, err, "must be true or false");
    *field = is_true;
    return KB_OK;
}

static bool out_of_range(const struct kb_option *row, int64_t number)
{
    bool any = row->min == 0 && row->max == 0;
    return !any && (number < row->min || number > row->max);
}

static int refuse_range(const struct kb_option *row, const char *value, struct kb_error *err)
{
    char wanted[96];
    bool any = row->min == 0 && row->max == 0;
    if (row->max == INT64_MAX)
        snprintf(wanted, sizeof wanted, "must be a number, %" PRId64 " or more", row->min);
    else
        snprintf(wanted, sizeof wanted, "must be a number from %" PRId64 " to %" PRId64, row->min,
                 row->max);
    return refuse(row, value, err, any ? "must be a number" : wanted);
}

static int set_number(const struct kb_option *row, void *field, const char *value,
                      struct kb_error *err)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool is_int = row->type == KB_OPT_INT;
    if (end == value || *end || errno || out_of_range(row, number) ||
        (is_int && (number < INT32_MIN || number > INT32_MAX)))
        return refuse_range(row, value, err);
    if (is_int)
        *(int32_t *)field = (int32_t)number;
    else
        *(int64_t *)field = number;
    return KB_OK;
}

static int set_double(const struct kb_option *row, double *field, const char *value,
                      struct kb_error *err)
{
    char *end;
    double number = strtod(value, &end);
    bool any = row->min == 0 && row->max == 0;
    if (end == value || *end || number != number ||
        (!any && (number < (double)row->min || number > (double)row->max)))
        return refuse_range(row, value, err);
    *field = number;
    return KB_OK;
}

static int set_enum(const struct kb_option *row, int32_t *field, const char *value,
                    struct kb_error *err)
{
    char wanted[160];
    int index;
    if (in_list(row->choices, '|', value, &index)) {
        *field = index;
        return KB_OK;
    }
    snprintf(wanted, sizeof wanted, "must be one of %s", row->choices);
    return refuse(row, value, err, wanted);
}

/* Each word of a list that has choices is one of them. */
static bool are_choices(const struct kb_option *row, const char *value)
{
    char word[64];
    int index;
    for (const char *at = value; row->choices && *value && at;) {
        const char *end = strchrnul(at, ',');
        size_t size = (size_t)(end - at);
        if (size >= sizeof word)
            return false;
        memcpy(word, at, size);
        word[size] = '\0';
        if (!in_list(row->choices, '|', word, &index))
            return false;
        at = *end ? end + 1 : NULL;
    }
    return true;
}

/* Words that commas part, each one of the choices; none is fine. */
static int set_set(const struct kb_option *row, unsigned *field, const char *value,
                   struct kb_error *err)
{
    char word[64], wanted[160];
    unsigned bits = 0;
    int index;
    for (const char *at = value; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)KB_MIN(size, sizeof word), at);
        char *bare = trim(word);
        if (*bare && !in_list(row->choices, '|', bare, &index)) {
            snprintf(wanted, sizeof wanted, "must be a list of %s", row->choices);
            return refuse(row, value, err, wanted);
        }
        bits |= *bare ? 1U << index : 0;
        at += size;
    }
    *field = bits;
    return KB_OK;
}

static int set_text(const struct kb_option *row, char **field, const char *value,
                    struct kb_error *err)
{
    char wanted[160];
    if (!are_choices(row, value)) {
        snprintf(wanted, sizeof wanted, "must be of %s, comma-separated", row->choices);
        return refuse(row, value, err, wanted);
    }
    char *copy = kb_strdup(value);
    if (!copy)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory for %s", row->key);
    kb_free(*field);
    *field = copy;
    return KB_OK;
}

/* An option without a default is 0, false, the first choice or NULL. */
static void unset(const struct kb_option *row, void *field)
{
    static const size_t sizes[] = {
        [KB_OPT_BOOL] = sizeof(bool),
        [KB_OPT_INT] = sizeof(int32_t),
        [KB_OPT_LONG] = sizeof(int64_t),
        [KB_OPT_DOUBLE] = sizeof(double),
        [KB_OPT_STRING] = sizeof(char *),
        [KB_OPT_LIST] = sizeof(char *),
        [KB_OPT_ENUM] = sizeof(int32_t),
        [KB_OPT_SET] = sizeof(unsigned),
        [KB_OPT_IGNORED] = 0,
    };
    if (owns_text(row))
        kb_free(*(char **)field);
    memset(field, 0, sizes[row->type]);
}

static int set_row(const struct kb_option *row, void *owner, const char *value,
                   struct kb_error *err)
{
    void *field = field_of(row, owner);
    char bare[64];
    if (!value) {
        unset(row, field);
        return KB_OK;
    }
    if (!owns_text(row) && strlen(value) < sizeof bare) /* longer ones are no value anyway */
        value = trim(strcpy(bare, value));
    switch (row->type) {
    case KB_OPT_BOOL:
        return set_bool(row, field, value, err);
    case KB_OPT_INT:
    case KB_OPT_LONG:
        return set_number(row, field, value, err);
    case KB_OPT_DOUBLE:
        return set_double(row, field, value, err);
    case KB_OPT_STRING:
    case KB_OPT_LIST:
        return set_text(row, field, value, err);
    case KB_OPT_ENUM:
        return set_enum(row, field, value, err);
    case KB_OPT_SET:
        return set_set(row, field, value, err);
    case KB_OPT_IGNORED:
        break;
    }
    return KB_OK;
}

static int unknown(const struct kb_options *table, const char *key, struct kb_error *err)
{
    const char *nearest = kb_options_nearest(table, key);
    if (nearest)
        return kb_error_set(err, KB_E_BAD_CONFIG, "unknown option %s; did you mean %s?", key,
                            nearest);
    return kb_error_set(err, KB_E_BAD_CONFIG, "unknown option %s", key);
}

int kb_options_set(const struct kb_options *table, void *owner, const char *key, const char *value,
                   struct kb_error *err)
{
    const struct kb_option *row = kb_options_find(table, key);
    if (!row)
        return unknown(table, key, err);
    return set_row(row, owner, value ? value : row->value, err);
}

bool kb_options_default(const struct kb_options *table, void *owner)
{
    for (size_t i = 0; i < table->count; i++)
        if (owns_text(&table->rows[i]))
            *(char **)field_of(&table->rows[i], owner) = NULL;
    for (size_t i = 0; i < table->count; i++) {
        struct kb_error err;
        int code = set_row(&table->rows[i], owner, table->rows[i].value, &err);
        KB_CHECK(code == KB_OK || code == KB_E_NO_MEMORY); /* the table's own mistake */
        if (code != KB_OK) {
            kb_options_free(table, owner);
            return false;
        }
    }
    return true;
}

void kb_options_free(const struct kb_options *table, void *owner)
{
    for (size_t i = 0; i < table->count; i++)
        if (owns_text(&table->rows[i]))
            unset(&table->rows[i], field_of(&table->rows[i], owner));
}

/* --- asking --- */

static size_t print_choice(const struct kb_option *row, int32_t index, char *out, size_t size)
{
    const char *choice = row->choices;
    for (; index > 0 && choice; index--)
        choice = strchr(choice, '|') ? strchr(choice, '|') + 1 : NULL;
    int length = choice ? (int)(strchrnul(choice, '|') - choice) : 0;
    return (size_t)snprintf(out, size, "%.*s", length, choice ? choice : "");
}

static size_t print_set(const struct kb_option *row, unsigned bits, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", "");
    for (int32_t index = 0; bits >> index; index++) {
        if (!(bits >> index & 1))
            continue;
        size_t at = KB_MIN(used, size);
        used += (size_t)snprintf(out + at, size - at, "%s", used ? "," : "");
        at = KB_MIN(used, size);
        used += print_choice(row, index, out + at, size - at);
    }
    return used;
}

/* The shortest text that reads as the same number. */
static size_t print_double(double number, char *out, size_t size)
{
    int n = snprintf(out, size, "%.15g", number);
    if ((size_t)n < size && strtod(out, NULL) != number)
        n = snprintf(out, size, "%.17g", number);
    return (size_t)n;
}

size_t kb_options_get(const struct kb_option *row, const void *owner, char *out, size_t size)
{
    const void *field = (const char *)owner + row->field;
    const char *text = "";
    int n = 0;
    switch (row->type) {
    case KB_OPT_BOOL:
        text = *(const bool *)field ? "true" : "false";
        break;
    case KB_OPT_INT:
        return (size_t)snprintf(out, size, "%" PRId32, *(const int32_t *)field);
    case KB_OPT_LONG:
        return (size_t)snprintf(out, size, "%" PRId64, *(const int64_t *)field);
    case KB_OPT_DOUBLE:
        return print_double(*(const double *)field, out, size);
    case KB_OPT_ENUM:
        return print_choice(row, *(const int32_t *)field, out, size);
    case KB_OPT_SET:
        return print_set(row, *(const unsigned *)field, out, size);
    case KB_OPT_STRING:
    case KB_OPT_LIST:
        text = *(char *const *)field ? *(char *const *)field : "";
        break;
    case KB_OPT_IGNORED:
        text = row->value ? row->value : "";
        break;
    }
    n = snprintf(out, size, "%s", text);
    return (size_t)n;
}
