/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"
#include "tests/unit/net/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- A listener that takes all who come --------------------------------- */

struct hall {
    struct kn_listener *listener;
    struct kn_sock *guests[64];
    int count;
    uint16_t port;
};

static void on_guest(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    struct hall *hall = owner;
    char text[KN_ADDR_TEXT];
    assert_true(strlen(kn_addr_format(peer, text)) > 8);
    hall->guests[hall->count++] = sock;
}

static void hall_open(struct hall *hall, struct world *world,
                      const struct kn_listener_options *options)
{
    struct kn_addr local;
    *hall = (struct hall){0};
    hall->listener =
        kn_listener_open(world->server, world->server_host, 0, options, on_guest, hall, NULL);
    assert_non_null(hall->listener);
    kn_listener_local(hall->listener, &local);
    hall->port = kn_addr_port(&local);
    assert_int_not_equal(hall->port, 0);
}

static void hall_close(struct hall *hall)
{
    for (int i = 0; i < hall->count; i++)
        hall->guests[i]->ops->close(hall->guests[i], false);
    kn_listener_close(hall->listener);
}

/* ---- Dialling ----------------------------------------------------------- */

struct call {
    bool done;
    struct kn_sock *sock;
    struct kb_error err;
    int64_t took_ms;
    struct world *world;
};

static void on_dialled(void *owner, struct kn_sock *sock, const struct kb_error *err)
{
    struct call *call = owner;
    assert_false(call->done);
    call->done = true;
    call->sock = sock;
    if (err)
        call->err = *err;
}

static void dial(struct world *world, struct call *call, const char *host, uint16_t port,
                 const struct kn_dial_options *options)
{
    int64_t began_ms = kn_loop_now(world->client).mono_ms;
    *call = (struct call){.world = world};
    assert_non_null(kn_dial_new(world->client, host, port, options, on_dialled, call));
    assert_false(call->done);
    assert_true(world_until(world, world_flag, &call->done, 60000));
    call->took_ms = kn_loop_now(world->client).mono_ms - began_ms;
}

static void hang_up(struct call *call)
{
    assert_non_null(call->sock);
    call->sock->ops->close(call->sock, false);
}

static void a_name_leads_to_a_socket(void **state)
{
    struct world *world = *state;
    struct hall hall;
    struct call call;
    struct kn_addr peer;
    hall_open(&hall, world, NULL);
    /* The kernel's "localhost" may be ::1 first, where nobody listens. */
    dial(world, &call, world->sim ? "server" : "localhost", hall.port, NULL);
    assert_non_null(call.sock);
    assert_int_equal(call.sock->ops->peer(call.sock, &peer), 0);
    assert_int_equal(kn_addr_port(&peer), hall.port);
    hang_up(&call);
    dial(world, &call, world->server_host, hall.port, NULL);
    hang_up(&call);
    hall_close(&hall);
}

static void a_refused_connection_names_address_and_cause(void **state)
{
    struct world *world = *state;
    struct pair pair;
    struct call call;
    pair_listen(&pair, world, NULL, NULL);
    kn_listener_close(pair.listener);
    pair.listener = NULL;
    dial(world, &call, world->server_host, pair.port, NULL);
    assert_null(call.sock);
    assert_int_equal(call.err.code, KB_E_TRANSPORT);
    assert_non_null(strstr(call.err.text, world->server_host));
    assert_non_null(strstr(call.err.text, strerror(ECONNREFUSED)));
    pair_close(&pair);
}

static void an_unknown_name_says_so(void **state)
{
    struct world *world = *state;
    struct call call;
    kn_sim_name(world->sim, "nowhere", NULL);
    dial(world, &call, "nowhere", 9092, NULL);
    assert_null(call.sock);
    assert_int_equal(call.err.code, KB_E_TRANSPORT);
    assert_non_null(strstr(call.err.text, "nowhere: no such host"));
}

/* No name server answers here, or one says no: either ends in time. */
static void an_unknown_name_ends_by_the_deadline(void **state)
{
    struct world *world = *state;
    struct call call;
    struct kn_dial_options options = {.deadline_ms = kn_loop_now(world->client).mono_ms + 300};
    dial(world, &call, "no-such-host.invalid", 9092, &options);
    assert_null(call.sock);
    assert_true(call.err.code == KB_E_TRANSPORT || call.err.code == KB_E_TIMED_OUT);
    assert_non_null(strstr(call.err.text, "no-such-host.invalid"));
    assert_true(call.took_ms < 5000);
}

