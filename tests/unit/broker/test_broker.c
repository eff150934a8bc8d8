/* SPDX-License-Identifier: Apache-2.0 */
/* Whole brokers in this process, over disks in memory. */
#include "tests/unit/unit.h"
#include "base/fs_mem.h"
#include "broker/broker.h"
#include "net/sim.h"
#include "wire/frame.h"
#include "wire/gen/api_versions.h"
#include "wire/gen/metadata.h"
#include "base/arena.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kd_broker *broker_on(struct kb_fs *fs)
{
    struct kb_error err;
    struct kd_broker_options options = {.fs = fs};
    struct kd_broker *broker = kd_broker_new(&options, &err);
    assert_non_null(broker);
    assert_int_equal(kd_broker_set(broker, "listeners", "PLAINTEXT://127.0.0.1:0", &err), 0);
    return broker;
}

static void start(struct kd_broker *broker)
{
    struct kb_error err;
    if (kd_broker_start(broker, &err))
        fail_msg("start: %s", err.text);
}

static void end(struct kd_broker *broker)
{
    kd_broker_stop(broker);
    kd_broker_free(broker);
}

/* ---- A client of a few lines -------------------------------------------- */

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void write_frame(int fd, struct kw_writer *w)
{
    struct kb_buf *buf = kw_writer_take(w);
    uint8_t size[4];
    kw_put_be32(size, (uint32_t)buf->size);
    assert_int_equal(send(fd, size, 4, MSG_NOSIGNAL), 4);
    assert_int_equal(send(fd, buf->data, buf->size, MSG_NOSIGNAL), (ssize_t)buf->size);
    kb_buf_unref(buf);
}

static bool read_all(int fd, void *to, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = recv(fd, (uint8_t *)to + at, size - at, 0);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* NULL: the broker closed. */
static struct kb_buf *read_frame(int fd)
{
    uint8_t size[4];
    if (!read_all(fd, size, 4))
        return NULL;
    struct kb_buf *buf = kb_buf_new(kw_get_be32(size));
    buf->size = kw_get_be32(size);
    assert_true(read_all(fd, buf->data, buf->size));
    return buf;
}

static void begin(struct kw_writer *w, int16_t key, int16_t version, int32_t id)
{
    struct kw_request_header header = {key, version, id, kb_slice_str("test")};
    kw_writer_init(w, 1 << 20);
    kw_request_header_write(w, &header);
}

static void ask_metadata(int fd, int32_t id)
{
    struct kw_metadata_request in;
    struct kw_metadata_request_topic topic;
    struct kw_writer w;
    kw_metadata_request_init(&in);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str("made");
    in.topics = &topic;
    in.topics_count = 1;
    begin(&w, KW_API_METADATA, 9, id);
    kw_metadata_request_encode(&w, 9, &in);
    write_frame(fd, &w);
}

/* ---- Cases -------------------------------------------------------------- */

static void starts_and_stops_100_times(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct kd_broker *broker = broker_on(fs);
        start(broker);
        assert_true(kd_broker_port(broker) > 0);
        end(broker);
    }
    fs->ops->free(fs);
}

static void two_brokers_live_in_one_process(void **state)
{
    struct kb_fs *fs[2] = {kb_fs_mem_new(), kb_fs_mem_new()};
    struct kd_broker *broker[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        broker[i] = broker_on(fs[i]);
        start(broker[i]);
    }
    assert_int_not_equal(kd_broker_port(broker[0]), kd_broker_port(broker[1]));
    for (int i = 0; i < 2; i++) {
        int fd = dial(kd_broker_port(broker[i]));
        ask_metadata(fd, 7 + i);
        struct kb_buf *answer = read_frame(fd);
        assert_non_null(answer);
        assert_int_equal(kw_response_correlation_id(kb_buf_view(answer)), 7 + i);
        kb_buf_unref(answer);
        close(fd);
    }
    for (int i = 0; i < 2; i++) {
        end(broker[i]);
        fs[i]->ops->free(fs[i]);
    }
}

