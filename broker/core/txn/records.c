/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's records of __transaction_state. */
#include "broker/core/txn/txn.h"
#include "wire/gen/transaction_log_record.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { KEY_VERSION = 0, VALUE_VERSION = 1 };

/* What Kafka calls a state in the log. 6 and 7 are never written. */
static const int8_t statuses[KD_TXN_STATES] = {
    [KD_TXN_EMPTY] = 0,         [KD_TXN_ONGOING] = 1,         [KD_TXN_PREPARE_COMMIT] = 2,
    [KD_TXN_PREPARE_ABORT] = 3, [KD_TXN_COMPLETE_COMMIT] = 4, [KD_TXN_COMPLETE_ABORT] = 5,
};

#define MAY(state) (1u << KD_TXN_##state)
/* To each state: from which. */
static const unsigned may_follow[KD_TXN_STATES] = {
    [KD_TXN_EMPTY] = MAY(EMPTY) | MAY(COMPLETE_COMMIT) | MAY(COMPLETE_ABORT),
    [KD_TXN_ONGOING] = MAY(ONGOING) | MAY(EMPTY) | MAY(COMPLETE_COMMIT) | MAY(COMPLETE_ABORT),
    [KD_TXN_PREPARE_COMMIT] = MAY(ONGOING),
    [KD_TXN_PREPARE_ABORT] = MAY(ONGOING) | MAY(EMPTY) | MAY(COMPLETE_COMMIT) | MAY(COMPLETE_ABORT),
    [KD_TXN_COMPLETE_COMMIT] = MAY(PREPARE_COMMIT),
    [KD_TXN_COMPLETE_ABORT] = MAY(PREPARE_ABORT),
};

/* ---- Emitting ----------------------------------------------------------- */

static struct kb_slice key_of(const struct kd_txn *txn, struct kd_outcome *out)
{
    struct kw_writer w;
    const struct kw_transaction_log_key key = {txn->id};
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, KEY_VERSION);
    kw_transaction_log_key_encode(&w, 0, &key);
    return kd_outcome_take(&w, out);
}

/* All that the change names, sorted, each once. NULL: no memory. */
static struct kd_txn_place *gather(const struct kd_txn *txn, const struct kd_txn_change *change,
                                   struct kb_arena *arena, size_t *count)
{
    size_t own = change->alone ? 0 : txn->parts.count;
    struct kd_txn_place *all = kb_arena_array(arena, own + change->more_count, sizeof *all);
    if (!all)
        return NULL;
    if (own)
        kd_txn_places(txn, all);
    if (change->more_count)
        memcpy(all + own, change->more, change->more_count * sizeof *all);
    *count = change->more_count ? kd_txn_sort_places(all, own + change->more_count) : own;
    return all;
}

/* As the record has them: each topic with its partitions. */
static bool fill_topics(struct kw_transaction_log_value *value, const struct kd_txn_place *all,
                        size_t count, struct kb_arena *arena)
{
    int32_t *partitions = kb_arena_array(arena, count, sizeof *partitions);
    value->transaction_partitions =
        kb_arena_array(arena, count, sizeof *value->transaction_partitions);
    if (!partitions || !value->transaction_partitions)
        return false;
    value->transaction_partitions_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (kd_txn_is_next_topic(all, i))
            value->transaction_partitions[value->transaction_partitions_count++] =
                (struct kw_transaction_log_value_topic){all[i].topic, partitions + i, 0};
        partitions[i] = all[i].partition;
        value->transaction_partitions[value->transaction_partitions_count - 1]
            .partition_ids_count++;
    }
    return true;
}

static struct kb_slice value_of(const struct kd_txn *txn, const struct kd_txn_change *change,
                                struct kb_time now, struct kd_outcome *out)
{
    struct kw_writer w;
    struct kw_transaction_log_value value;
    size_t count;
    kw_transaction_log_value_init(&value);
    value.producer_id = change->producer;
    value.previous_producer_id = change->previous;
    value.next_producer_id = change->next;
    value.producer_epoch = change->epoch;
    value.transaction_timeout_ms = change->timeout_ms;
    value.transaction_status = statuses[change->state];
    value.transaction_last_update_timestamp_ms = now.wall_ms;
    value.transaction_start_timestamp_ms = change->started_ms;
    value.client_transaction_version = change->version;
    value.transaction_partitions_count = -1;
    const struct kd_txn_place *all = gather(txn, change, &out->arena, &count);
    if (!all || (change->state != KD_TXN_EMPTY && !fill_topics(&value, all, count, &out->arena))) {
        out->failed = true;
        return kb_slice_null();
    }
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, VALUE_VERSION);
    kw_transaction_log_value_encode(&w, VALUE_VERSION, &value);
    return kd_outcome_take(&w, out);
}

