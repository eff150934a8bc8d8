/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H
/* Flags: a table of all there are; a command takes some of them. */
#include "cli/cli.h"

enum flag_kind {
    FLAG_TEXT,   /* const char *, at `field` */
    FLAG_NUMBER, /* int64_t, from min to max */
    FLAG_SWITCH, /* bool */
    FLAG_CONFIG, /* sets the configuration key `config` */
    FLAG_CALL    /* `take` */
};

struct flag {
    const char *name; /* --name */
    char letter;      /* '\0': none */
    const char *value, *doc;
    enum flag_kind kind;
    size_t field;
    int64_t min, max;
    const char *config;
    bool (*take)(struct args *args, char *value); /* false: it makes no sense */
    const char *completion;                       /* words that may follow, or "FILE", "TOPIC" */
};

/* One that the command has because all have it, or all that ask brokers. */
bool flag_is_common(const struct flag *flag, const struct command *command);

enum { FLAGS_MAX = 40 };
/* Those of a command, in the order of the table. */
size_t args_flags(const struct command *command, const struct flag *out[FLAGS_MAX]);

/* To be freed in any case. */
bool args_init(struct args *args, const struct command *command, struct out *out);
/* 0, or an exit status after the complaint was printed. args->show: what is
 * to be shown instead of running. */
int args_parse(struct args *args, int argc, char **argv);
void args_free(struct args *args);

#endif
