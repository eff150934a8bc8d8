/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce requests whose batches are checked on other threads, among those that
 * are not: in the order of their requests they are appended, whatever happens
 * to their connection, their topic or the broker meanwhile.
 */
#include "tests/unit/unit.h"
#include "tests/unit/broker/rig.h"
#include "net/rpc.h"
#include "net/sim.h"
#include "wire/compress.h"
#include "wire/crc32c.h"
#include "wire/gen/delete_topics.h"
#include "wire/gen/metadata.h"
#include "wire/gen/produce.h"
#include "wire/record.h"
#include <string.h>

enum { PRODUCE = 9, METADATA = 4, DELETE = 3, PORT = 9092, REQUESTS = 12, NOISE = 20000 };

/* ---- Batches ------------------------------------------------------------ */

/* Noise in gzip: too much for the loop. */
static struct kb_buf *heavy_batch(int32_t count)
{
    static uint8_t noise[NOISE];
    uint8_t records[NOISE + 1000], *at = records;
    struct kw_codec_ctx *codec = kw_codec_ctx_new();
    struct kw_batch_header header;
    struct kb_random random;
    struct kb_error err;
    struct kb_slice packed;
    kb_random_seed(&random, 1);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)kb_random_next(&random);
    for (int32_t i = 0; i < count; i++) {
        struct kb_slice value = kb_slice_of(noise, sizeof noise / (size_t)count);
        struct kw_record_in record = {.offset_delta = i, .value = value};
        at = kw_record_write(at, &record, kw_record_body_size(&record));
    }
    struct kb_slice plain = kb_slice_of(records, (size_t)(at - records));
    assert_int_equal(kw_compress(codec, KW_CODEC_GZIP, 6, &plain, 1, &packed, &err), 0);
    struct kb_buf *buf = kb_buf_new(KW_BATCH_HEADER_BYTES + packed.size);
    memcpy(buf->data + KW_BATCH_HEADER_BYTES, packed.data, packed.size);
    kw_batch_header_init(&header);
    header.attributes = KW_CODEC_GZIP;
    header.last_offset_delta = count - 1;
    header.record_count = count;
    header.base_timestamp_ms = header.max_timestamp_ms = 1;
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, packed.data, packed.size), packed.size);
    buf->size = KW_BATCH_HEADER_BYTES + packed.size;
    kw_codec_ctx_free(codec);
    return buf;
}

/* Every third is light. */
static struct kb_buf *nth_batch(int n)
{
    struct batch_spec light = {.producer_id = -1, .count = n + 1, .timestamp_ms = 1};
    return n % 3 == 2 ? make_batch(&light) : heavy_batch(n + 1);
}

/* Of the nth batch, if all before it are in the log, behind `from`. */
static int64_t nth_offset(int64_t from, int n)
{
    return from + (int64_t)n * (n + 1) / 2;
}

static void write_produce(struct kw_writer *w, const struct kb_buf *batch)
{
    struct kw_produce_request_partition partition = {0, kb_buf_view(batch)};
    struct kw_produce_request_topic topic;
    struct kw_produce_request request;
    kw_produce_request_init(&request);
    kw_produce_request_topic_init(&topic);
    request.acks = -1;
    request.timeout_ms = 10000;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    topic.name = kb_slice_str("t");
    topic.partition_data = &partition;
    topic.partition_data_count = 1;
    kw_produce_request_encode(w, PRODUCE, &request);
}

/* It comes to be when first asked for. */
static void write_metadata(struct kw_writer *w)
{
    struct kw_metadata_request request;
    struct kw_metadata_request_topic topic;
    kw_metadata_request_init(&request);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str("t");
    request.topics = &topic;
    request.topics_count = 1;
    kw_metadata_request_encode(w, METADATA, &request);
}

/* ---- A simulated world -------------------------------------------------- */

struct world {
    struct kb_fs *fs;
    struct kn_sim *sim;
    struct kn_env *broker_env, *app_env;
    struct kn_loop *broker_loop, *app_loop;
    struct kd_broker *broker;
    struct kb_random random;
    bool started, stopped;
};

