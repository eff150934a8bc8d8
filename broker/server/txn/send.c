/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/txn/send.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "broker/core/txn/txns.h"
#include "broker/server/marker.h"

enum { BACKOFF_MS = 50, BACKOFF_MAX_MS = 1000 };

/* One partition of it. */
struct target {
    struct kb_list due; /* in sends->waiting, or sends->written */
    struct send *send;
    struct kd_marker marker;
    struct kd_txn_place place; /* its topic is on the heap */
    bool writing;
};

struct send {
    struct kb_list link;
    struct kd_sends *sends;
    struct kd_reply reply; /* of the step that decided */
    struct kd_txn_marker what;
    size_t count, left;
    struct target targets[];
};

static struct kd_shard *shard_of(const struct kd_sends *sends)
{
    return sends->coordinator->shard;
}

static void send_free(struct send *send)
{
    kb_list_remove(&send->link);
    kd_reply_forget(&send->reply);
    for (size_t i = 0; i < send->count; i++) {
        struct target *target = &send->targets[i];
        if (target->writing)
            kd_marker_forget(&target->marker);
        kb_list_remove(&target->due);
        kb_free((void *)target->place.topic.data);
    }
    kb_free((void *)send->what.id.data);
    kb_free(send);
}

/* ---- Writing ------------------------------------------------------------- */

/* Those that fail meanwhile do not put it off. */
static void try_again(struct target *target)
{
    struct kd_sends *sends = target->send->sends;
    struct kn_loop *loop = shard_of(sends)->loop;
    kb_list_push_back(&sends->waiting, &target->due);
    if (!kn_timer_is_set(&sends->again))
        kn_timer_set(loop, &sends->again, kb_deadline(kn_loop_now(loop), sends->backoff_ms));
}

static void is_written(struct target *target)
{
    struct kd_sends *sends = target->send->sends;
    kb_list_push_back(&sends->written, &target->due);
    kn_task_soon(shard_of(sends)->loop, &sends->collect);
}

/* Is there nothing to be gained by writing it again? A newer epoch that has written
 * there has ended, or is to end, what was open. */
static bool is_settled(int code)
{
    return code == KB_OK || code == KB_E_INVALID_PRODUCER_EPOCH ||
           code == KB_E_TRANSACTION_COORDINATOR_FENCED;
}

static void on_written(struct kd_marker *marker, int code)
{
    struct target *target = marker->owner;
    struct kd_sends *sends = target->send->sends;
    struct kd_shard *shard = shard_of(sends);
    if (code)
        KB_LOG(shard->log, KB_LOG_WARN, "transactions",
               "a marker was not written topic=%.*s partition=%d producer=%lld error=%s",
               (int)target->place.topic.size, (const char *)target->place.topic.data,
               target->place.partition, (long long)marker->producer, kb_code_name(code));
    target->writing = false;
    if (is_settled(code)) {
        sends->backoff_ms = BACKOFF_MS;
        is_written(target);
    } else {
        try_again(target);
    }
}

static void write_one(struct target *target)
{
    struct kd_sends *sends = target->send->sends;
    struct kd_shard *shard = shard_of(sends);
    const struct kd_txn_marker *what = &target->send->what;
    const struct kd_topic *topic = kd_topics_find(&shard->topics, target->place.topic);
    struct kd_place *place = topic ? kd_topic_place(topic, target->place.partition) : NULL;
    if (!place) {
        is_written(target);
        return;
    }
    if (!place->serving) {
        try_again(target);
        return;
    }
    target->writing = true;
    target->marker =
        (struct kd_marker){.producer = what->producer,
                           .epoch = what->epoch,
                           .version = what->version,
                           .commit = what->commit,
                           .coordinator_epoch = sends->coordinator->place->leader_epoch,
                           .done = on_written,
                           .owner = target};
    kd_marker_write(shard, place, &target->marker);
}

static struct target *pop(struct kb_list *due)
{
    struct kb_list *link = kb_list_pop_front(due);
    return link ? KB_CONTAINER(link, struct target, due) : NULL;
}

/* Each once: who fails again waits again. */
static void on_again(struct kn_timer *timer)
{
    struct kd_sends *sends = KB_CONTAINER(timer, struct kd_sends, again);
    struct kb_list due;
    struct target *target;
    sends->backoff_ms = KB_MIN(2 * sends->backoff_ms, BACKOFF_MAX_MS);
    kb_list_init(&due);
    while ((target = pop(&sends->waiting)))
        kb_list_push_back(&due, &target->due);
    while ((target = pop(&due)))
        write_one(target);
}

