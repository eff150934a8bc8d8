/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/sender.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"

enum { KC_BLIND_MS = 50 };

static void seal_for_sender(struct kc_slot_rules *rules, struct kc_send_batch *batch)
{
    kc_packer_seal(&KB_CONTAINER(rules, struct kc_sender, rules)->packer, batch);
}

bool kc_sender_init(struct kc_sender *sender, const struct kc_send_options *options,
                    struct kb_random *random, void (*kick)(struct kc_bell *bell), void *owner)
{
    memset(sender, 0, sizeof *sender);
    sender->options = *options;
    sender->random = random;
    sender->owner = owner;
    sender->producer_id = -1;
    kb_list_init(&sender->topics);
    kb_list_init(&sender->brokers);
    kb_list_init(&sender->joining);
    kb_list_init(&sender->lingering);
    kb_list_init(&sender->flushes);
    kb_heap_init(&sender->timers);
    if (!kc_supply_init(&sender->supply, options->memory_bytes, options->batch_bytes))
        return false;
    sender->rules.batch_bytes = options->batch_bytes;
    sender->rules.chunk_bytes = sender->supply.chunk_bytes;
    sender->rules.seal = seal_for_sender;
    sender->rules.bell.kick = kick;
    sender->rules.bell.ctx = owner;
    kc_packer_init(&sender->packer, options->codec, options->level, &sender->supply);
    kc_reports_init(&sender->reports, &sender->supply);
    return true;
}

void kc_sender_deinit(struct kc_sender *sender)
{
    KB_CHECK(kb_list_empty(&sender->topics));
    struct kb_list *it;
    while ((it = kb_list_pop_front(&sender->brokers)))
        kb_free(KB_CONTAINER(it, struct kc_send_broker, link));
    kc_reports_deinit(&sender->reports);
    kc_packer_deinit(&sender->packer);
    kb_heap_deinit(&sender->timers);
    kc_supply_deinit(&sender->supply);
}

struct kc_send_broker *kc_sender_broker(struct kc_sender *sender, int32_t node)
{
    if (node < 0)
        return NULL;
    KB_LIST_EACH(it, &sender->brokers) {
        struct kc_send_broker *broker = KB_CONTAINER(it, struct kc_send_broker, link);
        if (broker->node == node)
            return broker;
    }
    struct kc_send_broker *broker = KB_NEW(struct kc_send_broker);
    if (!broker)
        return NULL;
    broker->node = node;
    kb_list_init(&broker->ring);
    kb_list_push_back(&sender->brokers, &broker->link);
    return broker;
}

void kc_sender_id(struct kc_sender *sender, struct kb_time now, int64_t id, int16_t epoch)
{
    sender->id_state = KC_ID_HELD;
    sender->producer_id = id;
    sender->producer_epoch = epoch;
    KB_LIST_EACH(it, &sender->topics) {
        struct kc_send_topic *topic = KB_CONTAINER(it, struct kc_send_topic, link);
        for (int32_t i = 0; i < topic->count; i++)
            kc_partition_look(topic->partitions[i], now);
    }
}

bool kc_sender_wants_id(const struct kc_sender *sender)
{
    return sender->options.idempotent && !sender->options.transactional &&
           sender->id_state == KC_ID_NONE && !sender->dropping;
}

void kc_sender_txn_id(struct kc_sender *sender, int64_t id, int16_t epoch)
{
    sender->id_state = KC_ID_HELD;
    sender->producer_id = id;
    sender->producer_epoch = epoch;
}

/* ---- What can be sent --------------------------------------------------------- */

static struct kc_send_batch *oldest(const struct kc_send_partition *p)
{
    return KB_LIST_FIRST(&p->batches, struct kc_send_batch, link);
}

struct kc_send_batch *kc_partition_waiting(const struct kc_send_partition *p)
{
    KB_LIST_EACH(it, &p->batches) {
        struct kc_send_batch *batch = KB_CONTAINER(it, struct kc_send_batch, link);
        if (!batch->flight)
            return batch;
    }
    return NULL;
}

static bool has_more(struct kc_send_partition *p)
{
    return kc_slot_peek(&p->slot) || p->due_number > p->taken_number;
}

/* Part of the transaction or not. */
static bool would_send(struct kc_send_partition *p, struct kb_time now)
{
    const struct kc_sender *sender = p->sender;
    if (!p->broker || p->bump || p->retry_at_ms > now.mono_ms)
        return false;
    if (sender->options.idempotent && sender->id_state != KC_ID_HELD)
        return false;
    struct kc_send_batch *waiting = kc_partition_waiting(p);
    if (waiting && waiting->attempts > 0)
        return p->in_flight == 0;
    bool one_by_one = sender->options.idempotent && !p->known;
    if (p->in_flight >= (one_by_one ? 1 : sender->options.in_flight))
        return false;
    if (p->in_flight > 0 && oldest(p) && oldest(p)->attempts > 1)
        return false;
    return waiting || has_more(p);
}

static bool may_send(const struct kc_send_partition *p)
{
    return !p->sender->options.transactional || p->part.place == KC_TXN_IN;
}

