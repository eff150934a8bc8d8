/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* ---- What flags do ------------------------------------------------------------*/

/* False: not a whole number, or out of range. */
static bool number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return end != text && !*end && !errno && value >= min && value <= max;
}

/* "name=value" cut in place; NULL: no '='. */
static char *cut(char *text)
{
    char *equal = strchr(text, '=');
    if (!equal)
        return NULL;
    *equal = '\0';
    return equal + 1;
}

static bool add_header(struct args *args, char *text)
{
    if (args->header_count == MAX_HEADERS)
        return false;
    char *value = cut(text);
    kurier_header *header = &args->headers[args->header_count++];
    header->name = text;
    header->value = kurier_str(value); /* without '=': null */
    return true;
}

static bool add_setting(struct args *args, char *text)
{
    char *value = cut(text);
    if (!value || args->setting_count == MAX_SETTINGS)
        return false;
    args->settings[2 * args->setting_count] = text;
    args->settings[2 * args->setting_count + 1] = value;
    args->setting_count++;
    return true;
}

static bool set_config(struct args *args, char *text)
{
    char *value = cut(text);
    if (value)
        kurier_config_set(args->config, text, value); /* a mistake is told by _new */
    return value != NULL;
}

static bool load_config(struct args *args, char *path)
{
    kurier_config_load(args->config, path); /* so is this one */
    return true;
}

static bool replace(char **text, const char *escaped)
{
    free(*text);
    *text = text_unescape(escaped);
    return *text && **text;
}

static bool set_delimiter(struct args *args, char *value)
{
    return replace(&args->delimiter, value);
}

static bool set_key_delimiter(struct args *args, char *value)
{
    return replace(&args->key_delimiter, value);
}

/* ---- The table -----------------------------------------------------------------*/

enum kind {
    TEXT,   /* const char *, at `field` */
    NUMBER, /* int64_t, from min to max */
    SWITCH, /* bool */
    CONFIG, /* sets the configuration key `config` */
    CALL    /* `take` */
};

#define INTO(how, member) .kind = how, .field = offsetof(struct args, member)

/* Every flag there is; a command takes some. */
static const struct flag {
    char letter;
    const char *value, *doc;
    enum kind kind;
    size_t field;
    int64_t min, max;
    const char *config;
    bool (*take)(struct args *args, char *value); /* false: it makes no sense */
} flags[] = {
    {'b', "HOST:PORT,...", "brokers to begin with; 127.0.0.1:9092", .kind = CONFIG,
     .config = "bootstrap.servers"},
    {'t', "TOPIC", "the topic", INTO(TEXT, topic)},
    {'p', "N", "the partition; for create: how many", INTO(NUMBER, partition), .min = -1,
     .max = INT32_MAX},
    {'r', "N", "how many replicas", INTO(NUMBER, replication), .min = 1, .max = INT16_MAX},
    {'s', "KEY=VALUE", "a setting of the new topics; may be repeated", .kind = CALL,
     .take = add_setting},
    {'o', "OFFSET", "beginning, end, N, -N (N before the end), s@MS (first at that time)",
     INTO(TEXT, offset)},
    {'e', NULL, "ends once the end of every partition is reached", INTO(SWITCH, until_end)},
    {'c', "N", "ends after N records", INTO(NUMBER, count), .min = 1, .max = INT64_MAX},
    {'f', "FORMAT",
     "%t topic, %p partition, %o offset, %k key, %K its size, %s value, %S its size,\n"
     "                    %T timestamp, %h headers; \\n \\t \\xHH; %% is %",
     INTO(TEXT, format)},
    {'K', "DELIMITER", "between key and value", .kind = CALL, .take = set_key_delimiter},
    {'D', "DELIMITER", "between records; a newline", .kind = CALL, .take = set_delimiter},
    {'k', "KEY", "the key of every record", INTO(TEXT, key)},
    {'H', "NAME=VALUE", "a header of every record; may be repeated", .kind = CALL,
     .take = add_header},
    {'Z', NULL, "empty keys and values are null; consume: null is printed as NULL",
     INTO(SWITCH, nulls)},
    {'z', "CODEC", "none, gzip, snappy, lz4 or zstd", .kind = CONFIG, .config = "compression.type"},
    {'l', "FILE", "sends the lines of FILE", INTO(TEXT, lines)},
    {'F', "FILE", "reads configuration from a properties file", .kind = CALL, .take = load_config},
    {'X', "KEY=VALUE", "sets a configuration key; `kurier -X list` names them all", .kind = CALL,
     .take = set_config},
    {'m', "SECONDS", "how long to wait for brokers; 5", INTO(NUMBER, wait_s), .min = 1,
     .max = 86400},
    {'u', NULL, "prints each record at once", INTO(SWITCH, unbuffered)},
    {'q', NULL, "says less on standard error", INTO(SWITCH, quiet)},
    {'h', NULL, "this help", .kind = CALL},
};

