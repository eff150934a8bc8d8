/* SPDX-License-Identifier: Apache-2.0 */
/* copier BROKERS FROM TO NAME: copies a topic into another, each record once, however often
 * it is killed. Copiers with other names, each one's own, share the work. */
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    stop = number;
}

/* Sends what up to 16 batches hold, the records as they were read. */
static void copy(kurier_consumer *from, kurier_topic *to, kurier_error *err)
{
    kurier_batch *batches[16];
    kurier_record record;
    size_t n = kurier_consumer_poll(from, batches, 16, 1000, err);
    bool sent = n > 0;
    for (size_t i = 0; i < n; i++) {
        while (sent && kurier_batch_next(batches[i], &record))
            sent = !kurier_topic_send(to, &record, err);
        if (sent)
            kurier_batch_done(batches[i]);
        else
            kurier_batch_release(batches[i]); /* so kurier_txn_end will abort */
    }
    if (err->code && err->code != KURIER_E_INTERRUPTED)
        fprintf(stderr, "%s\n", err->text);
}

/* True: go round again. An abort has put the consumer back where it began. */
static bool round_trip(kurier_producer *producer, kurier_consumer *from, kurier_topic *to,
                       kurier_error *err)
{
    if (kurier_txn_begin(producer, 30000, err))
        return err->classes & KURIER_RETRIABLE;
    copy(from, to, err);
    while (kurier_txn_end(producer, 30000, err) && err->classes & KURIER_RETRIABLE)
        ; /* it goes on behind; the outcome must be heard */
    return !err->code || err->code == KURIER_E_TXN_ABORTED;
}

int main(int argc, char **argv)
{
    kurier_error err = {0};
    if (argc != 5)
        return fprintf(stderr, "usage: %s BROKERS FROM TO NAME\n", argv[0]), 2;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    kurier_config *config = kurier_config_new(); /* one serves both */
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    kurier_config_set(config, "group.id", "copiers");
    kurier_config_set(config, "isolation.level", "read_committed");
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_config_set(config, "transactional.id", argv[4]);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_producer *producer = consumer ? kurier_producer_new(NULL, config, &err) : NULL;
    kurier_topic *to = producer ? kurier_producer_topic(producer, argv[3], &err) : NULL;
    kurier_config_free(config);

    const char *from = argv[2];
    bool go = to && !kurier_txn_attach(producer, consumer, &err) &&
              !kurier_consumer_subscribe(consumer, &from, 1, &err);
    while (go && !stop)
        go = round_trip(producer, consumer, to, &err);
    if (!go)
        fprintf(stderr, "%s\n", err.text);
    if (consumer)
        kurier_consumer_close(consumer, 5000, NULL);
    kurier_producer_free(producer);
    kurier_consumer_free(consumer);
    return !go;
}