static void on_started(void *ctx, const struct kb_error *err)
{
    assert_int_equal(err->code, 0);
    ((struct world *)ctx)->started = true;
}

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

static void world_open(struct world *w, uint64_t seed)
{
    struct kb_error err;
    *w = (struct world){.fs = kb_fs_mem_new(), .sim = kn_sim_new(seed)};
    kb_random_seed(&w->random, seed);
    w->broker_env = kn_sim_env(w->sim, "broker");
    w->app_env = kn_sim_env(w->sim, "app");
    w->broker_loop = kn_loop_new(w->broker_env);
    w->app_loop = kn_loop_new(w->app_env);
    struct kd_broker_options options = {.fs = w->fs,
                                        .loop = w->broker_loop,
                                        .seed = seed,
                                        .ctx = w,
                                        .events = {.started = on_started, .stopped = on_stopped}};
    w->broker = kd_broker_new(&options, &err);
    rig_set(w->broker, "listeners", "PLAINTEXT://:9092");
    rig_set(w->broker, "advertised.listeners", "PLAINTEXT://broker:9092");
    rig_set(w->broker, "num.io.threads", "6");
    assert_int_equal(kd_broker_start(w->broker, &err), 0);
    assert_true(kn_sim_run(w->sim, is_set, &w->started, 60000));
}

/* After the broker stopped, or was halted. */
static void world_close(struct world *w)
{
    kn_loop_free(w->app_loop);
    kn_loop_free(w->broker_loop);
    kd_broker_free(w->broker);
    w->app_env->ops->free(w->app_env);
    w->broker_env->ops->free(w->broker_env);
    kn_sim_free(w->sim);
    w->fs->ops->free(w->fs);
}

static void world_stop(struct world *w)
{
    kd_broker_stop(w->broker);
    assert_true(kn_sim_run(w->sim, is_set, &w->stopped, 60000));
}

static void pass_some_time(struct world *w)
{
    (void)kn_sim_run(w->sim, NULL, NULL, (int64_t)kb_random_below(&w->random, 8));
}

/* ---- Its client --------------------------------------------------------- */

struct peer {
    struct world *world;
    struct kn_rpc *rpc; /* NULL: gone */
    bool ready, all;
    int answers, failures;
    int16_t codes[REQUESTS];
    int64_t offsets[REQUESTS];
};

static void on_ready(struct kn_rpc *rpc)
{
    ((struct peer *)kn_rpc_owner(rpc))->ready = true;
}

static void on_close(struct kn_rpc *rpc, const struct kb_error *why)
{
    (void)why;
    ((struct peer *)kn_rpc_owner(rpc))->rpc = NULL;
}

static void call(struct peer *peer, int16_t key, int16_t version, struct kw_writer *w,
                 kn_answer_fn *fn)
{
    struct kb_error err;
    struct kb_buf *buf = kw_writer_take(w);
    struct kb_piece piece = {buf, kb_buf_view(buf)};
    struct kn_request request = {.api_key = key,
                                 .version = version,
                                 .pieces = &piece,
                                 .n = 1,
                                 .timeout_ms = 60000,
                                 .on_answer = fn,
                                 .ctx = peer};
    assert_true(kn_rpc_call(peer->rpc, &request, &err));
}

static void on_other(void *ctx, const struct kn_answer *answer)
{
    (void)answer;
    ((struct peer *)ctx)->all = true;
}

static void peer_open(struct peer *peer, struct world *w)
{
    static const struct kn_rpc_handler handler = {.on_ready = on_ready, .on_close = on_close};
    static const struct kn_rpc_options options = {.client_id = "test",
                                                  .software_name = "test",
                                                  .software_version = "1",
                                                  .setup_ms = 10000,
                                                  .max_in_flight = 64,
                                                  .broker = -1};
    struct kw_writer writer;
    *peer = (struct peer){.world = w};
    peer->rpc = kn_rpc_new(w->app_loop, "broker", PORT, &options, &handler, peer);
    assert_true(kn_sim_run(w->sim, is_set, &peer->ready, 60000));
    kw_writer_init(&writer, 1 << 20);
    write_metadata(&writer);
    call(peer, KW_API_METADATA, METADATA, &writer, on_other);
    assert_true(kn_sim_run(w->sim, is_set, &peer->all, 60000));
    peer->all = false;
}

