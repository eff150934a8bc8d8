/* SPDX-License-Identifier: Apache-2.0 */
/* Consume, transform, produce: what kurier_txn_end commits, and what it puts back, against
 * a kurierd. */
#include "tests/system/group_kit.h"

#define OUT "out"

static struct ledger ledger;

static const char *const quick[] = {"group.protocol",
                                    "classic",
                                    "heartbeat.interval.ms",
                                    "50",
                                    "max.poll.records",
                                    "10",
                                    "isolation.level",
                                    "read_committed",
                                    NULL};

/* A consumer, and the producer whose transactions commit for it. */
struct pair {
    kurier_consumer *from;
    kurier_producer *by;
    kurier_topic *to;
    kurier_error err;
};

static kurier_producer *transactional(const char *name)
{
    kurier_error err;
    const char *const words[] = {"transactional.id", name, NULL};
    kurier_config *config = configure(NULL, words);
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!producer)
        give_up("a producer", &err);
    return producer;
}

static void open_pair(struct pair *p, const char *group, const char *name, const char *const *words,
                      const kurier_rebalance_listener *listener)
{
    static const char *const topic = TOPIC;
    p->from = make(group, words, listener);
    p->by = transactional(name);
    p->to = kurier_producer_topic(p->by, OUT, &p->err);
    if (!p->to || kurier_txn_attach(p->by, p->from, &p->err) ||
        kurier_consumer_subscribe(p->from, &topic, 1, &p->err))
        give_up("a pair", &p->err);
}

static void close_pair(struct pair *p)
{
    kurier_consumer_close(p->from, PATIENCE_MS, NULL);
    kurier_producer_free(p->by);
    kurier_consumer_free(p->from);
}

static bool begin(struct pair *p)
{
    return !kurier_txn_begin(p->by, PATIENCE_MS, &p->err);
}

static kurier_code end(struct pair *p)
{
    return kurier_txn_end(p->by, PATIENCE_MS, &p->err);
}

/* Copies at least so many records, finished. */
static bool copy(struct pair *p, int least)
{
    int64_t until = now_ms() + PATIENCE_MS;
    for (int n = 0; n < least && now_ms() < until;)
        for (kurier_batch *batch; kurier_consumer_poll(p->from, &batch, 1, TURN_MS, NULL);) {
            kurier_record r;
            for (; kurier_batch_next(batch, &r); n++)
                if (kurier_topic_send(p->to, &r, &p->err))
                    give_up("send", &p->err);
            kurier_batch_done(batch);
            if (n >= least)
                break;
        }
    return now_ms() < until;
}

static kurier_batch *one_batch(struct pair *p)
{
    kurier_batch *batch = NULL;
    int64_t until = now_ms() + PATIENCE_MS;
    while (!kurier_consumer_poll(p->from, &batch, 1, TURN_MS, NULL) && now_ms() < until)
        ;
    return batch;
}

static int64_t committed_in_all(const char *group)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < PARTITIONS; i++)
        sum += committed(group, i) < 0 ? 0 : committed(group, i);
    return sum;
}

/* Values of OUT that are committed, into the ledger. */
static void read_out(void)
{
    kurier_error err;
    kurier_position at[PARTITIONS];
    int ends = 0;
    static const char *const words[] = {"isolation.level", "read_committed", "enable.partition.eof",
                                        "true", NULL};
    kurier_consumer *c = make(NULL, words, NULL);
    memset(&ledger, 0, sizeof ledger);
    for (int32_t i = 0; i < PARTITIONS; i++)
        at[i] = kurier_at(OUT, i, KURIER_BEGINNING);
    if (kurier_consumer_assign(c, at, PARTITIONS, &err))
        give_up("assign", &err);
    for (int64_t until = now_ms() + PATIENCE_MS; ends < PARTITIONS && now_ms() < until;) {
        kurier_batch *batch;
        kurier_record r;
        if (!kurier_consumer_poll(c, &batch, 1, TURN_MS, NULL))
            continue;
        ends += kurier_batch_view(batch)->records == 0;
        while (kurier_batch_next(batch, &r))
            note(&ledger, &r);
        kurier_batch_done(batch);
    }
    kurier_consumer_free(c);
}

