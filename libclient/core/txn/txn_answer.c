/* SPDX-License-Identifier: Apache-2.0 */
/* What answers, and their absence, mean for the transaction. */
#include "base/check.h"
#include "libclient/core/txn/txn_response.h"
#include <stdio.h>

enum verdict {
    WELL,
    AGAIN,
    AGAIN_SOON, /* the transaction before is being ended */
    ELSEWHERE,  /* of another coordinator */
    OLD,        /* our epoch is not the coordinator's any more */
    ABORT,
    END_OF_IT
};

static enum verdict verdict_of(int32_t code)
{
    static const struct {
        int32_t code;
        enum verdict verdict;
    } table[] = {
        {0, WELL},
        {KB_E_CONCURRENT_TRANSACTIONS, AGAIN_SOON},
        {KB_E_NOT_COORDINATOR, ELSEWHERE},
        {KB_E_COORDINATOR_NOT_AVAILABLE, ELSEWHERE},
        {KB_E_UNKNOWN_SERVER_ERROR, AGAIN},
        {KB_E_INVALID_PRODUCER_EPOCH, OLD},
        {KB_E_PRODUCER_FENCED, OLD},
        {KB_E_INVALID_PRODUCER_ID_MAPPING, OLD},
        {KB_E_UNKNOWN_PRODUCER_ID, OLD},
        {KB_E_INVALID_TXN_STATE, ABORT},
        {KB_E_TOPIC_AUTHORIZATION_FAILED, ABORT},
        {KB_E_GROUP_AUTHORIZATION_FAILED, ABORT},
        {KB_E_ILLEGAL_GENERATION, ABORT},
        {KB_E_UNKNOWN_MEMBER_ID, ABORT},
        {KB_E_STALE_MEMBER_EPOCH, ABORT},
        {KB_E_FENCED_INSTANCE_ID, ABORT},
        {KB_E_GROUP_ID_NOT_FOUND, ABORT},
        {KB_E_OFFSET_METADATA_TOO_LARGE, ABORT},
    };
    for (size_t i = 0; i < KB_ARRAY_SIZE(table); i++)
        if (table[i].code == code)
            return table[i].verdict;
    uint32_t classes = kb_code_classes(code);
    return classes & KB_RETRIABLE ? AGAIN : classes & KB_ABORTABLE ? ABORT : END_OF_IT;
}

/* ---- What is done about it ------------------------------------------------------- */

static void again(struct kc_txn *txn, struct kb_time now, const struct kb_error *why, bool soon)
{
    txn->trouble = *why;
    txn->not_before_ms =
        now.mono_ms + kc_backoff_next_ms(soon ? &txn->brief : &txn->backoff, txn->random);
}

/* Refused what was asked for: they are not in the transaction. */
static void drop_wanted(struct kc_txn *txn)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&txn->wanted))) {
        struct kc_txn_part *part = KB_CONTAINER(node, struct kc_txn_part, link);
        part->place = KC_TXN_OUT;
        part->maybe = false;
    }
}

static void to_abort(struct kc_txn *txn, enum kc_txn_ask ask, const struct kb_error *why,
                     const char *what)
{
    if (ask == KC_TXN_ADD_PARTITIONS)
        drop_wanted(txn);
    if (txn->state == KC_TXN_ABORTING && ask == KC_TXN_END) {
        txn->torn = true; /* the coordinator has nothing of ours to abort */
        kc_txn_recover(txn);
    } else if (txn->state == KC_TXN_OPEN || txn->state == KC_TXN_COMMITTING) {
        kc_txn_fail(txn, why->code, what);
    }
}

/* The protocol does not tell who it was. Below version 2 it does not even tell a newer
 * producer from a transaction that took too long. */
static void fenced(struct kc_txn *txn)
{
    struct kb_error err;
    kb_error_set(
        &err, KB_E_PRODUCER_FENCED,
        "transactional.id %s: fenced by a newer producer with the same id%s (broker %d, its "
        "coordinator, says so): free this one",
        txn->options.id, txn->version < 2 ? ", or by transaction.timeout.ms" : "",
        txn->finder.node);
    err.broker = txn->finder.node;
    kc_txn_die(txn, &err);
}

static bool is_initialising(const struct kc_txn *txn)
{
    return txn->state == KC_TXN_INITIALISING || txn->state == KC_TXN_RECOVERING;
}

static void too_old(struct kc_txn *txn)
{
    if (is_initialising(txn))
        fenced(txn);
    else if (txn->state != KC_TXN_READY && txn->state != KC_TXN_FATAL)
        kc_txn_recover(txn); /* it, or its transaction's time is over: the coordinator knows */
}