static void topics_survive_a_restart(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_uuid id[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct kd_broker *broker = broker_on(fs);
        start(broker);
        int fd = dial(kd_broker_port(broker));
        struct kw_metadata_request in;
        struct kw_metadata_response out;
        struct kw_metadata_request_topic topic;
        struct kw_writer w;
        struct kb_arena arena;
        int32_t correlation_id;
        kw_metadata_request_init(&in);
        kw_metadata_request_topic_init(&topic);
        topic.name = kb_slice_str("kept");
        in.topics = &topic;
        in.topics_count = 1;
        begin(&w, KW_API_METADATA, 12, 1);
        kw_metadata_request_encode(&w, 12, &in);
        write_frame(fd, &w);
        struct kb_buf *answer = read_frame(fd);
        struct kw_reader r = kw_reader_of(kb_buf_view(answer));
        kb_arena_init(&arena, 1 << 20);
        assert_true(kw_response_header_read(&r, KW_API_METADATA, 12, &correlation_id));
        assert_true(kw_metadata_response_decode(&r, 12, &arena, &out));
        assert_int_equal(out.topics[0].error_code, 0);
        assert_int_equal(out.topics[0].partitions_count, 1);
        id[i] = out.topics[0].topic_id;
        kb_arena_deinit(&arena);
        kb_buf_unref(answer);
        close(fd);
        end(broker);
    }
    assert_false(kb_uuid_is_zero(id[0]));
    assert_true(kb_uuid_equal(id[0], id[1]));
    fs->ops->free(fs);
}

static void a_used_port_is_named(void **state)
{
    struct kb_fs *fs[2] = {kb_fs_mem_new(), kb_fs_mem_new()};
    struct kd_broker *first = broker_on(fs[0]), *second = broker_on(fs[1]);
    struct kb_error err;
    char listeners[64];
    (void)state;
    start(first);
    snprintf(listeners, sizeof listeners, "PLAINTEXT://127.0.0.1:%d", kd_broker_port(first));
    assert_int_equal(kd_broker_set(second, "listeners", listeners, &err), 0);
    assert_int_not_equal(kd_broker_start(second, &err), 0);
    assert_non_null(strstr(err.text, listeners));
    kd_broker_free(second);
    end(first);
    fs[0]->ops->free(fs[0]);
    fs[1]->ops->free(fs[1]);
}

static void another_cluster_s_directory_is_refused(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_error err;
    (void)state;
    struct kd_broker *broker = broker_on(fs);
    assert_int_equal(kd_broker_set(broker, "cluster.id", "one", &err), 0);
    start(broker);
    end(broker);
    broker = broker_on(fs);
    assert_int_equal(kd_broker_set(broker, "cluster.id", "two", &err), 0);
    assert_int_not_equal(kd_broker_start(broker, &err), 0);
    assert_non_null(strstr(err.text, "one"));
    kd_broker_free(broker);
    fs->ops->free(fs);
}

static void a_directory_in_use_is_refused(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *first = broker_on(fs), *second = broker_on(fs);
    struct kb_error err;
    (void)state;
    start(first);
    assert_int_not_equal(kd_broker_start(second, &err), 0);
    assert_non_null(strstr(err.text, "in use"));
    kd_broker_free(second);
    end(first);
    fs->ops->free(fs);
}

