/* SPDX-License-Identifier: Apache-2.0 */
#include "net/exec.h"
#include "tests/unit/net/pair.h"

#include <errno.h>

static bool got(void *ctx)
{
    return ((struct end *)ctx)->frames >= 1;
}

static void send_one(struct end *end)
{
    assert_int_equal(end_send(end, frame_make(100, 1)), 0);
}

/* ---- Seeds -------------------------------------------------------------- */

static uint64_t play(uint64_t seed)
{
    struct world world = {.sim = kn_sim_new(seed), .server_host = "10.0.0.2"};
    struct pair pair;
    world.client_env = kn_sim_env(world.sim, "client");
    world.server_env = kn_sim_env(world.sim, "server");
    world.client = kn_loop_new(world.client_env);
    world.server = kn_loop_new(world.server_env);
    kn_sim_set_net(
        world.sim,
        &(struct kn_sim_net){.delay_max_us = 3000, .window_bytes = 5000, .segment_bytes = 500});
    pair_open(&pair, &world, NULL, NULL, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        send_one(&pair.client);
        send_one(&pair.server);
    }
    kn_sim_run(world.sim, NULL, NULL, 10);
    kn_sim_reset(world.sim, "client", "server");
    kn_sim_run(world.sim, NULL, NULL, 1000);
    assert_true(pair.client.closed && pair.server.closed);
    uint64_t digest = kn_sim_digest(world.sim);
    pair_close(&pair);
    kn_loop_free(world.client);
    kn_loop_free(world.server);
    world.client_env->ops->free(world.client_env);
    world.server_env->ops->free(world.server_env);
    kn_sim_free(world.sim);
    return digest;
}

static void a_seed_repeats_a_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 50; seed++)
        assert_int_equal(play(seed), play(seed));
    assert_int_not_equal(play(1), play(2));
}

/* ---- Time --------------------------------------------------------------- */

static void time_jumps_to_what_comes_next(void **state)
{
    struct world *world = *state;
    int64_t began_ms = kn_loop_now(world->client).mono_ms;
    int64_t wall_ms = kn_loop_now(world->client).wall_ms;
    assert_false(kn_sim_step(world->sim)); /* nothing will ever happen */
    assert_false(kn_sim_run(world->sim, NULL, NULL, 3600000));
    assert_int_equal(kn_loop_now(world->client).mono_ms, began_ms + 3600000);
    kn_sim_jump_wall(world->sim, -3600000);
    assert_int_equal(kn_loop_now(world->client).wall_ms, wall_ms);
    assert_int_equal(kn_sim_clock(world->sim)->now(kn_sim_clock(world->sim)).mono_ms,
                     began_ms + 3600000);
}

static void who_waits_lets_the_others_run(void **state)
{
    struct pair pair;
    struct world *world = *state;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    send_one(&pair.server);
    while (pair.client.frames == 0)
        kn_loop_step(world->client, 1000); /* only the client is driven */
    int64_t began_ms = kn_loop_now(world->client).mono_ms;
    kn_loop_step(world->client, 1000);
    assert_int_equal(kn_loop_now(world->client).mono_ms, began_ms + 1000);
    pair_close(&pair);
}

/* ---- Cuts --------------------------------------------------------------- */

static void a_cut_has_a_direction_and_heals(void **state)
{
    struct pair pair;
    struct world *world = *state;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_sim_cut(world->sim, "client", "server");
    send_one(&pair.client);
    send_one(&pair.client);
    send_one(&pair.server);
    kn_sim_run(world->sim, NULL, NULL, 10000);
    assert_int_equal(pair.client.frames, 1);
    assert_int_equal(pair.server.frames, 0);
    kn_sim_cut(world->sim, NULL, "server");
    kn_sim_heal(world->sim, "client", "server");
    kn_sim_run(world->sim, NULL, NULL, 10000);
    assert_int_equal(pair.server.frames, 0);
    kn_sim_heal(world->sim, NULL, "server");
    kn_sim_run(world->sim, NULL, NULL, 10000);
    assert_int_equal(pair.server.frames, 2);
    pair_close(&pair);
}

static void a_window_fills_against_a_cut(void **state)
{
    struct pair pair;
    struct world *world = *state;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_sim_cut(world->sim, "client", "server");
    assert_int_equal(end_send(&pair.client, frame_make(1000000, 1)), 0);
    kn_sim_run(world->sim, NULL, NULL, 1000);
    assert_int_equal(kn_conn_queued_bytes(pair.client.conn), 1000004 - 64 * 1024);
    kn_sim_heal(world->sim, "client", "server");
    assert_true(kn_sim_run(world->sim, got, &pair.server, 1000));
    frame_assert(pair.server.last, 1000000, 1);
    pair_close(&pair);
}

/* ---- Overhearing -------------------------------------------------------- */

struct eavesdropper {
    size_t bytes;
    int beginnings;
};

static void overhear(void *ctx, const struct kn_sim_heard *heard)
{
    struct eavesdropper *e = ctx;
    assert_string_equal(heard->node, "client");
    e->beginnings += heard->begins;
    e->bytes += heard->bytes.size;
}

