/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/rdkafka.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void die(const char *form, ...)
{
    va_list args;
    va_start(args, form);
    fputs("rdkafka: ", stderr);
    vfprintf(stderr, form, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void expect(rd_kafka_resp_err_t err, const char *what)
{
    if (err)
        die("%s: %s", what, rd_kafka_err2str(err));
}

static int total(const struct peer *peer)
{
    return peer->words.count + peer->words.large;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        die("%s", text);
}

rd_kafka_t *client_new(const struct peer *peer, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[256];
    set(conf, "bootstrap.servers", peer->address);
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    if (!client)
        die("%s", text);
    return client;
}

/* ---- produce ---- */

/* Each record is delivered where it belongs; the opaque counts them. */
static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    int *delivered = opaque;
    (void)client;
    expect(message->err, "delivery");
    if (message->offset != *delivered)
        die("record %d got offset %lld", *delivered, (long long)message->offset);
    ++*delivered;
}

static void send_sample(rd_kafka_t *client, const char *topic, const struct sample *s)
{
    rd_kafka_resp_err_t err;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    for (size_t h = 0; h < s->header_count; h++)
        rd_kafka_header_add(headers, s->headers[h].name, -1, s->headers[h].value.data,
                            (ssize_t)s->headers[h].value.size);
    do {
        rd_kafka_headers_t *copy = rd_kafka_headers_copy(headers);
        err = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                RD_KAFKA_V_KEY(s->key.data, s->key.size),
                                RD_KAFKA_V_VALUE((void *)(uintptr_t)s->value.data, s->value.size),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_TIMESTAMP(s->timestamp_ms), RD_KAFKA_V_HEADERS(copy),
                                RD_KAFKA_V_END);
        if (err)
            rd_kafka_headers_destroy(copy);
        rd_kafka_poll(client, err ? 100 : 0);
    } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    expect(err, "produce");
    rd_kafka_headers_destroy(headers);
}

static void produce(const struct peer *peer)
{
    int delivered = 0;
    struct sample sample;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "compression.codec", peer->words.codec);
    set(conf, "enable.idempotence", peer->words.idempotent);
    set(conf, "message.max.bytes", "1100000");
    rd_kafka_conf_set_opaque(conf, &delivered);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_t *client = client_new(peer, RD_KAFKA_PRODUCER, conf);
    for (int i = 0; i < total(peer); i++) {
        sample_make(&sample, &peer->words, i);
        send_sample(client, peer->topic, &sample);
    }
    expect(rd_kafka_flush(client, PATIENCE_MS), "flush");
    if (delivered != total(peer))
        die("%d delivered", delivered);
    rd_kafka_destroy(client);
}

/* ---- verify, seek ---- */

static void sample_of(struct sample *s, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    rd_kafka_timestamp_type_t type;
    *s = (struct sample){.key = {message->key, message->key_len},
                         .value = {message->payload, message->len},
                         .timestamp_ms = rd_kafka_message_timestamp(message, &type),
                         .offset = message->offset};
    if (type != RD_KAFKA_TIMESTAMP_CREATE_TIME)
        die("record %d has no time of its creation", (int)message->offset);
    if (rd_kafka_message_headers(message, &headers))
        return;
    for (; s->header_count < 3; s->header_count++) {
        const char *name;
        struct bytes *value = &s->headers[s->header_count].value;
        if (rd_kafka_header_get_all(headers, s->header_count, &name, &value->data, &value->size))
            return;
        s->headers[s->header_count].name = name;
        s->headers[s->header_count].name_size = strlen(name);
    }
}

static rd_kafka_t *consumer_new(const struct peer *peer)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", "exchange");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "10");
    rd_kafka_t *client = client_new(peer, RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(client);
    return client;
}

/* Reads records `from` until `end` from offset `from` on. */
static void read_records(rd_kafka_t *client, const struct peer *peer, int from, int end)
{
    rd_kafka_topic_partition_list_t *where = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(where, peer->topic, 0)->offset = from;
    expect(rd_kafka_assign(client, where), "assign");
    rd_kafka_topic_partition_list_destroy(where);
    for (int i = from; i < end; i++) {
        struct sample got, want;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, PATIENCE_MS);
        if (!message)
            die("record %d did not come", i);
        expect(message->err, "consume");
        sample_of(&got, message);
        sample_make(&want, &peer->words, i);
        const char *wrong = sample_difference(&got, &want);
        if (wrong)
            die("record %d has another %s", i, wrong);
        rd_kafka_message_destroy(message);
    }
}

void expect_bounds(rd_kafka_t *client, const struct peer *peer, int64_t first)
{
    int64_t low, high;
    expect(rd_kafka_query_watermark_offsets(client, peer->topic, 0, &low, &high, PATIENCE_MS),
           "watermarks");
    if (low != first || high != total(peer))
        die("from %lld to %lld", (long long)low, (long long)high);
}

static void consumer_free(rd_kafka_t *client)
{
    expect(rd_kafka_consumer_close(client), "close");
    rd_kafka_destroy(client);
}

static void verify(const struct peer *peer)
{
    rd_kafka_t *client = consumer_new(peer);
    read_records(client, peer, 0, total(peer));
    expect_bounds(client, peer, 0);
    consumer_free(client);
}

/* The broker names the record that is asked for, and that is what is read there. */
static void find(rd_kafka_t *client, const struct peer *peer, const struct asked *asked)
{
    rd_kafka_topic_partition_list_t *where = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(where, peer->topic, 0)->offset = asked->time_ms;
    expect(rd_kafka_offsets_for_times(client, where, PATIENCE_MS), "offsets_for_times");
    expect(where->elems[0].err, "offsets_for_times");
    if (where->elems[0].offset != (asked->record < 0 ? RD_KAFKA_OFFSET_END : asked->record))
        die("%lld for record %d's time", (long long)where->elems[0].offset, asked->record);
    rd_kafka_topic_partition_list_destroy(where);
    if (asked->record >= 0)
        read_records(client, peer, asked->record, asked->record + 1);
}

static void seek(const struct peer *peer)
{
    struct asked asked[ASKED];
    rd_kafka_t *client = consumer_new(peer);
    asked_make(asked, &peer->words);
    for (int k = 0; k < ASKED; k++)
        find(client, peer, &asked[k]);
    consumer_free(client);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct peer *);
    } commands[] = {
        {"produce", produce}, {"verify", verify}, {"seek", seek}, {"admin", administer}};
    struct peer peer;
    if (argc < 4 || !words_read(&peer.words, argv + 4, argc - 4))
        die("usage: COMMAND ADDRESS TOPIC [WORD=VALUE]...");
    peer.address = argv[2];
    peer.topic = argv[3];
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
        if (!strcmp(argv[1], commands[c].name))
            return commands[c].run(&peer), 0;
    die("no command %s", argv[1]);
}
