/* SPDX-License-Identifier: Apache-2.0 */
/* Administration against brokers on a simulated network: routes, retries, what
 * is done where an API is missing, partial failures. */
#include "tests/unit/unit.h"

#include "kurier/admin.h"
#include "libclient/drive/client.h"
#include "tests/unit/client/fake.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/list_offsets.h"
#include <string.h>

struct world {
    struct fake_world net;
    kurier_client *client;
    int refusals;            /* so many answers say NOT_CONTROLLER, NOT_LEADER */
    int created, offsets[2]; /* requests seen */
    int losses;              /* so many topics are made, and the answer is cut off */
    bool close;              /* instead of an answer */
    bool forgetful;          /* leaves the last topic out of its answer */
    int16_t code;            /* of refusals; 0: NOT_CONTROLLER, NOT_LEADER */
};

static bool create_topics(struct world *w, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_create_topics_request request;
    struct kw_create_topics_response response;
    struct kw_create_topics_response_topic topics[4];
    assert_true(kw_create_topics_request_decode(body, version, arena, &request));
    kw_create_topics_response_init(&response);
    w->created++;
    for (int32_t i = 0; i < request.topics_count; i++) {
        kw_create_topics_response_topic_init(&topics[i]);
        topics[i].name = request.topics[i].name;
        if (w->refusals > 0)
            topics[i].error_code = w->code ? w->code : KB_E_NOT_CONTROLLER;
        else if (kb_slice_is(topics[i].name, "taken") || (w->losses < 0 && w->created > 1))
            topics[i].error_code = KB_E_TOPIC_ALREADY_EXISTS;
        topics[i].error_message = kb_slice_null();
    }
    w->refusals--;
    response.topics = topics;
    response.topics_count = request.topics_count - w->forgetful;
    if (w->losses > 0 && --w->losses == 0) {
        w->losses = -1;
        return false;
    }
    return kw_create_topics_response_encode(out, version, &response);
}

/* The offset says who answered: 100 * broker + partition. */
static bool list_offsets(struct world *w, int broker, int16_t version, struct kw_reader *body,
                         struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_list_offsets_request request;
    struct kw_list_offsets_response response;
    struct kw_list_offsets_response_topic topic;
    struct kw_list_offsets_response_partition partitions[4];
    assert_true(kw_list_offsets_request_decode(body, version, arena, &request));
    assert_int_equal(request.topics_count, 1);
    kw_list_offsets_response_init(&response);
    kw_list_offsets_response_topic_init(&topic);
    topic.name = request.topics[0].name;
    topic.partitions = partitions;
    topic.partitions_count = request.topics[0].partitions_count;
    w->offsets[broker]++;
    for (int32_t i = 0; i < topic.partitions_count; i++) {
        int32_t partition = request.topics[0].partitions[i].partition_index;
        kw_list_offsets_response_partition_init(&partitions[i]);
        partitions[i].partition_index = partition;
        partitions[i].offset = 100 * (broker + 1) + partition;
        partitions[i].error_code = w->refusals > 0 ? KB_E_NOT_LEADER_OR_FOLLOWER : 0;
    }
    w->refusals--;
    response.topics = &topic;
    response.topics_count = 1;
    return kw_list_offsets_response_encode(out, version, &response);
}

static bool answer(struct fake *fake, int16_t key, int16_t version, struct kw_reader *body,
                   struct kb_arena *arena, struct kw_writer *out)
{
    struct world *w = fake->owner;
    int broker = (int)(fake - w->net.fakes);
    if (w->close)
        return false;
    if (key == KW_API_CREATE_TOPICS)
        return create_topics(w, version, body, arena, out);
    if (key == KW_API_LIST_OFFSETS)
        return list_offsets(w, broker, version, body, arena, out);
    return false;
}

