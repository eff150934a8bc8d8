/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_CONSUMER_H
#define KURIER_CONSUMER_H
/*
 * Batches of records from partitions that a group gives out, or that you assign.
 * What is committed is what you finished, never what was merely handed out.
 * fetch.memory bounds what is fetched, decompressed and in your hands together.
 */
#include <kurier/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kurier_consumer kurier_consumer;
typedef struct kurier_batch kurier_batch;

KURIER_API kurier_consumer *kurier_consumer_new(kurier_runtime *runtime,
                                                const kurier_config *config, kurier_error *err);
KURIER_API kurier_client *kurier_consumer_client(kurier_consumer *consumer); /* lives as long */
/* Joins the group of group.id, which gives out the topics' partitions among its
 * members; or goes on with these topics instead. They begin at what is committed,
 * else by auto.offset.reset. */
KURIER_CHECKED kurier_code kurier_consumer_subscribe(kurier_consumer *consumer,
                                                     const char *const *topics, size_t n,
                                                     kurier_error *err);
/* The same with all topics, now and later, of which the pattern matches the whole
 * name. RE2's syntax: . [a-z] \d ab a|b a* a+ a? a{2,5} (ab) (?i) ^ $ \b, no back
 * references; INVALID_REGULAR_EXPRESSION says what is wrong and where. In a group of
 * the consumer protocol it is the broker that matches; else topics are looked at every
 * metadata.max.age.ms. */
KURIER_CHECKED kurier_code kurier_consumer_subscribe_regex(kurier_consumer *consumer,
                                                           const char *pattern, kurier_error *err);
/* Gives up all partitions as in a rebalance, and leaves the group. Where it only
 * assigned: assigns nothing. [resumable] [calls back] */
KURIER_CHECKED kurier_code kurier_consumer_unsubscribe(kurier_consumer *consumer, int timeout_ms,
                                                       kurier_error *err);
/* Replaces the assignment; n == 0: none. Not while subscribed. */
KURIER_CHECKED kurier_code kurier_consumer_assign(kurier_consumer *consumer,
                                                  const kurier_position *positions, size_t n,
                                                  kurier_error *err);
/* Fills at most max, answers how many there are; offset = the next to hand out.
 * Topic names live as long as the consumer. */
KURIER_API size_t kurier_consumer_assignment(kurier_consumer *consumer, kurier_position *out,
                                             size_t max);

/* Hands out batches; each is one partition's next records, at most
 * max.poll.records; with enable.partition.eof an empty one at the end. HELD:
 * nothing can be fetched until you give some back. LEASE_EXPIRED, once: you did not
 * poll for max.poll.interval.ms, and what you had is others'; this joined again.
 * [calls back] */
KURIER_API size_t kurier_consumer_poll(kurier_consumer *consumer, kurier_batch **out, size_t max,
                                       int timeout_ms, kurier_error *err);
/* One record. The previous one is finished by this call, or by finish below. Its
 * views live until then. Not to be mixed with poll. [calls back] */
KURIER_API bool kurier_consumer_next(kurier_consumer *consumer, kurier_record *out, int timeout_ms,
                                     kurier_error *err);
KURIER_API void kurier_consumer_finish(kurier_consumer *consumer);

/* In isolation.level=read_committed records of aborted transactions are never handed
 * out, and of others nothing before it is committed; order stays, so an open one holds
 * back what lies behind it (KURIER_WHY_TRANSACTION), and END is where it begins. */

typedef struct kurier_batch_info {
    const char *topic; /* lives as long as the batch */
    int32_t partition, leader_epoch;
    int64_t first_offset, next_offset; /* records may be fewer: compaction, transactions */
    int64_t high_watermark, stable_offset, log_start; /* stable: below it no transaction is open */
    uint32_t records;                                 /* at most so many */
    bool at_end;                                      /* nothing was behind it */
} kurier_batch_info;

/* Each batch handed out is yours until done, retry or release: exactly one of
 * them, on any thread, in any order, also after the consumer was freed. One
 * thread at a time walks it. What is committed is the end of the unbroken run of
 * finished records: a released batch holds it back, and explain says so. */
