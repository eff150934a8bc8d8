/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of many things in one call: each has its own outcome, in the order of
 * the question. With tests/kit/kafka.py as $KURIERD it is asked of Apache Kafka. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 30000, MANY = 200, RECORDS = 100 };

static struct kit_server server;
static kurier_client *client;
static kurier_error err;
static int cases, failures;

static void check(bool ok, const char *what)
{
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++cases, what);
    if (!ok)
        printf("# %s\n", err.text);
    fflush(stdout);
    failures += !ok;
}

static kurier_config *configure(void)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "log.level", "error");
    return config;
}

/* NULL: err says why. A result of another number of items is none. */
static kurier_result *ask(kurier_request *request, size_t count)
{
    kurier_result *result = kurier_admin_run(client, request, PATIENCE_MS, &err);
    if (!result || kurier_result_count(result) == count)
        return result;
    snprintf(err.text, sizeof err.text, "%zu items, not %zu", kurier_result_count(result), count);
    kurier_result_free(result);
    return NULL;
}

static bool all_well(kurier_request *request, size_t count)
{
    kurier_result *result = ask(request, count);
    bool ok = result && kurier_result_error(result, &err) == KURIER_OK;
    kurier_result_free(result);
    return ok;
}

static kurier_code outcome(const kurier_result *result, size_t i)
{
    return result ? kurier_result_outcome(result, i, &err) : err.code;
}

/* A change may take a moment to be seen by whoever is asked next. */
static bool becomes(bool (*seen)(void))
{
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do {
        if (seen())
            return true;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - began.tv_sec < PATIENCE_MS / 1000);
    return false;
}

/* ---- Topics ------------------------------------------------------------------------*/

static void topics_are_made(void)
{
    static const char *const config[] = {"retention.ms", "9000000", "cleanup.policy", "compact",
                                         NULL};
    static const int32_t here[] = {1};
    static const kurier_nodes assigned[] = {{here, 1, 0}, {here, 1, 0}};
    kurier_new_topic topics[] = {
        {.name = "orders", .partitions = 3, .replication = 1, .config = config},
        {.name = "placed", .assigned = assigned, .assigned_count = 2},
        {.name = "not a name", .partitions = 1},
        {.name = "usual"},
    };
    kurier_request *request = kurier_admin_create_topics(topics, 4);
    kurier_result *result = ask(kurier_request_with(request, KURIER_VALIDATE_ONLY), 4);
    check(outcome(result, 0) == 0 && outcome(result, 2) != 0, "what would come of new topics");
    kurier_result_free(result);
    result = ask(kurier_admin_create_topics(topics, 4), 4);
    check(outcome(result, 0) == 0 && outcome(result, 1) == 0 && outcome(result, 2) != 0 &&
              outcome(result, 3) == 0,
          "several topics in one call, of which one fails");
    const kurier_topic_info *orders = result ? kurier_result_topic(result, 0) : NULL;
    check(orders && orders->partition_count == 3 && orders->replication == 1 && orders->id &&
              orders->setting_count > 0,
          "a new topic is told as it was made");
    kurier_result_free(result);
    result = ask(kurier_admin_create_topics(topics, 1), 1);
    check(outcome(result, 0) == KURIER_E_TOPIC_ALREADY_EXISTS, "but once");
    kurier_result_free(result);
}

static void topics_are_described(void)
{
    static const char *const names[] = {"usual", "missing", "orders"};
    char id[23] = "";
    const char *ids[] = {id};
    kurier_result *result = ask(kurier_admin_describe_topics(names, 3), 3);
    const kurier_topic_info *orders = result ? kurier_result_topic(result, 2) : NULL;
    check(orders && orders->partition_count == 3 && orders->partitions[2].partition == 2 &&
              orders->partitions[2].leader == orders->partitions[2].replicas.ids[0] &&
              outcome(result, 1) == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION,
          "topics are described in the order of the question, one is not there");
    if (orders && orders->id)
        snprintf(id, sizeof id, "%s", orders->id);
    kurier_result_free(result);
    result = ask(kurier_request_with(kurier_admin_describe_topics(ids, 1), KURIER_BY_ID), 1);
    check(outcome(result, 0) == 0 && !strcmp(kurier_result_item(result, 0)->name, "orders"),
          "by its id");
    kurier_result_free(result);
    result = kurier_admin_run(client, kurier_admin_describe_topics(NULL, 0), PATIENCE_MS, &err);
    check(result && kurier_result_count(result) >= 3 &&
              !strcmp(kurier_result_item(result, 0)->name, "orders"),
          "all of them, sorted");
    kurier_result_free(result);
}

