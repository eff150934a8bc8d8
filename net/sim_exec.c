/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sim_impl.h"

#include "net/exec.h"

/*
 * A job is taken by one of `threads`, runs after a while, all at once, and is
 * done after another while: so a crash can fall before, between and after.
 */
struct sim_exec {
    struct kn_exec exec;
    struct kn_sim *sim;
    struct sim_node *node;
    int threads, busy;
    struct kb_list ready, running; /* jobs; struct run */
};

struct run {
    struct sim_event event;
    struct kb_list link;
    struct sim_exec *exec;
    struct kn_job *job;
    bool has_run;
};

static int64_t while_us(struct kn_sim *sim)
{
    return sim_between(sim, sim->net.job_min_us, sim->net.job_max_us) / 2;
}

static void start_ready(struct sim_exec *exec);

static void finish(struct sim_exec *exec, struct kn_job *job)
{
    struct kn_job *next = kn_lane_leave(job);
    if (next)
        kb_list_push_back(&exec->ready, &next->link);
    kn_loop_post(job->home, &job->mail);
}

static void end_run(struct run *run)
{
    kb_list_remove(&run->link);
    run->exec->busy--;
    finish(run->exec, run->job);
    kb_free(run);
}

static void on_time(struct sim_event *event)
{
    struct run *run = KB_CONTAINER(event, struct run, event);
    struct sim_exec *exec = run->exec;
    if (exec->node->stopped) {
        sim_at(exec->sim, event, exec->sim->net.job_max_us);
    } else if (!run->has_run) {
        exec->sim->running = exec->node;
        run->job->run(run->job);
        exec->sim->running = NULL;
        run->has_run = true;
        sim_at(exec->sim, event, while_us(exec->sim));
    } else {
        end_run(run);
        start_ready(exec);
    }
}

static void start_ready(struct sim_exec *exec)
{
    while (exec->busy < exec->threads && !kb_list_empty(&exec->ready)) {
        struct run *run = sim_alloc(sizeof *run);
        run->event.fn = on_time;
        run->exec = exec;
        run->job = KB_CONTAINER(kb_list_pop_front(&exec->ready), struct kn_job, link);
        kb_list_push_back(&exec->running, &run->link);
        exec->busy++;
        sim_at(exec->sim, &run->event, while_us(exec->sim));
    }
}

static void exec_submit(struct kn_exec *base, struct kn_job *job)
{
    struct sim_exec *exec = KB_CONTAINER(base, struct sim_exec, exec);
    if (kn_lane_enter(job))
        kb_list_push_back(&exec->ready, &job->link);
    start_ready(exec);
}

/* As the real one: all that was submitted has run. */
static void exec_free(struct kn_exec *base)
{
    struct sim_exec *exec = KB_CONTAINER(base, struct sim_exec, exec);
    struct kb_list *it;
    while (!kb_list_empty(&exec->running)) {
        struct run *run = KB_LIST_FIRST(&exec->running, struct run, link);
        kb_heap_remove(&exec->sim->events, &run->event.node);
        if (!run->has_run)
            run->job->run(run->job);
        end_run(run);
    }
    while ((it = kb_list_pop_front(&exec->ready))) {
        struct kn_job *job = KB_CONTAINER(it, struct kn_job, link);
        job->run(job);
        finish(exec, job);
    }
    kb_free(exec);
}

static const struct kn_exec_ops exec_ops = {.submit = exec_submit, .free = exec_free};

struct kn_exec *sim_exec_new(struct kn_env *env, int threads)
{
    struct sim_env *sim_env = KB_CONTAINER(env, struct sim_env, env);
    struct sim_exec *exec = KB_NEW(struct sim_exec);
    KB_CHECK(threads >= 1);
    if (!exec)
        return NULL;
    exec->exec.ops = &exec_ops;
    exec->sim = sim_env->sim;
    exec->node = sim_env->node;
    exec->threads = threads;
    kb_list_init(&exec->ready);
    kb_list_init(&exec->running);
    return &exec->exec;
}
