/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/rdkafka.h"
#include <stdio.h>
#include <string.h>

struct admin {
    const struct peer *peer;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    char made[256];
};

static rd_kafka_event_t *answer(struct admin *a, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(a->queue, PATIENCE_MS);
    if (!event)
        die("%s: no answer", what);
    expect(rd_kafka_event_error(event), what);
    return event;
}

/* What the one topic of an answer says. */
static rd_kafka_resp_err_t topic_error(const rd_kafka_topic_result_t **topics)
{
    return rd_kafka_topic_result_error(topics[0]);
}

static rd_kafka_resp_err_t create_topic(struct admin *a)
{
    size_t n;
    char text[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(a->made, 3, 1, text, sizeof text);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", "3600000");
    rd_kafka_CreateTopics(a->client, &topic, 1, NULL, a->queue);
    rd_kafka_event_t *event = answer(a, "create");
    rd_kafka_resp_err_t err = topic_error(
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n));
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    return err;
}

static void create(struct admin *a)
{
    expect(create_topic(a), "create");
    if (create_topic(a) != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        die("created a second time");
}

/* How many partitions it has, each with a leader; -1: there is no such topic. */
static int partitions_of(struct admin *a, const char *topic)
{
    int found = -1;
    const struct rd_kafka_metadata *all;
    expect(rd_kafka_metadata(a->client, 1, NULL, &all, PATIENCE_MS), "metadata");
    for (int t = 0; t < all->topic_cnt; t++) {
        const struct rd_kafka_metadata_topic *each = &all->topics[t];
        for (int p = 0; p < each->partition_cnt; p++)
            if (each->partitions[p].err || each->partitions[p].leader < 0)
                die("%s [%d] has no leader", each->topic, p);
        if (!strcmp(each->topic, topic))
            found = each->partition_cnt;
    }
    rd_kafka_metadata_destroy(all);
    return found;
}

static void expect_partitions(struct admin *a, int count)
{
    if (partitions_of(a, a->made) != count || partitions_of(a, a->peer->topic) != 1)
        die("%d and %d partitions", partitions_of(a, a->made), partitions_of(a, a->peer->topic));
}

static void describe(struct admin *a)
{
    expect_partitions(a, 3);
}

static void cluster(struct admin *a)
{
    char address[300];
    const struct rd_kafka_metadata *all;
    expect(rd_kafka_metadata(a->client, 0, NULL, &all, PATIENCE_MS), "metadata");
    snprintf(address, sizeof address, "%s:%d", all->brokers[0].host, all->brokers[0].port);
    if (all->broker_cnt != 1 || strcmp(address, a->peer->address) != 0 ||
        rd_kafka_controllerid(a->client, PATIENCE_MS) != all->brokers[0].id)
        die("%d brokers, the first at %s", all->broker_cnt, address);
    rd_kafka_metadata_destroy(all);
}

static void expect_retention(struct admin *a, const char *text)
{
    size_t n;
    const char *value = NULL;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, a->made);
    rd_kafka_DescribeConfigs(a->client, &resource, 1, NULL, a->queue);
    rd_kafka_event_t *event = answer(a, "describe configs");
    const rd_kafka_ConfigResource_t *found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &n)[0];
    expect(rd_kafka_ConfigResource_error(found), "describe configs");
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(found, &n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rd_kafka_ConfigEntry_name(entries[i]), "retention.ms"))
            value = rd_kafka_ConfigEntry_value(entries[i]);
    if (!value || strcmp(value, text) != 0)
        die("retention.ms is %s instead of %s", value, text);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
}

static void configs(struct admin *a)
{
    expect_retention(a, "3600000");
}

static void alter(struct admin *a)
{
    size_t n;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, a->made);
    rd_kafka_ConfigResource_set_config(resource, "retention.ms", "7200000");
    rd_kafka_AlterConfigs(a->client, &resource, 1, NULL, a->queue);
    rd_kafka_event_t *event = answer(a, "alter configs");
    expect(rd_kafka_ConfigResource_error(rd_kafka_AlterConfigs_result_resources(
               rd_kafka_event_AlterConfigs_result(event), &n)[0]),
           "alter configs");
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    expect_retention(a, "7200000");
}

static void grow(struct admin *a)
{
    size_t n;
    char text[256];
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(a->made, 5, text, sizeof text);
    rd_kafka_CreatePartitions(a->client, &more, 1, NULL, a->queue);
    rd_kafka_event_t *event = answer(a, "grow");
    expect(topic_error(rd_kafka_CreatePartitions_result_topics(
               rd_kafka_event_CreatePartitions_result(event), &n)),
           "grow");
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(more);
    expect_partitions(a, 5);
}

static void offsets(struct admin *a)
{
    expect_bounds(a->client, a->peer, 0);
}

static void truncate_topic(struct admin *a)
{
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(before, a->peer->topic, 0)->offset = 10;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
    rd_kafka_DeleteRecords(a->client, &request, 1, NULL, a->queue);
    rd_kafka_event_t *event = answer(a, "truncate");
    const rd_kafka_topic_partition_list_t *now =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    expect(now->elems[0].err, "truncate");
    if (now->elems[0].offset != 10)
        die("truncated to %lld", (long long)now->elems[0].offset);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(before);
    expect_bounds(a->client, a->peer, 10);
}

static void delete_topic(struct admin *a)
{
    size_t n;
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(a->made);
    rd_kafka_DeleteTopics(a->client, &topic, 1, NULL, a->queue);
    rd_kafka_event_t *event = answer(a, "delete");
    expect(topic_error(
               rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n)),
           "delete");
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(topic);
    if (partitions_of(a, a->made) != -1)
        die("still listed");
}

void administer(const struct peer *peer)
{
    static const struct {
        const char *name;
        void (*take)(struct admin *);
    } steps[] = {{"create", create},      {"describe", describe},
                 {"cluster", cluster},    {"configs", configs},
                 {"alter", alter},        {"grow", grow},
                 {"offsets", offsets},    {"truncate", truncate_topic},
                 {"delete", delete_topic}};
    struct admin a = {.peer = peer,
                      .client = client_new(peer, RD_KAFKA_PRODUCER, rd_kafka_conf_new())};
    a.queue = rd_kafka_queue_new(a.client);
    snprintf(a.made, sizeof a.made, "%s-new", peer->topic);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
        if (list_has(peer->words.steps, steps[s].name))
            steps[s].take(&a);
    rd_kafka_queue_destroy(a.queue);
    rd_kafka_destroy(a.client);
}
