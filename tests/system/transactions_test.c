/* SPDX-License-Identifier: Apache-2.0 */
/* What a transactional producer promises, over the public header and a real broker. */
#include "tests/system/case_kit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS = 4, PATIENCE_MS = 60000, SHORT_MS = 1000, EACH = 50, KILLS = 4, TEXTS = 64 };

/* ---- What every case begins with -------------------------------------------------- */

/* Its log is among the events, which nobody reads. */
static kurier_config *configure_quietly(const char *const *settings)
{
    kurier_config *config = configure(settings);
    kurier_config_set(config, "log.sink", "events");
    return config;
}

static struct line line_open(const char *id, const char *topic, int timeout_ms, bool driven)
{
    struct line l = {0};
    char words[16];
    kurier_config *config = configure_quietly((const char *const[]){"transactional.id", id, NULL});
    snprintf(words, sizeof words, "%d", timeout_ms);
    if (timeout_ms)
        kurier_config_set(config, "transaction.timeout.ms", words);
    if (driven)
        l.runtime = kurier_runtime_new(KURIER_DRIVEN, config, &err);
    l.producer = kurier_producer_new(l.runtime, config, &err);
    l.topic = l.producer ? kurier_producer_topic(l.producer, topic, &err) : NULL;
    kurier_config_free(config);
    return l;
}

static void line_close(struct line *l)
{
    kurier_producer_close(l->producer, PATIENCE_MS, NULL);
    kurier_producer_free(l->producer);
    kurier_runtime_free(l->runtime);
}

static bool begins(struct line *l)
{
    return kurier_txn_begin(l->producer, PATIENCE_MS, &err) == KURIER_OK;
}

static bool commits(struct line *l)
{
    return kurier_txn_commit(l->producer, PATIENCE_MS, &err) == KURIER_OK;
}

static bool aborts(struct line *l)
{
    return kurier_txn_abort(l->producer, PATIENCE_MS, &err) == KURIER_OK;
}

/* n records of that text, over all partitions. */
static bool sends(struct line *l, const char *text, int n)
{
    for (int i = 0; i < n; i++) {
        kurier_record r = {
            .value = kurier_str(text), .flags = KURIER_TO_PARTITION, .partition = i % PARTITIONS};
        if (kurier_topic_send(l->topic, &r, &err))
            return false;
    }
    return true;
}

/* ---- What a reader of what is committed sees ------------------------------------------ */

struct seen {
    struct {
        char text[16];
        int count;
    } rows[TEXTS];
    int texts;
};

static void see(struct seen *seen, kurier_bytes value)
{
    int i = 0;
    while (i < seen->texts && (strlen(seen->rows[i].text) != value.size ||
                               memcmp(seen->rows[i].text, value.data, value.size) != 0))
        i++;
    if (i == TEXTS)
        return;
    if (i == seen->texts)
        snprintf(seen->rows[seen->texts++].text, sizeof seen->rows[i].text, "%.*s", (int)value.size,
                 (const char *)value.data);
    seen->rows[i].count++;
}

static int count_of(const struct seen *seen, const char *text)
{
    for (int i = 0; i < seen->texts; i++)
        if (!strcmp(seen->rows[i].text, text))
            return seen->rows[i].count;
    return 0;
}

/* Commits `last` by a producer of its own: who has seen it in each partition has seen all
 * that came before. */
static bool mark_end(const char *topic)
{
    struct line l = line_open("the end", topic, 0, false);
    bool ok = begins(&l) && sends(&l, "last", PARTITIONS) && commits(&l);
    line_close(&l);
    return ok;
}

