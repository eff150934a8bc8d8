/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka in transactions; transactors.py tells what such a program does. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 60000, LINE = 256 };

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "rdkafka_txn: %s: %s\n", what, why);
    exit(1);
}

static void good(const char *what, rd_kafka_error_t *error)
{
    if (error)
        die(what, rd_kafka_error_string(error));
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why))
        die(key, why);
}

static rd_kafka_t *client_of(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (!client)
        die("new", why);
    return client;
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (message->err && message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE)
        die("report", rd_kafka_err2str(message->err));
}

/* ---- write ADDRESS TOPIC NAME INPUT ---- */

static void send_one(rd_kafka_t *client, const char *topic, const char *name, int partition,
                     const char *value)
{
    rd_kafka_resp_err_t err = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(name, strlen(name)), RD_KAFKA_V_VALUE((void *)value, strlen(value)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (err)
        die("send", rd_kafka_err2str(err));
}

static void send_offset(rd_kafka_t *client, const char *name, const char *input, long offset)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(name);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, input, 0)->offset = offset;
    good("offset", rd_kafka_send_offsets_to_transaction(client, list, group, WAIT_MS));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
}

static void step(rd_kafka_t *client, char **argv, char *line)
{
    char *word = strtok(line, " \n"), *number = strtok(NULL, " \n"), *value = strtok(NULL, "\n");
    if (!strcmp(word, "begin")) {
        good(word, rd_kafka_begin_transaction(client));
    } else if (!strcmp(word, "send")) {
        send_one(client, argv[3], argv[4], atoi(number), value);
    } else if (!strcmp(word, "flush")) {
        if (rd_kafka_flush(client, WAIT_MS))
            die("flush", "not in time");
    } else if (!strcmp(word, "offset")) {
        send_offset(client, argv[4], argv[5], atol(number));
    } else if (!strcmp(word, "commit")) {
        good(word, rd_kafka_commit_transaction(client, WAIT_MS));
    } else if (!strcmp(word, "abort")) {
        good(word, rd_kafka_abort_transaction(client, WAIT_MS));
    } else {
        die("no such step", word);
    }
}

static int write_as_told(char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "transactional.id", argv[4]);
    set(conf, "linger.ms", "0");
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *client = client_of(RD_KAFKA_PRODUCER, conf);
    good("init", rd_kafka_init_transactions(client, WAIT_MS));
    puts("ok");
    char line[LINE];
    while (fgets(line, sizeof line, stdin)) {
        step(client, argv, line);
        puts("ok");
    }
    rd_kafka_destroy(client);
    return 0;
}

/* ---- read ADDRESS TOPIC PARTITIONS ISOLATION ---- */

static bool is_last(const rd_kafka_message_t *message)
{
    return message->len == 3 && !memcmp(message->payload, "end", 3);
}

static int read_all(char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "group.id", "unused");
    set(conf, "isolation.level", argv[5]);
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "100");
    rd_kafka_t *client = client_of(RD_KAFKA_CONSUMER, conf);
    int left = atoi(argv[4]);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(left);
    for (int p = 0; p < left; p++)
        rd_kafka_topic_partition_list_add(all, argv[3], p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(client, all))
        die("assign", argv[3]);
    rd_kafka_topic_partition_list_destroy(all);
    while (left) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 1000);
        if (!message)
            continue;
        if (message->err)
            die("read", rd_kafka_message_errstr(message));
        left -= is_last(message);
        printf("%d %lld %.*s\n", message->partition, (long long)message->offset, (int)message->len,
               (const char *)message->payload);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 6 && !strcmp(argv[1], "write"))
        return write_as_told(argv);
    if (argc == 6 && !strcmp(argv[1], "read"))
        return read_all(argv);
    fprintf(stderr, "usage: rdkafka_txn write ADDRESS TOPIC NAME INPUT\n"
                    "       rdkafka_txn read ADDRESS TOPIC PARTITIONS ISOLATION\n");
    return 2;
}
