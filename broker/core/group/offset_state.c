/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What groups have committed, as the log tells it.
 *
 * An offset that was committed in a transaction hangs, until the marker, both on
 * the place that it is of and on the transaction. Where the same place has been
 * committed in between, the marker does not bring the older one back: what counts
 * is which of them lies later in the log. Compaction goes by that, and what it
 * left must read the same.
 */
#include "broker/core/group/offsets.h"
#include "broker/core/group/modern/modern.h"

enum { TOPIC_MAX = 249, KEY_MAX = 4 + TOPIC_MAX };

/* A transaction that is not decided, as far as it has committed offsets here. */
struct txn {
    struct kb_map_entry by_producer;
    struct kd_groups *groups;
    int64_t producer;
    struct kb_list offsets;
};

struct open_offset {
    struct kb_list of_offset, of_txn;
    struct kd_group *group;
    struct kd_offset *offset;
    struct txn *txn;
    struct kd_position position;
};

/* ---- Places ---- */

static struct kb_slice offset_key(uint8_t key[KEY_MAX], struct kb_slice topic, int32_t partition)
{
    size_t size = KB_MIN(topic.size, (size_t)TOPIC_MAX);
    memcpy(key, &partition, 4);
    if (size)
        memcpy(key + 4, topic.data, size);
    return kb_slice_of(key, 4 + size);
}

struct kd_offset *kd_group_offset(const struct kd_group *group, struct kb_slice topic,
                                  int32_t partition)
{
    uint8_t key[KEY_MAX];
    struct kb_map_entry *entry = kb_map_get(&group->offsets, offset_key(key, topic, partition));
    return KB_MAP_VALUE(entry, struct kd_offset, entry);
}

static struct kd_offset *obtain(struct kd_group *group, struct kb_slice topic, int32_t partition)
{
    uint8_t bytes[KEY_MAX];
    struct kb_slice key = offset_key(bytes, topic, partition);
    struct kd_offset *offset = kd_group_offset(group, topic, partition);
    if (offset)
        return offset;
    offset = kb_calloc(1, sizeof *offset + key.size);
    if (!offset)
        return NULL;
    memcpy(offset->key, key.data, key.size);
    offset->topic = kb_slice_of(offset->key + 4, key.size - 4);
    offset->partition = partition;
    kb_list_init(&offset->open);
    if (!kb_map_put(&group->offsets, &offset->entry, kb_slice_of(offset->key, key.size))) {
        kb_free(offset);
        return NULL;
    }
    return offset;
}

/* Nothing is committed there, and nothing open: it is no place any more. */
static void drop_if_void(struct kd_group *group, struct kd_offset *offset)
{
    if (offset->committed || !kb_list_empty(&offset->open))
        return;
    kb_map_remove(&group->offsets, &offset->entry);
    kb_free((void *)offset->position.metadata.data);
    kb_free(offset);
}

static bool set_position(struct kd_position *position, struct kd_groups *groups,
                         const struct kd_commit *commit, int64_t committed_ms)
{
    if (!kd_slice_set(&position->metadata, commit->metadata))
        return false;
    position->offset = commit->offset;
    position->leader_epoch = commit->leader_epoch;
    position->committed_ms = committed_ms;
    position->expires_ms = commit->expires_ms;
    position->place = ++groups->placed;
    return true;
}

/* ---- Transactions ---- */

static struct txn *find_txn(const struct kd_groups *groups, int64_t producer)
{
    struct kb_map_entry *entry = kb_map_get(&groups->txns, kb_slice_of(&producer, sizeof producer));
    return KB_MAP_VALUE(entry, struct txn, by_producer);
}

static struct txn *obtain_txn(struct kd_groups *groups, int64_t producer)
{
    struct txn *txn = find_txn(groups, producer);
    if (txn)
        return txn;
    txn = KB_NEW(struct txn);
    if (!txn)
        return NULL;
    txn->groups = groups;
    txn->producer = producer;
    kb_list_init(&txn->offsets);
    struct kb_slice key = kb_slice_of(&txn->producer, sizeof txn->producer);
    if (!kb_map_put(&groups->txns, &txn->by_producer, key)) {
        kb_free(txn);
        return NULL;
    }
    return txn;
}

