/* SPDX-License-Identifier: Apache-2.0 */
/* A group's page, made of the tables in the language of man(7). */
#include "cli/help.h"
#include <ctype.h>
#include <string.h>

static void put(struct out *out, const char *text, size_t size)
{
    if (size && (*text == '.' || *text == '\''))
        out_text(out, "\\&");
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '-')
            out_text(out, "\\-");
        else if (text[i] == '\\')
            out_text(out, "\\e");
        else
            out_char(out, text[i]);
    }
}

static void words(struct out *out, const char *text)
{
    put(out, text, strlen(text));
}

/* Paragraphs are cut at an empty line. */
static void paragraphs(struct out *out, const char *text)
{
    while (text) {
        const char *end = strstr(text, "\n\n");
        out_text(out, ".PP\n");
        put(out, text, end ? (size_t)(end - text) : strlen(text));
        out_char(out, '\n');
        text = end ? end + 2 : NULL;
    }
}

static void flag(struct out *out, const struct flag *row)
{
    char letter[] = {'-', row->letter, '\0'};
    out_text(out, ".TP\n.B ");
    if (row->letter) {
        words(out, letter);
        out_text(out, "\\fR, \\fB");
    }
    out_text(out, "\\-\\-");
    words(out, row->name);
    if (row->value) {
        out_text(out, " \\fI");
        words(out, row->value);
        out_text(out, "\\fR");
    }
    out_char(out, '\n');
    words(out, row->doc);
    out_char(out, '\n');
}

static void synopsis(struct out *out, const struct command *command)
{
    out_text(out, ".B kurier ");
    words(out, command->name);
    out_text(out, "\n[\\fIFLAG\\fR]...");
    if (command->traits & NEEDS_TOPIC)
        out_text(out, " \\fB\\-t\\fR \\fITOPIC\\fR");
    out_text(out, " \\fI");
    words(out, command->operands);
    out_text(out, "\\fR\n.br\n");
}

static void sentence(struct out *out, const char *text)
{
    out_char(out, (char)toupper((unsigned char)*text));
    words(out, text + 1);
    out_text(out, ".\n");
}

enum which { OWN_FLAGS = 1, COMMON_FLAGS = 2 };

static void flags(struct out *out, const struct command *command, unsigned which)
{
    const struct flag *rows[FLAGS_MAX];
    size_t n = args_flags(command, rows);
    for (size_t i = 0; i < n; i++)
        if (which & (flag_is_common(rows[i], command) ? COMMON_FLAGS : OWN_FLAGS))
            flag(out, rows[i]);
}

static void describe(struct out *out, const struct command *command)
{
    sentence(out, command->doc);
    if (command->about)
        paragraphs(out, command->about);
}

/* Flags that all of them have are told once, behind them. */
static void sections(struct out *out, const struct group *group)
{
    for (size_t i = 0; group->commands[i]; i++) {
        out_text(out, ".SH kurier ");
        words(out, group->commands[i]->name);
        out_char(out, '\n');
        describe(out, group->commands[i]);
        flags(out, group->commands[i], OWN_FLAGS);
    }
    out_text(out, ".SH FLAGS OF THEM ALL\n");
    flags(out, group->commands[0], COMMON_FLAGS);
}

static void example_lines(struct out *out, const char *text)
{
    out_text(out, ".SH EXAMPLES\n.nf\n");
    while (*text) {
        size_t size = strcspn(text, "\n");
        put(out, text, size);
        out_char(out, '\n');
        text += size + (text[size] == '\n');
    }
    out_text(out, ".fi\n");
}

static void title(struct out *out, const char *name)
{
    out_text(out, ".\\\" SPDX-License-Identifier: Apache-2.0\n"
                  ".\\\" Made by `make kurier-pages` of the tables in cli/.\n"
                  ".TH KURIER\\-");
    for (; *name; name++)
        out_char(out, (char)toupper((unsigned char)*name));
    out_text(out, " 1 \"\" \"Kurier\" \"User commands\"\n");
}

void help_manual(struct out *out, const struct group *group)
{
    bool alone = !group->commands[1];
    title(out, group->name);
    out_format(out, ".SH NAME\nkurier\\-%s \\- ", group->name);
    words(out, group->doc);
    out_text(out, "\n.SH SYNOPSIS\n");
    for (size_t i = 0; group->commands[i]; i++)
        synopsis(out, group->commands[i]);
    out_text(out, ".SH DESCRIPTION\n");
    if (group->about)
        paragraphs(out, group->about);
    if (alone) {
        describe(out, group->commands[0]);
        out_text(out, ".SH FLAGS\n");
        flags(out, group->commands[0], OWN_FLAGS | COMMON_FLAGS);
    } else {
        sections(out, group);
    }
    example_lines(out, group->examples);
    out_text(out, ".SH SEE ALSO\n.BR kurier (1),\n.BR kurierd (1)\n");
}
