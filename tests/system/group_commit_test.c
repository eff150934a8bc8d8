/* SPDX-License-Identifier: Apache-2.0 */
/* What is committed, and when: the manual's word on positions, against a kurierd. */
#include "tests/system/group_kit.h"

static const char *const by_hand[] = {"enable.auto.commit", "false", "max.poll.records", "10",
                                      NULL};

static kurier_consumer *alone(const char *group, const char *const *words, int64_t offset)
{
    kurier_error err;
    kurier_consumer *c = make(group, words, NULL);
    kurier_position p = kurier_at(TOPIC, 1, offset);
    if (kurier_consumer_assign(c, &p, 1, &err))
        give_up("assign", &err);
    return c;
}

static kurier_batch *one(kurier_consumer *c)
{
    kurier_batch *batch;
    kurier_error err;
    if (!kurier_consumer_poll(c, &batch, 1, PATIENCE_MS, &err))
        give_up("poll", &err);
    return batch;
}

static void done_with(kurier_consumer *c)
{
    kurier_error err;
    if (kurier_consumer_close(c, PATIENCE_MS, &err))
        printf("# close: %s\n", err.text);
    kurier_consumer_free(c);
}

static void what_is_finished_counts(void)
{
    kurier_error err;
    kurier_consumer *c = alone("finished", by_hand, 0);
    kurier_batch *a = one(c), *b = one(c), *d = one(c);
    kurier_batch_done(b);
    bool ok =
        !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err) && committed("finished", 1) == 0;
    expect(ok, "a finished batch behind an unfinished one does not count");
    kurier_batch_progress(a, 7);
    ok = !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err) && committed("finished", 1) == 7;
    expect(ok, "progress counts record by record");
    kurier_batch_done(a);
    ok = !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err) && committed("finished", 1) == 20;
    expect(ok, "once the gap is closed all of it counts");
    kurier_batch_release(d);
    kurier_batch_done(one(c));
    ok = !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err) && committed("finished", 1) == 20;
    kurier_explanation why;
    ok = ok && !kurier_consumer_explain(c, TOPIC, 1, &why, &err) && why.finished == 20;
    expect(ok, "a batch that was released holds it back");
    done_with(c);
    expect(committed("finished", 1) == 20, "close commits nothing with enable.auto.commit=false");
}

static void retry_begins_where_progress_ended(void)
{
    kurier_error err;
    kurier_record r;
    kurier_consumer *c = alone("retried", by_hand, 0);
    kurier_batch *a = one(c), *b = one(c);
    kurier_batch_progress(b, 4);
    kurier_batch_retry(b);
    b = one(c);
    bool ok = kurier_batch_next(b, &r) && r.offset == 14 && !kurier_batch_stale(a);
    kurier_batch_done(b);
    kurier_batch_done(a);
    ok = ok && !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err);
    expect(ok && committed("retried", 1) == 24, "a retried batch comes again from its progress on");
    done_with(c);
}

static void one_by_one(void)
{
    kurier_error err;
    kurier_record r;
    kurier_consumer *c = alone("single", by_hand, 0);
    for (int i = 0; i < 13; i++)
        if (!kurier_consumer_next(c, &r, PATIENCE_MS, &err))
            give_up("next", &err);
    bool ok = !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err);
    expect(ok && committed("single", 1) == 12,
           "the record that next answered last is not finished");
    kurier_consumer_finish(c);
    ok = !kurier_consumer_commit(c, NULL, 0, PATIENCE_MS, &err);
    expect(ok && committed("single", 1) == 13, "before finish, or the next");
    done_with(c);
    c = alone("single", by_hand, KURIER_COMMITTED);
    ok = kurier_consumer_next(c, &r, PATIENCE_MS, &err) && r.offset == 13;
    expect(ok, "KURIER_COMMITTED begins there");
    kurier_position p = kurier_at(TOPIC, 1, KURIER_COMMITTED);
    ok = !kurier_consumer_seek(c, &p, 1, &err) && kurier_consumer_next(c, &r, PATIENCE_MS, &err);
    expect(ok && r.offset == 13, "and can be sought");
    done_with(c);
}

static void explicit_positions(void)
{
    kurier_error err;
    kurier_consumer *c = alone("explicit", by_hand, 0);
    kurier_position p[2] = {kurier_at(TOPIC, 1, 5), kurier_at(TOPIC, 2, 6)};
    p[0].metadata = "half way";
    p[0].leader_epoch = 0;
    bool ok = !kurier_consumer_commit(c, p, 2, PATIENCE_MS, &err);
    kurier_position q[3] = {kurier_at(TOPIC, 1, 0), kurier_at(TOPIC, 2, 0), kurier_at(TOPIC, 3, 0)};
    ok = ok && !kurier_consumer_committed(c, q, 3, PATIENCE_MS, &err);
    expect(ok && q[0].offset == 5 && !strcmp(q[0].metadata, "half way") && q[1].offset == 6 &&
               !q[1].metadata && q[2].offset == KURIER_COMMITTED,
           "explicit positions are committed with their words, and read again");
    p[0].offset = -1;
    ok = kurier_consumer_commit(c, p, 1, PATIENCE_MS, &err) == KURIER_E_INVALID_ARGUMENT;
    expect(ok, "what is no offset is refused");
    done_with(c);
    c = make(NULL, NULL, NULL);
    ok = kurier_consumer_commit(c, q, 1, PATIENCE_MS, &err) == KURIER_E_STATE &&
         strstr(err.text, "group.id");
    expect(ok, "without a group nothing can be committed");
    done_with(c);
}