/* `what` was answered with that code. True: well. */
static bool heard(struct kc_txn *txn, struct kb_time now, enum kc_txn_ask ask, int32_t code,
                  const char *what)
{
    enum verdict verdict = verdict_of(code);
    struct kb_error err;
    if (verdict == WELL) {
        kc_backoff_reset(&txn->backoff);
        kc_backoff_reset(&txn->brief);
        kb_error_clear(&txn->trouble);
        txn->not_before_ms = 0;
        return true;
    }
    if (verdict == ABORT && is_initialising(txn))
        verdict = AGAIN;
    kb_error_set(&err, code, "%s: %s (%s)", what, kb_code_text(code), kb_code_name(code));
    err.broker = kc_txn_finder_of(txn, ask)->node;
    switch (verdict) {
    case ELSEWHERE:
        kc_finder_lost(kc_txn_finder_of(txn, ask));
        again(txn, now, &err, false);
        break;
    case AGAIN:
    case AGAIN_SOON:
        again(txn, now, &err, verdict == AGAIN_SOON);
        break;
    case OLD:
        too_old(txn);
        break;
    case ABORT:
        to_abort(txn, ask, &err, what);
        break;
    default:
        kc_txn_die(txn, &err);
    }
    return false;
}

/* ---- By request ---------------------------------------------------------------------- */

static void on_found(struct kc_txn *txn, struct kb_time now, const struct kc_txn_response *response,
                     struct kc_finder *finder)
{
    kc_finder_answer(finder, now, response->version, &response->find);
    if (finder->node >= 0)
        txn->not_before_ms = 0;
    else
        txn->trouble = finder->err;
}

/* It will not be told where the coordinator is. */
static void refused(struct kc_txn *txn, struct kc_finder *finder)
{
    if (!finder->refused)
        return;
    finder->refused = false;
    if (finder->type == KC_FIND_TXN)
        kc_txn_die(txn, &finder->err);
    else
        kc_txn_fail(txn, finder->err.code, "the group's coordinator is not told");
}

static void on_initialised(struct kc_txn *txn, struct kb_time now,
                           const struct kw_init_producer_id_response *response)
{
    if (!heard(txn, now, KC_TXN_INIT, response->error_code, "a producer id was asked for") ||
        !is_initialising(txn))
        return;
    txn->producer_id = response->producer_id;
    txn->epoch = response->producer_epoch;
    if (txn->state == KC_TXN_RECOVERING)
        kc_txn_recovered(txn);
    else
        kc_txn_move(txn, KC_TXN_READY);
}

/* One refused, none added: the others say OPERATION_NOT_ATTEMPTED. */
static int32_t refusal_of(const struct kw_add_partitions_to_txn_response *response, char *what,
                          size_t size)
{
    int32_t code = 0;
    for (int32_t t = 0; t < response->results_by_topic_v3_and_below_count; t++) {
        const struct kw_add_partitions_to_txn_response_topic *topic =
            &response->results_by_topic_v3_and_below[t];
        for (int32_t i = 0; i < topic->results_by_partition_count; i++) {
            const struct kw_add_partitions_to_txn_response_partition *p =
                &topic->results_by_partition[i];
            if (!p->partition_error_code || (code && code != KB_E_OPERATION_NOT_ATTEMPTED))
                continue;
            code = p->partition_error_code;
            snprintf(what, size, "%.*s [%d] could not be added to the transaction",
                     (int)topic->name.size, (const char *)topic->name.data, p->partition_index);
        }
    }
    return code;
}

static void on_partitions(struct kc_txn *txn, struct kb_time now,
                          const struct kw_add_partitions_to_txn_response *response)
{
    char what[KB_ARRAY_SIZE(((struct kb_error *)0)->text)] = "partitions";
    int32_t code = refusal_of(response, what, sizeof what);
    if (!heard(txn, now, KC_TXN_ADD_PARTITIONS, code, what))
        return;
    KB_LIST_EACH_SAFE(it, &txn->wanted) {
        struct kc_txn_part *part = KB_CONTAINER(it, struct kc_txn_part, link);
        if (!part->maybe)
            continue; /* came since */
        part->maybe = false;
        part->place = KC_TXN_IN;
        kb_list_remove(it);
        kb_list_push_back(&txn->joined, it);
        txn->touched = true;
    }
}