static void drop_txn_if_void(struct txn *txn)
{
    if (!kb_list_empty(&txn->offsets))
        return;
    kb_map_remove(&txn->groups->txns, &txn->by_producer);
    kb_free(txn);
}

static struct open_offset *find_open(const struct kd_offset *offset, const struct txn *txn)
{
    KB_LIST_EACH(at, &offset->open)
        if (KB_CONTAINER(at, struct open_offset, of_offset)->txn == txn)
            return KB_CONTAINER(at, struct open_offset, of_offset);
    return NULL;
}

static struct open_offset *obtain_open(struct kd_group *group, struct kd_offset *offset,
                                       struct txn *txn)
{
    struct open_offset *open = find_open(offset, txn);
    if (open)
        return open;
    open = KB_NEW(struct open_offset);
    if (!open)
        return NULL;
    open->group = group;
    open->offset = offset;
    open->txn = txn;
    kb_list_push_back(&offset->open, &open->of_offset);
    kb_list_push_back(&txn->offsets, &open->of_txn);
    return open;
}

/* Of the place and the transaction, which stay even where it was all they had. */
static void close_open(struct open_offset *open)
{
    kb_list_remove(&open->of_offset);
    kb_list_remove(&open->of_txn);
    kb_free((void *)open->position.metadata.data);
    kb_free(open);
}

static void materialize(struct open_offset *open)
{
    struct kd_offset *offset = open->offset;
    if (offset->committed && offset->position.place > open->position.place)
        return;
    struct kd_position former = offset->position;
    offset->position = open->position;
    offset->committed = true;
    open->position = former; /* goes with it */
}

void kd_groups_end_txn(struct kd_groups *groups, int64_t producer, bool commit)
{
    struct txn *txn = find_txn(groups, producer);
    if (!txn)
        return;
    while (!kb_list_empty(&txn->offsets)) {
        struct open_offset *open = KB_LIST_FIRST(&txn->offsets, struct open_offset, of_txn);
        struct kd_group *group = open->group;
        struct kd_offset *offset = open->offset;
        if (commit)
            materialize(open);
        close_open(open);
        drop_if_void(group, offset);
    }
    drop_txn_if_void(txn);
}

/* ---- Commits ---- */

bool kd_group_set_offset(struct kd_group *group, const struct kd_commit *commit,
                         int64_t committed_ms)
{
    struct kd_offset *offset = obtain(group, commit->topic, commit->partition);
    if (!offset || !set_position(&offset->position, group->groups, commit, committed_ms))
        return false;
    offset->committed = true;
    return true;
}

bool kd_group_open_offset(struct kd_group *group, int64_t producer, const struct kd_commit *commit,
                          int64_t committed_ms)
{
    struct kd_offset *offset = obtain(group, commit->topic, commit->partition);
    struct txn *txn = offset ? obtain_txn(group->groups, producer) : NULL;
    struct open_offset *open = txn ? obtain_open(group, offset, txn) : NULL;
    if (txn)
        drop_txn_if_void(txn);
    return open && set_position(&open->position, group->groups, commit, committed_ms);
}

/* ---- Forgetting ---- */

static void drop(struct kd_group *group, struct kd_offset *offset)
{
    while (!kb_list_empty(&offset->open)) {
        struct open_offset *open = KB_LIST_FIRST(&offset->open, struct open_offset, of_offset);
        struct txn *txn = open->txn;
        close_open(open);
        drop_txn_if_void(txn);
    }
    offset->committed = false;
    drop_if_void(group, offset);
}

void kd_group_forget_offset(struct kd_group *group, struct kb_slice topic, int32_t partition)
{
    struct kd_offset *offset = kd_group_offset(group, topic, partition);
    if (offset)
        drop(group, offset);
}

void kd_group_drop_offsets(struct kd_group *group)
{
    struct kb_map_entry *at = kb_map_next(&group->offsets, NULL);
    while (at) {
        struct kb_map_entry *next = kb_map_next(&group->offsets, at);
        drop(group, KB_CONTAINER(at, struct kd_offset, entry));
        at = next;
    }
}
