/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "base/mem.h"
#include "net/timers.h"

#include <pthread.h>

/* A turn's share of each kind of work. */
enum { MAIL_PER_TURN = 1024, TIMERS_PER_TURN = 1024, TASKS_PER_TURN = 4096 };

struct kn_loop {
    struct kn_env *env;
    struct kb_time now; /* of the turn in progress */
    bool turning;
    bool watched; /* somebody watches our fd: keep it telling the truth */
    struct kn_timers timers;
    struct kb_list soon, next;
    struct kn_mail *mail, **mail_end; /* received, in order */
    uint8_t *scratch;

    /* Shared with other threads: */
    _Atomic(struct kn_mail *) inbox; /* newest first */
    atomic_bool asleep;              /* a post must ring */
    atomic_bool stopping;
    atomic_uintptr_t owner; /* pthread_t of the thread that turns it */
};

_Static_assert(sizeof(pthread_t) <= sizeof(uintptr_t), "a thread's id fits an integer");

struct kn_loop *kn_loop_new(struct kn_env *env)
{
    struct kn_loop *loop = KB_NEW(struct kn_loop);
    if (!loop)
        return NULL;
    loop->scratch = kb_malloc(KN_SCRATCH_BYTES);
    if (!loop->scratch) {
        kb_free(loop);
        return NULL;
    }
    loop->env = env;
    kn_timers_init(&loop->timers);
    kb_list_init(&loop->soon);
    kb_list_init(&loop->next);
    loop->mail_end = &loop->mail;
    atomic_init(&loop->asleep, true);
    atomic_init(&loop->owner, (uintptr_t)pthread_self());
    env->loop = loop;
    return loop;
}

struct kn_env *kn_loop_env(struct kn_loop *loop)
{
    return loop->env;
}

uint8_t *kn_loop_scratch(struct kn_loop *loop)
{
    return loop->scratch;
}

struct kb_time kn_loop_now(struct kn_loop *loop)
{
    return loop->turning ? loop->now : loop->env->clock->now(loop->env->clock);
}

bool kn_loop_is_owner(const struct kn_loop *loop)
{
    return atomic_load_explicit(&loop->owner, memory_order_relaxed) == (uintptr_t)pthread_self();
}

/* Work that is queued between turns: whoever watches the fd must hear of it. */
static void stir(struct kn_loop *loop)
{
    if (!loop->turning && atomic_exchange(&loop->asleep, false))
        loop->env->ops->wake(loop->env);
}

/* ---- Timers ------------------------------------------------------------- */

void kn_timer_cancel(struct kn_loop *loop, struct kn_timer *timer)
{
    kn_timers_remove(&loop->timers, timer);
}

/* A deadline in the past becomes now, so that a timer that keeps setting
 * itself stands behind those that were due before. */
void kn_timer_set(struct kn_loop *loop, struct kn_timer *timer, int64_t deadline_ms)
{
    kn_timers_remove(&loop->timers, timer);
    if (deadline_ms == KB_NEVER)
        return;
    if (loop->turning)
        deadline_ms = KB_MAX(deadline_ms, loop->now.mono_ms);
    kn_timers_put(&loop->timers, timer, deadline_ms);
    stir(loop);
}

static int64_t first_deadline(struct kn_loop *loop)
{
    return KB_MIN(kn_timers_first_ms(&loop->timers), loop->env->ops->deadline(loop->env));
}

/* ---- Tasks -------------------------------------------------------------- */

void kn_task_init(struct kn_task *task, void (*fn)(struct kn_task *))
{
    kb_list_init(&task->link);
    task->fn = fn;
}

static void queue_task(struct kn_loop *loop, struct kb_list *list, struct kn_task *task)
{
    if (!kb_list_empty(&task->link))
        return;
    kb_list_push_back(list, &task->link);
    stir(loop);
}

void kn_task_soon(struct kn_loop *loop, struct kn_task *task)
{
    queue_task(loop, &loop->soon, task);
}

void kn_task_next(struct kn_loop *loop, struct kn_task *task)
{
    queue_task(loop, &loop->next, task);
}

void kn_task_cancel(struct kn_task *task)
{
    kb_list_remove(&task->link);
}

static void run_tasks(struct kn_loop *loop)
{
    for (int i = 0; i < TASKS_PER_TURN; i++) {
        struct kb_list *it = kb_list_pop_front(&loop->soon);
        if (!it)
            return;
        struct kn_task *task = KB_CONTAINER(it, struct kn_task, link);
        task->fn(task);
    }
}

static void ripen_tasks(struct kn_loop *loop)
{
    struct kb_list *it;
    while ((it = kb_list_pop_front(&loop->next)))
        kb_list_push_back(&loop->soon, it);
}

/* ---- Mail --------------------------------------------------------------- */

static void append_mail(struct kn_loop *loop, struct kn_mail *mail)
{
    mail->next = NULL;
    *loop->mail_end = mail;
    loop->mail_end = &mail->next;
}

