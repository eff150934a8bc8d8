/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates for the shell: cli/kurier.bash asks, the tables answer. */
#include "cli/admin.h"
#include "cli/help.h"
#include <stdlib.h>
#include <string.h>

static void candidate(struct out *out, const char *text)
{
    out_format(out, "%s\n", text);
}

static void first_words(struct out *out)
{
    for (const struct group *g = cli_groups; g->name; g++)
        candidate(out, g->name);
}

static void second_words(struct out *out, const struct group *group)
{
    for (size_t i = 0; group->commands[i]; i++) {
        const char *space = strchr(group->commands[i]->name, ' ');
        if (space)
            candidate(out, space + 1);
    }
}

static void all_flags(struct out *out, const struct command *command)
{
    const struct flag *rows[FLAGS_MAX];
    size_t n = args_flags(command, rows);
    for (size_t i = 0; i < n; i++) {
        out_format(out, "--%s\n", rows[i]->name);
        if (rows[i]->letter)
            out_format(out, "-%c\n", rows[i]->letter);
    }
}

/* The flag that waits for the word behind it; NULL: none does. */
static const struct flag *waiting(const struct command *command, const char *word)
{
    const struct flag *rows[FLAGS_MAX];
    size_t n = args_flags(command, rows);
    for (size_t i = 0; i < n; i++) {
        bool is_letter = word[0] == '-' && word[1] == rows[i]->letter && !word[2] && word[1];
        bool is_name = !strncmp(word, "--", 2) && !strcmp(word + 2, rows[i]->name);
        if (rows[i]->value && (is_letter || is_name))
            return rows[i];
    }
    return NULL;
}

static void print_names(const struct args *args, const kurier_result *result)
{
    const kurier_topic_info *topic;
    for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++)
        if (!topic->internal)
            candidate(args->out, topic->name);
}

static void print_groups(const struct args *args, const kurier_result *result)
{
    const kurier_group_info *group;
    for (size_t i = 0; (group = kurier_result_group(result, i)); i++)
        candidate(args->out, group->name);
}

/* Of the broker that the other words lead to, if it answers at once. */
static void ask(struct out *out, const struct command *command, int count, char **words,
                kurier_request *request, admin_print_fn *print)
{
    struct args args;
    if (!args_init(&args, command, out)) {
        kurier_request_free(request);
        return;
    }
    args_parse(&args, count, words);
    args.wait_s = 1;
    admin_run(&args, request, print, KURIER_OK);
    args_free(&args);
}

static void topics(struct out *out, const struct command *command, int count, char **words)
{
    ask(out, command, count, words, kurier_admin_describe_topics(NULL, 0), print_names);
}

static void groups(struct out *out, const struct command *command, int count, char **words)
{
    ask(out, command, count, words, kurier_admin_list_groups(NULL, NULL), print_groups);
}

static void keys(struct out *out)
{
    kurier_option o;
    for (size_t i = 0; kurier_option_at(i, &o); i++)
        out_format(out, "%s=\n", o.key);
}

static void values(struct out *out, const struct flag *flag, const struct command *command,
                   int count, char **words)
{
    const char *kind = flag->completion ? flag->completion : "";
    if (!strcmp(kind, "TOPIC"))
        topics(out, command, count, words);
    else if (!strcmp(kind, "KEY"))
        keys(out);
    else if (strcmp(kind, "FILE") != 0)
        for (const char *at = kind; *at; at += strspn(at, " ")) {
            size_t size = strcspn(at, " ");
            out_format(out, "%.*s\n", (int)size, at);
            at += size;
        }
}

/* Where files are expected there is nothing to say: the shell knows them. */
static void operands(struct out *out, const struct command *command, int count, char **words)
{
    const char *before = count > 0 ? words[count - 1] : "";
    bool resource = !strncmp(command->operands, "topic|broker", 12);
    if (resource && !strcmp(before, "broker"))
        candidate(out, "default");
    else if (resource && strcmp(before, "topic") != 0)
        out_text(out, "topic\nbroker\n");
    else if (strstr(command->operands, "GROUP"))
        groups(out, command, count, words);
    else if (strstr(command->operands, "TOPIC") || strstr(command->operands, "NAME"))
        topics(out, command, count, words);
}

int help_complete(struct out *out, int at, int count, char **words)
{
    int used = 0;
    if (at < 1 || at >= count)
        return EXIT_USAGE;
    const struct command *command = help_find(at - 1, words + 1, &used);
    const struct group *group = at > 1 ? help_group(words[1]) : NULL;
    const struct flag *flag = command ? waiting(command, words[at - 1]) : NULL;
    if (flag)
        values(out, flag, command, at - used - 1, words + used);
    else if (command && words[at][0] == '-')
        all_flags(out, command);
    else if (command)
        operands(out, command, at - used, words + used);
    else if (at == 1)
        first_words(out);
    else if (group && at == 2)
        second_words(out, group);
    return EXIT_DONE;
}