static void emit(struct kd_txns *txns, struct kd_record record, struct kb_time now,
                 struct kd_outcome *out)
{
    if (kd_outcome_add(out, record))
        out->failed |= kd_txns_replay(txns, &record, now) != KB_OK;
}

struct kd_txn_change kd_txn_change_of(const struct kd_txn *txn)
{
    return (struct kd_txn_change){.state = txn->state,
                                  .producer = txn->producer,
                                  .previous = txn->previous,
                                  .next = txn->next,
                                  .epoch = txn->epoch,
                                  .version = txn->version,
                                  .timeout_ms = txn->timeout_ms,
                                  .started_ms = txn->started_ms};
}

static void watch(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out)
{
    struct kb_heap *timeouts = &txn->txns->timeouts;
    if (txn->state != KD_TXN_ONGOING)
        kb_heap_remove(timeouts, &txn->timeout);
    else if (!txn->timeout.position)
        out->failed |= !kb_heap_put(timeouts, &txn->timeout, kb_deadline(now, txn->timeout_ms));
}

void kd_txn_turn(struct kd_txn *txn, const struct kd_txn_change *change, struct kb_time now,
                 struct kd_outcome *out)
{
    KB_CHECK(may_follow[change->state] & (1u << txn->state));
    struct kb_slice value = value_of(txn, change, now, out);
    if (out->failed)
        return;
    emit(txn->txns, (struct kd_record){key_of(txn, out), value}, now, out);
    if (!out->failed)
        watch(txn, now, out);
}

void kd_txn_emit_none(struct kd_txn *txn, struct kd_outcome *out)
{
    emit(txn->txns, (struct kd_record){key_of(txn, out), kb_slice_null()}, (struct kb_time){0},
         out);
}

/* ---- Replaying ---------------------------------------------------------- */

static bool state_of(int8_t status, enum kd_txn_state *state)
{
    for (int i = 0; i < KD_TXN_STATES; i++)
        if (statuses[i] == status) {
            *state = (enum kd_txn_state)i;
            return true;
        }
    return false;
}

static bool replay_parts(struct kd_txn *txn, const struct kw_transaction_log_value *value)
{
    kd_txn_parts_clear(txn);
    for (int32_t t = 0; t < value->transaction_partitions_count; t++) {
        const struct kw_transaction_log_value_topic *topic = &value->transaction_partitions[t];
        for (int32_t i = 0; i < topic->partition_ids_count; i++)
            if (!kd_txn_part_add(txn, topic->topic, topic->partition_ids[i]))
                return false;
    }
    return true;
}

static int replay_value(struct kd_txns *txns, struct kb_slice id, struct kd_reading *in)
{
    struct kw_transaction_log_value value;
    enum kd_txn_state state;
    if (in->version < 0 || in->version > VALUE_VERSION)
        return KB_E_UNSUPPORTED_VERSION;
    if (!kw_transaction_log_value_decode(&in->r, in->version, &in->arena, &value))
        return kd_reading_fault(in);
    if (!state_of(value.transaction_status, &state))
        return KB_E_CORRUPT_MESSAGE;
    struct kd_txn *txn = kd_txn_obtain(txns, id);
    if (!txn || !replay_parts(txn, &value))
        return KB_E_NO_MEMORY;
    txn->state = state;
    txn->producer = value.producer_id;
    txn->previous = value.previous_producer_id;
    txn->next = value.next_producer_id;
    txn->epoch = value.producer_epoch;
    txn->version = value.client_transaction_version;
    txn->timeout_ms = value.transaction_timeout_ms;
    txn->started_ms = value.transaction_start_timestamp_ms;
    txn->updated_ms = value.transaction_last_update_timestamp_ms;
    return KB_OK;
}

static int replay_key(struct kd_txns *txns, struct kd_reading *key, const struct kd_record *record)
{
    struct kw_transaction_log_key which;
    struct kd_reading value;
    if (!kw_transaction_log_key_decode(&key->r, 0, &key->arena, &which))
        return kd_reading_fault(key);
    if (!record->value.data) {
        struct kd_txn *txn = kd_txn_find(txns, which.transactional_id);
        if (txn)
            kd_txn_free(txn);
        return KB_OK;
    }
    kd_reading_init(&value, record->value);
    int code = replay_value(txns, which.transactional_id, &value);
    kb_arena_deinit(&value.arena);
    return code;
}

int kd_txns_replay(struct kd_txns *txns, const struct kd_record *record, struct kb_time now)
{
    struct kd_reading key;
    (void)now;
    kd_reading_init(&key, record->key);
    int code = key.version == KEY_VERSION ? replay_key(txns, &key, record) : KB_OK;
    kb_arena_deinit(&key.arena);
    return code;
}
