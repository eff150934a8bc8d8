/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What getopt_long wants to see. A flag without a letter is a number from 256 on. */
struct grammar {
    const struct flag *rows[FLAGS_MAX];
    size_t count;
    struct option names[FLAGS_MAX + 1];
    char letters[2 * FLAGS_MAX + 8];
};

static void make_grammar(struct grammar *g, const struct args *args)
{
    char *to = g->letters;
    *to++ = ':'; /* the complaints are ours */
    g->count = args_flags(args->command, g->rows);
    for (size_t i = 0; i < g->count; i++) {
        const struct flag *row = g->rows[i];
        g->names[i] = (struct option){row->name, row->value ? required_argument : no_argument, NULL,
                                      row->letter ? row->letter : 256 + (int)i};
        if (row->letter)
            *to++ = row->letter;
        if (row->letter && row->value)
            *to++ = ':';
    }
    g->names[g->count] = (struct option){0};
    strcpy(to, args->as_kcat ? "PCLQ" : ""); /* the mode was seen already */
}

static const struct flag *find(const struct grammar *g, int value)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->names[i].val == value)
            return g->rows[i];
    return NULL;
}

static bool take(struct args *args, const struct flag *flag, char *value)
{
    void *field = (char *)args + flag->field;
    switch (flag->kind) {
    case FLAG_TEXT:
        *(const char **)field = value;
        return true;
    case FLAG_NUMBER:
        return cli_number(value, flag->min, flag->max, field);
    case FLAG_SWITCH:
        *(bool *)field = true;
        return true;
    case FLAG_CONFIG:
        kurier_config_set(args->config, flag->config, value);
        return true;
    case FLAG_CALL:
        break;
    }
    return flag->take(args, value);
}

static int complain(const struct args *args, int what, char *const *argv)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > 0 && optopt < 256;
    const char *word = optind > 0 ? argv[optind - 1] : "";
    return cli_misuse(args, "%s %s", what == ':' ? "a value is missing behind" : "there is no flag",
                      is_letter && strncmp(word, "--", 2) != 0 ? letter : word);
}

/* The files come first, wherever -F stands: what the line says beats them. */
static void load_files(struct args *args, const struct grammar *g, int argc, char **argv)
{
    bool named = false;
    int value;
    optind = 0;
    opterr = 0;
    while ((value = getopt_long(argc, argv, g->letters, g->names, NULL)) != -1) {
        if (value != 'F')
            continue;
        named = true;
        kurier_config_load(args->config, optarg);
    }
    const char *path = getenv("KURIER_CONFIG"), *home = getenv("HOME");
    char usual[4096];
    if (named)
        return;
    if (path && *path) {
        kurier_config_load(args->config, path);
    } else if (home && *home) {
        snprintf(usual, sizeof usual, "%s/.config/kurier.conf", home);
        if (!access(usual, F_OK))
            kurier_config_load(args->config, usual);
    }
}

static int take_all(struct args *args, const struct grammar *g, int argc, char **argv)
{
    int value;
    optind = 0;
    while ((value = getopt_long(argc, argv, g->letters, g->names, NULL)) != -1) {
        const struct flag *flag = find(g, value);
        if (value == ':' || value == '?')
            return complain(args, value, argv);
        if (!flag) /* kcat's mode */
            continue;
        char *given = optarg;
        if (!take(args, flag, given))
            return cli_misuse(args, "--%s %s makes no sense; it is: %s", flag->name, given,
                              flag->doc);
    }
    args->operands = argv + optind;
    args->operand_count = argc - optind;
    return 0;
}

/* Those in brackets may be left out. */
static int words_needed(const char *operands)
{
    int needed = 0;
    for (const char *at = operands; *at; at++)
        needed += *at != '[' && *at != ' ' && (at == operands || at[-1] == ' ');
    return needed;
}

static int check_operands(const struct args *args)
{
    const struct command *command = args->command;
    if ((command->traits & NEEDS_TOPIC) && !args->topic)
        return cli_misuse(args, "-t TOPIC is missing");
    if (!*command->operands && args->operand_count)
        return cli_misuse(args, "this is no flag: %s", args->operands[0]);
    if (args->operand_count < words_needed(command->operands))
        return cli_misuse(args, "say which: %s", command->operands);
    return 0;
}

bool args_init(struct args *args, const struct command *command, struct out *out)
{
    *args = (struct args){.command = command,
                          .out = out,
                          .stop_ms = -1,
                          .partition = -1,
                          .offset = -1,
                          .broker = -1,
                          .count = -1,
                          .size = 100,
                          .wait_s = 5,
                          .verbosity = 1};
    args->config = kurier_config_new();
    if (!args->config)
        return false;
    kurier_config_set(args->config, "bootstrap.servers", "127.0.0.1:9092");
    kurier_config_set(args->config, "client.id", "kurier-cli");
    kurier_config_set(args->config, "log.level", "error");
    kurier_config_set(args->config, "auto.offset.reset", "none"); /* nothing is passed over */
    return true;
}

int args_parse(struct args *args, int argc, char **argv)
{
    struct grammar grammar;
    make_grammar(&grammar, args);
    if (args->command->traits & TAKES_BROKERS)
        load_files(args, &grammar, argc, argv);
    int status = take_all(args, &grammar, argc, argv);
    return status || args->show ? status : check_operands(args);
}

void args_free(struct args *args)
{
    kurier_config_free(args->config);
    for (size_t i = 0; i < args->owned_count; i++)
        free(args->owned[i]);
}
