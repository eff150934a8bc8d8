/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FETCHER_NODE_H
#define KC_FETCHER_NODE_H
/* Inside the fetcher: one broker's fetch session and what is in flight there. */
#include "libclient/core/fetcher.h"

struct kc_fetcher_node {
    struct kb_list all;
    int32_t node;
    int32_t session_id, session_epoch; /* 0, 0: the next request is a full one */
    bool in_flight, asked;             /* a Fetch; a ListOffsets */
    bool anew;                         /* the session was reset with a Fetch in flight */
    struct kb_list flight;             /* kc_fetch.flight of what the request named */
    bool no_sessions;                  /* the broker has none to give just now */
};

/* Made on first use. NULL: no memory. */
struct kc_fetcher_node *kc_fetcher_node(struct kc_fetcher *fetcher, int32_t node);
struct kc_fetcher_node *kc_fetcher_node_find(const struct kc_fetcher *fetcher, int32_t node);
/* Everything is said anew next time; the old session, if any, is closed by it. */
void kc_fetcher_session_reset(struct kc_fetcher *fetcher, struct kc_fetcher_node *node);
/* It is at its place anew, and the end is told again if it is there: a session that
 * holds it there has told it, and would keep silent. */
void kc_fetch_hear_end(struct kc_fetcher *fetcher, struct kc_fetch *fetch);

/* Who leads it now; -1: nobody that is known. */
int32_t kc_fetch_leader(const struct kc_fetch *fetch, int32_t *leader_epoch);

/* The next free row; NULL: no memory. */
struct kc_fetched *kc_fetched_add(struct kc_fetched_list *list, struct kb_arena *arena,
                                  enum kc_fetched_kind kind, struct kc_fetch *fetch);
/* Out of range, or no longer the topic it was: by auto.offset.reset, or told; a
 * little later where there is no memory to tell it. */
void kc_fetch_lost_place(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                         const char *why, struct kb_arena *arena, struct kc_fetched_list *out);
void kc_fetch_lost_topic(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                         struct kb_arena *arena, struct kc_fetched_list *out);

#endif
