/* SPDX-License-Identifier: Apache-2.0 */
/* libkurier as a copier; copy_test.py tells what a copier does. */
#include <kurier/kurier.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_MS = 20000,
    IDLE_MS = 500,
    ADDRESS = 1,
    FROM,
    TO,
    GROUP,
    ID,
    SIZE,
    HOW,
    SESSION,
    TIMEOUT,
    ARGUMENTS
};
enum { BATCHES = 64, RECORDS = 4096, PARTITIONS = 64, VALUE = 128 };

struct copier {
    char **argv;
    kurier_producer *producer;
    kurier_topic *to;
    kurier_consumer *consumer, *outsider; /* the latter, if not fenced: no member */
    char life[32];
    int transactions;
    bool moved; /* partitions came or went */
    kurier_batch *batches[BATCHES];
    size_t batch_count, record_count;
    kurier_record records[RECORDS];
    kurier_position positions[PARTITIONS];
    size_t position_count;
};

static void say(const char *what, const char *more)
{
    printf("%s %s\n", what, more);
    fflush(stdout);
}

/* Another takes over from here: the next life of this one. */
_Noreturn static void die(const char *what, const kurier_error *err)
{
    say(what, err->text);
    exit(3);
}

static void on_move(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                    size_t n)
{
    struct copier *c = ctx;
    (void)consumer;
    (void)positions;
    (void)n;
    c->moved = true;
}

static kurier_consumer *consumer_of(struct copier *c, bool member)
{
    kurier_rebalance_listener listener = {
        .assigned = on_move, .revoked = on_move, .lost = on_move, .ctx = c};
    char text[16];
    kurier_error err;
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", c->argv[ADDRESS]);
    kurier_config_set(config, "group.id", c->argv[GROUP]);
    kurier_config_set(config, "group.protocol", "classic");
    kurier_config_set(config, "partition.assignment.strategy", "range");
    kurier_config_set(config, "session.timeout.ms", c->argv[SESSION]);
    snprintf(text, sizeof text, "%d", atoi(c->argv[SESSION]) / 6);
    kurier_config_set(config, "heartbeat.interval.ms", text);
    snprintf(text, sizeof text, "%d", atoi(c->argv[SIZE]) / 4);
    kurier_config_set(config, "max.poll.records", text);
    kurier_config_set(config, "enable.auto.commit", "false");
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_config_set(config, "isolation.level", "read_committed");
    kurier_config_set(config, "fetch.max.wait.ms", "100");
    if (member)
        kurier_config_set_rebalance_listener(config, &listener);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!consumer)
        die("# consumer", &err);
    return consumer;
}

static void open_producer(struct copier *c)
{
    char id[128];
    kurier_error err;
    kurier_config *config = kurier_config_new();
    snprintf(id, sizeof id, "%s%s%s", c->argv[ID], c->outsider ? "-" : "",
             c->outsider ? c->life : "");
    kurier_config_set(config, "bootstrap.servers", c->argv[ADDRESS]);
    kurier_config_set(config, "transactional.id", id);
    kurier_config_set(config, "transaction.timeout.ms", c->argv[TIMEOUT]);
    kurier_config_set(config, "batch.size", "1000");
    kurier_config_set(config, "linger.ms", "5");
    c->producer = kurier_producer_new(NULL, config, &err);
    kurier_config_free(config);
    c->to = c->producer ? kurier_producer_topic(c->producer, c->argv[TO], &err) : NULL;
    if (!c->to || kurier_txn_init(c->producer, WAIT_MS, &err))
        die("# producer", &err);
}

static void take(struct copier *c, kurier_batch *batch)
{
    const kurier_batch_info *info = kurier_batch_view(batch);
    kurier_position next = kurier_at(info->topic, info->partition, info->next_offset);
    size_t at = 0;
    while (at < c->position_count && c->positions[at].partition != info->partition)
        at++;
    c->positions[at] = next;
    c->position_count += at == c->position_count;
    c->batches[c->batch_count++] = batch;
    c->record_count +=
        kurier_batch_read(batch, c->records + c->record_count, RECORDS - c->record_count);
}