/*
 * The poster pushes, then looks whether the loop sleeps; the loop says that it
 * sleeps, then looks whether there is mail. Both in one total order (seq_cst),
 * so that one of them sees the other. Only the first post rings.
 */
void kn_loop_post(struct kn_loop *loop, struct kn_mail *mail)
{
    if (kn_loop_is_owner(loop) && loop->turning) {
        append_mail(loop, mail);
        return;
    }
    struct kn_mail *head = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        mail->next = head;
    while (!atomic_compare_exchange_weak(&loop->inbox, &head, mail));
    if (atomic_load(&loop->asleep) && atomic_exchange(&loop->asleep, false))
        loop->env->ops->wake(loop->env);
}

static void collect_mail(struct kn_loop *loop)
{
    struct kn_mail *newest = atomic_exchange(&loop->inbox, NULL);
    struct kn_mail *oldest = NULL;
    while (newest) {
        struct kn_mail *mail = newest;
        newest = mail->next;
        mail->next = oldest;
        oldest = mail;
    }
    while (oldest) {
        struct kn_mail *mail = oldest;
        oldest = mail->next;
        append_mail(loop, mail);
    }
}

static void run_mail(struct kn_loop *loop)
{
    collect_mail(loop);
    for (int i = 0; i < MAIL_PER_TURN && loop->mail; i++) {
        struct kn_mail *mail = loop->mail;
        loop->mail = mail->next;
        if (!loop->mail)
            loop->mail_end = &loop->mail;
        mail->fn(loop, mail);
    }
}

/* ---- Turns -------------------------------------------------------------- */

static bool has_work(const struct kn_loop *loop)
{
    return loop->mail || !kb_list_empty(&loop->soon) || !kb_list_empty(&loop->next) ||
           atomic_load(&loop->inbox);
}

int64_t kn_loop_timeout_ms(struct kn_loop *loop)
{
    if (has_work(loop))
        return 0;
    return kb_time_left(loop->env->clock->now(loop->env->clock), first_deadline(loop));
}

/* From here on a post rings. Answers how long the loop may really sleep. */
static int64_t fall_asleep(struct kn_loop *loop, int64_t timeout_ms)
{
    atomic_store(&loop->asleep, true);
    int64_t due_ms = kn_loop_timeout_ms(loop);
    if (due_ms < 0 || (timeout_ms >= 0 && timeout_ms < due_ms))
        return timeout_ms;
    return due_ms;
}

static bool turn(struct kn_loop *loop, int64_t timeout_ms)
{
    if (timeout_ms == 0)
        atomic_store(&loop->asleep, false);
    else
        timeout_ms = fall_asleep(loop, timeout_ms);
    ripen_tasks(loop);
    loop->env->ops->wait(loop->env, timeout_ms);
    atomic_store(&loop->asleep, false);
    loop->now = loop->env->clock->now(loop->env->clock);
    loop->turning = true;
    bool more = loop->env->ops->dispatch(loop->env);
    run_mail(loop);
    kn_timers_run(&loop->timers, loop->now.mono_ms, TIMERS_PER_TURN);
    run_tasks(loop);
    loop->turning = false;
    return more;
}

static void take_over(struct kn_loop *loop)
{
    KB_CHECK(!loop->turning);
    atomic_store_explicit(&loop->owner, (uintptr_t)pthread_self(), memory_order_relaxed);
}

bool kn_loop_step(struct kn_loop *loop, int64_t timeout_ms)
{
    take_over(loop);
    bool more = turn(loop, timeout_ms);
    more |= fall_asleep(loop, KB_FOREVER) == 0;
    if (loop->watched && more)
        loop->env->ops->wake(loop->env);
    else if (loop->watched)
        loop->env->ops->arm(loop->env, first_deadline(loop));
    return more;
}

void kn_loop_run(struct kn_loop *loop)
{
    take_over(loop);
    bool more = false;
    while (!atomic_load(&loop->stopping))
        more = turn(loop, more ? 0 : KB_FOREVER);
    atomic_store(&loop->stopping, false);
}

void kn_loop_stop(struct kn_loop *loop)
{
    atomic_store(&loop->stopping, true);
    loop->env->ops->wake(loop->env);
}

int kn_loop_fd(struct kn_loop *loop)
{
    if (!loop->watched) {
        loop->watched = true;
        loop->env->ops->wake(loop->env); /* what is due by now is not armed yet */
    }
    return loop->env->ops->fd(loop->env);
}

void kn_loop_abandon(struct kn_loop *loop)
{
    loop->env->ops->abandon(loop->env);
}

void kn_loop_free(struct kn_loop *loop)
{
    if (!loop)
        return;
    take_over(loop);
    loop->now = kn_loop_now(loop);
    loop->turning = true;
    while (has_work(loop)) {
        ripen_tasks(loop);
        run_mail(loop);
        run_tasks(loop);
    }
    kn_timers_deinit(&loop->timers);
    loop->env->loop = NULL;
    kb_free(loop->scratch);
    kb_free(loop);
}
