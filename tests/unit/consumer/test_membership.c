/* SPDX-License-Identifier: Apache-2.0 */
/* The drive of a membership, over a simulated network with coordinators of a few
 * lines: it finds them, follows them when they move, leaves, and outlives a lack of
 * memory. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/group/member_request.h"
#include "libclient/drive/membership.h"
#include "tests/unit/client/fake.h"
#include "wire/gen/find_coordinator.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { PARTITIONS = 2, LEASE_MS = 3600000 };

/* Client, and what its owner heard. */
struct kurier_consumer {
    struct fake_world net;
    kurier_config *config;
    struct kurier_client *client;
    struct kc_membership *membership;
    int coordinator;     /* the node that brokers tell */
    int members;         /* that the coordinator counts */
    int beats[3];        /* by node */
    int16_t beat_answer; /* to each heartbeat */
    bool holds_joins;    /* a JoinGroup closes the connection */
    size_t owned;
    int lost, left, told, found;
};
typedef struct kurier_consumer world;

/* ---- The coordinators ------------------------------------------------------------*/

static bool find(world *w, int16_t version, struct kw_writer *out)
{
    struct kw_find_coordinator_response response;
    struct kw_find_coordinator_response_coordinator row;
    kw_find_coordinator_response_init(&response);
    kw_find_coordinator_response_coordinator_init(&row);
    row.key = kb_slice_str("g");
    row.node_id = w->coordinator;
    row.host = kb_slice_str(w->coordinator == 1 ? "kafka1" : "kafka2");
    row.port = 9092;
    response.coordinators = &row;
    response.coordinators_count = 1;
    return kw_find_coordinator_response_encode(out, version, &response);
}

/* Whoever joins leads alone. */
static bool join(world *w, int16_t version, struct kw_reader *body, struct kb_arena *arena,
                 struct kw_writer *out)
{
    struct kw_join_group_request request;
    struct kw_join_group_response response;
    struct kw_join_group_response_member self;
    assert_true(kw_join_group_request_decode(body, version, arena, &request));
    kw_join_group_response_init(&response);
    kw_join_group_response_member_init(&self);
    response.member_id = response.leader = self.member_id = kb_slice_str("m");
    response.error_code = request.member_id.size ? 0 : KB_E_MEMBER_ID_REQUIRED;
    if (!response.error_code) {
        w->members = 1;
        response.generation_id = 1;
        response.protocol_type = kb_slice_str("consumer");
        response.protocol_name = request.protocols[0].name;
        self.metadata = request.protocols[0].metadata;
        response.members = &self;
        response.members_count = 1;
    }
    return kw_join_group_response_encode(out, version, &response);
}

static bool sync_group(int16_t version, struct kw_reader *body, struct kb_arena *arena,
                       struct kw_writer *out)
{
    struct kw_sync_group_request request;
    struct kw_sync_group_response response;
    assert_true(kw_sync_group_request_decode(body, version, arena, &request));
    kw_sync_group_response_init(&response);
    if (request.assignments_count == 1)
        response.assignment = request.assignments[0].assignment;
    return kw_sync_group_response_encode(out, version, &response);
}

static bool answer(struct fake *fake, int16_t key, int16_t version, struct kw_reader *body,
                   struct kb_arena *arena, struct kw_writer *out)
{
    world *w = fake->owner;
    struct kw_heartbeat_response beat;
    struct kw_leave_group_response leave;
    int node = (int)(fake - w->net.fakes) + 1;
    switch (key) {
    case KW_API_FIND_COORDINATOR:
        return find(w, version, out);
    case KW_API_JOIN_GROUP:
        return !w->holds_joins && join(w, version, body, arena, out);
    case KW_API_SYNC_GROUP:
        return sync_group(version, body, arena, out);
    case KW_API_HEARTBEAT:
        w->beats[node]++;
        kw_heartbeat_response_init(&beat);
        beat.error_code = node == w->coordinator ? w->beat_answer : KB_E_NOT_COORDINATOR;
        return kw_heartbeat_response_encode(out, version, &beat);
    case KW_API_LEAVE_GROUP:
        w->members = 0;
        kw_leave_group_response_init(&leave);
        return kw_leave_group_response_encode(out, version, &leave);
    default:
        return false;
    }
}

/* ---- The owner ---------------------------------------------------------------------*/

