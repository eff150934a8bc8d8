/* SPDX-License-Identifier: Apache-2.0 */
#include "net/exec.h"
#include "tests/unit/net/world.h"

#include <pthread.h>
#include <string.h>

enum { LANES = 3, JOBS = 300 };

struct shop {
    struct kn_exec *exec;
    struct kn_loop *home;
    pthread_mutex_t lock; /* guards what jobs write */
    int running[LANES], next_run[LANES], together, most_together;
    bool in_order, overlap;
    int done, next_done[LANES];
    bool done_in_order;
    bool all_done;
    pthread_t home_thread;
    bool wrong_thread;
};

struct errand {
    struct kn_job job;
    struct shop *shop;
    int lane, number;
};

static void on_run(struct kn_job *job)
{
    struct errand *errand = KB_CONTAINER(job, struct errand, job);
    struct shop *shop = errand->shop;
    pthread_mutex_lock(&shop->lock);
    shop->together++;
    shop->most_together = KB_MAX(shop->most_together, shop->together);
    shop->overlap |= shop->running[errand->lane]++ > 0;
    shop->in_order &= errand->number == shop->next_run[errand->lane]++;
    pthread_mutex_unlock(&shop->lock);
    pthread_mutex_lock(&shop->lock);
    shop->together--;
    shop->running[errand->lane]--;
    pthread_mutex_unlock(&shop->lock);
}

static void on_done(struct kn_job *job)
{
    struct errand *errand = KB_CONTAINER(job, struct errand, job);
    struct shop *shop = errand->shop;
    shop->done_in_order &= errand->number == shop->next_done[errand->lane]++;
    shop->wrong_thread |= !pthread_equal(pthread_self(), shop->home_thread);
    shop->all_done = ++shop->done == LANES * JOBS;
}

static void shop_open(struct shop *shop, struct world *world)
{
    memset(shop, 0, sizeof *shop);
    shop->home = world->server;
    shop->exec = kn_exec_new(world->server_env, 3);
    shop->in_order = shop->done_in_order = true;
    shop->home_thread = pthread_self();
    assert_non_null(shop->exec);
    pthread_mutex_init(&shop->lock, NULL);
}

static void submit_all(struct shop *shop, struct kn_lane *lanes, struct errand *errands)
{
    for (int i = 0; i < LANES; i++)
        kn_lane_init(&lanes[i]);
    for (int i = 0; i < LANES * JOBS; i++) {
        errands[i] = (struct errand){.job = {.run = on_run, .done = on_done},
                                     .shop = shop,
                                     .lane = i % LANES,
                                     .number = i / LANES};
        kn_exec_submit(shop->exec, shop->home, &lanes[i % LANES], &errands[i].job);
    }
}

static void a_lane_keeps_its_order_and_lanes_run_side_by_side(void **state)
{
    struct world *world = *state;
    struct errand *errands = KB_NEW_ARRAY(struct errand, LANES * JOBS);
    struct kn_lane lanes[LANES];
    struct shop shop;
    shop_open(&shop, world);
    submit_all(&shop, lanes, errands);
    assert_true(world_until(world, world_flag, &shop.all_done, 30000));
    assert_true(shop.in_order && shop.done_in_order);
    assert_false(shop.overlap || shop.wrong_thread);
    kn_exec_free(shop.exec);
    kb_free(errands);
}

static void free_waits_for_all_that_was_submitted(void **state)
{
    struct world *world = *state;
    struct errand *errands = KB_NEW_ARRAY(struct errand, LANES * JOBS);
    struct kn_lane lanes[LANES];
    struct shop shop;
    shop_open(&shop, world);
    submit_all(&shop, lanes, errands);
    kn_exec_free(shop.exec);
    assert_true(shop.in_order);
    assert_int_equal(shop.next_run[0] + shop.next_run[1] + shop.next_run[2], LANES * JOBS);
    assert_true(world_until(world, world_flag, &shop.all_done, 1000));
    assert_false(shop.wrong_thread);
    kb_free(errands);
}

static void without_a_lane_there_is_no_order_to_keep(void **state)
{
    struct world *world = *state;
    struct errand *errands = KB_NEW_ARRAY(struct errand, LANES * JOBS);
    struct shop shop;
    shop_open(&shop, world);
    for (int i = 0; i < LANES * JOBS; i++) {
        errands[i] = (struct errand){
            .job = {.run = on_run, .done = on_done}, .shop = &shop, .lane = i % LANES};
        kn_exec_submit(shop.exec, shop.home, NULL, &errands[i].job);
    }
    assert_true(world_until(world, world_flag, &shop.all_done, 30000));
    kn_exec_free(shop.exec);
    kb_free(errands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_lane_keeps_its_order_and_lanes_run_side_by_side),
        WORLD_TEST(free_waits_for_all_that_was_submitted),
        WORLD_TEST(without_a_lane_there_is_no_order_to_keep),
    };
    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
