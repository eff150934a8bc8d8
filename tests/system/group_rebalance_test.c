/* SPDX-License-Identifier: Apache-2.0 */
/* Members come and go: what each is told, reads and may commit, against a kurierd. */
#include "tests/system/group_kit.h"
#include <signal.h>
#include <sys/wait.h>

static struct ledger ledger;

static const char *const hasty[] = {
    "max.poll.records", "10", "rebalance.drain.ms", "50", "enable.auto.commit", "false", NULL};

static void begin(void)
{
    memset(&ledger, 0, sizeof ledger);
}

static void done_with(kurier_consumer *c)
{
    kurier_error err;
    if (kurier_consumer_close(c, PATIENCE_MS, &err))
        printf("# close: %s\n", err.text);
    kurier_consumer_free(c);
}

/* ---- Sharing ------------------------------------------------------------------------*/

static void members_share(const char *group, const char *const *words, const char *what)
{
    begin();
    kurier_consumer *a = join(group, words, NULL);
    while (!ledger.read && !ledger.code)
        take(a, &ledger, TURN_MS);
    kurier_consumer *b = join(group, words, NULL);
    bool ok = divided(a, b, &ledger);
    done_with(a);
    int64_t until = now_ms() + PATIENCE_MS;
    while (ledger.read < RECORDS && now_ms() < until)
        take(b, &ledger, TURN_MS);
    done_with(b);
    if (!expect(ok && ledger.read == RECORDS && ledger.most == 1, what))
        printf("# read %d, at most %d times, code %d\n", ledger.read, ledger.most, ledger.code);
}

/* ---- The listener ---------------------------------------------------------------------*/

struct heard {
    bool polling, outside; /* outside: called when nobody polled */
    int assigned, revoked, lost;
    int64_t seek_to; /* in assigned; -1: no */
};

static void on_assigned(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    struct heard *heard = ctx;
    heard->outside |= !heard->polling;
    heard->assigned += (int)n;
    for (size_t i = 0; i < n && heard->seek_to >= 0; i++) {
        kurier_position to = kurier_at(p[i].topic, p[i].partition, heard->seek_to);
        if (kurier_consumer_seek(c, &to, 1, NULL))
            heard->outside = true;
    }
}

static void on_revoked(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    struct heard *heard = ctx;
    heard->outside |= !heard->polling || !p[0].topic;
    heard->revoked += (int)n;
    if (kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, NULL) ||
        kurier_consumer_close(c, 0, NULL) != KURIER_E_STATE)
        heard->outside = true;
}

static void on_lost(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    struct heard *heard = ctx;
    heard->outside |= !heard->polling || !p[0].topic || !c;
    heard->lost += (int)n;
}

static kurier_rebalance_listener listen_to(struct heard *heard)
{
    *heard = (struct heard){.seek_to = -1};
    return (kurier_rebalance_listener){on_assigned, on_revoked, on_lost, heard, false};
}

static int take_heard(kurier_consumer *c, struct heard *heard)
{
    heard->polling = true;
    int n = take(c, &ledger, TURN_MS);
    heard->polling = false;
    return n;
}

static void the_listener_hears(void)
{
    struct heard heard[2];
    kurier_rebalance_listener la = listen_to(&heard[0]), lb = listen_to(&heard[1]);
    static const char *const by_hand[] = {"enable.auto.commit", "false", NULL};
    begin();
    heard[0].seek_to = RECORDS / PARTITIONS - 5;
    kurier_consumer *a = join("heard", by_hand, &la);
    int64_t until = now_ms() + PATIENCE_MS;
    while (ledger.read < 5 * PARTITIONS && now_ms() < until)
        take_heard(a, &heard[0]);
    expect(ledger.read == 5 * PARTITIONS && heard[0].assigned == PARTITIONS && ledger.most == 1,
           "assigned may seek before anything is delivered");
    kurier_consumer *b = join("heard", by_hand, &lb);
    until = now_ms() + PATIENCE_MS;
    while (heard[1].assigned < PARTITIONS / 2 && now_ms() < until) {
        take_heard(a, &heard[0]);
        take_heard(b, &heard[1]);
    }
    expect(heard[0].revoked == PARTITIONS / 2 && heard[1].assigned == PARTITIONS / 2 &&
               heard[0].assigned == PARTITIONS && !heard[0].lost,
           "each is told just what changes");
    expect(ledger.read == 5 * PARTITIONS && ledger.most == 1,
           "what revoked committed is where the next owner begins");
    kurier_error err;
    heard[1].polling = true;
    bool ok = !kurier_consumer_unsubscribe(b, PATIENCE_MS, &err) && !owned(b);
    heard[1].polling = false;
    expect(ok && heard[1].revoked == PARTITIONS / 2, "unsubscribe calls revoked, and leaves");
    until = now_ms() + PATIENCE_MS;
    while (heard[0].assigned < PARTITIONS * 3 / 2 && now_ms() < until)
        take_heard(a, &heard[0]);
    expect(owned(a) == PARTITIONS && !heard[0].outside && !heard[1].outside,
           "and is called nowhere but there");
    done_with(a);
    done_with(b);
    expect(!heard[0].outside && heard[0].revoked == PARTITIONS / 2, "close calls nothing");
}

