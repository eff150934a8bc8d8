/* SPDX-License-Identifier: Apache-2.0 */
/* libkurier as a peer; exchange.py tells what a peer program does. */
#include "tests/peers/corpus.h"
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer {
    const char *topic;
    struct words words;
    kurier_config *config;
};

static int complain(const char *what, const kurier_error *err)
{
    fprintf(stderr, "exchange: %s: %s\n", what, err->text);
    return 1;
}

/* ---- produce ---- */

static kurier_bytes kurier_view(struct bytes bytes)
{
    return kurier_bytes_of(bytes.data, bytes.size);
}

static kurier_code send_sample(kurier_topic *topic, const struct sample *s, kurier_error *err)
{
    kurier_header headers[3];
    for (size_t h = 0; h < s->header_count; h++)
        headers[h] = (kurier_header){s->headers[h].name, kurier_view(s->headers[h].value)};
    kurier_record record = {.key = kurier_view(s->key),
                            .value = kurier_view(s->value),
                            .headers = headers,
                            .header_count = (uint32_t)s->header_count,
                            .timestamp_ms = s->timestamp_ms,
                            .flags = KURIER_TO_PARTITION};
    return kurier_topic_send(topic, &record, err);
}

static int produce(const struct peer *peer)
{
    kurier_error err;
    struct sample sample;
    kurier_producer *producer = kurier_producer_new(NULL, peer->config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, peer->topic, &err) : NULL;
    int failed = topic ? 0 : complain("producer", &err);
    for (int i = 0; !failed && i < peer->words.count + peer->words.large; i++) {
        sample_make(&sample, &peer->words, i);
        if (send_sample(topic, &sample, &err))
            failed = complain("send", &err);
    }
    size_t lost = producer ? kurier_producer_close(producer, PATIENCE_MS, &err) : 0;
    if (lost)
        failed = complain("close", &err);
    kurier_report report;
    if (lost && kurier_producer_poll(producer, &report, 1, 0, NULL)) {
        kurier_report_error(&report, &err);
        complain("the first that was not delivered", &err);
    }
    kurier_producer_free(producer);
    return failed;
}

/* ---- verify ---- */

static void sample_of(struct sample *s, const kurier_record *record)
{
    kurier_bytes name, value;
    size_t at = 0;
    *s = (struct sample){.key = {record->key.data, record->key.size},
                         .value = {record->value.data, record->value.size},
                         .timestamp_ms = record->timestamp_ms,
                         .offset = record->offset};
    for (; s->header_count < 3 && kurier_record_header(record, &at, &name, &value);
         s->header_count++) {
        s->headers[s->header_count].name = name.data;
        s->headers[s->header_count].name_size = name.size;
        s->headers[s->header_count].value = (struct bytes){value.data, value.size};
    }
}

/* Reads the next record, which must be number i. */
static bool next_is(kurier_consumer *consumer, const struct peer *peer, int i)
{
    kurier_error err;
    kurier_record record;
    struct sample got, want;
    if (!kurier_consumer_next(consumer, &record, PATIENCE_MS, &err))
        return !complain("next", &err);
    sample_of(&got, &record);
    sample_make(&want, &peer->words, i);
    const char *wrong = sample_difference(&got, &want);
    if (wrong)
        fprintf(stderr, "exchange: record %d has another %s\n", i, wrong);
    return !wrong;
}

static kurier_consumer *consumer_open(const struct peer *peer)
{
    kurier_error err;
    kurier_consumer *consumer = kurier_consumer_new(NULL, peer->config, &err);
    if (!consumer)
        complain("consumer", &err);
    return consumer;
}

static bool assign(kurier_consumer *consumer, const struct peer *peer, int64_t offset)
{
    kurier_error err;
    kurier_position from = kurier_at(peer->topic, 0, offset);
    return !kurier_consumer_assign(consumer, &from, 1, &err) || !complain("assign", &err);
}

static int verify(const struct peer *peer)
{
    kurier_error err;
    kurier_record record;
    kurier_consumer *consumer = consumer_open(peer);
    bool good = consumer && assign(consumer, peer, KURIER_BEGINNING);
    for (int i = 0; good && i < peer->words.count + peer->words.large; i++)
        good = next_is(consumer, peer, i);
    if (good && kurier_consumer_next(consumer, &record, 0, &err)) {
        fprintf(stderr, "exchange: there is more than was sent\n");
        good = false;
    }
    kurier_consumer_free(consumer);
    return !good;
}

/* ---- seek ---- */

/* The broker names the record that is asked for, and that is what is read there. */
static bool found(kurier_consumer *consumer, const struct peer *peer, const struct asked *asked)
{
    kurier_error err;
    kurier_position at = kurier_at(peer->topic, 0, 0);
    at.timestamp_ms = asked->time_ms;
    if (kurier_consumer_offsets_for_times(consumer, &at, 1, PATIENCE_MS, &err))
        return !complain("offsets_for_times", &err);
    if (at.offset != (asked->record < 0 ? KURIER_END : asked->record)) {
        fprintf(stderr, "exchange: %lld for record %d's time\n", (long long)at.offset,
                asked->record);
        return false;
    }
    return asked->record < 0 ||
           (assign(consumer, peer, at.offset) && next_is(consumer, peer, asked->record));
}

static int seek(const struct peer *peer)
{
    struct asked asked[ASKED];
    kurier_consumer *consumer = consumer_open(peer);
    bool good = consumer != NULL;
    asked_make(asked, &peer->words);
    for (int k = 0; good && k < ASKED; k++)
        good = found(consumer, peer, &asked[k]);
    kurier_consumer_free(consumer);
    return !good;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct peer *);
    } commands[] = {{"produce", produce}, {"verify", verify}, {"seek", seek}};
    struct peer peer = {.config = kurier_config_new()};
    int status = 2;
    if (argc < 4 || !peer.config || !words_read(&peer.words, argv + 4, argc - 4)) {
        fprintf(stderr, "usage: exchange produce|verify|seek ADDRESS TOPIC [WORD=VALUE]...\n");
        return status;
    }
    peer.topic = argv[3];
    kurier_config_set(peer.config, "bootstrap.servers", argv[2]);
    kurier_config_set(peer.config, "fetch.max.wait.ms", "10"); /* what a seek may wait for */
    kurier_config_set(peer.config, "compression.type", peer.words.codec);
    kurier_config_set(peer.config, "enable.idempotence", peer.words.idempotent);
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
        if (!strcmp(argv[1], commands[c].name))
            status = commands[c].run(&peer);
    kurier_config_free(peer.config);
    return status;
}
