/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_OPTIONS_H
#define KB_OPTIONS_H
/*
 * Configuration as a table: one row per key. Docs, --help, DescribeConfigs and
 * the checks come from the rows. A row names the field that it sets in the
 * owner's struct by offset; the text is kept too, for DescribeConfigs.
 */
#include "base/error.h"
#include <stddef.h>

enum kb_option_type {
    KB_OPT_BOOL,   /* bool */
    KB_OPT_INT,    /* int32_t */
    KB_OPT_LONG,   /* int64_t */
    KB_OPT_DOUBLE, /* double */
    KB_OPT_STRING, /* char *, owned by the struct, may be NULL */
    KB_OPT_LIST,   /* char *, comma-separated, as STRING; each of choices, if there are any */
    KB_OPT_ENUM,   /* int32_t: index into choices */
    KB_OPT_SET,    /* unsigned: a bit for each of choices; as text comma-separated */
    KB_OPT_IGNORED /* known to Kafka, means nothing here: a warning */
};

enum {
    KB_OPT_SECRET = 1,
    KB_OPT_DYNAMIC = 2, /* may change while running */
    KB_OPT_LATER = 4    /* checked and kept, but nothing acts on it yet: a warning */
};

struct kb_option {
    const char *key;
    enum kb_option_type type;
    unsigned scope; /* the owner's bits: producer, consumer, broker, topic ... */
    unsigned flags;
    size_t field;        /* offsetof in the owner's struct */
    const char *value;   /* default, as text; NULL: unset */
    int64_t min, max;    /* INT, LONG (numbers); both 0: any */
    const char *choices; /* ENUM: "none|gzip|snappy", index is the value; SET: bit 0, 1 ...;
                            LIST: its words */
    const char *aliases; /* comma-separated, or NULL */
    const char *synonym; /* the key of another table that gives the default; or NULL */
    const char *doc;     /* one or two sentences of ours */
};

struct kb_options {
    const struct kb_option *rows;
    size_t count;
};

/* Every field to its default. False: no memory. */
bool kb_options_default(const struct kb_options *table, void *owner);
void kb_options_free(const struct kb_options *table, void *owner); /* the strings */
/* Whether one of a LIST's words is that word; a NULL list has none. */
bool kb_options_list_has(const char *list, const char *word);
/* By key or alias, case as written. NULL: no such row. */
const struct kb_option *kb_options_find(const struct kb_options *table, const char *key);
/* The nearest key, for "did you mean"; NULL: nothing is near. */
const char *kb_options_nearest(const struct kb_options *table, const char *key);
/* KB_E_BAD_CONFIG names key, value and range. NULL value: back to default.
 * Blanks around what is not free text do not count. */
int kb_options_set(const struct kb_options *table, void *owner, const char *key, const char *value,
                   struct kb_error *err);
/* The value as text into out (as snprintf counts). */
size_t kb_options_get(const struct kb_option *row, const void *owner, char *out, size_t size);

/* Java properties text: key=value, key:value, #!comments, \ continuations and
 * escapes. Changes the text; text[size] is a 0 byte. each() answering != 0
 * stops and is the answer. */
typedef int kb_property_fn(void *ctx, const char *key, const char *value, int line,
                           struct kb_error *err);
int kb_properties_parse(char *text, size_t size, kb_property_fn *each, void *ctx,
                        struct kb_error *err);

#endif
