/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "tests/unit/net/world.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

/* ---- Timers ------------------------------------------------------------- */

struct alarm {
    struct kn_timer timer;
    struct kn_loop *loop;
    int64_t due_ms, fired_ms;
    int *count, order;
};

static void on_alarm(struct kn_timer *timer)
{
    struct alarm *alarm = KB_CONTAINER(timer, struct alarm, timer);
    alarm->fired_ms = kn_loop_now(alarm->loop).mono_ms;
    alarm->order = (*alarm->count)++;
}

static void alarm_set(struct alarm *alarm, struct kn_loop *loop, int *count, int64_t after_ms)
{
    kn_timer_init(&alarm->timer, on_alarm);
    alarm->loop = loop;
    alarm->count = count;
    alarm->due_ms = kn_loop_now(loop).mono_ms + after_ms;
    alarm->fired_ms = -1;
    kn_timer_set(loop, &alarm->timer, alarm->due_ms);
}

enum { TIMERS = 10000 };

static bool all_fired(void *ctx)
{
    return *(int *)ctx == TIMERS;
}

static void ten_thousand_timers_fire_in_order_and_on_time(void **state)
{
    struct world *world = *state;
    struct alarm *alarms = KB_NEW_ARRAY(struct alarm, TIMERS);
    struct kb_random random;
    int count = 0;
    kb_random_seed(&random, 7);
    for (int i = 0; i < TIMERS; i++)
        alarm_set(&alarms[i], world->client, &count, (int64_t)kb_random_below(&random, 300));
    assert_true(world_until(world, all_fired, &count, 10000));
    for (int i = 0; i < TIMERS; i++)
        assert_true(alarms[i].fired_ms >= alarms[i].due_ms);
    for (int i = 1; i < TIMERS; i++) {
        if (alarms[i].due_ms < alarms[i - 1].due_ms)
            assert_true(alarms[i].order < alarms[i - 1].order);
    }
    kb_free(alarms);
}

static bool one_fired(void *ctx)
{
    return *(int *)ctx == 1;
}

static void a_cancelled_timer_is_silent_and_a_moved_one_fires_once(void **state)
{
    struct world *world = *state;
    struct alarm cancelled, moved;
    int count = 0, never = 0;
    alarm_set(&cancelled, world->client, &never, 1);
    alarm_set(&moved, world->client, &count, 60000);
    kn_timer_cancel(world->client, &cancelled.timer);
    kn_timer_cancel(world->client, &cancelled.timer);
    kn_timer_set(world->client, &moved.timer, kn_loop_now(world->client).mono_ms + 5);
    assert_true(world_until(world, one_fired, &count, 5000));
    world_settle(world);
    assert_int_equal(never, 0);
    assert_int_equal(count, 1);
    assert_false(kn_timer_is_set(&moved.timer));
}

struct restless {
    struct kn_timer timer;
    struct kn_loop *loop;
    int turns;
};

static void on_restless(struct kn_timer *timer)
{
    struct restless *restless = KB_CONTAINER(timer, struct restless, timer);
    restless->turns++;
    kn_timer_set(restless->loop, timer, 0);
}

static void a_timer_that_is_always_due_starves_nobody(void **state)
{
    struct world *world = *state;
    struct restless restless = {.loop = world->client};
    struct alarm patient;
    int count = 0;
    kn_timer_init(&restless.timer, on_restless);
    kn_timer_set(world->client, &restless.timer, 0);
    alarm_set(&patient, world->client, &count, 0);
    for (int i = 0; i < 10; i++)
        assert_true(kn_loop_step(world->client, 0));
    assert_int_equal(restless.turns, 10);
    assert_int_equal(count, 1);
    kn_timer_cancel(world->client, &restless.timer);
}

static int no_memory(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return 0;
}

static void timers_fire_without_memory(void **state)
{
    struct world *world = *state;
    struct alarm alarms[100];
    int count = 0;
    kb_mem_set_hook(no_memory, NULL);
    for (int i = 0; i < 100; i++)
        alarm_set(&alarms[i], world->client, &count, i / 10);
    kn_timer_cancel(world->client, &alarms[0].timer);
    kb_mem_set_hook(NULL, NULL);
    alarm_set(&alarms[0], world->client, &count, 3);
    while (count < 100)
        kn_loop_step(world->client, 100);
    for (int i = 0; i < 100; i++)
        assert_true(alarms[i].fired_ms >= alarms[i].due_ms);
}

