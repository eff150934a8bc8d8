/* SPDX-License-Identifier: Apache-2.0 */
/* One line says what is wrong and what to do: strangers on a broker's port, brokers
 * too old, addresses that lead astray, another cluster; where users see it. */
#include "tests/unit/unit.h"

#include "kurier/kurier.h"
#include "libclient/drive/client.h"
#include "tests/unit/client/fake.h"
#include <string.h>

enum { LONG_MS = 20000 };

struct world {
    struct fake_world net;
    kurier_config *config;
    kurier_client *client;
    struct fake_cluster other;
};

/* Fakes tell of their cluster by Metadata. */
static int16_t without_describe_cluster(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_DESCRIBE_CLUSTER ? -1 : kw_api_find(key)->max_version;
}

static void add_broker(struct world *w, const char *node, const char *advertised)
{
    fake_world_add(&w->net, node, advertised)->versions = without_describe_cluster;
}

static int setup(void **state)
{
    struct world *w = kb_calloc(1, sizeof *w);
    fake_world_init(&w->net, 19);
    w->net.cluster.controller = 1;
    w->net.cluster.topic_count = 1;
    w->net.cluster.topics[0] =
        (struct fake_topic){.name = "t", .id = 1, .partitions = 1, .leader = {1}, .epoch = {5}};
    w->config = kurier_config_new();
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(w->config, "log.sink", "events");
    kurier_config_set(w->config, "log.level", "error");
    kurier_config_set(w->config, "request.timeout.ms", "500");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kurier_client_free(w->client);
    kurier_config_free(w->config);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

static void open_client(struct world *w)
{
    w->client = kurier_client_new(w->net.runtime, w->config, NULL);
    assert_non_null(w->client);
}

/* ---- Where users see it -------------------------------------------------------------*/

static void check_line(const char *text, const char *words)
{
    print_message("# %s\n", text);
    assert_non_null(strstr(text, words));
    assert_null(strchr(text, '\n'));
}

static void ready_says(struct world *w, kurier_code code, const char *words)
{
    kurier_error err;
    assert_int_equal(kurier_client_ready(w->client, LONG_MS, &err), code);
    check_line(err.text, words);
}

static void admin_says(struct world *w, kurier_code code, const char *words)
{
    kurier_error err;
    assert_null(kurier_admin_run(w->client, kurier_admin_describe_cluster(), LONG_MS, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.text, words));
}

static void event_says(kurier_client *client, kurier_event_kind kind, const char *words)
{
    kurier_event event;
    do {
        assert_true(kurier_client_event(client, &event, LONG_MS));
    } while (event.kind != kind);
    assert_non_null(strstr(event.error.text, words));
}

/* A record waits in vain. */
static void report_says(struct world *w, const char *words)
{
    kurier_error err;
    kurier_report report;
    kurier_config_set(w->config, "delivery.timeout.ms", "3000");
    kurier_config_set(w->config, "linger.ms", "0");
    kurier_config_set(w->config, "enable.idempotence", "false");
    kurier_producer *producer = kurier_producer_new(w->net.runtime, w->config, &err);
    assert_non_null(producer);
    kurier_topic *topic = kurier_producer_topic(producer, "t", &err);
    kurier_record record = {.value = kurier_str("v"), .opaque = 1};
    assert_int_equal(kurier_topic_try_send(topic, &record, &err), KURIER_OK);
    assert_int_equal(kurier_producer_poll(producer, &report, 1, LONG_MS, &err), 1);
    kurier_report_error(&report, &err);
    check_line(err.text, words);
    kurier_producer_free(producer);
}

static void all_say(struct world *w, kurier_code code, const char *words)
{
    open_client(w);
    ready_says(w, code, words);
    admin_says(w, code, words);
    event_says(w->client, KURIER_EVENT_ALL_DOWN, words);
    event_says(w->client, KURIER_EVENT_BROKER_DOWN, words);
    report_says(w, words);
}

/* ---- Strangers ------------------------------------------------------------------------*/

static void strangers_are_known_by_what_they_say(void **state)
{
    static const struct {
        const char *greeting;
        size_t size;
        const char *words;
    } strangers[] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 0,
         "kafka1:9092 is an HTTP server, not a Kafka broker"},
        {"<!DOCTYPE HTML>", 0, "kafka1:9092 is an HTTP server"},
        {"\x15\x03\x03\x00\x02\x02\x50", 7, "kafka1:9092 wants TLS"},
        {"SSH-2.0-OpenSSH_9.6\r\n", 0, "is an SSH server"},
        {"220 mail.example ESMTP\r\n", 0, "is a mail or FTP server"},
        {"-ERR unknown command\r\n", 0, "is a Redis server"},
        {"E\0\0\0\x30SFATAL", 11, "is a PostgreSQL server"},
        {"Welcome", 0, "its answer begins with \"Welc\""},
        {"\xff\xfe\xfd\xfc\xfb", 5, "its answer begins with ff fe fd fc"},
        {"\0\0\0\x05hello", 9, "does not speak the Kafka protocol"},
    };
    struct world *w = *state;
    fake_world_start(&w->net, "kafka1");
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        w->net.fakes[0].greeting = strangers[i].greeting;
        w->net.fakes[0].greeting_size = strangers[i].size;
        all_say(w, KURIER_E_PROTOCOL, strangers[i].words);
        kurier_client_free(w->client);
        w->client = NULL;
    }
}

