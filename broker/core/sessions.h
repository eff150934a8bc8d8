/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SESSIONS_H
#define KD_SESSIONS_H
/*
 * Fetch sessions (KIP-227): the broker remembers what a consumer fetches, so
 * that a request names only what changed and an answer only what is new.
 *
 *     id 0,  epoch 0    full fetch, asks for a session
 *     id 0,  epoch -1   full fetch, no session
 *     id s,  epoch 0    full fetch in place of session s
 *     id s,  epoch -1   closes session s, full fetch
 *     id s,  epoch e    the changes since epoch e - 1
 *
 * The cache has a fixed number of places. A new session takes that of one that
 * was idle for two minutes, else the client goes without. Pure.
 */
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/time.h"
#include "base/uuid.h"

enum { KD_SESSION_NEW = 0, KD_SESSION_FINAL = -1 }; /* epochs */
enum { KD_SESSION_IDLE_MS = 120000 };

/* One partition that is fetched. What was told last decides whether the next
 * answer has to mention it. */
struct kd_session_part {
    struct kb_map_entry entry; /* by topic and partition */
    struct kb_list link;       /* in the order of fetching */
    struct kb_uuid topic_id;   /* of v13+; else zero */
    struct kb_slice topic;     /* below v13; else empty */
    int32_t partition;
    int32_t current_leader_epoch, last_fetched_epoch;
    int64_t fetch_offset, follower_log_start;
    int32_t max_bytes;
    int64_t told_high_watermark, told_log_start; /* -1: nothing yet */
    uint8_t key[];
};

struct kd_session {
    struct kb_map_entry entry; /* by id */
    struct kb_list recent;     /* least recently used first */
    int32_t id, epoch;         /* epoch: of the next request */
    bool uses_ids;
    int64_t used_ms;
    struct kb_map parts;
    struct kb_list order;
    size_t count;
    bool cached; /* false: freed when it is left */
    bool busy;   /* a request is inside */
};

struct kd_sessions {
    struct kb_map by_id;
    struct kb_list recent;
    size_t slots;
    struct kb_random *random;
};

void kd_sessions_init(struct kd_sessions *sessions, size_t slots, struct kb_random *random);
void kd_sessions_deinit(struct kd_sessions *sessions);

/*
 * The session that this request is of: KB_OK and *out, FETCH_SESSION_ID_NOT_FOUND,
 * INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR (ids and names mixed
 * in one session), NO_MEMORY. A full fetch answers a new, empty one, which may
 * be a cached one (id not 0). *incremental: only changes are told. One request
 * is inside a session at a time; a second one gets the epoch error.
 */
int kd_sessions_enter(struct kd_sessions *sessions, int32_t id, int32_t epoch, bool uses_ids,
                      struct kb_time now, struct kd_session **out, bool *incremental);
/* After the answer. Frees a session that is not cached. */
void kd_session_leave(struct kd_session *session);

/* A partition that the request names: found or added, ready to be filled.
 * NULL: no memory. */
struct kd_session_part *kd_session_want(struct kd_session *session, struct kb_slice topic,
                                        struct kb_uuid topic_id, int32_t partition);
void kd_session_forget(struct kd_session *session, struct kb_slice topic, struct kb_uuid topic_id,
                       int32_t partition);
/* Partitions that gave data go to the end, so that all get their turn. */
void kd_session_rotate(struct kd_session *session, struct kd_session_part *part);

#endif
