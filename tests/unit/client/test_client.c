/* SPDX-License-Identifier: Apache-2.0 */
/* A client and brokers on a simulated network: ready and its causes, metadata
 * through everything that can happen to it. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "libclient/api/config.h"
#include "libclient/api/error.h"
#include "libclient/drive/client.h"
#include "tests/unit/client/fake.h"

struct world {
    struct fake_world net;
    kurier_config *config;
    struct kurier_client *client;
    struct kc_topic *topic;
    int changes, usable;
    int unready; /* what the handle itself says to `ready` */
};

static void on_topic(void *owner, struct kc_topic *topic)
{
    struct world *w = owner;
    assert_ptr_equal(topic, w->topic);
    w->changes++;
}

static void on_usable(void *owner, struct kc_link *link)
{
    struct world *w = owner;
    (void)link;
    w->usable++;
}

/* As a producer that still waits for its id. */
static int is_ready(void *owner, struct kb_error *err)
{
    struct world *w = owner;
    return w->unready ? kb_error_set(err, w->unready, "something of the handle's own") : 0;
}

static const struct kc_client_ops ops = {.topic = on_topic, .usable = on_usable, .ready = is_ready};

/* Brokers 1.. on nodes kafka1.., leading the topic "t" in turn. */
static void add_broker(struct world *w, const char *node)
{
    fake_world_add(&w->net, node, node);
}

