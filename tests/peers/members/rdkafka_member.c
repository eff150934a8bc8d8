/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka as a member of a group; members.py tells what a member says. */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
    (void)number;
    ending = 1;
}

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "rdkafka_member: %s: %s\n", what, why);
    exit(1);
}

static void say_when(const char *what)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld %s", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, what);
}

static void say(const char *what, const rd_kafka_topic_partition_list_t *partitions)
{
    say_when(what);
    for (int i = 0; i < partitions->cnt; i++)
        printf(" %d", partitions->elems[i].partition);
    printf("\n");
    fflush(stdout);
}

/* Of what is refused by now nothing is said: the member will hear of it. */
static void give_up(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions,
                    bool incremental)
{
    if (rd_kafka_assignment_lost(client)) {
        say("lost", partitions);
    } else {
        rd_kafka_commit(client, NULL, 0);
        say("revoked", partitions);
    }
    if (incremental)
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(client, partitions));
    else
        rd_kafka_assign(client, NULL);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    (void)opaque;
    bool incremental = !strcmp(rd_kafka_rebalance_protocol(client), "COOPERATIVE");
    if (err != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        give_up(client, partitions, incremental);
        return;
    }
    say("assigned", partitions);
    if (incremental)
        rd_kafka_error_destroy(rd_kafka_incremental_assign(client, partitions));
    else
        rd_kafka_assign(client, partitions);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why))
        die(key, why);
}

static rd_kafka_conf_t *configure(char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char beat_ms[16];
    snprintf(beat_ms, sizeof beat_ms, "%d", atoi(argv[5]) / 6);
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "group.id", argv[3]);
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "fetch.wait.max.ms", "100");
    if (!strcmp(argv[4], "consumer")) {
        set(conf, "group.protocol", "consumer");
    } else {
        set(conf, "partition.assignment.strategy", argv[4]);
        set(conf, "session.timeout.ms", argv[5]);
        set(conf, "heartbeat.interval.ms", beat_ms);
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    return conf;
}

static void consume(rd_kafka_t *client)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
    if (message && !message->err) {
        say_when("read");
        printf(" %d %lld\n", message->partition, (long long)message->offset);
        fflush(stdout);
    }
    if (message)
        rd_kafka_message_destroy(message);
}

int main(int argc, char **argv)
{
    char why[256];
    if (argc != 6)
        die("usage", "rdkafka_member ADDRESS TOPIC GROUP STRATEGY SESSION_MS");
    signal(SIGTERM, on_signal);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, configure(argv), why, sizeof why);
    if (!client)
        die("new", why);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, argv[2], RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(client, topics))
        die("subscribe", argv[2]);
    rd_kafka_topic_partition_list_destroy(topics);
    while (!ending)
        consume(client);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    say_when("left\n");
    return 0;
}
