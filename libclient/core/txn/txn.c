/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/txn/txn.h"
#include "base/check.h"
#include "base/mem.h"
#include <string.h>

/* While the coordinator ends the transaction before, which takes milliseconds. */
enum { BRIEF_FIRST_MS = 2, BRIEF_MOST_MS = 20 };

#define TO(state) (1u << KC_TXN_##state)
static const unsigned moves[KC_TXN_STATES] = {
    [KC_TXN_INITIALISING] = TO(READY) | TO(FATAL),
    [KC_TXN_READY] = TO(OPEN) | TO(FATAL),
    [KC_TXN_OPEN] = TO(COMMITTING) | TO(FAILED) | TO(ABORTING) | TO(RECOVERING) | TO(FATAL),
    [KC_TXN_COMMITTING] = TO(READY) | TO(FAILED) | TO(ABORTING) | TO(RECOVERING) | TO(FATAL),
    [KC_TXN_FAILED] = TO(ABORTING) | TO(RECOVERING) | TO(FATAL),
    [KC_TXN_ABORTING] = TO(READY) | TO(RECOVERING) | TO(FATAL),
    [KC_TXN_RECOVERING] = TO(READY) | TO(FAILED) | TO(FATAL),
    [KC_TXN_FATAL] = 0,
};
#undef TO

void kc_txn_move(struct kc_txn *txn, enum kc_txn_state to)
{
    KB_CHECK(moves[txn->state] & 1u << to);
    txn->state = to;
}

void kc_txn_init(struct kc_txn *txn, const struct kc_txn_options *options, struct kb_random *random)
{
    *txn = (struct kc_txn){.options = *options, .random = random, .producer_id = -1, .epoch = -1};
    kb_error_clear(&txn->err);
    kb_error_clear(&txn->trouble);
    kb_list_init(&txn->wanted);
    kb_list_init(&txn->joined);
    kb_list_init(&txn->members);
    kc_backoff_init(&txn->backoff, options->backoff_ms, options->backoff_max_ms);
    kc_backoff_init(&txn->brief, BRIEF_FIRST_MS, BRIEF_MOST_MS);
    kc_finder_init(&txn->finder, KC_FIND_TXN, options->id, options->backoff_ms,
                   options->backoff_max_ms, random);
    kc_finder_init(&txn->group_finder, KC_FIND_GROUP, NULL, options->backoff_ms,
                   options->backoff_max_ms, random);
}

void kc_txn_deinit(struct kc_txn *txn)
{
    kc_finder_deinit(&txn->finder);
    kc_finder_deinit(&txn->group_finder);
    kb_free(txn->group);
}

/* ---- Parts --------------------------------------------------------------------- */

void kc_txn_want(struct kc_txn *txn, struct kc_txn_part *part)
{
    KB_CHECK(part->place == KC_TXN_OUT);
    if (txn->state != KC_TXN_OPEN && txn->state != KC_TXN_COMMITTING)
        return; /* its records are refused */
    part->place = txn->implicit ? KC_TXN_IN : KC_TXN_WANTED;
    kb_list_push_back(txn->implicit ? &txn->joined : &txn->wanted, &part->link);
}

struct kc_txn_part *kc_txn_joined(struct kc_txn *txn)
{
    struct kb_list *node = kb_list_pop_front(&txn->joined);
    if (!node)
        return NULL;
    kb_list_push_back(&txn->members, node);
    return KB_CONTAINER(node, struct kc_txn_part, link);
}

static void leave(struct kb_list *parts)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(parts))) {
        struct kc_txn_part *part = KB_CONTAINER(node, struct kc_txn_part, link);
        part->place = KC_TXN_OUT;
        part->maybe = false;
    }
}

static bool any_maybe(const struct kc_txn *txn)
{
    KB_LIST_EACH(it, &txn->wanted)
        if (KB_CONTAINER(it, struct kc_txn_part, link)->maybe)
            return true;
    return txn->group_maybe;
}

/* Nothing is left that the brokers might know. */
static void forget(struct kc_txn *txn)
{
    leave(&txn->wanted);
    leave(&txn->joined);
    leave(&txn->members);
    txn->group_added = txn->group_maybe = false;
    txn->touched = txn->torn = txn->late = false;
}

/* ---- Offsets ---------------------------------------------------------------------- */

bool kc_txn_send_offsets(struct kc_txn *txn, struct kc_txn_offsets *offsets)
{
    KB_CHECK(txn->state == KC_TXN_OPEN && !txn->offsets);
    if (!txn->group || strcmp(txn->group, offsets->group) != 0) {
        char *group = kb_strdup(offsets->group);
        if (!group)
            return false;
        kb_free(txn->group);
        txn->group = group;
        txn->group_finder.key = group;
        txn->touched |= txn->group_added; /* an earlier group's stay in */
        txn->group_added = false;
        kc_finder_lost(&txn->group_finder);
    }
    txn->offsets = offsets;
    return true;
}

void kc_txn_offsets_done(struct kc_txn *txn, const struct kb_error *err)
{
    struct kc_txn_offsets *offsets = txn->offsets;
    txn->offsets = NULL;
    if (!offsets)
        return;
    kb_error_clear(&offsets->err);
    if (err)
        offsets->err = *err;
    offsets->done = true;
}

void kc_txn_forget_offsets(struct kc_txn *txn)
{
    txn->offsets = NULL;
}

/* ---- Ends -------------------------------------------------------------------------- */

