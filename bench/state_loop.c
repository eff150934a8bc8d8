/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_loop BROKERS SECONDS: what heavy work on the broker's state loop costs
 * the others. Metadata is asked for over a connection of its own, a request
 * every millisecond, first on an idle broker, then beside 64 producers of 16 KB
 * batches with acks=all, then with a stream of 1 MB zstd batches as well. Prints
 * p50, p99 and the longest answer of each, in microseconds.
 */
#include <kurier/kurier.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PRODUCERS = 64, SMALL = 16 * 1024, LARGE = 1000 * 1000, MOST = 1 << 20 };

static atomic_bool stop;
static const char *brokers;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "state_loop: %s: %s\n", what, why);
    exit(1);
}

/* ---- The load -----------------------------------------------------------------*/

struct load {
    pthread_t thread;
    size_t bytes;
    const char *codec;
    int number;
    long sent;
};

/* Half of it noise, so that zstd has something to do. */
static char *make_value(size_t bytes)
{
    char *value = malloc(bytes);
    if (!value)
        die("value", "no memory");
    for (size_t i = 0; i < bytes; i++)
        value[i] = (char)(i % 2 ? rand() : 'a' + (int)(i / 64) % 20);
    return value;
}

static void *run_load(void *ctx)
{
    struct load *load = ctx;
    kurier_error err;
    char name[32], *value = make_value(load->bytes);
    snprintf(name, sizeof name, "load-%d", load->number);
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", brokers);
    kurier_config_set(config, "compression.type", load->codec);
    kurier_config_set(config, "max.request.size", "2000000");
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, name, &err) : NULL;
    if (!topic)
        die("producer", err.text);
    while (!atomic_load(&stop)) {
        kurier_record record = {.value = {value, load->bytes}, .opaque = 1};
        kurier_report report;
        if (kurier_topic_send_wait(topic, &record, &report, 60000, &err))
            die("send", err.text);
        load->sent++;
    }
    kurier_producer_close(producer, 10000, NULL);
    kurier_producer_free(producer);
    kurier_config_free(config);
    free(value);
    return NULL;
}

static void begin(struct load *load, int number, size_t bytes, const char *codec)
{
    *load = (struct load){.bytes = bytes, .codec = codec, .number = number};
    pthread_create(&load->thread, NULL, run_load, load);
}

/* ---- The probe ------------------------------------------------------------------*/

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char host[64];
    int port;
    if (sscanf(brokers, "%63[^:]:%d", host, &port) != 2 || !inet_aton(host, &to.sin_addr))
        die(brokers, "an IPv4 address and a port are needed");
    to.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("connect", brokers);
    return fd;
}

static void read_exactly(int fd, void *to, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = read(fd, (char *)to + got, size - got);
        if (n <= 0)
            die("read", "the broker went away");
        got += (size_t)n;
    }
}

static double ask(int fd)
{
    /* Metadata version 1, correlation 7, no client id, no topic at all. */
    static const uint8_t request[] = {0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0};
    static uint8_t answer[1 << 16];
    uint32_t size;
    double start = now_us();
    if (write(fd, request, sizeof request) != sizeof request)
        die("write", "cut");
    read_exactly(fd, &size, sizeof size);
    if (ntohl(size) > sizeof answer)
        die("answer", "too large");
    read_exactly(fd, answer, ntohl(size));
    return now_us() - start;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void probe(const char *what, int seconds)
{
    static double took[MOST];
    size_t n = 0;
    int fd = dial();
    double end = now_us() + seconds * 1e6;
    struct timespec pause = {.tv_nsec = 1000000};
    while (now_us() < end && n < MOST) {
        took[n++] = ask(fd);
        nanosleep(&pause, NULL);
    }
    close(fd);
    qsort(took, n, sizeof *took, compare);
    printf("%s: Metadata p50 %.0f us, p99 %.0f us, longest %.0f us (%zu asked)\n", what,
           took[n / 2], took[n * 99 / 100], took[n - 1], n);
}

int main(int argc, char **argv)
{
    static struct load loads[PRODUCERS + 1];
    if (argc != 3) {
        fprintf(stderr, "usage: state_loop BROKERS SECONDS\n");
        return 2;
    }
    brokers = argv[1];
    int seconds = atoi(argv[2]);
    probe("idle", seconds);
    for (int i = 1; i <= PRODUCERS; i++)
        begin(&loads[i], i, SMALL, "none");
    probe("beside 64 producers", seconds);
    begin(&loads[0], 0, LARGE, "zstd");
    probe("and a 1 MB zstd stream", seconds);
    atomic_store(&stop, true);
    long small = 0;
    for (int i = 0; i <= PRODUCERS; i++) {
        pthread_join(loads[i].thread, NULL);
        small += i ? loads[i].sent : 0;
    }
    printf("load: %ld batches of 16 KB in %d s, %ld of 1 MB in %d s\n", small, 2 * seconds,
           loads[0].sent, seconds);
    return 0;
}
