/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regex.h"

#include "base/mem.h"
#include "base/regex_program.h"

/* ---- Making and freeing ---- */

static bool make_room(struct kb_regex *regex)
{
    size_t steps = (size_t)regex->count;
    regex->lists = kb_malloc(3 * steps * sizeof *regex->lists);
    regex->seen = kb_calloc(steps, sizeof *regex->seen);
    if (!regex->lists || !regex->seen)
        return false;
    regex->here = (struct kb_regex_front){regex->lists, 0};
    regex->there = (struct kb_regex_front){regex->lists + steps, 0};
    regex->open = regex->lists + 2 * steps;
    return true;
}

int kb_regex_new(struct kb_slice pattern, struct kb_regex **out, struct kb_error *err)
{
    *out = NULL;
    struct kb_regex *regex = KB_NEW(struct kb_regex);
    if (!regex)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory for a regular expression");
    int rc = kb_regex_compile(pattern, regex, err);
    if (!rc && !make_room(regex))
        rc = kb_error_set(err, KB_E_NO_MEMORY, "no memory for a regular expression");
    if (rc) {
        kb_regex_free(regex);
        return rc;
    }
    *out = regex;
    return 0;
}

void kb_regex_free(struct kb_regex *regex)
{
    if (!regex)
        return;
    kb_free(regex->steps);
    kb_free(regex->sets);
    kb_free(regex->lists);
    kb_free(regex->seen);
    kb_free(regex);
}

int kb_regex_steps(const struct kb_regex *regex)
{
    return regex->count;
}

/* ---- Matching ---- */

static bool is_word(struct kb_slice name, size_t at)
{
    if (at >= name.size) /* also before the first: (size_t)-1 */
        return false;
    uint8_t byte = name.data[at];
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte == '_';
}

static bool place_is(uint8_t place, struct kb_slice name, size_t at)
{
    bool edge = is_word(name, at - 1) != is_word(name, at);
    switch ((enum kb_regex_place)place) {
    case KB_REGEX_TEXT_START:
        return at == 0;
    case KB_REGEX_TEXT_END:
        return at == name.size;
    case KB_REGEX_LINE_START:
        return at == 0 || name.data[at - 1] == '\n';
    case KB_REGEX_LINE_END:
        return at == name.size || name.data[at] == '\n';
    case KB_REGEX_WORD_EDGE:
        return edge;
    case KB_REGEX_WORD_INSIDE:
        return !edge;
    }
    return false;
}

static void open_step(struct kb_regex *regex, size_t *depth, int step)
{
    if (regex->seen[step] == regex->turn)
        return;
    regex->seen[step] = regex->turn;
    regex->open[(*depth)++] = (uint16_t)step;
}

/* The step and all that can be reached from it without a byte. */
static void enter(struct kb_regex *regex, struct kb_regex_front *front, int first,
                  struct kb_slice name, size_t at)
{
    size_t depth = 0;
    open_step(regex, &depth, first);
    while (depth > 0) {
        int i = regex->open[--depth];
        const struct kb_regex_step *step = &regex->steps[i];
        if (step->op == KB_REGEX_JUMP || step->op == KB_REGEX_SPLIT)
            open_step(regex, &depth, i + step->distance);
        if (step->op == KB_REGEX_SPLIT ||
            (step->op == KB_REGEX_ASSERT && place_is(step->arg, name, at)))
            open_step(regex, &depth, i + 1);
        if (step->op == KB_REGEX_BYTE || step->op == KB_REGEX_SET || step->op == KB_REGEX_ACCEPT)
            front->steps[front->count++] = (uint16_t)i;
    }
}

static bool takes(const struct kb_regex *regex, const struct kb_regex_step *step, uint8_t byte)
{
    if (step->op == KB_REGEX_SET)
        return kb_regex_set_has(&regex->sets[step->arg], byte);
    return step->op == KB_REGEX_BYTE && step->arg == byte;
}

static void next_turn(struct kb_regex *regex)
{
    if (++regex->turn == 0) { /* once in four billion bytes */
        memset(regex->seen, 0, (size_t)regex->count * sizeof *regex->seen);
        regex->turn = 1;
    }
}

static void advance(struct kb_regex *regex, struct kb_slice name, size_t at)
{
    struct kb_regex_front before = regex->here;
    next_turn(regex);
    regex->there.count = 0;
    for (int i = 0; i < before.count; i++) {
        int step = before.steps[i];
        if (takes(regex, &regex->steps[step], name.data[at]))
            enter(regex, &regex->there, step + 1, name, at + 1);
    }
    regex->here = regex->there;
    regex->there = before;
}

bool kb_regex_match(struct kb_regex *regex, struct kb_slice name)
{
    next_turn(regex);
    regex->here.count = 0;
    enter(regex, &regex->here, 0, name, 0);
    for (size_t at = 0; at < name.size && regex->here.count > 0; at++)
        advance(regex, name, at);
    for (int i = 0; i < regex->here.count; i++)
        if (regex->steps[regex->here.steps[i]].op == KB_REGEX_ACCEPT)
            return true;
    return false;
}