enum { FLAGS = sizeof flags / sizeof *flags };

void args_help(const struct command *command, FILE *out)
{
    fprintf(out, "usage: kurier %s [FLAG]... %s\n%s\n\n", command->name, command->operands,
            command->doc);
    for (size_t i = 0; i < FLAGS; i++)
        if (strchr(command->flags, flags[i].letter))
            fprintf(out, "  -%c %-14s %s\n", flags[i].letter, flags[i].value ? flags[i].value : "",
                    flags[i].doc);
}

static int usage(const struct command *command, const char *what, const char *value)
{
    fprintf(stderr, "kurier %s: %s%s%s\n`kurier %s -h` shows its flags\n", command->name, what,
            value ? ": " : "", value ? value : "", command->name);
    return EXIT_USAGE;
}

static bool take(struct args *args, const struct flag *flag, char *value)
{
    void *field = (char *)args + flag->field;
    switch (flag->kind) {
    case TEXT:
        *(const char **)field = value;
        return true;
    case NUMBER:
        return number(value, flag->min, flag->max, field);
    case SWITCH:
        *(bool *)field = true;
        return true;
    case CONFIG:
        kurier_config_set(args->config, flag->config, value);
        return true;
    case CALL:
        break;
    }
    return flag->take(args, value);
}

static const struct flag *find(int letter)
{
    const struct flag *flag = flags;
    while (flag->letter != letter)
        flag++;
    return flag;
}

/* For getopt: ":" first, since the complaints are ours. */
static void letters(const struct command *command, char out[2 * FLAGS + 2])
{
    *out++ = ':';
    for (size_t i = 0; i < FLAGS; i++) {
        if (!strchr(command->flags, flags[i].letter))
            continue;
        *out++ = flags[i].letter;
        if (flags[i].value)
            *out++ = ':';
    }
    *out = '\0';
}

static int complain(const struct command *command, int letter)
{
    char flag[] = {'-', (char)optopt, '\0'};
    return usage(command, letter == ':' ? "a value is missing behind" : "there is no flag", flag);
}

int args_parse(struct args *args, const struct command *command, int argc, char **argv)
{
    char accepted[2 * FLAGS + 2];
    int letter;
    *args = (struct args){.partition = -1, .count = -1, .wait_s = 5};
    args->config = kurier_config_new();
    if (!args->config)
        return cli_fail("out of memory");
    kurier_config_set(args->config, "bootstrap.servers", "127.0.0.1:9092");
    kurier_config_set(args->config, "client.id", "kurier-cli");
    kurier_config_set(args->config, "log.level", "error");
    letters(command, accepted);
    while ((letter = getopt(argc, argv, accepted)) != -1) {
        if (letter == 'h')
            return -1;
        if (letter == ':' || letter == '?')
            return complain(command, letter);
        if (!take(args, find(letter), optarg)) {
            char flag[] = {'-', (char)letter, '\0'};
            fprintf(stderr, "kurier %s: %s %s makes no sense\n", command->name, flag, optarg);
            return EXIT_USAGE;
        }
    }
    args->operands = argv + optind;
    args->operand_count = argc - optind;
    if (strchr(command->flags, 't') && !args->topic)
        return usage(command, "-t TOPIC is missing", NULL);
    if (!*command->operands && args->operand_count)
        return usage(command, "this is no flag", args->operands[0]);
    if (*command->operands && *command->operands != '[' && !args->operand_count)
        return usage(command, "say which", command->operands);
    return 0;
}

void args_free(struct args *args)
{
    kurier_config_free(args->config);
    free(args->delimiter);
    free(args->key_delimiter);
}
