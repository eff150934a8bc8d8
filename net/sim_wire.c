/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sim_impl.h"

#include <errno.h>
#include <string.h>

/*
 * Packets of one direction arrive in order. One that meets a cut stays at the
 * head of its way, and all behind it wait: as TCP's retransmission does it.
 */
struct packet {
    struct sim_event event;
    struct kb_list link; /* in way[to] */
    struct sim_link *of;
    int to;
    bool held;
    enum sim_packet_kind kind;
    size_t size;
    uint8_t data[];
};

struct cut {
    struct kb_list link;
    struct sim_node *from, *to; /* NULL: any */
};

/* ---- Cuts --------------------------------------------------------------- */

static struct cut *find_cut(struct kn_sim *sim, const struct sim_node *from,
                            const struct sim_node *to)
{
    KB_LIST_EACH(it, &sim->cuts) {
        struct cut *cut = KB_CONTAINER(it, struct cut, link);
        if (cut->from == from && cut->to == to)
            return cut;
    }
    return NULL;
}

static bool is_cut(struct kn_sim *sim, const struct sim_node *from, const struct sim_node *to)
{
    KB_LIST_EACH(it, &sim->cuts) {
        struct cut *cut = KB_CONTAINER(it, struct cut, link);
        if ((!cut->from || cut->from == from) && (!cut->to || cut->to == to))
            return true;
    }
    return false;
}

static struct sim_node *node_or_any(struct kn_sim *sim, const char *name)
{
    struct sim_node *node = name ? sim_node_find(sim, name) : NULL;
    KB_CHECK(!name || node);
    return node;
}

void kn_sim_cut(struct kn_sim *sim, const char *from, const char *to)
{
    struct sim_node *a = node_or_any(sim, from), *b = node_or_any(sim, to);
    if (find_cut(sim, a, b))
        return;
    struct cut *cut = sim_alloc(sizeof *cut);
    cut->from = a;
    cut->to = b;
    kb_list_push_back(&sim->cuts, &cut->link);
}

void kn_sim_heal(struct kn_sim *sim, const char *from, const char *to)
{
    struct cut *cut = find_cut(sim, node_or_any(sim, from), node_or_any(sim, to));
    if (!cut)
        return;
    kb_list_remove(&cut->link);
    kb_free(cut);
    sim_release_held(sim);
}

/* ---- Links -------------------------------------------------------------- */

struct sim_link *sim_link_new(struct sim_sock *from, struct sim_node *to,
                              const struct kn_addr *addr)
{
    struct sim_link *link = sim_alloc(sizeof *link);
    link->sim = from->node->sim;
    link->end[0] = from;
    link->node[0] = from->node;
    link->node[1] = to;
    link->to = *addr;
    kb_list_init(&link->way[0]);
    kb_list_init(&link->way[1]);
    kb_list_push_back(&link->sim->links, &link->link);
    from->link = link;
    from->side = 0;
    return link;
}

static void free_if_over(struct sim_link *link)
{
    if (link->end[0] || link->end[1] || !kb_list_empty(&link->way[0]) ||
        !kb_list_empty(&link->way[1]))
        return;
    kb_list_remove(&link->link);
    kb_free(link);
}

void sim_link_leave(struct sim_link *link, int side)
{
    link->end[side]->link = NULL;
    link->end[side] = NULL;
    free_if_over(link);
}

/* ---- Packets ------------------------------------------------------------ */

static void arrive(struct sim_event *event);

static void schedule(struct packet *packet)
{
    struct sim_link *link = packet->of;
    struct kn_sim *sim = link->sim;
    int64_t at_us = sim->now_us + sim_between(sim, sim->net.delay_min_us, sim->net.delay_max_us);
    at_us = KB_MAX(at_us, link->last_us[packet->to]);
    link->last_us[packet->to] = at_us;
    packet->held = false;
    sim_at(sim, &packet->event, at_us - sim->now_us);
}

static void fill(struct packet *packet, const struct iovec *iov)
{
    for (size_t at = 0; at < packet->size; iov++) {
        size_t n = KB_MIN(iov->iov_len, packet->size - at);
        memcpy(packet->data + at, iov->iov_base, n);
        at += n;
    }
}

void sim_send(struct sim_link *link, int to, enum sim_packet_kind kind, const struct iovec *iov,
              size_t size)
{
    struct packet *packet = sim_alloc(sizeof *packet + size);
    packet->event.fn = arrive;
    packet->of = link;
    packet->to = to;
    packet->kind = kind;
    packet->size = size;
    fill(packet, iov);
    link->outstanding[to] += size;
    kb_list_push_back(&link->way[to], &packet->link);
    schedule(packet);
}

