/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/coordinator/coordinator.h"
#include "base/mem.h"
#include "broker/drive/control.h"
#include "broker/core/group/groups.h"
#include "broker/server/coordinator/batch.h"
#include "broker/server/coordinator/load.h"
#include "broker/server/coordinator/topic.h"

enum { GO_ON_MS = 100 }; /* with what was too much for one step */

static struct kb_time now_of(const struct kd_coordinator *c)
{
    return kn_loop_now(c->shard->loop);
}

static void arm(struct kd_coordinator *c)
{
    kn_timer_set(c->shard->loop, &c->timer, c->kind->deadline(c));
}

/* ---- Steps -------------------------------------------------------------- */

struct kd_step *kd_step_begin(struct kd_coordinator *c)
{
    struct kd_step *step = KB_NEW(struct kd_step);
    if (!step)
        return NULL;
    step->coordinator = c;
    kd_outcome_init(&step->outcome);
    step->producer = -1;
    step->epoch = -1;
    kb_list_init(&step->replies);
    kb_list_init(&step->link);
    return step;
}

void kd_step_hold(struct kd_step *step, struct kd_reply *reply)
{
    kb_list_push_back(&step->replies, &reply->link);
}

void kd_reply_forget(struct kd_reply *reply)
{
    kb_list_remove(&reply->link);
}

static void answer_all(struct kb_list *replies, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(replies))) {
        struct kd_reply *reply = KB_CONTAINER(node, struct kd_reply, link);
        reply->answer(reply, code);
    }
}

static void step_free(struct kd_step *step)
{
    kb_list_remove(&step->link);
    kd_outcome_deinit(&step->outcome);
    kb_free(step);
}

/* Those that waited in the machine are answered with the step that freed them. */
static void hold_waits(struct kd_step *step)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&step->outcome.answers))) {
        struct kd_parked *wait = KB_CONTAINER(node, struct kd_parked, link);
        kd_step_hold(step, wait->owner);
    }
}

/* ---- Failure ------------------------------------------------------------ */

static void collect(struct kb_list *to, struct kb_list *from)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(from)))
        kb_list_push_back(to, node);
}

/* What was placed may still be written: the load reads to the end of the log. */
static void drop_steps(struct kd_coordinator *c, struct kb_list *replies)
{
    while (!kb_list_empty(&c->steps)) {
        struct kd_step *step = KB_LIST_FIRST(&c->steps, struct kd_step, link);
        if (step->appending)
            kd_replica_abandon(c->place->replica, &step->append);
        collect(replies, &step->replies);
        step_free(step);
    }
}

/* `last`: the step that found out, on no list; freed. */
static void fail(struct kd_coordinator *c, struct kd_step *last)
{
    struct kb_list replies;
    kb_list_init(&replies);
    drop_steps(c, &replies);
    c->kind->drop(c, KB_E_NOT_COORDINATOR, &last->outcome);
    hold_waits(last);
    collect(&replies, &last->replies);
    step_free(last);
    kn_timer_cancel(c->shard->loop, &c->timer);
    KB_LOG(c->shard->log, KB_LOG_WARN, c->kind->name,
           "what was decided could not be written; "
           "loading again partition=%d",
           c->place->index);
    kd_coordinator_load(c);
    answer_all(&replies, KB_E_NOT_COORDINATOR);
}

/* ---- Records to the log ------------------------------------------------- */

static void on_appended(struct kd_append *append)
{
    struct kd_step *step = append->owner;
    struct kd_coordinator *c = step->coordinator;
    step->appending = false;
    if (append->code) {
        kb_list_remove(&step->link);
        fail(c, step);
        return;
    }
    struct kb_list replies;
    kb_list_init(&replies);
    collect(&replies, &step->replies);
    step_free(step);
    answer_all(&replies, KB_OK);
}

/* That the transaction goes on was asked before the step, if it had to be. */
static struct kd_txn_terms terms_of(const struct kd_step *step,
                                    const struct kw_batch_header *header)
{
    const struct kd_producers *producers =
        &kd_replica_state(step->coordinator->place->replica)->producers;
    if (step->mark)
        return kd_control_terms(step->mark, step->mark_version);
    return (struct kd_txn_terms){
        .claim = {true, kd_producers_guard(producers, header->producer_id)}};
}

static bool append(struct kd_step *step)
{
    struct kd_coordinator *c = step->coordinator;
    struct kd_append *append = &step->append;
    *append = (struct kd_append){.wait = KD_WAIT_COMMITTED, .done = on_appended, .owner = step};
    append->frame = kd_step_batch(step, now_of(c).wall_ms, &append->header);
    if (!append->frame)
        return false;
    append->batch = kb_buf_view(append->frame);
    append->txn = terms_of(step, &append->header);
    struct kb_buf *frame = append->frame;
    step->appending = true;
    kb_list_push_back(&c->steps, &step->link);
    kd_replica_append(c->place->replica, append);
    kb_buf_unref(frame);
    return true;
}

/* Nothing to write: what was read may still be on its way to the disk. */
static void follow(struct kd_step *step)
{
    struct kd_coordinator *c = step->coordinator;
    struct kb_list replies;
    kb_list_init(&replies);
    if (kb_list_empty(&c->steps)) {
        collect(&replies, &step->replies);
    } else {
        struct kd_step *last = KB_CONTAINER(c->steps.prev, struct kd_step, link);
        collect(&last->replies, &step->replies);
    }
    step_free(step);
    answer_all(&replies, KB_OK);
}

