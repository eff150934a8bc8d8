/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mutant.h"
#include "broker/core/txn/txn.h"
#include <stdlib.h>
#include <string.h>

enum { TOPIC_MAX = 249, KEY_MAX = 4 + TOPIC_MAX };

void kd_txns_init(struct kd_txns *txns, const struct kd_txn_limits *limits,
                  struct kb_random *random)
{
    *txns = (struct kd_txns){.limits = limits, .random = random, .loading = true};
    kb_map_init(&txns->by_id, kb_random_next(random));
    kb_heap_init(&txns->timeouts);
    kb_list_init(&txns->prepared);
}

void kd_txns_drop(struct kd_txns *txns)
{
    struct kb_map_entry *at = kb_map_next(&txns->by_id, NULL);
    while (at) {
        struct kd_txn *txn = KB_CONTAINER(at, struct kd_txn, by_id);
        at = kb_map_next(&txns->by_id, at);
        kd_txn_free(txn);
    }
    txns->loading = true;
}

void kd_txns_deinit(struct kd_txns *txns)
{
    kd_txns_drop(txns);
    kb_map_deinit(&txns->by_id);
    kb_heap_deinit(&txns->timeouts);
}

/* ---- Ids ---- */

struct kd_txn *kd_txn_find(const struct kd_txns *txns, struct kb_slice id)
{
    return KB_MAP_VALUE(kb_map_get(&txns->by_id, id), struct kd_txn, by_id);
}

static struct kd_txn *make(struct kd_txns *txns, struct kb_slice id)
{
    struct kd_txn *txn = kb_calloc(1, sizeof *txn);
    if (!txn)
        return NULL;
    txn->txns = txns;
    txn->producer = txn->previous = txn->next = KD_NO_PRODUCER;
    txn->epoch = txn->last_epoch = KD_NO_EPOCH;
    txn->started_ms = -1;
    kb_list_init(&txn->prepared);
    kb_map_init(&txn->parts, kb_random_next(txns->random));
    if (kd_slice_set(&txn->id, id) && kb_map_put(&txns->by_id, &txn->by_id, txn->id))
        return txn;
    kb_free((void *)txn->id.data);
    kb_free(txn);
    return NULL;
}

struct kd_txn *kd_txn_obtain(struct kd_txns *txns, struct kb_slice id)
{
    struct kd_txn *txn = kd_txn_find(txns, id);
    return txn ? txn : make(txns, id);
}

void kd_txn_free(struct kd_txn *txn)
{
    kd_txn_parts_clear(txn);
    kb_heap_remove(&txn->txns->timeouts, &txn->timeout);
    kb_list_remove(&txn->prepared);
    kb_map_remove(&txn->txns->by_id, &txn->by_id);
    kb_free((void *)txn->id.data);
    kb_free(txn);
}

bool kd_txn_is_prepared(const struct kd_txn *txn)
{
    return txn->state == KD_TXN_PREPARE_COMMIT || txn->state == KD_TXN_PREPARE_ABORT;
}

int kd_txn_find_producer(const struct kd_txns *txns, const struct kd_txn_producer *who,
                         struct kd_txn **txn)
{
    if (!who->id.size)
        return KB_E_INVALID_REQUEST;
    *txn = kd_txn_find(txns, who->id);
    return *txn && (*txn)->producer == who->producer ? KB_OK : KB_E_INVALID_PRODUCER_ID_MAPPING;
}

int kd_txn_identify(const struct kd_txns *txns, const struct kd_txn_producer *who,
                    struct kd_txn **txn)
{
    int code = kd_txn_find_producer(txns, who, txn);
    if (code)
        return code;
    if ((*txn)->epoch != who->epoch && !KB_MUTANT("no-fencing"))
        return KB_E_PRODUCER_FENCED;
    return kd_txn_is_prepared(*txn) ? KB_E_CONCURRENT_TRANSACTIONS : KB_OK;
}

/* ---- Partitions ---- */

static struct kb_slice part_key(uint8_t key[KEY_MAX], struct kb_slice topic, int32_t partition)
{
    size_t size = KB_MIN(topic.size, (size_t)TOPIC_MAX);
    memcpy(key, &partition, 4);
    if (size)
        memcpy(key + 4, topic.data, size);
    return kb_slice_of(key, 4 + size);
}

struct kd_txn_part *kd_txn_part(const struct kd_txn *txn, struct kb_slice topic, int32_t partition)
{
    uint8_t key[KEY_MAX];
    struct kb_map_entry *entry = kb_map_get(&txn->parts, part_key(key, topic, partition));
    return KB_MAP_VALUE(entry, struct kd_txn_part, by_key);
}

bool kd_txn_part_add(struct kd_txn *txn, struct kb_slice topic, int32_t partition)
{
    uint8_t bytes[KEY_MAX];
    struct kb_slice key = part_key(bytes, topic, partition);
    if (kb_map_get(&txn->parts, key))
        return true;
    struct kd_txn_part *part = kb_calloc(1, sizeof *part + key.size);
    if (!part)
        return false;
    memcpy(part->key, key.data, key.size);
    part->topic = kb_slice_of(part->key + 4, key.size - 4);
    part->partition = partition;
    if (!kb_map_put(&txn->parts, &part->by_key, kb_slice_of(part->key, key.size))) {
        kb_free(part);
        return false;
    }
    txn->unmarked++;
    return true;
}

