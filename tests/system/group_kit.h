/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_GROUP_KIT_H
#define SYSTEM_GROUP_KIT_H
/*
 * What tests of groups have in common: a kurierd with a filled topic, consumers of
 * a group, and a ledger of what was read. Record i's value is i as text; it lies in
 * partition i % PARTITIONS, at offset i / PARTITIONS.
 */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS = 4, RECORDS = 2000, PATIENCE_MS = 30000, TURN_MS = 20 };
#define TOPIC "shared"

static struct kit_server server;
static int cases, failures;

static inline bool expect(bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++cases, what);
    failures += !ok;
    return ok;
}

static inline int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of a group; the words are key, value, ..., NULL. */
static inline kurier_config *configure(const char *group, const char *const *words)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "log.level", "error");
    kurier_config_set(config, "auto.offset.reset", "earliest");
    if (group)
        kurier_config_set(config, "group.id", group);
    for (; words && words[0]; words += 2)
        kurier_config_set(config, words[0], words[1]);
    return config;
}

static inline void give_up(const char *what, const kurier_error *err)
{
    printf("# %s: %s\n", what, err->text);
    exit(1);
}

static inline bool fill(const char *name, int from, int to)
{
    kurier_error err;
    kurier_config *config = configure(NULL, NULL);
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, name, &err) : NULL;
    kurier_config_free(config);
    for (int i = from; topic && i < to; i++) {
        char value[16];
        kurier_record r = {.value = {value, (size_t)sprintf(value, "%d", i)},
                           .flags = KURIER_TO_PARTITION,
                           .partition = i % PARTITIONS};
        if (kurier_topic_send(topic, &r, &err))
            break;
    }
    bool ok = producer && !kurier_producer_close(producer, PATIENCE_MS, &err);
    kurier_producer_free(producer);
    if (!ok)
        printf("# fill: %s\n", err.text);
    return ok;
}

static inline kurier_consumer *make(const char *group, const char *const *words,
                                    const kurier_rebalance_listener *listener)
{
    kurier_error err;
    kurier_config *config = configure(group, words);
    if (listener)
        kurier_config_set_rebalance_listener(config, listener);
    kurier_consumer *c = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!c)
        give_up("a consumer", &err);
    return c;
}

static inline kurier_consumer *join(const char *group, const char *const *words,
                                    const kurier_rebalance_listener *listener)
{
    static const char *const topic = TOPIC;
    kurier_error err;
    kurier_consumer *c = make(group, words, listener);
    if (kurier_consumer_subscribe(c, &topic, 1, &err))
        give_up("subscribe", &err);
    return c;
}

/* ---- What was read ------------------------------------------------------------------*/

struct ledger {
    int times[RECORDS], read, most; /* most: of one record */
    kurier_code code;               /* of the last error */
};

static inline void note(struct ledger *ledger, const kurier_record *r)
{
    char text[16] = {0};
    memcpy(text, r->value.data, r->value.size < 15 ? r->value.size : 15);
    int times = ++ledger->times[atoi(text)];
    ledger->read += times == 1;
    ledger->most = times > ledger->most ? times : ledger->most;
}

/* All that one poll brings, finished at once. Answers how many records. */
static inline int take(kurier_consumer *c, struct ledger *ledger, int timeout_ms)
{
    kurier_batch *batches[8];
    kurier_record r;
    kurier_error err;
    int count = 0;
    size_t n = kurier_consumer_poll(c, batches, 8, timeout_ms, &err);
    if (err.code)
        ledger->code = err.code;
    for (size_t i = 0; i < n; i++) {
        for (; kurier_batch_next(batches[i], &r); count++)
            note(ledger, &r);
        kurier_batch_done(batches[i]);
    }
    return count;
}

static inline size_t owned(kurier_consumer *c)
{
    return kurier_consumer_assignment(c, NULL, 0);
}

/* Until both have half of the partitions; what they read meanwhile is noted. */
static inline bool divided(kurier_consumer *a, kurier_consumer *b, struct ledger *ledger)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (now_ms() < until && !(owned(a) == PARTITIONS / 2 && owned(b) == PARTITIONS / 2)) {
        take(a, ledger, TURN_MS);
        take(b, ledger, TURN_MS);
    }
    return owned(a) == PARTITIONS / 2 && owned(b) == PARTITIONS / 2;
}

/* What the group has committed of a partition; -1: nothing. */
static inline int64_t committed(const char *group, int32_t partition)
{
    kurier_error err;
    kurier_consumer *c = make(group, NULL, NULL);
    kurier_position p = kurier_at(TOPIC, partition, 0);
    if (kurier_consumer_committed(c, &p, 1, PATIENCE_MS, &err))
        give_up("committed", &err);
    kurier_consumer_free(c);
    return p.offset == KURIER_COMMITTED ? -1 : p.offset;
}

#endif