/* ---- Stories ------------------------------------------------------------------------*/

static void what_is_finished_is_committed(void)
{
    static const char *const words[] = {"auto.commit.interval.ms", "10", "group.protocol",
                                        "classic", NULL};
    struct pair p;
    kurier_event event;
    open_pair(&p, "plain", "plain", words, NULL);
    expect(begin(&p) && copy(&p, 100), "a transaction copies");
    kurier_client_event(kurier_consumer_client(p.from), &event, 100); /* for an automatic commit */
    expect(committed_in_all("plain") == 0 &&
               kurier_consumer_commit(p.from, NULL, 0, PATIENCE_MS, &p.err) == KURIER_E_STATE &&
               kurier_txn_commit(p.by, PATIENCE_MS, &p.err) == KURIER_E_STATE &&
               kurier_txn_abort(p.by, PATIENCE_MS, &p.err) == KURIER_E_STATE,
           "nothing else commits meanwhile, or ends it");
    bool ended = !end(&p);
    read_out();
    expect(ended && ledger.read >= 100 && ledger.most == 1 &&
               committed_in_all("plain") == ledger.read,
           "its end commits what was made and what was finished");
    expect(begin(&p) && !end(&p), "a transaction may be empty");
    close_pair(&p);
}

enum how { LEAVE, RELEASE, RETRY };

static void what_is_not_finished_comes_again(enum how how, const char *name, const char *what)
{
    struct pair p;
    kurier_record r, again;
    open_pair(&p, name, name, quick, NULL);
    bool ok = begin(&p) && copy(&p, 20) && !end(&p) && begin(&p);
    int64_t before = committed_in_all(name);
    kurier_batch *batch = one_batch(&p);
    int32_t partition = kurier_batch_view(batch)->partition;
    ok = ok && kurier_batch_next(batch, &r) && !kurier_topic_send(p.to, &r, &p.err);
    int64_t offset = r.offset;
    if (how == RELEASE)
        kurier_batch_release(batch);
    if (how == RETRY)
        kurier_batch_retry(batch);
    ok = ok && end(&p) == KURIER_E_TXN_ABORTED && strstr(p.err.text, "finished");
    ok = ok && committed_in_all(name) == before && (how != LEAVE || kurier_batch_stale(batch));
    if (how == LEAVE)
        kurier_batch_done(batch); /* of the past: nothing comes of it */
    bool came = false;
    for (int i = 0; ok && !came && i < RECORDS; i++) {
        batch = one_batch(&p);
        came = kurier_batch_view(batch)->partition == partition && kurier_batch_next(batch, &again);
        kurier_batch_done(batch);
    }
    if (!expect(ok && came && again.offset == offset && begin(&p) && !end(&p), what))
        printf("# %s\n", p.err.text);
    close_pair(&p);
}

static void single_records(void)
{
    struct pair p;
    kurier_record r;
    open_pair(&p, "single", "single", quick, NULL);
    bool ok = begin(&p);
    int n = 0;
    for (int64_t until = now_ms() + PATIENCE_MS; n < 13 && now_ms() < until;)
        n += kurier_consumer_next(p.from, &r, TURN_MS, &p.err);
    ok = ok && n == 13 && end(&p) == KURIER_E_TXN_ABORTED && begin(&p);
    expect(ok, "the record that next answered last has to be finished");
    n = 0;
    for (int64_t until = now_ms() + PATIENCE_MS; n < 13 && now_ms() < until;)
        n += kurier_consumer_next(p.from, &r, TURN_MS, &p.err);
    kurier_consumer_finish(p.from);
    ok = n == 13 && !end(&p) && committed_in_all("single") == 13;
    expect(ok, "then what next handed out is committed, in the middle of a batch too");
    close_pair(&p);
}

