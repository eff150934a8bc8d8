/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H
/*
 * Rows of cells, added from left to right: columns as wide as their widest cell,
 * or with -J an array of objects. A row ends by itself. Text is copied.
 */
#include "cli/cli.h"

struct column {
    const char *head; /* '>' in front: set to the right */
    const char *key;  /* in JSON */
};

enum { LISTING_COLUMNS = 12 };

struct listing {
    struct out *out;
    bool as_json;
    struct js json;
    const struct column *columns;
    size_t column_count, cells, capacity;
    char **cell;
    bool failed; /* no memory: listing_end says so */
};

/* A column without a head ends them. */
void listing_begin(struct listing *listing, const struct args *args, const struct column *columns);
void listing_text(struct listing *listing, const char *text); /* NULL: "-", null */
void listing_number(struct listing *listing, int64_t value);  /* -1: "-" */
void listing_bool(struct listing *listing, bool value);
/* Prints what was held back, and forgets it. */
void listing_end(struct listing *listing);

#endif
