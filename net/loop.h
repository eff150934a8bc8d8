/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_LOOP_H
#define KN_LOOP_H
/*
 * An event loop: the one owner of its state. A turn is
 *
 *     poll ─ sockets ─ mail ─ timers ─ tasks ─ sleep or again
 *
 * each a bounded share, so that nothing starves. It runs in one of two ways:
 *   threaded  one thread sits in kn_loop_run until kn_loop_stop;
 *   driven    somebody watches kn_loop_fd, or sleeps for kn_loop_timeout_ms,
 *             and calls kn_loop_step from one thread.
 * Except where "any thread" is said, only the owner thread may call.
 */
#include "base/heap.h"
#include "base/list.h"
#include "base/time.h"
#include "net/env.h"
#include <stdatomic.h>

struct kn_loop;

/* The loop borrows env, which must outlive it. NULL: no memory. */
struct kn_loop *kn_loop_new(struct kn_env *env);
/* After the connections, listeners, dials and rpcs on it have been dropped. Mail
 * and tasks that are left run first, so that nobody's message leaks; timers are
 * forgotten. */
void kn_loop_free(struct kn_loop *loop);
/* In the child of a fork, instead of free: closes descriptors, nothing else. */
void kn_loop_abandon(struct kn_loop *loop);
struct kn_env *kn_loop_env(struct kn_loop *loop);

void kn_loop_run(struct kn_loop *loop); /* until stop */
/* Any thread, and signal handlers; sticks until run ends. */
void kn_loop_stop(struct kn_loop *loop);
/* One turn; waits at most timeout_ms (-1: for ever) if nothing is due. True:
 * more is due at once. */
bool kn_loop_step(struct kn_loop *loop, int64_t timeout_ms);
/* Readable whenever a step has something to do: sockets, timers, mail. The
 * loop then keeps it so, at the price of a system call when a deadline moves
 * nearer. -1: a simulated loop. */
int kn_loop_fd(struct kn_loop *loop);
/* Milliseconds until a step is due, 0 now, -1 none. */
int64_t kn_loop_timeout_ms(struct kn_loop *loop);

/* The time of this turn; outside a turn, the clock's. */
struct kb_time kn_loop_now(struct kn_loop *loop);
bool kn_loop_is_owner(const struct kn_loop *loop); /* any thread */

/* ---- Timers: intrusive, one shot ---------------------------------------- */

struct kn_timer {
    struct kb_heap_node node;
    struct kb_list spill; /* where it waits when the heap cannot grow */
    void (*fn)(struct kn_timer *);
};

void kn_timer_init(struct kn_timer *timer, void (*fn)(struct kn_timer *));
/* Sets or moves it; fires in the first turn at or after deadline_ms (mono).
 * KB_NEVER cancels. Never fails. */
void kn_timer_set(struct kn_loop *loop, struct kn_timer *timer, int64_t deadline_ms);
void kn_timer_cancel(struct kn_loop *loop, struct kn_timer *timer); /* not set: nothing */
bool kn_timer_is_set(const struct kn_timer *timer);

/* ---- Tasks: local work for later ---------------------------------------- */

struct kn_task {
    struct kb_list link;
    void (*fn)(struct kn_task *);
};

void kn_task_init(struct kn_task *task, void (*fn)(struct kn_task *));
void kn_task_soon(struct kn_loop *loop,
                  struct kn_task *task); /* this turn; queued already: nothing */
void kn_task_next(struct kn_loop *loop, struct kn_task *task); /* next turn, after new readiness */
void kn_task_cancel(struct kn_task *task);                     /* not queued: nothing */

/* ---- Mail: the only door between threads -------------------------------- */

/* Lies in the message. From the post on it belongs to the loop; fn receives
 * it on the loop's thread and owns it from then. Posts of one thread arrive
 * in their order. */
struct kn_mail {
    struct kn_mail *next;
    void (*fn)(struct kn_loop *, struct kn_mail *);
};

/* Any thread. Wakes the loop only if it sleeps; inside a turn of that loop it
 * is a local queue and costs no atomic. */
void kn_loop_post(struct kn_loop *loop, struct kn_mail *mail);

/* 64 KiB that connections read into: one buffer for all of a loop. */
enum { KN_SCRATCH_BYTES = 64 * 1024 };
uint8_t *kn_loop_scratch(struct kn_loop *loop);

#endif
