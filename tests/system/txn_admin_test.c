/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of transactions, against a real broker: what a producer has open is
 * listed, described and fenced, and what hangs is found and aborted. With
 * tests/kit/kafka.py as $KURIERD it is asked of Apache Kafka. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <dirent.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 60000, TIMEOUT_MS = 50000, HOUR_MS = 3600000, PARTITIONS = 2 };
#define TOPIC "bought"
#define STATES "__transaction_state-"

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

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static kurier_config *configure(const char *key, const char *value)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "log.level", "error");
    kurier_config_set(config, "log.sink", "events");
    if (key)
        kurier_config_set(config, key, value);
    return config;
}

/* The result of the request before lives until the next. */
static kurier_result *run(kurier_request *request)
{
    static kurier_result *last;
    kurier_result_free(last);
    last = request ? kurier_admin_run(client, request, PATIENCE_MS, &err) : NULL;
    return last;
}

static kurier_code outcome(kurier_result *result)
{
    return result ? kurier_result_error(result, &err) : err.code;
}

/* What was done may be seen a little later; until then it is looked at again. */
#define SOON(seen)                                                                                 \
    ({                                                                                             \
        int64_t until_ms = clock_ms(CLOCK_MONOTONIC) + PATIENCE_MS;                                \
        bool is_seen;                                                                              \
        while (!(is_seen = (seen)) && clock_ms(CLOCK_MONOTONIC) < until_ms)                        \
            poll(NULL, 0, 10);                                                                     \
        is_seen;                                                                                   \
    })

/* ---- A producer with something open ---------------------------------------------------*/

static kurier_producer *opened(const char *id)
{
    kurier_config *config = configure("transactional.id", id);
    kurier_config_set(config, "transaction.timeout.ms", "50000");
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, TOPIC, &err) : NULL;
    bool ok = topic && !kurier_txn_begin(producer, PATIENCE_MS, &err);
    for (int32_t p = 0; ok && p < PARTITIONS; p++) {
        kurier_record record = {
            .value = kurier_str(id), .flags = KURIER_TO_PARTITION, .partition = p};
        ok = !kurier_topic_send(topic, &record, &err);
    }
    ok = ok && !kurier_producer_flush(producer, PATIENCE_MS, &err);
    kurier_config_free(config);
    if (!ok)
        check(false, "a transaction is opened");
    return producer;
}

static const kurier_transaction_info *find(const char *id, const kurier_transaction_filter *filter)
{
    kurier_result *result = run(kurier_admin_list_transactions(filter));
    const kurier_transaction_info *info;
    for (size_t i = 0; result && (info = kurier_result_transaction(result, i)); i++)
        if (!strcmp(info->name, id))
            return info;
    return NULL;
}

static const kurier_transaction_info *describe(const char *id)
{
    kurier_result *result = run(kurier_admin_describe_transactions(&id, 1));
    return result ? kurier_result_transaction(result, 0) : NULL;
}

/* Where that transaction begins in the partition; -1: nowhere. */
static int64_t start_of(int64_t producer, int32_t partition)
{
    const kurier_position at = kurier_at(TOPIC, partition, 0);
    kurier_result *result = run(kurier_admin_describe_producers(&at, 1));
    const kurier_producers_info *info = result ? kurier_result_producers(result, 0) : NULL;
    for (uint32_t i = 0; info && i < info->producer_count; i++)
        if (info->producers[i].id == producer)
            return info->producers[i].transaction_start;
    return -1;
}

/* Nothing holds readers of committed records back. */
static bool is_stable(int32_t partition)
{
    const kurier_position end = kurier_at(TOPIC, partition, KURIER_END);
    int64_t ends[2];
    for (int i = 0; i < 2; i++) {
        kurier_request *request = kurier_admin_list_offsets(&end, 1);
        kurier_result *result =
            run(i ? kurier_request_with(request, KURIER_READ_COMMITTED) : request);
        if (outcome(result))
            return false;
        ends[i] = kurier_result_offset(result, 0)->offset;
    }
    return ends[0] == ends[1];
}

/* ---- Listing --------------------------------------------------------------------------*/