/* ---- What is written is told --------------------------------------------- */

static void tell(struct target *target, struct kb_time now, struct kd_outcome *out)
{
    struct send *send = target->send;
    kd_txns_marked(send->sends->txns, &send->what, &target->place, now, out);
    if (!--send->left)
        send_free(send);
}

/* What one step can hold of it. It may fail, and then there are no sends left. */
static void on_collect(struct kn_task *task)
{
    struct kd_sends *sends = KB_CONTAINER(task, struct kd_sends, collect);
    struct kd_shard *shard = shard_of(sends);
    struct kd_step *step = kd_step_begin(sends->coordinator);
    struct target *target;
    if (!step) {
        kn_task_next(shard->loop, task);
        return;
    }
    while (!kd_outcome_is_full(&step->outcome) && (target = pop(&sends->written)))
        tell(target, kn_loop_now(shard->loop), &step->outcome);
    if (!kb_list_empty(&sends->written))
        kn_task_next(shard->loop, task);
    kd_step_end(step);
}

/* ---- Taking what was decided --------------------------------------------- */

static void on_decided(struct kd_reply *reply, int code)
{
    struct send *send = KB_CONTAINER(reply, struct send, reply);
    if (code) {
        send_free(send);
        return;
    }
    for (size_t i = 0; i < send->count; i++)
        write_one(&send->targets[i]);
}

static bool fill(struct send *send, const struct kd_txn *txn, struct kd_txn_place *places)
{
    struct kb_slice id;
    kd_txn_marker_of(txn, &send->what);
    id = send->what.id;
    send->what.id = kb_slice_null();
    if (!kd_slice_set(&send->what.id, id))
        return false;
    kd_txn_unmarked(txn, places, send->left);
    for (; send->count < send->left; send->count++) {
        struct target *target = &send->targets[send->count];
        target->send = send;
        kb_list_init(&target->due);
        target->place.partition = places[send->count].partition;
        if (!kd_slice_set(&target->place.topic, places[send->count].topic))
            return false;
    }
    return true;
}

/* Not in the arena of the step: a load finds any number of them at once. */
static struct send *make(struct kd_sends *sends, const struct kd_txn *txn)
{
    size_t count = kd_txn_unmarked(txn, NULL, 0);
    struct kd_txn_place *places = KB_NEW_ARRAY(struct kd_txn_place, count);
    struct send *send = kb_calloc(1, sizeof *send + count * sizeof send->targets[0]);
    bool made = false;
    if (send) {
        kb_list_init(&send->link);
        kb_list_init(&send->reply.link);
        send->sends = sends;
        send->left = count;
        made = places && fill(send, txn, places);
    }
    kb_free(places);
    if (send && !made)
        send_free(send);
    return made ? send : NULL;
}

void kd_sends_take(struct kd_sends *sends, struct kd_step *step)
{
    const struct kd_txn *txn;
    while (!step->outcome.failed && (txn = kd_txns_take_prepared(sends->txns))) {
        struct send *send = make(sends, txn);
        step->outcome.failed = !send;
        if (!send)
            return;
        kb_list_push_back(&sends->open, &send->link);
        send->reply.answer = on_decided;
        if (KB_MUTANT("markers-before-prepare"))
            on_decided(&send->reply, KB_OK);
        else
            kd_step_hold(step, &send->reply);
    }
}

/* ---- Life ---------------------------------------------------------------- */

void kd_sends_init(struct kd_sends *sends, struct kd_coordinator *c, struct kd_txns *txns)
{
    *sends = (struct kd_sends){.coordinator = c, .txns = txns};
    kb_list_init(&sends->open);
    kb_list_init(&sends->waiting);
    kb_list_init(&sends->written);
    kn_task_init(&sends->collect, on_collect);
    kn_timer_init(&sends->again, on_again);
    sends->backoff_ms = BACKOFF_MS;
}

void kd_sends_drop(struct kd_sends *sends)
{
    kn_task_cancel(&sends->collect);
    kn_timer_cancel(shard_of(sends)->loop, &sends->again);
    while (!kb_list_empty(&sends->open))
        send_free(KB_LIST_FIRST(&sends->open, struct send, link));
}
