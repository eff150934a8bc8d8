/* SPDX-License-Identifier: Apache-2.0 */
#include "net/exec.h"

void kn_lane_init(struct kn_lane *lane)
{
    kb_list_init(&lane->jobs);
    lane->busy = false;
}

bool kn_lane_enter(struct kn_job *job)
{
    struct kn_lane *lane = job->lane;
    if (lane && lane->busy) {
        kb_list_push_back(&lane->jobs, &job->link);
        return false;
    }
    if (lane)
        lane->busy = true;
    return true;
}

struct kn_job *kn_lane_leave(struct kn_job *job)
{
    struct kn_lane *lane = job->lane;
    if (!lane)
        return NULL;
    struct kb_list *next = kb_list_pop_front(&lane->jobs);
    lane->busy = next != NULL;
    return next ? KB_CONTAINER(next, struct kn_job, link) : NULL;
}

static void deliver(struct kn_loop *loop, struct kn_mail *mail)
{
    (void)loop;
    struct kn_job *job = KB_CONTAINER(mail, struct kn_job, mail);
    job->done(job);
}

struct kn_exec *kn_exec_new(struct kn_env *env, int threads)
{
    return env->ops->exec_new(env, threads);
}

void kn_exec_submit(struct kn_exec *exec, struct kn_loop *home, struct kn_lane *lane,
                    struct kn_job *job)
{
    job->home = home;
    job->lane = lane;
    job->mail.fn = deliver;
    exec->ops->submit(exec, job);
}

void kn_exec_free(struct kn_exec *exec)
{
    if (exec)
        exec->ops->free(exec);
}
