/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of bytes in a pattern, and the ways to write one byte. */
#include "base/regex_parser.h"

void kb_regex_invert(struct kb_regex_set *set)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
}

void kb_regex_fold(struct kb_regex_set *set)
{
    for (uint8_t upper = 'A'; upper <= 'Z'; upper++) {
        uint8_t lower = upper | 0x20;
        if (kb_regex_set_has(set, upper) || kb_regex_set_has(set, lower)) {
            kb_regex_set_add(set, upper);
            kb_regex_set_add(set, lower);
        }
    }
}

static void add_range(struct kb_regex_set *set, unsigned first, unsigned last)
{
    for (unsigned byte = first; byte <= last; byte++)
        kb_regex_set_add(set, (uint8_t)byte);
}

static void unite(struct kb_regex_set *set, const struct kb_regex_set *other)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] |= other->bits[i];
}

/* ---- Sets that have a name ---- */

struct named_set {
    const char *name;
    uint8_t ranges[4][2]; /* up to the first that ends in 0 */
};

/* clang-format off */
static const struct named_set posix_sets[] = {
    {"[:alnum:]", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"[:alpha:]", {{'A', 'Z'}, {'a', 'z'}}},
    {"[:ascii:]", {{0, 0x7f}}},
    {"[:blank:]", {{'\t', '\t'}, {' ', ' '}}},
    {"[:cntrl:]", {{0, 0x1f}, {0x7f, 0x7f}}},
    {"[:digit:]", {{'0', '9'}}},
    {"[:graph:]", {{'!', '~'}}},
    {"[:lower:]", {{'a', 'z'}}},
    {"[:print:]", {{' ', '~'}}},
    {"[:punct:]", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"[:space:]", {{'\t', '\r'}, {' ', ' '}}},
    {"[:upper:]", {{'A', 'Z'}}},
    {"[:word:]", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}}},
    {"[:xdigit:]", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
};
static const struct named_set letter_sets[] = {
    {"d", {{'0', '9'}}},
    {"s", {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}},
    {"w", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}}},
};
/* clang-format on */

static struct kb_regex_set named(const struct named_set *row)
{
    struct kb_regex_set set = {{0}};
    for (int i = 0; i < 4 && row->ranges[i][1]; i++)
        add_range(&set, row->ranges[i][0], row->ranges[i][1]);
    return set;
}

bool kb_regex_take_letter(struct kb_regex_parser *parser, struct kb_regex_set *set)
{
    int letter = kb_regex_peek(parser);
    for (size_t i = 0; i < sizeof letter_sets / sizeof *letter_sets; i++) {
        const struct named_set *row = &letter_sets[i];
        if ((letter | 0x20) != row->name[0])
            continue;
        *set = named(row);
        if (letter != row->name[0]) /* a capital: all but these */
            kb_regex_invert(set);
        parser->at++;
        return true;
    }
    return false;
}

/* [:name:] or [:^name:] inside of a class. */
static int take_posix(struct kb_regex_parser *parser, struct kb_regex_set *set)
{
    size_t start = parser->at;
    bool inverted = kb_regex_skip(parser, "[:^");
    parser->at = start + (inverted ? 3 : 2);
    for (size_t i = 0; i < sizeof posix_sets / sizeof *posix_sets; i++) {
        if (!kb_regex_skip(parser, posix_sets[i].name + 2))
            continue;
        *set = named(&posix_sets[i]);
        if (inverted)
            kb_regex_invert(set);
        return 0;
    }
    return kb_regex_fail(parser, start, "no class has this name");
}

/* ---- One byte, written in another way ---- */

static int digit_of(int c, unsigned base)
{
    int value = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' ? (c | 0x20) - 'a' + 10 : 99;
    return c >= 0 && value < (int)base ? value : -1;
}

/* Up to so many digits; how many there were. */
static int take_number(struct kb_regex_parser *parser, unsigned base, int most, unsigned *value)
{
    int count = 0;
    for (*value = 0; count < most; count++) {
        int digit = digit_of(kb_regex_peek(parser), base);
        if (digit < 0)
            break;
        *value = *value * base + (unsigned)digit;
        parser->at++;
    }
    return count;
}

