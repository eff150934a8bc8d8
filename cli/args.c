/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"
#include "cli/pack.h"
#include "cli/text.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What flags do ------------------------------------------------------------*/

bool cli_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return end != text && !*end && !errno && value >= min && value <= max;
}

/* Is it among words with a space between? */
static bool has_word(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += size) {
        bool begins = at == list || at[-1] == ' ';
        if (begins && (at[size] == ' ' || !at[size]))
            return true;
    }
    return false;
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

static bool add_topic(struct args *args, char *text)
{
    args->topic = text;
    if (!*text || args->topic_count == MAX_TOPICS)
        return false;
    args->topics[args->topic_count++] = text;
    return true;
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

/* As librdkafka has them, keys of topics may have "topic." in front. */
static bool set_config(struct args *args, char *text)
{
    if (!strcmp(text, "list") || !strcmp(text, "dump")) {
        args->show = *text == 'l' ? SHOW_KEYS : SHOW_VALUES;
        return true;
    }
    char *value = cut(text);
    if (!value)
        return false;
    if (!strncmp(text, "topic.", 6))
        text += 6;
    kurier_config_set(args->config, text, value); /* a mistake is told by _new */
    return true;
}

static bool load_config(struct args *args, char *path)
{
    kurier_config_load(args->config, path); /* so is this one */
    return true;
}

/* librdkafka has more contexts: those of them that we know, or else all of ours. */
static bool debug(struct args *args, char *contexts)
{
    static const char known[] = "broker topic metadata protocol all";
    char wanted[sizeof known] = "", *save = NULL;
    for (char *one = strtok_r(contexts, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        if (!has_word(known, one) || has_word(wanted, one))
            continue;
        strcat(wanted, *wanted ? " " : "");
        strcat(wanted, one);
    }
    for (char *at = wanted; (at = strchr(at, ' ')) != NULL;)
        *at = ',';
    return kurier_config_set(args->config, "debug", *wanted ? wanted : "all") == KURIER_OK;
}

static bool say_more(struct args *args, char *none)
{
    (void)none;
    const char *level = ++args->verbosity > 2 ? "debug" : "info";
    return kurier_config_set(args->config, "log.level", level) == KURIER_OK;
}

static bool say_less(struct args *args, char *none)
{
    (void)none;
    args->verbosity = 0;
    return true;
}

static bool unescape(struct args *args, const char *text, kurier_bytes *out)
{
    if (args->owned_count == MAX_HEADERS || !text_unescape(text, strlen(text), out))
        return false;
    args->owned[args->owned_count++] = (void *)out->data;
    return true;
}

static bool set_delimiter(struct args *args, char *text)
{
    return unescape(args, text, &args->delimiter);
}

static bool set_key_delimiter(struct args *args, char *text)
{
    return unescape(args, text, &args->key_delimiter);
}

static bool set_key(struct args *args, char *text)
{
    args->key = kurier_str(text);
    return true;
}

static bool set_offset(struct args *args, char *text)
{
    if (!strncmp(text, "e@", 2))
        return cli_number(text + 2, 0, INT64_MAX, &args->stop_ms);
    args->start = text;
    return true;
}

static bool set_pack(struct args *args, char *text)
{
    bool key = !strncmp(text, "key=", 4), value = !strncmp(text, "value=", 6);
    text += key ? 4 : value ? 6 : 0;
    if (!value)
        args->pack_key = text;
    if (!key)
        args->pack_value = text;
    return pack_is_valid(text);
}

static bool show_help(struct args *args, char *none)
{
    (void)none;
    args->show = SHOW_HELP;
    return true;
}

/* ---- The table -----------------------------------------------------------------*/

#define INTO(how, member) .kind = how, .field = offsetof(struct args, member)
#define CALLS(function) .kind = FLAG_CALL, .take = function

static const struct flag flags[] = {
    {"topic", 't', "TOPIC", "the topic", CALLS(add_topic), .completion = "TOPIC"},
    {"partition", 'p', "N", "the partition; -1 is any, or all", INTO(FLAG_NUMBER, partition),
     .min = -1, .max = INT32_MAX},
    {"partitions", 'p', "N", "how many partitions", INTO(FLAG_NUMBER, partitions), .min = 1,
     .max = INT32_MAX},
    {"replication", 'r', "N", "how many replicas", INTO(FLAG_NUMBER, replication), .min = 1,
     .max = INT16_MAX},
    {"setting", 's', "KEY=VALUE", "a setting of the topics; may be repeated", CALLS(add_setting)},
    {"if-not-exists", '\0', NULL, "a topic that is there already is no failure",
     INTO(FLAG_SWITCH, if_not_exists)},
    {"if-exists", '\0', NULL, "a topic that is not there is no failure",
     INTO(FLAG_SWITCH, if_exists)},
    {"dry-run", 'n', NULL, "checks everything, changes nothing", INTO(FLAG_SWITCH, dry_run)},
    {"offset", 'o', "OFFSET",
     "beginning, end, N, -N (N before the end), s@MS (first at that time); e@MS ends there",
     CALLS(set_offset), .completion = "beginning end"},
    {"before", 'o', "OFFSET", "the first offset to keep, or end for none", INTO(FLAG_TEXT, start),
     .completion = "end"},
    {"at", 'o', "OFFSET", "beginning, end or s@MS (first at that time)", INTO(FLAG_TEXT, start),
     .completion = "beginning end"},
    {"from", 'o', "OFFSET", "leaves out the batches before it", INTO(FLAG_NUMBER, offset),
     .max = INT64_MAX},
    {"until-end", 'e', NULL, "ends once the end of every partition is reached",
     INTO(FLAG_SWITCH, until_end)},
    {"count", 'c', "N", "ends after N records", INTO(FLAG_NUMBER, count), .min = 1,
     .max = INT64_MAX},
    {"size", 'S', "BYTES", "how large each value is; 100", INTO(FLAG_NUMBER, size), .min = 8,
     .max = 1 << 30},
    {"rate", 'R', "N", "at most N records a second", INTO(FLAG_NUMBER, rate), .min = 1,
     .max = 1000000000},
    {"format", 'f', "FORMAT",
     "%t topic, %p partition, %o offset, %k key, %K its size, %s value, %S its size, %R that "
     "as 4 bytes, %T timestamp, %h headers, %% a percent sign",
     INTO(FLAG_TEXT, format)},
    {"records", 'r', NULL, "prints records, not only batches", INTO(FLAG_SWITCH, records)},
    {"json", 'J', NULL, "JSON", INTO(FLAG_SWITCH, json)},
    {"key-delimiter", 'K', "DELIMITER", "stands between key and value", CALLS(set_key_delimiter)},
    {"delimiter", 'D', "DELIMITER", "stands behind each record; a newline", CALLS(set_delimiter)},
    {"key", 'k', "KEY", "the key of records that have none of their own", CALLS(set_key)},
    {"header", 'H', "NAME=VALUE", "a header of every record; without = it is null; may be repeated",
     CALLS(add_header)},
    {"null", 'Z', NULL, "an empty key or value is sent as null; null is printed as NULL",
     INTO(FLAG_SWITCH, nulls)},
    {"pack", 's', "[key=|value=]PACK",
     "prints binary as numbers: b h i q of 1 2 4 8 bytes, B H I Q unsigned, c a letter, s the "
     "rest, $ the end; < and > begin little- and big-endian",
     CALLS(set_pack)},
    {"compression", 'z', "CODEC", "none, gzip, snappy, lz4 or zstd", .kind = FLAG_CONFIG,
     .config = "compression.type", .completion = "none gzip snappy lz4 zstd"},
    {"lines", 'l', NULL, "FILE is read as standard input would be: a record each line",
     INTO(FLAG_SWITCH, lines)},
    {"tee", 'T', NULL, "prints what was sent", INTO(FLAG_SWITCH, tee)},
    {"unbuffered", 'u', NULL, "prints each record at once", INTO(FLAG_SWITCH, unbuffered)},
    {"go-on", 'E', NULL, "goes on after a record that failed; the exit status tells",
     INTO(FLAG_SWITCH, go_on)},
    {"unclean", '\0', NULL, "a replica that is not in sync may lead; records may be lost",
     INTO(FLAG_SWITCH, unclean)},
    {"broker", 'i', "ID", "of this broker alone", INTO(FLAG_NUMBER, broker), .max = INT32_MAX},
    {"all", 'a', NULL, "all there are: internal topics, settings at their defaults",
     INTO(FLAG_SWITCH, all)},
    {"brokers", 'b', "HOST:PORT,...", "brokers to begin with; 127.0.0.1:9092", .kind = FLAG_CONFIG,
     .config = "bootstrap.servers"},
    {"config", 'F', "FILE", "reads configuration from a properties file", CALLS(load_config),
     .completion = "FILE"},
    {"set", 'X', "KEY=VALUE",
     "sets a configuration key; -X list names them all, -X dump shows them", CALLS(set_config),
     .completion = "KEY"},
    {"wait", 'm', "SECONDS", "how long to wait for brokers; 5", INTO(FLAG_NUMBER, wait_s), .min = 1,
     .max = 86400},
    {"debug", 'd', "CONTEXTS", "logs in detail: broker, topic, metadata, protocol or all",
     CALLS(debug)},
    {"verbose", 'v', NULL, "says more on standard error; may be repeated", CALLS(say_more)},
    {"quiet", 'q', NULL, "says less on standard error", CALLS(say_less)},
    {"help", 'h', NULL, "this help", CALLS(show_help)},
};

enum { FLAGS = sizeof flags / sizeof *flags };

size_t args_flags(const struct command *command, const struct flag *out[FLAGS_MAX])
{
    static const char with_brokers[] = "brokers config set wait debug verbose quiet";
    size_t n = 0;
    for (size_t i = 0; i < FLAGS; i++) {
        bool takes = has_word(command->flags, flags[i].name) || !strcmp(flags[i].name, "help") ||
                     ((command->traits & TAKES_BROKERS) && has_word(with_brokers, flags[i].name));
        if (takes && n < FLAGS_MAX)
            out[n++] = &flags[i];
    }
    return n;
}

/* ---- Reading them ----------------------------------------------------------------*/

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
        load_config(args, optarg);
    }
    const char *path = getenv("KURIER_CONFIG"), *home = getenv("HOME");
    char usual[4096];
    if (named)
        return;
    if (path && *path) {
        load_config(args, (char *)path);
    } else if (home && *home) {
        snprintf(usual, sizeof usual, "%s/.config/kurier.conf", home);
        if (!access(usual, F_OK))
            load_config(args, usual);
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
        if (!flag || value == 'F')
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
