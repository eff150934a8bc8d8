/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H
/*
 * Two loops, "client" and "server", in one thread: over the kernel's loopback
 * or over the simulated network. A test that takes a world runs in both:
 *
 *     WORLD_TEST(echoes)  ->  "kernel: echoes", "sim: echoes"
 */
#include "net/loop.h"
#include "net/sim.h"
#include "tests/unit/unit.h"

struct world {
    struct kn_sim *sim; /* NULL: the kernel's */
    struct kn_env *client_env, *server_env;
    struct kn_loop *client, *server;
    const char *server_host; /* a numeric address */
};

int world_setup_kernel(void **state);
int world_setup_sim(void **state);
int world_teardown(void **state);

#define WORLD_TEST(fn)                                                                             \
    {"kernel: " #fn, fn, world_setup_kernel, world_teardown, NULL},                                \
    {                                                                                              \
        "sim: " #fn, fn, world_setup_sim, world_teardown, NULL                                     \
    }
#define KERNEL_TEST(fn)                                                                            \
    {                                                                                              \
        "kernel: " #fn, fn, world_setup_kernel, world_teardown, NULL                               \
    }
#define SIM_TEST(fn)                                                                               \
    {                                                                                              \
        "sim: " #fn, fn, world_setup_sim, world_teardown, NULL                                     \
    }

/* Turns the loops until cond or ms are over (then false). */
bool world_until(struct world *world, bool (*cond)(void *), void *ctx, int64_t ms);
/* Turns them until nothing is due at once. */
void world_settle(struct world *world);

static inline bool world_flag(void *ctx)
{
    return *(bool *)ctx;
}

#endif