static int take_hex(struct kb_regex_parser *parser, uint8_t *byte)
{
    size_t start = parser->at;
    unsigned value;
    bool braces = kb_regex_skip(parser, "{");
    int digits = take_number(parser, 16, braces ? 6 : 2, &value);
    if (digits < (braces ? 1 : 2) || (braces && !kb_regex_skip(parser, "}")))
        return kb_regex_fail(parser, start, "\\x wants two hexadecimal digits, or some in braces");
    if (value > 0x7f)
        return kb_regex_fail(parser, start, "names are of ASCII; this is beyond");
    *byte = (uint8_t)value;
    return 0;
}

/* \0, \012, \123; \1 alone would look back. */
static int take_octal(struct kb_regex_parser *parser, uint8_t *byte)
{
    size_t start = parser->at;
    bool zero = kb_regex_peek(parser) == '0';
    unsigned value;
    int digits = take_number(parser, 8, 3, &value);
    if (digits < 2 && !zero)
        return kb_regex_fail(parser, start, "back references are not known");
    if (value > 0x7f)
        return kb_regex_fail(parser, start, "names are of ASCII; this is beyond");
    *byte = (uint8_t)value;
    return 0;
}

static bool is_letter_or_digit(int c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

int kb_regex_take_escape(struct kb_regex_parser *parser, uint8_t *byte)
{
    static const char letters[] = "afnrtv", meanings[] = "\a\f\n\r\t\v";
    int c = kb_regex_peek(parser);
    if (c < 0)
        return kb_regex_fail(parser, parser->at, "nothing behind the backslash");
    if (c >= '0' && c <= '9')
        return take_octal(parser, byte);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c == 'p' || c == 'P')
        return kb_regex_fail(parser, parser->at, "classes of Unicode are not known");
    if (c != 'x' && !letter && (is_letter_or_digit(c) || c > 0x7f))
        return kb_regex_fail(parser, parser->at, "not a letter that means something behind \\");
    parser->at++;
    if (c == 'x')
        return take_hex(parser, byte);
    *byte = letter ? (uint8_t)meanings[letter - letters] : (uint8_t)c;
    return 0;
}

/* ---- [ ] ---- */

static int take_bound(struct kb_regex_parser *parser, uint8_t *byte)
{
    if (kb_regex_skip(parser, "\\"))
        return kb_regex_take_escape(parser, byte);
    int c = kb_regex_peek(parser);
    if (c < 0)
        return kb_regex_fail(parser, parser->at, "a [ without its ]");
    if (c > 0x7f)
        return kb_regex_fail(parser, parser->at, "names are of ASCII; this is beyond");
    *byte = (uint8_t)c;
    parser->at++;
    return 0;
}

/* "a", or "a-z" unless the dash is the last of the class. */
static int take_range(struct kb_regex_parser *parser, struct kb_regex_set *set)
{
    size_t start = parser->at;
    uint8_t first, last;
    int rc = take_bound(parser, &first);
    last = rc ? 0 : first;
    if (!rc && kb_regex_sees(parser, "-") && !kb_regex_sees(parser, "-]")) {
        parser->at++;
        rc = take_bound(parser, &last);
    }
    if (rc)
        return rc;
    if (last < first)
        return kb_regex_fail(parser, start, "a range that ends before it begins");
    add_range(set, first, last);
    return 0;
}

static int take_member(struct kb_regex_parser *parser, struct kb_regex_set *set)
{
    struct kb_regex_set some;
    if (kb_regex_sees(parser, "[:")) {
        int rc = take_posix(parser, &some);
        if (!rc)
            unite(set, &some);
        return rc;
    }
    size_t start = parser->at;
    if (kb_regex_skip(parser, "\\") && kb_regex_take_letter(parser, &some)) {
        unite(set, &some);
        return 0;
    }
    parser->at = start;
    return take_range(parser, set);
}

int kb_regex_take_class(struct kb_regex_parser *parser, struct kb_regex_set *set)
{
    size_t start = parser->at;
    bool inverted = kb_regex_skip(parser, "^");
    bool first = true; /* a ] that comes first is one of them */
    *set = (struct kb_regex_set){{0}};
    while (first || !kb_regex_sees(parser, "]")) {
        if (!kb_regex_more(parser))
            return kb_regex_fail(parser, start, "a [ without its ]");
        int rc = take_member(parser, set);
        if (rc)
            return rc;
        first = false;
    }
    parser->at++;
    if (parser->flags & KB_REGEX_FOLD)
        kb_regex_fold(set);
    if (inverted)
        kb_regex_invert(set);
    return 0;
}