static void peer_close(struct peer *peer)
{
    if (peer->rpc)
        kn_rpc_drop(peer->rpc);
    peer->rpc = NULL;
}

static void on_produced(void *ctx, const struct kn_answer *answer)
{
    struct peer *peer = ctx;
    struct kw_produce_response out;
    struct kb_arena arena;
    if (answer->err) {
        peer->failures++;
    } else {
        kb_arena_init(&arena, 1 << 20);
        assert_true(kw_produce_response_decode(answer->body, answer->version, &arena, &out));
        peer->codes[peer->answers] = out.responses[0].partition_responses[0].error_code;
        peer->offsets[peer->answers++] = out.responses[0].partition_responses[0].base_offset;
        kb_arena_deinit(&arena);
    }
    peer->all = peer->answers + peer->failures == REQUESTS;
}

static void produce(struct peer *peer, struct kb_buf *batch)
{
    struct kw_writer w;
    kw_writer_init(&w, 1 << 20);
    write_produce(&w, batch);
    call(peer, KW_API_PRODUCE, PRODUCE, &w, on_produced);
    kb_buf_unref(batch);
}

static void produce_all(struct peer *peer)
{
    peer->all = false;
    peer->answers = peer->failures = 0;
    for (int i = 0; i < REQUESTS; i++)
        produce(peer, nth_batch(i));
}

static void wait_for_all(struct peer *peer)
{
    assert_true(kn_sim_run(peer->world->sim, is_set, &peer->all, 60000));
}

/* ---- Cases -------------------------------------------------------------- */

static void the_order_of_requests_is_that_of_the_log(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w;
        struct peer peer;
        world_open(&w, seed);
        peer_open(&peer, &w);
        produce_all(&peer);
        wait_for_all(&peer);
        assert_int_equal(peer.answers, REQUESTS);
        for (int i = 0; i < REQUESTS; i++) {
            assert_int_equal(peer.codes[i], 0);
            assert_int_equal(peer.offsets[i], nth_offset(0, i));
        }
        peer_close(&peer);
        world_stop(&w);
        world_close(&w);
    }
}

/* What arrived is appended, and of that nothing is left out in the middle. */
static void a_lost_connection_leaves_no_gap(void **state)
{
    int kept[REQUESTS + 1] = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w;
        struct peer lost, later;
        world_open(&w, seed);
        peer_open(&lost, &w);
        produce_all(&lost);
        pass_some_time(&w);
        kn_sim_reset(w.sim, "app", "broker");
        wait_for_all(&lost);
        (void)kn_sim_run(w.sim, NULL, NULL, 1000);
        peer_open(&later, &w);
        produce_all(&later);
        wait_for_all(&later);
        int n = 0;
        while (n < REQUESTS && nth_offset(0, n) < later.offsets[0])
            n++;
        assert_int_equal(later.offsets[0], nth_offset(0, n));
        assert_true(n >= lost.answers);
        kept[n]++;
        peer_close(&lost);
        peer_close(&later);
        world_stop(&w);
        world_close(&w);
    }
    assert_true(kept[0] < 60);
}

static void a_broker_stops_or_falls_in_mid_check(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct world w;
        struct peer peer[2];
        world_open(&w, seed);
        for (int i = 0; i < 2; i++)
            peer_open(&peer[i], &w);
        for (int i = 0; i < 2; i++)
            produce_all(&peer[i]);
        pass_some_time(&w);
        if (seed % 3 == 0)
            peer_close(&peer[1]);
        if (seed % 2)
            world_stop(&w);
        else
            kd_broker_halt(w.broker);
        for (int i = 0; i < 2; i++)
            peer_close(&peer[i]);
        world_close(&w);
    }
}

