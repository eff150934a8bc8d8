/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rpc.h"
#include "base/random.h"
#include "tests/unit/net/pair.h"
#include "wire/frame.h"
#include "wire/gen/api_versions.h"

#include <string.h>

/* ---- A broker that knows three APIs ------------------------------------- */

enum manner { HONEST, SILENT, HANGS_UP, BABBLES, OUT_OF_STEP };

struct broker {
    struct pair pair;
    enum manner manner;
    int16_t newest_versions; /* of ApiVersions */
    bool names_no_range;
    int asked_versions, asked, most_held;
    bool holding; /* keeps its answers back */
    struct kb_buf *held[64];
    int held_count;
};

static void broker_send(struct broker *broker, struct kw_writer *w)
{
    struct kb_buf *frame = kw_writer_take(w);
    if (broker->pair.server.conn)
        end_send(&broker->pair.server, frame);
    else
        kb_buf_unref(frame);
}

static void answer_versions(struct broker *broker, const struct kw_request_header *header)
{
    bool known = header->version <= broker->newest_versions;
    struct kw_api_versions_response_api apis[] = {{KW_API_METADATA, 0, 12},
                                                  {KW_API_API_VERSIONS, 0, broker->newest_versions},
                                                  {KW_API_SASL_HANDSHAKE, 1, 1}};
    struct kw_api_versions_response response;
    struct kw_writer w;
    kw_api_versions_response_init(&response);
    response.error_code = known ? 0 : KB_E_UNSUPPORTED_VERSION;
    response.api_keys = apis;
    response.api_keys_count = known || !broker->names_no_range ? KB_ARRAY_SIZE(apis) : 0;
    kw_writer_init(&w, 10000);
    kw_response_header_write(&w, header->key, header->version, header->correlation_id);
    kw_api_versions_response_encode(&w, known ? header->version : 0, &response);
    broker->asked_versions++;
    broker_send(broker, &w);
}

/* The request's body comes back. */
static void answer_call(struct broker *broker, struct kb_buf *frame)
{
    struct kw_reader r = kw_reader_of(kb_buf_view(frame));
    struct kw_request_header header;
    struct kw_writer w;
    kw_request_header_read(&r, &header);
    kw_writer_init(&w, 100000);
    kw_response_header_write(&w, header.key, header.version,
                             header.correlation_id + (broker->manner == OUT_OF_STEP ? 7 : 0));
    uint8_t *body = kw_write_raw(&w, kw_reader_left(&r));
    memcpy(body, r.next, kw_reader_left(&r));
    kb_buf_unref(frame);
    broker_send(broker, &w);
}

static void misbehave(struct broker *broker)
{
    if (broker->manner == HANGS_UP)
        kn_conn_close(broker->pair.server.conn, NULL);
    if (broker->manner == BABBLES)
        end_send(&broker->pair.server, frame_make(30, 5));
}

static void on_request(struct kn_conn *conn, struct kb_buf *frame)
{
    struct end *end = kn_conn_owner(conn);
    struct broker *broker = KB_CONTAINER(end, struct broker, pair.server);
    struct kw_reader r = kw_reader_of(kb_buf_view(frame));
    struct kw_request_header header;
    assert_true(kw_request_header_read(&r, &header));
    assert_true(kb_slice_is(header.client_id, "tester"));
    if (broker->manner == SILENT || broker->manner == HANGS_UP || broker->manner == BABBLES) {
        misbehave(broker);
        kb_buf_unref(frame);
    } else if (header.key == KW_API_API_VERSIONS) {
        answer_versions(broker, &header);
        kb_buf_unref(frame);
    } else if (header.key == KW_API_PRODUCE) {
        broker->asked++;
        kb_buf_unref(frame); /* acks=0 */
    } else {
        broker->asked++;
        broker->held[broker->held_count++] = frame;
        broker->most_held = KB_MAX(broker->most_held, broker->held_count);
        while (!broker->holding && broker->held_count > 0) {
            broker->held_count = 0;
            answer_call(broker, frame);
        }
    }
}

