/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

const struct command cli_commands[] = {
    {"produce", "[FILE]...", "sends lines of standard input, or each FILE as one record",
     "btpKDHZckzlXFmqh", produce_run},
    {"consume", "", "prints records, from the beginning unless -o says otherwise",
     "btpKDZocefXFmquh", consume_run},
    {"topic create", "NAME...", "creates topics", "bprsXFmqh", topic_create_run},
    {"topic list", "", "prints the names of all topics", "bXFmqh", topic_list_run},
    {"topic describe", "[NAME]...", "prints partitions and their leaders", "bXFmqh",
     topic_describe_run},
    {"topic delete", "NAME...", "deletes topics and all their records", "bXFmqh", topic_delete_run},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- Signals ------------------------------------------------------------------------*/

static volatile sig_atomic_t stopping;
static kurier_client *volatile woken;

static void on_signal(int signal)
{
    (void)signal;
    stopping = 1;
    if (woken)
        kurier_client_wake(woken);
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, and a clean end */
}

bool cli_stopping(void)
{
    return stopping;
}

void cli_wake_on_signal(kurier_client *client)
{
    woken = client;
}

/* Between the look and the sleep no signal may slip in. */
bool cli_wait_readable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    sigset_t ours, before;
    int ready = 0;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &before);
    while (!stopping && ready <= 0) {
        ready = ppoll(&pfd, 1, NULL, &before);
        if (ready < 0 && errno != EINTR)
            break;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return !stopping;
}

/* ---- What all commands need ------------------------------------------------------------*/

int cli_fail(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("kurier: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

int cli_ready(kurier_client *client, const struct args *args)
{
    kurier_error err;
    kurier_code code = kurier_client_ready(client, cli_timeout_ms(args), &err);
    if (code == KURIER_OK)
        return 0;
    if (code == KURIER_E_INTERRUPTED)
        return EXIT_INTERRUPTED;
    if (code == KURIER_E_TRANSPORT || code == KURIER_E_TIMED_OUT)
        return cli_fail("%s\nkurier: no broker answered within %d ms; is it running? "
                        "-b HOST:PORT names another, -m waits longer",
                        err.text, cli_timeout_ms(args));
    return cli_fail("%s", err.text);
}

/* ---- Choosing the command -----------------------------------------------------------------*/

static void help(FILE *out)
{
    fputs("usage: kurier COMMAND [FLAG]...\n\n", out);
    for (const struct command *c = cli_commands; c->name; c++)
        fprintf(out, "  %-15s %s\n", c->name, c->doc);
    fputs("\n  kurier COMMAND -h      the flags of a command\n"
          "  kurier -X list         every configuration key\n"
          "  kurier --version\n"
          "\nkurier -P and kurier -C mean produce and consume, as in kcat.\n",
          out);
}

static void list_options(void)
{
    kurier_option o;
    for (size_t i = 0; kurier_option_at(i, &o); i++) {
        printf("%s  (%s", o.key, o.type);
        if (o.choices)
            printf(": %s", o.choices);
        else if (o.min || o.max)
            printf(", %lld .. %lld", (long long)o.min, (long long)o.max);
        printf("; default %s)\n    %s\n", o.value ? o.value : "none", o.doc);
        if (o.aliases)
            printf("    also: %s\n", o.aliases);
    }
}

/* How many of the words name it; 0: not this one. */
static int matches(const struct command *command, int argc, char **argv)
{
    const char *space = strchr(command->name, ' ');
    if (!space)
        return argc > 1 && !strcmp(argv[1], command->name) ? 1 : 0;
    size_t first = (size_t)(space - command->name);
    bool both = argc > 2 && strlen(argv[1]) == first && !strncmp(argv[1], command->name, first) &&
                !strcmp(argv[2], space + 1);
    return both ? 2 : 0;
}

/* kcat's way: the mode is a flag among the others, taken out here. */
static const struct command *by_mode(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        bool produce = !strcmp(argv[i], "-P"), consume = !strcmp(argv[i], "-C");
        if (!produce && !consume)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
        --*argc;
        return &cli_commands[produce ? 0 : 1];
    }
    return NULL;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct args args;
    int status = args_parse(&args, command, argc, argv);
    if (status < 0) { /* -h */
        args_help(command, stdout);
        status = EXIT_DONE;
    } else if (status == 0) {
        cli_catch_signals();
        status = command->run(&args);
    }
    args_free(&args);
    return status;
}

static int special(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        return printf("kurier %s\n", kurier_version()) < 0;
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
        help(stdout);
        return EXIT_DONE;
    }
    if (argc > 2 && !strcmp(word, "-X") && !strcmp(argv[2], "list")) {
        list_options();
        return EXIT_DONE;
    }
    return -1;
}

static int unknown(int argc, char **argv)
{
    if (argc > 1)
        fprintf(stderr, "kurier: there is no command \"%s%s%s\"\n", argv[1],
                argc > 2 && !strcmp(argv[1], "topic") ? " " : "",
                argc > 2 && !strcmp(argv[1], "topic") ? argv[2] : "");
    help(stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    int status = special(argc, argv);
    if (status >= 0)
        return status;
    for (const struct command *c = cli_commands; c->name; c++) {
        int words = matches(c, argc, argv);
        if (words)
            return run(c, argc - words, argv + words);
    }
    const struct command *mode = argc > 1 && argv[1][0] == '-' ? by_mode(&argc, argv) : NULL;
    return mode ? run(mode, argc, argv) : unknown(argc, argv);
}
