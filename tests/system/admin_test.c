/* SPDX-License-Identifier: Apache-2.0 */
/* What the manual says of administration, against a real broker. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 30000, RECORDS = 20, NOBODY = 77 };
static const int64_t BASE_MS = 1700000000000;
#define TOPIC "administered"

static struct kit_server server;
static kurier_error err;
static kurier_client *client;
static int cases, failures;

static bool check(bool ok, const char *what)
{
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++cases, what);
    if (!ok)
        printf("# %s\n", err.text);
    fflush(stdout);
    failures += !ok;
    err = (kurier_error){0};
    return ok;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static kurier_config *configure(const char *key, const char *value)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "log.level", "error");
    if (key)
        kurier_config_set(config, key, value);
    return config;
}

/* The result of the request before last lives until the next. */
static kurier_result *run(kurier_request *request)
{
    static kurier_result *last[2];
    kurier_result_free(last[1]);
    last[1] = last[0];
    last[0] = request ? kurier_admin_run(client, request, PATIENCE_MS, &err) : NULL;
    return last[0];
}

static bool good(kurier_result *result)
{
    return result && !kurier_result_error(result, &err);
}

/* Item i has that outcome, "NONE" if it is well. */
static bool comes_to(kurier_result *result, size_t i, const char *code)
{
    return result && kurier_result_count(result) > i &&
           !strcmp(kurier_code_name(kurier_result_outcome(result, i, &err)), code);
}

/* What was done may be seen a little later; until then it is looked at again. */
#define SOON(seen)                                                                                 \
    ({                                                                                             \
        int64_t until_ms = now_ms() + PATIENCE_MS;                                                 \
        bool is_seen;                                                                              \
        while (!(is_seen = (seen)) && now_ms() < until_ms)                                         \
            poll(NULL, 0, 10);                                                                     \
        is_seen;                                                                                   \
    })

/* ---- Topics -----------------------------------------------------------------*/

static const kurier_new_topic fresh = {.name = TOPIC,
                                       .partitions = 3,
                                       .replication = 1,
                                       .config = (const char *const[]){"retention.ms", "-1", NULL}};

static const kurier_topic_info *describe(void)
{
    const char *name = TOPIC;
    kurier_result *result = run(kurier_admin_describe_topics(&name, 1));
    return result ? kurier_result_topic(result, 0) : NULL;
}

static bool is_there(int partitions)
{
    const kurier_topic_info *info = describe();
    return info && !info->code && info->partition_count == partitions;
}

static bool is_gone(void)
{
    const kurier_topic_info *info = describe();
    return info && info->code == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION;
}

static void making(void)
{
    const kurier_new_topic topics[] = {fresh, {.name = "a/b", .partitions = 1}, fresh};
    kurier_result *result =
        run(kurier_request_with(kurier_admin_create_topics(topics, 1), KURIER_VALIDATE_ONLY));
    check(good(result) && is_gone(), "what is only tried makes no topic");

    result = run(kurier_admin_create_topics(topics, 2));
    const kurier_topic_info *info = result ? kurier_result_topic(result, 0) : NULL;
    check(info && !info->code && info->partition_count == 3 && info->replication == 1 && info->id &&
              strlen(info->id) == 22 && comes_to(result, 1, "INVALID_TOPIC_EXCEPTION"),
          "of two topics one is made, and of the other it is told why not");

    result = run(kurier_admin_create_topics(topics + 2, 1));
    check(comes_to(result, 0, "TOPIC_ALREADY_EXISTS"), "there already: told so");
}

static void describing(void)
{
    bool whole = SOON(is_there(3));
    const kurier_topic_info *info = describe();
    for (int32_t p = 0; whole && p < 3; p++)
        whole = info->partitions[p].partition == p && info->partitions[p].leader == 1 &&
                info->partitions[p].replicas.count == 1 && info->partitions[p].isr.count == 1;
    check(whole, "its partitions, and who leads them");

    char id[32] = "";
    if (info && info->id)
        snprintf(id, sizeof id, "%s", info->id);
    const char *name = id;
    kurier_result *result =
        run(kurier_request_with(kurier_admin_describe_topics(&name, 1), KURIER_BY_ID));
    info = result ? kurier_result_topic(result, 0) : NULL;
    check(info && !info->code && !strcmp(info->name, TOPIC), "found by its id");

    result = run(kurier_admin_describe_topics(NULL, 0));
    bool found = false;
    for (size_t i = 0; result && (info = kurier_result_topic(result, i)); i++)
        found |= !strcmp(info->name, TOPIC);
    check(found, "and among all");
}