static bool has_four_partitions(void)
{
    static const char *const orders = "orders";
    kurier_result *result = ask(kurier_admin_describe_topics(&orders, 1), 1);
    bool ok = result && kurier_result_topic(result, 0)->partition_count == 4;
    kurier_result_free(result);
    return ok;
}

static void partitions_are_added(void)
{
    kurier_new_topic topics[] = {{.name = "orders", .partitions = 4},
                                 {.name = "placed", .partitions = 1},
                                 {.name = "usual", .partitions = 5}};
    kurier_request *request = kurier_admin_create_partitions(topics, 3);
    kurier_result *result = ask(kurier_request_with(request, KURIER_VALIDATE_ONLY), 3);
    check(outcome(result, 0) == 0 && outcome(result, 1) == 37 /* INVALID_PARTITIONS */,
          "what would come of more partitions");
    kurier_result_free(result);
    result = ask(kurier_admin_create_partitions(topics, 3), 3);
    check(outcome(result, 0) == 0 && outcome(result, 1) == 37 && outcome(result, 2) == 0,
          "partitions of several topics are added, fewer are refused");
    kurier_result_free(result);
    check(becomes(has_four_partitions), "and are there");
}

/* ---- Records -------------------------------------------------------------------------*/

/* Record i of orders [0] was written at second i; the latest is the 90th. */
static bool produce(void)
{
    kurier_config *config = configure();
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, "orders", &err) : NULL;
    bool ok = topic;
    for (int i = 0; ok && i < RECORDS; i++) {
        kurier_record record = {.key = kurier_str("k"),
                                .value = kurier_str("v"),
                                .flags = KURIER_TO_PARTITION,
                                .timestamp_ms = 1000 * (i == 90 ? 1000 : i + 1)};
        ok = !kurier_topic_send(topic, &record, &err);
    }
    ok = ok && !kurier_producer_flush(producer, PATIENCE_MS, &err);
    kurier_producer_free(producer);
    kurier_config_free(config);
    return ok;
}

static void offsets_are_found(void)
{
    kurier_position asked[] = {kurier_at("orders", 0, KURIER_END),
                               kurier_at("orders", 0, KURIER_BEGINNING),
                               kurier_at("orders", 0, KURIER_LATEST),
                               kurier_at("orders", 0, 0),
                               kurier_at("orders", 0, 0),
                               kurier_at("orders", 9, KURIER_END),
                               kurier_at("orders", 1, KURIER_END)};
    static const int64_t offsets[] = {RECORDS, 0, 90, 50, -1, -1, 0};
    asked[3].timestamp_ms = 50001;
    asked[4].timestamp_ms = 1000001;
    bool made = produce();
    kurier_result *result = ask(kurier_admin_list_offsets(asked, 7), 7);
    bool ok = made && result;
    for (size_t i = 0; ok && i < 7; i++) {
        ok = kurier_result_offset(result, i)->offset == offsets[i];
        if (!ok)
            snprintf(err.text, sizeof err.text, "item %zu: offset %lld", i,
                     (long long)kurier_result_offset(result, i)->offset);
    }
    check(ok, "both ends, the latest, by time, none, of a partition that is not there");
    check(outcome(result, 5) == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION, "which is told");
    kurier_result_free(result);
}

static void records_are_deleted(void)
{
    static const char *const deleting[] = {"cleanup.policy"};
    kurier_setting_change change = {"orders", deleting[0], "delete", KURIER_TOPIC, KURIER_SET};
    kurier_position before[] = {kurier_at("orders", 0, 40), kurier_at("orders", 1, 7),
                                kurier_at("usual", 0, KURIER_END)};
    kurier_position begin = kurier_at("orders", 0, KURIER_BEGINNING);
    bool set = all_well(kurier_admin_alter_configs(&change, 1), 1);
    kurier_result *result = ask(kurier_admin_delete_records(before, 3), 3);
    check(set && outcome(result, 0) == 0 && kurier_result_offset(result, 0)->offset == 40 &&
              outcome(result, 1) == KURIER_E_OFFSET_OUT_OF_RANGE && outcome(result, 2) == 0,
          "records are deleted where they are");
    kurier_result_free(result);
    result = ask(kurier_admin_list_offsets(&begin, 1), 1);
    check(result && kurier_result_offset(result, 0)->offset == 40, "and are gone");
    kurier_result_free(result);
}