static struct seen read_all(const char *topic)
{
    kurier_config *config =
        configure_quietly((const char *const[]){"isolation.level", "read_committed", NULL});
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    struct seen seen = {0};
    kurier_position from[PARTITIONS];
    kurier_batch *batch;
    kurier_record record;
    kurier_config_free(config);
    for (int32_t i = 0; i < PARTITIONS; i++)
        from[i] = kurier_at(topic, i, KURIER_BEGINNING);
    bool on = mark_end(topic) && !kurier_consumer_assign(consumer, from, PARTITIONS, &err);
    while (on && count_of(&seen, "last") < PARTITIONS &&
           kurier_consumer_poll(consumer, &batch, 1, PATIENCE_MS, &err)) {
        while (kurier_batch_next(batch, &record))
            see(&seen, record.value);
        kurier_batch_done(batch);
    }
    kurier_consumer_free(consumer);
    printf("# %s:", topic);
    for (int i = 0; i < seen.texts; i++)
        printf(" %d of \"%s\"", seen.rows[i].count, seen.rows[i].text);
    printf("\n");
    return seen;
}

/* ---- Cases ------------------------------------------------------------------------------ */

static void test_outcomes(void)
{
    struct line l = line_open("outcomes", "outcomes", 0, false);
    check(kurier_txn_init(l.producer, PATIENCE_MS, &err) == KURIER_OK &&
              kurier_client_ready(kurier_producer_client(l.producer), 0, &err) != KURIER_E_STATE,
          "init takes the id");
    check(begins(&l) && sends(&l, "one", EACH) && commits(&l), "a transaction is committed");
    check(begins(&l) && sends(&l, "flushed", EACH) &&
              !kurier_producer_flush(l.producer, PATIENCE_MS, &err) && aborts(&l),
          "one is aborted after its records were written");
    check(begins(&l) && sends(&l, "unsent", EACH) && aborts(&l), "one before they were");
    check(begins(&l) && commits(&l) && begins(&l) && aborts(&l), "empty ones end as well");
    bool many = true;
    for (int i = 0; i < 20 && many; i++)
        many = begins(&l) && sends(&l, "many", PARTITIONS) && commits(&l);
    check(many, "one follows another at once");
    check(begins(&l) && sends(&l, "left open", EACH), "one is open");
    line_close(&l);
    struct seen seen = read_all("outcomes");
    check(count_of(&seen, "one") == EACH && count_of(&seen, "many") == 20 * PARTITIONS,
          "what was committed is read");
    check(count_of(&seen, "last") == PARTITIONS && seen.texts == 3,
          "what was aborted is not, nor what close found open");
}

static void test_order_of_calls(void)
{
    struct line l = line_open("calls", "calls", 0, false);
    check(kurier_txn_commit(l.producer, PATIENCE_MS, &err) == KURIER_E_STATE &&
              kurier_txn_abort(l.producer, PATIENCE_MS, &err) == KURIER_E_STATE,
          "commit and abort without a begin are refused");
    check(!sends(&l, "x", 1) && err.code == KURIER_E_STATE && strstr(err.text, "kurier_txn_begin"),
          "so is a send, and it says what comes first");
    check(begins(&l) && kurier_txn_begin(l.producer, PATIENCE_MS, &err) == KURIER_E_STATE,
          "so is a second begin");
    check(sends(&l, "x", 1) && commits(&l) && !sends(&l, "x", 1) && err.code == KURIER_E_STATE,
          "and a send after the commit");
    kurier_producer_close(l.producer, PATIENCE_MS, NULL);
    check(kurier_txn_begin(l.producer, PATIENCE_MS, &err) == KURIER_E_CLOSED, "closed is closed");
    line_close(&l);

    kurier_config *config = configure_quietly(NULL);
    kurier_producer *plain = kurier_producer_new(NULL, config, &err);
    check(kurier_txn_begin(plain, 0, &err) == KURIER_E_STATE &&
              strstr(err.text, "transactional.id"),
          "without a transactional.id there are no transactions");
    kurier_producer_free(plain);
    kurier_config_set(config, "transactional.id", "calls");
    kurier_config_set(config, "acks", "1");
    check(!kurier_producer_new(NULL, config, &err) && err.code == KURIER_E_INVALID_CONFIG,
          "acks=1 contradicts them");
    kurier_config_free(config);
}

