/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_REGEX_PROGRAM_H
#define KB_REGEX_PROGRAM_H
/*
 * What a pattern becomes; for base/regex*.c alone. A fragment (what a part of
 * the pattern becomes) is a run of steps that is entered at its first one and
 * left behind its last one. It jumps by distances and only within itself or to
 * its end, so that it may be copied and moved.
 */
#include "base/regex.h"

enum kb_regex_op {
    KB_REGEX_BYTE,   /* this byte, then the next step */
    KB_REGEX_SET,    /* a byte of this set, then the next step */
    KB_REGEX_SPLIT,  /* the next step, and also the one `distance` away */
    KB_REGEX_JUMP,   /* the one `distance` away */
    KB_REGEX_ASSERT, /* the next step, if this place is such */
    KB_REGEX_ACCEPT, /* all of it, if this is the end of the name */
};

enum kb_regex_place {
    KB_REGEX_TEXT_START,
    KB_REGEX_TEXT_END,
    KB_REGEX_LINE_START,
    KB_REGEX_LINE_END,
    KB_REGEX_WORD_EDGE,
    KB_REGEX_WORD_INSIDE, /* or outside: no edge */
};

struct kb_regex_step {
    uint8_t op;
    uint8_t arg; /* the byte, which set, which place */
    int16_t distance;
};

struct kb_regex_set {
    uint64_t bits[4];
};

enum { KB_REGEX_SETS_MAX = 256 }; /* distinct ones */

/* Steps that wait for a byte. */
struct kb_regex_front {
    uint16_t *steps;
    int count;
};

struct kb_regex {
    struct kb_regex_step *steps;
    struct kb_regex_set *sets;
    int count, capacity;
    int set_count, set_capacity;
    /* While matching: where the machine stands before and after a byte, what
     * is still to be followed, and in which turn a step was last seen. */
    struct kb_regex_front here, there;
    uint16_t *open, *lists; /* lists holds the memory of all three */
    uint32_t *seen, turn;
};

/* Without what matching needs. */
int kb_regex_compile(struct kb_slice pattern, struct kb_regex *regex, struct kb_error *err);

static inline bool kb_regex_set_has(const struct kb_regex_set *set, uint8_t byte)
{
    return set->bits[byte >> 6] >> (byte & 63) & 1;
}

static inline void kb_regex_set_add(struct kb_regex_set *set, uint8_t byte)
{
    set->bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

#endif
