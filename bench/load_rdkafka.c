/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load.h"
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

static long reported;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk, (void)opaque;
    if (message->err)
        load_fail("report", rd_kafka_err2str(message->err));
    reported++;
}

static rd_kafka_t *handle(const struct load *load, rd_kafka_type_t type)
{
    static const char *const settings[][2] = {
        {"batch.size", "1000000"},      {"linger.ms", "5"},
        {"enable.idempotence", "true"}, {"queue.buffering.max.messages", "1000000"},
        {"group.id", "load"},           {"enable.auto.commit", "false"}};
    char err[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", load->brokers, err, sizeof err);
    bool producer = type == RD_KAFKA_PRODUCER;
    for (int i = producer ? 0 : 4; i < (producer ? 4 : 6); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], err, sizeof err))
            load_fail(settings[i][0], err);
    if (producer)
        rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *rk = rd_kafka_new(type, conf, err, sizeof err);
    if (!rk)
        load_fail("rd_kafka_new", err);
    return rk;
}

static void produce(const struct load *load)
{
    rd_kafka_t *rk = handle(load, RD_KAFKA_PRODUCER);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, load->topic, NULL);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(rk, 0, topic, &metadata, 60000))
        load_fail("metadata", "not within 60 s");
    rd_kafka_metadata_destroy(metadata);
    struct load_mark start = load_now();
    for (long i = 0; i < load->count; i++) {
        while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, load->value, load->bytes, NULL, 0,
                                NULL))
            rd_kafka_poll(rk, 10);
        if (i % 1000 == 999)
            rd_kafka_poll(rk, 0);
    }
    while (reported < load->count)
        rd_kafka_poll(rk, 1000);
    load_report(load, start);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

static long consume_batch(rd_kafka_queue_t *queue, uint64_t *sum)
{
    rd_kafka_message_t *messages[1000];
    long n = (long)rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
    for (long i = 0; i < n; i++) {
        *sum += messages[i]->len;
        rd_kafka_message_destroy(messages[i]);
    }
    return n > 0 ? n : 0;
}

static long consume_one(rd_kafka_t *rk, uint64_t *sum)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 1000);
    if (!message)
        return 0;
    *sum += message->len;
    rd_kafka_message_destroy(message);
    return 1;
}

static void consume(const struct load *load, bool one)
{
    rd_kafka_t *rk = handle(load, RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, load->topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    uint64_t sum = 0;
    long n = 0;
    struct load_mark start = load_now();
    rd_kafka_assign(rk, list);
    while (n < load->count)
        n += one ? consume_one(rk, &sum) : consume_batch(queue, &sum);
    load_report(load, start);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv)
{
    struct load load = load_parse(argc, argv);
    if (!strcmp(load.what, "produce"))
        produce(&load);
    else
        consume(&load, !strcmp(load.what, "consume-one"));
    free(load.value);
    return 0;
}
