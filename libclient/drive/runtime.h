/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_RUNTIME_H
#define KC_RUNTIME_H
/*
 * A loop and who runs it: a thread of ours, or the caller's steps. It lives
 * until the application's reference and those of all its clients are gone, in
 * any order; NULL in the public calls is one threaded runtime that the process
 * shares, made for its first client and gone with its last.
 *
 * Everything below libclient/drive that is not said to be otherwise belongs to
 * the loop: it runs on the runtime's thread (threaded) or inside step (driven).
 */
#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "kurier/client.h"
#include "libclient/drive/fork.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct kn_loop;
struct kc_controls;

struct kurier_runtime {
    atomic_uint refs;
    kurier_mode mode;
    struct kc_fork_mark fork;
    struct kn_loop *loop;
    struct kb_random random;      /* the loop's own */
    struct kc_controls *controls; /* connections shared by its clients: control.h */
    pthread_t thread;             /* threaded only */
    sem_t started;
    bool foreign; /* the loop is the test's: not freed here */
};

/* One reference. NULL: err says why. */
struct kurier_runtime *kc_runtime_new(kurier_mode mode, struct kb_error *err);
/* A driven runtime over somebody's own loop: the simulator's. */
struct kurier_runtime *kc_runtime_over(struct kn_loop *loop, uint64_t seed, struct kb_error *err);
/* NULL: the shared one. A reference either way; NULL with err: none to be had. */
struct kurier_runtime *kc_runtime_get(struct kurier_runtime *runtime, struct kb_error *err);
void kc_runtime_unref(struct kurier_runtime *runtime);

/*
 * Runs fn(ctx) as the loop, after all that was posted before, and comes back when
 * it has: steps a driven runtime (whose thread the caller is) until then. Never
 * from the loop itself. Not interruptible: fn is short and does not wait.
 */
void kc_runtime_run(struct kurier_runtime *runtime, void (*fn)(void *ctx), void *ctx);
static inline bool kc_runtime_is_driven(const struct kurier_runtime *runtime)
{
    return runtime->mode == KURIER_DRIVEN;
}

/* For a generator or a map of a new client: from the kernel, but over the
 * simulator's loop from the runtime's own seed. runtime: NULL is fine. */
uint64_t kc_runtime_seed(struct kurier_runtime *runtime);

/* The clock, from any thread. */
struct kb_time kc_runtime_now(const struct kurier_runtime *runtime);

#endif
