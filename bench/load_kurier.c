/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load.h"
#include <kurier/kurier.h>

enum { PATIENCE_MS = 120000 };

static long take_reports(kurier_producer *producer, int timeout_ms)
{
    kurier_report reports[1000];
    kurier_error err;
    size_t n = kurier_producer_poll(producer, reports, 1000, timeout_ms, &err);
    for (size_t i = 0; i < n; i++)
        if (reports[i].code) {
            kurier_report_error(&reports[i], &err);
            load_fail("report", err.text);
        }
    return (long)n;
}

enum { EACH = 1000 };

/* flushed: every so many records, as often as a transaction would end. */
static void produce(const struct load *load, const kurier_config *config, bool flushed)
{
    kurier_error err;
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, load->topic, &err) : NULL;
    if (!topic || kurier_client_ready(kurier_producer_client(producer), PATIENCE_MS, &err))
        load_fail("producer", err.text);
    struct load_mark start = load_now();
    long reported = 0;
    for (long i = 0; i < load->count; i++) {
        kurier_record record = {.value = {load->value, load->bytes}, .opaque = (uint64_t)i + 1};
        if (kurier_topic_send(topic, &record, &err))
            load_fail("send", err.text);
        if (flushed && i % EACH == EACH - 1 && kurier_producer_flush(producer, PATIENCE_MS, &err))
            load_fail("flush", err.text);
        if (i % EACH == EACH - 1)
            reported += take_reports(producer, 0);
    }
    while (reported < load->count)
        reported += take_reports(producer, 1000);
    load_report(load, start);
    kurier_producer_close(producer, PATIENCE_MS, NULL);
    kurier_producer_free(producer);
}

/* The same in transactions of so many. */
static void produce_transactions(const struct load *load, const kurier_config *config)
{
    kurier_error err;
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, load->topic, &err) : NULL;
    if (!topic || kurier_txn_init(producer, PATIENCE_MS, &err))
        load_fail("producer", err.text);
    struct load_mark start = load_now();
    long reported = 0;
    for (long i = 0; i < load->count; i++) {
        kurier_record record = {.value = {load->value, load->bytes}, .opaque = (uint64_t)i + 1};
        if (i % EACH == 0 && kurier_txn_begin(producer, PATIENCE_MS, &err))
            load_fail("begin", err.text);
        if (kurier_topic_send(topic, &record, &err))
            load_fail("send", err.text);
        if (i % EACH != EACH - 1 && i + 1 < load->count)
            continue;
        if (kurier_txn_commit(producer, PATIENCE_MS, &err))
            load_fail("commit", err.text);
        reported += take_reports(producer, 0);
    }
    while (reported < load->count)
        reported += take_reports(producer, 1000);
    load_report(load, start);
    kurier_producer_close(producer, PATIENCE_MS, NULL);
    kurier_producer_free(producer);
}

static long consume_batches(kurier_consumer *consumer, uint64_t *sum)
{
    kurier_batch *batches[64];
    kurier_record record;
    kurier_error err;
    long n = 0;
    size_t count = kurier_consumer_poll(consumer, batches, 64, 1000, &err);
    if (err.code)
        load_fail("poll", err.text);
    for (size_t i = 0; i < count; i++) {
        for (; kurier_batch_next(batches[i], &record); n++)
            *sum += record.value.size;
        kurier_batch_done(batches[i]);
    }
    return n;
}

static long consume_one(kurier_consumer *consumer, uint64_t *sum)
{
    kurier_record record;
    kurier_error err;
    if (!kurier_consumer_next(consumer, &record, 1000, &err)) {
        if (err.code)
            load_fail("next", err.text);
        return 0;
    }
    *sum += record.value.size;
    return 1;
}

static void consume(const struct load *load, const kurier_config *config, bool one)
{
    kurier_error err;
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_position from = kurier_at(load->topic, 0, KURIER_BEGINNING);
    if (!consumer || kurier_consumer_assign(consumer, &from, 1, &err))
        load_fail("consumer", err.text);
    uint64_t sum = 0;
    long n = 0;
    struct load_mark start = load_now();
    while (n < load->count)
        n += one ? consume_one(consumer, &sum) : consume_batches(consumer, &sum);
    if (sum < (uint64_t)load->count * load->bytes)
        load_fail("consume", "fewer bytes came than were sent");
    load_report(load, start);
    kurier_consumer_close(consumer, PATIENCE_MS, NULL);
    kurier_consumer_free(consumer);
}

int main(int argc, char **argv)
{
    struct load load = load_parse(argc, argv);
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", load.brokers);
    kurier_config_set(config, "batch.size", "1000000");
    kurier_config_set(config, "linger.ms", "5");
    if (!strcmp(load.what, "produce") || !strcmp(load.what, "produce-flush"))
        produce(&load, config, !strcmp(load.what, "produce-flush"));
    else if (!strcmp(load.what, "produce-txn")) {
        kurier_config_set(config, "transactional.id", "load");
        produce_transactions(&load, config);
    } else
        consume(&load, config, !strcmp(load.what, "consume-one"));
    kurier_config_free(config);
    free(load.value);
    return 0;
}