/* The outcome of an ended call waits for whoever calls again. */
static void test_resumed(void)
{
    struct line l = line_open("resumed", "resumed", 0, false);
    kurier_client *client = kurier_producer_client(l.producer);
    kurier_code code;
    int64_t until_ms = now_ms() + PATIENCE_MS;
    do
        code = kurier_txn_begin(l.producer, 0, &err);
    while (code == KURIER_E_TIMED_OUT && now_ms() < until_ms);
    check(code == KURIER_OK && sends(&l, "resumed", EACH), "begin is called until it is heard");
    code = kurier_txn_commit(l.producer, 0, &err);
    check(code == KURIER_E_TIMED_OUT && (err.classes & KURIER_RETRIABLE),
          "a commit goes on behind");
    check(kurier_txn_begin(l.producer, PATIENCE_MS, &err) == KURIER_E_STATE &&
              strstr(err.text, "commit"),
          "nothing begins before its outcome was heard");
    while (!(kurier_client_pending(client) & KURIER_RESUME) && now_ms() < until_ms)
        kurier_client_event(client, &(kurier_event){0}, 1);
    check(kurier_txn_commit(l.producer, 0, &err) == KURIER_OK &&
              !(kurier_client_pending(client) & KURIER_RESUME),
          "KURIER_RESUME says when, and the next call hears it");
    kurier_client_wake(client);
    code = kurier_txn_begin(l.producer, PATIENCE_MS, &err);
    check(code == KURIER_OK || (code == KURIER_E_INTERRUPTED && begins(&l)),
          "a wake ends a wait, not what goes on");
    check(sends(&l, "dropped", EACH) && (!kurier_txn_abort(l.producer, 0, &err) ||
                                         (err.code == KURIER_E_TIMED_OUT && aborts(&l))),
          "an abort is resumed as well");
    line_close(&l);
    struct seen seen = read_all("resumed");
    check(count_of(&seen, "resumed") == EACH && !count_of(&seen, "dropped"), "all came as told");
}

static void test_fenced(void)
{
    struct line old = line_open("same", "fenced", 0, false);
    check(begins(&old) && sends(&old, "old", EACH) &&
              !kurier_producer_flush(old.producer, PATIENCE_MS, &err),
          "a producer is in a transaction");
    struct line new = line_open("same", "fenced", 0, false);
    check(begins(&new) && sends(&new, "new", EACH) && commits(&new),
          "another with its id takes over");
    kurier_code code = kurier_txn_commit(old.producer, PATIENCE_MS, &err);
    check(code == KURIER_E_PRODUCER_FENCED && err.classes == KURIER_FATAL &&
              strstr(err.text, "same"),
          "the older cannot commit: it is fenced, for good");
    check(!sends(&old, "zombie", 1) && err.code == KURIER_E_PRODUCER_FENCED &&
              kurier_txn_abort(old.producer, PATIENCE_MS, &err) == KURIER_E_PRODUCER_FENCED &&
              kurier_txn_begin(old.producer, PATIENCE_MS, &err) == KURIER_E_PRODUCER_FENCED,
          "and every call says so");
    check(begins(&new) && sends(&new, "new", EACH) && commits(&new), "the newer goes on");
    line_close(&old);
    line_close(&new);
    struct seen seen = read_all("fenced");
    check(count_of(&seen, "new") == 2 * EACH && !count_of(&seen, "old"),
          "nothing of the older is read");
}

/* Sends until the broker will have no more of it. */
static bool is_timed_out(struct line *l)
{
    int64_t until_ms = now_ms() + PATIENCE_MS;
    while (now_ms() < until_ms) {
        if (!sends(l, "late", PARTITIONS) || kurier_producer_flush(l->producer, SHORT_MS, &err))
            return true;
        kurier_client_event(kurier_producer_client(l->producer), &(kurier_event){0}, 100);
    }
    return false;
}