static void a_black_hole_ends_by_attempt_and_by_deadline(void **state)
{
    struct world *world = *state;
    struct call call;
    struct kn_dial_options attempt = {.attempt_ms = 700};
    kn_sim_cut(world->sim, "client", "server");
    dial(world, &call, "server", 9092, &attempt);
    assert_int_equal(call.err.code, KB_E_TRANSPORT);
    assert_non_null(strstr(call.err.text, strerror(ETIMEDOUT)));
    assert_in_range(call.took_ms, 700, 702);
    struct kn_dial_options deadline = {.deadline_ms = kn_loop_now(world->client).mono_ms + 300};
    dial(world, &call, "server", 9092, &deadline);
    assert_int_equal(call.err.code, KB_E_TIMED_OUT);
    assert_in_range(call.took_ms, 299, 301);
}

/* A listener that accepts nobody and whose queue is full answers no more. */
static void a_full_backlog_ends_by_the_deadline(void **state)
{
    struct world *world = *state;
    struct kn_env *env = world->server_env;
    struct kn_sock *listener, *queued[8];
    struct kn_addr addr;
    struct call call;
    kn_addr_parse("127.0.0.1", 0, &addr);
    assert_int_equal(env->ops->listen(env, &addr, 0, &listener), 0);
    listener->ops->local(listener, &addr);
    for (int i = 0; i < 8; i++)
        assert_int_equal(env->ops->connect(env, &addr, &queued[i]), 0);
    struct kn_dial_options options = {.attempt_ms = 100};
    dial(world, &call, "127.0.0.1", kn_addr_port(&addr), &options);
    assert_null(call.sock);
    assert_non_null(strstr(call.err.text, strerror(ETIMEDOUT)));
    assert_in_range(call.took_ms, 100, 5000);
    for (int i = 0; i < 8; i++)
        queued[i]->ops->close(queued[i], true);
    listener->ops->close(listener, true);
}

static void a_cancelled_dial_is_silent(void **state)
{
    struct world *world = *state;
    struct call calls[3] = {{0}};
    struct pair pair;
    pair_listen(&pair, world, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        struct kn_dial *dialled =
            kn_dial_new(world->client, i == 2 ? "localhost" : world->server_host, pair.port, NULL,
                        on_dialled, &calls[i]);
        if (i > 0)
            kn_loop_step(world->client, 0);
        if (!calls[i].done)
            kn_dial_cancel(dialled);
        else if (calls[i].sock)
            hang_up(&calls[i]);
        calls[i].done = false;
    }
    world_settle(world);
    for (int i = 0; i < 3; i++)
        assert_false(calls[i].done);
    pair_close(&pair);
}

/* ---- Readiness ---------------------------------------------------------- */

struct rivals {
    struct kn_sock *socks[2];
    int called;
};

static void close_the_other(struct kn_sock *sock, unsigned events)
{
    struct rivals *rivals = sock->owner;
    int other = rivals->socks[0] == sock;
    assert_true(events & KN_READ);
    rivals->called++;
    rivals->socks[other]->ops->close(rivals->socks[other], true);
    rivals->socks[other] = NULL;
    sock->ops->watch(sock, sock->env, 0);
}

static bool rival_called(void *ctx)
{
    return ((struct rivals *)ctx)->called > 0;
}

/* Both are ready in one dispatch; the second must not hear of it. */
static void a_socket_may_be_closed_by_anothers_callback(void **state)
{
    struct world *world = *state;
    struct hall hall;
    struct call calls[2];
    struct rivals rivals = {.called = 0};
    hall_open(&hall, world, NULL);
    for (int i = 0; i < 2; i++)
        dial(world, &calls[i], world->server_host, hall.port, NULL);
    world_settle(world);
    assert_int_equal(hall.count, 2);
    for (int i = 0; i < 2; i++)
        raw_write(hall.guests[i], "x", 1);
    for (int i = 0; i < 2; i++) {
        rivals.socks[i] = calls[i].sock;
        calls[i].sock->owner = &rivals;
        calls[i].sock->on_ready = close_the_other;
    }
    if (world->sim)
        kn_sim_run(world->sim, NULL, NULL, 100);
    for (int i = 0; i < 2; i++)
        calls[i].sock->ops->watch(calls[i].sock, world->client_env, KN_READ);
    assert_true(world_until(world, rival_called, &rivals, 10000));
    world_settle(world);
    assert_int_equal(rivals.called, 1);
    struct kn_sock *left = rivals.socks[0] ? rivals.socks[0] : rivals.socks[1];
    left->ops->close(left, false);
    hall_close(&hall);
}

