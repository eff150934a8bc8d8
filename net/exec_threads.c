/* SPDX-License-Identifier: Apache-2.0 */
#include "net/exec_threads.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>

struct pool {
    struct kn_exec exec;
    pthread_mutex_t lock; /* guards what follows, and the lanes */
    pthread_cond_t work;
    struct kb_list ready;
    bool ending;
    int count;
    pthread_t threads[];
};

static struct kn_job *take(struct pool *pool)
{
    while (kb_list_empty(&pool->ready) && !pool->ending)
        pthread_cond_wait(&pool->work, &pool->lock);
    struct kb_list *it = kb_list_pop_front(&pool->ready);
    return it ? KB_CONTAINER(it, struct kn_job, link) : NULL;
}

static void *work(void *arg)
{
    struct pool *pool = arg;
    struct kn_job *job;
    pthread_mutex_lock(&pool->lock);
    while ((job = take(pool))) {
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        struct kn_job *next = kn_lane_leave(job);
        if (next)
            kb_list_push_back(&pool->ready, &next->link);
        kn_loop_post(job->home, &job->mail); /* under the lock: before the lane's next */
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void pool_submit(struct kn_exec *exec, struct kn_job *job)
{
    struct pool *pool = KB_CONTAINER(exec, struct pool, exec);
    pthread_mutex_lock(&pool->lock);
    bool ready = kn_lane_enter(job);
    if (ready)
        kb_list_push_back(&pool->ready, &job->link);
    pthread_mutex_unlock(&pool->lock);
    if (ready)
        pthread_cond_signal(&pool->work);
}

/* A thread leaves only when nothing is ready; a job still waiting in a lane
 * then has another thread before it, which takes it after its own. */
static void pool_free(struct kn_exec *exec)
{
    struct pool *pool = KB_CONTAINER(exec, struct pool, exec);
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_broadcast(&pool->work);
    for (int i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    kb_free(pool);
}

static const struct kn_exec_ops pool_ops = {.submit = pool_submit, .free = pool_free};

/* Signals are for the threads of the application. */
static bool start(struct pool *pool, int threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->count < threads &&
           pthread_create(&pool->threads[pool->count], NULL, work, pool) == 0)
        pool->count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->count == threads;
}

struct kn_exec *kn_exec_threads_new(int threads)
{
    KB_CHECK(threads >= 1);
    struct pool *pool = kb_calloc(1, sizeof *pool + (size_t)threads * sizeof pool->threads[0]);
    if (!pool)
        return NULL;
    pool->exec.ops = &pool_ops;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    kb_list_init(&pool->ready);
    if (!start(pool, threads)) {
        pool_free(&pool->exec);
        return NULL;
    }
    return &pool->exec;
}
