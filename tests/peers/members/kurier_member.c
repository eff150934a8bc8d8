/* SPDX-License-Identifier: Apache-2.0 */
/* libkurier as a member of a group; members.py tells what a member says. */
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLOSE_MS = 10000 };

static volatile sig_atomic_t ending;
static kurier_client *client;

static void on_signal(int number)
{
    (void)number;
    ending = 1;
    kurier_client_wake(client);
}

_Noreturn static void die(const char *what, const kurier_error *err)
{
    fprintf(stderr, "kurier_member: %s: %s\n", what, err->text);
    exit(1);
}

static void say_when(const char *what)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld %s", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, what);
}

static void say(const char *what, const kurier_position *positions, size_t n)
{
    say_when(what);
    for (size_t i = 0; i < n; i++)
        printf(" %d", positions[i].partition);
    printf("\n");
    fflush(stdout);
}

static void on_assigned(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                        size_t n)
{
    (void)ctx;
    (void)consumer;
    say("assigned", positions, n);
}

static void on_revoked(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                       size_t n)
{
    (void)ctx;
    (void)consumer;
    say("revoked", positions, n);
}

static void on_lost(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                    size_t n)
{
    (void)ctx;
    (void)consumer;
    say("lost", positions, n);
}

static kurier_config *configure(char **argv)
{
    static const kurier_rebalance_listener listener = {
        .assigned = on_assigned, .revoked = on_revoked, .lost = on_lost};
    char beat_ms[16];
    bool modern = !strcmp(argv[4], "consumer");
    kurier_config *config = kurier_config_new();
    snprintf(beat_ms, sizeof beat_ms, "%d", atoi(argv[5]) / 6);
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    kurier_config_set(config, "group.id", argv[3]);
    kurier_config_set(config, "group.protocol", modern ? "consumer" : "classic");
    if (!modern) {
        kurier_config_set(config, "partition.assignment.strategy", argv[4]);
        kurier_config_set(config, "session.timeout.ms", argv[5]);
        kurier_config_set(config, "heartbeat.interval.ms", beat_ms);
    }
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_config_set(config, "fetch.max.wait.ms", "100");
    kurier_config_set_rebalance_listener(config, &listener);
    return config;
}

static void consume(kurier_consumer *consumer)
{
    kurier_record record;
    kurier_error err;
    if (kurier_consumer_next(consumer, &record, 1000, &err)) {
        say_when("read");
        printf(" %d %lld\n", record.partition, (long long)record.offset);
        fflush(stdout);
        kurier_consumer_finish(consumer);
    } else if (err.code && err.code != KURIER_E_INTERRUPTED) {
        say_when("# next: ");
        printf("%s\n", err.text);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    kurier_error err;
    if (argc != 6) {
        fprintf(stderr, "usage: kurier_member ADDRESS TOPIC GROUP STRATEGY SESSION_MS\n");
        return 2;
    }
    kurier_config *config = configure(argv);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!consumer)
        die("new", &err);
    client = kurier_consumer_client(consumer);
    signal(SIGTERM, on_signal);
    const char *const topics[] = {argv[2]};
    if (kurier_consumer_subscribe(consumer, topics, 1, &err))
        die("subscribe", &err);
    while (!ending)
        consume(consumer);
    /* close alone calls no listener. */
    if (kurier_consumer_unsubscribe(consumer, CLOSE_MS, &err))
        die("unsubscribe", &err);
    if (kurier_consumer_close(consumer, CLOSE_MS, &err))
        die("close", &err);
    kurier_consumer_free(consumer);
    say_when("left\n");
    return 0;
}
