/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FINDER_H
#define KC_FINDER_H
/*
 * Where the coordinator of one group, or of one transactional id, is, as a pure
 * machine: asked of any broker by FindCoordinator, believed until somebody says that
 * it has moved.
 *
 *     UNKNOWN ── want ──> due ──> encode ──> answer ──> node, host, port
 *        ^                 └─ backoff <── failure          │
 *        └────────────────────── lost ─────────────────────┘
 *
 * The first question goes out at once, also after a loss; only answers that did
 * not help are backed off from. No clock, no I/O, one thread.
 */
#include "base/error.h"
#include "base/time.h"
#include "libclient/core/backoff.h"

struct kw_find_coordinator_response;
struct kw_writer;

/* As on the wire. */
enum kc_find { KC_FIND_GROUP = 0, KC_FIND_TXN = 1 };

struct kc_finder {
    enum kc_find type;
    const char *key; /* borrowed */
    struct kb_random *random;
    int32_t node; /* -1: not known */
    char *host;
    int32_t port;
    uint32_t version;    /* counts up when node, host or port change */
    struct kb_error err; /* why it is not known, the last that went wrong; code 0: nothing */
    bool refused;        /* by the key's rights or name: asking again does not help */

    /* the machine's */
    bool wanted, asked;
    int64_t not_before_ms;
    struct kc_backoff backoff;
};

/* Versions of FindCoordinator; those before KC_FIND_MIN_TXN know groups alone. */
enum { KC_FIND_MIN = 0, KC_FIND_MIN_TXN = 1, KC_FIND_MAX = 6 };

void kc_finder_init(struct kc_finder *finder, enum kc_find type, const char *key,
                    int32_t backoff_ms, int32_t backoff_max_ms, struct kb_random *random);
void kc_finder_deinit(struct kc_finder *finder);
/* From now on, until it is known. Again after `refused`: once more. */
void kc_finder_want(struct kc_finder *finder);
/* It is not there any more. */
void kc_finder_lost(struct kc_finder *finder);
/* A question is to be asked now; it counts as asked until answer or failure. */
bool kc_finder_ask(struct kc_finder *finder, struct kb_time now);
bool kc_finder_encode(const struct kc_finder *finder, struct kw_writer *w, int16_t version);
void kc_finder_answer(struct kc_finder *finder, struct kb_time now, int16_t version,
                      const struct kw_find_coordinator_response *response);
void kc_finder_failure(struct kc_finder *finder, struct kb_time now, const struct kb_error *why);
int64_t kc_finder_deadline_ms(const struct kc_finder *finder); /* of ask; KB_NEVER */

#endif
