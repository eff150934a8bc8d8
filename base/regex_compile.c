/* SPDX-License-Identifier: Apache-2.0 */
/* From a pattern to its program, in one pass by descent. */
#include "base/mem.h"
#include "base/regex_parser.h"

enum {
    REPEAT_MAX = 1000, /* of {n,m}, as in RE2 */
    WITHOUT_END = -1,
};

int kb_regex_fail(struct kb_regex_parser *parser, size_t at, const char *what)
{
    return kb_error_set(parser->err, KB_E_INVALID_REGULAR_EXPRESSION,
                        "the regular expression, at byte %zu: %s", at + 1, what);
}

static int no_memory(struct kb_regex_parser *parser)
{
    return kb_error_set(parser->err, KB_E_NO_MEMORY, "no memory for a regular expression");
}

/* ---- Steps ---- */

static int grow_steps(struct kb_regex_parser *parser)
{
    struct kb_regex *regex = parser->regex;
    int capacity = regex->capacity ? 2 * regex->capacity : 32;
    struct kb_regex_step *steps = kb_realloc(regex->steps, (size_t)capacity * sizeof *regex->steps);
    if (!steps)
        return no_memory(parser);
    regex->steps = steps;
    regex->capacity = capacity;
    return 0;
}

static int emit(struct kb_regex_parser *parser, enum kb_regex_op op, uint8_t arg, int distance)
{
    struct kb_regex *regex = parser->regex;
    if (regex->count == KB_REGEX_STEPS_MAX)
        return kb_regex_fail(parser, parser->at, "too large with its repetitions written out");
    int rc = regex->count == regex->capacity ? grow_steps(parser) : 0;
    if (!rc)
        regex->steps[regex->count++] = (struct kb_regex_step){(uint8_t)op, arg, (int16_t)distance};
    return rc;
}

/* Before the fragment that begins there. */
static int insert_split(struct kb_regex_parser *parser, int at, int distance)
{
    int rc = emit(parser, KB_REGEX_SPLIT, 0, distance);
    if (rc)
        return rc;
    struct kb_regex_step *steps = parser->regex->steps + at;
    struct kb_regex_step split = parser->regex->steps[parser->regex->count - 1];
    memmove(steps + 1, steps, (size_t)(parser->regex->count - 1 - at) * sizeof *steps);
    *steps = split;
    return 0;
}

static int emit_copy(struct kb_regex_parser *parser, int start, int size)
{
    int rc = 0;
    for (int i = start; i < start + size && !rc; i++) {
        struct kb_regex_step step = parser->regex->steps[i];
        rc = emit(parser, step.op, step.arg, step.distance);
    }
    return rc;
}

static int find_set(const struct kb_regex *regex, const struct kb_regex_set *set)
{
    int i = 0;
    while (i < regex->set_count && memcmp(&regex->sets[i], set, sizeof *set) != 0)
        i++;
    return i;
}

static int emit_set(struct kb_regex_parser *parser, const struct kb_regex_set *set)
{
    struct kb_regex *regex = parser->regex;
    int i = find_set(regex, set);
    if (i == KB_REGEX_SETS_MAX)
        return kb_regex_fail(parser, parser->at, "too many different classes");
    if (i == regex->set_count) {
        struct kb_regex_set *sets = kb_realloc(regex->sets, (size_t)(i + 1) * sizeof *sets);
        if (!sets)
            return no_memory(parser);
        regex->sets = sets;
        sets[regex->set_count++] = *set;
    }
    return emit(parser, KB_REGEX_SET, (uint8_t)i, 0);
}

/* ---- One of a kind ---- */

