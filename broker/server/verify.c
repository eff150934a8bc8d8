/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/verify.h"
#include "base/arena.h"
#include "base/codes.h"
#include "base/mem.h"
#include "broker/server/shard.h"
#include "broker/server/txn/join.h"

enum { KEY_BYTES = 16 + 8 + 4 + 2 };

enum { QUESTION_MAX_BYTES = 64 << 20 };

/* One partition. */
struct entry {
    struct kb_map_entry by_key;
    uint8_t key[KEY_BYTES];
    struct kb_list tickets;
};

struct kd_question {
    struct kd_txn_join join; /* its places stand as the entries do */
    struct kd_verifications *all;
    struct kb_arena arena;
    struct entry **entries;
};

void kd_verifications_init(struct kd_verifications *v, struct kb_random *random,
                           void (*join)(struct kd_shard *shard, struct kd_txn_join *join))
{
    v->join = join;
    kb_map_init(&v->by_key, kb_random_next(random));
}

void kd_verifications_deinit(struct kd_verifications *v)
{
    KB_CHECK(!v->by_key.count);
    kb_map_deinit(&v->by_key);
}

static struct kb_slice put_key(uint8_t to[KEY_BYTES], const struct kd_verify_key *key)
{
    memcpy(to, &key->topic_id, 16);
    memcpy(to + 16, &key->producer, 8);
    memcpy(to + 24, &key->partition, 4);
    memcpy(to + 28, &key->epoch, 2);
    return kb_slice_of(to, KEY_BYTES);
}

bool kd_verify_queue(struct kd_verifications *v, const struct kd_verify_key *key,
                     struct kd_ticket *ticket)
{
    uint8_t bytes[KEY_BYTES];
    struct kb_map_entry *known = kb_map_get(&v->by_key, put_key(bytes, key));
    if (!known)
        return false;
    struct entry *entry = KB_CONTAINER(known, struct entry, by_key);
    kb_list_push_back(&entry->tickets, &ticket->link);
    return true;
}

void kd_ticket_drop(struct kd_ticket *ticket)
{
    kb_list_remove(&ticket->link);
}

/* ---- The answer --------------------------------------------------------- */

static void answer(struct entry *entry, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&entry->tickets))) {
        struct kd_ticket *ticket = KB_CONTAINER(node, struct kd_ticket, link);
        ticket->done(ticket, code);
    }
}

static void question_free(struct kd_question *q)
{
    kb_arena_deinit(&q->arena);
    kb_free(q);
}

/* Nobody may queue any more once the first of them is told. */
static void on_joined(struct kd_txn_join *join, int code)
{
    struct kd_question *q = join->owner;
    for (size_t i = 0; i < join->count; i++)
        kb_map_remove(&q->all->by_key, &q->entries[i]->by_key);
    for (size_t i = 0; i < join->count; i++)
        answer(q->entries[i], code ? code : join->places[i].code);
    question_free(q);
}

/* ---- The question ------------------------------------------------------- */

struct kd_question *kd_question_new(struct kd_shard *shard, const struct kd_txn_producer *who,
                                    bool add, size_t max)
{
    struct kd_question *q = KB_NEW(struct kd_question);
    if (!q)
        return NULL;
    struct kb_arena *arena = &q->arena;
    kb_arena_init(arena, QUESTION_MAX_BYTES);
    q->all = &shard->verifications;
    q->entries = kb_arena_array(arena, max, sizeof *q->entries);
    q->join = (struct kd_txn_join){.who = *who, .add = add, .done = on_joined, .owner = q};
    q->join.who.id = kb_slice_of(kb_arena_strdup(arena, who->id), who->id.size);
    q->join.places = kb_arena_array(arena, max, sizeof *q->join.places);
    if (!arena->failed)
        return q;
    question_free(q);
    return NULL;
}

bool kd_question_add(struct kd_question *q, const struct kd_verify_key *key, struct kb_slice topic,
                     struct kd_ticket *ticket)
{
    struct entry *entry = kb_arena_alloc(&q->arena, sizeof *entry);
    char *name = entry ? kb_arena_strdup(&q->arena, topic) : NULL;
    if (!name || !kb_map_put(&q->all->by_key, &entry->by_key, put_key(entry->key, key)))
        return false;
    kb_list_init(&entry->tickets);
    kb_list_push_back(&entry->tickets, &ticket->link);
    q->entries[q->join.count] = entry;
    q->join.places[q->join.count++] =
        (struct kd_txn_place){kb_slice_of(name, topic.size), key->partition, KB_OK};
    return true;
}

bool kd_question_is_of(const struct kd_question *q, int64_t producer, int16_t epoch)
{
    return q->join.who.producer == producer && q->join.who.epoch == epoch;
}

void kd_question_ask(struct kd_question *q, struct kd_shard *shard)
{
    if (q->join.count)
        q->all->join(shard, &q->join);
    else
        question_free(q);
}
