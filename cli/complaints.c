/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and what to do about it. */
#include "cli/cli.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void complain(const char *who, const char *format, va_list args)
{
    fprintf(stderr, "%s: ", who);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain("kurier", format, args);
    va_end(args);
    return EXIT_FAILED;
}

int cli_misuse(const struct args *args, const char *format, ...)
{
    char who[64];
    va_list list;
    snprintf(who, sizeof who, "kurier %s", args->command->name);
    va_start(list, format);
    complain(who, format, list);
    va_end(list);
    fprintf(stderr, "`kurier %s -h` shows its flags\n", args->command->name);
    return EXIT_USAGE;
}

void cli_say(const struct args *args, const char *format, ...)
{
    va_list list;
    if (!args->verbosity)
        return;
    fputs("% ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

/* What somebody who meets the error would do next; %s is what it was about. */
static const struct {
    const char *code; /* as kurier_code_name has it */
    const char *hint;
} hints[] = {
    {"UNKNOWN_TOPIC_OR_PARTITION", "`kurier topic create %s` makes it, `kurier topic list` shows "
                                   "those there are"},
    {"TOPIC_ALREADY_EXISTS",
     "`kurier topic describe %s` shows it; --if-not-exists takes it as it is"},
    {"INVALID_TOPIC_EXCEPTION", "a name is 1 to 249 of a-z A-Z 0-9 . _ -"},
    {"INVALID_REPLICATION_FACTOR", "`kurier cluster brokers` shows how many there are; -r asks for "
                                   "fewer"},
    {"INVALID_PARTITIONS", "partitions can only be added; `kurier topic describe %s` counts them"},
    {"OFFSET_OUT_OF_RANGE", "`kurier topic offsets %s` shows what there is"},
    {"MESSAGE_TOO_LARGE", "-X max.request.size=BYTES allows more here, the topic's "
                          "max.message.bytes there"},
    {"GROUP_ID_NOT_FOUND", "`kurier group list` shows those there are"},
    {"NON_EMPTY_GROUP", "`kurier group describe %s` shows its members; stop them first"},
    {"INVALID_CONFIG", "`kurier config list --all topic NAME` shows keys and values"},
};

static const char *hint_for(kurier_code code)
{
    const char *name = kurier_code_name(code);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (!strcmp(name, hints[i].code))
            return hints[i].hint;
    return NULL;
}

/* Words that name it already are not told its name again. */
static void name(const char *what, int32_t partition, const char *text)
{
    if (!*what || !strncmp(text, what, strlen(what)))
        return;
    fputs(what, stderr);
    if (partition >= 0)
        fprintf(stderr, " [%" PRId32 "]", partition);
    fputs(": ", stderr);
}

int cli_failed(const char *what, int32_t partition, kurier_code code, const char *text)
{
    const char *hint = hint_for(code), *mark = hint ? strstr(hint, "%s") : NULL;
    if (!text || !*text)
        text = kurier_code_text(code);
    fputs("kurier: ", stderr);
    name(what, partition, text);
    fprintf(stderr, "%s (%s)", text, kurier_code_name(code));
    if (hint)
        fprintf(stderr, "; %.*s%s%s", mark ? (int)(mark - hint) : (int)strlen(hint), hint,
                mark ? what : "", mark ? mark + 2 : "");
    fputc('\n', stderr);
    return EXIT_FAILED;
}

int cli_error(const kurier_error *err)
{
    return err->code == KURIER_E_INTERRUPTED ? EXIT_INTERRUPTED : cli_fail("%s", err->text);
}
