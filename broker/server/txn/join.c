/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/txn/join.h"
#include "broker/server/group/topic.h"
#include "broker/server/txn/topic.h"

enum {
    IMPLICIT_VERSION = 2, /* transaction.version of who has its partitions added */
    WAIT_MS = 1000,       /* for the end of the transaction before */
    WAITING_MAX = 1000,   /* at one coordinator */
    WAITING_OF_ID = 16    /* of these; a client has five requests in progress */
};

static void arm(struct kd_joins *joins)
{
    const struct kd_txn_join *first =
        KB_LIST_FIRST(&joins->waiting, struct kd_txn_join, reply.link);
    kn_timer_set(joins->coordinator->shard->loop, &joins->deadline,
                 first ? first->until_ms : KB_NEVER);
}

/* Where each place has its own code, that stays. */
static void finish(struct kd_txn_join *join, int code)
{
    for (size_t i = 0; i < join->count && (code || join->add); i++)
        join->places[i].code = code;
    join->done(join, code);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct kd_txn_join *join = KB_CONTAINER(reply, struct kd_txn_join, reply);
    finish(join, code ? code : join->code);
}

static int ask(struct kd_txn_join *join, struct kd_step *step, struct kb_time now)
{
    struct kd_txns *txns = kd_txns_of(step->coordinator);
    if (!join->add)
        return kd_txns_verify(txns, &join->who, join->places, join->count);
    return kd_txns_add(txns, &join->who, join->version, join->places, join->count, now,
                       &step->outcome);
}

static bool has_room(const struct kd_joins *joins, struct kb_slice id)
{
    size_t all = 0, of_id = 0;
    KB_LIST_EACH(link, &joins->waiting) {
        const struct kd_txn_join *other = KB_CONTAINER(link, struct kd_txn_join, reply.link);
        of_id += kb_slice_equal(other->who.id, id);
        all++;
    }
    return all < WAITING_MAX && of_id < WAITING_OF_ID;
}

/* Until that time it may wait; true: it does. Where too many do, it is told at once. */
static bool wait_for_end(struct kd_txn_join *join, struct kd_coordinator *c, struct kb_time now)
{
    struct kd_joins *joins = &kd_txn_coordinator_of(c)->joins;
    bool first = !join->until_ms;
    if (first)
        join->until_ms = kb_deadline(now, WAIT_MS);
    if (join->code != KB_E_CONCURRENT_TRANSACTIONS || now.mono_ms >= join->until_ms)
        return false;
    if (first && !has_room(joins, join->who.id))
        return false;
    kb_list_push_back(&joins->waiting, &join->reply.link);
    arm(joins);
    return true;
}

static void attempt(struct kd_shard *shard, struct kd_txn_join *join)
{
    struct kb_time now = kn_loop_now(shard->loop);
    struct kd_step *step = kd_step_for(&shard->txns->topic, join->who.id, &join->code);
    if (!step) {
        finish(join, join->code);
        return;
    }
    join->code = ask(join, step, now);
    if (!wait_for_end(join, step->coordinator, now)) {
        join->reply.answer = on_committed;
        kd_step_hold(step, &join->reply);
    }
    kd_step_end(step);
}

void kd_txn_join_as(struct kd_shard *shard, struct kd_txn_join *join, int version)
{
    kb_list_init(&join->reply.link);
    join->version = version;
    join->until_ms = 0;
    attempt(shard, join);
}

void kd_txn_join(struct kd_shard *shard, struct kd_txn_join *join)
{
    kd_txn_join_as(shard, join, IMPLICIT_VERSION);
}

void kd_txn_join_forget(struct kd_txn_join *join)
{
    kd_reply_forget(&join->reply);
}

struct kd_txn_place kd_txn_place_of_group(const struct kd_shard *shard, struct kb_slice group)
{
    const struct kd_coordinator_topic *topic = &shard->groups->topic;
    struct kd_txn_place place = {.topic = kb_slice_str(KD_GROUP_TOPIC)};
    if (topic->count)
        place.partition = kd_coordinator_partition(group, topic->count);
    else
        place.code = KB_E_NOT_COORDINATOR;
    return place;
}

/* ---- Those that wait ------------------------------------------------------------ */

/* Each once: who has to wait on goes behind the others. */
static void try_all(struct kd_joins *joins)
{
    struct kd_shard *shard = joins->coordinator->shard;
    struct kb_list all, *link;
    kb_list_init(&all);
    while ((link = kb_list_pop_front(&joins->waiting)))
        kb_list_push_back(&all, link);
    while ((link = kb_list_pop_front(&all)))
        attempt(shard, KB_CONTAINER(link, struct kd_txn_join, reply.link));
    arm(joins);
}

static void on_again(struct kn_task *task)
{
    try_all(KB_CONTAINER(task, struct kd_joins, again));
}

static void on_deadline(struct kn_timer *timer)
{
    try_all(KB_CONTAINER(timer, struct kd_joins, deadline));
}

void kd_joins_init(struct kd_joins *joins, struct kd_coordinator *c)
{
    joins->coordinator = c;
    kb_list_init(&joins->waiting);
    kn_task_init(&joins->again, on_again);
    kn_timer_init(&joins->deadline, on_deadline);
}

void kd_joins_wake(struct kd_joins *joins)
{
    if (!kb_list_empty(&joins->waiting))
        kn_task_soon(joins->coordinator->shard->loop, &joins->again);
}

void kd_joins_deinit(struct kd_joins *joins)
{
    struct kb_list *link;
    kn_task_cancel(&joins->again);
    kn_timer_cancel(joins->coordinator->shard->loop, &joins->deadline);
    while ((link = kb_list_pop_front(&joins->waiting)))
        finish(KB_CONTAINER(link, struct kd_txn_join, reply.link), KB_E_NOT_COORDINATOR);
}