static void apis_that_are_not_served_end_the_connection(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = broker_on(fs);
    struct kw_writer w;
    (void)state;
    start(broker);
    static const struct {
        int16_t key, version;
    } cases[] = {{KW_API_JOIN_GROUP, 0}, {KW_API_METADATA, 99}, {KW_API_FETCH, 3}, {999, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = dial(kd_broker_port(broker));
        kw_writer_init(&w, 1 << 10);
        kw_write_i16(&w, cases[i].key);
        kw_write_i16(&w, cases[i].version);
        kw_write_i32(&w, 1);
        kw_write_i16(&w, -1);
        kw_write_u8(&w, 0);
        write_frame(fd, &w);
        assert_null(read_frame(fd));
        close(fd);
    }
    end(broker);
    fs->ops->free(fs);
}

static void a_new_api_versions_is_answered_in_the_oldest_layout(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = broker_on(fs);
    struct kw_writer w;
    struct kb_arena arena;
    struct kw_api_versions_response out;
    int32_t correlation_id;
    (void)state;
    start(broker);
    int fd = dial(kd_broker_port(broker));
    begin(&w, KW_API_API_VERSIONS, 99, 5);
    kw_write_u32(&w, 0xdeadbeef); /* a body of the future */
    write_frame(fd, &w);
    struct kb_buf *answer = read_frame(fd);
    assert_non_null(answer);
    struct kw_reader r = kw_reader_of(kb_buf_view(answer));
    kb_arena_init(&arena, 1 << 16);
    assert_true(kw_response_header_read(&r, KW_API_API_VERSIONS, 0, &correlation_id));
    assert_true(kw_api_versions_response_decode(&r, 0, &arena, &out));
    assert_int_equal(out.error_code, KB_E_UNSUPPORTED_VERSION);
    assert_int_equal(out.api_keys_count, 1);
    assert_int_equal(out.api_keys[0].max_version, 4);
    ask_metadata(fd, 6); /* the connection goes on */
    kb_buf_unref(answer);
    answer = read_frame(fd);
    assert_non_null(answer);
    kb_buf_unref(answer);
    kb_arena_deinit(&arena);
    close(fd);
    end(broker);
    fs->ops->free(fs);
}

static void an_oversized_frame_ends_the_connection(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = broker_on(fs);
    static const uint8_t sizes[][4] = {{0x7f, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}};
    (void)state;
    start(broker);
    for (size_t i = 0; i < 3; i++) {
        int fd = dial(kd_broker_port(broker));
        assert_int_equal(send(fd, sizes[i], 4, MSG_NOSIGNAL), 4);
        assert_null(read_frame(fd));
        close(fd);
    }
    end(broker);
    fs->ops->free(fs);
}

static void stop_is_clean_with_clients_connected(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = broker_on(fs);
    (void)state;
    start(broker);
    int idle = dial(kd_broker_port(broker)), used = dial(kd_broker_port(broker));
    ask_metadata(used, 1);
    struct kb_buf *answer = read_frame(used);
    assert_non_null(answer);
    kb_buf_unref(answer);
    end(broker);
    assert_null(read_frame(idle));
    close(idle);
    close(used);
    fs->ops->free(fs);
}

/* ---- On a loop of ours -------------------------------------------------- */

struct world {
    bool started, stopped;
    struct kb_error err;
};

static void on_started(void *ctx, const struct kb_error *err)
{
    struct world *world = ctx;
    world->started = true;
    world->err = *err;
}

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

/* Killed after `ms` of its start, at any point of it, or stopped. */
static void simulate(struct kb_fs *fs, uint64_t seed, bool kill, int64_t ms)
{
    struct world world = {0};
    struct kb_error err;
    struct kn_sim *sim = kn_sim_new(seed);
    struct kn_env *env = kn_sim_env(sim, "broker");
    struct kn_loop *loop = kn_loop_new(env);
    struct kd_broker_options options = {.fs = fs, .loop = loop, .seed = seed, .ctx = &world,
                                        .events = {.started = on_started, .stopped = on_stopped}};
    struct kd_broker *broker = kd_broker_new(&options, &err);
    assert_int_equal(kd_broker_start(broker, &err), 0);
    if (kill) {
        (void)kn_sim_run(sim, NULL, NULL, ms);
        kd_broker_halt(broker);
    } else {
        assert_true(kn_sim_run(sim, is_set, &world.started, 60000));
        if (world.err.code)
            fail_msg("seed %d: %s", (int)seed, world.err.text);
        kd_broker_stop(broker);
        assert_true(kn_sim_run(sim, is_set, &world.stopped, 60000));
    }
    kn_loop_free(loop);
    kd_broker_free(broker);
    env->ops->free(env);
    kn_sim_free(sim);
}

static void starts_again_after_a_power_loss_at_any_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct kb_fs *fs = kb_fs_mem_new();
        struct kb_random random;
        kb_random_seed(&random, seed);
        simulate(fs, seed, true, (int64_t)kb_random_below(&random, 40));
        kb_fs_mem_crash(fs, KB_CRASH_POWER, &random);
        simulate(fs, seed, false, 0);
        fs->ops->free(fs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_stops_100_times),
        cmocka_unit_test(two_brokers_live_in_one_process),
        cmocka_unit_test(topics_survive_a_restart),
        cmocka_unit_test(a_used_port_is_named),
        cmocka_unit_test(another_cluster_s_directory_is_refused),
        cmocka_unit_test(a_directory_in_use_is_refused),
        cmocka_unit_test(apis_that_are_not_served_end_the_connection),
        cmocka_unit_test(a_new_api_versions_is_answered_in_the_oldest_layout),
        cmocka_unit_test(an_oversized_frame_ends_the_connection),
        cmocka_unit_test(stop_is_clean_with_clients_connected),
        cmocka_unit_test(starts_again_after_a_power_loss_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