static void who_hangs_up_may_want_tls(void **state)
{
    struct world *w = *state;
    fake_world_start(&w->net, "kafka1");
    w->net.fakes[0].hangs_up = true;
    kurier_config_set(w->config, "default.api.timeout.ms", "2000");
    open_client(w);
    kurier_error err;
    assert_int_equal(kurier_client_ready(w->client, 2000, &err), KURIER_E_TRANSPORT);
    check_line(err.text, "it wants TLS, or is older than Kafka 0.10");
    event_says(w->client, KURIER_EVENT_BROKER_DOWN, "it wants TLS");
    report_says(w, "it wants TLS");
}

static void zookeepers_port_is_known(void **state)
{
    struct world *w = *state;
    kurier_error err;
    fake_start(&w->net.fakes[w->net.fake_count++], w->net.sim, "zoo", 2181, &w->net.cluster);
    w->net.fakes[0].hangs_up = true;
    kurier_config_set(w->config, "bootstrap.servers", "zoo:2181");
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, 2000, &err), KURIER_E_TRANSPORT);
    check_line(err.text, "2181 is ZooKeeper's port");
}

static void silence_costs_one_request_timeout(void **state)
{
    struct world *w = *state;
    kurier_error err;
    fake_world_start(&w->net, "kafka1");
    w->net.fakes[0].mute = true;
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, 700, &err), KURIER_E_TIMED_OUT);
    check_line(err.text, "no answer to ApiVersions within 500 ms; is it a Kafka broker?");
    report_says(w, "no answer to ApiVersions");
}

/* It says what it speaks, and hangs up at anything else, as brokers that want SASL. */
static void who_hangs_up_later_may_want_sasl(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1", "kafka1");
    w->net.fakes[0].no_metadata = true;
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, 2000, &err), KURIER_E_TRANSPORT);
    check_line(err.text, "its listener wants SASL");
}

static void answers_out_of_step_are_told(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1", "kafka1");
    w->net.fakes[0].skew = 100;
    open_client(w);
    ready_says(w, KURIER_E_PROTOCOL, "kafka1:9092: it answers request 101, and 1 is due");
    admin_says(w, KURIER_E_PROTOCOL, "it answers request");
}

/* ---- Versions -------------------------------------------------------------------------*/

static int16_t as_kafka_0_10(struct fake *fake, int16_t key)
{
    (void)fake;
    if (key == KW_API_METADATA)
        return 1;
    return key <= KW_API_API_VERSIONS ? 2 : -1;
}

