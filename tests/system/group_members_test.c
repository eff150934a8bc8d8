/* SPDX-License-Identifier: Apache-2.0 */
/* Members of classic groups through a real kurierd: they share, come, go, are cut off
 * and come back, and each record reaches the application. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS = 12, MEMBERS = 3, RECORDS = 2400, PATIENCE_MS = 30000, PAIRS = 12 };
static const char *const TOPIC = "shared";

static struct kit_server server;
static kurier_runtime *runtime;
static int cases, failures;

static bool expect(bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++cases, what);
    fflush(stdout);
    failures += !ok;
    return ok;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- Members ---------------------------------------------------------------------*/

struct member {
    kurier_consumer *consumer;   /* NULL: gone */
    int assigned, revoked, lost; /* calls of its listener */
    kurier_error err;            /* the last that poll answered */
    size_t told;                 /* partitions that its listener has, by what it heard */
};

static int seen[RECORDS]; /* how often each record was handed out */

static void count(int *calls, size_t n)
{
    *calls += n > 0;
}
static void on_assigned(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    (void)c, (void)p;
    count(&((struct member *)ctx)->assigned, n);
    ((struct member *)ctx)->told += n;
}
static void on_revoked(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    (void)c, (void)p;
    count(&((struct member *)ctx)->revoked, n);
    ((struct member *)ctx)->told -= n;
}
static void on_lost(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    (void)c, (void)p;
    count(&((struct member *)ctx)->lost, n);
    ((struct member *)ctx)->told -= n;
}

/* keys: "key", "value", ..., NULL beside what all have. */
static void come(struct member *m, const char *group, const char *const *keys)
{
    kurier_error err;
    kurier_config *config = kurier_config_new();
    kurier_rebalance_listener listener = {on_assigned, on_revoked, on_lost, m, false};
    *m = (struct member){0};
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "group.id", group);
    kurier_config_set(config, "group.protocol", "classic");
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_config_set(config, "heartbeat.interval.ms", "100");
    kurier_config_set(config, "retry.backoff.ms", "20");
    kurier_config_set(config, "metadata.max.age.ms", "500");
    kurier_config_set(config, "log.level", "error");
    for (; keys && *keys; keys += 2)
        kurier_config_set(config, keys[0], keys[1]);
    kurier_config_set_rebalance_listener(config, &listener);
    m->consumer = kurier_consumer_new(runtime, config, &err);
    kurier_config_free(config);
    if (!m->consumer || kurier_consumer_subscribe(m->consumer, &TOPIC, 1, &err)) {
        printf("# consumer: %s\n", err.text);
        exit(1);
    }
}

static bool go(struct member *m)
{
    kurier_error err = {0};
    kurier_code code = m->consumer ? kurier_consumer_close(m->consumer, 5000, &err) : KURIER_OK;
    if (code)
        printf("# close: %s\n", err.text);
    kurier_consumer_free(m->consumer);
    m->consumer = NULL;
    return !code;
}

static void take(kurier_batch *batch)
{
    kurier_record r;
    while (kurier_batch_next(batch, &r)) {
        int i = atoi((const char *)r.value.data);
        seen[i]++;
    }
    kurier_batch_done(batch);
}

/* What there is for it now. */
static void poll_once(struct member *m, int timeout_ms)
{
    kurier_batch *batches[8];
    kurier_error err = {0};
    size_t n = m->consumer ? kurier_consumer_poll(m->consumer, batches, 8, timeout_ms, &err) : 0;
    for (size_t i = 0; i < n; i++)
        take(batches[i]);
    if (err.code && err.code != KURIER_E_TIMED_OUT)
        m->err = err;
}

typedef bool holds_fn(struct member *members, int arg);

/* All of them poll by turns until it holds. */
static bool until(struct member *members, holds_fn *holds, int arg)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;
    while (!holds(members, arg)) {
        if (now_ms() > end_ms)
            return false;
        for (int i = 0; i < MEMBERS; i++)
            poll_once(&members[i], 5);
    }
    return true;
}

/* ---- What is waited for ------------------------------------------------------------*/

static size_t share(struct member *m, kurier_position *out)
{
    return m->consumer ? kurier_consumer_assignment(m->consumer, out, 2 * PARTITIONS) : 0;
}