static void in_the_background(void)
{
    kurier_error err;
    kurier_event e;
    kurier_consumer *c = alone("async", by_hand, 0);
    bool ok = true;
    for (int i = 1; i <= 50 && ok; i++) {
        kurier_position p = kurier_at(TOPIC, 1, i);
        ok = !kurier_consumer_commit_async(c, &p, 1, (uint64_t)i, &err);
    }
    for (uint64_t i = 1; i <= 50 && ok;) {
        ok = kurier_client_event(kurier_consumer_client(c), &e, PATIENCE_MS);
        if (ok && e.kind == KURIER_EVENT_COMMITTED)
            ok = e.opaque == i++ && !e.error.code;
    }
    expect(ok && committed("async", 1) == 50, "commits in the background come in their order");
    done_with(c);
}

static void by_itself(void)
{
    static const char *const often[] = {"auto.commit.interval.ms", "20", "max.poll.records", "10",
                                        NULL};
    static const char *const at_close[] = {"max.poll.records", "10", NULL};
    kurier_consumer *c = alone("automatic", often, 0);
    kurier_batch_done(one(c));
    int64_t until = now_ms() + PATIENCE_MS;
    while (committed("automatic", 1) != 10 && now_ms() < until)
        ;
    expect(committed("automatic", 1) == 10, "what is finished is committed by itself");
    done_with(c);
    c = alone("closing", at_close, 0);
    kurier_batch *a = one(c), *b = one(c);
    kurier_batch_done(a);
    done_with(c);
    expect(committed("closing", 1) == 10, "close commits what is finished, with a batch in hand");
    kurier_batch_done(b);
}

static void where_nothing_is_committed(void)
{
    static const char *const none[] = {"auto.offset.reset", "none", NULL};
    kurier_error err;
    kurier_batch *batch;
    kurier_consumer *c = alone("unheard-of", none, KURIER_COMMITTED);
    size_t n = kurier_consumer_poll(c, &batch, 1, PATIENCE_MS, &err);
    kurier_explanation why;
    bool ok = !n && err.code == KURIER_E_OFFSET_OUT_OF_RANGE && strstr(err.text, "committed") &&
              !kurier_consumer_explain(c, TOPIC, 1, &why, &err) && why.why == KURIER_WHY_FAILED;
    expect(ok, "without a committed offset, and auto.offset.reset=none, it is an error");
    done_with(c);
}

static void explained(void)
{
    kurier_error err;
    kurier_explanation why;
    kurier_consumer *c = alone("explained", by_hand, 0);
    kurier_position p = kurier_at(TOPIC, 1, 0);
    bool ok = !kurier_consumer_explain(c, TOPIC, 0, &why, &err);
    expect(ok && why.why == KURIER_WHY_NOT_ASSIGNED && why.text[0], "explain: not assigned");
    ok =
        !kurier_consumer_pause(c, &p, 1, &err) && !kurier_consumer_explain(c, TOPIC, 1, &why, &err);
    expect(ok && why.why == KURIER_WHY_PAUSED, "explain: paused");
    p.offset = RECORDS / PARTITIONS;
    ok = !kurier_consumer_resume(c, &p, 1, &err) && !kurier_consumer_seek(c, &p, 1, &err);
    int64_t until = now_ms() + PATIENCE_MS;
    do {
        kurier_batch *batch;
        kurier_consumer_poll(c, &batch, 1, TURN_MS, &err);
        ok = !kurier_consumer_explain(c, TOPIC, 1, &why, &err) && why.why == KURIER_WHY_AT_END;
    } while (!ok && now_ms() < until);
    expect(ok && why.end == RECORDS / PARTITIONS, "explain: at the end");
    done_with(c);
}

int main(void)
{
    static const char *const options[] = {"num.partitions=4", "offsets.topic.num.partitions=1",
                                          "group.initial.rebalance.delay.ms=0", NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..22\n");
    if (!expect(kit_server_start(&server, options) && fill(TOPIC, 0, RECORDS), "a filled topic")) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    what_is_finished_counts();
    retry_begins_where_progress_ended();
    one_by_one();
    explicit_positions();
    in_the_background();
    by_itself();
    where_nothing_is_committed();
    explained();
    expect(kit_server_stop(&server), "kurierd ends cleanly");
    return failures != 0;
}