/* ---- Tasks -------------------------------------------------------------- */

struct chore {
    struct kn_task task;
    struct kn_loop *loop;
    int ran, again;
};

static void on_chore(struct kn_task *task)
{
    struct chore *chore = KB_CONTAINER(task, struct chore, task);
    chore->ran++;
    if (chore->again-- > 0)
        kn_task_soon(chore->loop, task);
}

static void on_chore_next(struct kn_task *task)
{
    struct chore *chore = KB_CONTAINER(task, struct chore, task);
    chore->ran++;
    if (chore->again-- > 0)
        kn_task_next(chore->loop, task);
}

static void soon_is_this_turn_and_next_is_the_next(void **state)
{
    struct world *world = *state;
    struct chore soon = {.loop = world->client, .again = 9},
                 next = {.loop = world->client, .again = 9};
    kn_task_init(&soon.task, on_chore);
    kn_task_init(&next.task, on_chore_next);
    kn_task_soon(world->client, &soon.task);
    kn_task_soon(world->client, &soon.task);
    kn_task_next(world->client, &next.task);
    assert_true(kn_loop_step(world->client, 0));
    assert_int_equal(soon.ran, 10);
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(next.ran, i);
        assert_int_equal(kn_loop_step(world->client, 0), i < 9);
    }
}

static void a_step_does_a_bounded_share(void **state)
{
    struct world *world = *state;
    struct chore endless = {.loop = world->client, .again = 1000000};
    kn_task_init(&endless.task, on_chore);
    kn_task_soon(world->client, &endless.task);
    assert_true(kn_loop_step(world->client, 0));
    assert_true(endless.ran < 10000);
    assert_int_equal(kn_loop_timeout_ms(world->client), 0);
    kn_task_cancel(&endless.task);
    assert_false(kn_loop_step(world->client, 0));
    assert_int_equal(kn_loop_timeout_ms(world->client), -1);
}

static void what_is_queued_between_turns_makes_the_fd_readable(void **state)
{
    struct world *world = *state;
    struct chore chore = {.loop = world->client};
    struct pollfd fd = {.fd = kn_loop_fd(world->client), .events = POLLIN};
    struct alarm alarm;
    int count = 0;
    while (kn_loop_step(world->client, 0))
        ;
    assert_int_equal(poll(&fd, 1, 0), 0);
    kn_task_init(&chore.task, on_chore);
    kn_task_soon(world->client, &chore.task);
    assert_int_equal(poll(&fd, 1, 1000), 1);
    kn_loop_step(world->client, 0);
    assert_int_equal(chore.ran, 1);
    assert_int_equal(poll(&fd, 1, 0), 0);
    alarm_set(&alarm, world->client, &count, 20);
    do
        assert_int_equal(poll(&fd, 1, 5000), 1); /* the bell first, then the alarm */
    while (kn_loop_step(world->client, 0), count == 0);
    assert_true(alarm.fired_ms >= alarm.due_ms);
    assert_int_equal(poll(&fd, 1, 0), 0);
}

/* ---- Mail --------------------------------------------------------------- */

enum { POSTERS = 4, LETTERS = 20000 };

struct letter {
    struct kn_mail mail;
    struct office *office;
    int poster, number;
};

struct office {
    struct kn_loop *loop;
    struct letter *letters[POSTERS];
    int next[POSTERS], received;
    bool in_order;
};

struct poster {
    struct office *office;
    int number;
};

static void on_letter(struct kn_loop *loop, struct kn_mail *mail)
{
    struct letter *letter = KB_CONTAINER(mail, struct letter, mail);
    struct office *office = letter->office;
    office->in_order &= letter->number == office->next[letter->poster]++;
    if (++office->received == POSTERS * LETTERS)
        kn_loop_stop(loop);
}

static void *post_all(void *arg)
{
    const struct poster *poster = arg;
    struct letter *letters = poster->office->letters[poster->number];
    for (int i = 0; i < LETTERS; i++) {
        letters[i] = (struct letter){
            .mail.fn = on_letter, .office = poster->office, .poster = poster->number, .number = i};
        kn_loop_post(poster->office->loop, &letters[i].mail);
        if (i % 64 == 0)
            sched_yield(); /* lets the loop fall asleep now and then */
    }
    return NULL;
}

