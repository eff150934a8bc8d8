/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_H
#define CLI_H
/*
 * The kurier command: what its parts share. Flags mean what they mean in kcat
 * where kcat has them. Answers of commands are exit statuses.
 */
#include <kurier/kurier.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

enum { MAX_HEADERS = 64, MAX_SETTINGS = 64 };

/* What the flags said; strings are the program's arguments. */
struct args {
    kurier_config *config;
    const char *topic, *offset, *format;
    char *delimiter, *key_delimiter; /* escapes resolved; NULL: not given */
    const char *key, *lines;
    int64_t partition;   /* -1: not given */
    int64_t replication; /* 0: the broker's default */
    int64_t count;       /* -1: no limit */
    int64_t wait_s;
    bool nulls, until_end, quiet, unbuffered;
    kurier_header headers[MAX_HEADERS];
    size_t header_count;
    const char *settings[2 * MAX_SETTINGS + 2]; /* key, value, ..., NULL */
    size_t setting_count;
    char **operands;
    int operand_count;
};

struct command {
    const char *name, *operands, *doc;
    const char *flags; /* letters of those it takes */
    int (*run)(struct args *args);
};

extern const struct command cli_commands[]; /* a NULL name ends it */

/* 0, or an exit status after the complaint was printed. */
int args_parse(struct args *args, const struct command *command, int argc, char **argv);
void args_free(struct args *args);
void args_help(const struct command *command, FILE *out);
/* Printed: "kurier: ...". Answers EXIT_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Signals: the first SIGINT or SIGTERM asks to stop, the second kills ------*/
void cli_catch_signals(void);
bool cli_stopping(void);
/* Whose waits a signal ends; NULL before the handle is freed. */
void cli_wake_on_signal(kurier_client *client);
/* Until fd can be read; false: asked to stop. */
bool cli_wait_readable(int fd);

static inline int cli_timeout_ms(const struct args *args)
{
    return (int)args->wait_s * 1000;
}
/* Waits until brokers answer; a failure says what to do. 0 or an exit status. */
int cli_ready(kurier_client *client, const struct args *args);

int produce_run(struct args *args);
int consume_run(struct args *args);
int topic_create_run(struct args *args);
int topic_list_run(struct args *args);
int topic_describe_run(struct args *args);
int topic_delete_run(struct args *args);

/* ---- Text ------------------------------------------------------------------------*/
/* "\t", "\n", "\r", "\\", "\xHH" resolved; free it. NULL: no memory. */
char *text_unescape(const char *text);

/* Compiled from -f; see kurier(1). */
struct format;
struct format *format_new(const char *text, bool show_nulls, char *why, size_t why_size);
void format_free(struct format *format);
bool format_print(const struct format *format, const kurier_record *record, FILE *out);

/* Pieces of a file, each up to a delimiter. */
struct input;
struct input *input_open(const char *path, const char *delimiter); /* NULL path: stdin */
/* 1: a piece, good until the next call; 0: the end, or asked to stop; -1: see errno. */
int input_next(struct input *input, kurier_bytes *out);
void input_free(struct input *input);
/* The whole file as one; free out->data. False: see errno. */
bool input_whole(const char *path, kurier_bytes *out);

#endif
