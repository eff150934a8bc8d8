/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/pair.h"

#include <string.h>

/* ---- Echo, through every kind of transport ------------------------------ */

static void echo(struct kn_conn *conn, struct kb_buf *frame)
{
    struct kb_piece piece = {frame, kb_buf_view(frame)};
    ((struct end *)kn_conn_owner(conn))->frames++;
    assert_int_equal(kn_conn_send(conn, &piece, 1, NULL), 0);
}

static const struct kn_conn_handler echo_handler = {
    .on_open = end_on_open,
    .on_frame = echo,
    .on_close = end_on_close,
};

struct expectation {
    const size_t *sizes;
    int count;
    bool done;
};

static void expect(struct kn_conn *conn, struct kb_buf *frame)
{
    struct end *end = kn_conn_owner(conn);
    struct expectation *expected = end->ctx;
    assert_true(end->frames < expected->count);
    frame_assert(frame, expected->sizes[end->frames], (uint32_t)end->frames);
    kb_buf_unref(frame);
    end->frames++;
    expected->done = end->frames == expected->count;
}

static const struct kn_conn_handler expect_handler = {
    .on_open = end_on_open,
    .on_frame = expect,
    .on_close = end_on_close,
};

static void echo_sizes(struct world *world, struct fragment_maker *maker, const size_t *sizes,
                       int count)
{
    struct kn_conn_options options = {.transport = maker ? &maker->maker : NULL};
    struct expectation expected = {.sizes = sizes, .count = count};
    struct pair pair;
    pair_open(&pair, world, &options, &expect_handler, &options, &echo_handler);
    pair.client.ctx = &expected;
    for (int i = 0; i < count; i++)
        assert_int_equal(end_send(&pair.client, frame_make(sizes[i], (uint32_t)i)), 0);
    assert_true(world_until(world, world_flag, &expected.done, 60000));
    assert_int_equal(kn_conn_queued_bytes(pair.client.conn), 0);
    pair_close(&pair);
}

static const size_t small_sizes[] = {1, 2, 3, 4, 5, 100, 999, 1000, 1001, 4095, 1, 7000, 1, 1};
static const size_t large_sizes[] = {1, 65532, 65535, 65536, 65537, 1, 300000, 3000000, 12, 131072};

static void frames_of_all_sizes_come_back(void **state)
{
    echo_sizes(*state, NULL, small_sizes, KB_ARRAY_SIZE(small_sizes));
    echo_sizes(*state, NULL, large_sizes, KB_ARRAY_SIZE(large_sizes));
}

static void frames_come_back_through_single_bytes(void **state)
{
    struct fragment_maker maker;
    fragment_maker_init(&maker, 1);
    echo_sizes(*state, &maker, small_sizes, KB_ARRAY_SIZE(small_sizes));
}

static void frames_come_back_through_fragments(void **state)
{
    struct fragment_maker maker;
    fragment_maker_init(&maker, 777);
    echo_sizes(*state, &maker, small_sizes, KB_ARRAY_SIZE(small_sizes));
    echo_sizes(*state, &maker, large_sizes, KB_ARRAY_SIZE(large_sizes) - 3);
}

static void frames_come_back_through_a_crumbling_network(void **state)
{
    struct world *world = *state;
    struct fragment_maker maker;
    kn_sim_set_net(world->sim, &(struct kn_sim_net){
                                   .delay_max_us = 30, .window_bytes = 100, .segment_bytes = 7});
    echo_sizes(world, NULL, small_sizes, KB_ARRAY_SIZE(small_sizes));
    fragment_maker_init(&maker, 50);
    echo_sizes(world, &maker, small_sizes, KB_ARRAY_SIZE(small_sizes));
}

static void ten_thousand_small_frames_are_pipelined(void **state)
{
    static size_t sizes[10000];
    for (size_t i = 0; i < KB_ARRAY_SIZE(sizes); i++)
        sizes[i] = 1 + i % 50;
    echo_sizes(*state, NULL, sizes, KB_ARRAY_SIZE(sizes));
}

/* ---- Reading and credit ------------------------------------------------- */

static bool got_ten(void *ctx)
{
    return ((struct end *)ctx)->frames == 10;
}

static void send_ten(struct end *end)
{
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(end_send(end, frame_make(i == 5 ? 200000 : 1000, i)), 0);
}

