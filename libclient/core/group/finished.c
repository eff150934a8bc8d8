/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/finished.h"

static struct kc_ticket *ticket_of(struct kb_list *node)
{
    return KB_CONTAINER(node, struct kc_ticket, node);
}

static bool is_live(const struct kc_ticket *ticket)
{
    return atomic_load_explicit(&ticket->live, memory_order_relaxed);
}

static int64_t reached(const struct kc_ticket *ticket)
{
    return atomic_load_explicit(&ticket->reached, memory_order_acquire);
}

static void link_before(struct kb_list *place, struct kc_ticket *ticket)
{
    kb_list_insert(place, &ticket->node);
    atomic_store(&ticket->live, true);
}

static void unlink_ticket(struct kc_finished *f, struct kc_ticket *ticket)
{
    kb_list_remove(&ticket->node);
    atomic_store(&ticket->live, false);
    if (ticket != &f->wall)
        f->held--;
}

/* The one before a ticket, or the partition itself, learns where its run ends. */
static void tell_before(struct kc_finished *f, struct kc_ticket *ticket, struct kc_spot run_end)
{
    if (ticket->node.prev == &f->in_hand)
        f->run_end = run_end;
    else
        ticket_of(ticket->node.prev)->run_end = run_end;
}

/* From that one on, nothing in hand counts any more. */
static void cut_from(struct kc_finished *f, struct kb_list *node)
{
    while (node != &f->in_hand) {
        struct kb_list *next = node->next;
        unlink_ticket(f, ticket_of(node));
        node = next;
    }
}

void kc_finished_init(struct kc_finished *f)
{
    *f = (struct kc_finished){.run_end = {-1, -1}, .began = {-1, -1}};
    kb_list_init(&f->in_hand);
    kb_list_init(&f->wall.node);
    atomic_init(&f->wall.live, false);
    atomic_init(&f->wall.reached, 0);
}

void kc_finished_begin(struct kc_finished *f, uint64_t version, struct kc_spot from)
{
    f->torn |= f->held > 0;
    cut_from(f, f->in_hand.next);
    f->version = version;
    f->run_end = f->began = from;
    f->begun = version;
}

void kc_finished_halt(struct kc_finished *f)
{
    f->version = 0;
}

void kc_finished_go_on(struct kc_finished *f, uint64_t version)
{
    f->version = version;
}

bool kc_finished_hand(struct kc_finished *f, struct kc_ticket *ticket, uint64_t version,
                      int64_t from, int64_t next, int32_t leader_epoch)
{
    if (!version || version != f->version)
        return false;
    if (f->run_end.offset < 0)
        f->run_end.offset = from;
    if (f->began.offset < 0)
        f->began = f->run_end;
    ticket->turn = f->turns++;
    ticket->from = from;
    ticket->next = next;
    ticket->leader_epoch = leader_epoch;
    ticket->run_end = (struct kc_spot){next, leader_epoch};
    atomic_store(&ticket->reached, from);
    link_before(&f->in_hand, ticket);
    f->held++;
    return true;
}

void kc_finished_done(struct kc_finished *f, struct kc_ticket *ticket)
{
    if (!is_live(ticket))
        return;
    tell_before(f, ticket, ticket->run_end);
    unlink_ticket(f, ticket);
}

/* What was reached within a ticket counts, also when the rest of it never will. */
static void keep_reached(struct kc_finished *f, struct kc_ticket *ticket)
{
    int64_t offset = reached(ticket);
    if (offset > ticket->from)
        tell_before(f, ticket, (struct kc_spot){offset, ticket->leader_epoch});
}

void kc_finished_release(struct kc_finished *f, struct kc_ticket *ticket)
{
    struct kc_ticket *wall = &f->wall;
    if (!is_live(ticket))
        return;
    if (reached(ticket) >= ticket->next) {
        kc_finished_done(f, ticket);
        return;
    }
    f->torn = true;
    if (!is_live(wall) || wall->turn > ticket->turn) {
        kb_list_remove(&wall->node);
        keep_reached(f, ticket);
        wall->turn = ticket->turn;
        wall->from = wall->next = reached(ticket);
        atomic_store(&wall->reached, wall->from);
        link_before(&ticket->node, wall);
    }
    unlink_ticket(f, ticket);
}

int64_t kc_finished_retry(struct kc_finished *f, struct kc_ticket *ticket)
{
    if (!is_live(ticket))
        return -1;
    int64_t from = reached(ticket);
    f->torn = true;
    keep_reached(f, ticket);
    cut_from(f, &ticket->node);
    kc_finished_halt(f);
    return from;
}

struct kc_spot kc_finished_position(const struct kc_finished *f)
{
    struct kc_spot position = f->run_end;
    KB_LIST_EACH(it, &f->in_hand) {
        const struct kc_ticket *ticket = ticket_of(it);
        int64_t offset = reached(ticket);
        if (offset > ticket->from)
            position = (struct kc_spot){offset, ticket->leader_epoch};
        if (offset < ticket->next || ticket == &f->wall)
            break;
        position = ticket->run_end; /* all of it is finished, though it was not said yet */
    }
    return position;
}

bool kc_finished_is_walled(const struct kc_finished *f)
{
    return f->in_hand.next == &f->wall.node;
}

/* ---- Transactions ----------------------------------------------------------------*/

bool kc_finished_is_whole(const struct kc_finished *f, const struct kc_ticket *but)
{
    uint32_t may_be_held = but && is_live(but);
    return !f->torn && f->held <= may_be_held;
}

bool kc_finished_is_open(const struct kc_finished *f)
{
    return f->torn || f->held || kc_finished_position(f).offset != f->began.offset;
}

void kc_finished_mark(struct kc_finished *f, uint64_t begun, struct kc_spot spot)
{
    f->torn = false;
    if (begun == f->begun)
        f->began = spot;
}

bool kc_finished_pass(struct kc_finished *f, uint64_t version, int64_t from, int64_t next,
                      int32_t leader_epoch)
{
    struct kc_ticket ticket;
    bool was_open = kc_finished_is_open(f);
    kb_list_init(&ticket.node);
    if (!kc_finished_hand(f, &ticket, version, from, next, leader_epoch))
        return false;
    kc_finished_done(f, &ticket);
    if (!was_open) /* there is still nothing for a transaction to do */
        f->began = kc_finished_position(f);
    return true;
}