/* ---- Listening ---------------------------------------------------------- */

static void the_limit_holds_until_one_leaves(void **state)
{
    struct world *world = *state;
    struct hall hall;
    struct call calls[5];
    hall_open(&hall, world, &(struct kn_listener_options){.max_connections = 3});
    for (int i = 0; i < 5; i++)
        dial(world, &calls[i], world->server_host, hall.port, NULL);
    world_settle(world);
    assert_int_equal(hall.count, 3);
    kn_listener_release(hall.listener);
    world_settle(world);
    assert_int_equal(hall.count, 4);
    for (int i = 0; i < 5; i++)
        hang_up(&calls[i]);
    hall_close(&hall);
}

static void close_on_first_guest(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    struct hall *hall = owner;
    on_guest(owner, sock, peer);
    kn_listener_close(hall->listener);
    hall->listener = NULL;
}

static bool has_closed(void *ctx)
{
    return ((struct hall *)ctx)->listener == NULL;
}

static void a_guest_may_close_the_listener(void **state)
{
    struct world *world = *state;
    struct hall hall = {0};
    struct call calls[2] = {{0}};
    struct kn_addr local;
    hall.listener = kn_listener_open(world->server, "", 0, NULL, close_on_first_guest, &hall, NULL);
    kn_listener_local(hall.listener, &local);
    for (int i = 0; i < 2; i++)
        kn_dial_new(world->client, world->server_host, kn_addr_port(&local), NULL, on_dialled,
                    &calls[i]);
    assert_true(world_until(world, has_closed, &hall, 10000));
    world_settle(world);
    assert_int_equal(hall.count, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(calls[i].done);
        if (calls[i].sock)
            hang_up(&calls[i]);
    }
    hall_close(&hall);
}

static void a_used_port_is_an_error_with_words(void **state)
{
    struct world *world = *state;
    struct hall hall;
    struct kb_error err;
    hall_open(&hall, world, NULL);
    assert_null(kn_listener_open(world->server, world->server_host, hall.port, NULL, on_guest,
                                 &hall, &err));
    assert_int_equal(err.code, KB_E_TRANSPORT);
    assert_non_null(strstr(err.text, strerror(EADDRINUSE)));
    struct kn_listener *local =
        kn_listener_open(world->server, "localhost", 0, NULL, on_guest, &hall, &err);
    assert_non_null(local);
    kn_listener_close(local);
    assert_null(kn_listener_open(world->server, "example.org", 0, NULL, on_guest, &hall, &err));
    assert_int_equal(err.code, KB_E_INVALID_ARGUMENT);
    hall_close(&hall);
}

static void eat_descriptors(int *fds, int *count)
{
    struct rlimit limit = {.rlim_cur = 128, .rlim_max = 0};
    struct rlimit now;
    getrlimit(RLIMIT_NOFILE, &now);
    limit.rlim_max = now.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (*count = 0; (fds[*count] = dup(0)) >= 0; ++*count)
        ;
}

static bool has_two(void *ctx)
{
    return ((struct hall *)ctx)->count == 2;
}

/* Both ends are in this process: so one descriptor is left for the dialling. */
static void without_descriptors_it_rests_and_goes_on(void **state)
{
    struct world *world = *state;
    struct hall hall;
    struct call calls[2];
    struct rlimit before;
    int fds[128], count;
    getrlimit(RLIMIT_NOFILE, &before);
    hall_open(&hall, world, NULL);
    dial(world, &calls[0], world->server_host, hall.port, NULL);
    world_settle(world);
    eat_descriptors(fds, &count);
    close(fds[--count]);
    dial(world, &calls[1], world->server_host, hall.port, NULL);
    int turns = 0;
    while (kn_loop_step(world->server, 10) && turns < 100)
        turns++; /* a spinning loop would always have more */
    assert_true(turns < 100);
    assert_int_equal(hall.count, 1);
    while (count > 0)
        close(fds[--count]);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(world_until(world, has_two, &hall, 10000));
    hang_up(&calls[0]);
    hang_up(&calls[1]);
    hall_close(&hall);
}