/* Each of `partitions` is one member's, and shares differ by one at most. */
static bool all_shared(struct member *members, int partitions)
{
    kurier_position p[2 * PARTITIONS];
    size_t least = 1000, most = 0, all = 0;
    bool held[2 * PARTITIONS] = {false};
    for (int i = 0; i < MEMBERS; i++) {
        if (!members[i].consumer)
            continue;
        size_t n = share(&members[i], p);
        for (size_t k = 0; k < n; k++) {
            all += !held[p[k].partition];
            held[p[k].partition] = true;
        }
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    return (int)all == partitions && most - least <= 1;
}

/* And their listeners have heard of it. */
static bool all_shared_and_told(struct member *members, int partitions)
{
    kurier_position p[2 * PARTITIONS];
    for (int i = 0; i < MEMBERS; i++)
        if (members[i].consumer && share(&members[i], p) != members[i].told)
            return false;
    return all_shared(members, partitions);
}

static bool all_seen(struct member *members, int times)
{
    (void)members;
    for (int i = 0; i < RECORDS; i++)
        if (seen[i] < times)
            return false;
    return true;
}

static bool has_error(struct member *members, int which)
{
    return members[which].err.code != 0;
}

static bool is_lost(struct member *members, int which)
{
    return members[which].lost > 0;
}

/* ---- Records -----------------------------------------------------------------------*/

static bool send(int from, int to)
{
    kurier_error err = {0};
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_producer *producer = kurier_producer_new(runtime, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, TOPIC, &err) : NULL;
    kurier_config_free(config);
    for (int i = from; topic && i < to; i++) {
        char value[16];
        kurier_record r = {.value = {value, (size_t)sprintf(value, "%d", i) + 1},
                           .flags = KURIER_TO_PARTITION,
                           .partition = i % PARTITIONS};
        if (kurier_topic_send(topic, &r, &err))
            break;
    }
    bool ok = producer && !kurier_producer_close(producer, PATIENCE_MS, &err);
    kurier_producer_free(producer);
    if (!ok)
        printf("# send: %s\n", err.text);
    return ok;
}

static bool admin(kurier_request *request)
{
    kurier_error err = {0};
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_client *client = kurier_client_new(runtime, config, &err);
    kurier_config_free(config);
    kurier_result *result = kurier_admin_run(client, request, PATIENCE_MS, &err);
    bool ok = result && !kurier_result_error(result, &err);
    if (!ok)
        printf("# admin: %s\n", err.text);
    kurier_result_free(result);
    kurier_client_free(client);
    return ok;
}

/* ---- Stories ------------------------------------------------------------------------*/

/* The best of a few new groups: others may want the processor. */
static void a_new_member_is_quick(void)
{
    int64_t best_ms = PATIENCE_MS;
    for (int i = 0; i < 8 && best_ms >= 50; i++) {
        struct member m;
        kurier_error err;
        kurier_record r;
        char group[16];
        sprintf(group, "quick-%d", i);
        int64_t start_ms = now_ms();
        come(&m, group, NULL);
        bool got = kurier_consumer_next(m.consumer, &r, PATIENCE_MS, &err);
        int64_t took_ms = now_ms() - start_ms;
        if (got && took_ms < best_ms)
            best_ms = took_ms;
        go(&m);
    }
    printf("# from new to the first record: %d ms\n", (int)best_ms);
    expect(best_ms < 100, "a new group's first record comes within 100 ms");
}

static void they_share(struct member *members, const char *strategy)
{
    const char *const keys[] = {"partition.assignment.strategy", strategy, NULL};
    char what[80];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < MEMBERS; i++)
        come(&members[i], strategy, keys);
    sprintf(what, "%s: three members share all partitions", strategy);
    expect(until(members, all_shared, PARTITIONS), what);
    until(members, all_seen, 1);
}

/* Comes, goes, and nothing is read twice. */
static void one_comes_and_goes(struct member *members)
{
    int twice = 0;
    bool all = go(&members[1]) && until(members, all_shared, PARTITIONS);
    expect(all, "the others take over from one that leaves");
    all = send(0, RECORDS) && until(members, all_seen, 2);
    come(&members[1], "cooperative-sticky", NULL);
    all = all && until(members, all_shared, PARTITIONS) && go(&members[1]) &&
          until(members, all_shared, PARTITIONS);
    for (int i = 0; i < RECORDS; i++)
        twice += seen[i] > 2;
    expect(all && !twice, "every record is read, none twice");
}

static void the_broker_is_killed(struct member *members)
{
    int calls[MEMBERS], changed = 0;
    for (int i = 0; i < MEMBERS; i++)
        calls[i] = members[i].revoked + members[i].lost;
    kit_server_kill(&server, SIGKILL);
    bool up = kit_server_restart(&server);
    memset(seen, 0, sizeof seen);
    up = up && send(0, RECORDS) && until(members, all_seen, 1);
    for (int i = 0; i < MEMBERS; i++)
        changed += members[i].consumer && members[i].revoked + members[i].lost != calls[i];
    expect(up && !changed, "kurierd is killed and comes back: they go on with what they had");
}