bool kc_partition_can_send(struct kc_send_partition *p, struct kb_time now)
{
    return may_send(p) && would_send(p, now);
}

/* Since when the oldest waits, taken from the slot or not; KB_NEVER: there is none,
 * or it lingers. */
static int64_t waits_since_ms(struct kc_send_partition *p)
{
    const struct kc_send_batch *first = oldest(p);
    if (!first)
        first = kc_slot_peek(&p->slot);
    if (first)
        return first->opened_ms;
    return p->due_number > p->taken_number ? atomic_load(&p->slot.opened_ms) : KB_NEVER;
}

/* When the oldest has waited too long. */
static int64_t expires_at_ms(struct kc_send_partition *p)
{
    const struct kc_send_options *options = &p->sender->options;
    int64_t since_ms = waits_since_ms(p);
    if (since_ms == KB_NEVER)
        return KB_NEVER;
    return since_ms + (p->index < 0 ? options->unplaced_ms : options->delivery_ms);
}

/* Its oldest batch has waited for longer than partitioner.availability.timeout.ms. */
static bool is_stuck(struct kc_send_partition *p, struct kb_time now)
{
    int64_t most_ms = p->sender->options.available_ms, since_ms = waits_since_ms(p);
    return most_ms && since_ms != KB_NEVER && since_ms + most_ms <= now.mono_ms;
}

void kc_partition_set_timer(struct kc_send_partition *p, struct kb_time now)
{
    struct kc_sender *sender = p->sender;
    int64_t at = expires_at_ms(p);
    if (at != KB_NEVER && sender->options.available_ms && !is_stuck(p, now))
        at = KB_MIN(at, waits_since_ms(p) + sender->options.available_ms);
    if (p->retry_at_ms > now.mono_ms) /* also for what is not taken from the slot yet */
        at = KB_MIN(at, p->retry_at_ms);
    kb_heap_remove(&sender->timers, &p->timer);
    if (at == KB_NEVER)
        return;
    if (!kb_heap_put(&sender->timers, &p->timer, at))
        sender->blind = true;
}

struct kc_send_batch *kc_partition_take(struct kc_send_partition *p)
{
    struct kc_send_batch *batch = kc_slot_pop(&p->slot);
    if (!batch)
        return NULL;
    kb_list_push_back(&p->batches, &batch->link);
    p->taken_number = batch->number;
    return batch;
}

void kc_sender_pack(struct kc_sender *sender, struct kc_send_batch *batch)
{
    kc_packer_seal(&sender->packer, batch);
    sender->packed++;
    kc_slot_ready(batch);
}

void kc_partition_seal(struct kc_send_partition *p, uint64_t upto)
{
    struct kc_send_batch *unsealed = kc_slot_seal(&p->slot, upto);
    if (unsealed)
        kc_sender_pack(p->sender, unsealed);
}

void kc_partition_take_all(struct kc_send_partition *p, bool open)
{
    if (open)
        kc_partition_seal(p, atomic_load(&p->slot.number));
    while (kc_partition_take(p))
        ;
}

/* Why nothing of this partition will ever be sent; 0: it can be. */
static int32_t refusal(const struct kc_send_partition *p)
{
    const struct kc_send_topic *topic = p->topic;
    if (p->sender->dropping)
        return p->sender->dropping;
    if (p->gone)
        return KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    if (p->index < 0 && topic->error && !(kb_code_classes(topic->error) & KB_RETRIABLE))
        return topic->error;
    return 0;
}

static void refuse(struct kc_send_partition *p, int32_t code)
{
    kc_partition_take_all(p, true);
    KB_LIST_EACH_SAFE(it, &p->batches) {
        struct kc_send_batch *batch = KB_CONTAINER(it, struct kc_send_batch, link);
        if (!batch->flight)
            kc_partition_fail(p, batch, code);
    }
}

void kc_partition_look(struct kc_send_partition *p, struct kb_time now)
{
    if (p->bump && p->in_flight == 0)
        kc_partition_bump(p);
    int32_t code = refusal(p);
    if (code)
        refuse(p, code);
    else if (!p->broker && !p->topic->pending && p->due_number > p->taken_number)
        kc_partition_take_all(p, true); /* so that its time runs */
    kb_list_remove(&p->ring);
    if (kc_partition_can_send(p, now)) {
        kb_list_push_back(&p->broker->ring, &p->ring);
    } else if (!may_send(p) && p->part.place == KC_TXN_OUT && would_send(p, now)) {
        kb_list_remove(&p->part.link);
        kb_list_push_back(&p->sender->joining, &p->part.link);
    }
    atomic_store_explicit(&p->open_to_all, p->broker && !is_stuck(p, now), memory_order_relaxed);
    kc_partition_set_timer(p, now);
}

/* ---- A turn ---------------------------------------------------------------------- */

static void linger(struct kc_send_partition *p, struct kb_time now)
{
    struct kc_sender *sender = p->sender;
    uint64_t number = atomic_load(&p->slot.number);
    if (number <= p->linger_number || number <= p->taken_number)
        return;
    p->linger_number = number;
    p->linger_due_ms = atomic_load(&p->slot.opened_ms) + sender->options.linger_ms;
    kb_list_remove(&p->linger);
    if (sender->closing || p->linger_due_ms <= now.mono_ms)
        p->due_number = number;
    else
        kb_list_push_back(&sender->lingering, &p->linger);
}