/* Time for the groups to go on, without taking anything. */
static void nap(kurier_consumer *c)
{
    kurier_event e;
    kurier_client_event(kurier_consumer_client(c), &e, TURN_MS);
}

static void on_deferred(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    struct heard *heard = ctx;
    heard->outside |= !heard->polling || !p[0].topic || !c;
    heard->revoked += (int)n;
}

static void deferred(void)
{
    static const char *const words[] = {"group.protocol", "classic", "heartbeat.interval.ms", "50",
                                        NULL};
    struct heard heard;
    kurier_rebalance_listener listener = listen_to(&heard);
    listener.revoked = on_deferred;
    listener.deferred = true;
    begin();
    kurier_consumer *a = join("deferred", words, &listener);
    int64_t until = now_ms() + PATIENCE_MS;
    while (ledger.read < RECORDS && now_ms() < until)
        take_heard(a, &heard);
    kurier_consumer *b = join("deferred", words, NULL);
    while (!heard.revoked && now_ms() < until)
        take_heard(a, &heard);
    for (int i = 0; i < 10; i++) /* the group would go on within a heartbeat, if it were over */
        take_heard(a, &heard);
    bool waits = !owned(b) && owned(a) == PARTITIONS;
    kurier_consumer_revoke_done(a);
    expect(waits && divided(a, b, &ledger), "a deferred revocation is over when it is said to be");
    done_with(a);
    done_with(b);
}

/* ---- What is held when it goes -----------------------------------------------------------*/

enum { HELD = 256 };
struct hands {
    kurier_batch *batches[HELD];
    size_t count;
    int records;
};

/* Some of each partition, unfinished. */
static void fill_hands(kurier_consumer *c, struct hands *hands)
{
    bool has[PARTITIONS] = {false};
    int64_t until = now_ms() + PATIENCE_MS;
    hands->count = 0;
    hands->records = 0;
    while (!(has[0] && has[1] && has[2] && has[3]) && hands->count < HELD && now_ms() < until) {
        size_t n = kurier_consumer_poll(c, &hands->batches[hands->count], 1, TURN_MS, NULL);
        if (!n)
            continue;
        const kurier_batch_info *info = kurier_batch_view(hands->batches[hands->count++]);
        has[info->partition] = true;
        hands->records += (int)info->records;
    }
}

static int stale(const struct hands *hands)
{
    int n = 0;
    for (size_t i = 0; i < hands->count; i++)
        n += kurier_batch_stale(hands->batches[i]);
    return n;
}

static void empty_hands(struct hands *hands)
{
    for (size_t i = 0; i < hands->count; i++)
        kurier_batch_done(hands->batches[i]);
    hands->count = 0;
}

static void revoked_is_not_committable(void)
{
    kurier_error err;
    struct hands hands;
    begin();
    kurier_consumer *a = join("taken", hasty, NULL);
    fill_hands(a, &hands);
    kurier_consumer *b = join("taken", hasty, NULL);
    int64_t until = now_ms() + PATIENCE_MS;
    while (owned(b) < PARTITIONS / 2 && now_ms() < until)
        nap(b);
    kurier_position mine[PARTITIONS];
    size_t n = kurier_consumer_assignment(b, mine, PARTITIONS);
    if (!expect(n == PARTITIONS / 2 && stale(&hands) > 0, "what was drained in vain is taken away"))
        printf("# the other owns %zu, %d of %zu batches are stale\n", n, stale(&hands),
               hands.count);
    empty_hands(&hands);
    bool ok = !kurier_consumer_commit(a, NULL, 0, PATIENCE_MS, &err);
    for (size_t i = 0; i < n; i++)
        ok = ok && committed("taken", mine[i].partition) < 0;
    expect(ok, "finishing it later commits nothing");
    mine[0].offset = 5;
    kurier_code code = kurier_consumer_commit(a, mine, 1, PATIENCE_MS, &err);
    expect(code == KURIER_E_ASSIGNMENT_LOST && committed("taken", mine[0].partition) < 0,
           "and by hand it is refused");
    done_with(a);
    done_with(b);
}

