/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"
#include "cli/pack.h"
#include "cli/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static bool add_word(const char **words, char *word)
{
    size_t n = 0;
    while (words[n])
        n++;
    if (n == MAX_WORDS || !*word)
        return false;
    words[n] = word;
    return true;
}

static bool add_state(struct args *args, char *word)
{
    return add_word(args->states, word);
}

static bool add_type(struct args *args, char *word)
{
    return add_word(args->types, word);
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

/* Read before all other flags. */
static bool was_loaded(struct args *args, char *path)
{
    (void)args;
    (void)path;
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
    {"state", 's', "STATE", "those in this state: Stable, Empty ...; may be repeated",
     CALLS(add_state),
     .completion =
         "Empty Stable PreparingRebalance CompletingRebalance Assigning Reconciling Dead"},
    {"type", '\0', "TYPE", "those of this type: classic, consumer ...; may be repeated",
     CALLS(add_type), .completion = "classic consumer share streams"},
    {"all-topics", '\0', NULL, "all topics that the group has offsets of",
     INTO(FLAG_SWITCH, all_topics)},
    {"to-earliest", '\0', NULL, "to the first record there is",
     INTO(FLAG_SWITCH, reset.to_earliest)},
    {"to-latest", '\0', NULL, "behind the last record", INTO(FLAG_SWITCH, reset.to_latest)},
    {"to-current", '\0', NULL, "where it is; behind the last record if that is nowhere",
     INTO(FLAG_SWITCH, reset.to_current)},
    {"to-offset", '\0', "OFFSET", "to this offset", INTO(FLAG_TEXT, reset.to_offset)},
    {"to-datetime", '\0', "TIME",
     "to the first record not older than that, such as 2024-05-06T07:08:09.123+02:00; without a "
     "zone it is UTC's",
     INTO(FLAG_TEXT, reset.to_datetime)},
    {"by-duration", '\0', "DURATION",
     "to the first record not older than so long before now, such as PT5M or P1DT12H",
     INTO(FLAG_TEXT, reset.by_duration)},
    {"shift-by", '\0', "N", "N records on, or back if N is negative",
     INTO(FLAG_TEXT, reset.shift_by)},
    {"from-file", '\0', "FILE",
     "to the offsets in lines of TOPIC,PARTITION,OFFSET; - is standard "
     "input",
     INTO(FLAG_TEXT, reset.from_file), .completion = "FILE"},
    {"execute", '\0', NULL, "does it; without, what it would do is shown",
     INTO(FLAG_SWITCH, execute)},
    {"export", '\0', NULL, "prints lines for --from-file", INTO(FLAG_SWITCH, export)},
    {"offsets", '\0', NULL, "its offsets of the topics alone", INTO(FLAG_SWITCH, offsets)},
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
    {"json", 'J', NULL, "JSON instead of text", INTO(FLAG_SWITCH, json)},
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
    {"config", 'F', "FILE", "reads configuration from a properties file", CALLS(was_loaded),
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

bool flag_is_common(const struct flag *flag, const struct command *command)
{
    bool connects = command->traits & TAKES_BROKERS;
    return !strcmp(flag->name, "help") ||
           (connects && has_word("brokers config set wait debug verbose quiet", flag->name));
}

size_t args_flags(const struct command *command, const struct flag *out[FLAGS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < FLAGS && n < FLAGS_MAX; i++)
        if (has_word(command->flags, flags[i].name) || flag_is_common(&flags[i], command))
            out[n++] = &flags[i];
    return n;
}
