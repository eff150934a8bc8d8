/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a group, in one process over one runtime:
 *
 *   group_members first BROKERS TOPIC GROUP PROTOCOL     joins alone and reads one record
 *   group_members many BROKERS TOPIC GROUP PROTOCOL N    N members join, one partition for each
 *
 * prints milliseconds: from making the consumer to its first record; from the
 * last member's subscribing until each has its partition.
 */
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 120000 };

_Noreturn static void fail(const char *what, const kurier_error *err)
{
    fprintf(stderr, "group_members: %s: %s\n", what, err->text);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static kurier_consumer *join(kurier_runtime *runtime, char **argv)
{
    kurier_error err;
    const char *const topics[] = {argv[3]};
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[2]);
    kurier_config_set(config, "group.id", argv[4]);
    kurier_config_set(config, "group.protocol", argv[5]);
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_consumer *consumer = kurier_consumer_new(runtime, config, &err);
    kurier_config_free(config);
    if (!consumer || kurier_consumer_subscribe(consumer, topics, 1, &err))
        fail("subscribe", &err);
    return consumer;
}

static void first(char **argv)
{
    kurier_error err;
    kurier_record record;
    double start = now_ms();
    kurier_consumer *consumer = join(NULL, argv);
    if (!kurier_consumer_next(consumer, &record, PATIENCE_MS, &err))
        fail("next", &err);
    printf("%.1f\n", now_ms() - start);
    kurier_consumer_close(consumer, PATIENCE_MS, NULL);
    kurier_consumer_free(consumer);
}

/* Each has one, and no two the same. */
static bool settled(kurier_consumer **consumers, int n, bool *taken)
{
    kurier_position at[2];
    memset(taken, 0, (size_t)n * sizeof *taken);
    for (int i = 0; i < n; i++) {
        if (kurier_consumer_assignment(consumers[i], at, 2) != 1 || taken[at[0].partition])
            return false;
        taken[at[0].partition] = true;
    }
    return true;
}

static void many(char **argv, int n)
{
    kurier_error err;
    kurier_runtime *runtime = kurier_runtime_new(KURIER_THREADED, NULL, &err);
    kurier_consumer **consumers = calloc((size_t)n, sizeof *consumers);
    bool *taken = calloc((size_t)n, sizeof *taken);
    if (!runtime || !consumers || !taken)
        fail("runtime", &err);
    for (int i = 0; i < n; i++)
        consumers[i] = join(runtime, argv);
    double start = now_ms();
    while (!settled(consumers, n, taken))
        if (now_ms() > start + PATIENCE_MS) {
            fprintf(stderr, "group_members: they did not settle\n");
            exit(1);
        }
    printf("%.1f\n", now_ms() - start);
    fflush(stdout);
    _Exit(0);
}

int main(int argc, char **argv)
{
    if (argc == 6 && !strcmp(argv[1], "first"))
        first(argv);
    else if (argc == 7 && !strcmp(argv[1], "many"))
        many(argv, atoi(argv[6]));
    else
        return fprintf(stderr,
                       "usage: group_members first|many BROKERS TOPIC GROUP PROTOCOL [N]\n"),
               2;
    return 0;
}