static void test_timed_out(void)
{
    struct line l = line_open("slow", "slow", SHORT_MS, false);
    check(begins(&l) && is_timed_out(&l), "a transaction ends by transaction.timeout.ms");
    kurier_code code = kurier_txn_commit(l.producer, PATIENCE_MS, &err);
    check(code && err.classes == KURIER_ABORTABLE, "it cannot be committed");
    check(!sends(&l, "late", 1) && err.classes == KURIER_ABORTABLE,
          "nothing more can be sent in it");
    check(aborts(&l), "it can be aborted");
    check(begins(&l) && sends(&l, "on time", EACH) && commits(&l), "and the producer goes on");
    line_close(&l);
    struct seen seen = read_all("slow");
    check(count_of(&seen, "on time") == EACH && !count_of(&seen, "late"), "nothing of it is read");
}

static void test_undelivered(void)
{
    struct line l = line_open("purged", "purged", 0, false);
    check(begins(&l) && sends(&l, "purged", EACH) && kurier_producer_purge(l.producer, true) > 0,
          "records of a transaction are given up");
    kurier_code code = kurier_txn_commit(l.producer, PATIENCE_MS, &err);
    check(code && err.classes == KURIER_ABORTABLE, "it cannot be committed without them");
    check(aborts(&l) && begins(&l) && sends(&l, "whole", EACH) && commits(&l), "the next one can");
    line_close(&l);
    struct seen seen = read_all("purged");
    check(count_of(&seen, "whole") == EACH && !count_of(&seen, "purged"), "and alone is read");
}

static void test_driven(void)
{
    struct line l = line_open("driven", "driven", 0, true);
    check(begins(&l) && sends(&l, "a", EACH) && commits(&l) && begins(&l) && sends(&l, "b", EACH) &&
              aborts(&l),
          "without a thread of the library's it is the same");
    line_close(&l);
    struct seen seen = read_all("driven");
    check(count_of(&seen, "a") == EACH && !count_of(&seen, "b"), "to readers, too");
}

/* ---- The broker is killed while a commit is under way ---------------------------------- */

static bool ends(struct line *l, bool *committed)
{
    kurier_code code;
    do
        code = kurier_txn_commit(l->producer, PATIENCE_MS, &err);
    while (code == KURIER_E_TIMED_OUT);
    *committed = code == KURIER_OK;
    return *committed || ((err.classes & KURIER_ABORTABLE) && aborts(l));
}

static void test_killed(void)
{
    struct line l = line_open("killed", "killed", 0, false);
    bool right = true, committed[KILLS] = {false};
    char text[16];
    int done = 0;
    for (int i = 0; i < KILLS && right; i++) {
        snprintf(text, sizeof text, "round %d", i);
        right = begins(&l) && sends(&l, text, EACH);
        if (right && i % 2)
            right = !kurier_producer_flush(l.producer, PATIENCE_MS, &err);
        kurier_code code = kurier_txn_commit(l.producer, i * 2, &err);
        kit_server_kill(&server, SIGKILL);
        right = right && kit_server_restart(&server);
        if (right && code == KURIER_E_TIMED_OUT)
            right = ends(&l, &committed[i]);
        else
            committed[i] = code == KURIER_OK;
        done += committed[i];
    }
    check(right, "called again after kill -9, each commit comes to an end");
    line_close(&l);
    struct seen seen = read_all("killed");
    bool same = true;
    for (int i = 0; i < KILLS; i++) {
        snprintf(text, sizeof text, "round %d", i);
        int count = count_of(&seen, text), due = committed[i] ? EACH : 0;
        if (count != due)
            printf("# %s: %d of %d\n", text, count, due);
        same &= count == due;
    }
    printf("# %d of %d committed\n", done, KILLS);
    check(same && count_of(&seen, "last") == PARTITIONS,
          "and readers see whole what it answered, or nothing");
}

