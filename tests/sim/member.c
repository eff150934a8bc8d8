/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/member.h"

#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/consumer.h"
#include "libclient/drive/membership.h"

#include <inttypes.h>
#include <string.h>

enum { MANY = 16, HANDS = 8, LOGS_MAX = CLIENT_TOPICS * HISTORY_PARTITIONS };

struct member {
    struct member_plan *plan;
    struct run *run;
    struct process *process;
    kurier_consumer *handle;
    bool listens, automatic; /* has a listener; has its commits made */
    bool subscribed, leaving;
    int64_t memory_bytes;
    kurier_batch *hands[HANDS];
    int held;
    int life; /* in the ledger */
    int32_t generation;
    bool holds[HISTORY_LOGS];
    int64_t commit_at_ms;
};

static int log_of(const struct member *m, const char *topic, int32_t partition)
{
    return history_topic(&m->run->history, topic) * HISTORY_PARTITIONS + partition;
}

static bool is_calm(const struct member *m)
{
    return !run_goes_on(m->run);
}

/* ---- What it holds ------------------------------------------------------ */

static void look(struct member *m)
{
    kurier_position positions[LOGS_MAX];
    bool holds[HISTORY_LOGS] = {false};
    struct kc_identity identity;
    size_t count = kurier_consumer_assignment(m->handle, positions, LOGS_MAX);
    for (size_t i = 0; i < count; i++)
        holds[log_of(m, positions[i].topic, positions[i].partition)] = true;
    kc_membership_identity(m->handle->membership, &identity);
    if (identity.generation == m->generation && !memcmp(holds, m->holds, sizeof holds)) {
        ledger_stay(&m->run->ledger, m->life);
        return;
    }
    memcpy(m->holds, holds, sizeof holds);
    m->generation = identity.generation;
    ledger_hold(&m->run->ledger, m->life, m->generation, holds, world_now_ms(&m->run->world));
    world_trace(&m->run->world, "  %s: holds %zu in %d", m->process->node, count, m->generation);
}

/* ---- Finishing ---------------------------------------------------------- */

static void see_records(struct member *m, kurier_batch *batch)
{
    struct history *h = &m->run->history;
    kurier_record record;
    while (kurier_batch_next(batch, &record))
        history_serve(h, history_topic(h, record.topic), record.partition, record.offset,
                      kb_slice_of(record.value.data, record.value.size));
}

/* Of what was taken away meanwhile somebody else reads it. */
static void finish(struct member *m, int hand)
{
    kurier_batch *batch = m->hands[hand];
    if (!kurier_batch_stale(batch))
        see_records(m, batch);
    kurier_batch_done(batch);
    m->hands[hand] = m->hands[--m->held];
}

static void finish_all(struct member *m)
{
    while (m->held)
        finish(m, 0);
}

/* ---- The listener ------------------------------------------------------- */

static void trace_each(const struct member *m, const char *what, const kurier_position *positions,
                       size_t n)
{
    for (size_t i = 0; i < n; i++)
        world_trace(&m->run->world, "  %s: %s %s-%d at %" PRId64, m->process->node, what,
                    positions[i].topic, positions[i].partition, positions[i].offset);
}

static void on_assigned(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                        size_t n)
{
    (void)consumer;
    trace_each(ctx, "assigned", positions, n);
}

/* The last moment to finish what is in hand of them. */
static void on_revoked(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                       size_t n)
{
    (void)consumer;
    trace_each(ctx, "revoked", positions, n);
    finish_all(ctx);
}

static void on_lost(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                    size_t n)
{
    (void)consumer;
    trace_each(ctx, "lost", positions, n);
}

/* ---- How it is made ----------------------------------------------------- */

/* In a mixed group each life has its own. */
static const char *choose_protocol(struct member *m)
{
    static const char *const protocols[] = {"classic", "consumer"};
    return m->plan->protocol ? m->plan->protocol : protocols[world_between(&m->run->world, 0, 1)];
}

static kurier_config *make_config(struct member *m)
{
    struct world *w = &m->run->world;
    kurier_config *config = client_config(m->run);
    const kurier_rebalance_listener listener = {
        .assigned = on_assigned, .revoked = on_revoked, .lost = on_lost, .ctx = m};
    m->memory_bytes = (int64_t)100000 << world_between(w, 0, 6);
    m->listens = world_between(w, 0, 1);
    m->automatic = m->plan->graceful || world_between(w, 0, 1);
    kurier_config_set(config, "group.protocol", choose_protocol(m));
    if (m->plan->strategy)
        kurier_config_set(config, "partition.assignment.strategy", m->plan->strategy);
    if (m->plan->instance)
        kurier_config_set(config, "group.instance.id", m->plan->instance);
    kurier_config_set(config, "enable.auto.commit", m->automatic ? "true" : "false");
    client_set(config, "auto.commit.interval.ms", world_between(w, 20, 500));
    client_set_group(config, m->run, MEMBER_GROUP, m->memory_bytes);
    if (m->listens)
        kurier_config_set_rebalance_listener(config, &listener);
    m->run->memory_budget += m->memory_bytes;
    return config;
}

static void subscribe(struct member *m)
{
    kurier_error err;
    size_t count = 0;
    while ((*m->plan->topics)[count])
        count++;
    kurier_code code = kurier_consumer_subscribe(m->handle, *m->plan->topics, count, &err);
    world_trace(&m->run->world, "%s subscribes%s%s", m->process->node, code ? ": " : "", err.text);
    m->subscribed = code == KURIER_OK;
}

