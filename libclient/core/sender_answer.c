/* SPDX-License-Identifier: Apache-2.0 */
/* What answers, and their absence, do to a batch and its partition. */
#include "base/check.h"
#include "base/error.h"
#include "libclient/core/sender.h"

/* What a broker's code for one batch asks for. */
enum reaction {
    DELIVERED,
    AGAIN,             /* not written; later */
    AGAIN_ELSEWHERE,   /* not written; metadata first */
    AGAIN_UNKNOWN,     /* perhaps written */
    ELSEWHERE_UNKNOWN, /* both: a leader that lost its place, or its disk, after the append */
    OUT_OF_SEQUENCE,
    SPLIT,
    REFUSED /* not written, and never will be */
};

static const struct {
    int32_t code;
    enum reaction reaction;
} reactions[] = {
    {KB_E_NONE, DELIVERED},
    {KB_E_DUPLICATE_SEQUENCE_NUMBER, DELIVERED},
    {KB_E_UNKNOWN_TOPIC_OR_PARTITION, AGAIN_ELSEWHERE},
    {KB_E_UNKNOWN_TOPIC_ID, AGAIN_ELSEWHERE},
    {KB_E_LEADER_NOT_AVAILABLE, AGAIN_ELSEWHERE},
    {KB_E_NOT_LEADER_OR_FOLLOWER, ELSEWHERE_UNKNOWN},
    {KB_E_FENCED_LEADER_EPOCH, AGAIN_ELSEWHERE},
    {KB_E_REPLICA_NOT_AVAILABLE, AGAIN_ELSEWHERE},
    {KB_E_KAFKA_STORAGE_ERROR, ELSEWHERE_UNKNOWN},
    {KB_E_REQUEST_TIMED_OUT, AGAIN_UNKNOWN},
    {KB_E_NOT_ENOUGH_REPLICAS_AFTER_APPEND, AGAIN_UNKNOWN},
    {KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, OUT_OF_SEQUENCE},
    {KB_E_UNKNOWN_PRODUCER_ID, OUT_OF_SEQUENCE},
    {KB_E_INVALID_PRODUCER_EPOCH, OUT_OF_SEQUENCE},
    {KB_E_MESSAGE_TOO_LARGE, SPLIT},
    {KB_E_RECORD_LIST_TOO_LARGE, SPLIT},
};

static enum reaction reaction_to(int32_t code)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(reactions); i++)
        if (reactions[i].code == code)
            return reactions[i].reaction;
    return kb_code_classes(code) & KB_RETRIABLE ? AGAIN : REFUSED;
}

/* ---- Ends ----------------------------------------------------------------------- */

static bool is_flushed(const struct kc_send_partition *p, const struct kc_send_batch *batch)
{
    return batch->number <= p->due_number;
}

void kc_partition_finish(struct kc_send_partition *p, struct kc_send_batch *batch,
                         const struct kc_outcome *outcome)
{
    struct kc_sender *sender = p->sender;
    kb_list_remove(&batch->link);
    if (batch->flight)
        batch->flight->batch = NULL; /* its answer is not waited for */
    batch->flight = NULL;
    batch->outcome = *outcome;
    if (outcome->code && batch->stamped)
        p->bump = true; /* its sequences will never come */
    if (outcome->code && is_flushed(p, batch))
        KB_LIST_EACH(it, &sender->flushes)
            KB_CONTAINER(it, struct kc_flush, link)->failed = true;
    atomic_fetch_add_explicit(&p->done_bytes, batch->plain_bytes, memory_order_relaxed);
    const struct kc_send_batch *next = KB_LIST_FIRST(&p->batches, struct kc_send_batch, link);
    p->done_number = next ? next->number - 1 : p->taken_number;
    if (sender->finished && sender->finished(sender, batch)) {
        kc_reports_drop(&sender->reports, batch);
    } else if (kc_reports_put(&sender->reports, batch))
        sender->reported = true;
}

void kc_partition_fail(struct kc_send_partition *p, struct kc_send_batch *batch, int32_t code)
{
    bool perhaps = batch->unknown || batch->flight;
    kc_partition_finish(
        p, batch,
        &(struct kc_outcome){code, perhaps ? KC_POSSIBLY_PERSISTED : KC_NOT_PERSISTED, -1, -1});
}

/*
 * The next epoch begins with sequence 0, so nothing of this one may be open. A
 * batch whose outcome is unknown cannot be sent under another epoch: the broker
 * would not know it for the same.
 */
void kc_partition_bump(struct kc_send_partition *p)
{
    if (p->sender->options.transactional) {
        p->bump = false; /* the transaction has heard of it, and is over */
        return;
    }
    KB_LIST_EACH_SAFE(it, &p->batches) {
        struct kc_send_batch *batch = KB_CONTAINER(it, struct kc_send_batch, link);
        if (batch->unknown)
            kc_partition_fail(p, batch, batch->outcome.code ? batch->outcome.code : KB_E_TIMED_OUT);
        else
            batch->stamped = false;
    }
    p->bump = p->known = false;
    p->next_sequence = 0;
    if (p->producer_id < 0)
        return;
    enum { EPOCH_LAST = 32766 };
    if (++p->epoch < EPOCH_LAST)
        return;
    if (p->producer_id == p->sender->producer_id)
        p->sender->id_state = KC_ID_NONE; /* used up: another id */
    p->producer_id = -1;
}

/* ---- Again ----------------------------------------------------------------------- */