static void growing(void)
{
    kurier_new_topic more = {.name = TOPIC, .partitions = 5};
    bool grown = good(run(kurier_admin_create_partitions(&more, 1)));
    check(grown && SOON(is_there(5)), "partitions are added");
    more.partitions = 2;
    check(comes_to(run(kurier_admin_create_partitions(&more, 1)), 0, "INVALID_PARTITIONS"),
          "and not taken away");
}

/* ---- Settings ---------------------------------------------------------------*/

static const kurier_setting *setting(const char *key)
{
    const char *const keys[] = {key, NULL};
    kurier_resource_ref ref = {.kind = KURIER_TOPIC, .name = TOPIC, .keys = keys};
    kurier_result *result =
        run(kurier_request_with(kurier_admin_describe_configs(&ref, 1), KURIER_WITH_DOCS));
    const kurier_resource_info *info = result ? kurier_result_resource(result, 0) : NULL;
    return info && info->setting_count == 1 ? info->settings : NULL;
}

static bool is_set(const char *key, const char *value, kurier_source source)
{
    const kurier_setting *s = setting(key);
    return s && s->value && !strcmp(s->value, value) && s->source == source;
}

static kurier_result *change(kurier_change how, const char *key, const char *value, uint32_t flags)
{
    kurier_setting_change c = {
        .kind = KURIER_TOPIC, .name = TOPIC, .key = key, .value = value, .change = how};
    return run(kurier_request_with(kurier_admin_alter_configs(&c, 1), flags));
}

static void settings(void)
{
    const kurier_setting *s = setting("retention.ms");
    check(s && !strcmp(s->value, "-1") && s->source == KURIER_SOURCE_TOPIC &&
              s->type == KURIER_TYPE_LONG && s->doc && !s->read_only && !s->sensitive &&
              s->synonym_count > 1,
          "a setting, its type, its meaning, where it comes from");
    check(good(change(KURIER_SET, "segment.bytes", "1048576", KURIER_VALIDATE_ONLY)) &&
              !is_set("segment.bytes", "1048576", KURIER_SOURCE_TOPIC) &&
              good(change(KURIER_SET, "segment.bytes", "1048576", 0)) &&
              SOON(is_set("segment.bytes", "1048576", KURIER_SOURCE_TOPIC)),
          "changed, after a change that was only tried");
    check(good(change(KURIER_APPEND, "cleanup.policy", "compact", 0)) &&
              SOON(is_set("cleanup.policy", "delete,compact", KURIER_SOURCE_TOPIC)) &&
              good(change(KURIER_SUBTRACT, "cleanup.policy", "compact", 0)) &&
              SOON(is_set("cleanup.policy", "delete", KURIER_SOURCE_TOPIC)),
          "a list gets an element, and loses it");
    check(good(change(KURIER_DELETE, "cleanup.policy", NULL, 0)) &&
              SOON(is_set("cleanup.policy", "delete", KURIER_SOURCE_DEFAULT)),
          "back to the default");
    check(comes_to(change(KURIER_SET, "retention.ms", "x", 0), 0, "INVALID_CONFIG"),
          "a value that makes no sense is refused");
}

/* ---- Records ----------------------------------------------------------------*/

static bool fill(void)
{
    kurier_config *config = configure(NULL, NULL);
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, TOPIC, &err) : NULL;
    kurier_config_free(config);
    bool ok = topic != NULL;
    for (int i = 0; ok && i < RECORDS; i++) {
        kurier_record record = {.value = kurier_str("record"),
                                .timestamp_ms = BASE_MS + i,
                                .flags = KURIER_TO_PARTITION};
        ok = !kurier_topic_send(topic, &record, &err);
    }
    ok = producer && !kurier_producer_close(producer, PATIENCE_MS, &err) && ok;
    kurier_producer_free(producer);
    return ok;
}