static void accept_syn(struct sim_link *link)
{
    struct sim_sock *listener =
        link->node[1] ? sim_listener_of(link->node[1], kn_addr_port(&link->to)) : NULL;
    if (!listener) {
        sim_send(link, 0, SIM_RST, NULL, 0);
        return;
    }
    struct sim_sock *sock = sim_sock_new(link->node[1], SIM_OPEN);
    sock->link = link;
    sock->side = 1;
    sock->local = link->to;
    sock->peer = link->end[0] ? link->end[0]->local : link->to;
    link->end[1] = sock;
    kb_list_push_back(&listener->backlog, &sock->waiting);
    sim_send(link, 0, SIM_SYN_ACK, NULL, 0);
}

static void deliver(struct packet *packet)
{
    struct sim_link *link = packet->of;
    struct sim_sock *end = link->end[packet->to];
    if (packet->kind == SIM_SYN) {
        accept_syn(link);
    } else if (!end) {
        link->outstanding[packet->to] -= packet->size;
        if (packet->kind != SIM_RST && link->end[!packet->to])
            sim_send(link, !packet->to, SIM_RST, NULL, 0);
    } else if (packet->kind == SIM_SYN_ACK) {
        end->state = SIM_OPEN;
    } else if (packet->kind == SIM_DATA) {
        sim_sock_receive(end, packet->data, packet->size);
    } else if (packet->kind == SIM_FIN) {
        end->in_ended = true;
    } else {
        sim_sock_kill(end, end->state == SIM_CONNECTING ? ECONNREFUSED : ECONNRESET);
    }
}

static bool must_wait(const struct packet *packet)
{
    struct sim_link *link = packet->of;
    struct sim_node *to = link->node[packet->to];
    const struct packet *first = KB_LIST_FIRST(&link->way[packet->to], struct packet, link);
    return first != packet || (to && !to->powered) ||
           is_cut(link->sim, link->node[!packet->to], to);
}

/* It came too early, or against a cut: it comes again. */
static void release_first(struct sim_link *link, int to)
{
    struct packet *first = KB_LIST_FIRST(&link->way[to], struct packet, link);
    if (first && first->held)
        schedule(first);
}

static void arrive(struct sim_event *event)
{
    struct packet *packet = KB_CONTAINER(event, struct packet, event);
    struct sim_link *link = packet->of;
    if (must_wait(packet)) {
        packet->held = true;
        return;
    }
    sim_note(link->sim, (uint64_t)packet->kind, packet->size);
    deliver(packet);
    /* The packet counts until here, so that the link outlives its delivery. */
    kb_list_remove(&packet->link);
    release_first(link, packet->to);
    kb_free(packet);
    free_if_over(link);
}

void sim_release_held(struct kn_sim *sim)
{
    KB_LIST_EACH(it, &sim->links) {
        struct sim_link *link = KB_CONTAINER(it, struct sim_link, link);
        release_first(link, 0);
        release_first(link, 1);
    }
}

/* Whatever is on the way, held or not, is gone with the simulation. */
void sim_wire_free(struct kn_sim *sim)
{
    struct kb_list *it;
    while ((it = kb_list_pop_front(&sim->links))) {
        struct sim_link *link = KB_CONTAINER(it, struct sim_link, link);
        struct kb_list *way;
        for (int to = 0; to < 2; to++) {
            while ((way = kb_list_pop_front(&link->way[to]))) {
                struct packet *packet = KB_CONTAINER(way, struct packet, link);
                kb_heap_remove(&sim->events, &packet->event.node);
                kb_free(packet);
            }
        }
        kb_free(link);
    }
    while ((it = kb_list_pop_front(&sim->cuts)))
        kb_free(KB_CONTAINER(it, struct cut, link));
}

static bool is_between(const struct sim_link *link, int side, const struct sim_node *a,
                       const struct sim_node *b)
{
    return (!a || link->node[side] == a) && (!b || link->node[!side] == b);
}

void kn_sim_reset(struct kn_sim *sim, const char *a, const char *b)
{
    struct sim_node *x = node_or_any(sim, a), *y = node_or_any(sim, b);
    KB_LIST_EACH_SAFE(it, &sim->links) {
        struct sim_link *link = KB_CONTAINER(it, struct sim_link, link);
        bool both = is_between(link, 0, x, y) || is_between(link, 1, x, y);
        for (int side = 0; both && side < 2; side++) {
            if (link->end[side])
                sim_send(link, side, SIM_RST, NULL, 0);
        }
    }
}