static void an_old_broker_is_named(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1", "kafka1");
    w->net.fakes[0].versions = as_kafka_0_10;
    kurier_config_set(w->config, "allow.auto.create.topics", "false");
    open_client(w);
    ready_says(w, KURIER_E_UNSUPPORTED,
               "kafka1:9092 is too old: it speaks Metadata 0-1, and 4-13 is needed; it looks like "
               "Kafka 0.10.0");
    admin_says(w, KURIER_E_UNSUPPORTED, "is too old");
    event_says(w->client, KURIER_EVENT_UNSUPPORTED, "is too old");
}

static int16_t as_kafka_2_0(struct fake *fake, int16_t key)
{
    (void)fake;
    if (key > KW_API_DELETE_GROUPS)
        return -1;
    return key == KW_API_FETCH ? 8 : key == KW_API_METADATA ? 6 : kw_api_find(key)->min_version;
}

static void a_missing_api_is_named(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_setting_change change = {.name = "t", .key = "k", .value = "v", .kind = KURIER_TOPIC};
    add_broker(w, "kafka1", "kafka1");
    w->net.fakes[0].versions = as_kafka_2_0;
    open_client(w);
    assert_null(kurier_admin_run(w->client, kurier_admin_alter_configs(&change, 1), 2000, &err));
    assert_int_equal(err.code, KURIER_E_UNSUPPORTED);
    check_line(err.text,
               "kafka1:9092 does not offer IncrementalAlterConfigs, which came with Kafka "
               "2.3; it looks like Kafka 2.0");
}

static int16_t without_metadata(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_METADATA ? -1 : kw_api_find(key)->max_version;
}

static void a_controller_is_no_broker(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1", "kafka1");
    w->net.fakes[0].versions = without_metadata;
    open_client(w);
    ready_says(w, KURIER_E_UNSUPPORTED, "so it is a controller and no broker");
}

static int16_t of_the_future(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_METADATA ? 30 : kw_api_find(key)->max_version;
}

static int16_t from_20(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_METADATA ? 20 : kw_api_find(key)->min_version;
}

static void a_broker_may_be_too_new(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1", "kafka1");
    w->net.fakes[0].versions = of_the_future;
    w->net.fakes[0].least = from_20;
    open_client(w);
    ready_says(w, KURIER_E_UNSUPPORTED, "kafka1:9092 is too new: it speaks Metadata 20-30");
}

/* ---- Addresses ------------------------------------------------------------------------*/

/* kafka1 answers, but says that clients should come elsewhere. */
static void advertised(struct world *w, const char *host, const char *words)
{
    kurier_error err;
    kurier_new_topic topic = {.name = "new", .partitions = 1};
    add_broker(w, "kafka1", host);
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, LONG_MS, &err), KURIER_OK);
    assert_null(kurier_admin_run(w->client, kurier_admin_create_topics(&topic, 1), 2000, &err));
    check_line(err.text, words);
    event_says(w->client, KURIER_EVENT_BROKER_DOWN, words);
    report_says(w, words);
}

static void an_advertised_name_that_nobody_knows(void **state)
{
    advertised(*state, "kafka.internal",
               "broker 1 advertises this address (advertised.listeners), not the kafka1:9092 that "
               "was given");
}

static void this_machine_advertised(void **state)
{
    struct world *w = *state;
    kn_sim_name(w->net.sim, "localhost", "app");
    advertised(w, "localhost", "broker 1 advertises localhost, which is this machine: set its adv");
}

static void no_address_advertised(void **state)
{
    advertised(*state, "0.0.0.0", "broker 1 advertises 0.0.0.0, which is no address: set its adv");
}

/* ---- Another cluster ---------------------------------------------------------------------*/