static void *start(struct process *process, void *ctx)
{
    kurier_error err;
    struct member *m = KB_NEW(struct member);
    KB_CHECK(m);
    *m = (struct member){.plan = ctx, .process = process, .generation = -1};
    m->run = m->plan->run;
    kurier_config *config = make_config(m);
    m->handle = kurier_consumer_new(process->runtime, config, &err);
    if (!m->handle)
        run_complain(m->run, "no member: %s", err.text);
    KB_CHECK(m->handle);
    kurier_config_free(config);
    m->life = ledger_enter(&m->run->ledger, true);
    return m;
}

/* ---- Reading ------------------------------------------------------------ */

/* Before anything else happens: it has to be its own. */
static void take(struct member *m, kurier_batch *batch)
{
    const kurier_batch_info *info = kurier_batch_view(batch);
    bool stale = kurier_batch_stale(batch);
    world_trace(&m->run->world, "  %s: %s-%d from %" PRId64 " to %" PRId64 "%s", m->process->node,
                info->topic, info->partition, info->first_offset, info->next_offset,
                stale ? ", stale" : "");
    m->run->ledger.revoked += stale;
    ledger_hand(&m->run->ledger, m->life, log_of(m, info->topic, info->partition));
    m->hands[m->held++] = batch;
}

static void poll(struct member *m)
{
    kurier_batch *batches[MANY];
    kurier_error err;
    size_t room = (size_t)(HANDS - m->held);
    size_t count = kurier_consumer_poll(m->handle, batches, KB_MIN(room, MANY), 0, &err);
    for (size_t i = 0; i < count; i++)
        take(m, batches[i]);
    look(m);
    if (err.code && err.code != KURIER_E_TIMED_OUT)
        world_trace(&m->run->world, "  %s: %s", m->process->node, err.text);
}

/* ---- Commits ------------------------------------------------------------ */

static void commit(struct member *m)
{
    struct world *w = &m->run->world;
    kurier_error err;
    if (m->automatic || world_now_ms(w) < m->commit_at_ms)
        return;
    m->commit_at_ms = world_now_ms(w) + world_between(w, 20, 500);
    kurier_code code = kurier_consumer_commit_async(m->handle, NULL, 0, 1, &err);
    if (code)
        world_trace(w, "  %s: no commit: %s", m->process->node, err.text);
}

/* ---- What it does ------------------------------------------------------- */

/* In steps, since a turn never waits. */
static void leave(struct member *m)
{
    struct world *w = &m->run->world;
    kurier_error err;
    finish_all(m);
    m->leaving = true;
    kurier_code code = kurier_consumer_unsubscribe(m->handle, 0, &err);
    look(m);
    if (code == KURIER_E_TIMED_OUT)
        return;
    world_trace(w, "%s has left: %s", m->process->node, kurier_code_name(code));
    m->leaving = m->subscribed = false;
    m->plan->pause_until_ms = world_now_ms(w) + world_between(w, 1, 500);
}

static void let_some_go(struct member *m)
{
    struct world *w = &m->run->world;
    if (is_calm(m))
        finish_all(m);
    while (m->held && world_between(w, 0, 2))
        finish(m, (int)world_between(w, 0, m->held - 1));
}

static int64_t nap_ms(struct member *m)
{
    struct world *w = &m->run->world;
    if (is_calm(m) || world_between(w, 0, 99))
        return world_between(w, 1, 20);
    return world_between(w, 1,
                         m->plan->graceful ? CLIENT_DRAIN_MS / 4 : 2 * CLIENT_POLL_INTERVAL_MS);
}

static int64_t turn(void *self)
{
    struct member *m = self;
    struct world *w = &m->run->world;
    client_trace(m->process, kurier_consumer_client(m->handle));
    if (m->leaving) {
        leave(m);
    } else if (!m->subscribed) {
        if (is_calm(m) || world_now_ms(w) >= m->plan->pause_until_ms)
            subscribe(m);
    } else {
        poll(m);
        let_some_go(m);
        commit(m);
        if (!is_calm(m) && world_between(w, 0, 199) == 0)
            leave(m);
    }
    return nap_ms(m);
}

static void end(void *self, bool killed)
{
    struct member *m = self;
    int64_t began_ms = world_now_ms(&m->run->world);
    ledger_leave(&m->run->ledger, m->life);
    if (killed) {
        for (int i = 0; i < m->held; i++)
            kurier_batch_release(m->hands[i]);
    } else {
        finish_all(m);
        kurier_consumer_close(m->handle, CLIENT_CLOSE_MS, NULL);
        run_check_time(m->run, began_ms, CLIENT_CLOSE_MS, "close of a member");
    }
    m->run->memory_budget -= m->memory_bytes;
    kurier_consumer_free(m->handle);
    kb_free(m);
}

const struct program program_member = {
    .name = "member", .mortal = true, .start = start, .turn = turn, .end = end};

/* ---- The end ------------------------------------------------------------ */

static bool is_read(const struct history *h, uint64_t id)
{
    const struct history_record *record = &h->records[id - 1];
    if (record->told != HISTORY_ACKED || record->offset < 0)
        return true;
    const struct history_view *seen = &h->topics[record->topic].logs[record->partition].seen;
    return record->offset < seen->end && seen->ids[record->offset] == id;
}

bool member_all_read(struct run *run)
{
    const struct history *h = &run->history;
    for (uint64_t id = h->count; id >= 1; id--) /* the newest come last */
        if (!is_read(h, id))
            return false;
    return true;
}
