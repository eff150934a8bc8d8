/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TURNS_H
#define KD_TURNS_H
/*
 * What is made ready in any order and goes on in the order of its coming: a
 * connection's Produce requests, some of which are checked on other threads.
 *
 *     enter ──> c ──> b ──> a ──> leave, once it is ready
 *
 * Pure. A turn lies in its owner's struct and knows its neighbours, so that
 * those inside keep their order when the queue itself has gone.
 */
#include <stdbool.h>

struct kd_turns { /* all zero: empty */
    struct kd_turn *last;
};

struct kd_turn {
    struct kd_turn *before, *after;
    struct kd_turns *turns; /* of the last one, while its queue is there */
    bool ready;
};

void kd_turns_enter(struct kd_turns *turns, struct kd_turn *turn);
/* The queue goes; those inside stay in line. */
void kd_turns_abandon(struct kd_turns *turns);

/* It could go on. True: it may, nobody is before it. */
bool kd_turn_ready(struct kd_turn *turn);
/* A ready one that nobody is before has gone on. Answers who may next, or NULL. */
struct kd_turn *kd_turn_leave(struct kd_turn *turn);

#endif
