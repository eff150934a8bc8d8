/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_REGEX_H
#define KB_REGEX_H
/*
 * Regular expressions over names of topics: RE2's syntax, the whole name or
 * nothing. A pattern becomes a program for a machine that stands at many
 * steps at once (Thompson 1968), so that no pattern and no name take more than
 * (bytes of the name + 1) x (steps of the program) moves, and nothing is ever
 * tried twice. That is why it is ours: what libraries in C offer goes back and
 * forth, and knows another syntax.
 *
 *     x . [a-z] [^a-z] [[:alpha:]] [[:^alpha:]]     one byte
 *     \d \D \s \S \w \W                             also inside [ ]
 *     \a \f \n \r \t \v \012 \x2d \x{2d} \. \Q..\E  as they are in RE2
 *     xy  x|y                                       one after the other, either
 *     x* x+ x? x{3} x{3,} x{3,9}                    up to 1000 times; lazy with ?
 *     (x) (?:x) (?P<name>x) (?<name>x)              a group; nothing is captured
 *     (?ims) (?i-s:x)                               flags: i m s U
 *     ^ $ \A \z \b \B                               at this place
 *
 * Names are bytes: one beyond ASCII stands for itself outside of [ ], Unicode
 * classes (\p) are refused. So are, as in RE2, back references and looks ahead.
 *
 * One thread at a time: matching uses memory of the regex, and allocates none.
 */
#include "base/error.h"
#include "base/slice.h"

enum {
    KB_REGEX_STEPS_MAX = 8192, /* of a program, after repetitions are written out */
    KB_REGEX_DEPTH_MAX = 100,  /* of groups in groups */
};

struct kb_regex;

/* INVALID_REGULAR_EXPRESSION with words that say what and where, _NO_MEMORY;
 * the caller frees what is put into out. */
int kb_regex_new(struct kb_slice pattern, struct kb_regex **out, struct kb_error *err);
void kb_regex_free(struct kb_regex *regex); /* NULL is fine */
/* Whether it matches the whole of the name. */
bool kb_regex_match(struct kb_regex *regex, struct kb_slice name);
/* Steps of its program: what a match costs for each byte at most, so that a
 * loop with many names can tell how many to take in one go. */
int kb_regex_steps(const struct kb_regex *regex);

#endif
