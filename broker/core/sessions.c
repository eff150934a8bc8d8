/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/sessions.h"
#include "base/codes.h"
#include "base/mem.h"

void kd_sessions_init(struct kd_sessions *sessions, size_t slots, struct kb_random *random)
{
    kb_map_init(&sessions->by_id, kb_random_next(random));
    kb_list_init(&sessions->recent);
    sessions->slots = slots;
    sessions->random = random;
}

static void drop_part(struct kd_session *session, struct kd_session_part *part)
{
    kb_map_remove(&session->parts, &part->entry);
    kb_list_remove(&part->link);
    session->count--;
    kb_free(part);
}

static void session_free(struct kd_session *session)
{
    while (!kb_list_empty(&session->order))
        drop_part(session, KB_LIST_FIRST(&session->order, struct kd_session_part, link));
    kb_map_deinit(&session->parts);
    kb_free(session);
}

/* Out of the cache; one that a request is inside goes when it is left. */
static void evict(struct kd_sessions *sessions, struct kd_session *session)
{
    kb_map_remove(&sessions->by_id, &session->entry);
    kb_list_remove(&session->recent);
    session->cached = false;
    if (!session->busy)
        session_free(session);
}

void kd_sessions_deinit(struct kd_sessions *sessions)
{
    while (!kb_list_empty(&sessions->recent))
        evict(sessions, KB_LIST_FIRST(&sessions->recent, struct kd_session, recent));
    kb_map_deinit(&sessions->by_id);
}

static struct kd_session *find(const struct kd_sessions *sessions, int32_t id)
{
    struct kb_map_entry *entry = kb_map_get(&sessions->by_id, kb_slice_of(&id, sizeof id));
    return KB_MAP_VALUE(entry, struct kd_session, entry);
}

/* Is there a place, or one to be had from an idle session? */
static bool make_place(struct kd_sessions *sessions, struct kb_time now)
{
    if (sessions->by_id.count < sessions->slots)
        return true;
    struct kd_session *oldest = KB_LIST_FIRST(&sessions->recent, struct kd_session, recent);
    if (!oldest || oldest->busy || now.mono_ms - oldest->used_ms < KD_SESSION_IDLE_MS)
        return false;
    evict(sessions, oldest);
    return true;
}

static int32_t free_id(struct kd_sessions *sessions)
{
    int32_t id;
    do
        id = 1 + (int32_t)kb_random_below(sessions->random, INT32_MAX);
    while (find(sessions, id));
    return id;
}

static void cache(struct kd_sessions *sessions, struct kd_session *session)
{
    session->id = free_id(sessions);
    session->epoch = 1;
    session->cached = kb_map_put(&sessions->by_id, &session->entry,
                                 kb_slice_of(&session->id, sizeof session->id));
    if (session->cached)
        kb_list_push_back(&sessions->recent, &session->recent);
    else
        session->id = 0;
}

static int enter_new(struct kd_sessions *sessions, bool wants_cached, bool uses_ids,
                     struct kb_time now, struct kd_session **out)
{
    struct kd_session *session = KB_NEW(struct kd_session);
    if (!session)
        return KB_E_NO_MEMORY;
    kb_map_init(&session->parts, kb_random_next(sessions->random));
    kb_list_init(&session->order);
    kb_list_init(&session->recent);
    session->uses_ids = uses_ids;
    session->used_ms = now.mono_ms;
    session->busy = true;
    if (wants_cached && make_place(sessions, now))
        cache(sessions, session);
    *out = session;
    return KB_OK;
}

static int enter_known(struct kd_sessions *sessions, int32_t id, int32_t epoch, bool uses_ids,
                       struct kb_time now, struct kd_session **out)
{
    struct kd_session *session = find(sessions, id);
    if (!session)
        return KB_E_FETCH_SESSION_ID_NOT_FOUND;
    if (session->epoch != epoch || session->busy)
        return KB_E_INVALID_FETCH_SESSION_EPOCH;
    if (session->uses_ids != uses_ids)
        return KB_E_FETCH_SESSION_TOPIC_ID_ERROR;
    session->epoch = epoch == INT32_MAX ? 1 : epoch + 1;
    session->used_ms = now.mono_ms;
    session->busy = true;
    kb_list_remove(&session->recent);
    kb_list_push_back(&sessions->recent, &session->recent);
    *out = session;
    return KB_OK;
}

int kd_sessions_enter(struct kd_sessions *sessions, int32_t id, int32_t epoch, bool uses_ids,
                      struct kb_time now, struct kd_session **out, bool *incremental)
{
    *incremental = epoch != KD_SESSION_NEW && epoch != KD_SESSION_FINAL;
    if (*incremental)
        return enter_known(sessions, id, epoch, uses_ids, now, out);
    struct kd_session *old = id ? find(sessions, id) : NULL;
    if (old)
        evict(sessions, old);
    return enter_new(sessions, epoch == KD_SESSION_NEW, uses_ids, now, out);
}

void kd_session_leave(struct kd_session *session)
{
    session->busy = false;
    if (!session->cached)
        session_free(session);
}

/* A part's key: the partition, then the topic's id or its name. */
enum { KEY_MAX = 4 + 16 + 256 };

static struct kb_slice part_key(uint8_t key[KEY_MAX], struct kb_slice topic,
                                struct kb_uuid topic_id, int32_t partition)
{
    size_t size = KB_MIN(topic.size, (size_t)256);
    memcpy(key, &partition, 4);
    memcpy(key + 4, &topic_id, 16);
    if (size)
        memcpy(key + 20, topic.data, size);
    return kb_slice_of(key, 20 + size);
}

struct kd_session_part *kd_session_want(struct kd_session *session, struct kb_slice topic,
                                        struct kb_uuid topic_id, int32_t partition)
{
    uint8_t bytes[KEY_MAX];
    struct kb_slice key = part_key(bytes, topic, topic_id, partition);
    struct kb_map_entry *known = kb_map_get(&session->parts, key);
    if (known)
        return KB_CONTAINER(known, struct kd_session_part, entry);
    struct kd_session_part *part = kb_calloc(1, sizeof *part + key.size);
    if (!part)
        return NULL;
    memcpy(part->key, key.data, key.size);
    if (!kb_map_put(&session->parts, &part->entry, kb_slice_of(part->key, key.size))) {
        kb_free(part);
        return NULL;
    }
    part->topic = kb_slice_of(part->key + 20, key.size - 20);
    part->topic_id = topic_id;
    part->partition = partition;
    part->told_high_watermark = part->told_log_start = -1;
    kb_list_push_back(&session->order, &part->link);
    session->count++;
    return part;
}

void kd_session_forget(struct kd_session *session, struct kb_slice topic, struct kb_uuid topic_id,
                       int32_t partition)
{
    uint8_t bytes[KEY_MAX];
    struct kb_map_entry *known =
        kb_map_get(&session->parts, part_key(bytes, topic, topic_id, partition));
    if (known)
        drop_part(session, KB_CONTAINER(known, struct kd_session_part, entry));
}

void kd_session_rotate(struct kd_session *session, struct kd_session_part *part)
{
    kb_list_remove(&part->link);
    kb_list_push_back(&session->order, &part->link);
}