static void on_group(struct kc_txn *txn, struct kb_time now,
                     const struct kw_add_offsets_to_txn_response *response)
{
    if (!heard(txn, now, KC_TXN_ADD_OFFSETS, response->error_code,
               "the group could not be added to the transaction"))
        return;
    if (txn->state == KC_TXN_OPEN || txn->state == KC_TXN_COMMITTING) {
        txn->group_added = txn->touched = true;
        txn->group_maybe = false;
    }
}

/* The worst: what does not heal before what does. */
static int32_t worst_of(const struct kw_txn_offset_commit_response *response)
{
    int32_t worst = 0;
    for (int32_t t = 0; t < response->topics_count; t++)
        for (int32_t i = 0; i < response->topics[t].partitions_count; i++) {
            int32_t code = response->topics[t].partitions[i].error_code;
            if (verdict_of(code) > verdict_of(worst))
                worst = code;
        }
    return worst;
}

static void on_offsets(struct kc_txn *txn, struct kb_time now,
                       const struct kw_txn_offset_commit_response *response)
{
    if (heard(txn, now, KC_TXN_COMMIT_OFFSETS, worst_of(response),
              "the group's positions could not be sent"))
        kc_txn_offsets_done(txn, NULL);
}

static void on_end(struct kc_txn *txn, struct kb_time now,
                   const struct kw_end_txn_response *response)
{
    bool commit = txn->state == KC_TXN_COMMITTING;
    if (!heard(txn, now, KC_TXN_END, response->error_code,
               commit ? "the commit was refused" : "the abort was refused"))
        return;
    if (!commit && txn->state != KC_TXN_ABORTING)
        return;
    if (response->producer_id >= 0) {
        txn->producer_id = response->producer_id;
        txn->epoch = response->producer_epoch;
        txn->torn = txn->late = false;
    }
    kc_txn_ended(txn);
}

void kc_txn_answer(struct kc_txn *txn, struct kb_time now, const struct kc_txn_response *response)
{
    enum kc_txn_ask ask = (enum kc_txn_ask)txn->flight;
    KB_CHECK(ask);
    struct kc_finder *finder = kc_txn_finder_of(txn, ask);
    txn->flight = KC_TXN_ASK_NONE;
    if (txn->state == KC_TXN_FATAL)
        return;
    if (ask == KC_TXN_INIT || ask == KC_TXN_END)
        txn->version = response->transactions;
    switch (ask) {
    case KC_TXN_INIT:
        on_initialised(txn, now, &response->init);
        break;
    case KC_TXN_ADD_PARTITIONS:
        on_partitions(txn, now, &response->partitions);
        break;
    case KC_TXN_ADD_OFFSETS:
        on_group(txn, now, &response->offsets);
        break;
    case KC_TXN_COMMIT_OFFSETS:
        on_offsets(txn, now, &response->commit);
        break;
    case KC_TXN_END:
        on_end(txn, now, &response->end);
        break;
    default:
        on_found(txn, now, response, finder);
        refused(txn, finder);
    }
}

/* The transaction has its end, and the brokers, older than 2.5, give no epoch to those that
 * have an id: they go on with the same. */
static bool goes_on(const struct kc_txn *txn, enum kc_txn_ask ask)
{
    return ask == KC_TXN_INIT && txn->state == KC_TXN_RECOVERING && txn->late && !txn->torn &&
           !txn->to_failed;
}

void kc_txn_failure(struct kc_txn *txn, struct kb_time now, const struct kb_error *why)
{
    enum kc_txn_ask ask = (enum kc_txn_ask)txn->flight;
    KB_CHECK(ask);
    struct kc_finder *finder = kc_txn_finder_of(txn, ask);
    txn->flight = KC_TXN_ASK_NONE;
    if (txn->state == KC_TXN_FATAL)
        return;
    bool cannot = why->code == KB_E_UNSUPPORTED;
    if (ask == KC_TXN_FIND || ask == KC_TXN_FIND_GROUP) {
        kc_finder_failure(finder, now, why);
        finder->refused &= cannot; /* a broker that is broken may be another's neighbour */
        txn->trouble = *why;
        refused(txn, finder);
    } else if (cannot && (ask == KC_TXN_ADD_OFFSETS || ask == KC_TXN_COMMIT_OFFSETS)) {
        kc_txn_fail(txn, why->code, why->text);
    } else if (cannot && goes_on(txn, ask)) {
        txn->late = false;
        kc_txn_ended(txn);
    } else if (cannot) {
        kc_txn_die(txn, why);
    } else {
        txn->late |= ask != KC_TXN_INIT;
        kc_finder_lost(finder); /* it may be somebody else by now */
        again(txn, now, why, false);
    }
}