static void a_topic_goes_in_mid_check(void **state)
{
    int refused = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w;
        struct peer peer, other;
        struct kw_writer writer;
        struct kb_slice name = kb_slice_str("t");
        struct kw_delete_topics_request request;
        world_open(&w, seed);
        peer_open(&peer, &w);
        peer_open(&other, &w);
        produce_all(&peer);
        pass_some_time(&w);
        kw_delete_topics_request_init(&request);
        request.topic_names = &name;
        request.topic_names_count = 1;
        request.timeout_ms = 10000;
        kw_writer_init(&writer, 1 << 20);
        kw_delete_topics_request_encode(&writer, DELETE, &request);
        call(&other, KW_API_DELETE_TOPICS, DELETE, &writer, on_other);
        wait_for_all(&peer);
        wait_for_all(&other);
        assert_int_equal(peer.answers, REQUESTS);
        for (int i = 0; i < REQUESTS; i++) {
            bool gone = peer.codes[i] == KB_E_UNKNOWN_TOPIC_OR_PARTITION ||
                        peer.codes[i] == KB_E_NOT_LEADER_OR_FOLLOWER;
            assert_true(gone || peer.codes[i] == 0);
            refused += gone;
        }
        peer_close(&peer);
        peer_close(&other);
        world_stop(&w);
        world_close(&w);
    }
    assert_true(refused > 0);
}

/* ---- On real threads ---------------------------------------------------- */

static void send_to(struct client *client, struct kb_buf *batch)
{
    struct kw_writer w;
    client_begin(client, &w, KW_API_PRODUCE, PRODUCE);
    write_produce(&w, batch);
    client_send(client, &w);
    kb_buf_unref(batch);
}

static void prepare(struct client *client, const struct kd_broker *broker)
{
    struct kw_writer w;
    client_dial(client, broker);
    client_begin(client, &w, KW_API_METADATA, METADATA);
    write_metadata(&w);
    client_send(client, &w);
    assert_true(client_hear(client, KW_API_METADATA, METADATA));
}

static void threads_keep_the_order_too(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = rig_broker(fs);
    struct kw_produce_response out;
    struct client client;
    (void)state;
    rig_set(broker, "num.io.threads", "6");
    rig_start(broker);
    prepare(&client, broker);
    for (int i = 0; i < REQUESTS; i++)
        send_to(&client, nth_batch(i));
    for (int i = 0; i < REQUESTS; i++) {
        assert_true(client_hear(&client, KW_API_PRODUCE, PRODUCE));
        assert_true(kw_produce_response_decode(&client.body, PRODUCE, &client.arena, &out));
        assert_int_equal(out.responses[0].partition_responses[0].error_code, 0);
        assert_int_equal(out.responses[0].partition_responses[0].base_offset, nth_offset(0, i));
    }
    client_hang_up(&client);
    rig_end(broker);
    fs->ops->free(fs);
}

static void threads_check_while_the_broker_stops(void **state)
{
    enum { CLIENTS = 4 };
    struct client clients[CLIENTS];
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct kb_fs *fs = kb_fs_mem_new();
        struct kd_broker *broker = rig_broker(fs);
        rig_set(broker, "num.io.threads", "4");
        rig_start(broker);
        for (int i = 0; i < CLIENTS; i++)
            prepare(&clients[i], broker);
        for (int i = 0; i < CLIENTS * REQUESTS; i++)
            send_to(&clients[i % CLIENTS], nth_batch(i / CLIENTS));
        assert_true(client_hear(&clients[round % CLIENTS], KW_API_PRODUCE, PRODUCE));
        for (int i = 0; i < CLIENTS; i++)
            client_hang_up(&clients[i]);
        rig_end(broker);
        fs->ops->free(fs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_requests_is_that_of_the_log),
        cmocka_unit_test(a_lost_connection_leaves_no_gap),
        cmocka_unit_test(a_broker_stops_or_falls_in_mid_check),
        cmocka_unit_test(a_topic_goes_in_mid_check),
        cmocka_unit_test(threads_keep_the_order_too),
        cmocka_unit_test(threads_check_while_the_broker_stops),
    };
    if (kw_codec_info(KW_CODEC_GZIP)->built_in)
        return cmocka_run_group_tests(tests, NULL, NULL);
    return 77;
}