static void listing(int64_t *producer)
{
    static const char *const ongoing[] = {"Ongoing", NULL}, *const empty[] = {"Empty", NULL},
                             *const odd[] = {"Odd", NULL};
    const kurier_transaction_info *info = find("admin-open", NULL);
    *producer = info ? info->producer : -1;
    check(info && !strcmp(info->state, "Ongoing") && info->producer >= 0 && info->coordinator == 1,
          "an open transaction is listed, with its producer and its state");
    int64_t ids[] = {*producer};
    const kurier_transaction_filter all = {.states = ongoing,
                                           .producers = ids,
                                           .producer_count = 1},
                                    none = {.states = empty}, of = {.states = odd};
    check(find("admin-open", &all), "it passes the filters that it should");
    check(!find("admin-open", &none) && !err.code, "and not those that it should not");
    check(!run(kurier_admin_list_transactions(&of)) && err.code == KURIER_E_INVALID_ARGUMENT &&
              strstr(err.text, "Odd"),
          "a state that is none is told so");
}

/* Older brokers say that they do not know the filter, and then it is not left out. */
static void listing_by_newer_filters(void)
{
    const kurier_transaction_filter old = {.older_than_ms = HOUR_MS},
                                    like = {.pattern = "admin-.*"}, unlike = {.pattern = "admin"};
    if (!find("admin-open", &like) && err.code == KURIER_E_UNSUPPORTED) {
        check(true, "a broker before 4.1 does not take patterns, and that is told");
        return;
    }
    check(find("admin-open", &like) && !find("admin-open", &unlike) && !err.code,
          "a pattern is of the whole id");
    check(!find("admin-open", &old) && !err.code, "it is younger than an hour");
}

/* ---- Describing -----------------------------------------------------------------------*/

static void describing(int64_t producer)
{
    const kurier_transaction_info *info = describe("admin-open");
    int64_t age_ms = info ? clock_ms(CLOCK_REALTIME) - info->start_ms : -1;
    check(info && !info->code && !strcmp(info->state, "Ongoing") && info->producer == producer &&
              info->epoch >= 0 && info->timeout_ms == TIMEOUT_MS && age_ms >= 0 &&
              age_ms < HOUR_MS && info->partition_count == PARTITIONS &&
              !strcmp(info->partitions[0].topic, TOPIC) && info->partitions[1].partition == 1,
          "it is described, with its age and its partitions");
    info = describe("admin-nobody");
    check(info && !strcmp(kurier_code_name(info->code), "TRANSACTIONAL_ID_NOT_FOUND"),
          "an id that nobody has is not there");
    check(start_of(producer, 1) == 0, "its partitions know where it begins");
}

/* ---- Fencing --------------------------------------------------------------------------*/

static void fencing(kurier_producer *producer)
{
    const char *const ids[] = {"admin-open", "admin-fresh"};
    const kurier_position both[] = {kurier_at(TOPIC, 0, 0), kurier_at(TOPIC, 1, 0)};
    kurier_result *result = run(kurier_admin_find_hanging(both, 2, 0));
    check(result && kurier_result_count(result) == 0,
          "what its coordinator knows of does not hang");
    result = run(kurier_admin_fence_producers(ids, 2));
    check(outcome(result) == KURIER_OK && kurier_result_transaction(result, 0)->producer >= 0 &&
              kurier_result_transaction(result, 1)->epoch == 0,
          "its producers are fenced; an id that was not there is, now");
    check(SOON(is_stable(0) && is_stable(1)), "what was open is aborted");
    check(kurier_txn_commit(producer, PATIENCE_MS, &err) == KURIER_E_PRODUCER_FENCED,
          "the one that was fenced hears of it");
}

/* ---- What hangs -----------------------------------------------------------------------*/

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about, (void)kind, (void)at;
    return remove(path);
}

/* The coordinator forgets everything. */
static bool forget(void)
{
    char path[600];
    struct dirent *entry;
    bool found = false;
    snprintf(path, sizeof path, "%s/data", server.dir);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, STATES, strlen(STATES)) != 0)
            continue;
        snprintf(path, sizeof path, "%s/data/%s", server.dir, entry->d_name);
        found |= !nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* The one that hangs in partition 1; NULL: none does. */
static const kurier_hanging_info *hunt(void)
{
    const kurier_position at = kurier_at(TOPIC, 1, 0);
    kurier_result *result = run(kurier_admin_find_hanging(&at, 1, 0));
    const kurier_hanging_info *info = outcome(result) || kurier_result_count(result) != 1
                                          ? NULL
                                          : kurier_result_hanging(result, 0);
    return info;
}