static bool lies_at(int64_t where, int64_t time_ms, int64_t offset)
{
    kurier_position at = kurier_at(TOPIC, 0, where);
    at.timestamp_ms = time_ms;
    kurier_result *result = run(kurier_admin_list_offsets(&at, 1));
    const kurier_offset_info *info = result ? kurier_result_offset(result, 0) : NULL;
    return info && !info->code && info->offset == offset;
}

static kurier_result *cut(int64_t offset)
{
    kurier_position at = kurier_at(TOPIC, 0, offset);
    return run(kurier_admin_delete_records(&at, 1));
}

static void offsets(void)
{
    check(fill() && lies_at(KURIER_BEGINNING, 0, 0) && lies_at(KURIER_END, 0, RECORDS) &&
              lies_at(KURIER_LATEST, 0, RECORDS - 1),
          "where records begin and end, and the latest lies");
    check(lies_at(0, BASE_MS + 7, 7) && lies_at(0, BASE_MS + RECORDS, -1), "found by time");

    kurier_position some[] = {kurier_at(TOPIC, 0, KURIER_END), kurier_at(TOPIC, NOBODY, KURIER_END),
                              kurier_at(TOPIC, 1, KURIER_END)};
    kurier_result *result = run(kurier_admin_list_offsets(some, 3));
    check(comes_to(result, 0, "NONE") && comes_to(result, 1, "UNKNOWN_TOPIC_OR_PARTITION") &&
              comes_to(result, 2, "NONE"),
          "a partition that is not there spoils no other");
}

static void producers(void)
{
    kurier_position at = kurier_at(TOPIC, 0, 0);
    kurier_result *result = run(kurier_admin_describe_producers(&at, 1));
    const kurier_producers_info *info = result ? kurier_result_producers(result, 0) : NULL;
    check(info && !info->code && info->producer_count == 1 &&
              info->producers[0].last_sequence == RECORDS - 1 &&
              info->producers[0].transaction_start == -1,
          "a partition remembers its producer");
}

static void deleting_records(void)
{
    kurier_result *result = cut(10);
    const kurier_offset_info *info = result ? kurier_result_offset(result, 0) : NULL;
    check(info && !info->code && info->offset == 10 && lies_at(KURIER_BEGINNING, 0, 10),
          "records before an offset are deleted");
    check(comes_to(cut(RECORDS + 1), 0, "OFFSET_OUT_OF_RANGE") && good(cut(KURIER_END)) &&
              lies_at(KURIER_BEGINNING, 0, RECORDS),
          "not beyond the end, but all up to it");
}

/* ---- The cluster ------------------------------------------------------------*/

static void cluster(void)
{
    char address[300] = "";
    kurier_result *result = run(kurier_admin_describe_cluster());
    const kurier_cluster_info *info = result ? kurier_result_cluster(result, 0) : NULL;
    if (info && info->broker_count == 1)
        snprintf(address, sizeof address, "%s:%d", info->brokers[0].host, info->brokers[0].port);
    check(info && strlen(info->name) == 22 && info->controller == 1 && info->brokers[0].node == 1 &&
              !strcmp(address, server.bootstrap),
          "the cluster has an id, a controller and a broker");

    result = run(kurier_admin_describe_versions(NULL, 0));
    const kurier_versions_info *versions = result ? kurier_result_versions(result, 0) : NULL;
    check(versions && !versions->code && versions->node == 1 && versions->api_count > 10 &&
              versions->apis[0].key == 0 && versions->apis[0].used >= 9,
          "which versions it speaks, and we would use");
}

static void log_dirs(void)
{
    kurier_result *result = run(kurier_admin_describe_log_dirs(NULL, 0));
    const kurier_log_dirs_info *info = result ? kurier_result_log_dirs(result, 0) : NULL;
    bool found = false;
    for (size_t i = 0; info && info->dir_count == 1 && i < info->dirs[0].replica_count; i++) {
        const kurier_log_replica *replica = &info->dirs[0].replicas[i];
        found |= !strcmp(replica->topic, TOPIC) && replica->partition == 0 &&
                 replica->size_bytes > 0 && !replica->future;
    }
    check(found && info->dirs[0].total_bytes > info->dirs[0].usable_bytes,
          "which partition takes how much disk");
}