static bool is_letter(uint8_t byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static int emit_byte(struct kb_regex_parser *parser, uint8_t byte)
{
    if (!(parser->flags & KB_REGEX_FOLD) || !is_letter(byte))
        return emit(parser, KB_REGEX_BYTE, byte, 0);
    struct kb_regex_set set = {{0}};
    kb_regex_set_add(&set, byte);
    kb_regex_fold(&set);
    return emit_set(parser, &set);
}

/* As it stands there; a character beyond ASCII with all its bytes. */
static int take_literal(struct kb_regex_parser *parser)
{
    int rc = emit_byte(parser, parser->pattern.data[parser->at++]);
    while (!rc && kb_regex_more(parser) && (kb_regex_peek(parser) & 0xc0) == 0x80)
        rc = emit_byte(parser, parser->pattern.data[parser->at++]);
    return rc;
}

static int take_any(struct kb_regex_parser *parser)
{
    struct kb_regex_set set = {{0}};
    if (!(parser->flags & KB_REGEX_ALL))
        kb_regex_set_add(&set, '\n');
    kb_regex_invert(&set);
    return emit_set(parser, &set);
}

static int take_set(struct kb_regex_parser *parser)
{
    struct kb_regex_set set;
    int rc = kb_regex_take_class(parser, &set);
    return rc ? rc : emit_set(parser, &set);
}

static int take_backslash(struct kb_regex_parser *parser)
{
    static const struct {
        const char *letter;
        enum kb_regex_place place;
    } places[] = {
        {"A", KB_REGEX_TEXT_START},
        {"z", KB_REGEX_TEXT_END},
        {"b", KB_REGEX_WORD_EDGE},
        {"B", KB_REGEX_WORD_INSIDE},
    };
    struct kb_regex_set set;
    uint8_t byte = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (kb_regex_skip(parser, places[i].letter))
            return emit(parser, KB_REGEX_ASSERT, (uint8_t)places[i].place, 0);
    if (kb_regex_take_letter(parser, &set))
        return emit_set(parser, &set);
    int rc = kb_regex_take_escape(parser, &byte);
    return rc ? rc : emit_byte(parser, byte);
}

static int take_line_edge(struct kb_regex_parser *parser, int edge)
{
    bool lines = parser->flags & KB_REGEX_LINES, start = edge == '^';
    enum kb_regex_place place = start ? (lines ? KB_REGEX_LINE_START : KB_REGEX_TEXT_START)
                                      : (lines ? KB_REGEX_LINE_END : KB_REGEX_TEXT_END);
    return emit(parser, KB_REGEX_ASSERT, (uint8_t)place, 0);
}

/* ---- Groups ---- */

static int take_choice(struct kb_regex_parser *parser);

static int take_group_name(struct kb_regex_parser *parser)
{
    size_t start = parser->at;
    while (kb_regex_more(parser) && kb_regex_peek(parser) != '>') {
        int c = kb_regex_peek(parser);
        if (!(c >= '0' && c <= '9') && !(c < 0x80 && is_letter((uint8_t)c)) && c != '_')
            break;
        parser->at++;
    }
    if (parser->at == start || !kb_regex_skip(parser, ">"))
        return kb_regex_fail(parser, start, "not a name for a group");
    return 0;
}

/* "i-s" before a ':' or a ')': what is on, then what is off. */
static int take_flags(struct kb_regex_parser *parser)
{
    static const char letters[] = "imsU"; /* in the order of their bits */
    size_t start = parser->at;
    bool off = false;
    for (;; parser->at++) {
        int c = kb_regex_peek(parser);
        const char *letter = c > 0 ? strchr(letters, c) : NULL;
        if (c == ':' || c == ')')
            return parser->at > start || c == ':' ? 0
                                                  : kb_regex_fail(parser, start, "no flags in (?)");
        if (c == '-' && !off)
            off = true;
        else if (!letter)
            return kb_regex_fail(parser, start, "not a group that is known here");
        else if (off)
            parser->flags &= ~(1u << (letter - letters));
        else
            parser->flags |= 1u << (letter - letters);
    }
}

/* What stands in the group; the flags set in there end with it. */
static int take_inside(struct kb_regex_parser *parser, size_t start, unsigned flags_outside)
{
    if (parser->depth == KB_REGEX_DEPTH_MAX)
        return kb_regex_fail(parser, start, "too many groups in groups");
    parser->depth++;
    int rc = take_choice(parser);
    parser->depth--;
    parser->flags = flags_outside;
    if (!rc && !kb_regex_skip(parser, ")"))
        rc = kb_regex_fail(parser, start, "a ( without its )");
    return rc;
}

/* Behind the '('. Only flags: there is nothing that could be repeated. */
static int take_group(struct kb_regex_parser *parser, bool *only_flags)
{
    size_t start = parser->at - 1;
    unsigned flags = parser->flags;
    int rc = 0;
    if (kb_regex_sees(parser, "?<=") || kb_regex_sees(parser, "?<!"))
        return kb_regex_fail(parser, start, "looks behind are not known");
    if (kb_regex_skip(parser, "?P<") || kb_regex_skip(parser, "?<"))
        rc = take_group_name(parser);
    else if (kb_regex_skip(parser, "?")) {
        rc = take_flags(parser);
        *only_flags = !rc && kb_regex_sees(parser, ")");
        if (!rc)
            parser->at++;
    }
    return rc || *only_flags ? rc : take_inside(parser, start, flags);
}

/* ---- Repetition ---- */

static bool take_count(struct kb_regex_parser *parser, int *count)
{
    size_t start = parser->at;
    *count = 0;
    for (int c; (c = kb_regex_peek(parser)) >= '0' && c <= '9'; parser->at++)
        if (*count <= REPEAT_MAX)
            *count = 10 * *count + (c - '0');
    return parser->at > start;
}

/* {3} {3,} {3,9}; anything else that begins so is read as it stands. */
static bool take_braces(struct kb_regex_parser *parser, int *least, int *most)
{
    size_t start = parser->at;
    if (kb_regex_skip(parser, "{") && take_count(parser, least)) {
        *most = *least;
        if (kb_regex_skip(parser, ",") && !take_count(parser, most))
            *most = WITHOUT_END;
        if (kb_regex_skip(parser, "}"))
            return true;
    }
    parser->at = start;
    return false;
}

static bool take_repetition(struct kb_regex_parser *parser, int *least, int *most)
{
    if (parser->quoted)
        return false;
    *least = kb_regex_sees(parser, "+") ? 1 : 0;
    *most = kb_regex_sees(parser, "?") ? 1 : WITHOUT_END;
    return kb_regex_skip(parser, "*") || kb_regex_skip(parser, "+") || kb_regex_skip(parser, "?") ||
           take_braces(parser, least, most);
}

/* The fragment at the end, once more or not at all, and so on without end. */
static int emit_loop(struct kb_regex_parser *parser, int start, int size, int least)
{
    if (least > 0) /* the last of them may come again */
        return emit(parser, KB_REGEX_SPLIT, 0, -size);
    int rc = insert_split(parser, start, size + 2);
    return rc ? rc : emit(parser, KB_REGEX_JUMP, 0, -(size + 1));
}

/* So many more, each of which may be left out with all behind it. */
static int emit_optional(struct kb_regex_parser *parser, int body, int size, int count)
{
    int rc = 0;
    for (; count > 0 && !rc; count--) {
        rc = emit(parser, KB_REGEX_SPLIT, 0, count * (size + 1));
        if (!rc)
            rc = emit_copy(parser, body, size);
    }
    return rc;
}

static int repeat(struct kb_regex_parser *parser, int start, int least, int most)
{
    int size = parser->regex->count - start, rc = 0;
    if (most == 0) {
        parser->regex->count = start;
        return 0;
    }
    for (int i = 1; i < least && !rc; i++)
        rc = emit_copy(parser, start, size);
    if (rc)
        return rc;
    if (most == WITHOUT_END)
        return emit_loop(parser, start, size, least);
    if (least > 0)
        return emit_optional(parser, start, size, most - least);
    rc = insert_split(parser, start, most * (size + 1));
    return rc ? rc : emit_optional(parser, start + 1, size, most - 1);
}

static int take_repeated(struct kb_regex_parser *parser, int start, bool nothing)
{
    size_t at = parser->at;
    int least, most;
    if (!take_repetition(parser, &least, &most))
        return 0;
    if (nothing)
        return kb_regex_fail(parser, at, "nothing that could be repeated");
    if (least > REPEAT_MAX || most > REPEAT_MAX)
        return kb_regex_fail(parser, at, "at most 1000 times");
    if (most != WITHOUT_END && most < least)
        return kb_regex_fail(parser, at, "a repetition that ends before it begins");
    kb_regex_skip(parser, "?"); /* lazy: for the whole name, the same */
    int rc = repeat(parser, start, least, most);
    if (!rc && take_repetition(parser, &least, &most))
        rc = kb_regex_fail(parser, at, "a repetition of a repetition");
    return rc;
}

/* ---- Pieces, rows of them, choices between rows ---- */

static int take_piece(struct kb_regex_parser *parser, bool *nothing)
{
    int c = kb_regex_peek(parser);
    if (parser->quoted)
        return take_literal(parser);
    switch (c) {
    case '(':
        parser->at++;
        return take_group(parser, nothing);
    case '[':
        parser->at++;
        return take_set(parser);
    case '.':
        parser->at++;
        return take_any(parser);
    case '\\':
        parser->at++;
        return take_backslash(parser);
    case '^':
    case '$':
        parser->at++;
        return take_line_edge(parser, c);
    default:
        return take_literal(parser);
    }
}

/* Where something is to be, there may stand what repeats nothing. */
static bool repeats_nothing(const struct kb_regex_parser *parser)
{
    struct kb_regex_parser ahead = *parser;
    int least, most;
    return take_repetition(&ahead, &least, &most);
}

static int take_row(struct kb_regex_parser *parser)
{
    int rc = 0;
    while (!rc && kb_regex_more(parser)) {
        bool nothing = false;
        int start = parser->regex->count;
        if (!parser->quoted && (kb_regex_sees(parser, "|") || kb_regex_sees(parser, ")")))
            break;
        if (!parser->quoted && kb_regex_skip(parser, "\\Q"))
            parser->quoted = nothing = true;
        else if (repeats_nothing(parser))
            rc = kb_regex_fail(parser, parser->at, "nothing that could be repeated");
        else
            rc = take_piece(parser, &nothing);
        if (parser->quoted && kb_regex_skip(parser, "\\E"))
            parser->quoted = false;
        if (!rc)
            rc = take_repeated(parser, start, nothing);
    }
    return rc;
}

/* Each row but the last: split, row, jump to the end, which is not known yet:
 * until then a jump's distance names the jump before it. */
static int take_choice(struct kb_regex_parser *parser)
{
    struct kb_regex *regex = parser->regex;
    int start = regex->count, jump = -1;
    int rc = take_row(parser);
    while (!rc && kb_regex_skip(parser, "|")) {
        rc = insert_split(parser, start, regex->count - start + 2);
        if (!rc)
            rc = emit(parser, KB_REGEX_JUMP, 0, jump);
        jump = regex->count - 1;
        start = regex->count;
        if (!rc)
            rc = take_row(parser);
    }
    while (!rc && jump >= 0) {
        int before = regex->steps[jump].distance;
        regex->steps[jump].distance = (int16_t)(regex->count - jump);
        jump = before;
    }
    return rc;
}

int kb_regex_compile(struct kb_slice pattern, struct kb_regex *regex, struct kb_error *err)
{
    struct kb_regex_parser parser = {.pattern = pattern, .regex = regex, .err = err};
    int rc = take_choice(&parser);
    if (!rc && kb_regex_more(&parser))
        rc = kb_regex_fail(&parser, parser.at, "a ) without its (");
    return rc ? rc : emit(&parser, KB_REGEX_ACCEPT, 0, 0);
}