static int setup(void **state)
{
    static const char *const nodes[] = {"kafka1", "kafka2"};
    struct world *w = kb_calloc(1, sizeof *w);
    kurier_config *config = kurier_config_new();
    fake_world_init(&w->net, 11);
    for (int i = 0; i < 2; i++) {
        struct fake *fake = fake_world_add(&w->net, nodes[i], nodes[i]);
        fake->owner = w;
        fake->answer = answer;
    }
    w->net.cluster.controller = 2;
    w->net.cluster.topic_count = 1;
    w->net.cluster.topics[0] = (struct fake_topic){
        .name = "t", .id = 1, .partitions = 2, .leader = {1, 2}, .epoch = {5, 5}};
    kurier_config_set(config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(config, "log.sink", "events");
    kurier_config_set(config, "request.timeout.ms", "2000");
    w->client = kurier_client_new(w->net.runtime, config, NULL);
    kurier_config_free(config);
    assert_non_null(w->client);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kurier_client_free(w->client);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

static kurier_request *create(const char *a, const char *b)
{
    kurier_new_topic topics[] = {{.name = a, .partitions = 3}, {.name = b}};
    return kurier_admin_create_topics(topics, 2);
}

static kurier_request *offsets_of(int partitions, const char *topic)
{
    kurier_position positions[4];
    for (int i = 0; i < partitions; i++)
        positions[i] = kurier_at(topic, i, KURIER_END);
    return kurier_admin_list_offsets(positions, (size_t)partitions);
}

static void partial_failures_are_told_by_row(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_result *result = kurier_admin_run(w->client, create("taken", "new"), 1000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_count(result), 2);
    assert_string_equal(kurier_result_item(result, 1)->name, "new");
    assert_int_equal(kurier_result_outcome(result, 1, NULL), KURIER_OK);
    assert_int_equal(kurier_result_topic(result, 0)->code, KURIER_E_TOPIC_ALREADY_EXISTS);
    assert_int_equal(kurier_result_error(result, &err), KURIER_E_TOPIC_ALREADY_EXISTS);
    assert_non_null(strstr(err.text, "taken"));
    assert_int_equal(w->net.fakes[1].last_key, KW_API_CREATE_TOPICS); /* the controller's */
    kurier_result_free(result);
}

static void a_wrong_controller_is_asked_again(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->refusals = 2;
    kurier_result *result = kurier_admin_run(w->client, create("a", "b"), 5000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_error(result, &err), KURIER_OK);
    assert_int_equal(w->created, 3);
    kurier_result_free(result);
}

static void offsets_come_from_each_leader(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_result *result = kurier_admin_run(w->client, offsets_of(3, "t"), 1000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_count(result), 3);
    assert_int_equal(kurier_result_offset(result, 0)->offset, 100);
    assert_int_equal(kurier_result_offset(result, 1)->offset, 201);
    assert_int_equal(kurier_result_offset(result, 2)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    kurier_result_free(result);
}

static void a_moved_leader_is_found(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->refusals = 1;
    kurier_result *result = kurier_admin_run(w->client, offsets_of(2, "t"), 5000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_error(result, &err), KURIER_OK);
    assert_int_equal(kurier_result_count(result), 2);
    assert_int_equal(w->offsets[0] + w->offsets[1], 3); /* only the one refused, again */
    kurier_result_free(result);
}

/* The leader says that it is none any more; the next is found and asked, and nobody is
 * asked again about what was answered. */
static void a_leader_moves_meanwhile(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_result_free(kurier_admin_run(w->client, offsets_of(1, "t"), 1000, &err));
    w->net.cluster.topics[0].leader[0] = 2;
    w->net.fakes[0].mute = true; /* and is gone at once */
    kurier_result *result = kurier_admin_run(w->client, offsets_of(2, "t"), 9000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_error(result, &err), KURIER_OK);
    assert_int_equal(kurier_result_offset(result, 0)->offset, 200);
    assert_int_equal(kurier_result_offset(result, 0)->leader, 2);
    kurier_result_free(result);
}

/* One broker is silent: the other's items are there all the same. */
static void what_is_known_at_the_deadline_is_told(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_result_free(kurier_admin_run(w->client, offsets_of(2, "t"), 1000, &err));
    kn_sim_cut(w->net.sim, "kafka2", "app");
    kurier_result *result = kurier_admin_run(w->client, offsets_of(2, "t"), 1000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_offset(result, 0)->offset, 100);
    assert_int_equal(kurier_result_outcome(result, 1, &err), KURIER_E_TIMED_OUT);
    assert_non_null(strstr(err.text, "t [1]: kafka2:9092"));
    kurier_result_free(result);
    kn_sim_heal(w->net.sim, "kafka2", "app");
}

static void a_lost_answer_may_have_been_good(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->losses = 1;
    kurier_result *result = kurier_admin_run(w->client, create("a", "b"), 5000, &err);
    assert_non_null(result);
    assert_int_equal(w->created, 2);
    assert_int_equal(kurier_result_error(result, &err), KURIER_E_TOPIC_ALREADY_EXISTS);
    assert_non_null(strstr(err.text, "a: perhaps done by an earlier try"));
    kurier_result_free(result);
}

static void what_is_left_out_is_told(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->forgetful = true;
    kurier_result *result = kurier_admin_run(w->client, create("a", "b"), 5000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_outcome(result, 0, &err), KURIER_OK);
    assert_int_equal(kurier_result_outcome(result, 1, &err), KURIER_E_PROTOCOL);
    assert_non_null(strstr(err.text, "b: the broker's answer does not speak of it"));
    kurier_result_free(result);
}

static void a_used_up_quota_is_waited_for(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->refusals = 3;
    w->code = KB_E_THROTTLING_QUOTA_EXCEEDED;
    kurier_result *result = kurier_admin_run(w->client, create("a", "b"), 9000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_error(result, &err), KURIER_OK);
    assert_int_equal(w->created, 4);
    kurier_result_free(result);
}

/* What no time heals is said at once, in the broker's words or ours. */
static void a_refusal_for_good_is_told_at_once(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->refusals = 1000;
    w->code = KB_E_POLICY_VIOLATION;
    kurier_result *result = kurier_admin_run(w->client, create("a", "b"), 9000, &err);
    assert_non_null(result);
    assert_int_equal(w->created, 1);
    assert_int_equal(kurier_result_error(result, &err), KB_E_POLICY_VIOLATION);
    assert_string_equal(err.text, "a: a policy of the broker forbids it");
    kurier_result_free(result);
}

static int16_t without_describe_cluster(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_DESCRIBE_CLUSTER ? -1 : kw_api_find(key)->max_version;
}

static void a_missing_api_is_replaced(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->net.fakes[0].versions = w->net.fakes[1].versions = without_describe_cluster;
    kurier_result *result =
        kurier_admin_run(w->client, kurier_admin_describe_cluster(), 1000, &err);
    assert_non_null(result);
    const kurier_cluster_info *cluster = kurier_result_cluster(result, 0);
    assert_string_equal(cluster->name, "fake");
    assert_int_equal(cluster->controller, 2);
    assert_int_equal(cluster->broker_count, 2);
    assert_string_equal(cluster->brokers[1].host, "kafka2");
    assert_int_equal(cluster->brokers[1].port, 9092);
    assert_int_equal(cluster->brokers[1].node, 2);
    kurier_result_free(result);
}

static int16_t without_create_topics(struct fake *fake, int16_t key)
{
    (void)fake;
    return key == KW_API_CREATE_TOPICS ? -1 : kw_api_find(key)->max_version;
}

static void or_said_to_be_missing(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->net.fakes[1].versions = without_create_topics;
    assert_null(kurier_admin_run(w->client, create("a", "b"), 1000, &err));
    assert_int_equal(err.code, KURIER_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "CreateTopics"));
}

static void the_deadline_holds(void **state)
{
    struct world *w = *state;
    kurier_error err;
    w->close = true; /* answers are never given, connections come and go */
    int64_t before_ms = kc_runtime_now(w->net.runtime).mono_ms;
    assert_null(kurier_admin_run(w->client, create("a", "b"), 2000, &err));
    int64_t took_ms = kc_runtime_now(w->net.runtime).mono_ms - before_ms;
    assert_in_range(took_ms, 500, 2100);
    assert_int_equal(err.code, KURIER_E_TRANSPORT);
    w->close = false;
    w->net.fakes[0].mute = w->net.fakes[1].mute = true;
    before_ms = kc_runtime_now(w->net.runtime).mono_ms;
    assert_null(kurier_admin_run(w->client, create("a", "b"), 2000, &err));
    took_ms = kc_runtime_now(w->net.runtime).mono_ms - before_ms;
    assert_in_range(took_ms, 500, 2100);
}

/* One caller's impatience is no reason to cut what others share. */
static void a_short_deadline_cuts_nothing(void **state)
{
    struct world *w = *state;
    kurier_error err;
    kurier_result_free(kurier_admin_run(w->client, create("a", "b"), 1000, &err));
    int opened = w->net.fakes[1].opened;
    w->net.fakes[1].mute = true;
    assert_null(kurier_admin_run(w->client, create("a", "b"), 300, &err));
    assert_int_equal(err.code, KURIER_E_TIMED_OUT);
    w->net.fakes[1].mute = false;
    kn_sim_run(w->net.sim, NULL, NULL, 1000);
    assert_int_equal(w->net.fakes[1].opened, opened);
}

static void results_can_be_fetched_later(void **state)
{
    struct world *w = *state;
    kurier_error err;
    assert_int_equal(kurier_admin_submit(w->client, create("a", "b"), 1000, 7, &err), KURIER_OK);
    assert_int_equal(kurier_admin_submit(w->client, kurier_admin_describe_cluster(), 1000, 8, &err),
                     0);
    assert_null(kurier_client_result(w->client, 0, &err));
    assert_int_equal(err.code, KURIER_OK);
    uint64_t opaques = 0;
    for (int i = 0; i < 2; i++) {
        kurier_result *result = kurier_client_result(w->client, 1000, &err);
        assert_non_null(result);
        opaques += kurier_result_opaque(result);
        kurier_result_free(result);
    }
    assert_int_equal(opaques, 15);
    assert_false(kurier_client_pending(w->client) & KURIER_RESULTS);
}

/* One not taken, one in progress, one not even begun: nothing leaks. */
static void a_client_may_go_in_the_middle(void **state)
{
    struct world *w = *state;
    kurier_error err;
    assert_int_equal(kurier_admin_submit(w->client, create("a", "b"), 1000, 1, &err), 0);
    kn_sim_run(w->net.sim, NULL, NULL, 500);
    assert_true(kurier_client_pending(w->client) & KURIER_RESULTS);
    w->net.fakes[0].mute = w->net.fakes[1].mute = true;
    assert_int_equal(kurier_admin_submit(w->client, create("a", "b"), 9000, 2, &err), 0);
    kn_sim_run(w->net.sim, NULL, NULL, 100);
    assert_int_equal(kurier_admin_submit(w->client, create("a", "b"), 9000, 3, &err), 0);
    kurier_client_free(w->client);
    w->client = NULL;
}

/* A request that spreads over both brokers, and one that fails in part. */
static void ask_short_of_memory(void *ctx)
{
    struct world *w = ctx;
    kurier_error err;
    kurier_request *requests[] = {offsets_of(3, "t"), create("taken", "new"),
                                  kurier_admin_describe_cluster()};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        kurier_result *result = kurier_admin_run(w->client, requests[i], 5000, &err);
        assert_true(result || err.code);
        for (size_t k = 0; result && k < kurier_result_count(result); k++)
            kurier_result_outcome(result, k, &err);
        kurier_result_free(result);
    }
}

static void out_of_memory_is_told(void **state)
{
    struct world *w = *state;
    kurier_error err;
    assert_in_range(unit_each_failure(ask_short_of_memory, w), 50, 2000);
    kurier_result *result = kurier_admin_run(w->client, offsets_of(2, "t"), 5000, &err);
    assert_non_null(result);
    assert_int_equal(kurier_result_error(result, &err), KURIER_OK);
    kurier_result_free(result);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(partial_failures_are_told_by_row),
        CASE(a_wrong_controller_is_asked_again),
        CASE(offsets_come_from_each_leader),
        CASE(a_moved_leader_is_found),
        CASE(a_leader_moves_meanwhile),
        CASE(what_is_known_at_the_deadline_is_told),
        CASE(a_lost_answer_may_have_been_good),
        CASE(what_is_left_out_is_told),
        CASE(a_used_up_quota_is_waited_for),
        CASE(a_refusal_for_good_is_told_at_once),
        CASE(a_missing_api_is_replaced),
        CASE(or_said_to_be_missing),
        CASE(the_deadline_holds),
        CASE(a_short_deadline_cuts_nothing),
        CASE(results_can_be_fetched_later),
        CASE(a_client_may_go_in_the_middle),
        CASE(out_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