static void another_cluster_at_the_same_address(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1", "kafka1");
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, LONG_MS, &err), KURIER_OK);
    kurier_result *result = kurier_admin_run(w->client, kurier_admin_describe_cluster(), 999, &err);
    assert_non_null(result);
    kurier_result_free(result);
    w->net.cluster.id = "another";
    kn_sim_reset(w->net.sim, "app", "kafka1");
    admin_says(w, (kurier_code)KB_E_INCONSISTENT_CLUSTER_ID,
               "kafka1:9092 belongs to cluster another now, this client to fake");
    event_says(w->client, KURIER_EVENT_OTHER_CLUSTER, "if that is meant make a new one");
    w->net.cluster.id = "fake"; /* the address was corrected */
    result = NULL;
    for (int i = 0; !result && i < 100; i++)
        result = kurier_admin_run(w->client, kurier_admin_describe_cluster(), 1000, &err);
    assert_non_null(result);
    kurier_result_free(result);
}

/* The rest of the cluster goes on. */
static void one_address_of_several(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1", "kafka1");
    add_broker(w, "kafka2", "kafka2");
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092,kafka2:9092");
    w->other = w->net.cluster;
    w->other.id = "another";
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, LONG_MS, &err), KURIER_OK);
    w->net.fakes[0].cluster = &w->other;
    w->net.cluster.controller = 2;
    kn_sim_reset(w->net.sim, "app", "kafka1");
    for (int i = 0; i < 10; i++) {
        kn_sim_reset(w->net.sim, "app", "kafka2");
        kurier_result *result =
            kurier_admin_run(w->client, kurier_admin_describe_cluster(), LONG_MS, &err);
        assert_non_null(result);
        assert_string_equal(kurier_result_cluster(result, 0)->name, "fake");
        kurier_result_free(result);
    }
}

/* ---- Down and stale -----------------------------------------------------------------------*/

static void old_metadata_is_told(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1", "kafka1");
    kurier_config_set(w->config, "metadata.max.age.ms", "5000");
    open_client(w);
    assert_int_equal(kurier_client_ready(w->client, LONG_MS, &err), KURIER_OK);
    w->net.fakes[0].mute = true;
    event_says(w->client, KURIER_EVENT_STALE, "metadata is 1");
    w->net.fakes[0].mute = false;
    kn_sim_run(w->net.sim, NULL, NULL, 20000);
    w->net.fakes[0].mute = true;
    event_says(w->client, KURIER_EVENT_STALE, "cannot be refreshed"); /* it was over */
}

/* ---- Memory --------------------------------------------------------------------------------*/

/* A stranger is named all the same, or it is said that there was no memory. */
static void diagnose_short_of_memory(void *ctx)
{
    struct world *w = ctx;
    kurier_error err;
    kurier_client *client = kurier_client_new(w->net.runtime, w->config, &err);
    if (!client) {
        assert_int_equal(err.code, KURIER_E_NO_MEMORY);
        return;
    }
    kurier_code code = kurier_client_ready(client, 5000, &err);
    if (code != KURIER_E_PROTOCOL) /* it looked the first time, and looks again */
        code = kurier_client_ready(client, 5000, &err);
    assert_int_equal(code, KURIER_E_PROTOCOL);
    assert_non_null(strstr(err.text, "is an HTTP server"));
    kurier_client_free(client);
}

static void out_of_memory_hides_nothing(void **state)
{
    struct world *w = *state;
    fake_world_start(&w->net, "kafka1")->greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_in_range(unit_each_failure(diagnose_short_of_memory, w), 20, 2000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(strangers_are_known_by_what_they_say),
        CASE(who_hangs_up_may_want_tls),
        CASE(zookeepers_port_is_known),
        CASE(silence_costs_one_request_timeout),
        CASE(who_hangs_up_later_may_want_sasl),
        CASE(answers_out_of_step_are_told),
        CASE(an_old_broker_is_named),
        CASE(a_missing_api_is_named),
        CASE(a_controller_is_no_broker),
        CASE(a_broker_may_be_too_new),
        CASE(an_advertised_name_that_nobody_knows),
        CASE(this_machine_advertised),
        CASE(no_address_advertised),
        CASE(another_cluster_at_the_same_address),
        CASE(one_address_of_several),
        CASE(old_metadata_is_told),
        CASE(out_of_memory_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