static void look_at(struct kc_send_partition *p, struct kb_time now)
{
    if (p->index < 0)
        kc_topic_place(p->topic, now);
    kc_partition_look(p, now);
}

static void answer_bell(struct kc_sender *sender, struct kb_time now)
{
    struct kc_rung *rung = kc_bell_take(&sender->rules.bell);
    while (rung) {
        struct kc_send_partition *p = KB_CONTAINER(rung, struct kc_send_partition, slot.rung);
        rung = kc_bell_release(rung);
        linger(p, now);
        look_at(p, now);
    }
}

static void end_lingering(struct kc_sender *sender, struct kb_time now)
{
    struct kc_send_partition *p;
    while ((p = KB_LIST_FIRST(&sender->lingering, struct kc_send_partition, linger)) &&
           p->linger_due_ms <= now.mono_ms) {
        kb_list_remove(&p->linger);
        p->due_number = p->linger_number;
        look_at(p, now);
    }
}

/* Gives up what is too old. What is on its way may arrive all the same. */
static void expire(struct kc_send_partition *p, struct kb_time now)
{
    int32_t code = p->index < 0 && p->topic->error ? p->topic->error : KB_E_TIMED_OUT;
    while (expires_at_ms(p) <= now.mono_ms) {
        if (!oldest(p) && !kc_slot_peek(&p->slot))
            kc_partition_seal(p, p->due_number);
        if (!oldest(p) && !kc_partition_take(p))
            break; /* being written: it rings */
        kc_partition_fail(p, oldest(p), code);
    }
    if (p->retry_at_ms <= now.mono_ms)
        p->retry_at_ms = 0;
    look_at(p, now);
}

static void run_timers(struct kc_sender *sender, struct kb_time now)
{
    struct kb_heap_node *node;
    while ((node = kb_heap_first(&sender->timers)) && node->key <= now.mono_ms) {
        kb_heap_remove(&sender->timers, node);
        expire(KB_CONTAINER(node, struct kc_send_partition, timer), now);
    }
    if (!sender->blind || sender->blind_at_ms > now.mono_ms)
        return;
    sender->blind = false;
    KB_LIST_EACH(it, &sender->topics) {
        struct kc_send_topic *topic = KB_CONTAINER(it, struct kc_send_topic, link);
        expire(&topic->unplaced, now);
        for (int32_t i = 0; i < topic->count; i++)
            expire(topic->partitions[i], now);
    }
    sender->blind_at_ms = now.mono_ms + KC_BLIND_MS;
}

void kc_sender_step(struct kc_sender *sender, struct kb_time now)
{
    sender->packed = 0;
    sender->more = false;
    answer_bell(sender, now);
    end_lingering(sender, now);
    run_timers(sender, now);
    kc_flushes_look(sender);
}

int64_t kc_sender_deadline_ms(const struct kc_sender *sender)
{
    int64_t at = KB_NEVER;
    if (!kb_list_empty(&sender->lingering))
        at = KB_LIST_FIRST(&sender->lingering, struct kc_send_partition, linger)->linger_due_ms;
    const struct kb_heap_node *node = kb_heap_first(&sender->timers);
    if (node)
        at = KB_MIN(at, node->key);
    return sender->blind ? KB_MIN(at, sender->blind_at_ms) : at;
}

bool kc_sender_rest(struct kc_sender *sender)
{
    return kc_bell_rest(&sender->rules.bell, !kb_list_empty(&sender->lingering));
}

void kc_sender_seal_all(struct kc_sender *sender, struct kb_time now)
{
    struct kc_send_partition *p;
    while ((p = KB_LIST_FIRST(&sender->lingering, struct kc_send_partition, linger))) {
        kb_list_remove(&p->linger);
        p->due_number = p->linger_number;
        look_at(p, now);
    }
}

void kc_sender_drop_all(struct kc_sender *sender, struct kb_time now, int32_t code)
{
    sender->dropping = code;
    KB_LIST_EACH(it, &sender->topics) {
        struct kc_send_topic *topic = KB_CONTAINER(it, struct kc_send_topic, link);
        look_at(&topic->unplaced, now);
        for (int32_t i = 0; i < topic->count; i++)
            kc_partition_look(topic->partitions[i], now);
    }
    kc_flushes_look(sender);
}

uint64_t kc_topic_accepted(struct kc_send_topic *topic)
{
    uint64_t accepted = atomic_load_explicit(&topic->unplaced.slot.accepted, memory_order_relaxed);
    const struct kc_table *table = atomic_load(&topic->table);
    for (int32_t i = 0; table && i < table->count; i++)
        accepted +=
            atomic_load_explicit(&table->partitions[i]->slot.accepted, memory_order_relaxed);
    return accepted;
}

uint64_t kc_sender_finished(struct kc_sender *sender)
{
    return atomic_load(&sender->placed) + atomic_load(&sender->reports.finished);
}