static void start_posting(struct office *office, struct kn_loop *loop, pthread_t threads[POSTERS],
                          struct poster posters[POSTERS])
{
    *office = (struct office){.loop = loop, .in_order = true};
    for (int i = 0; i < POSTERS; i++) {
        office->letters[i] = KB_NEW_ARRAY(struct letter, LETTERS);
        posters[i] = (struct poster){office, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
}

static void end_posting(struct office *office, pthread_t threads[POSTERS])
{
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        kb_free(office->letters[i]);
    }
    assert_true(office->in_order);
    assert_int_equal(office->received, POSTERS * LETTERS);
}

static void mail_of_many_threads_arrives_in_order_while_running(void **state)
{
    struct world *world = *state;
    struct office office;
    pthread_t threads[POSTERS];
    struct poster posters[POSTERS];
    start_posting(&office, world->server, threads, posters);
    kn_loop_run(world->server);
    end_posting(&office, threads);
}

static void mail_of_many_threads_wakes_a_driven_loop(void **state)
{
    struct world *world = *state;
    struct office office;
    pthread_t threads[POSTERS];
    struct poster posters[POSTERS];
    struct pollfd fd = {.fd = kn_loop_fd(world->client), .events = POLLIN};
    start_posting(&office, world->client, threads, posters);
    while (office.received < POSTERS * LETTERS) {
        assert_int_equal(poll(&fd, 1, 10000), 1);
        kn_loop_step(world->client, 0);
    }
    end_posting(&office, threads);
}

struct pong {
    struct kn_mail mail;
    struct kn_loop *other;
    int left;
};

static void on_pong(struct kn_loop *loop, struct kn_mail *mail)
{
    struct pong *pong = KB_CONTAINER(mail, struct pong, mail);
    struct kn_loop *other = pong->other;
    pong->other = loop;
    if (pong->left-- > 0) {
        kn_loop_post(other, mail);
        return;
    }
    kn_loop_stop(loop);
    kn_loop_stop(other);
}

static void *run_loop(void *arg)
{
    kn_loop_run(arg);
    return NULL;
}

static void two_threads_exchange_mail(void **state)
{
    struct world *world = *state;
    struct pong pong = {.mail.fn = on_pong, .other = world->client, .left = 20000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, world->server), 0);
    kn_loop_post(world->server, &pong.mail);
    kn_loop_run(world->client);
    pthread_join(thread, NULL);
    assert_true(pong.left <= 0);
}

static void a_post_to_the_own_loop_is_delivered_in_the_same_turn(void **state)
{
    struct world *world = *state;
    struct pong pong = {.mail.fn = on_pong, .other = world->client, .left = 500};
    kn_loop_post(world->client, &pong.mail);
    kn_loop_step(world->client, 0);
    assert_true(pong.left <= 0);
    kn_loop_run(world->client); /* the stop sticks */
}

static void on_counted(struct kn_loop *loop, struct kn_mail *mail)
{
    (void)loop;
    KB_CONTAINER(mail, struct letter, mail)->number++;
}

static void mail_that_is_left_is_delivered_by_free(void **state)
{
    struct kn_env *env = kn_env_real_new();
    struct kn_loop *loop = kn_loop_new(env);
    struct letter letter = {.mail.fn = on_counted};
    (void)state;
    kn_loop_post(loop, &letter.mail);
    kn_loop_free(loop);
    env->ops->free(env);
    assert_int_equal(letter.number, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(ten_thousand_timers_fire_in_order_and_on_time),
        WORLD_TEST(a_cancelled_timer_is_silent_and_a_moved_one_fires_once),
        WORLD_TEST(a_timer_that_is_always_due_starves_nobody),
        WORLD_TEST(timers_fire_without_memory),
        WORLD_TEST(soon_is_this_turn_and_next_is_the_next),
        WORLD_TEST(a_step_does_a_bounded_share),
        KERNEL_TEST(what_is_queued_between_turns_makes_the_fd_readable),
        KERNEL_TEST(mail_of_many_threads_arrives_in_order_while_running),
        KERNEL_TEST(mail_of_many_threads_wakes_a_driven_loop),
        KERNEL_TEST(two_threads_exchange_mail),
        WORLD_TEST(a_post_to_the_own_loop_is_delivered_in_the_same_turn),
        cmocka_unit_test(mail_that_is_left_is_delivered_by_free),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