/* ---- Settings -------------------------------------------------------------------------*/

static const kurier_setting *find(const kurier_resource_info *info, const char *key)
{
    for (uint32_t i = 0; info && i < info->setting_count; i++)
        if (!strcmp(info->settings[i].key, key))
            return &info->settings[i];
    return NULL;
}

static bool has(const kurier_setting *setting, const char *value, kurier_source source)
{
    return setting && setting->value && !strcmp(setting->value, value) && setting->source == source;
}

static void settings_are_described(void)
{
    static const char *const two[] = {"retention.ms", "max.message.bytes", NULL};
    kurier_resource_ref refs[] = {{.name = "orders", .kind = KURIER_TOPIC},
                                  {.name = "orders", .kind = KURIER_TOPIC, .keys = two},
                                  {.name = "missing", .kind = KURIER_TOPIC},
                                  {.name = "1", .kind = KURIER_BROKER}};
    kurier_request *request = kurier_admin_describe_configs(refs, 4);
    kurier_result *result = ask(kurier_request_with(request, KURIER_WITH_DOCS), 4);
    const kurier_resource_info *all = result ? kurier_result_resource(result, 0) : NULL;
    const kurier_setting *retention = find(all, "retention.ms");
    const kurier_setting *limit = find(all, "max.message.bytes");
    check(has(retention, "9000000", KURIER_SOURCE_TOPIC) && retention->type == KURIER_TYPE_LONG &&
              retention->doc && retention->synonym_count > 1 && !retention->read_only && limit &&
              limit->source == KURIER_SOURCE_DEFAULT,
          "settings of a topic: value, source, type, synonyms, documentation");
    check(result && kurier_result_resource(result, 1)->setting_count == 2, "only some of them");
    check(outcome(result, 2) == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION, "of no topic");
    const kurier_resource_info *broker = result ? kurier_result_resource(result, 3) : NULL;
    const kurier_setting *segment = find(broker, "log.segment.bytes");
    check(segment && segment->type == KURIER_TYPE_INT && broker->kind == KURIER_BROKER,
          "of a broker");
    kurier_result_free(result);
}

static void settings_are_changed(void)
{
    kurier_setting_change changes[] = {
        {"orders", "retention.ms", "7000000", KURIER_TOPIC, KURIER_SET},
        {"orders", "cleanup.policy", "compact", KURIER_TOPIC, KURIER_APPEND},
        {"orders", "cleanup.policy2", "compact", KURIER_TOPIC, KURIER_SET},
        {"usual", "segment.bytes", "2000000", KURIER_TOPIC, KURIER_SET},
    };
    static const char *const keys[] = {"retention.ms", "cleanup.policy", NULL};
    kurier_resource_ref ref = {.name = "orders", .kind = KURIER_TOPIC, .keys = keys};
    kurier_result *result = ask(kurier_admin_alter_configs(changes, 4), 4);
    check(outcome(result, 0) && outcome(result, 1) && outcome(result, 2) && !outcome(result, 3),
          "changes of one topic are made together or not at all");
    kurier_result_free(result);
    check(
        all_well(kurier_request_with(kurier_admin_alter_configs(changes, 2), KURIER_VALIDATE_ONLY),
                 2) &&
            all_well(kurier_admin_alter_configs(changes, 2), 2),
        "what would come of changes, and they are made");
    result = ask(kurier_admin_describe_configs(&ref, 1), 1);
    const kurier_resource_info *info = result ? kurier_result_resource(result, 0) : NULL;
    check(has(find(info, "retention.ms"), "7000000", KURIER_SOURCE_TOPIC) &&
              has(find(info, "cleanup.policy"), "delete,compact", KURIER_SOURCE_TOPIC),
          "set and appended");
    kurier_result_free(result);
    changes[0] =
        (kurier_setting_change){"orders", "retention.ms", NULL, KURIER_TOPIC, KURIER_DELETE};
    changes[1].change = KURIER_SUBTRACT;
    bool made = all_well(kurier_admin_alter_configs(changes, 2), 2);
    result = ask(kurier_admin_describe_configs(&ref, 1), 1);
    info = result ? kurier_result_resource(result, 0) : NULL;
    const kurier_setting *retention = find(info, "retention.ms");
    check(made && retention && retention->source != KURIER_SOURCE_TOPIC &&
              has(find(info, "cleanup.policy"), "delete", KURIER_SOURCE_TOPIC),
          "deleted and subtracted");
    kurier_result_free(result);
}

