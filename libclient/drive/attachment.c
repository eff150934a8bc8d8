/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/attachment.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "libclient/drive/batch.h"
#include "libclient/drive/rebalance.h"

static struct kc_share *next_share(const struct kurier_consumer *c, struct kc_share *after)
{
    struct kb_map_entry *e = kb_map_next(&c->shares, after ? &after->by_key : NULL);
    return KB_MAP_VALUE(e, struct kc_share, by_key);
}

static void forget_positions(struct kc_attachment *a)
{
    kb_free(a->positions);
    kb_free(a->begun);
    a->positions = NULL;
    a->begun = NULL;
    a->count = 0;
}

/* ---- What is to be committed -------------------------------------------------------*/

/* The batch that kurier_consumer_next is in the middle of counts as far as it went. */
static const struct kc_ticket *walked(const struct kurier_consumer *c)
{
    const struct kurier_batch *batch = c->current;
    bool finished =
        batch && batch->tracked && atomic_load(&batch->ticket.reached) >= c->next_offset;
    return finished ? &batch->ticket : NULL;
}

static bool make_room(struct kc_attachment *a)
{
    size_t most = (size_t)a->consumer->assigned + 1;
    forget_positions(a);
    a->positions = kb_malloc(most * sizeof *a->positions);
    a->begun = kb_malloc(most * sizeof *a->begun);
    if (a->positions && a->begun)
        return true;
    forget_positions(a);
    return false;
}

static int tell_torn(const struct kc_share *share, struct kb_error *why)
{
    return kb_error_set(why, KB_E_TXN_ABORTED,
                        "%s[%d]: not all that was handed out of it is finished", share->topic,
                        share->partition);
}

/* Put back to where it began, and nothing of it was handed out again: there is nothing
 * to commit. What was handed out before it was put back for bad data is no such case. */
static bool is_untouched(struct kc_share *share, const struct kc_account *account)
{
    return atomic_load(&share->handed) < 0 && account->finished.offset == account->began.offset;
}

int kc_attachment_account(struct kc_attachment *a, struct kb_error *why)
{
    struct kurier_consumer *c = a->consumer;
    if (a->lost.code) {
        *why = a->lost;
        return why->code;
    }
    if (!make_room(a))
        return kb_error_set(why, KB_E_NO_MEMORY, "no memory for positions");
    for (struct kc_share *share = NULL; (share = next_share(c, share));) {
        const struct kc_ticket *current =
            c->current && c->current->share == share ? walked(c) : NULL;
        struct kc_account account;
        if (!share->fetch)
            continue;
        if (!kc_share_account(share, current, &account))
            return tell_torn(share, why);
        if (account.finished.offset < 0 || account.finished.offset == share->committed ||
            is_untouched(share, &account))
            continue;
        a->begun[a->count] = account.begun;
        a->positions[a->count] = kurier_at(share->topic, share->partition, account.finished.offset);
        a->positions[a->count++].leader_epoch = account.finished.leader_epoch;
    }
    return 0;
}

/* ---- How it ended --------------------------------------------------------------------*/

/* What waited for it goes on. */
static void end(struct kc_attachment *a)
{
    struct kurier_consumer *c = a->consumer;
    forget_positions(a);
    kb_error_clear(&a->lost);
    if (c->rebalance)
        kc_rebalance_look(c->rebalance);
    kn_task_soon(kc_client_loop(c->client), &c->look);
}

void kc_attachment_settle(struct kc_attachment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const kurier_position *p = &a->positions[i];
        struct kc_share *share = kc_consumer_find(a->consumer, p->topic, p->partition);
        kc_share_mark(share, a->begun[i], (struct kc_spot){p->offset, p->leader_epoch});
        if (share->fetch)
            share->committed = p->offset;
    }
    end(a);
}

static void go_back(struct kurier_consumer *c, struct kc_share *share)
{
    struct kc_account account;
    kc_share_account(share, NULL, &account);
    struct kc_spot to = account.began;
    if (share->halted) { /* its next owner begins at what is committed */
        to = (struct kc_spot){-1, -1};
        kc_share_begin(share, 0, to);
        kc_share_mark(share, 0, to);
    } else if (to.offset >= 0 && kc_share_is_open(share)) {
        kc_fetch_seek(&c->fetcher, share->fetch, to.offset, to.leader_epoch);
        kc_share_begin(share, share->fetch->version, to);
        kc_share_mark(share, share->fetch->version, to);
    } else {
        kc_share_mark(share, account.begun, to);
    }
}

void kc_attachment_rewind(struct kc_attachment *a)
{
    for (struct kc_share *share = NULL; (share = next_share(a->consumer, share));)
        if (share->fetch && !KB_MUTANT("rewind-forgotten"))
            go_back(a->consumer, share);
    end(a);
}

void kc_attachment_dropped(struct kurier_consumer *c, struct kc_share *share)
{
    if (c->attachment && kc_share_is_open(share) && !KB_MUTANT("lost-and-committed"))
        kb_error_set(&c->attachment->lost, KB_E_TXN_ABORTED,
                     "%s[%d] was given up in the middle of the transaction", share->topic,
                     share->partition);
}
