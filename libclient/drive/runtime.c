/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/runtime.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/control.h"
#include "net/loop.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

/* ---- Making and ending --------------------------------------------------------*/

static void *thread_main(void *ctx)
{
    struct kurier_runtime *runtime = ctx;
    kn_loop_step(runtime->loop, 0); /* the loop is ours from here on */
    sem_post(&runtime->started);
    kn_loop_run(runtime->loop);
    return NULL;
}

static void sem_wait_fully(sem_t *sem)
{
    while (sem_wait(sem) && errno == EINTR)
        ;
}

/* No signal handler of the application ever runs on our thread. */
static int thread_start(struct kurier_runtime *runtime)
{
    sigset_t all, before;
    sem_init(&runtime->started, 0, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&runtime->thread, NULL, thread_main, runtime);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return failed;
    pthread_setname_np(runtime->thread, "kurier");
    sem_wait_fully(&runtime->started);
    return 0;
}

static struct kurier_runtime *runtime_new(kurier_mode mode, struct kn_loop *loop, uint64_t seed)
{
    struct kurier_runtime *runtime = KB_NEW(struct kurier_runtime);
    if (!runtime)
        return NULL;
    atomic_init(&runtime->refs, 1);
    runtime->mode = mode;
    runtime->fork = kc_fork_mark();
    runtime->loop = loop;
    kb_random_seed(&runtime->random, seed);
    runtime->controls = kc_controls_new(runtime);
    if (!runtime->controls) {
        kb_free(runtime);
        return NULL;
    }
    return runtime;
}

struct kurier_runtime *kc_runtime_over(struct kn_loop *loop, uint64_t seed, struct kb_error *err)
{
    struct kurier_runtime *runtime = runtime_new(KURIER_DRIVEN, loop, seed);
    if (!runtime) {
        kb_error_set(err, KB_E_NO_MEMORY, "runtime: out of memory");
        return NULL;
    }
    runtime->foreign = true;
    return runtime;
}

static void loop_free(struct kn_loop *loop)
{
    struct kn_env *env = kn_loop_env(loop);
    kn_loop_free(loop);
    env->ops->free(env);
}

static struct kn_loop *loop_new(void)
{
    struct kn_env *env = kn_env_real_new();
    struct kn_loop *loop = env ? kn_loop_new(env) : NULL;
    if (env && !loop)
        env->ops->free(env);
    return loop;
}

struct kurier_runtime *kc_runtime_new(kurier_mode mode, struct kb_error *err)
{
    struct kn_loop *loop = loop_new();
    struct kurier_runtime *runtime = loop ? runtime_new(mode, loop, kb_entropy()) : NULL;
    int failed = runtime ? 0 : ENOMEM;
    if (runtime && mode == KURIER_THREADED)
        failed = thread_start(runtime);
    if (!failed)
        return runtime;
    kb_error_errno(err, KB_E_NO_MEMORY, failed, "no runtime could be made");
    if (runtime)
        kc_controls_free(runtime->controls);
    kb_free(runtime);
    if (loop)
        loop_free(loop);
    return NULL;
}

static void runtime_close(struct kurier_runtime *runtime)
{
    if (kc_forked(&runtime->fork)) {
        if (!runtime->foreign)
            kn_loop_abandon(runtime->loop);
        kb_free(runtime);
        return;
    }
    if (runtime->mode == KURIER_THREADED) {
        kn_loop_stop(runtime->loop);
        pthread_join(runtime->thread, NULL);
    }
    kc_controls_free(runtime->controls);
    if (!runtime->foreign)
        loop_free(runtime->loop);
    kb_free(runtime);
}

/* ---- The shared one -------------------------------------------------------------*/

/* A lock that names its process: one that was held by another thread during a
 * fork is no lock in the child. */
static atomic_int shared_holder;
static struct kurier_runtime *shared;

static void shared_lock(void)
{
    int me = (int)getpid(), holder = 0;
    while (!atomic_compare_exchange_weak(&shared_holder, &holder, me)) {
        if (holder == me)
            sched_yield();
        holder = holder == me ? 0 : holder; /* another process's: take it over */
    }
}

static void shared_unlock(void)
{
    atomic_store(&shared_holder, 0);
}

static struct kurier_runtime *shared_get(struct kb_error *err)
{
    shared_lock();
    if (!shared || kc_forked(&shared->fork))
        shared = kc_runtime_new(KURIER_THREADED, err);
    else
        atomic_fetch_add(&shared->refs, 1);
    struct kurier_runtime *runtime = shared;
    shared_unlock();
    return runtime;
}

struct kurier_runtime *kc_runtime_get(struct kurier_runtime *runtime, struct kb_error *err)
{
    if (!runtime)
        return shared_get(err);
    if (kc_forked(&runtime->fork)) {
        kc_fork_error(err);
        return NULL;
    }
    atomic_fetch_add(&runtime->refs, 1);
    return runtime;
}

void kc_runtime_unref(struct kurier_runtime *runtime)
{
    shared_lock(); /* the last reference and a new one of the shared runtime exclude each other */
    bool last = atomic_fetch_sub(&runtime->refs, 1) == 1;
    if (last && runtime == shared)
        shared = NULL;
    shared_unlock();
    if (last)
        runtime_close(runtime);
}

/* ---- Running things there ---------------------------------------------------------*/

struct errand {
    struct kn_mail mail;
    void (*fn)(void *ctx);
    void *ctx;
    bool done; /* driven: same thread */
    sem_t told;
};

static void run_errand(struct kn_loop *loop, struct kn_mail *mail)
{
    struct errand *errand = KB_CONTAINER(mail, struct errand, mail);
    (void)loop;
    errand->fn(errand->ctx);
    errand->done = true;
    sem_post(&errand->told);
}

/* By mail in either mode, so that what was posted before has run by then. */
void kc_runtime_run(struct kurier_runtime *runtime, void (*fn)(void *ctx), void *ctx)
{
    struct errand errand = {.mail = {.fn = run_errand}, .fn = fn, .ctx = ctx};
    sem_init(&errand.told, 0, 0);
    kn_loop_post(runtime->loop, &errand.mail);
    while (kc_runtime_is_driven(runtime) && !errand.done)
        kn_loop_step(runtime->loop, 0);
    sem_wait_fully(&errand.told);
    sem_destroy(&errand.told);
}

struct kb_time kc_runtime_now(const struct kurier_runtime *runtime)
{
    struct kb_clock *clock = kn_loop_env(runtime->loop)->clock;
    return clock->now(clock);
}

uint64_t kc_runtime_seed(struct kurier_runtime *runtime)
{
    return runtime && runtime->foreign ? kb_random_next(&runtime->random) : kb_entropy();
}