static int setup(void **state)
{
    struct world *w = kb_calloc(1, sizeof *w);
    fake_world_init(&w->net, 7);
    w->config = kurier_config_new();
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092,kafka2:9092");
    kurier_config_set(w->config, "log.sink", "events");
    w->net.cluster.topic_count = 1;
    w->net.cluster.controller = 1;
    w->net.cluster.topics[0] = (struct fake_topic){
        .name = "t", .id = 1, .partitions = 2, .leader = {1, 2}, .epoch = {5, 5}};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kc_client_free(w->client);
    kurier_config_free(w->config);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

static void open_client(struct world *w)
{
    struct kb_error err;
    w->client = kc_client_new(w->net.runtime, w->config, &ops, w, &err);
    assert_non_null(w->client);
}

static void want(struct world *w)
{
    w->topic = kc_client_want(w->client, "t");
    assert_non_null(w->topic);
}

static kurier_code ready(struct world *w, int timeout_ms, kurier_error *err)
{
    return kurier_client_ready(w->client, timeout_ms, err);
}

/* ---- ready and its causes --------------------------------------------------*/

static void becomes_ready(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    open_client(w);
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
    assert_int_equal(err.code, KURIER_OK);
    assert_string_equal(w->client->metadata.cluster_id, "fake");
    assert_int_equal(ready(w, 0, &err), KURIER_E_TIMED_OUT); /* a new call needs a turn */
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
}

static void names_who_refused(void **state)
{
    struct world *w = *state;
    kurier_error err;
    struct kn_env *idle = kn_sim_env(w->net.sim, "kafka1"); /* a host where nothing listens */
    idle->ops->free(idle);
    kn_sim_name(w->net.sim, "kafka2", NULL);
    open_client(w);
    assert_int_equal(ready(w, 3000, &err), KURIER_E_TRANSPORT);
    assert_non_null(strstr(err.text, "kafka1:9092"));
    assert_non_null(strstr(err.text, "refused"));
    assert_non_null(strstr(err.text, "kafka2"));
}

static void goes_on_behind(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kn_sim_name(w->net.sim, "kafka1", NULL);
    kn_sim_name(w->net.sim, "kafka2", NULL);
    open_client(w);
    assert_int_equal(ready(w, 500, &err), KURIER_E_TRANSPORT);
    add_broker(w, "kafka1");
    kn_sim_name(w->net.sim, "kafka1", "kafka1");
    assert_false(kurier_client_pending(w->client) & KURIER_RESUME);
    kn_sim_run(w->net.sim, NULL, NULL, 5000);
    assert_true(kurier_client_pending(w->client) & KURIER_RESUME);
    assert_int_equal(ready(w, 0, &err), KURIER_OK);
    assert_false(kurier_client_pending(w->client) & KURIER_RESUME);
}

static void says_that_it_is_no_broker(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    w->net.fakes[0].greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092");
    open_client(w);
    int code = ready(w, 20000, &err);
    print_message("# %s\n", err.text);
    assert_int_equal(code, KURIER_E_PROTOCOL);
    assert_null(strchr(err.text, '\n'));
}

static void black_hole_is_a_timeout(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    kn_sim_cut(w->net.sim, "app", NULL);
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(w->config, "socket.connection.setup.timeout.ms", "200");
    open_client(w);
    assert_int_equal(ready(w, 2000, &err), KURIER_E_TRANSPORT);
    print_message("# %s\n", err.text);
    kn_sim_heal(w->net.sim, "app", NULL);
    assert_int_equal(ready(w, 5000, &err), KURIER_OK);
}

/* It accepts, reads, and says nothing. */
static void a_mute_broker_costs_one_request_timeout(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    w->net.fakes[0].mute = true;
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(w->config, "request.timeout.ms", "400");
    open_client(w);
    assert_int_equal(ready(w, 300, &err), KURIER_E_TIMED_OUT);
    assert_int_equal(ready(w, 300, &err), KURIER_E_TIMED_OUT);
    print_message("# %s\n", err.text);
    assert_non_null(strstr(err.text, "kafka1:9092: no answer to ApiVersions within 400 ms; is it"));
    w->net.fakes[0].mute = false;
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
}

static void a_wake_sticks(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kn_sim_name(w->net.sim, "kafka1", NULL);
    kn_sim_name(w->net.sim, "kafka2", NULL);
    open_client(w);
    kurier_client_wake(w->client);
    assert_int_equal(ready(w, 500, &err), KURIER_E_INTERRUPTED);
    assert_int_equal(ready(w, 500, &err), KURIER_E_TRANSPORT);
}

static void the_handle_has_its_say(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    w->unready = KB_E_TIMED_OUT;
    open_client(w);
    assert_int_equal(ready(w, 500, &err), KURIER_E_TIMED_OUT);
    w->unready = KB_E_CLUSTER_AUTHORIZATION_FAILED;
    kc_client_ready_changed(w->client);
    assert_int_equal(ready(w, 500, &err), KB_E_CLUSTER_AUTHORIZATION_FAILED);
    assert_string_equal(err.text, "something of the handle's own");
    w->unready = 0;
    assert_int_equal(ready(w, 500, &err), KURIER_OK);
}

/* ---- Links ----------------------------------------------------------------------*/

static struct kc_link *open_link(struct world *w)
{
    kurier_error err;
    add_broker(w, "kafka1");
    open_client(w);
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
    struct kc_link *link = kc_client_link(w->client, 1);
    assert_non_null(link);
    assert_ptr_equal(kc_client_link(w->client, 1), link);
    assert_null(kc_client_link(w->client, 9));
    assert_null(kc_link_rpc(link));
    return link;
}

static void a_throttled_link_is_left_alone(void **state)
{
    struct world *w = *state;
    struct kc_link *link = open_link(w);
    kc_link_keep(link, true);
    kn_sim_run(w->net.sim, NULL, NULL, 100);
    assert_int_equal(w->usable, 1);
    assert_non_null(kc_link_rpc(link));
    kc_client_throttled(w->client, link, 300);
    assert_null(kc_link_rpc(link));
    kn_sim_run(w->net.sim, NULL, NULL, 200);
    assert_int_equal(w->usable, 1);
    kn_sim_run(w->net.sim, NULL, NULL, 200);
    assert_int_equal(w->usable, 2);
    assert_non_null(kc_link_rpc(link));
}

static void an_idle_link_is_closed(void **state)
{
    struct world *w = *state;
    kurier_config_set(w->config, "connections.max.idle.ms", "5000");
    struct kc_link *link = open_link(w);
    kc_link_keep(link, true);
    kn_sim_run(w->net.sim, NULL, NULL, 20000);
    assert_int_equal(kc_link_state(link), KC_LINK_UP);
    kc_link_keep(link, false);
    kn_sim_run(w->net.sim, NULL, NULL, 20000);
    assert_int_equal(kc_link_state(link), KC_LINK_IDLE);
    kc_link_keep(link, true);
    kn_sim_run(w->net.sim, NULL, NULL, 100);
    assert_int_equal(kc_link_state(link), KC_LINK_UP);
}

/* Attempts come further and further apart, and stop once nobody needs it. */
static void a_dead_broker_is_tried_with_patience(void **state)
{
    struct world *w = *state;
    struct kc_link *link = open_link(w);
    kn_sim_kill(w->net.sim, "kafka1", KN_SIM_KILL_PROCESS);
    kc_link_keep(link, true);
    kn_sim_run(w->net.sim, NULL, NULL, 10000);
    assert_int_equal(kc_link_cause(link)->code, KB_E_TRANSPORT);
    kc_link_keep(link, false);
    kn_sim_run(w->net.sim, NULL, NULL, 2000);
    assert_int_equal(kc_link_state(link), KC_LINK_IDLE);
}

/* ---- Metadata -----------------------------------------------------------------*/

static bool topic_known(void *ctx)
{
    return ((struct world *)ctx)->topic->known;
}

static bool led_by_1(void *ctx)
{
    struct world *w = ctx;
    return w->topic->partitions[1].leader == 1;
}

static void tells_of_topics(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1");
    add_broker(w, "kafka2");
    open_client(w);
    want(w);
    assert_true(kn_sim_run(w->net.sim, topic_known, w, 1000));
    assert_int_equal(w->topic->partition_count, 2);
    assert_int_equal(w->changes, 1);
    assert_ptr_equal(kc_metadata_topic_by_id(&w->client->metadata, w->topic->id), w->topic);

    w->net.cluster.topics[0].leader[1] = 1;
    w->net.cluster.topics[0].epoch[1] = 6;
    kc_client_refresh(w->client, w->topic);
    assert_true(kn_sim_run(w->net.sim, led_by_1, w, 1000));
    kn_sim_run(w->net.sim, NULL, NULL, 100);
    assert_int_equal(w->changes, 2);
}

static void a_leader_dies(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1");
    add_broker(w, "kafka2");
    open_client(w);
    want(w);
    assert_true(kn_sim_run(w->net.sim, topic_known, w, 1000));
    struct kc_link *link = kc_client_link(w->client, 2);
    kc_link_keep(link, true);
    kn_sim_run(w->net.sim, NULL, NULL, 100);
    assert_int_equal(kc_link_state(link), KC_LINK_UP);
    assert_non_null(kc_link_rpc(link));

    w->net.cluster.topics[0].leader[1] = 1;
    w->net.cluster.topics[0].epoch[1] = 6;
    kn_sim_kill(w->net.sim, "kafka2", KN_SIM_KILL_PROCESS);
    assert_true(kn_sim_run(w->net.sim, led_by_1, w, 5000)); /* asked because the link went down */
    assert_null(kc_link_rpc(link));
    assert_int_equal(kc_link_cause(link)->code, KB_E_TRANSPORT);
}

static bool link_up(void *ctx)
{
    return kc_link_state(kc_client_link(((struct world *)ctx)->client, 1)) == KC_LINK_UP;
}

/* All brokers come back under other addresses; only the bootstrap name is right. */
static void every_address_changes(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    w->net.cluster.brokers[0].host = "old1";
    kn_sim_name(w->net.sim, "old1", "kafka1");
    open_client(w);
    want(w);
    assert_true(kn_sim_run(w->net.sim, topic_known, w, 1000));
    kc_link_keep(kc_client_link(w->client, 1), true);
    assert_true(kn_sim_run(w->net.sim, link_up, w, 1000));

    kn_sim_name(w->net.sim, "old1", NULL);
    w->net.cluster.brokers[0].host = "new1";
    kn_sim_name(w->net.sim, "new1", "kafka1");
    kn_sim_reset(w->net.sim, "app", "kafka1");
    kn_sim_run(w->net.sim, NULL, NULL, 50);
    assert_true(kn_sim_run(w->net.sim, link_up, w, 20000));
    assert_string_equal(kc_link_name(kc_client_link(w->client, 1)), "new1:9092");
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
}

static void tells_up_and_down(void **state)
{
    struct world *w = *state;
    kurier_event event;
    int ups = 0, downs = 0;
    add_broker(w, "kafka1");
    open_client(w);
    kn_sim_run(w->net.sim, NULL, NULL, 200);
    kn_sim_kill(w->net.sim, "kafka1", KN_SIM_KILL_PROCESS);
    kn_sim_run(w->net.sim, NULL, NULL, 200);
    while (kurier_client_event(w->client, &event, 0)) {
        ups += event.kind == KURIER_EVENT_BROKER_UP;
        downs += event.kind == KURIER_EVENT_BROKER_DOWN;
    }
    assert_int_equal(ups, 1);
    assert_true(downs >= 1);
    assert_false(kurier_client_pending(w->client) & KURIER_EVENTS);
}

static void control_is_shared(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    open_client(w);
    kurier_client *other = kurier_client_new(w->net.runtime, w->config, &err);
    assert_non_null(other);
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
    assert_int_equal(kurier_client_ready(other, 1000, &err), KURIER_OK);
    assert_int_equal(w->net.fakes[0].opened, 1);
    kurier_client_free(other);
    kc_client_refresh(w->client, NULL);
    kn_sim_run(w->net.sim, NULL, NULL, 1000);
    assert_int_equal(w->net.fakes[0].opened, 1);
}

/* ---- Memory ----------------------------------------------------------------------*/

/* One failure is told, or heals: what was wanted is there soon. */
static void live_short_of_memory(void *ctx)
{
    struct world *w = ctx;
    kurier_error err;
    struct kb_error why;
    w->client = kc_client_new(w->net.runtime, w->config, &ops, w, &why);
    if (!w->client) {
        assert_int_equal(why.code, KB_E_NO_MEMORY);
        return;
    }
    w->topic = kc_client_want(w->client, "t");
    if (!w->topic)
        w->topic = kc_client_want(w->client, "t");
    assert_non_null(w->topic);
    int code = ready(w, 5000, &err);
    if (code) {
        assert_int_equal(code, err.code);
        assert_int_equal(ready(w, 5000, &err), KURIER_OK);
    }
    assert_true(kn_sim_run(w->net.sim, topic_known, w, 5000));
    struct kc_link *link = kc_client_link(w->client, 1);
    if (!link)
        link = kc_client_link(w->client, 1);
    kc_link_keep(link, true);
    assert_true(kn_sim_run(w->net.sim, link_up, w, 5000));
    kc_client_free(w->client);
    w->client = NULL;
}

static void out_of_memory_heals(void **state)
{
    struct world *w = *state;
    add_broker(w, "kafka1");
    add_broker(w, "kafka2");
    assert_in_range(unit_each_failure(live_short_of_memory, w), 50, 2000);
}

/* ---- Debugging -------------------------------------------------------------------*/

enum { BEGINNINGS = 4 };

/* How many lines of the log begin so. */
static void hear(struct kurier_client *client, const char *const *beginnings, int *counts)
{
    kurier_event event;
    while (kurier_client_event(client, &event, 0))
        for (int i = 0; i < BEGINNINGS; i++)
            counts[i] += !strncmp(event.error.text, beginnings[i], strlen(beginnings[i]));
}

static void debug_tells_what_it_is_asked_to(void **state)
{
    static const char *const beginnings[BEGINNINGS] = {
        "protocol: peer=kafka1:9092 bytes=", "broker: broker=-1 address=kafka1:9092 state=",
        "metadata: query answered from=kafka1:9092 brokers=1 topics=",
        "topic: topic=t partitions=2 error=none"};
    static const struct {
        const char *contexts;
        int lines[BEGINNINGS];
    } cases[] = {{"", {0}},
                 {"protocol", {6}}, /* ApiVersions, Metadata twice */
                 {"broker", {0, 2}},
                 {"metadata,topic", {0, 0, 2, 1}},
                 {"all", {6, 2, 2, 1}}};
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092");
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        int counts[BEGINNINGS] = {0};
        kurier_config_set(w->config, "debug", cases[i].contexts);
        open_client(w);
        assert_int_equal(ready(w, 1000, &err), KURIER_OK);
        want(w);
        kn_sim_run(w->net.sim, NULL, NULL, 100);
        hear(w->client, beginnings, counts);
        kc_client_free(w->client);
        w->client = NULL;
        assert_memory_equal(counts, cases[i].lines, sizeof counts);
    }
}

