/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/process.h"

#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/runtime.h"

#include <stdio.h>
#include <string.h>

static void take_turn(struct kn_timer *timer)
{
    struct process *p = KB_CONTAINER(timer, struct process, timer);
    int64_t began_ms = world_now_ms(p->world);
    kb_mem_spare(1); /* what fails is the library's loop, not its user */
    int64_t ms = p->program->turn(p->self);
    kb_mem_spare(-1);
    KB_CHECK(world_now_ms(p->world) == began_ms && ms > 0);
    kn_timer_set(p->turns, &p->timer, began_ms + ms);
}

/* Two loops on one node: the library's, and the program's own. */
static void start(struct process *p)
{
    struct world *w = p->world;
    p->env = kn_sim_env(w->sim, p->node);
    p->turn_env = kn_sim_env(w->sim, p->node);
    p->loop = kn_loop_new(p->env);
    p->turns = kn_loop_new(p->turn_env);
    KB_CHECK(p->loop && p->turns);
    p->runtime = kc_runtime_over(p->loop, kb_random_next(&w->random), NULL);
    KB_CHECK(p->runtime);
    kn_timer_init(&p->timer, take_turn);
    if (!p->program)
        return;
    p->self = p->program->start(p, p->ctx);
    KB_CHECK(p->self);
    kn_timer_set(p->turns, &p->timer, world_now_ms(w) + 1);
}

static void end(struct process *p, bool killed)
{
    kn_timer_cancel(p->turns, &p->timer);
    if (p->program)
        p->program->end(p->self, killed);
    p->self = NULL;
    kc_runtime_unref(p->runtime);
    kn_loop_free(p->turns);
    kn_loop_free(p->loop);
    p->turn_env->ops->free(p->turn_env);
    p->env->ops->free(p->env);
    p->loop = NULL;
}

static int namesakes(const struct world *w, const char *name)
{
    int count = 0;
    KB_LIST_EACH(it, &w->processes) {
        const struct process *other = KB_CONTAINER(it, struct process, link);
        count += !strncmp(other->node, name, strlen(name));
    }
    return count;
}

void process_open(struct process *p, struct world *w, const char *name,
                  const struct program *program, void *ctx)
{
    int before = namesakes(w, name);
    *p = (struct process){.world = w, .program = program, .ctx = ctx};
    if (before)
        snprintf(p->node, sizeof p->node, "%s-%d", name, before + 1);
    else
        snprintf(p->node, sizeof p->node, "%s", name);
    kb_list_push_back(&w->processes, &p->link);
    start(p);
}

void process_kill(struct process *p, enum kn_sim_kill how)
{
    if (!p->loop)
        return;
    world_trace(p->world, "%s is killed", p->node);
    kn_sim_kill(p->world->sim, p->node, how);
    end(p, true);
    p->kills++;
}

void process_restart(struct process *p)
{
    if (p->loop)
        return;
    world_trace(p->world, "%s starts again", p->node);
    start(p);
}

bool process_is_alive(const struct process *p)
{
    return p->loop != NULL;
}

void process_close(struct process *p)
{
    if (p->loop)
        end(p, false);
    kb_list_remove(&p->link);
}