static bool is_news(const kurier_error *err)
{
    return err->code && err->code != KURIER_E_INTERRUPTED && err->code != KURIER_E_LEASE_EXPIRED &&
           !(err->classes & KURIER_RETRIABLE);
}

/* What one transaction copies; false: nothing, or partitions came or went meanwhile. */
static bool gather(struct copier *c)
{
    size_t size = (size_t)atoi(c->argv[SIZE]);
    c->batch_count = c->record_count = c->position_count = 0;
    c->moved = false;
    while (c->record_count < size && c->batch_count < BATCHES) {
        kurier_batch *batch;
        kurier_error err = {0};
        if (kurier_consumer_poll(c->consumer, &batch, 1, IDLE_MS, &err) == 0) {
            if (is_news(&err))
                die("# poll", &err);
            break;
        }
        take(c, batch);
    }
    return c->record_count > 0 && !c->moved;
}

static void give_back(struct copier *c, void (*how)(kurier_batch *))
{
    for (size_t i = 0; i < c->batch_count; i++)
        how(c->batches[i]);
    c->batch_count = 0;
}

static kurier_code send_all(struct copier *c, kurier_error *err)
{
    char value[VALUE];
    kurier_code code = KURIER_OK;
    for (size_t i = 0; i < c->record_count && !code; i++) {
        const kurier_record *from = &c->records[i];
        int size =
            snprintf(value, sizeof value, "%.*s %s-%d %zu", (int)from->value.size,
                     (const char *)from->value.data, c->life, c->transactions, c->record_count);
        kurier_record record = {.value = {value, (size_t)size},
                                .flags = KURIER_TO_PARTITION,
                                .partition = from->partition};
        code = kurier_topic_send(c->to, &record, err);
    }
    return code;
}

static void hold(struct copier *c)
{
    char go;
    kurier_error err;
    if (kurier_producer_flush(c->producer, WAIT_MS, &err))
        die("# flush", &err);
    say("holding", "");
    if (read(STDIN_FILENO, &go, 1) != 1)
        exit(1);
}

/* Each call goes on where it timed out. */
static kurier_code copy(struct copier *c, kurier_error *err)
{
    kurier_code code = kurier_txn_begin(c->producer, WAIT_MS, err);
    code = code ? code : send_all(c, err);
    if (!code && strstr(c->argv[HOW], "hold"))
        hold(c);
    if (!code)
        code = kurier_txn_send_offsets(c->producer, c->outsider ? c->outsider : c->consumer,
                                       c->positions, c->position_count, WAIT_MS, err);
    return code ? code : kurier_txn_commit(c->producer, WAIT_MS, err);
}

static void copy_or_abort(struct copier *c)
{
    kurier_error err = {0};
    char count[16];
    if (!copy(c, &err)) {
        give_back(c, kurier_batch_done);
        snprintf(count, sizeof count, "%zu", c->record_count);
        say("copied", count);
        return;
    }
    if (!(err.classes & KURIER_ABORTABLE))
        die("# copy", &err);
    say("# aborts", err.text);
    if (kurier_txn_abort(c->producer, WAIT_MS, &err))
        die("# abort", &err);
    give_back(c, kurier_batch_retry);
}

int main(int argc, char **argv)
{
    static struct copier c;
    kurier_error err;
    if (argc != ARGUMENTS) {
        fprintf(stderr, "usage: kurier_copier ADDRESS FROM TO GROUP ID SIZE HOW SESSION_MS "
                        "TIMEOUT_MS\n");
        return 2;
    }
    c.argv = argv;
    snprintf(c.life, sizeof c.life, "%lx-%x", (unsigned long)time(NULL), (unsigned)getpid());
    if (strstr(argv[HOW], "unfenced"))
        c.outsider = consumer_of(&c, false);
    c.consumer = consumer_of(&c, true);
    open_producer(&c);
    const char *const topics[] = {argv[FROM]};
    if (kurier_consumer_subscribe(c.consumer, topics, 1, &err))
        die("# subscribe", &err);
    for (;; c.transactions++)
        if (gather(&c))
            copy_or_abort(&c);
        else
            give_back(&c, kurier_batch_retry);
}