static void keep_polling(struct pair *p)
{
    kurier_batch *batch;
    if (kurier_consumer_poll(p->from, &batch, 1, TURN_MS, &p->err))
        kurier_batch_release(batch);
}

static void a_rebalance_waits_for_the_end(const char *group, const char *const *words)
{
    char names[2][32];
    struct pair a, b;
    for (int n = 0; n < 2; n++)
        snprintf(names[n], sizeof names[n], "%s-%d", group, n);
    open_pair(&a, group, names[0], words, NULL);
    bool ok = begin(&a) && copy(&a, RECORDS);
    open_pair(&b, group, names[1], words, NULL);
    for (int i = 0; i < 50; i++) { /* many heartbeats */
        keep_polling(&a);
        keep_polling(&b);
    }
    ok = ok && !owned(b.from) && owned(a.from) == PARTITIONS;
    expect(ok, "a rebalance waits for the transaction");
    ok = !end(&a);
    expect(ok && committed_in_all(group) == RECORDS, "which commits all that it read");
    for (int64_t until = now_ms() + PATIENCE_MS;
         owned(b.from) < PARTITIONS / 2 && now_ms() < until;) {
        keep_polling(&a);
        keep_polling(&b);
    }
    expect(owned(a.from) == PARTITIONS / 2 && owned(b.from) == PARTITIONS / 2,
           "then the partitions are given up");
    close_pair(&a);
    close_pair(&b);
}

static void on_lost(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    (void)c;
    (void)p;
    *(size_t *)ctx += n;
}

static void but_not_for_ever(void)
{
    static const char *const short_of_time[] = {"group.protocol",
                                                "classic",
                                                "heartbeat.interval.ms",
                                                "50",
                                                "max.poll.records",
                                                "10",
                                                "max.poll.interval.ms",
                                                "1000",
                                                "session.timeout.ms",
                                                "900",
                                                NULL};
    size_t lost = 0;
    kurier_rebalance_listener listener = {.lost = on_lost, .ctx = &lost};
    struct pair a, b;
    open_pair(&a, "late", "late-a", short_of_time, &listener);
    bool ok = begin(&a) && copy(&a, RECORDS);
    open_pair(&b, "late", "late-b", short_of_time, NULL);
    for (int64_t until = now_ms() + PATIENCE_MS; !lost && now_ms() < until;) {
        keep_polling(&a);
        keep_polling(&b);
    }
    expect(ok && lost, "at the end of its patience the group takes them: told as lost");
    ok = end(&a) == KURIER_E_TXN_ABORTED && strstr(a.err.text, "given up");
    if (!expect(ok && committed_in_all("late") == 0, "and the transaction is aborted"))
        printf("# %s\n", a.err.text);
    close_pair(&a);
    close_pair(&b);
}

static void who_closes_commits_nothing(void)
{
    struct pair p;
    open_pair(&p, "closed", "closed", quick, NULL);
    bool ok = begin(&p) && copy(&p, 50) && !kurier_consumer_close(p.from, PATIENCE_MS, &p.err);
    ok = ok && end(&p) == KURIER_E_TXN_ABORTED;
    expect(ok && committed_in_all("closed") == 0, "a consumer closed in the midst: aborted");
    close_pair(&p);
}