/* As it is sent, even into a cut; and nothing of what is answered. */
static void what_a_client_sends_is_overheard(void **state)
{
    struct pair pair;
    struct world *world = *state;
    struct eavesdropper e = {0};
    kn_sim_overhear(world->sim, overhear, &e);
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_sim_cut(world->sim, "client", "server");
    send_one(&pair.client);
    send_one(&pair.client);
    send_one(&pair.server);
    kn_sim_run(world->sim, NULL, NULL, 1000);
    assert_int_equal(e.bytes, 2 * 104);
    assert_int_equal(e.beginnings, 1);
    kn_sim_overhear(world->sim, NULL, NULL);
    send_one(&pair.client);
    kn_sim_run(world->sim, NULL, NULL, 1000);
    assert_int_equal(e.bytes, 2 * 104);
    pair_close(&pair);
}

/* ---- Kills -------------------------------------------------------------- */

static void end_life(struct world *world, struct pair *pair)
{
    if (pair->server.conn)
        kn_conn_drop(pair->server.conn);
    pair->server.conn = NULL;
    kn_listener_close(pair->listener);
    pair->listener = NULL;
    kn_loop_free(world->server);
    world->server_env->ops->free(world->server_env);
}

static void begin_life(struct world *world)
{
    world->server_env = kn_sim_env(world->sim, "server");
    world->server = kn_loop_new(world->server_env);
}

static void a_killed_process_hangs_up_and_refuses(void **state)
{
    struct pair pair;
    struct world *world = *state;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    send_one(&pair.client);
    kn_sim_kill(world->sim, "server", KN_SIM_KILL_PROCESS);
    assert_true(kn_sim_run(world->sim, world_flag, &pair.client.closed, 1000));
    assert_false(pair.server.closed || pair.server.frames);
    struct kn_sock *sock;
    struct kn_addr addr;
    kn_addr_parse("10.0.0.2", pair.port, &addr);
    assert_int_equal(world->client_env->ops->connect(world->client_env, &addr, &sock), 0);
    kn_sim_run(world->sim, NULL, NULL, 1000);
    assert_int_equal(sock->ops->connected(sock), -ECONNREFUSED);
    sock->ops->close(sock, false);
    end_life(world, &pair);
    begin_life(world);
    pair_close(&pair);
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    send_one(&pair.client);
    assert_true(kn_sim_run(world->sim, got, &pair.server, 1000));
    pair_close(&pair);
}

static void a_power_loss_is_silence_until_the_restart(void **state)
{
    struct pair pair;
    struct world *world = *state;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_sim_kill(world->sim, "server", KN_SIM_KILL_POWER);
    send_one(&pair.client);
    kn_sim_run(world->sim, NULL, NULL, 60000);
    assert_false(pair.client.closed);
    end_life(world, &pair);
    begin_life(world);
    assert_true(kn_sim_run(world->sim, world_flag, &pair.client.closed, 1000));
    assert_int_equal(pair.client.why.code, KB_E_TRANSPORT);
    pair_close(&pair);
}

static void a_stopped_node_goes_on_where_it_was(void **state)
{
    struct pair pair;
    struct world *world = *state;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_sim_stop(world->sim, "server");
    send_one(&pair.client);
    kn_sim_run(world->sim, NULL, NULL, 30000);
    assert_int_equal(pair.server.frames, 0);
    assert_false(pair.client.closed);
    kn_sim_cont(world->sim, "server");
    assert_true(kn_sim_run(world->sim, got, &pair.server, 1000));
    pair_close(&pair);
}

struct chore {
    struct kn_job job;
    bool ran, done;
};

static void on_run(struct kn_job *job)
{
    KB_CONTAINER(job, struct chore, job)->ran = true;
}

static void on_done(struct kn_job *job)
{
    KB_CONTAINER(job, struct chore, job)->done = true;
}

/* A crash may fall between a job's run and its answer; the answer comes when
 * what was built over the dead world is taken down. */
static void a_killed_node_hears_no_more_of_its_jobs(void **state)
{
    struct world *world = *state;
    struct pair pair;
    struct chore chore = {.job = {.run = on_run, .done = on_done}};
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    struct kn_exec *exec = kn_exec_new(world->server_env, 1);
    kn_exec_submit(exec, world->server, NULL, &chore.job);
    assert_true(kn_sim_run(world->sim, world_flag, &chore.ran, 1000));
    kn_sim_kill(world->sim, "server", KN_SIM_KILL_PROCESS);
    kn_sim_run(world->sim, NULL, NULL, 1000);
    assert_false(chore.done);
    kn_exec_free(exec);
    end_life(world, &pair);
    assert_true(chore.done);
    begin_life(world);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_repeats_a_run),
        SIM_TEST(time_jumps_to_what_comes_next),
        SIM_TEST(who_waits_lets_the_others_run),
        SIM_TEST(a_cut_has_a_direction_and_heals),
        SIM_TEST(a_window_fills_against_a_cut),
        SIM_TEST(what_a_client_sends_is_overheard),
        SIM_TEST(a_killed_process_hangs_up_and_refuses),
        SIM_TEST(a_power_loss_is_silence_until_the_restart),
        SIM_TEST(a_stopped_node_goes_on_where_it_was),
        SIM_TEST(a_killed_node_hears_no_more_of_its_jobs),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