static void the_topic_grows(struct member *members)
{
    kurier_new_topic topic = {.name = TOPIC, .partitions = PARTITIONS + 2};
    bool ok = admin(kurier_admin_create_partitions(&topic, 1));
    expect(ok && until(members, all_shared, PARTITIONS + 2), "new partitions are shared out");
}

static void another_strategy(struct member *members, const char *group)
{
    static const char *const keys[] = {"partition.assignment.strategy", "roundrobin", NULL};
    come(&members[1], group, keys);
    until(members, has_error, 1);
    expect(members[1].err.code == KURIER_E_INCONSISTENT_GROUP_PROTOCOL &&
               strstr(members[1].err.text, "uses the strategy cooperative-sticky"),
           "a strategy that the group does not share is told by its name");
    if (members[1].err.code)
        printf("# %s\n", members[1].err.text);
    go(&members[1]);
}

/* One after the other; those that stay have shared `partitions` anew before the next one
 * goes. 0: they do not, since static members keep their places. */
static void all_go(struct member *members, int partitions)
{
    bool ok = true;
    for (int i = 0; i < MEMBERS; i++) {
        ok &= go(&members[i]);
        ok &= !partitions || i + 1 == MEMBERS || !members[i + 1].consumer ||
              until(members, all_shared_and_told, partitions);
    }
    expect(ok, "they leave");
}

static void static_members(struct member *members)
{
    static const char *const instances[] = {"a", "b", "c"};
    for (int i = 0; i < MEMBERS; i++) {
        const char *const keys[] = {"group.instance.id", instances[i], NULL};
        come(&members[i], "static", keys);
    }
    bool ok = until(members, all_shared_and_told, PARTITIONS + 2);
    int before = members[0].revoked + members[0].assigned + members[2].revoked;
    ok = ok && go(&members[1]);
    const char *const keys[] = {"group.instance.id", instances[1], NULL};
    come(&members[1], "static", keys);
    ok = ok && until(members, all_shared_and_told, PARTITIONS + 2);
    int after = members[0].revoked + members[0].assigned + members[2].revoked;
    expect(ok && before == after, "a static member comes back to its place, unheard by the others");
    go(&members[2]);
    come(&members[2], "static", keys);
    ok = until(members, has_error, 1);
    expect(ok && members[1].err.code == KURIER_E_FENCED_INSTANCE_ID,
           "two of one name: the older is fenced");
}

static void one_stops_polling(struct member *members)
{
    static const char *const keys[] = {"max.poll.interval.ms", "1000", NULL};
    come(&members[0], "silent", keys);
    come(&members[1], "silent", NULL);
    members[2] = (struct member){0};
    bool ok = until(members, all_shared, PARTITIONS + 2);
    struct member others[MEMBERS] = {{NULL}, members[1], {NULL}};
    ok = ok && until(others, all_shared, PARTITIONS + 2);
    expect(ok, "one that stops polling loses its partitions to the other");
    members[1] = others[1];
    ok = until(members, is_lost, 0) && members[0].err.code == KURIER_E_LEASE_EXPIRED &&
         until(members, all_shared, PARTITIONS + 2);
    expect(ok, "it is told, and comes back when it polls");
    go(&members[0]);
    go(&members[1]);
}

int main(void)
{
    static const char *const options[] = {"group.initial.rebalance.delay.ms=0", NULL};
    static struct member members[MEMBERS];
    kurier_error err;
    runtime = kurier_runtime_new(KURIER_THREADED, NULL, &err);
    kurier_new_topic topic = {.name = TOPIC, .partitions = PARTITIONS};
    if (!runtime || !kit_server_start(&server, options) ||
        !admin(kurier_admin_create_topics(&topic, 1)) || !send(0, RECORDS)) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    a_new_member_is_quick();
    they_share(members, "range");
    all_go(members, PARTITIONS);
    they_share(members, "cooperative-sticky");
    one_comes_and_goes(members);
    the_broker_is_killed(members);
    the_topic_grows(members);
    another_strategy(members, "cooperative-sticky");
    all_go(members, PARTITIONS + 2);
    static_members(members);
    all_go(members, 0);
    one_stops_polling(members);
    expect(kit_server_stop(&server), "kurierd ends cleanly");
    kurier_runtime_free(runtime);
    printf("1..%d\n", cases);
    return failures != 0;
}