static const struct kn_conn_handler broker_handler = {
    .on_open = end_on_open, .on_frame = on_request, .on_close = end_on_close};

static void broker_open(struct broker *broker, struct world *world, enum manner manner)
{
    memset(broker, 0, sizeof *broker);
    pair_listen(&broker->pair, world, NULL, &broker_handler);
    broker->manner = manner;
    broker->newest_versions = 4;
}

static void broker_release(struct broker *broker, int n)
{
    for (int i = 0; i < n && i < broker->held_count; i++)
        answer_call(broker, broker->held[i]);
    broker->held_count -= n;
    memmove(broker->held, broker->held + n, (size_t)broker->held_count * sizeof broker->held[0]);
}

static void broker_close(struct broker *broker)
{
    for (int i = 0; i < broker->held_count; i++)
        kb_buf_unref(broker->held[i]);
    pair_close(&broker->pair);
}

/* ---- A client ----------------------------------------------------------- */

struct client {
    struct broker *broker;
    struct kn_rpc *rpc;
    bool ready, closed;
    int rooms, ended, failed, unknown; /* unknown: failed, but perhaps done */
    struct kb_error why, last_err;
    uint8_t answers[64]; /* first byte of each, in order */
    int answer_count;
    int quit_after; /* drops or closes when that many answers are there */
    bool quit_drops, bad_password;
};

static void on_ready(struct kn_rpc *rpc)
{
    ((struct client *)kn_rpc_owner(rpc))->ready = true;
}

static void on_close(struct kn_rpc *rpc, const struct kb_error *why)
{
    struct client *client = kn_rpc_owner(rpc);
    assert_false(client->closed);
    assert_int_equal(kn_rpc_in_flight(rpc) + kn_rpc_waiting(rpc), 0);
    client->closed = true;
    client->rpc = NULL;
    client->why = *why;
}

static void on_room(struct kn_rpc *rpc)
{
    ((struct client *)kn_rpc_owner(rpc))->rooms++;
}

static const struct kn_rpc_handler client_handler = {
    .on_ready = on_ready, .on_close = on_close, .on_room = on_room};

static const struct kn_rpc_options options = {.client_id = "tester",
                                              .software_name = "kurier-test",
                                              .software_version = "1",
                                              .max_in_flight = 3,
                                              .broker = 11};

static void client_open_with(struct client *client, struct broker *broker,
                             const struct kn_rpc_options *with,
                             const struct kn_rpc_handler *handler)
{
    struct world *world = broker->pair.world;
    *client = (struct client){.broker = broker};
    client->rpc =
        kn_rpc_new(world->client, world->server_host, broker->pair.port, with, handler, client);
    assert_non_null(client->rpc);
    assert_int_equal(kn_rpc_state(client->rpc), KN_RPC_CONNECTING);
}

static bool ready_or_closed(void *ctx)
{
    struct client *client = ctx;
    return client->ready || client->closed;
}

static void client_open(struct client *client, struct broker *broker)
{
    client_open_with(client, broker, &options, &client_handler);
    assert_true(world_until(broker->pair.world, ready_or_closed, client, 10000));
}

static void client_close(struct client *client)
{
    if (client->rpc)
        kn_rpc_drop(client->rpc);
}

static void quit_now(struct client *client)
{
    if (client->quit_after == 0 || client->ended != client->quit_after || !client->rpc)
        return;
    if (client->quit_drops)
        kn_rpc_drop(client->rpc);
    else
        kn_rpc_close(client->rpc, NULL);
    if (client->quit_drops)
        client->rpc = NULL;
}

static void on_answer(void *ctx, const struct kn_answer *answer)
{
    struct client *client = ctx;
    client->ended++;
    if (answer->err) {
        client->failed++;
        client->unknown += answer->sent;
        client->last_err = *answer->err;
    } else if (answer->body) {
        client->answers[client->answer_count++] = kw_read_u8(answer->body);
    }
    quit_now(client);
}

