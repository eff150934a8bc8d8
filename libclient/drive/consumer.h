/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CONSUMER_H
#define KC_CONSUMER_H
/*
 * The consumer: a fetcher (what to ask next) run on the loop, a feed (what came)
 * between, a cutter (what is handed out) on the application's thread.
 *
 *   application               │ loop
 *   assign, seek, pause ──────┼──> fetcher ── plan ──> Fetch ──> broker
 *   poll <── cutter <── feed <┼─── chunks <── answer <─────────────┘
 */
#include "kurier/consumer.h"
#include "libclient/core/fetcher.h"
#include "libclient/drive/client.h"
#include "libclient/drive/cutter.h"
#include "libclient/drive/pattern.h"
#include "libclient/drive/placement.h"
#include "libclient/drive/share.h"

struct kc_attachment;

struct kurier_consumer {
    struct kurier_client *client;
    const struct kc_consumer_options *options;
    struct kc_feed *feed;
    atomic_bool closed;

    /* the application's: one thread at a time */
    atomic_bool busy;
    struct kc_cutter cutter;
    kurier_batch *current;         /* that kurier_consumer_next walks */
    int64_t next_offset;           /* behind the record that it answered last */
    struct kb_error later;         /* met behind batches: the next poll tells it */
    struct kc_call *unsubscribing; /* that goes on behind; NULL */
    struct kb_arena words;         /* what kurier_consumer_committed answered */

    /* the loop's */
    struct kc_fetcher fetcher;
    struct kb_map shares; /* by key: every partition that was ever assigned */
    int32_t assigned;
    uint64_t assignments; /* counted, so that each has its number */
    bool subscribed;      /* by a group: its partitions come and go by rebalances */
    struct kb_list flights, asks, lookups;
    struct kn_timer timer;
    struct kn_task look;
    struct kb_arena arena; /* of one request or answer at a time */

    /* with a group.id; else NULL */
    struct kc_own_assignors assignors; /* the application's */
    struct kc_membership *membership;
    struct kc_pattern *pattern; /* that chooses its topics; NULL: they are named */
    struct kc_commits *commits;
    struct kc_auto_commit *auto_commit;
    struct kc_committed *committed;
    struct kc_attachment *attachment; /* to a transactional producer, which commits; NULL */
    struct kc_rebalance *rebalance;   /* as long as the consumer; the others until close */
};

/* All on the loop. */
int kc_consumer_assign(struct kurier_consumer *consumer, const kurier_position *positions, size_t n,
                       struct kb_error *err);
int kc_consumer_seek(struct kurier_consumer *consumer, const kurier_position *positions, size_t n,
                     struct kb_error *err);
int kc_consumer_pause(struct kurier_consumer *consumer, const kurier_position *positions, size_t n,
                      bool paused, struct kb_error *err);
size_t kc_consumer_assignment(struct kurier_consumer *consumer, kurier_position *out, size_t max);
/* Fetches no more; what is in flight is dropped. */
void kc_consumer_stop(struct kurier_consumer *consumer);
/* One partition more, or less; the others are not touched. False: no memory. */
bool kc_consumer_add(struct kurier_consumer *consumer, struct kc_share *share, int64_t offset,
                     int32_t leader_epoch);
void kc_consumer_drop(struct kurier_consumer *consumer, struct kc_share *share);
/* It is fetched, unless the application, or a rebalance, holds it back. */
void kc_consumer_admit(struct kc_share *share);
/* NULL: never assigned, and named in no commit. */
struct kc_share *kc_consumer_find(const struct kurier_consumer *consumer, const char *topic,
                                  int32_t partition);
struct kc_share *kc_consumer_share(struct kurier_consumer *consumer, const char *topic,
                                   int32_t partition); /* made on first use; NULL: no memory */
/* A topic and a partition that there can be. */
bool kc_position_names(const kurier_position *position);
int kc_consumer_no_group(struct kb_error *err);
/* See kc_share_rewind. */
void kc_consumer_rewind(struct kn_loop *loop, struct kn_mail *mail);

struct kurier_consumer *kc_consumer_new(struct kurier_runtime *runtime, const kurier_config *config,
                                        struct kb_error *err);
void kc_consumer_free(struct kurier_consumer *consumer);

#endif
