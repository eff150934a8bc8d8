/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_H
#define CLI_H
/*
 * The kurier command: what its parts share. A command is one file with one
 * struct command; flags are rows of one table (args.c). Help, manual pages and
 * completion are made of the two. Answers of commands are exit statuses.
 */
#include "cli/js.h"
#include "cli/out.h"
#include <kurier/kurier.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

enum { MAX_TOPICS = 256, MAX_HEADERS = 64, MAX_SETTINGS = 64, MAX_WORDS = 16 };

/* Where `group reset` puts offsets: exactly one of these is given. */
struct reset_flags {
    bool to_earliest, to_latest, to_current;
    const char *to_offset, *to_datetime, *by_duration, *shift_by, *from_file;
};

/* What the flags said; strings are the program's arguments. */
struct args {
    const struct command *command;
    kurier_config *config;
    struct out *out;
    const char *topic, *format;     /* topic: the last one */
    const char *topics[MAX_TOPICS]; /* all of them */
    size_t topic_count;
    const char *start;                     /* -o but e@MS; NULL: not given */
    int64_t stop_ms;                       /* -o e@MS; -1: not given */
    kurier_bytes delimiter, key_delimiter; /* escapes resolved; data NULL: not given */
    kurier_bytes key;
    const char *pack_key, *pack_value;
    int64_t partition;   /* -1: not given */
    int64_t partitions;  /* 0: not given */
    int64_t replication; /* 0: the broker's default */
    int64_t offset;      /* --before: -1: the end */
    int64_t broker;      /* -1: not given */
    int64_t count;       /* -1: no limit */
    int64_t size, rate;
    int64_t wait_s;
    bool nulls, until_end, unbuffered, json, tee, lines, go_on, dry_run, all, records, if_exists,
        if_not_exists, unclean, as_kcat, execute, export, all_topics, offsets;
    struct reset_flags reset;
    const char *states[MAX_WORDS + 1], *types[MAX_WORDS + 1]; /* ..., NULL */
    int verbosity;                                            /* 1: usual, 0: -q, more: -v */
    kurier_header headers[MAX_HEADERS];
    size_t header_count;
    const char *settings[2 * MAX_SETTINGS + 2]; /* key, value, ..., NULL */
    size_t setting_count;
    enum { SHOW_NOTHING, SHOW_HELP, SHOW_KEYS, SHOW_VALUES } show;
    char **operands;
    int operand_count;
    void *owned[MAX_HEADERS]; /* what escapes were resolved into */
    size_t owned_count;
};

/* What a command takes besides the flags that it names. */
enum {
    TAKES_BROKERS = 1, /* -b, -F, -X ... */
    NEEDS_TOPIC = 2    /* -t has to be given */
};

struct command {
    const char *name; /* "topic create" */
    const char *operands, *doc;
    const char *flags; /* names of rows, with a space between */
    unsigned traits;
    int (*run)(struct args *args);
    const char *about; /* what the manual says more; paragraphs; NULL: nothing */
};

/* Commands with the same first word: a page of the manual. */
struct group {
    const char *name, *doc, *about;
    const char *examples;                  /* lines */
    const struct command *const *commands; /* NULL ends them */
};
extern const struct group cli_groups[]; /* a NULL name ends it */

/* Printed: "kurier: ...". Answers EXIT_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for how the command was called: EXIT_USAGE. */
int cli_misuse(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Failed at `what`, a topic for one: says why, and what helps. partition -1: of none.
 * text NULL: the code's own words. */
int cli_failed(const char *what, int32_t partition, kurier_code code, const char *text);
int cli_error(const kurier_error *err);
/* On standard error with "% " in front, as kcat says things; -q: not at all. */
void cli_say(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* False: not a whole number, or out of range. */
bool cli_number(const char *text, int64_t min, int64_t max, int64_t *out);

/* ---- Signals: the first SIGINT or SIGTERM asks to stop, the second kills ------*/
void cli_catch_signals(void);
bool cli_stopping(void);
/* Whose waits a signal ends; NULL before the handle is freed. */
void cli_wake_on_signal(kurier_client *client);
/* Until one of the two can be read (other -1: none); which of them. 0: asked to stop. */
enum { CLI_FIRST = 1, CLI_SECOND = 2 };
int cli_wait_readable(int fd, int other);
bool cli_nap(int ms); /* false: asked to stop */

static inline int cli_timeout_ms(const struct args *args)
{
    return (int)args->wait_s * 1000;
}
/* Waits until brokers answer; a failure says what to do. 0 or an exit status. */
int cli_ready(kurier_client *client, const struct args *args);
/* The topic of -t, once its partitions are known. 0 or an exit status. */
int cli_topic(kurier_producer *producer, const struct args *args, kurier_topic **out);

int64_t cli_now_ms(void); /* monotonic */

#endif
