/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_REGEX_PARSER_H
#define KB_REGEX_PARSER_H
/* Reading a pattern; for base/regex_*.c alone. What takes something answers 0
 * or the code of an error that is set. */
#include "base/regex_program.h"

enum {
    KB_REGEX_FOLD = 1,  /* i: letters of either case */
    KB_REGEX_LINES = 2, /* m: ^ and $ also at newlines */
    KB_REGEX_ALL = 4,   /* s: . is a newline too */
    KB_REGEX_LAZY = 8,  /* U: for the whole name, the same */
};

struct kb_regex_parser {
    struct kb_slice pattern;
    size_t at; /* not read yet */
    unsigned flags;
    bool quoted; /* between \Q and \E */
    int depth;
    struct kb_regex *regex;
    struct kb_error *err;
};

static inline bool kb_regex_more(const struct kb_regex_parser *parser)
{
    return parser->at < parser->pattern.size;
}

/* The byte that is next, or -1. */
static inline int kb_regex_peek(const struct kb_regex_parser *parser)
{
    return kb_regex_more(parser) ? parser->pattern.data[parser->at] : -1;
}

static inline bool kb_regex_sees(const struct kb_regex_parser *parser, const char *text)
{
    size_t size = strlen(text);
    return parser->pattern.size - parser->at >= size &&
           !memcmp(parser->pattern.data + parser->at, text, size);
}

/* Steps over the text if it is next. */
static inline bool kb_regex_skip(struct kb_regex_parser *parser, const char *text)
{
    if (!kb_regex_sees(parser, text))
        return false;
    parser->at += strlen(text);
    return true;
}

/* INVALID_REGULAR_EXPRESSION: what is wrong, with the byte at which it is. */
int kb_regex_fail(struct kb_regex_parser *parser, size_t at, const char *what);

/* Behind the '[': up to and with the ']'. */
int kb_regex_take_class(struct kb_regex_parser *parser, struct kb_regex_set *set);
/* Behind a '\': whether a class of that letter is next (d D s S w W), taken then. */
bool kb_regex_take_letter(struct kb_regex_parser *parser, struct kb_regex_set *set);
/* Behind a '\': one byte that is written in another way. */
int kb_regex_take_escape(struct kb_regex_parser *parser, uint8_t *byte);
/* Adds the other case of each letter. */
void kb_regex_fold(struct kb_regex_set *set);
void kb_regex_invert(struct kb_regex_set *set);

#endif