static void again(struct kc_send_partition *p, struct kc_send_batch *batch, int32_t code,
                  struct kb_time now)
{
    batch->outcome.code = code;
    if (batch->attempts > p->sender->options.retries) {
        kc_partition_fail(p, batch, code);
        return;
    }
    if (p->retry_at_ms > now.mono_ms)
        return;                  /* what failed together counts once */
    enum { BRIEF_MOST_MS = 20 }; /* the transaction before is being ended, which is soon done */
    int64_t brief_ms = KB_MIN(INT64_C(1) << KB_MIN(p->backoff.failures, 5u), BRIEF_MOST_MS);
    int64_t wait_ms = kc_backoff_next_ms(&p->backoff, p->sender->random);
    if (code == KB_E_CONCURRENT_TRANSACTIONS)
        wait_ms = KB_MIN(wait_ms, brief_ms);
    p->retry_at_ms = now.mono_ms + wait_ms;
}

static bool is_oldest(const struct kc_send_partition *p, const struct kc_send_batch *batch)
{
    return p->batches.next == &batch->link;
}

/* Behind an older batch that was not written, this is what is to be expected. */
static void out_of_sequence(struct kc_send_partition *p, struct kc_send_batch *batch, int32_t code,
                            struct kb_time now)
{
    if (code == KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER && !is_oldest(p, batch)) {
        again(p, batch, code, now);
    } else if (batch->unknown || !p->sender->options.idempotent ||
               p->sender->options.transactional) {
        kc_partition_fail(p, batch, code);
    } else {
        p->bump = true;
        again(p, batch, code, now);
    }
}

static void deliver(struct kc_send_partition *p, struct kc_send_batch *batch,
                    const struct kc_produced *produced)
{
    bool sure = p->sender->options.acks != 0;
    kc_backoff_reset(&p->backoff);
    p->retry_at_ms = 0;
    p->known = true;
    kc_partition_finish(p, batch,
                        &(struct kc_outcome){0, sure ? KC_WAS_PERSISTED : KC_POSSIBLY_PERSISTED,
                                             produced->offset, produced->timestamp_ms});
}

static void react(struct kc_send_partition *p, struct kc_send_batch *batch,
                  const struct kc_produced *produced, struct kb_time now)
{
    int32_t code = produced->code;
    switch (reaction_to(code)) {
    case DELIVERED:
        deliver(p, batch, produced);
        return;
    case AGAIN_ELSEWHERE:
        p->topic->refresh = true;
        again(p, batch, code, now);
        return;
    case ELSEWHERE_UNKNOWN:
        p->topic->refresh = true;
        batch->unknown = true;
        again(p, batch, code, now);
        return;
    case AGAIN_UNKNOWN:
        batch->unknown = true;
        again(p, batch, code, now);
        return;
    case AGAIN:
        again(p, batch, code, now);
        return;
    case OUT_OF_SEQUENCE:
        out_of_sequence(p, batch, code, now);
        return;
    case SPLIT:
        if (!batch->unknown && kc_batch_split(p, batch))
            return;
        kc_partition_fail(p, batch, code);
        return;
    case REFUSED:
        kc_partition_fail(p, batch, code);
        return;
    }
}

/* The flight is over; NULL: its batch was given up before. */
static struct kc_send_batch *land(struct kc_flight *flight)
{
    struct kc_send_batch *batch = flight->batch;
    flight->partition->in_flight--;
    flight->partition->sender->flying--;
    flight->batch = NULL;
    if (batch)
        batch->flight = NULL;
    return batch;
}

void kc_sender_answer(struct kc_sender *sender, struct kb_time now, struct kc_flight *flight,
                      const struct kc_produced *produced)
{
    struct kc_send_partition *p = flight->partition;
    struct kc_send_batch *batch = land(flight);
    if (batch)
        react(p, batch, produced, now);
    kc_partition_look(p, now);
    kc_flushes_look(sender);
}

void kc_sender_lost(struct kc_sender *sender, struct kb_time now, struct kc_flight *flight,
                    int32_t code, bool sent)
{
    struct kc_send_partition *p = flight->partition;
    struct kc_send_batch *batch = land(flight);
    if (batch) {
        batch->unknown |= sent;
        p->topic->refresh = true;
        again(p, batch, code, now);
    }
    kc_partition_look(p, now);
    kc_flushes_look(sender);
}

/* ---- Giving up --------------------------------------------------------------------- */

static size_t give_up(struct kc_send_partition *p, struct kb_time now, int32_t code, bool in_flight)
{
    size_t records = 0;
    kc_partition_take_all(p, true);
    KB_LIST_EACH_SAFE(it, &p->batches) {
        struct kc_send_batch *batch = KB_CONTAINER(it, struct kc_send_batch, link);
        if (batch->attempts > 0 && !in_flight)
            continue;
        records += (size_t)batch->record_count;
        kc_partition_fail(p, batch, code);
    }
    kc_partition_look(p, now);
    return records;
}

size_t kc_sender_give_up(struct kc_sender *sender, struct kb_time now, int32_t code, bool in_flight)
{
    size_t records = 0;
    KB_LIST_EACH(it, &sender->topics) {
        struct kc_send_topic *topic = KB_CONTAINER(it, struct kc_send_topic, link);
        records += give_up(&topic->unplaced, now, code, in_flight);
        for (int32_t i = 0; i < topic->count; i++)
            records += give_up(topic->partitions[i], now, code, in_flight);
    }
    kc_flushes_look(sender);
    return records;
}
