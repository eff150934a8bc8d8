/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/pair.h"

#include <string.h>

static bool got_one(void *ctx)
{
    return ((struct end *)ctx)->frames >= 1;
}

/* ---- Sources ------------------------------------------------------------ */

/* Gives `size` bytes in pieces of its own and counts those that are out. */
struct spring {
    struct kn_source source;
    struct kn_conn *conn;
    size_t given, fail_at;
    int asked, held, most_held, stalls;
    bool stalling, stalled, finished, sent;
    bool close_in_next;
};

static void on_piece_release(struct kb_buf *buf)
{
    struct spring *spring = buf->owner;
    spring->held--;
    kb_free(buf);
}

static struct kb_buf *spring_piece(struct spring *spring, size_t size)
{
    struct kb_buf *buf = kb_buf_new(size);
    memset(buf->data, 0x77, size);
    buf->size = size;
    buf->release = on_piece_release;
    buf->owner = spring;
    spring->held++;
    spring->most_held = KB_MAX(spring->most_held, spring->held);
    return buf;
}

static int spring_next(struct kn_source *source, size_t max, struct kb_piece *out)
{
    struct spring *spring = KB_CONTAINER(source, struct spring, source);
    spring->asked++;
    if (spring->close_in_next)
        kn_conn_close(spring->conn, NULL);
    if (spring->fail_at && spring->given >= spring->fail_at)
        return -1;
    if (spring->stalling && spring->stalls++ % 2 == 0) {
        spring->stalled = true;
        return 0;
    }
    size_t size = KB_MIN(max, 100000);
    out->owner = spring_piece(spring, size);
    out->bytes = kb_buf_view(out->owner);
    spring->given += size;
    return 1;
}

static void spring_done(struct kn_source *source, bool sent)
{
    struct spring *spring = KB_CONTAINER(source, struct spring, source);
    assert_false(spring->finished);
    spring->finished = true;
    spring->sent = sent;
}

static void spring_init(struct spring *spring, struct kn_conn *conn, size_t size)
{
    *spring = (struct spring){.source = {spring_next, spring_done, size}, .conn = conn};
}

static void send_spring(struct end *end, struct spring *spring, size_t size)
{
    struct kb_buf *head = frame_make(10, 1);
    struct kb_piece piece = {head, kb_buf_view(head)};
    spring_init(spring, end->conn, size);
    assert_int_equal(kn_conn_send(end->conn, &piece, 1, &spring->source), 0);
}

static void a_slow_peer_holds_one_piece_of_a_source(void **state)
{
    struct pair pair;
    struct spring spring;
    enum { SIZE = 20000000 };
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    kn_conn_pause_read(pair.client.conn);
    send_spring(&pair.server, &spring, SIZE);
    world_settle(pair.world);
    assert_false(spring.finished);
    assert_int_equal(spring.held, 1);
    kn_conn_resume_read(pair.client.conn);
    assert_int_equal(end_send(&pair.server, frame_make(5, 2)), 0);
    assert_true(world_until(pair.world, world_flag, &spring.finished, 20000));
    assert_true(spring.sent);
    assert_int_equal(spring.most_held, 1);
    assert_int_equal(spring.held, 0);
    assert_true(world_until(pair.world, got_one, &pair.client, 20000));
    world_settle(pair.world);
    assert_int_equal(pair.client.frames, 2);
    frame_assert(pair.client.last, 5, 2);
    pair_close(&pair);
}

static bool stalled_or_finished(void *ctx)
{
    struct spring *spring = ctx;
    return spring->stalled || spring->finished;
}

static void a_source_may_say_not_yet(void **state)
{
    struct pair pair;
    struct spring spring;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    send_spring(&pair.server, &spring, 350000);
    spring.stalling = true;
    while (!spring.finished) {
        assert_true(world_until(pair.world, stalled_or_finished, &spring, 10000));
        spring.stalled = false;
        kn_conn_resume_source(pair.server.conn);
        world_settle(pair.world);
    }
    assert_true(spring.sent);
    assert_int_equal(spring.asked, 8);
    assert_true(world_until(pair.world, got_one, &pair.client, 10000));
    assert_int_equal(pair.client.last->size, 350010);
    pair_close(&pair);
}

static void a_source_that_fails_closes(void **state)
{
    struct pair pair;
    struct spring spring;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    send_spring(&pair.server, &spring, 350000);
    spring.fail_at = 200000;
    assert_true(world_until(pair.world, world_flag, &pair.server.closed, 10000));
    assert_true(spring.finished && !spring.sent);
    assert_int_equal(spring.held, 0);
    assert_int_equal(pair.server.why.code, KB_E_TRANSPORT);
    assert_true(world_until(pair.world, world_flag, &pair.client.closed, 10000));
    assert_int_equal(pair.client.frames, 0);
    pair_close(&pair);
}

