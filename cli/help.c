/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Finding ----------------------------------------------------------------------*/

const struct group *help_group(const char *word)
{
    size_t size = strcspn(word, " ");
    for (const struct group *g = cli_groups; g->name; g++)
        if (strlen(g->name) == size && !strncmp(g->name, word, size))
            return g;
    return NULL;
}

/* How many of the words the name is; 0: not this one. */
static int matches(const char *name, int count, char **words)
{
    int used = 0;
    while (used < count) {
        size_t size = strcspn(name, " ");
        if (strlen(words[used]) != size || strncmp(words[used], name, size) != 0)
            return 0;
        used++;
        if (!name[size])
            return used;
        name += size + 1;
    }
    return 0;
}

const struct command *help_find(int count, char **words, int *used)
{
    const struct group *group = count > 0 ? help_group(words[0]) : NULL;
    for (size_t i = 0; group && group->commands[i]; i++) {
        *used = matches(group->commands[i]->name, count, words);
        if (*used)
            return group->commands[i];
    }
    return NULL;
}

/* ---- For people -----------------------------------------------------------------------*/

void help_group_commands(struct out *out, const struct group *group)
{
    for (size_t i = 0; group->commands[i]; i++)
        out_format(out, "  %-22s %s\n", group->commands[i]->name, group->commands[i]->doc);
}

void help_all(struct out *out)
{
    out_text(out, "usage: kurier COMMAND [FLAG]... [OPERAND]...\n\n");
    for (const struct group *g = cli_groups; g->name; g++)
        help_group_commands(out, g);
    out_text(out,
             "\n  kurier COMMAND -h      the flags of a command; man kurier-COMMAND tells more\n"
             "  kurier -X list         every configuration key\n"
             "  kurier --version\n"
             "\nCalled with kcat's flags (-P, -C, -L, -Q) it does what kcat does.\n");
}

static const char *topic_of(const struct command *command)
{
    return command->traits & NEEDS_TOPIC ? " -t TOPIC" : "";
}

/* Words from the column on, cut at spaces. */
static void wrap(struct out *out, const char *text, size_t column, size_t end)
{
    size_t at = column;
    while (*text) {
        size_t size = strcspn(text, " ");
        if (at > column && at + 1 + size > end) {
            out_format(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            out_char(out, ' ');
            at++;
        }
        out_bytes(out, text, size);
        at += size;
        text += size + (text[size] == ' ');
    }
    out_char(out, '\n');
}

void help_command(struct out *out, const struct command *command)
{
    const struct flag *rows[FLAGS_MAX];
    size_t n = args_flags(command, rows);
    out_format(out, "usage: kurier %s [FLAG]...%s %s\n%s\n\n", command->name, topic_of(command),
               command->operands, command->doc);
    for (size_t i = 0; i < n; i++) {
        char text[64], letter[] = {'-', rows[i]->letter, ',', '\0'};
        snprintf(text, sizeof text, "%-3s --%s%s%s", rows[i]->letter ? letter : "", rows[i]->name,
                 rows[i]->value ? " " : "", rows[i]->value ? rows[i]->value : "");
        out_format(out, "  %-30s ", text);
        wrap(out, rows[i]->doc, 33, 100);
    }
}

/* ---- Configuration keys ------------------------------------------------------------------*/

static void key_as_json(struct js *json, const kurier_option *o)
{
    js_open(json, NULL, '{');
    js_text(json, "key", o->key);
    js_text(json, "type", o->type);
    js_text(json, "default", o->value);
    js_text(json, "choices", o->choices);
    if (o->min || o->max) {
        js_number(json, "min", o->min);
        js_number(json, "max", o->max);
    }
    js_text(json, "aliases", o->aliases);
    js_text(json, "doc", o->doc);
    js_close(json, '}');
}

static void key_as_text(struct out *out, const kurier_option *o)
{
    out_format(out, "%s  (%s", o->key, o->type);
    if (o->choices)
        out_format(out, ": %s", o->choices);
    else if (o->min || o->max)
        out_format(out, ", %lld .. %lld", (long long)o->min, (long long)o->max);
    out_format(out, "; default %s)\n    %s\n", o->value ? o->value : "none", o->doc);
    if (o->aliases)
        out_format(out, "    also: %s\n", o->aliases);
}

void help_keys(struct out *out, bool as_json)
{
    struct js json = js_to(out);
    kurier_option o;
    if (as_json)
        js_open(&json, NULL, '[');
    for (size_t i = 0; kurier_option_at(i, &o); i++) {
        if (as_json)
            key_as_json(&json, &o);
        else
            key_as_text(out, &o);
    }
    if (as_json) {
        js_close(&json, ']');
        js_end(&json);
    }
}

void help_values(struct out *out, const kurier_config *config, bool as_json)
{
    struct js json = js_to(out);
    kurier_option o;
    if (as_json)
        js_open(&json, NULL, '{');
    for (size_t i = 0; kurier_option_at(i, &o); i++) {
        char value[4096];
        kurier_config_get(config, o.key, value, sizeof value);
        if (as_json)
            js_text(&json, o.key, value);
        else
            out_format(out, "%s = %s\n", o.key, value);
    }
    if (as_json) {
        js_close(&json, '}');
        js_end(&json);
    }
}