static void an_open_transaction_is_named(void)
{
    kurier_error err;
    kurier_explanation why = {0};
    kurier_producer *other = transactional("other");
    kurier_topic *to = kurier_producer_topic(other, "held", &err);
    kurier_record r = {.value = kurier_str("0"), .flags = KURIER_TO_PARTITION};
    kurier_position at = kurier_at("held", 0, KURIER_BEGINNING);
    static const char *const words[] = {"isolation.level", "read_committed", NULL};
    kurier_consumer *c = make(NULL, words, NULL);
    bool ok = to && !kurier_txn_begin(other, PATIENCE_MS, &err) &&
              !kurier_topic_send(to, &r, &err) &&
              !kurier_producer_flush(other, PATIENCE_MS, &err) &&
              !kurier_consumer_assign(c, &at, 1, &err);
    for (int64_t until = now_ms() + PATIENCE_MS;
         ok && why.why != KURIER_WHY_TRANSACTION && now_ms() < until;) {
        kurier_batch *batch;
        ok = !kurier_consumer_poll(c, &batch, 1, TURN_MS, &err) &&
             !kurier_consumer_explain(c, "held", 0, &why, &err);
    }
    expect(ok && why.why == KURIER_WHY_TRANSACTION && why.end == 0 && why.high_watermark == 1,
           "explain: an open transaction holds it back, and how much");
    ok = !kurier_txn_abort(other, PATIENCE_MS, &err);
    for (int64_t until = now_ms() + PATIENCE_MS;
         ok && why.why != KURIER_WHY_AT_END && now_ms() < until;) {
        kurier_batch *batch;
        ok = !kurier_consumer_poll(c, &batch, 1, TURN_MS, &err) &&
             !kurier_consumer_explain(c, "held", 0, &why, &err);
    }
    expect(ok && why.why == KURIER_WHY_AT_END && why.end == 2 && why.position == 2,
           "aborted: passed over, to the end");
    kurier_consumer_free(c);
    kurier_producer_free(other);
}

static void misuse(void)
{
    kurier_error err;
    struct pair p;
    kurier_producer *plain = transactional("misuse");
    kurier_consumer *nobody = make(NULL, NULL, NULL), *member = join("misuse", NULL, NULL);
    bool ok = kurier_txn_attach(plain, nobody, &err) == KURIER_E_STATE &&
              kurier_txn_attach(plain, member, &err) == KURIER_E_STATE &&
              kurier_txn_end(plain, 0, &err) == KURIER_E_STATE;
    expect(ok, "attached is a consumer with a group, before it subscribes");
    kurier_consumer_free(nobody);
    kurier_consumer_free(member);
    open_pair(&p, "misuse", "misuse-2", quick, NULL);
    ok = kurier_txn_attach(plain, p.from, &err) == KURIER_E_STATE &&
         kurier_txn_attach(p.by, p.from, &err) == KURIER_E_STATE && end(&p) == KURIER_E_STATE;
    expect(ok, "and once; what has not begun has no end");
    kurier_producer_free(plain);
    kurier_consumer_free(p.from); /* first: the producer knows */
    ok = begin(&p) && end(&p) == KURIER_E_TXN_ABORTED;
    expect(ok, "a consumer that was freed commits nothing");
    kurier_producer_free(p.by);
}

int main(void)
{
    static const char *const eager[] = {
        "group.protocol", "classic", "heartbeat.interval.ms", "50", "partition.assignment.strategy",
        "range",          NULL};
    static const char *const modern[] = {"group.protocol", "consumer", NULL};
    static const char *const options[] = {"num.partitions=4",
                                          "offsets.topic.num.partitions=1",
                                          "transaction.state.log.num.partitions=1",
                                          "group.initial.rebalance.delay.ms=0",
                                          "group.min.session.timeout.ms=100",
                                          "group.consumer.min.heartbeat.interval.ms=20",
                                          "group.consumer.heartbeat.interval.ms=50",
                                          NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..28\n");
    if (!expect(kit_server_start(&server, options) && fill(TOPIC, 0, RECORDS), "a filled topic")) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    what_is_finished_is_committed();
    what_is_not_finished_comes_again(LEAVE, "left", "a batch in hand: aborted, and it comes again");
    what_is_not_finished_comes_again(RELEASE, "released", "a released batch: likewise");
    what_is_not_finished_comes_again(RETRY, "retried", "a batch to be had again: likewise");
    single_records();
    a_rebalance_waits_for_the_end("classic", quick);
    a_rebalance_waits_for_the_end("eager", eager);
    a_rebalance_waits_for_the_end("modern", modern);
    but_not_for_ever();
    who_closes_commits_nothing();
    an_open_transaction_is_named();
    misuse();
    expect(kit_server_stop(&server), "kurierd ends cleanly");
    return failures != 0;
}