static void a_source_may_close_its_connection(void **state)
{
    struct pair pair;
    struct spring spring;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    send_spring(&pair.server, &spring, 350000);
    spring.close_in_next = true;
    assert_true(world_until(pair.world, world_flag, &pair.server.closed, 10000));
    assert_true(spring.finished && !spring.sent);
    assert_int_equal(spring.held, 0);
    pair_close(&pair);
}

static void an_empty_source_is_done_at_once(void **state)
{
    struct pair pair;
    struct spring spring;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    send_spring(&pair.server, &spring, 0);
    assert_true(world_until(pair.world, got_one, &pair.client, 10000));
    assert_true(spring.sent);
    assert_int_equal(spring.asked, 0);
    frame_assert(pair.client.last, 10, 1);
    pair_close(&pair);
}

/* ---- Marks, limits ------------------------------------------------------ */

static void on_mark(struct kn_conn *conn, void *ctx, bool sent)
{
    int *counts = ctx;
    (void)conn;
    counts[sent]++;
}

static bool all_marks(void *ctx)
{
    int *counts = ctx;
    return counts[0] + counts[1] == 4;
}

static void marks_tell_what_is_with_the_socket(void **state)
{
    struct pair pair;
    int counts[2] = {0};
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    kn_conn_pause_read(pair.server.conn);
    assert_int_equal(kn_conn_mark(pair.client.conn, on_mark, counts), 0);
    assert_int_equal(end_send(&pair.client, frame_make(1, 0)), 0);
    assert_int_equal(kn_conn_mark(pair.client.conn, on_mark, counts), 0);
    assert_int_equal(end_send(&pair.client, frame_make(50000000, 0)), 0);
    assert_int_equal(kn_conn_mark(pair.client.conn, on_mark, counts), 0);
    assert_int_equal(kn_conn_mark(pair.client.conn, on_mark, counts), 0);
    assert_int_equal(counts[0] + counts[1], 0);
    world_settle(pair.world);
    assert_int_equal(counts[1], 2);
    kn_conn_close(pair.client.conn, NULL);
    assert_true(world_until(pair.world, all_marks, counts, 10000));
    assert_int_equal(counts[0], 2);
    pair_close(&pair);
}

static void the_queue_has_marks_and_a_limit(void **state)
{
    struct kn_conn_options options = {
        .high_bytes = 1000000, .low_bytes = 1000, .max_queued_bytes = 40000000};
    struct pair pair;
    pair_open(&pair, *state, &options, NULL, NULL, NULL);
    kn_conn_pause_read(pair.server.conn);
    assert_false(kn_conn_is_full(pair.client.conn));
    for (int i = 0; i < 39; i++)
        assert_int_equal(end_send(&pair.client, frame_make(1000000, 0)), 0);
    assert_true(kn_conn_is_full(pair.client.conn));
    assert_int_equal(end_send(&pair.client, frame_make(1000000, 0)), KB_E_QUEUE_FULL);
    assert_int_equal(kn_conn_queued_bytes(pair.client.conn), 39 * 1000004);
    world_settle(pair.world);
    assert_false(pair.client.drained);
    kn_conn_resume_read(pair.server.conn);
    assert_true(world_until(pair.world, world_flag, &pair.client.drained, 20000));
    assert_false(kn_conn_is_full(pair.client.conn));
    assert_true(kn_conn_queued_bytes(pair.client.conn) <= 1000);
    pair_close(&pair);
}

static void what_is_refused_is_released(void **state)
{
    struct pair pair;
    struct spring spring;
    pair_open(&pair, *state, NULL, NULL, NULL, NULL);
    kn_conn_close(pair.client.conn, NULL);
    spring_init(&spring, pair.client.conn, 1000);
    struct kb_piece piece = {spring_piece(&spring, 10), kb_slice_of("0123456789", 10)};
    assert_int_equal(kn_conn_send(pair.client.conn, &piece, 1, &spring.source), KB_E_CLOSED);
    assert_true(spring.finished && !spring.sent);
    assert_int_equal(spring.held, 0);
    assert_int_equal(kn_conn_mark(pair.client.conn, on_mark, NULL), KB_E_CLOSED);
    assert_true(world_until(pair.world, world_flag, &pair.client.closed, 1000));
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_slow_peer_holds_one_piece_of_a_source),
        WORLD_TEST(a_source_may_say_not_yet),
        WORLD_TEST(a_source_that_fails_closes),
        WORLD_TEST(a_source_may_close_its_connection),
        WORLD_TEST(an_empty_source_is_done_at_once),
        WORLD_TEST(marks_tell_what_is_with_the_socket),
        WORLD_TEST(the_queue_has_marks_and_a_limit),
        WORLD_TEST(what_is_refused_is_released),
    };
    return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