/* A loop may go while the resolver still asks. */
static void a_question_may_be_left_open(void **state)
{
    void *inner;
    struct call call = {0};
    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        world_setup_kernel(&inner);
        struct world *world = inner;
        struct kn_dial *dialled =
            kn_dial_new(world->client, "some.host.invalid", 1, NULL, on_dialled, &call);
        for (int i = 0; i < turns; i++)
            kn_loop_step(world->client, 0);
        if (!call.done)
            kn_dial_cancel(dialled);
        world_teardown(&inner);
    }
}

/* ---- Descriptors, fork, many at once ------------------------------------ */

static int count_open(bool close_on_exec_only)
{
    int count = 0;
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && (!close_on_exec_only || (flags & FD_CLOEXEC)))
            count++;
    }
    return count;
}

static void every_descriptor_is_close_on_exec(void **state)
{
    int all = count_open(false), closing = count_open(true);
    void *inner;
    struct world *world;
    struct pair pair;
    struct call call;
    (void)state;
    world_setup_kernel(&inner);
    world = inner;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_dial_new(world->client, "some.host.invalid", 1, &(struct kn_dial_options){.deadline_ms = 1},
                on_dialled, &call);
    kn_loop_fd(world->client);
    call.done = false;
    kn_loop_step(world->client, 0); /* the resolver has its sockets now, or is done */
    assert_true(count_open(false) - all >= 9);
    assert_int_equal(count_open(false) - all, count_open(true) - closing);
    assert_true(world_until(world, world_flag, &call.done, 10000));
    pair_close(&pair);
    world_teardown(&inner);
    assert_int_equal(count_open(false), all);
}

static bool got_one(void *ctx)
{
    return ((struct end *)ctx)->frames == 1;
}

/* The child closes what it got and exits; the parent's connection lives on. */
static void a_child_may_abandon_its_loops(void **state)
{
    struct world *world = *state;
    struct pair pair;
    int before = count_open(false);
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    pid_t child = fork();
    if (child == 0) {
        kn_loop_abandon(world->client);
        kn_loop_abandon(world->server);
        _exit(before - count_open(false) == 6 ? 0 : 1); /* both pollers, bells and alarms */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(end_send(&pair.client, frame_make(1000, 3)), 0);
    assert_true(world_until(world, got_one, &pair.server, 10000));
    frame_assert(pair.server.last, 1000, 3);
    pair_close(&pair);
}

static void addresses_have_text(void **state)
{
    struct kn_addr addr;
    char text[KN_ADDR_TEXT];
    (void)state;
    assert_true(kn_addr_parse("127.0.0.1", 9092, &addr));
    assert_string_equal(kn_addr_format(&addr, text), "127.0.0.1:9092");
    assert_true(kn_addr_is_loopback(&addr));
    assert_true(kn_addr_parse("::1", 80, &addr));
    assert_string_equal(kn_addr_format(&addr, text), "[::1]:80");
    assert_true(kn_addr_is_loopback(&addr));
    kn_addr_set_port(&addr, 81);
    assert_int_equal(kn_addr_port(&addr), 81);
    assert_true(kn_addr_parse("10.1.2.3", 1, &addr));
    assert_false(kn_addr_is_loopback(&addr));
    assert_false(kn_addr_parse("localhost", 1, &addr));
    assert_false(kn_addr_parse("", 1, &addr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_text),
        WORLD_TEST(a_name_leads_to_a_socket),
        WORLD_TEST(a_refused_connection_names_address_and_cause),
        SIM_TEST(an_unknown_name_says_so),
        KERNEL_TEST(an_unknown_name_ends_by_the_deadline),
        SIM_TEST(a_black_hole_ends_by_attempt_and_by_deadline),
        KERNEL_TEST(a_full_backlog_ends_by_the_deadline),
        WORLD_TEST(a_cancelled_dial_is_silent),
        WORLD_TEST(a_socket_may_be_closed_by_anothers_callback),
        WORLD_TEST(a_guest_may_close_the_listener),
        WORLD_TEST(the_limit_holds_until_one_leaves),
        WORLD_TEST(a_used_port_is_an_error_with_words),
        KERNEL_TEST(without_descriptors_it_rests_and_goes_on),
        cmocka_unit_test(a_question_may_be_left_open),
        cmocka_unit_test(every_descriptor_is_close_on_exec),
        KERNEL_TEST(a_child_may_abandon_its_loops),
    };
    return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