static void a_rebalance_waits_for_batches(void)
{
    static const char *const patient[] = {"max.poll.records", "100", "heartbeat.interval.ms", "50",
                                          NULL};
    kurier_error err;
    struct hands hands;
    kurier_explanation why;
    begin();
    kurier_consumer *a = join("drained", patient, NULL);
    fill_hands(a, &hands);
    kurier_consumer *b = join("drained", patient, NULL);
    int64_t until = now_ms() + PATIENCE_MS;
    int revoking = 0;
    while (revoking < PARTITIONS / 2 && now_ms() < until) {
        nap(b);
        revoking = 0;
        for (int i = 0; i < PARTITIONS; i++)
            revoking += !kurier_consumer_explain(a, TOPIC, i, &why, &err) &&
                        why.why == KURIER_WHY_REVOKING && why.held > 0;
    }
    if (!expect(revoking == PARTITIONS / 2 && !owned(b) && !stale(&hands),
                "a partition waits for its batches before it goes"))
        printf("# %d are being revoked, the other owns %zu, %d batches are stale\n", revoking,
               owned(b), stale(&hands));
    empty_hands(&hands);
    bool ok = divided(a, b, &ledger);
    done_with(a);
    until = now_ms() + PATIENCE_MS;
    while (ledger.read + hands.records < RECORDS && now_ms() < until)
        take(b, &ledger, TURN_MS);
    done_with(b);
    expect(ok && ledger.most == 1 && ledger.read + hands.records == RECORDS,
           "and then nothing of them is read twice");
}

/* ---- Members that fail --------------------------------------------------------------------*/

static void a_dead_member(void)
{
    static const char *const brief[] = {"session.timeout.ms",
                                        "500",
                                        "heartbeat.interval.ms",
                                        "100",
                                        "group.protocol",
                                        "classic",
                                        NULL};
    static const char *const topic = TOPIC;
    kurier_error err;
    begin();
    kurier_runtime *driven = kurier_runtime_new(KURIER_DRIVEN, NULL, NULL);
    kurier_config *config = configure("deserted", brief);
    kurier_consumer *dead = kurier_consumer_new(driven, config, &err);
    kurier_config_free(config);
    if (!dead || kurier_consumer_subscribe(dead, &topic, 1, &err))
        give_up("a member", &err);
    while (take(dead, &ledger, TURN_MS) == 0 && !ledger.code)
        ;
    kurier_consumer *b = join("deserted", brief, NULL);
    int64_t until = now_ms() + PATIENCE_MS;
    begin();
    while (owned(b) < PARTITIONS && now_ms() < until)
        take(b, &ledger, TURN_MS);
    expect(owned(b) == PARTITIONS, "a member that is silent loses its partitions");
    while (ledger.read < RECORDS && now_ms() < until)
        take(b, &ledger, TURN_MS);
    expect(ledger.read == RECORDS && ledger.most == 1, "and none of its records is lost");
    kurier_consumer_free(dead);
    kurier_runtime_free(driven);
    done_with(b);
}

static void a_slow_application(void)
{
    static const char *const words[] = {"max.poll.interval.ms",
                                        "500",
                                        "session.timeout.ms",
                                        "500",
                                        "heartbeat.interval.ms",
                                        "100",
                                        "enable.auto.commit",
                                        "false",
                                        NULL};
    struct heard heard;
    kurier_rebalance_listener listener = listen_to(&heard);
    begin();
    kurier_consumer *a = join("slow", words, &listener);
    int64_t until = now_ms() + PATIENCE_MS;
    while (!ledger.read && now_ms() < until)
        take_heard(a, &heard);
    kurier_consumer *b = join("slow", words, NULL);
    while (owned(b) < PARTITIONS && now_ms() < until)
        take(b, &ledger, TURN_MS);
    expect(owned(b) == PARTITIONS, "an application that is slow loses its partitions");
    ledger.code = 0;
    int told = 0;
    until = now_ms() + PATIENCE_MS;
    while (!(owned(a) == PARTITIONS / 2 && told) && now_ms() < until) {
        take_heard(a, &heard);
        told += ledger.code == KURIER_E_LEASE_EXPIRED;
        ledger.code = 0;
        take(b, &ledger, TURN_MS);
    }
    expect(told == 1 && heard.lost == PARTITIONS, "it is told so, once, and as lost");
    expect(owned(a) == PARTITIONS / 2, "and is a member again");
    done_with(a);
    done_with(b);
}