void kd_step_end(struct kd_step *step)
{
    struct kd_coordinator *c = step->coordinator;
    hold_waits(step);
    arm(c);
    if (c->kind->stepped && !step->outcome.failed)
        c->kind->stepped(c, step);
    if (step->outcome.failed)
        fail(c, step);
    else if (!step->outcome.record_count && !step->mark)
        follow(step);
    else if (!append(step))
        fail(c, step);
}

void kd_coordinator_rearm(struct kd_coordinator *c)
{
    arm(c);
}

/* ---- Transactions ------------------------------------------------------- */

static struct kw_batch_header header_of(int64_t producer, int16_t epoch, int16_t attributes)
{
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.producer_id = producer;
    header.producer_epoch = epoch;
    header.attributes = KW_BATCH_TRANSACTIONAL | attributes;
    return header;
}

int kd_coordinator_admits(const struct kd_coordinator *c, int64_t producer, int16_t epoch)
{
    const struct kd_partition *p = kd_replica_state(c->place->replica);
    const struct kw_batch_header header = header_of(producer, epoch, 0);
    const struct kd_txn_terms terms = {
        .claim = {true, kd_producers_guard(&p->producers, producer)}};
    int64_t repeated;
    int code = kd_partition_check(p, &header, &repeated);
    return code ? code : kd_partition_check_txn(p, &header, &terms);
}

static int admits_mark(const struct kd_coordinator *c, const struct kd_txn_mark *mark,
                       int16_t version)
{
    const struct kw_batch_header header = header_of(mark->producer, mark->epoch, KW_BATCH_CONTROL);
    const struct kd_txn_terms terms = kd_control_terms(mark, version);
    return kd_partition_check_txn(kd_replica_state(c->place->replica), &header, &terms);
}

void kd_coordinator_mark(struct kd_coordinator *c, const struct kd_txn_mark *mark, int16_t version,
                         struct kd_reply *reply)
{
    int code = admits_mark(c, mark, version);
    struct kd_step *step = code ? NULL : kd_step_begin(c);
    kb_list_init(&reply->link);
    if (!step) {
        reply->answer(reply, code ? code : KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    step->mark = mark; /* the batch is made before this returns */
    step->mark_version = version;
    step->outcome.failed = c->kind->mark(c, mark, now_of(c)) != KB_OK;
    kd_step_hold(step, reply);
    kd_step_end(step);
}

/* ---- Time --------------------------------------------------------------- */

static void on_timer(struct kn_timer *timer)
{
    struct kd_coordinator *c = KB_CONTAINER(timer, struct kd_coordinator, timer);
    struct kd_step *step = kd_step_begin(c);
    if (!step) { /* memory may come back */
        kn_timer_set(c->shard->loop, timer, kb_deadline(now_of(c), 100));
        return;
    }
    c->kind->tick(c, now_of(c), &step->outcome);
    kd_step_end(step);
}

static void on_expiry(struct kn_timer *timer)
{
    struct kd_coordinator *c = KB_CONTAINER(timer, struct kd_coordinator, expiry);
    int64_t every_ms = c->kind->expiry_ms(c);
    kn_timer_set(c->shard->loop, timer, kb_deadline(now_of(c), every_ms));
    struct kd_step *step = c->state == KD_COORDINATOR_ACTIVE ? kd_step_begin(c) : NULL;
    if (!step)
        return;
    c->kind->expire(c, now_of(c), &step->outcome);
    if (kd_outcome_is_full(&step->outcome))
        kn_timer_set(c->shard->loop, timer, kb_deadline(now_of(c), GO_ON_MS));
    kd_step_end(step);
}

/* ---- Life --------------------------------------------------------------- */

void kd_coordinator_loaded(struct kd_coordinator *c)
{
    struct kd_step *step = kd_step_begin(c);
    if (!step) {
        kd_coordinator_load(c);
        return;
    }
    c->state = KD_COORDINATOR_ACTIVE;
    c->kind->loaded(c, now_of(c), &step->outcome);
    kd_step_end(step);
}

bool kd_coordinator_discard(struct kd_coordinator *c)
{
    struct kd_step *step = c->state == KD_COORDINATOR_ACTIVE ? kd_step_begin(c) : NULL;
    if (step)
        fail(c, step);
    return step != NULL;
}

struct kd_coordinator *kd_coordinator_new(struct kd_coordinator_topic *topic,
                                          struct kd_place *place)
{
    struct kd_coordinator *c = topic->kind->make(topic);
    if (!c)
        return NULL;
    c->kind = topic->kind;
    c->shard = topic->shard;
    c->place = place;
    kb_list_init(&c->steps);
    kn_timer_init(&c->timer, on_timer);
    kn_timer_init(&c->expiry, on_expiry);
    kn_timer_init(&c->again, kd_coordinator_load_again);
    kd_coordinator_load(c);
    on_expiry(&c->expiry);
    return c;
}

void kd_coordinator_free(struct kd_coordinator *c)
{
    struct kb_list replies;
    if (!c)
        return;
    kb_list_init(&replies);
    drop_steps(c, &replies);
    answer_all(&replies, KB_E_NOT_COORDINATOR);
    kn_timer_cancel(c->shard->loop, &c->timer);
    kn_timer_cancel(c->shard->loop, &c->expiry);
    kn_timer_cancel(c->shard->loop, &c->again);
    kd_load_free(c->load);
    c->kind->free(c);
}