KURIER_API const kurier_batch_info *kurier_batch_view(const kurier_batch *batch);
KURIER_API bool kurier_batch_next(kurier_batch *batch, kurier_record *out); /* false: end */
KURIER_API size_t kurier_batch_read(kurier_batch *batch, kurier_record *out, size_t max);
KURIER_API bool kurier_batch_stale(const kurier_batch *batch); /* reassigned or sought since */
/* Its first so many records are finished, for a consumer with a group.id. */
KURIER_API void kurier_batch_progress(kurier_batch *batch, uint32_t records);
KURIER_API void kurier_batch_done(kurier_batch *batch);    /* all finished; memory back */
KURIER_API void kurier_batch_retry(kurier_batch *batch);   /* the rest, and what followed, again */
KURIER_API void kurier_batch_release(kurier_batch *batch); /* memory back, not finished */
/* Keeps the memory past done; each retain needs one release. */
KURIER_API void kurier_batch_retain(kurier_batch *batch);

KURIER_CHECKED kurier_code kurier_consumer_pause(kurier_consumer *consumer,
                                                 const kurier_position *positions, size_t n,
                                                 kurier_error *err);
KURIER_CHECKED kurier_code kurier_consumer_resume(kurier_consumer *consumer,
                                                  const kurier_position *positions, size_t n,
                                                  kurier_error *err);
/* The next poll starts there; batches in hand finish nothing any more. */
KURIER_CHECKED kurier_code kurier_consumer_seek(kurier_consumer *consumer,
                                                const kurier_position *positions, size_t n,
                                                kurier_error *err);
/* For each, the first offset whose record is not older than timestamp_ms,
 * KURIER_END if there is none; or where that end lies, if .offset is KURIER_END
 * or KURIER_BEGINNING. Each row has its own code; the first is answered. */
KURIER_CHECKED kurier_code kurier_consumer_offsets_for_times(kurier_consumer *consumer,
                                                             kurier_position *inout, size_t n,
                                                             int timeout_ms, kurier_error *err);

/* ---- Commits: with a group.id ----------------------------------------------------
 * In the order in which they are made. ASSIGNMENT_LOST: a partition is not ours (any
 * more); its next owner begins at what was committed before. */
/* NULL, 0: everything finished. */
KURIER_CHECKED kurier_code kurier_consumer_commit(kurier_consumer *consumer,
                                                  const kurier_position *positions, size_t n,
                                                  int timeout_ms, kurier_error *err);
/* The outcome is a KURIER_EVENT_COMMITTED with that opaque. */
KURIER_CHECKED kurier_code kurier_consumer_commit_async(kurier_consumer *consumer,
                                                        const kurier_position *positions, size_t n,
                                                        uint64_t opaque, kurier_error *err);
/* What the group has committed: offset, leader_epoch, metadata (until the next such
 * call); offset KURIER_COMMITTED where there is nothing. Each row has its own code;
 * the first is answered. */
KURIER_CHECKED kurier_code kurier_consumer_committed(kurier_consumer *consumer,
                                                     kurier_position *inout, size_t n,
                                                     int timeout_ms, kurier_error *err);

/* ---- Rebalances --------------------------------------------------------------------
 * Without a listener they need no poll: what is to be given up waits for its batches,
 * at most rebalance.drain.ms. With one it waits for revoked, which runs inside poll,
 * next or unsubscribe, until max.poll.interval.ms is over; then it happens anyway and
 * is told as lost. Each call names only the partitions that change, whatever the
 * protocol. Inside, all of the consumer's functions may be called but poll, next,
 * subscribe, unsubscribe, assign and close. */
typedef struct kurier_rebalance_listener {
    /* Before anything of them is handed out: may seek. */
    void (*assigned)(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                     size_t n);
    /* Nothing more of them is handed out; offset: finished up to here. May commit. */
    void (*revoked)(void *ctx, kurier_consumer *consumer, const kurier_position *positions,
                    size_t n);
    /* Others have them already: too late to commit. */
    void (*lost)(void *ctx, kurier_consumer *consumer, const kurier_position *positions, size_t n);
    void *ctx;
    bool deferred; /* revoked is over not when it returns but by revoke_done */
} kurier_rebalance_listener;
/* For the consumers that are made with this config; any function may be NULL. */
KURIER_API void kurier_config_set_rebalance_listener(kurier_config *config,
                                                     const kurier_rebalance_listener *listener);
KURIER_API void kurier_consumer_revoke_done(kurier_consumer *consumer); /* any thread */
/* You are alive for ms from now on, without a poll; done, progress and finish count
 * as polling too. Any thread. */