/* A client that looks at its frames sees its own alone. */
static void debugging_the_protocol_is_not_shared(void **state)
{
    struct world *w = *state;
    kurier_error err;
    add_broker(w, "kafka1");
    open_client(w);
    kurier_config_set(w->config, "debug", "protocol");
    kurier_client *other = kurier_client_new(w->net.runtime, w->config, &err);
    assert_int_equal(ready(w, 1000, &err), KURIER_OK);
    assert_int_equal(kurier_client_ready(other, 1000, &err), KURIER_OK);
    assert_int_equal(w->net.fakes[0].opened, 2);
    kurier_client_free(other);
}

static void an_unknown_context_is_named(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_config_set(w->config, "debug", "broker,everything");
    assert_null(kurier_client_new(w->net.runtime, w->config, &err));
    assert_string_equal(err.text, "debug=broker,everything: must be of "
                                  "broker|topic|metadata|protocol|all, comma-separated");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(becomes_ready),
        CASE(names_who_refused),
        CASE(goes_on_behind),
        CASE(says_that_it_is_no_broker),
        CASE(black_hole_is_a_timeout),
        CASE(a_mute_broker_costs_one_request_timeout),
        CASE(a_wake_sticks),
        CASE(tells_of_topics),
        CASE(a_leader_dies),
        CASE(every_address_changes),
        CASE(tells_up_and_down),
        CASE(control_is_shared),
        CASE(the_handle_has_its_say),
        CASE(a_throttled_link_is_left_alone),
        CASE(an_idle_link_is_closed),
        CASE(a_dead_broker_is_tried_with_patience),
        CASE(out_of_memory_heals),
        CASE(debug_tells_what_it_is_asked_to),
        CASE(debugging_the_protocol_is_not_shared),
        CASE(an_unknown_context_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
