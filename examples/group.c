/* SPDX-License-Identifier: Apache-2.0 */
/* group BROKERS GROUP TOPIC...: shares the topics with the other members of the
 * group, and prints what comes until interrupted. What was printed is committed,
 * so that whoever comes next goes on behind it. */
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>

static kurier_client *client;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    stop = number;
    kurier_client_wake(client); /* ends the wait below */
}

/* A member's time is up if it does not poll for max.poll.interval.ms: it is told, and
 * goes on with what the group gives it then. */
static int is_final(const kurier_error *err)
{
    return err->code && err->code != KURIER_E_INTERRUPTED && err->code != KURIER_E_LEASE_EXPIRED;
}

int main(int argc, char **argv)
{
    kurier_error err;
    if (argc < 4) {
        fprintf(stderr, "usage: %s BROKERS GROUP TOPIC...\n", argv[0]);
        return 2;
    }
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    kurier_config_set(config, "group.id", argv[2]);
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!consumer || kurier_consumer_subscribe(consumer, (const char *const *)argv + 3,
                                               (size_t)argc - 3, &err)) {
        fprintf(stderr, "%s\n", err.text);
        kurier_consumer_free(consumer);
        return 1;
    }
    client = kurier_consumer_client(consumer);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    kurier_record record;
    while (!stop) {
        if (kurier_consumer_next(consumer, &record, KURIER_FOREVER, &err)) {
            printf("%s[%d]@%lld: %.*s\n", record.topic, record.partition, (long long)record.offset,
                   (int)record.value.size,
                   record.value.data ? (const char *)record.value.data : "");
            fflush(stdout);
            kurier_consumer_finish(consumer); /* now it may be committed */
        } else if (is_final(&err))
            break;
    }
    if (!stop)
        fprintf(stderr, "%s\n", err.text);
    kurier_consumer_close(consumer, 5000, NULL); /* commits, and leaves the group */
    kurier_consumer_free(consumer);
    return !stop;
}