KURIER_API kurier_code kurier_consumer_extend(kurier_consumer *consumer, int ms, kurier_error *err);

/* ---- An assignor of your own ---------------------------------------------------------
 * For groups of the classic protocol: the leader's shares out the partitions. It runs
 * inside poll, next or unsubscribe; the group waits for it, and an application that does
 * not poll for max.poll.interval.ms leaves, so that another leads. */
typedef struct kurier_assign_member {
    const char *id, *instance;    /* instance NULL: a dynamic member */
    const char *const *topics;    /* subscribed to */
    const kurier_position *owned; /* what it says it has */
    size_t topic_count, owned_count;
} kurier_assign_member;
typedef struct kurier_assign_topic {
    const char *name;
    int32_t partitions;
} kurier_assign_topic;
typedef struct kurier_group_view {
    const kurier_assign_member *members;
    const kurier_assign_topic *topics; /* of all members */
    size_t member_count, topic_count;
} kurier_group_view;
typedef struct kurier_placement kurier_placement;
/* Only inside the function below: that member, by its index, gets the partition. What
 * is given to nobody nobody reads. */
KURIER_API void kurier_placement_give(kurier_placement *placement, size_t member, const char *topic,
                                      int32_t partition);
/* Not 0: poll answers that code, and this consumer leaves the group. */
typedef kurier_code kurier_assign_fn(void *ctx, const kurier_group_view *view,
                                     kurier_placement *placement);
/* Offered before those of partition.assignment.strategy, to consumers made with this
 * config; all members of a group need a name in common, and that name to mean the same.
 * cooperative: members keep what they have through a rebalance; a partition that moves
 * is nobody's until it was given up, whatever the function says. At most 4. */
KURIER_API kurier_code kurier_config_add_assignor(kurier_config *config, const char *name,
                                                  bool cooperative, kurier_assign_fn *fn,
                                                  void *ctx);

/* ---- Why does this partition not move? ---------------------------------------------*/
typedef enum kurier_why {
    KURIER_WHY_MOVES,            /* it does: fetching, or there is something to poll */
    KURIER_WHY_NOT_ASSIGNED,     /* another member's, or nobody's */
    KURIER_WHY_JOINING,          /* the group is not joined, or rebalances */
    KURIER_WHY_REVOKING,         /* on its way to another member: finish what you hold of it */
    KURIER_WHY_LISTENER,         /* poll would call the listener first */
    KURIER_WHY_PAUSED,           /* resume it */
    KURIER_WHY_LOOKING_UP,       /* where it begins is asked for */
    KURIER_WHY_NO_LEADER,        /* no broker leads it, or metadata is not there yet */
    KURIER_WHY_NO_CONNECTION,    /* its leader cannot be reached */
    KURIER_WHY_HELD,             /* the batches in your hands use up fetch.memory */
    KURIER_WHY_BACKING_OFF,      /* after an error; tried again by itself */
    KURIER_WHY_FAILED,           /* seek to go on */
    KURIER_WHY_AT_END,           /* all was handed out */
    KURIER_WHY_COMMIT_HELD_BACK, /* it moves, but a released batch holds its commits back */
    KURIER_WHY_TRANSACTION       /* read_committed: an open transaction holds the rest back */
} kurier_why;

typedef struct kurier_explanation {
    kurier_why why;
    int32_t held; /* batches of it in your hands */
    /* -1: not known. end: where this consumer's records end; in read_committed that is the
     * last stable offset, and high_watermark - end what open transactions hold back. */
    int64_t position, finished, committed, end, high_watermark;
    char text[232]; /* one line: what, and what to do */
} kurier_explanation;
/* Any thread. */
KURIER_API kurier_code kurier_consumer_explain(kurier_consumer *consumer, const char *topic,
                                               int32_t partition, kurier_explanation *out,
                                               kurier_error *err);

/* Commits what is finished (enable.auto.commit), leaves the group, and at the deadline
 * just goes: in any case closed when it returns. Asks nothing of you: no callback, no
 * batch in hand. An error says what could not be done by then. */
KURIER_API kurier_code kurier_consumer_close(kurier_consumer *consumer, int timeout_ms,
                                             kurier_error *err);
KURIER_API void kurier_consumer_free(kurier_consumer *consumer); /* open: as close(0) */

#ifdef __cplusplus
}
#endif
#endif