static void a_paused_connection_hands_out_nothing(void **state)
{
    struct pair pair;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    kn_conn_pause_read(pair.server.conn);
    send_ten(&pair.client);
    world_settle(pair.world);
    assert_int_equal(pair.server.frames, 0);
    assert_true(kn_conn_is_paused(pair.server.conn));
    kn_conn_resume_read(pair.server.conn);
    assert_true(world_until(pair.world, got_ten, &pair.server, 10000));
    frame_assert(pair.server.last, 1000, 9);
    pair_close(&pair);
}

static void pause_after_each(struct kn_conn *conn, struct kb_buf *frame)
{
    end_on_frame(conn, frame);
    kn_conn_pause_read(conn);
}

static const struct kn_conn_handler one_by_one_handler = {
    .on_open = end_on_open,
    .on_frame = pause_after_each,
    .on_close = end_on_close,
};

static bool is_paused(void *ctx)
{
    return kn_conn_is_paused(ctx);
}

/* As a broker does: one request at a time. */
static void pausing_in_on_frame_hands_out_one_by_one(void **state)
{
    struct pair pair;
    pair_open(&pair, *state, NULL, NULL, NULL, &one_by_one_handler);
    send_ten(&pair.client);
    for (int i = 0; i < 10; i++) {
        assert_true(world_until(pair.world, is_paused, pair.server.conn, 10000));
        world_settle(pair.world);
        assert_int_equal(pair.server.frames, i + 1);
        frame_assert(pair.server.last, i == 5 ? 200000 : 1000, (uint32_t)i);
        kn_conn_resume_read(pair.server.conn);
    }
    pair_close(&pair);
}

struct teller {
    int asked, credit;
    struct kb_pool *pool;
};

static enum kn_admit ask_credit(struct kn_conn *conn, uint32_t size, struct kb_buf **buf,
                                struct kb_error *why)
{
    struct teller *teller = ((struct end *)kn_conn_owner(conn))->ctx;
    (void)why;
    teller->asked++;
    assert_int_equal(size, 1000);
    if (teller->credit == 0)
        return KN_WAIT;
    teller->credit--;
    *buf = kb_pool_take(teller->pool);
    return KN_ADMIT;
}

static const struct kn_conn_handler credit_handler = {
    .on_open = end_on_open,
    .on_size = ask_credit,
    .on_frame = end_on_frame,
    .on_close = end_on_close,
};

static void a_body_waits_for_credit(void **state)
{
    struct teller teller = {.pool = kb_pool_new(2000, 4)};
    struct pair pair;
    pair_open(&pair, *state, NULL, NULL, NULL, &credit_handler);
    pair.server.ctx = &teller;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(end_send(&pair.client, frame_make(1000, i)), 0);
    for (uint32_t i = 0; i < 3; i++) {
        world_settle(pair.world);
        assert_int_equal(pair.server.frames, i);
        assert_int_equal(teller.asked, 2 * i + 1);
        teller.credit = 1;
        kn_conn_resume_read(pair.server.conn);
        world_settle(pair.world);
        frame_assert(pair.server.last, 1000, i);
        assert_int_equal(pair.server.last->capacity, 2000);
    }
    pair_close(&pair);
    kb_pool_unref(teller.pool);
}

/* ---- What is no frame --------------------------------------------------- */

static void expect_close(struct pair *pair, struct end *end, int code)
{
    assert_true(world_until(pair->world, world_flag, &end->closed, 10000));
    assert_int_equal(end->why.code, code);
    if (code)
        assert_true(strlen(end->why.text) > 10);
}

static void raw_case(struct world *world, const void *data, size_t size, bool reset, int code)
{
    struct kn_conn_options options = {.max_frame_bytes = 1000};
    struct pair pair;
    pair_listen(&pair, world, &options, NULL);
    struct kn_sock *sock = pair_raw(&pair);
    raw_write(sock, data, size);
    world_settle(world);
    sock->ops->close(sock, reset);
    expect_close(&pair, &pair.server, code);
    pair_close(&pair);
}

static void what_is_no_frame_closes_with_its_cause(void **state)
{
    raw_case(*state, "\0\0\3\350", 4, false, KB_E_TRANSPORT); /* 1000: taken, but cut off */
    raw_case(*state, "\0\0\3\351", 4, false, KB_E_LIMIT);     /* 1001 */
    raw_case(*state, "\377\377\377\377", 4, false, KB_E_LIMIT);
    raw_case(*state, "GET / HTTP/1.1\r\n\r\n", 18, false, KB_E_LIMIT);
    raw_case(*state, "\0\0\0\0", 4, false, KB_E_PROTOCOL);
    raw_case(*state, "\0\0", 2, false, KB_E_TRANSPORT);        /* half a size */
    raw_case(*state, "\0\0\0\5abc", 7, false, KB_E_TRANSPORT); /* half a frame */
    raw_case(*state, "\0\0\0\5abc", 7, true, KB_E_TRANSPORT);  /* the same, RST */
    raw_case(*state, "\0\0\0\3abc", 7, false, KB_E_CLOSED);    /* a whole one */
}