static void leaders(void)
{
    kurier_position at = kurier_at(TOPIC, 0, 0);
    check(comes_to(run(kurier_admin_elect_leaders(KURIER_PREFERRED, &at, 1)), 0,
                   "ELECTION_NOT_NEEDED") &&
              good(run(kurier_admin_elect_leaders(KURIER_PREFERRED, NULL, 0))),
          "the right one leads already");

    int32_t here = 1, away = NOBODY;
    kurier_reassignment move = {.topic = TOPIC, .replicas = {.ids = &here, .count = 1}};
    bool stays = good(run(kurier_admin_alter_reassignments(&move, 1)));
    move.replicas.ids = &away;
    check(stays && comes_to(run(kurier_admin_alter_reassignments(&move, 1)), 0,
                            "INVALID_REPLICA_ASSIGNMENT"),
          "a partition may be moved to where it is, not to a broker that is not there");
    kurier_result *result = run(kurier_admin_list_reassignments(NULL, 0));
    check(good(result) && kurier_result_count(result) == 0, "and nothing is on its way");
}

/* ---- A topic that goes, and comes again -------------------------------------*/

static void deleting(void)
{
    const char *names[] = {TOPIC, "no-such-topic"};
    kurier_result *result = run(kurier_admin_delete_topics(names, 2));
    check(comes_to(result, 0, "NONE") && comes_to(result, 1, "UNKNOWN_TOPIC_OR_PARTITION"),
          "of two topics one is deleted, and the other was not there");
    check(SOON(is_gone()), "then it is gone");
}

/* The next record's first byte, or 0. */
static char next(kurier_consumer *consumer)
{
    kurier_record record;
    return kurier_consumer_next(consumer, &record, PATIENCE_MS, &err) ? *(char *)record.value.data
                                                                      : 0;
}

static void coming_again(void)
{
    const char *name = TOPIC;
    kurier_record first = {.value = kurier_str("1"), .flags = KURIER_TO_PARTITION};
    kurier_record second = {.value = kurier_str("2"), .flags = KURIER_TO_PARTITION};
    kurier_report reports[2] = {{0}, {0}};
    kurier_position from = kurier_at(TOPIC, 0, KURIER_BEGINNING);
    bool made = good(run(kurier_admin_create_topics(&fresh, 1)));
    kurier_config *config = configure("auto.offset.reset", "earliest");
    kurier_config_set(config, "allow.auto.create.topics", "false");
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = kurier_producer_topic(producer, TOPIC, &err);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);

    bool ok = made && !kurier_consumer_assign(consumer, &from, 1, &err) &&
              !kurier_topic_send_wait(topic, &first, &reports[0], PATIENCE_MS, &err) &&
              SOON(next(consumer) == '1') && good(run(kurier_admin_delete_topics(&name, 1))) &&
              SOON(good(run(kurier_admin_create_topics(&fresh, 1))));
    ok = ok && SOON(!kurier_topic_send_wait(topic, &second, &reports[1], PATIENCE_MS, &err));
    check(ok && reports[1].offset == 0,
          "deleted and made anew: its producer goes on, at the new beginning");
    check(ok && SOON(next(consumer) == '2'), "and so does its consumer");
    kurier_producer_close(producer, PATIENCE_MS, NULL);
    kurier_producer_free(producer);
    kurier_consumer_free(consumer);
}

int main(void)
{
    if (!kit_server_start(&server, NULL))
        return printf("Bail out! %s\n", server.words), 1;
    kurier_config *config = configure(NULL, NULL);
    client = kurier_client_new(NULL, config, &err);
    kurier_config_free(config);
    making();
    describing();
    settings();
    offsets();
    producers();
    log_dirs();
    deleting_records();
    growing();
    leaders();
    cluster();
    deleting();
    coming_again();
    run(NULL);
    run(NULL);
    kurier_client_free(client);
    check(kit_server_stop(&server), "the broker ends cleanly");
    printf("1..%d\n", cases);
    return failures != 0;
}