static void hanging(void)
{
    kurier_producer *producer = opened("admin-hangs");
    const kurier_transaction_info *about = describe("admin-hangs");
    int64_t id = about ? about->producer : -1, start = start_of(id, 1);
    check(id >= 0 && start > 0, "a transaction that will hang");
    kit_server_kill(&server, SIGTERM);
    kurier_producer_free(producer);
    if (!check(forget() && kit_server_restart(&server), "its coordinator forgets it"))
        return;
    check(SOON(start_of(id, 1) == start && hunt()), "it is found");
    const kurier_hanging_info *info = hunt();
    check(info && info->producer == id && info->start_offset == start && !info->transactional_id,
          "with what is to be known of it; nobody knows its transactional id");
    kurier_position wrong = kurier_at(TOPIC, 1, start - 1), right = kurier_at(TOPIC, 1, start);
    check(!strcmp(kurier_code_name(outcome(run(kurier_admin_abort_transactions_at(&wrong, 1)))),
                  "INVALID_TXN_STATE"),
          "none begins elsewhere");
    check(outcome(run(kurier_admin_abort_transactions_at(&right, 1))) == KURIER_OK &&
              SOON(is_stable(1)) && !hunt(),
          "it is aborted by where it begins");
}

static void by_its_producer(void)
{
    const kurier_position at = kurier_at(TOPIC, 0, 0);
    kurier_result *result = run(kurier_admin_find_hanging(&at, 1, 0));
    const kurier_hanging_info *info = result ? kurier_result_hanging(result, 0) : NULL;
    if (!check(info, "in the other partition it hangs still"))
        return;
    const kurier_open_transaction open = {
        .topic = TOPIC, .producer = info->producer, .epoch = info->epoch};
    check(outcome(run(kurier_admin_abort_transactions(&open, 1))) == KURIER_OK &&
              SOON(is_stable(0)),
          "it is aborted by whose it is");
}

/* ---- The level of transactions ----------------------------------------------------------*/

static int level(void)
{
    kurier_result *result = run(kurier_admin_describe_versions(NULL, 0));
    const kurier_versions_info *info = result ? kurier_result_versions(result, 0) : NULL;
    for (uint32_t i = 0; info && i < info->feature_count; i++)
        if (!strcmp(info->features[i].name, "transaction.version"))
            return info->features[i].finalized_max;
    return -1;
}

static void features(void)
{
    kurier_feature_change change = {.name = "transaction.version", .level = 1, .down = true};
    if (level() != 2) {
        check(level() < 2, "transactions of version 1");
        return;
    }
    kurier_request *request = kurier_admin_update_features(&change, 1);
    check(outcome(run(kurier_request_with(request, KURIER_VALIDATE_ONLY))) == KURIER_OK &&
              level() == 2,
          "what is only tried changes no level");
    check(outcome(run(kurier_admin_update_features(&change, 1))) == KURIER_OK && SOON(level() == 1),
          "transaction.version is set back");
    change = (kurier_feature_change){.name = "transaction.version", .level = 2};
    check(outcome(run(kurier_admin_update_features(&change, 1))) == KURIER_OK && SOON(level() == 2),
          "and up again");
}

static bool begin(void)
{
    const kurier_new_topic topic = {.name = TOPIC, .partitions = PARTITIONS, .replication = 1};
    if (!kit_server_start(&server, NULL)) {
        printf("Bail out! %s\n", server.words);
        return false;
    }
    kurier_config *config = configure(NULL, NULL);
    client = kurier_client_new(NULL, config, &err);
    kurier_config_free(config);
    return client && outcome(run(kurier_admin_create_topics(&topic, 1))) == KURIER_OK;
}

int main(void)
{
    int64_t id = -1;
    if (!begin())
        return 1;
    kurier_producer *producer = opened("admin-open");
    listing(&id);
    listing_by_newer_filters();
    describing(id);
    fencing(producer);
    kurier_producer_free(producer);
    features();
    hanging();
    by_its_producer();
    run(NULL);
    kurier_client_free(client);
    check(kit_server_stop(&server), "the broker stops");
    printf("1..%d\n", cases);
    return failures > 0;
}