static void on_change(world *w, enum kc_change change, const struct kc_partitions *partitions)
{
    w->owned =
        change == KC_CHANGE_ASSIGN ? w->owned + partitions->count : w->owned - partitions->count;
    w->lost += change == KC_CHANGE_LOSE;
    kc_membership_done(w->membership);
}
static void on_coordinator(world *w)
{
    w->found++;
}
static void on_left(world *w)
{
    w->left++;
}
static void on_tell(world *w, const struct kb_error *err)
{
    (void)err;
    w->told++;
}
static int64_t alive_until(world *w, struct kb_time now)
{
    (void)w;
    return now.mono_ms + LEASE_MS;
}
static const struct kc_membership_ops ops = {.change = on_change,
                                             .coordinator = on_coordinator,
                                             .left = on_left,
                                             .tell = on_tell,
                                             .alive_until_ms = alive_until};

static void on_topic(void *owner, struct kc_topic *topic)
{
    world *w = owner;
    if (w->membership)
        kc_membership_topic(w->membership, topic);
}
static void on_close(void *owner)
{
    world *w = owner;
    kc_membership_free(w->membership);
    w->membership = NULL;
}
static const struct kc_client_ops client_ops = {.topic = on_topic, .close = on_close};

static int setup(void **state)
{
    world *w = kb_calloc(1, sizeof *w);
    fake_world_init(&w->net, 7);
    w->net.cluster.topic_count = 1;
    w->net.cluster.topics[0] = (struct fake_topic){
        .name = "t", .id = 1, .partitions = PARTITIONS, .leader = {1, 1}, .epoch = {5, 5}};
    for (int i = 0; i < 2; i++) {
        const char *node = i ? "kafka2" : "kafka1";
        struct fake *fake = fake_world_add(&w->net, node, node);
        fake->answer = answer;
        fake->owner = w;
    }
    w->coordinator = 1;
    w->config = kurier_config_new();
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092,kafka2:9092");
    kurier_config_set(w->config, "log.sink", "events");
    kurier_config_set(w->config, "group.id", "g");
    kurier_config_set(w->config, "group.protocol", "classic");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    kc_client_free(w->client);
    kurier_config_free(w->config);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

/* NO_MEMORY: nothing was made. */
static int open_member(world *w)
{
    static const struct kc_own_assignors none;
    static const char *const topics[] = {"t"};
    struct kb_error err;
    w->client = kc_client_new(w->net.runtime, w->config, &client_ops, w, &err);
    if (!w->client)
        return err.code;
    w->membership = kc_membership_new(w->client, &ops, &none, w, &err);
    int code =
        w->membership ? kc_membership_subscribe(w->membership, topics, 1, NULL, &err) : err.code;
    if (code) {
        kc_client_free(w->client);
        w->client = NULL;
    }
    return code;
}

static bool is_in(void *ctx)
{
    world *w = ctx;
    return w->owned == PARTITIONS && kc_membership_standing(w->membership) == KC_STANDING_IN;
}
static bool has_left(void *ctx)
{
    return ((world *)ctx)->left > 0;
}
static bool beats_at_two(void *ctx)
{
    return ((world *)ctx)->beats[2] > 2;
}
static bool is_lost(void *ctx)
{
    return ((world *)ctx)->lost > 0;
}

static void settle(world *w)
{
    assert_int_equal(open_member(w), 0);
    assert_true(kn_sim_run(w->net.sim, is_in, w, 5000));
}

static void leave(world *w)
{
    int64_t now_ms = kn_loop_now(kc_client_loop(w->client)).mono_ms;
    kc_membership_leave(w->membership, KC_LEAVE_DEFAULT, now_ms + 3000);
}

/* ---- Stories -----------------------------------------------------------------------*/

static void it_joins_and_leaves(void **state)
{
    struct kc_identity me;
    struct kb_error err;
    world *w = *state;
    settle(w);
    kc_membership_identity(w->membership, &me);
    assert_string_equal(me.group, "g");
    assert_string_equal(me.member, "m");
    assert_int_equal(me.generation, 1);
    assert_null(me.instance);
    assert_int_equal(kc_membership_coordinator(w->membership, &err), 1);
    assert_int_equal(kc_membership_ready(w->membership, &err), 0);
    assert_int_equal(w->found, 1);
    leave(w);
    assert_true(kn_sim_run(w->net.sim, has_left, w, 1000));
    assert_int_equal(w->members, 0);
    kc_membership_identity(w->membership, &me);
    assert_string_equal(me.member, "");
    assert_int_equal(me.generation, -1);
}

static void it_follows_a_coordinator_that_moves(void **state)
{
    world *w = *state;
    settle(w);
    w->coordinator = 2;
    assert_true(kn_sim_run(w->net.sim, beats_at_two, w, 20000));
    assert_int_equal(w->found, 2);
    assert_int_equal(w->lost, 0);
    assert_true(is_in(w));
}

static void a_commit_may_find_it_moved(void **state)
{
    world *w = *state;
    settle(w);
    w->coordinator = 2;
    kc_membership_heard(w->membership, 1, KB_E_NOT_COORDINATOR);
    assert_true(kn_sim_run(w->net.sim, beats_at_two, w, 20000));
    assert_int_equal(w->beats[1], 0);
}

static void a_broken_connection_is_no_loss(void **state)
{
    world *w = *state;
    settle(w);
    kn_sim_reset(w->net.sim, "app", "kafka1");
    w->beats[1] = 0;
    kn_sim_run(w->net.sim, NULL, NULL, 10000);
    assert_true(w->beats[1] > 1);
    assert_int_equal(w->lost, 0);
}

static void a_silent_coordinator_is_a_loss(void **state)
{
    world *w = *state;
    settle(w);
    int64_t before_ms = kn_loop_now(kc_client_loop(w->client)).mono_ms;
    kn_sim_cut(w->net.sim, "kafka1", "app");
    kn_sim_cut(w->net.sim, "kafka2", "app");
    assert_true(kn_sim_run(w->net.sim, is_lost, w, 60000));
    assert_in_range(kn_loop_now(kc_client_loop(w->client)).mono_ms - before_ms, 1, 45000);
    kn_sim_heal(w->net.sim, "kafka1", "app");
    kn_sim_heal(w->net.sim, "kafka2", "app");
    assert_true(kn_sim_run(w->net.sim, is_in, w, 120000));
}

static void one_that_cannot_join_leaves_all_the_same(void **state)
{
    struct kb_error err;
    world *w = *state;
    w->holds_joins = true;
    assert_int_equal(open_member(w), 0);
    assert_false(kn_sim_run(w->net.sim, is_in, w, 3000));
    assert_int_equal(kc_membership_ready(w->membership, &err), KB_E_TIMED_OUT);
    assert_non_null(strstr(err.text, "group g: "));
    leave(w);
    assert_true(kn_sim_run(w->net.sim, has_left, w, 5000));
}

static void what_people_must_mend_is_told_once(void **state)
{
    struct kb_error err;
    world *w = *state;
    settle(w);
    w->beat_answer = KB_E_GROUP_AUTHORIZATION_FAILED;
    assert_true(kn_sim_run(w->net.sim, is_lost, w, 5000));
    kn_sim_run(w->net.sim, NULL, NULL, 5000);
    assert_int_equal(w->told, 1);
    assert_int_equal(kc_membership_ready(w->membership, &err), KB_E_GROUP_AUTHORIZATION_FAILED);
}

/* One failure is told, or heals. */
static void live_short_of_memory(void *ctx)
{
    world *w = ctx;
    w->owned = 0;
    w->left = w->lost = 0;
    int code = open_member(w);
    if (code) {
        assert_int_equal(code, KB_E_NO_MEMORY);
        return;
    }
    assert_true(kn_sim_run(w->net.sim, is_in, w, 20000));
    leave(w);
    assert_true(kn_sim_run(w->net.sim, has_left, w, 5000));
    kc_client_free(w->client);
    w->client = NULL;
}

static void out_of_memory_heals(void **state)
{
    assert_in_range(unit_each_failure(live_short_of_memory, *state), 80, 3000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_joins_and_leaves),
        TEST(it_follows_a_coordinator_that_moves),
        TEST(a_commit_may_find_it_moved),
        TEST(a_broken_connection_is_no_loss),
        TEST(a_silent_coordinator_is_a_loss),
        TEST(one_that_cannot_join_leaves_all_the_same),
        TEST(what_people_must_mend_is_told_once),
        TEST(out_of_memory_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