/* ---- Positions of a group ------------------------------------------------------------------ */

static int64_t committed_at(kurier_consumer *consumer, const char *topic)
{
    kurier_position at = kurier_at(topic, 0, 0);
    return kurier_consumer_committed(consumer, &at, 1, PATIENCE_MS, &err) ? -1 : at.offset;
}

static void test_offsets(void)
{
    struct line l = line_open("offsets", "offsets", 0, false);
    const char *const settings[] = {"group.id",        "readers",           "enable.auto.commit",
                                    "false",           "auto.offset.reset", "earliest",
                                    "isolation.level", "read_committed",    NULL};
    const char *topic = "offsets";
    kurier_config *config = configure_quietly(settings);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_batch *batch = NULL;
    check(begins(&l) && sends(&l, "input", EACH) && commits(&l), "there is something to read");
    check(!kurier_consumer_subscribe(consumer, &topic, 1, &err) &&
              kurier_consumer_poll(consumer, &batch, 1, PATIENCE_MS, &err) == 1,
          "a member reads it");
    if (batch)
        kurier_batch_done(batch);
    kurier_position at = kurier_at(topic, 0, 5);
    at.metadata = "mine";
    check(begins(&l) && !kurier_txn_send_offsets(l.producer, consumer, &at, 1, PATIENCE_MS, &err) &&
              aborts(&l) && committed_at(consumer, topic) == KURIER_COMMITTED,
          "positions of an aborted transaction are not committed");
    at.offset = 7;
    check(begins(&l) && sends(&l, "output", EACH) &&
              !kurier_txn_send_offsets(l.producer, consumer, &at, 1, PATIENCE_MS, &err) &&
              commits(&l) && committed_at(consumer, topic) == 7,
          "those of a committed one are, with it");
    at.offset = -1;
    check(begins(&l) && kurier_txn_send_offsets(l.producer, consumer, &at, 1, PATIENCE_MS, &err) ==
                            KURIER_E_INVALID_ARGUMENT,
          "a position that is none is refused");
    at.offset = 9;
    kurier_code code = kurier_txn_send_offsets(l.producer, consumer, &at, 1, 0, &err);
    check((code == KURIER_OK || code == KURIER_E_TIMED_OUT) && commits(&l) &&
              committed_at(consumer, topic) == 9,
          "a commit takes with it what goes on behind");

    check(begins(&l) && sends(&l, "output", EACH) &&
              !kurier_consumer_unsubscribe(consumer, PATIENCE_MS, &err) &&
              !kurier_consumer_subscribe(consumer, &topic, 1, &err) &&
              kurier_txn_send_offsets(l.producer, consumer, &at, 1, PATIENCE_MS, &err) &&
              err.classes == KURIER_ABORTABLE && kurier_txn_commit(l.producer, PATIENCE_MS, &err) &&
              aborts(&l),
          "who is not in its group any more cannot commit for it, nor without it");
    kurier_consumer_close(consumer, PATIENCE_MS, NULL);
    check(begins(&l) &&
              kurier_txn_send_offsets(l.producer, consumer, &at, 1, PATIENCE_MS, &err) ==
                  KURIER_E_STATE &&
              aborts(&l),
          "nor can one that is closed");
    kurier_config_free(config);
    kurier_consumer_free(consumer);
    line_close(&l);
}

int main(void)
{
    static const char *const options[] = {
        "num.partitions=4", "transaction.abort.timed.out.transaction.cleanup.interval.ms=200",
        NULL};
    if (!kit_server_start(&server, options))
        return printf("Bail out! %s\n", server.words), 1;
    test_outcomes();
    test_order_of_calls();
    test_resumed();
    test_fenced();
    test_timed_out();
    test_undelivered();
    test_driven();
    test_offsets();
    test_killed();
    check(kit_server_stop(&server), "the broker ends cleanly");
    printf("1..%d\n", cases);
    return failures > 0;
}
