/* SPDX-License-Identifier: Apache-2.0 */
/* Whole brokers in this process, over disks in memory. */
#include "tests/unit/unit.h"
#include "tests/unit/broker/rig.h"
#include "net/sim.h"
#include "wire/gen/api_versions.h"
#include "wire/gen/metadata.h"
#include <string.h>
#include <sys/socket.h>

/* Makes the topic and answers its id. */
static struct kb_uuid ask_metadata(struct client *c, const char *name)
{
    struct kw_metadata_request in;
    struct kw_metadata_request_topic topic;
    struct kw_metadata_response out;
    struct kw_writer w;
    kw_metadata_request_init(&in);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str(name);
    in.topics = &topic;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_METADATA, 12);
    kw_metadata_request_encode(&w, 12, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_METADATA, 12));
    assert_true(kw_metadata_response_decode(&c->body, 12, &c->arena, &out));
    assert_int_equal(out.topics[0].error_code, 0);
    assert_int_equal(out.topics[0].partitions_count, 1);
    return out.topics[0].topic_id;
}

/* ---- Cases -------------------------------------------------------------- */

/* Each has its own directory; the topic of the first round is there in the last. */
static void two_brokers_start_and_stop_100_times(void **state)
{
    struct kb_fs *fs[2] = {kb_fs_mem_new(), kb_fs_mem_new()};
    struct kb_uuid id[2];
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct kd_broker *broker[2];
        for (int i = 0; i < 2; i++) {
            broker[i] = rig_broker(fs[i]);
            rig_start(broker[i]);
        }
        assert_int_not_equal(kd_broker_port(broker[0]), kd_broker_port(broker[1]));
        for (int i = 0; i < 2; i++) {
            struct client client;
            client_dial(&client, broker[i]);
            struct kb_uuid now = ask_metadata(&client, "made");
            assert_true(round == 0 || kb_uuid_equal(now, id[i]));
            id[i] = now;
            client_hang_up(&client);
        }
        for (int i = 0; i < 2; i++)
            rig_end(broker[i]);
    }
    assert_false(kb_uuid_equal(id[0], id[1]));
    for (int i = 0; i < 2; i++)
        fs[i]->ops->free(fs[i]);
}

static void topics_survive_a_restart(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_uuid id[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct kd_broker *broker = rig_broker(fs);
        rig_start(broker);
        struct client client;
        client_dial(&client, broker);
        id[i] = ask_metadata(&client, "kept");
        client_hang_up(&client);
        rig_end(broker);
    }
    assert_false(kb_uuid_is_zero(id[0]));
    assert_true(kb_uuid_equal(id[0], id[1]));
    fs->ops->free(fs);
}

static void a_used_port_is_named(void **state)
{
    struct kb_fs *fs[2] = {kb_fs_mem_new(), kb_fs_mem_new()};
    struct kd_broker *first = rig_broker(fs[0]), *second = rig_broker(fs[1]);
    struct kb_error err;
    char listeners[64];
    (void)state;
    rig_start(first);
    snprintf(listeners, sizeof listeners, "PLAINTEXT://127.0.0.1:%d", kd_broker_port(first));
    rig_set(second, "listeners", listeners);
    assert_int_not_equal(kd_broker_start(second, &err), 0);
    assert_non_null(strstr(err.text, listeners));
    kd_broker_free(second);
    rig_end(first);
    fs[0]->ops->free(fs[0]);
    fs[1]->ops->free(fs[1]);
}

static void another_cluster_s_directory_is_refused(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kb_error err;
    (void)state;
    struct kd_broker *broker = rig_broker(fs);
    rig_set(broker, "cluster.id", "one");
    rig_start(broker);
    rig_end(broker);
    broker = rig_broker(fs);
    rig_set(broker, "cluster.id", "two");
    assert_int_not_equal(kd_broker_start(broker, &err), 0);
    assert_non_null(strstr(err.text, "one"));
    kd_broker_free(broker);
    fs->ops->free(fs);
}

static void a_directory_in_use_is_refused(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *first = rig_broker(fs), *second = rig_broker(fs);
    struct kb_error err;
    (void)state;
    rig_start(first);
    assert_int_not_equal(kd_broker_start(second, &err), 0);
    assert_non_null(strstr(err.text, "in use"));
    kd_broker_free(second);
    rig_end(first);
    fs->ops->free(fs);
}

static void apis_that_are_not_served_end_the_connection(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = rig_broker(fs);
    struct kw_writer w;
    (void)state;
    rig_start(broker);
    static const struct {
        int16_t key, version;
    } cases[] = {{KW_API_JOIN_GROUP, 0}, {KW_API_METADATA, 99}, {KW_API_FETCH, 3}, {999, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client client;
        client_dial(&client, broker);
        kw_writer_init(&w, 1 << 10);
        kw_write_i16(&w, cases[i].key);
        kw_write_i16(&w, cases[i].version);
        kw_write_i32(&w, 1);
        kw_write_i16(&w, -1);
        kw_write_u8(&w, 0);
        client_send(&client, &w);
        assert_false(client_hear(&client, KW_API_METADATA, 0));
        client_hang_up(&client);
    }
    rig_end(broker);
    fs->ops->free(fs);
}

static void a_new_api_versions_is_answered_in_the_oldest_layout(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = rig_broker(fs);
    struct kw_writer w;
    struct client client;
    struct kw_api_versions_response out;
    (void)state;
    rig_start(broker);
    client_dial(&client, broker);
    client_begin(&client, &w, KW_API_API_VERSIONS, 99);
    kw_write_u32(&w, 0xdeadbeef); /* a body of the future */
    client_send(&client, &w);
    assert_true(client_hear(&client, KW_API_API_VERSIONS, 0));
    assert_true(kw_api_versions_response_decode(&client.body, 0, &client.arena, &out));
    assert_int_equal(out.error_code, KB_E_UNSUPPORTED_VERSION);
    assert_int_equal(out.api_keys_count, 1);
    assert_int_equal(out.api_keys[0].max_version, 4);
    ask_metadata(&client, "made"); /* the connection goes on */
    client_hang_up(&client);
    rig_end(broker);
    fs->ops->free(fs);
}

static void an_oversized_frame_ends_the_connection(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = rig_broker(fs);
    static const uint8_t sizes[][4] = {
        {0x7f, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}};
    (void)state;
    rig_start(broker);
    for (size_t i = 0; i < 3; i++) {
        struct client client;
        client_dial(&client, broker);
        assert_int_equal(send(client.fd, sizes[i], 4, MSG_NOSIGNAL), 4);
        assert_false(client_hear(&client, KW_API_METADATA, 0));
        client_hang_up(&client);
    }
    rig_end(broker);
    fs->ops->free(fs);
}

static void stop_is_clean_with_clients_connected(void **state)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker *broker = rig_broker(fs);
    (void)state;
    rig_start(broker);
    struct client idle, used;
    client_dial(&idle, broker);
    client_dial(&used, broker);
    ask_metadata(&used, "made");
    rig_end(broker);
    assert_false(client_hear(&idle, KW_API_METADATA, 0));
    client_hang_up(&idle);
    client_hang_up(&used);
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
    struct kd_broker_options options = {.fs = fs,
                                        .loop = loop,
                                        .seed = seed,
                                        .ctx = &world,
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
        cmocka_unit_test(two_brokers_start_and_stop_100_times),
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