static enum kn_admit refuse(struct kn_conn *conn, uint32_t size, struct kb_buf **buf,
                            struct kb_error *why)
{
    (void)conn;
    (void)buf;
    kb_error_set(why, KB_E_HELD, "%u bytes are too much for today", size);
    return KN_REFUSE;
}

static const struct kn_conn_handler refuse_handler = {
    .on_open = end_on_open, .on_size = refuse, .on_close = end_on_close};

static void a_refusal_names_its_own_cause(void **state)
{
    struct pair pair;
    pair_open(&pair, *state, NULL, NULL, NULL, &refuse_handler);
    assert_int_equal(end_send(&pair.client, frame_make(10, 0)), 0);
    expect_close(&pair, &pair.server, KB_E_HELD);
    expect_close(&pair, &pair.client,
                 KB_E_TRANSPORT == pair.client.why.code ? KB_E_TRANSPORT : KB_E_CLOSED);
    pair_close(&pair);
}

/* ---- Ending ------------------------------------------------------------- */

static void finish_sends_what_is_queued(void **state)
{
    struct pair pair;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(end_send(&pair.client, frame_make(300000, i)), 0);
    kn_conn_finish(pair.client.conn, KB_NEVER);
    assert_int_equal(end_send(&pair.client, frame_make(1, 0)), KB_E_CLOSED);
    expect_close(&pair, &pair.server, KB_E_CLOSED);
    expect_close(&pair, &pair.client, 0);
    assert_int_equal(pair.server.frames, 10);
    frame_assert(pair.server.last, 300000, 9);
    pair_close(&pair);
}

static void finish_gives_up_at_its_deadline(void **state)
{
    struct world *world = *state;
    struct pair pair;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    kn_conn_pause_read(pair.server.conn);
    assert_int_equal(end_send(&pair.client, frame_make(30000000, 0)), 0);
    kn_conn_finish(pair.client.conn, kb_deadline(kn_loop_now(world->client), 50));
    expect_close(&pair, &pair.client, KB_E_TIMED_OUT);
    pair_close(&pair);
}

static void closing_tells_both_sides_once(void **state)
{
    struct pair pair;
    struct kb_error why;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    kb_error_set(&why, KB_E_TIMED_OUT, "the test has had enough");
    kn_conn_close(pair.client.conn, &why);
    kn_conn_close(pair.client.conn, NULL);
    assert_false(pair.client.closed);
    expect_close(&pair, &pair.client, KB_E_TIMED_OUT);
    expect_close(&pair, &pair.server, KB_E_CLOSED);
    pair_close(&pair);
}

static void a_handshake_that_fails_names_its_cause(void **state)
{
    struct fragment_maker maker;
    struct kn_conn_options options = {.transport = &maker.maker};
    struct pair pair;
    fragment_maker_init(&maker, 10);
    pair_listen(&pair, *state, &options, NULL);
    struct kn_sock *sock = pair_raw(&pair);
    world_settle(pair.world);
    sock->ops->close(sock, false);
    expect_close(&pair, &pair.server, KB_E_TLS);
    assert_false(pair.server.opened);
    pair_close(&pair);
    pair_listen(&pair, *state, &options, NULL);
    sock = pair_raw(&pair);
    world_settle(pair.world);
    kn_conn_finish(pair.server.conn, KB_NEVER); /* nothing was said: nothing to finish */
    expect_close(&pair, &pair.server, KB_E_CLOSED);
    sock->ops->close(sock, false);
    pair_close(&pair);
}

/* The default action of SIGPIPE would end this program. */
static void writing_to_who_has_gone_raises_no_signal(void **state)
{
    struct pair pair;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    struct kn_sock *raw = pair_raw(&pair); /* closed by the server at once */
    struct iovec iov = {"abc", 3};
    world_settle(pair.world);
    while (raw->ops->writev(raw, &iov, 1) > 0)
        world_settle(pair.world);
    raw->ops->close(raw, false);
    pair_close(&pair);
}

