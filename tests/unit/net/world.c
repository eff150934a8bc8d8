/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/world.h"

#include <poll.h>

static int setup(void **state, bool simulated)
{
    struct world *world = KB_NEW(struct world);
    if (simulated) {
        world->sim = kn_sim_new(42);
        world->client_env = kn_sim_env(world->sim, "client");
        world->server_env = kn_sim_env(world->sim, "server");
        world->server_host = "10.0.0.2";
    } else {
        world->client_env = kn_env_real_new();
        world->server_env = kn_env_real_new();
        world->server_host = "127.0.0.1";
    }
    world->client = kn_loop_new(world->client_env);
    world->server = kn_loop_new(world->server_env);
    *state = world;
    return world->client && world->server ? 0 : -1;
}

int world_setup_kernel(void **state)
{
    return setup(state, false);
}

int world_setup_sim(void **state)
{
    return setup(state, true);
}

int world_teardown(void **state)
{
    struct world *world = *state;
    kn_loop_free(world->client);
    kn_loop_free(world->server);
    world->client_env->ops->free(world->client_env);
    world->server_env->ops->free(world->server_env);
    kn_sim_free(world->sim);
    kb_free(world);
    return 0;
}

/* The descriptors alone say when to turn: so this tests them, too. */
static bool turn(struct world *world, int64_t wait_ms)
{
    struct pollfd fds[] = {
        {.fd = kn_loop_fd(world->client), .events = POLLIN},
        {.fd = kn_loop_fd(world->server), .events = POLLIN},
    };
    if (poll(fds, 2, (int)wait_ms) == 0)
        return false;
    if (fds[0].revents)
        kn_loop_step(world->client, 0);
    if (fds[1].revents)
        kn_loop_step(world->server, 0);
    return true;
}

bool world_until(struct world *world, bool (*cond)(void *), void *ctx, int64_t ms)
{
    if (world->sim)
        return kn_sim_run(world->sim, cond, ctx, ms);
    struct kb_clock *clock = kb_clock_real();
    int64_t deadline_ms = kb_deadline(clock->now(clock), ms);
    while (!cond(ctx)) {
        int64_t left_ms = kb_time_left(clock->now(clock), deadline_ms);
        if (left_ms == 0 || !turn(world, left_ms))
            return cond(ctx);
    }
    return true;
}

void world_settle(struct world *world)
{
    if (world->sim)
        kn_sim_run(world->sim, NULL, NULL, 20);
    else
        while (turn(world, 0))
            ;
}
