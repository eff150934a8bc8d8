/* SPDX-License-Identifier: Apache-2.0 */
/* consume BROKERS TOPIC PARTITION: prints what is there, then what comes, until
 * interrupted. */
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static kurier_client *client;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    stop = number;
    kurier_client_wake(client); /* ends the wait below */
}

int main(int argc, char **argv)
{
    kurier_error err;
    if (argc != 4) {
        fprintf(stderr, "usage: %s BROKERS TOPIC PARTITION\n", argv[0]);
        return 2;
    }
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    kurier_position from = kurier_at(argv[2], atoi(argv[3]), KURIER_BEGINNING);
    if (!consumer || kurier_consumer_assign(consumer, &from, 1, &err)) {
        fprintf(stderr, "%s\n", err.text);
        kurier_consumer_free(consumer);
        return 1;
    }
    client = kurier_consumer_client(consumer);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    kurier_record record;
    while (!stop) {
        if (kurier_consumer_next(consumer, &record, KURIER_FOREVER, &err))
            printf("%s[%d]@%lld: %.*s\n", record.topic, record.partition, (long long)record.offset,
                   (int)record.value.size,
                   record.value.data ? (const char *)record.value.data : "");
        else if (err.code != KURIER_E_INTERRUPTED)
            break;
        fflush(stdout);
    }
    if (!stop)
        fprintf(stderr, "%s\n", err.text);
    kurier_consumer_close(consumer, 5000, NULL);
    kurier_consumer_free(consumer);
    return !stop;
}
