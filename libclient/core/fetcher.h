/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FETCHER_H
#define KC_FETCHER_H
/*
 * What a consumer asks of its brokers next, as a pure machine.
 *
 *              assign, seek             leader answers
 *    ─────────────┬─────────> RESET ──────────────────> READY ──> fetched
 *                 │            ^  offset by ListOffsets   │
 *                 │            └──── out of range ────────┤
 *                 └──────────────────────────────────> FAILED  (only seek helps)
 *
 * One Fetch is in flight per broker at a time, in an incremental session
 * (KIP-227): only what changed is written. A partition is left out, that is
 * forgotten by the session, while it is paused, waits for a backoff, or has
 * enough fetched and not handed out.
 *
 * Data belongs to a `version` of its partition; assign, seek and retry make a
 * new one, and what comes for an older one is dropped.
 */
#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "libclient/core/metadata.h"
#include "libclient/core/options.h"

struct kw_fetch_request;
struct kw_fetch_response;
struct kw_fetch_response_aborted_transaction;
struct kw_list_offsets_request;
struct kw_list_offsets_response;

enum kc_fetch_state { KC_FETCH_RESET, KC_FETCH_ASKED, KC_FETCH_READY, KC_FETCH_FAILED };

/* As offsets: to be asked for. COMMITTED by the driver, of the group's coordinator. */
enum { KC_LATEST = -1, KC_EARLIEST = -2, KC_COMMITTED = -1000 };

/* One assigned partition. Made by assign, freed by the next assign without it. */
struct kc_fetch {
    struct kc_topic *topic;
    int32_t partition;
    void *owner; /* the driver's: what data for it is handed out under */
    uint64_t version;
    enum kc_fetch_state state;
    bool paused;
    bool end_told;             /* that position is the end, since it was reached */
    int64_t position;          /* next to fetch */
    int64_t start;             /* where this version began; -1: not known yet */
    int32_t position_epoch;    /* of the last batch fetched; -1 */
    int64_t reset_to;          /* in RESET: KC_LATEST, KC_EARLIEST, KC_COMMITTED */
    int64_t not_before_ms;     /* backing off */
    uint32_t topic_generation; /* of topic, that position belongs to */
    int64_t high_watermark, stable_offset, log_start; /* as last told; -1 */

    /* the machine's */
    uint64_t flight_version;         /* of the request in flight */
    int32_t flight_node, asked_node; /* whom Fetch and ListOffsets were sent to */
    struct kb_list all, flight;
    int32_t session_node; /* whose session holds it; -1: none */
    int64_t session_position;
    int32_t session_epoch; /* leader epoch told to the session */
};

/* What an answer brought. Views into the frame and the arena of the answer. */
enum kc_fetched_kind { KC_FETCHED_DATA, KC_FETCHED_END, KC_FETCHED_ERROR };
struct kc_fetched {
    enum kc_fetched_kind kind;
    struct kc_fetch *fetch;
    struct kb_slice bytes; /* whole batches */
    int64_t from, next;    /* offsets: asked for; behind the last batch */
    int64_t high_watermark, stable_offset, log_start;
    int64_t end; /* what is fetched comes to there: kc_fetch_end */
    const struct kw_fetch_response_aborted_transaction *aborted; /* in read_committed */
    int32_t aborted_count;
    int32_t leader_epoch;
    struct kb_error err;
};
struct kc_fetched_list {
    struct kc_fetched *rows;
    size_t count, capacity;
};

struct kc_fetcher_node; /* a broker: its session and its request in flight */

struct kc_fetcher {
    const struct kc_consumer_options *options;
    struct kc_backoff backoff; /* first and most of what a partition waits */
    struct kb_random *random;
    struct kb_list fetches;
    struct kb_list nodes;
    uint64_t versions;
    bool wants_metadata; /* some answer spoke of old knowledge: the driver takes it */
};

void kc_fetcher_init(struct kc_fetcher *fetcher, const struct kc_consumer_options *options,
                     int32_t backoff_ms, int32_t backoff_max_ms, struct kb_random *random);
void kc_fetcher_deinit(struct kc_fetcher *fetcher); /* fetches are freed */

/* A partition more. offset >= 0, KC_LATEST, KC_EARLIEST or KC_COMMITTED. The topic outlives
 * it (the driver holds a want). NULL: no memory. */
struct kc_fetch *kc_fetcher_add(struct kc_fetcher *fetcher, struct kc_topic *topic,
                                int32_t partition, int64_t offset, int32_t leader_epoch,
                                void *owner);