void kd_txn_parts_clear(struct kd_txn *txn)
{
    struct kb_map_entry *at = kb_map_next(&txn->parts, NULL);
    while (at) {
        struct kd_txn_part *part = KB_CONTAINER(at, struct kd_txn_part, by_key);
        at = kb_map_next(&txn->parts, at);
        kb_free(part);
    }
    kb_map_deinit(&txn->parts);
    txn->unmarked = 0;
}

static int by_topic(const void *a, const void *b)
{
    const struct kd_txn_place *x = a, *y = b;
    int order = kb_slice_compare(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

size_t kd_txn_sort_places(struct kd_txn_place *places, size_t count)
{
    size_t n = 0;
    qsort(places, count, sizeof *places, by_topic);
    for (size_t i = 0; i < count; i++)
        if (!n || by_topic(&places[n - 1], &places[i]))
            places[n++] = places[i];
    return n;
}

void kd_txn_places(const struct kd_txn *txn, struct kd_txn_place *out)
{
    size_t n = 0;
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&txn->parts, at));) {
        const struct kd_txn_part *part = KB_CONTAINER(at, struct kd_txn_part, by_key);
        out[n++] = (struct kd_txn_place){part->topic, part->partition, KB_OK};
    }
    kd_txn_sort_places(out, n);
}

/* ---- Time ---- */

static bool watch_again(struct kd_txn *txn, struct kb_time now)
{
    int64_t left_ms = KB_MAX(0, txn->timeout_ms - kd_txn_age_ms(txn->started_ms, now));
    return kb_heap_put(&txn->txns->timeouts, &txn->timeout, kb_deadline(now, left_ms));
}

void kd_txns_loaded(struct kd_txns *txns, struct kb_time now, struct kd_outcome *out)
{
    txns->loading = false;
    for (struct kb_map_entry *at = NULL; !out->failed && (at = kb_map_next(&txns->by_id, at));) {
        struct kd_txn *txn = KB_CONTAINER(at, struct kd_txn, by_id);
        if (txn->state == KD_TXN_ONGOING)
            out->failed = !watch_again(txn, now);
        else if (kd_txn_is_prepared(txn) && txn->unmarked)
            kb_list_push_back(&txns->prepared, &txn->prepared);
        else if (kd_txn_is_prepared(txn))
            kd_txn_complete(txn, now, out);
    }
}

int64_t kd_txns_deadline(const struct kd_txns *txns)
{
    const struct kb_heap_node *first = kb_heap_first(&txns->timeouts);
    return first ? first->key : KB_NEVER;
}

void kd_txns_tick(struct kd_txns *txns, struct kb_time now, struct kd_outcome *out)
{
    struct kb_heap_node *first;
    while (!kd_outcome_is_full(out) && (first = kb_heap_first(&txns->timeouts)) &&
           first->key <= now.mono_ms) {
        kb_heap_remove(&txns->timeouts, first);
        if (!KB_MUTANT("left-open"))
            kd_txn_give_up(KB_CONTAINER(first, struct kd_txn, timeout), now, out);
    }
}

static bool is_idle(const struct kd_txn *txn, struct kb_time now)
{
    return txn->state != KD_TXN_ONGOING && !kd_txn_is_prepared(txn) &&
           kd_txn_age_ms(txn->updated_ms, now) >= txn->txns->limits->id_expiration_ms;
}

void kd_txns_expire(struct kd_txns *txns, struct kb_time now, struct kd_outcome *out)
{
    struct kb_map_entry *at = kb_map_next(&txns->by_id, NULL);
    while (at && !kd_outcome_is_full(out)) {
        struct kd_txn *txn = KB_CONTAINER(at, struct kd_txn, by_id);
        at = kb_map_next(&txns->by_id, at);
        if (is_idle(txn, now))
            kd_txn_emit_none(txn, out);
    }
}

/* ---- Markers ---- */

const struct kd_txn *kd_txns_take_prepared(struct kd_txns *txns)
{
    struct kb_list *link = kb_list_pop_front(&txns->prepared);
    return link ? KB_CONTAINER(link, struct kd_txn, prepared) : NULL;
}

void kd_txn_marker_of(const struct kd_txn *txn, struct kd_txn_marker *out)
{
    *out = (struct kd_txn_marker){txn->id, txn->producer, txn->epoch, txn->version,
                                  txn->state == KD_TXN_PREPARE_COMMIT};
}

size_t kd_txn_unmarked(const struct kd_txn *txn, struct kd_txn_place *out, size_t max)
{
    size_t n = 0;
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&txn->parts, at));) {
        const struct kd_txn_part *part = KB_CONTAINER(at, struct kd_txn_part, by_key);
        if (!part->marked && n++ < max)
            out[n - 1] = (struct kd_txn_place){part->topic, part->partition, KB_OK};
    }
    return n;
}