void kc_txn_fail(struct kc_txn *txn, int32_t code, const char *what)
{
    if (txn->state == KC_TXN_OPEN || txn->state == KC_TXN_COMMITTING) {
        /* Of a call TIMED_OUT means "call again", which is not meant here. */
        enum { OURS = -100 };
        bool of_calls = code <= OURS && (kb_code_classes(code) & KB_RETRIABLE);
        kb_error_set(&txn->err, of_calls ? KB_E_UNDELIVERED : code,
                     "the transaction cannot be committed, abort it: %s: %s", what,
                     kb_code_text(code));
        txn->err.classes = KB_ABORTABLE;
        kc_txn_move(txn, KC_TXN_FAILED);
    }
    kc_txn_offsets_done(txn, &txn->err);
}

void kc_txn_die(struct kc_txn *txn, const struct kb_error *why)
{
    if (txn->state == KC_TXN_FATAL)
        return;
    txn->err = *why;
    txn->err.classes = KB_FATAL;
    kc_txn_move(txn, KC_TXN_FATAL);
    forget(txn);
    kc_txn_offsets_done(txn, &txn->err);
}

void kc_txn_lost(struct kc_txn *txn, int32_t code, bool torn, const char *what)
{
    txn->torn |= torn;
    if (code == KB_E_TRANSACTIONAL_ID_AUTHORIZATION_FAILED || code == KB_E_PRODUCER_FENCED) {
        struct kb_error err;
        kb_error_set(&err, code, "transactional.id %s: %s: %s", txn->options.id, what,
                     kb_code_text(code));
        kc_txn_die(txn, &err);
    } else {
        kc_txn_fail(txn, code, what);
    }
}

void kc_txn_recover(struct kc_txn *txn)
{
    txn->to_failed = txn->state != KC_TXN_ABORTING;
    kc_txn_move(txn, KC_TXN_RECOVERING);
}

/* Under a new epoch: the coordinator has ended what was open. */
void kc_txn_recovered(struct kc_txn *txn)
{
    forget(txn);
    if (!txn->to_failed) {
        kc_txn_ended(txn);
        return;
    }
    if (!txn->err.code)
        kb_error_set(&txn->err, KB_E_TRANSACTION_ABORTABLE,
                     "the coordinator has aborted the transaction, as after "
                     "transaction.timeout.ms (%d): abort it, and begin again",
                     txn->options.timeout_ms);
    txn->err.classes = KB_ABORTABLE;
    kc_txn_move(txn, KC_TXN_FAILED);
    kc_txn_offsets_done(txn, &txn->err);
}

void kc_txn_ended(struct kc_txn *txn)
{
    if (txn->torn || txn->late) {
        kc_txn_recover(txn);
        txn->to_failed = false;
        return;
    }
    forget(txn);
    kb_error_clear(&txn->err);
    kc_txn_move(txn, KC_TXN_READY);
}

/* ---- What the application does ------------------------------------------------------- */

/* FATAL answers why; what ends by itself is waited for. */
static int not_now(const struct kc_txn *txn, struct kb_error *err)
{
    if (txn->state == KC_TXN_FATAL) {
        *err = txn->err;
        return err->code;
    }
    return kb_error_set(err, KB_E_TIMED_OUT, "transactional.id %s: %s%s", txn->options.id,
                        txn->trouble.code ? "" : "the coordinator has not answered yet",
                        txn->trouble.code ? txn->trouble.text : "");
}

int kc_txn_begin(struct kc_txn *txn, struct kb_error *err)
{
    switch (txn->state) {
    case KC_TXN_OPEN:
        return kb_error_set(err, KB_E_STATE, "a transaction is open: commit or abort it first");
    case KC_TXN_COMMITTING:
        return kb_error_set(err, KB_E_STATE, "a commit is under way: call commit again");
    case KC_TXN_FAILED:
        *err = txn->err;
        return err->code;
    case KC_TXN_READY:
        txn->implicit = txn->version >= 2;
        txn->drained = txn->decided = false;
        kc_txn_move(txn, KC_TXN_OPEN);
        return 0;
    default:
        return not_now(txn, err);
    }
}

int kc_txn_commit(struct kc_txn *txn, struct kb_error *err)
{
    switch (txn->state) {
    case KC_TXN_OPEN:
        kc_txn_move(txn, KC_TXN_COMMITTING);
        return 0;
    case KC_TXN_FAILED:
        *err = txn->err;
        return err->code;
    case KC_TXN_RECOVERING:
    case KC_TXN_FATAL:
        return not_now(txn, err);
    default:
        return kb_error_set(err, KB_E_STATE, "no transaction is open: begin one first");
    }
}

int kc_txn_abort(struct kc_txn *txn, struct kb_error *err)
{
    switch (txn->state) {
    case KC_TXN_COMMITTING:
        if (txn->decided)
            return kb_error_set(err, KB_E_STATE,
                                "the commit cannot be taken back: call commit again");
        break;
    case KC_TXN_OPEN:
    case KC_TXN_FAILED:
        break;
    case KC_TXN_RECOVERING:
    case KC_TXN_FATAL:
        return not_now(txn, err);
    default:
        return kb_error_set(err, KB_E_STATE, "no transaction is open: begin one first");
    }
    struct kb_error aborted;
    kb_error_set(&aborted, KB_E_TXN_ABORTED, "the transaction was aborted");
    kc_txn_offsets_done(txn, &aborted);
    if (any_maybe(txn)) /* it could still arrive: not under the next epoch */
        txn->touched = txn->torn = true;
    leave(&txn->wanted);
    txn->drained = false;
    kc_txn_move(txn, KC_TXN_ABORTING);
    return 0;
}

void kc_txn_drained(struct kc_txn *txn)
{
    txn->drained = true;
    bool over = txn->state == KC_TXN_COMMITTING || txn->state == KC_TXN_ABORTING;
    if (over && !txn->touched && !txn->offsets && !txn->flight && kb_list_empty(&txn->wanted))
        kc_txn_ended(txn); /* nobody knows of it */
}
