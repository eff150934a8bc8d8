/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/kcat.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int show(const struct args *args)
{
    switch (args->show) {
    case SHOW_KEYS:
        help_keys(args->out, args->json);
        break;
    case SHOW_VALUES:
        help_values(args->out, args->config, args->json);
        break;
    default:
        help_command(args->out, args->command);
    }
    return EXIT_DONE;
}

static int run(const struct command *command, int argc, char **argv, struct out *out, bool as_kcat)
{
    struct args args;
    if (!args_init(&args, command, out))
        return cli_fail("out of memory");
    args.as_kcat = as_kcat;
    int status = args_parse(&args, argc, argv);
    if (!status && args.show) {
        status = show(&args);
    } else if (!status) {
        cli_catch_signals();
        status = command->run(&args);
    }
    args_free(&args);
    return status;
}

static bool asks_for_help(const char *word)
{
    return !strcmp(word, "-h") || !strcmp(word, "--help");
}

/* Words that are no command. -1: none of them. */
static int special(int argc, char **argv, struct out *out)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        out_format(out, "kurier %s\n", kurier_version());
    else if (asks_for_help(word) || !strcmp(word, "help"))
        help_all(out);
    else if (!strcmp(word, "--complete") && argc > 3)
        return help_complete(out, atoi(argv[2]), argc - 3, argv + 3);
    else if (!strcmp(word, "--man") && argc > 2 && help_group(argv[2]))
        help_manual(out, help_group(argv[2]));
    else if (!strcmp(word, "-X") && argc > 2 && !strcmp(argv[2], "list"))
        help_keys(out, argc > 3 && !strcmp(argv[3], "-J"));
    else
        return -1;
    return EXIT_DONE;
}

/* `kurier topic`, and no word behind that makes it a command. */
static int unfinished(const struct group *group, const char *word, struct out *out)
{
    if (asks_for_help(word)) {
        help_group_commands(out, group);
        return EXIT_DONE;
    }
    fprintf(stderr, "kurier: there is no command %s%s%s; `kurier %s -h` shows those there are\n",
            group->name, *word ? " " : "", word, group->name);
    return EXIT_USAGE;
}

static int unknown(int argc, char **argv, struct out *out)
{
    const struct group *group = argc > 1 ? help_group(argv[1]) : NULL;
    if (group)
        return unfinished(group, argc > 2 ? argv[2] : "", out);
    if (argc > 1)
        fprintf(stderr, "kurier: there is no command %s\n", argv[1]);
    else
        fprintf(stderr, "usage: kurier COMMAND [FLAG]...\n");
    fprintf(stderr, "`kurier --help` shows those there are\n");
    return EXIT_USAGE;
}

static int choose(int argc, char **argv, struct out *out)
{
    int status = special(argc, argv, out), used = 0;
    if (status >= 0)
        return status;
    const struct command *command = help_find(argc - 1, argv + 1, &used);
    struct command as_kcat;
    if (command)
        return run(command, argc - used, argv + used, out, false);
    if (argc < 2 || argv[1][0] != '-')
        return unknown(argc, argv, out);
    command = kcat_command(argc, argv, &as_kcat);
    return command ? run(command, argc, argv, out, true) : EXIT_USAGE;
}

/* A reader that has had enough (head) is no failure. */
int main(int argc, char **argv)
{
    struct out *out = malloc(sizeof *out);
    if (!out)
        return cli_fail("out of memory");
    out_init(out, STDOUT_FILENO);
    int status = choose(argc, argv, out);
    out_flush(out);
    if (out->error && out->error != EPIPE)
        status = cli_fail("standard output: %s", strerror(out->error));
    free(out);
    return status;
}