static void extended(void)
{
    static const char *const words[] = {"max.poll.interval.ms",
                                        "300",
                                        "session.timeout.ms",
                                        "300",
                                        "heartbeat.interval.ms",
                                        "50",
                                        NULL};
    kurier_error err;
    struct hands hands;
    kurier_consumer *a = join("extended", words, NULL);
    fill_hands(a, &hands);
    kurier_consumer_extend(a, PATIENCE_MS, &err);
    kurier_consumer *b = join("other", words, NULL); /* somebody's time goes by meanwhile */
    int64_t until = now_ms() + PATIENCE_MS;
    begin();
    while (ledger.read == 0 && now_ms() < until)
        take(b, &ledger, TURN_MS);
    kurier_event e;
    until = now_ms() + 700;
    while (now_ms() < until)
        kurier_client_event(kurier_consumer_client(a), &e, (int)(until - now_ms()));
    expect(!stale(&hands) && owned(a) == PARTITIONS, "extend keeps a slow member in its group");
    empty_hands(&hands);
    done_with(a);
    done_with(b);
}

static void close_always_returns(void)
{
    struct hands hands;
    kurier_error err;
    kurier_consumer *a = join("stopped", hasty, NULL);
    fill_hands(a, &hands);
    siginfo_t info;
    kill(server.pid, SIGSTOP);
    waitid(P_PID, (id_t)server.pid, &info, WSTOPPED);
    int64_t from = now_ms();
    kurier_code code = kurier_consumer_close(a, 500, &err);
    int64_t took = now_ms() - from;
    kill(server.pid, SIGCONT);
    if (!expect(code == KURIER_E_TIMED_OUT && took >= 400 && took < 1500,
                "close returns by its deadline when the broker does not answer"))
        printf("# %s after %lld ms\n", err.text, (long long)took);
    kurier_consumer_free(a);
    expect(stale(&hands) == (int)hands.count, "and its batches outlive it");
    empty_hands(&hands);
}

static void misuse(void)
{
    static const char *const topic = TOPIC;
    kurier_error err;
    kurier_position p = kurier_at(TOPIC, 0, 0);
    kurier_consumer *a = join("misused", NULL, NULL);
    expect(kurier_consumer_assign(a, &p, 1, &err) == KURIER_E_STATE && err.text[0],
           "who subscribed cannot assign");
    done_with(a);
    a = make(NULL, NULL, NULL);
    expect(kurier_consumer_subscribe(a, &topic, 1, &err) == KURIER_E_STATE &&
               strstr(err.text, "group.id"),
           "without a group.id nothing can be subscribed");
    done_with(a);
}

int main(void)
{
    static const char *const options[] = {"num.partitions=4",
                                          "offsets.topic.num.partitions=1",
                                          "group.initial.rebalance.delay.ms=0",
                                          "group.min.session.timeout.ms=100",
                                          "group.consumer.min.session.timeout.ms=100",
                                          "group.consumer.session.timeout.ms=500",
                                          "group.consumer.min.heartbeat.interval.ms=20",
                                          "group.consumer.heartbeat.interval.ms=50",
                                          NULL};
    static const char *const eager[] = {"group.protocol",
                                        "classic",
                                        "heartbeat.interval.ms",
                                        "50",
                                        "max.poll.records",
                                        "10",
                                        "partition.assignment.strategy",
                                        "range",
                                        NULL};
    static const char *const incremental[] = {
        "group.protocol", "classic", "heartbeat.interval.ms", "50", "max.poll.records", "10", NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..26\n");
    if (!expect(kit_server_start(&server, options) && fill(TOPIC, 0, RECORDS), "a filled topic")) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    members_share("eager", eager, "two members share: range, all given up in between");
    members_share("incremental", incremental, "two members share: cooperative-sticky");
    the_listener_hears();
    deferred();
    revoked_is_not_committable();
    a_rebalance_waits_for_batches();
    a_dead_member();
    a_slow_application();
    extended();
    close_always_returns();
    misuse();
    expect(kit_server_stop(&server), "kurierd ends cleanly");
    return failures != 0;
}