static struct kn_call *ask_with(struct client *client, uint8_t number, int16_t key,
                                int64_t timeout_ms, bool no_answer)
{
    struct kb_buf *a = frame_make(1, 0), *b = frame_make(3, 9);
    a->data[0] = number;
    struct kb_piece pieces[] = {{a, kb_buf_view(a)}, {b, kb_buf_view(b)}};
    struct kn_request request = {.api_key = key,
                                 .version = 9,
                                 .pieces = pieces,
                                 .n = 2,
                                 .timeout_ms = timeout_ms,
                                 .no_answer = no_answer,
                                 .on_answer = on_answer,
                                 .ctx = client};
    return kn_rpc_call(client->rpc, &request, &client->last_err);
}

static struct kn_call *ask(struct client *client, uint8_t number)
{
    return ask_with(client, number, KW_API_METADATA, 30000, false);
}

/* With a body that needs no memory. */
static struct kn_call *ask_static(struct client *client)
{
    struct kb_piece piece = {NULL, kb_slice_of("body", 4)};
    struct kn_request request = {.api_key = KW_API_METADATA,
                                 .version = 9,
                                 .pieces = &piece,
                                 .n = 1,
                                 .timeout_ms = 30000,
                                 .on_answer = on_answer,
                                 .ctx = client};
    return kn_rpc_call(client->rpc, &request, NULL);
}

struct tally {
    struct client *client;
    int ended;
};

static bool has_ended(void *ctx)
{
    struct tally *tally = ctx;
    return tally->client->ended >= tally->ended;
}

static void until_ended(struct client *client, int ended)
{
    assert_true(
        world_until(client->broker->pair.world, has_ended, &(struct tally){client, ended}, 60000));
    assert_int_equal(client->ended, ended);
}

static void until_closed(struct client *client, int code)
{
    assert_true(world_until(client->broker->pair.world, world_flag, &client->closed, 60000));
    assert_int_equal(client->why.code, code);
    assert_int_equal(client->why.broker, 11);
}

/* ---- Versions ----------------------------------------------------------- */

static void versions_are_agreed_on(void **state)
{
    struct broker broker;
    struct client client;
    int16_t version;
    broker_open(&broker, *state, HONEST);
    client_open(&client, &broker);
    assert_true(client.ready);
    assert_int_equal(kn_rpc_state(client.rpc), KN_RPC_READY);
    assert_int_equal(broker.asked_versions, 1);
    assert_int_equal(kn_rpc_version(client.rpc, KW_API_METADATA, 0, 13), 12);
    assert_int_equal(kn_rpc_version(client.rpc, KW_API_METADATA, 4, 9), 9);
    assert_int_equal(kn_rpc_version(client.rpc, KW_API_METADATA, 13, 13), -1);
    assert_int_equal(kn_rpc_version(client.rpc, KW_API_PRODUCE, 0, 13), -1);
    assert_int_equal(kn_rpc_version(client.rpc, 9999, 0, 13), -1);
    assert_non_null(kn_rpc_api_versions(client.rpc, &version));
    assert_int_equal(version, 4);
    client_close(&client);
    broker_close(&broker);
}

static void older_brokers_are_asked_again(void **state)
{
    for (int newest = 0; newest <= 4; newest++) {
        for (int names = 0; names < 2; names++) {
            struct broker broker;
            struct client client;
            int16_t version;
            broker_open(&broker, *state, HONEST);
            broker.newest_versions = (int16_t)newest;
            broker.names_no_range = names == 0;
            client_open(&client, &broker);
            assert_true(client.ready);
            kn_rpc_api_versions(client.rpc, &version);
            assert_int_equal(version, newest == 4 || names ? newest : 0);
            assert_int_equal(broker.asked_versions, newest == 4 ? 1 : 2);
            assert_int_equal(kn_rpc_version(client.rpc, KW_API_METADATA, 0, 13), 12);
            client_close(&client);
            broker_close(&broker);
        }
    }
}