static void a_silent_peer_is_the_owners_to_notice(void **state)
{
    struct world *world = *state;
    struct pair pair;
    pair_open(&pair, world, NULL, NULL, NULL, NULL);
    int64_t active_ms = kn_conn_active_ms(pair.client.conn);
    kn_sim_cut(world->sim, "client", "server");
    assert_int_equal(end_send(&pair.client, frame_make(1000, 0)), 0);
    kn_sim_run(world->sim, NULL, NULL, 600000);
    assert_false(pair.client.closed || pair.server.closed);
    assert_int_equal(pair.server.frames, 0);
    assert_true(kn_loop_now(world->client).mono_ms - active_ms >= 600000 - 1000);
    kn_sim_heal(world->sim, "client", "server");
    world_settle(world);
    assert_int_equal(pair.server.frames, 1);
    pair_close(&pair);
}

/* ---- Callbacks that end their own connection ---------------------------- */

enum moment { AT_OPEN, AT_SIZE, AT_FRAME, AT_MARK, MOMENTS };

struct quitter {
    enum moment when;
    bool drop, quit;
};

static void quit_at(struct kn_conn *conn, enum moment now)
{
    struct end *end = kn_conn_owner(conn);
    struct quitter *quitter = end->ctx;
    if (!quitter || quitter->when != now || quitter->quit)
        return;
    quitter->quit = true;
    if (quitter->drop)
        kn_conn_drop(conn);
    else
        kn_conn_close(conn, NULL);
    if (quitter->drop)
        end->conn = NULL;
}

static void quit_at_mark(struct kn_conn *conn, void *ctx, bool sent)
{
    (void)ctx;
    if (sent)
        quit_at(conn, AT_MARK);
}

static void quit_at_open(struct kn_conn *conn)
{
    end_on_open(conn);
    quit_at(conn, AT_OPEN);
}

static enum kn_admit quit_at_size(struct kn_conn *conn, uint32_t size, struct kb_buf **buf,
                                  struct kb_error *why)
{
    (void)size;
    (void)buf;
    (void)why;
    quit_at(conn, AT_SIZE);
    return KN_ADMIT;
}

static void quit_at_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    struct kb_piece piece = {frame, kb_buf_view(frame)};
    kn_conn_send(conn, &piece, 1, NULL);
    kn_conn_mark(conn, quit_at_mark, NULL);
    quit_at(conn, AT_FRAME);
}

static const struct kn_conn_handler quitting_handler = {
    .on_open = quit_at_open,
    .on_size = quit_at_size,
    .on_frame = quit_at_frame,
    .on_close = end_on_close,
};

static void quit_case(struct world *world, struct quitter *quitter)
{
    struct pair pair;
    pair_listen(&pair, world, NULL, &quitting_handler);
    pair.server.ctx = quitter;
    struct kn_sock *sock = pair_raw(&pair);
    raw_write(sock, "\0\0\0\1a\0\0\0\2bc\0\0\0\3def", 18);
    assert_true(world_until(world, world_flag, &quitter->quit, 10000));
    world_settle(world);
    assert_int_equal(pair.server.closed, !quitter->drop);
    assert_null(pair.server.conn);
    sock->ops->close(sock, false);
    pair_close(&pair);
}

static void any_callback_may_end_the_connection(void **state)
{
    for (int when = 0; when < MOMENTS; when++) {
        quit_case(*state, &(struct quitter){.when = when});
        quit_case(*state, &(struct quitter){.when = when, .drop = true});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(frames_of_all_sizes_come_back),
        WORLD_TEST(frames_come_back_through_single_bytes),
        WORLD_TEST(frames_come_back_through_fragments),
        SIM_TEST(frames_come_back_through_a_crumbling_network),
        WORLD_TEST(ten_thousand_small_frames_are_pipelined),
        WORLD_TEST(a_paused_connection_hands_out_nothing),
        WORLD_TEST(pausing_in_on_frame_hands_out_one_by_one),
        WORLD_TEST(a_body_waits_for_credit),
        WORLD_TEST(what_is_no_frame_closes_with_its_cause),
        WORLD_TEST(a_refusal_names_its_own_cause),
        WORLD_TEST(finish_sends_what_is_queued),
        WORLD_TEST(finish_gives_up_at_its_deadline),
        WORLD_TEST(closing_tells_both_sides_once),
        WORLD_TEST(a_handshake_that_fails_names_its_cause),
        WORLD_TEST(writing_to_who_has_gone_raises_no_signal),
        SIM_TEST(a_silent_peer_is_the_owners_to_notice),
        WORLD_TEST(any_callback_may_end_the_connection),
    };
    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
