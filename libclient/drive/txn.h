/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_DRIVE_TXN_H
#define KC_DRIVE_TXN_H
/*
 * Runs a transactional producer's machine (core/txn/txn.h) on the loop, between the
 * sender, the coordinators and the application's calls.
 *
 *   init, begin, commit, ... ── kc_txn_call ──> machine ── plan ──> control links
 *   sender: partitions that would send, lost records ─┘ └── what is to be dropped ──> sender
 *
 * On the loop, but for what is marked [any].
 */
#include "base/arena.h"
#include "kurier/base.h"
#include "libclient/core/sender.h"
#include "libclient/core/txn/txn.h"
#include "libclient/drive/call.h"
#include "libclient/drive/client.h"

struct kurier_producer;

/* What the application asks for: one slot of kc_call_resume each. */
enum kc_txn_wish {
    KC_TXN_WISH_INIT,
    KC_TXN_WISH_BEGIN,
    KC_TXN_WISH_OFFSETS,
    KC_TXN_WISH_COMMIT,
    KC_TXN_WISH_ABORT,
    KC_TXN_WISH_CLOSE, /* aborts what is open, waits for what is under way */
    KC_TXN_WISHES
};

struct kc_txns {
    struct kurier_producer *producer;
    struct kc_txn txn;
    struct kc_ask ask;
    struct kb_arena arena;
    struct kc_flush flush;
    bool flushing;
    int64_t flush_again_ms; /* there was no memory for one */
    struct kb_list calls;   /* struct kc_txn_call, in their order */
    bool told;              /* FATAL was logged */

    struct kc_call *slots[KC_TXN_WISHES];
    struct kb_error err, trouble; /* why sends are refused, calls wait: under the producer's lock */
};

/* One wish on its way; offsets: only of that wish, their names in one block with it. */
struct kc_txn_call {
    struct kc_call call;
    struct kb_list link;
    struct kurier_producer *producer;
    enum kc_txn_wish wish;
    bool begun;
    bool stranger; /* offsets: subscribed, and not in the group now: no one to commit for */
    bool lost;     /* offsets: of partitions that are not its own ever since they were read */
    struct kc_txn_offsets offsets;
};

/* NULL: no memory. The id lives as long as the producer. */
struct kc_txns *kc_txns_new(struct kurier_producer *producer, const struct kc_options *options);
void kc_txns_close(struct kc_txns *txns); /* in the client's ops->close */
void kc_txns_free(struct kc_txns *txns);  /* NULL is fine */

/* All that can be done now; before requests are collected. */
void kc_txns_look(struct kc_txns *txns);
int64_t kc_txns_deadline_ms(const struct kc_txns *txns);
/* A batch has its outcome. */
void kc_txns_finished(struct kc_txns *txns, const struct kc_send_batch *batch);
/* As kc_client_ops.ready. */
int kc_txns_ready(const struct kc_txns *txns, struct kb_error *err);
/* [any] Why a send is refused. */
int kc_txns_refusal(struct kc_txns *txns, struct kb_error *err);

/* [any] `extra` bytes come behind it. NULL: no memory. */
struct kc_txn_call *kc_txn_call_new(struct kurier_producer *producer, enum kc_txn_wish wish,
                                    size_t extra);

#endif