void kc_fetcher_remove(struct kc_fetcher *fetcher, struct kc_fetch *fetch);
/* A new version from there on. */
void kc_fetch_seek(struct kc_fetcher *fetcher, struct kc_fetch *fetch, int64_t offset,
                   int32_t leader_epoch);
/* One in RESET to KC_COMMITTED, to be looked up now; then what is committed of it (-1:
 * nothing, so auto.offset.reset decides), or why that cannot be had: it is told, and
 * looked up again after a backoff. */
bool kc_fetch_wants_committed(const struct kc_fetch *fetch, struct kb_time now);
void kc_fetch_committed(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                        int64_t offset, int32_t leader_epoch, struct kb_arena *arena,
                        struct kc_fetched_list *out);
void kc_fetch_not_committed(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                            int32_t code, struct kb_arena *arena, struct kc_fetched_list *out);
/* Metadata told something new of the topic: errors to hand out, a topic made
 * anew. `out` may get one row per partition. */
void kc_fetcher_topic(struct kc_fetcher *fetcher, struct kb_time now, struct kc_topic *topic,
                      struct kb_arena *arena, struct kc_fetched_list *out);

/* How much more of a partition is welcome now? The driver's judgement. */
typedef bool kc_fetch_welcome_fn(void *ctx, const struct kc_fetch *fetch);

/*
 * The next Fetch for `node`, at most max_bytes of answer. False: nothing to ask
 * it now, one is in flight there, or no memory. The request's arrays lie in the
 * arena; it counts as in flight until answer or failure.
 */
bool kc_fetcher_plan(struct kc_fetcher *fetcher, struct kb_time now, int32_t node,
                     int32_t max_bytes, kc_fetch_welcome_fn *welcome, void *ctx,
                     struct kb_arena *arena, struct kw_fetch_request *request);
void kc_fetcher_answer(struct kc_fetcher *fetcher, struct kb_time now, int32_t node,
                       const struct kw_fetch_response *response, struct kb_arena *arena,
                       struct kc_fetched_list *out);
/* No answer: the connection broke. The session starts anew. */
void kc_fetcher_failure(struct kc_fetcher *fetcher, struct kb_time now, int32_t node);
/* Would plan have something to ask? */
bool kc_fetcher_is_due(struct kc_fetcher *fetcher, struct kb_time now, int32_t node,
                       kc_fetch_welcome_fn *welcome, void *ctx);
/* Where it ends for this consumer, as last told; -1: not known. In read_committed an open
 * transaction ends it at the last stable offset. */
int64_t kc_fetch_end(const struct kc_fetcher *fetcher, const struct kc_fetch *fetch);

/* A row that could not be handed on: its partition is fetched again from there, and
 * what was told is told again, after a backoff. The version stays, since what came
 * before it may still wait to be handed out; rows behind it are to be left out, which
 * kc_fetched_is_next says. */
void kc_fetch_take_back(struct kc_fetcher *fetcher, const struct kc_fetched *row,
                        struct kb_time now);
bool kc_fetched_is_next(const struct kc_fetched *row);
/* After bad data: the partition backs off before it is asked for again. */
void kc_fetch_wait(struct kc_fetcher *fetcher, struct kc_fetch *fetch, struct kb_time now);

/* After a lack of memory: all that this broker leads backs off. */
void kc_fetcher_wait(struct kc_fetcher *fetcher, struct kb_time now, int32_t node);

/* The same for partitions in RESET: their offsets by ListOffsets. They count as
 * ASKED until answered; failure puts those of that node back. */
bool kc_fetcher_offsets_due(struct kc_fetcher *fetcher, struct kb_time now, int32_t node);
bool kc_fetcher_plan_offsets(struct kc_fetcher *fetcher, struct kb_time now, int32_t node,
                             struct kb_arena *arena, struct kw_list_offsets_request *request);
void kc_fetcher_answer_offsets(struct kc_fetcher *fetcher, struct kb_time now, int32_t node,
                               const struct kw_list_offsets_response *response,
                               struct kb_arena *arena, struct kc_fetched_list *out);
void kc_fetcher_failure_offsets(struct kc_fetcher *fetcher, struct kb_time now, int32_t node);

/* Brokers that lead something assigned, one after the other; -1 past the last. */
int32_t kc_fetcher_next_node(const struct kc_fetcher *fetcher, int32_t after);
/* When a backoff ends next; KB_NEVER. */
int64_t kc_fetcher_deadline_ms(const struct kc_fetcher *fetcher, struct kb_time now);

#endif