static void resources_are_listed(void)
{
    kurier_result *result = kurier_admin_run(
        client, kurier_admin_list_resources(KURIER_TOPIC | KURIER_BROKER), PATIENCE_MS, &err);
    check(result && kurier_result_count(result) == 4 &&
              kurier_result_resource(result, 0)->kind == KURIER_BROKER &&
              !strcmp(kurier_result_item(result, 1)->name, "orders"),
          "what has settings");
    kurier_result_free(result);
}

/* ---- What is not there ---------------------------------------------------------------------*/

static void nobody_and_nothing(void)
{
    int32_t nobody = 77;
    kurier_position at = kurier_at("orders", 0, 0);
    kurier_result *result = ask(kurier_admin_describe_log_dirs(&nobody, 1), 1);
    check(outcome(result, 0) && strstr(err.text, "no broker 77"), "a broker that is not there");
    kurier_result_free(result);
    result = ask(kurier_admin_list_reassignments(&at, 1), 1);
    check(outcome(result, 0) == KURIER_E_NO_REASSIGNMENT_IN_PROGRESS, "nothing moves");
    kurier_result_free(result);
    kurier_reassignment cancel = {.topic = "orders", .partition = 0};
    result = ask(kurier_admin_alter_reassignments(&cancel, 1), 1);
    check(outcome(result, 0) == KURIER_E_NO_REASSIGNMENT_IN_PROGRESS,
          "so that there is nothing to cancel");
    kurier_result_free(result);
    kurier_feature_change change = {.name = "no.such.feature", .level = 1};
    result = kurier_admin_run(client, kurier_admin_update_features(&change, 1), PATIENCE_MS, &err);
    check(outcome(result, 0) && err.text[0], "a feature that nobody has is refused in words");
    kurier_result_free(result);
}

/* ---- Many ---------------------------------------------------------------------------------*/

static void many_at_once(void)
{
    static char names[MANY][16], ids[MANY][23];
    static const char *listed[MANY];
    static kurier_new_topic topics[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "many-%d", MANY - i);
        topics[i] = (kurier_new_topic){.name = names[i], .partitions = 1};
        listed[i] = names[i];
    }
    kurier_result *result = ask(kurier_admin_create_topics(topics, MANY), MANY);
    bool ok = result && !kurier_result_error(result, &err);
    for (int i = 0; ok && i < MANY; i++) {
        const kurier_topic_info *info = kurier_result_topic(result, (size_t)i);
        ok = !strcmp(info->name, names[i]);
        snprintf(ids[i], sizeof ids[i], "%s", info->id);
    }
    check(ok, "two hundred topics in one call");
    kurier_result_free(result);
    check(all_well(kurier_admin_describe_topics(listed, MANY), MANY), "are described in one");
    for (int i = 0; i < MANY; i++)
        listed[i] = ids[i];
    check(
        all_well(kurier_request_with(kurier_admin_delete_topics(listed, MANY), KURIER_BY_ID), MANY),
        "are deleted in one, by their ids");
}

static const char *const unwanted[] = {"orders", "missing", "placed"};

static bool are_gone(void)
{
    kurier_result *result = ask(kurier_admin_describe_topics(unwanted, 3), 3);
    bool ok = outcome(result, 0) == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION && outcome(result, 2);
    kurier_result_free(result);
    return ok;
}

static void topics_are_deleted(void)
{
    kurier_result *result = ask(kurier_admin_delete_topics(unwanted, 3), 3);
    check(!outcome(result, 0) && outcome(result, 1) == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION &&
              !outcome(result, 2),
          "topics are deleted, but for one that is not there");
    kurier_result_free(result);
    check(becomes(are_gone), "and are gone");
}

int main(void)
{
    if (!kit_server_start(&server, NULL))
        return printf("Bail out! %s\n", server.words), 1;
    kurier_config *config = configure();
    client = kurier_client_new(NULL, config, &err);
    kurier_config_free(config);
    if (!client)
        return printf("Bail out! %s\n", err.text), 1;
    topics_are_made();
    topics_are_described();
    partitions_are_added();
    offsets_are_found();
    settings_are_described();
    records_are_deleted();
    settings_are_changed();
    resources_are_listed();
    nobody_and_nothing();
    many_at_once();
    topics_are_deleted();
    kurier_client_free(client);
    check(kit_server_stop(&server), "kurierd ends cleanly");
    printf("1..%d\n", cases);
    return failures != 0;
}