static void manner_case(struct world *world, enum manner manner, int code, const char *words)
{
    struct broker broker;
    struct client client;
    struct kn_rpc_options impatient = options;
    impatient.setup_max_ms = 200;
    broker_open(&broker, world, manner);
    client_open_with(&client, &broker, &impatient, &client_handler);
    until_closed(&client, code);
    assert_false(client.ready);
    assert_non_null(strstr(client.why.text, words));
    broker_close(&broker);
}

static void what_is_no_broker_is_told_apart(void **state)
{
    manner_case(*state, SILENT, KB_E_TIMED_OUT, "asking for its versions");
    manner_case(*state, HANGS_UP, KB_E_TRANSPORT, "when it was asked what it speaks");
    manner_case(*state, BABBLES, KB_E_PROTOCOL, "does not speak the Kafka protocol");
}

static void on_guest(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    (void)peer;
    *(struct kn_sock **)owner = sock;
    raw_write(sock, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

static void a_web_server_is_told_apart(void **state)
{
    struct world *world = *state;
    struct broker broker = {.pair.world = world};
    struct client client;
    struct kn_sock *guest = NULL;
    struct kn_addr local;
    broker.pair.listener =
        kn_listener_open(world->server, world->server_host, 0, NULL, on_guest, &guest, NULL);
    kn_listener_local(broker.pair.listener, &local);
    broker.pair.port = kn_addr_port(&local);
    client_open_with(&client, &broker, &options, &client_handler);
    until_closed(&client, KB_E_PROTOCOL);
    assert_non_null(strstr(client.why.text, "is an HTTP server, not a Kafka broker"));
    guest->ops->close(guest, false);
    broker_close(&broker);
}

static void nobody_there_is_a_transport_error(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    kn_listener_close(broker.pair.listener);
    broker.pair.listener = NULL;
    client_open(&client, &broker);
    until_closed(&client, KB_E_TRANSPORT);
    assert_non_null(strstr(client.why.text, "refused"));
    broker_close(&broker);
}

/* ---- Calls -------------------------------------------------------------- */

static void calls_are_pipelined_in_order(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    client_open(&client, &broker);
    broker.holding = true;
    for (int i = 0; i < 10; i++)
        assert_non_null(ask(&client, (uint8_t)i));
    assert_int_equal(kn_rpc_in_flight(client.rpc), 3);
    assert_int_equal(kn_rpc_waiting(client.rpc), 7);
    assert_true(kn_rpc_idle_since_ms(client.rpc) == KB_NEVER);
    world_settle(broker.pair.world);
    assert_int_equal(broker.asked, 3);
    broker_release(&broker, 1);
    until_ended(&client, 1);
    world_settle(broker.pair.world);
    assert_int_equal(broker.held_count, 3);
    assert_int_equal(client.rooms, 0);
    broker_release(&broker, 3);
    broker.holding = false;
    until_ended(&client, 10);
    assert_int_equal(broker.most_held, 3);
    assert_int_equal(client.rooms, 3);
    for (int i = 0; i < 10; i++)
        assert_int_equal(client.answers[i], i);
    assert_true(kn_rpc_idle_since_ms(client.rpc) != KB_NEVER);
    client_close(&client);
    broker_close(&broker);
}

static void a_late_answer_closes_and_a_late_turn_does_not(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    client_open(&client, &broker);
    broker.holding = true;
    for (int i = 0; i < 3; i++)
        assert_non_null(ask(&client, (uint8_t)i));
    assert_non_null(ask_with(&client, 3, KW_API_METADATA, 20, false));
    until_ended(&client, 1); /* never sent: it fails alone */
    assert_int_equal(client.last_err.code, KB_E_TIMED_OUT);
    assert_non_null(strstr(client.last_err.text, "Metadata"));
    assert_int_equal(client.unknown, 0);
    assert_false(client.closed);
    broker_release(&broker, 3);
    until_ended(&client, 4);
    assert_non_null(ask_with(&client, 4, KW_API_METADATA, 20, false));
    assert_non_null(ask(&client, 5));
    until_closed(&client, KB_E_TIMED_OUT);
    assert_int_equal(client.ended, 6);
    assert_int_equal(client.failed, 3);
    broker_close(&broker);
}

static void a_call_without_an_answer_ends_when_it_is_sent(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    client_open(&client, &broker);
    for (int i = 0; i < 20; i++)
        assert_non_null(ask_with(&client, 0, KW_API_PRODUCE, 1000, true));
    assert_non_null(ask(&client, 42));
    until_ended(&client, 21);
    assert_int_equal(client.failed, 0);
    assert_int_equal(broker.asked, 21);
    assert_int_equal(client.answers[0], 42);
    client_close(&client);
    broker_close(&broker);
}

static void a_cancelled_call_is_silent(void **state)
{
    struct broker broker;
    struct client client;
    struct kn_call *calls[5];
    broker_open(&broker, *state, HONEST);
    client_open(&client, &broker);
    broker.holding = true;
    for (int i = 0; i < 5; i++)
        calls[i] = ask(&client, (uint8_t)i);
    kn_call_cancel(calls[1]); /* sent: its answer is dropped */
    kn_call_cancel(calls[3]); /* waiting: it is never sent */
    world_settle(broker.pair.world);
    broker.holding = false;
    broker_release(&broker, 3);
    until_ended(&client, 3);
    assert_int_equal(broker.asked, 4);
    assert_int_equal(client.answers[0], 0);
    assert_int_equal(client.answers[1], 2);
    assert_int_equal(client.answers[2], 4);
    client_close(&client);
    broker_close(&broker);
}

static void when_the_broker_goes_all_calls_fail(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    client_open(&client, &broker);
    broker.holding = true;
    for (int i = 0; i < 5; i++)
        assert_non_null(ask(&client, (uint8_t)i));
    world_settle(broker.pair.world);
    kn_conn_close(broker.pair.server.conn, NULL);
    until_closed(&client, KB_E_CLOSED);
    assert_int_equal(client.failed, 5);
    assert_int_equal(client.unknown, 3);
    assert_int_equal(client.last_err.code, KB_E_CLOSED);
    broker_close(&broker);
}

static void answers_out_of_step_close(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, OUT_OF_STEP);
    client_open(&client, &broker);
    assert_non_null(ask(&client, 0));
    until_closed(&client, KB_E_PROTOCOL);
    assert_int_equal(client.failed, 1);
    broker_close(&broker);
}

static void an_answer_over_the_limit_closes(void **state)
{
    struct broker broker;
    struct client client;
    struct kn_rpc_options small = options;
    small.max_frame_bytes = 100;
    broker_open(&broker, *state, HONEST);
    client_open_with(&client, &broker, &small, &client_handler);
    assert_true(world_until(broker.pair.world, ready_or_closed, &client, 10000));
    assert_true(client.ready);
    assert_int_equal(end_send(&broker.pair.server, frame_make(101, 0)), 0);
    until_closed(&client, KB_E_LIMIT);
    broker_close(&broker);
}

static void any_answer_may_end_the_rpc(void **state)
{
    for (int drops = 0; drops < 2; drops++) {
        struct broker broker;
        struct client client;
        broker_open(&broker, *state, HONEST);
        client_open(&client, &broker);
        client.quit_after = 2;
        client.quit_drops = drops;
        for (int i = 0; i < 6; i++)
            assert_non_null(ask_with(&client, (uint8_t)i, i == 4 ? KW_API_PRODUCE : KW_API_METADATA,
                                     30000, i == 4));
        assert_true(world_until(broker.pair.world, has_ended, &(struct tally){&client, 2}, 10000));
        world_settle(broker.pair.world);
        assert_int_equal(client.closed, !drops);
        assert_int_equal(client.ended, drops ? 2 : 6);
        client_close(&client);
        broker_close(&broker);
    }
}

static void a_call_on_a_closed_rpc_is_refused(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    client_open_with(&client, &broker, &options, &client_handler);
    assert_null(ask(&client, 0));
    assert_int_equal(client.last_err.code, KB_E_STATE);
    kn_rpc_close(client.rpc, NULL);
    assert_null(ask(&client, 0));
    assert_int_equal(client.last_err.code, KB_E_CLOSED);
    assert_false(client.closed);
    until_closed(&client, KB_E_CLOSED);
    broker_close(&broker);
}

/* ---- Credit ------------------------------------------------------------- */

struct purse {
    struct client client; /* first: the rpc's owner */
    int asked, credit;
};

static enum kn_admit ask_purse(struct kn_rpc *rpc, void *call_ctx, uint32_t size,
                               struct kb_buf **buf, struct kb_error *why)
{
    struct purse *purse = call_ctx;
    (void)why;
    assert_ptr_equal(kn_rpc_owner(rpc), call_ctx);
    assert_int_equal(size, 4 + 1 + 4); /* correlation id, no tags, body */
    purse->asked++;
    if (purse->credit == 0)
        return KN_WAIT;
    purse->credit--;
    *buf = kb_buf_new(1000);
    return KN_ADMIT;
}

static const struct kn_rpc_handler purse_handler = {
    .on_ready = on_ready, .on_close = on_close, .on_size = ask_purse};

static void an_answer_waits_for_credit(void **state)
{
    struct broker broker;
    struct purse purse = {.asked = 0};
    broker_open(&broker, *state, HONEST);
    client_open_with(&purse.client, &broker, &options, &purse_handler);
    assert_true(world_until(broker.pair.world, ready_or_closed, &purse.client, 10000));
    for (int i = 0; i < 3; i++)
        assert_non_null(ask(&purse.client, (uint8_t)i));
    for (int i = 0; i < 3; i++) {
        world_settle(broker.pair.world);
        assert_int_equal(purse.client.ended, i);
        assert_int_equal(purse.asked, 2 * i + 1);
        purse.credit = 1;
        kn_rpc_resume_read(purse.client.rpc);
        until_ended(&purse.client, i + 1);
    }
    assert_int_equal(purse.client.failed, 0);
    client_close(&purse.client);
    broker_close(&broker);
}

/* ---- Authentication ----------------------------------------------------- */

static void on_handshake(void *ctx, const struct kn_answer *answer)
{
    struct client *client = ctx;
    struct kb_error why;
    assert_null(answer->err);
    assert_false(client->ready);
    kb_error_set(&why, KB_E_AUTHENTICATION, "wrong password");
    kn_rpc_authenticated(client->rpc, client->bad_password ? &why : NULL);
}

static void authenticate(struct kn_rpc *rpc)
{
    struct kb_buf *body = frame_make(8, 0);
    struct kb_piece piece = {body, kb_buf_view(body)};
    struct kn_request request = {.api_key = KW_API_SASL_HANDSHAKE,
                                 .version = 1,
                                 .pieces = &piece,
                                 .n = 1,
                                 .timeout_ms = 1000,
                                 .on_answer = on_handshake,
                                 .ctx = kn_rpc_owner(rpc)};
    assert_int_equal(kn_rpc_state(rpc), KN_RPC_AUTHENTICATING);
    assert_non_null(kn_rpc_call(rpc, &request, NULL));
}

static const struct kn_rpc_handler sasl_handler = {
    .on_ready = on_ready, .on_close = on_close, .authenticate = authenticate};

static void authentication_comes_before_ready(void **state)
{
    struct broker broker;
    struct client client;
    broker_open(&broker, *state, HONEST);
    client_open_with(&client, &broker, &options, &sasl_handler);
    assert_true(world_until(broker.pair.world, ready_or_closed, &client, 10000));
    assert_true(client.ready);
    client_close(&client);
    broker_close(&broker);
    broker_open(&broker, *state, HONEST);
    client_open_with(&client, &broker, &options, &sasl_handler);
    client.bad_password = true;
    until_closed(&client, KB_E_AUTHENTICATION);
    assert_false(client.ready);
    broker_close(&broker);
}

/* ---- Transports, memory, waiting ---------------------------------------- */

static void calls_go_through_fragments(void **state)
{
    struct fragment_maker maker;
    struct kn_rpc_options fragmented = options;
    struct broker broker;
    struct client client;
    fragment_maker_init(&maker, 1);
    fragmented.transport = &maker.maker;
    broker_open(&broker, *state, HONEST);
    broker.pair.server_options.transport = &maker.maker;
    client_open_with(&client, &broker, &fragmented, &client_handler);
    assert_true(world_until(broker.pair.world, ready_or_closed, &client, 10000));
    assert_true(client.ready);
    for (int i = 0; i < 30; i++)
        assert_non_null(ask(&client, (uint8_t)i));
    until_ended(&client, 30);
    assert_int_equal(client.failed, 0);
    client_close(&client);
    broker_close(&broker);
}

struct shortage {
    long nth, seen; /* the client's allocation that fails; -1: none */
    bool armed;     /* while the client's side runs */
};

static int on_allocation(void *ctx, size_t size)
{
    struct shortage *shortage = ctx;
    (void)size;
    return !shortage->armed || shortage->seen++ != shortage->nth;
}

static bool client_is_over(const struct client *client)
{
    return !client->rpc || client->ended;
}

/* Until the call has ended, or the rpc. */
static void drive(struct client *client, struct shortage *shortage)
{
    struct world *world = client->broker->pair.world;
    bool asked = false;
    for (int turns = 0; turns < 10000 && !client_is_over(client); turns++) {
        shortage->armed = true;
        kn_loop_step(world->client, 0);
        if (client->ready && client->rpc && !asked) {
            asked = true;
            client->ended += ask_static(client) == NULL;
        }
        shortage->armed = false;
        kn_loop_step(world->server, world->sim ? 0 : 1);
    }
    assert_true(client_is_over(client));
}

static void try_one_call(struct broker *broker, struct shortage *shortage)
{
    struct world *world = broker->pair.world;
    struct client client = {.broker = broker};
    shortage->armed = true;
    client.rpc = kn_rpc_new(world->client, world->server_host, broker->pair.port, &options,
                            &client_handler, &client);
    drive(&client, shortage);
    client_close(&client);
    world_settle(world);
    assert_null(broker->pair.server.conn);
    broker->pair.server.closed = broker->pair.server.opened = false;
}

static void without_memory_it_ends_in_an_error(void **state)
{
    struct shortage shortage = {.nth = -1};
    struct broker broker;
    broker_open(&broker, *state, HONEST);
    do {
        shortage.nth++;
        shortage.seen = 0;
        kb_mem_set_hook(on_allocation, &shortage);
        try_one_call(&broker, &shortage);
        kb_mem_set_hook(NULL, NULL);
    } while (shortage.seen > shortage.nth);
    assert_true(shortage.nth > 10);
    broker_close(&broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(versions_are_agreed_on),
        WORLD_TEST(older_brokers_are_asked_again),
        WORLD_TEST(what_is_no_broker_is_told_apart),
        WORLD_TEST(a_web_server_is_told_apart),
        WORLD_TEST(nobody_there_is_a_transport_error),
        WORLD_TEST(calls_are_pipelined_in_order),
        WORLD_TEST(a_late_answer_closes_and_a_late_turn_does_not),
        WORLD_TEST(a_call_without_an_answer_ends_when_it_is_sent),
        WORLD_TEST(a_cancelled_call_is_silent),
        WORLD_TEST(when_the_broker_goes_all_calls_fail),
        WORLD_TEST(answers_out_of_step_close),
        WORLD_TEST(an_answer_over_the_limit_closes),
        WORLD_TEST(any_answer_may_end_the_rpc),
        WORLD_TEST(a_call_on_a_closed_rpc_is_refused),
        WORLD_TEST(an_answer_waits_for_credit),
        WORLD_TEST(authentication_comes_before_ready),
        WORLD_TEST(calls_go_through_fragments),
        KERNEL_TEST(without_memory_it_ends_in_an_error),
    };
    return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
