/* SPDX-License-Identifier: Apache-2.0 */
/* kurierd: one broker as a process. */
#include "broker/broker.h"
#include "config.h"
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char usage[] =
    "kurierd [FILE.properties] [-o KEY=VALUE]...\n"
    "\n"
    "A broker for the Kafka protocol. Without arguments it serves 127.0.0.1:9092 from\n"
    "./kurier-data. When it serves it says so in one line on standard output; its log\n"
    "goes to standard error. SIGTERM and SIGINT stop it cleanly.\n"
    "\n"
    "  -o, --option KEY=VALUE  sets one key; wins over the file; also --override\n"
    "      --config-docs       every key, its range, its default and what it does\n"
    "      --version\n"
    "  -h, --help\n";

static int complain(const struct kb_error *err)
{
    fprintf(stderr, "kurierd: %s\n", err->text);
    return 1;
}

/* ---- Arguments ---------------------------------------------------------- */

static int set_option(struct kd_broker *broker, char *text, struct kb_error *err)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return kb_error_set(err, KB_E_BAD_CONFIG, "-o %s: KEY=VALUE is missing its '='", text);
    *equals = 0;
    return kd_broker_set(broker, text, equals + 1, err);
}

/* The file first, wherever it stands, then the options in their order. */
static int configure(struct kd_broker *broker, int argc, char **argv, char **options,
                     int option_count, struct kb_error *err)
{
    int code = 0;
    if (argc - optind > 1)
        return kb_error_set(err, KB_E_BAD_CONFIG, "one configuration file at most; see --help");
    if (argc - optind == 1)
        code = kd_broker_load(broker, argv[optind], err);
    for (int i = 0; !code && i < option_count; i++)
        code = set_option(broker, options[i], err);
    return code;
}

/* Answers the exit status, or -1 to go on; options[] gets what -o said. */
static int parse(int argc, char **argv, char **options, int *option_count)
{
    enum { SHOW_DOCS = 256, SHOW_VERSION };
    static const struct option names[] = {{"option", required_argument, NULL, 'o'},
                                          {"override", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"config-docs", no_argument, NULL, SHOW_DOCS},
                                          {"version", no_argument, NULL, SHOW_VERSION},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "o:h", names, NULL)) >= 0) {
        switch (option) {
        case 'o':
            options[(*option_count)++] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case SHOW_DOCS:
            kd_broker_print_docs(stdout);
            return 0;
        case SHOW_VERSION:
            puts("kurierd " PACKAGE_VERSION);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    return -1;
}

/* ---- Serving ------------------------------------------------------------ */

/* On the broker's thread: it cannot go on. */
static void on_failed(void *ctx, const struct kb_error *err)
{
    const int *bell = ctx;
    uint64_t one = 1;
    (void)err;
    if (write(*bell, &one, sizeof one) < 0)
        abort();
}

/* A descriptor per connection and per open segment: all that we may have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(struct kd_broker *broker, int64_t began_ns, int signals, int bell)
{
    struct kb_error err;
    if (kd_broker_start(broker, &err))
        return complain(&err);
    printf("kurierd ready node=%d listeners=%s startup_ms=%lld\n", kd_broker_node_id(broker),
           kd_broker_listeners(broker), (long long)((kb_mono_ns() - began_ns) / 1000000));
    fflush(stdout);
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = bell, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        ;
    kd_broker_stop(broker);
    return fds[1].revents ? 1 : 0;
}

int main(int argc, char **argv)
{
    int64_t began_ns = kb_mono_ns();
    char **options = calloc((size_t)argc, sizeof *options);
    int option_count = 0, bell = eventfd(0, EFD_CLOEXEC);
    int status = options && bell >= 0 ? parse(argc, argv, options, &option_count) : 1;
    if (status < 0) {
        int signals = catch_signals();
        raise_descriptors();
        struct kb_error err;
        struct kb_log *log = kb_log_fd_new(STDERR_FILENO, KB_LOG_INFO);
        struct kd_broker_options made = {.log = log, .events.failed = on_failed, .ctx = &bell};
        struct kd_broker *broker = kd_broker_new(&made, &err);
        if (!broker || configure(broker, argc, argv, options, option_count, &err))
            status = complain(&err);
        else
            status = serve(broker, began_ns, signals, bell);
        kd_broker_free(broker);
        kb_log_fd_free(log);
        close(signals);
    }
    free(options);
    close(bell);
    return status;
}
