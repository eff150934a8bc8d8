/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a KIP-848 group, told as stories: what it says, what it hears, what it
 * wants of its partitions. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/group/member.h"
#include "libclient/core/group/member_request.h"
#include "wire/gen/metadata.h"
#include "wire/reader.h"
#include "wire/writer.h"

#include <stdio.h>

enum { INTERVAL_MS = 5000, SESSION_MS = 45000, POLL_MS = 300000, BACKOFF_MS = 200 };

struct story {
    struct kc_options *options;
    struct kc_bootstrap bootstrap;
    struct kc_metadata metadata;
    struct kb_random random;
    struct kc_member member;
    struct kb_arena arena;
    struct kb_time now;
    struct kc_member_request request;
    char id[32]; /* the member's, as first said */
};

static const struct kb_uuid ORDERS = {{1}}, BILLS = {{2}}, NOWHERE = {{9}};

/* ---- The cluster ---- */

static struct kw_metadata_response_partition partitions[8];

static struct kw_metadata_response_topic topic_of(const char *name, struct kb_uuid id,
                                                  int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        partitions[i] = (struct kw_metadata_response_partition){.partition_index = i};
    return (struct kw_metadata_response_topic){.name = kb_slice_str(name),
                                               .topic_id = id,
                                               .partitions = partitions,
                                               .partitions_count = count};
}

/* The client hears of a topic that it wants. */
static void learn(struct story *s, const char *name, struct kb_uuid id)
{
    struct kw_metadata_response_broker broker = {.node_id = 1, .host = kb_slice_str("h")};
    struct kw_metadata_response_topic topic = topic_of(name, id, 8);
    struct kw_metadata_response answer;
    struct kw_metadata_request request;
    struct kc_target target;
    if (kc_metadata_topic(&s->metadata, name) &&
        kb_uuid_equal(kc_metadata_topic(&s->metadata, name)->id, id))
        return;
    kc_metadata_want(&s->metadata, name);
    assert_true(kc_metadata_query(&s->metadata, s->now, &s->arena, &request, &target));
    kw_metadata_response_init(&answer);
    answer.brokers = &broker;
    answer.brokers_count = 1;
    answer.topics = &topic;
    answer.topics_count = 1;
    kc_metadata_answer(&s->metadata, s->now, &answer);
    kc_member_metadata(&s->member, s->now);
}

/* ---- The member ---- */

static void configure(struct story *s, const char *key, const char *value)
{
    assert_int_equal(kc_options_set(s->options, key, value, NULL), 0);
}

static bool open_member(struct story *s, const struct kc_member_kind *kind)
{
    return kc_member_init(&s->member, kind, s->options, &s->metadata, NULL, 0, &s->random);
}

static int begin(void **state)
{
    static struct story s;
    static struct kc_address address = {.host = "h", .port = 1};
    s = (struct story){.now = {1000, 1000}, .bootstrap = {.addresses = &address, .count = 1}};
    s.options = kc_options_new();
    configure(&s, "group.id", "g");
    configure(&s, "group.protocol", "consumer");
    kb_random_seed(&s.random, 848);
    kb_arena_init(&s.arena, 1 << 20);
    struct kc_metadata_options options = {
        .max_age_ms = 300000, .retry_backoff_ms = 100, .retry_backoff_max_ms = 1000};
    kc_metadata_init(&s.metadata, &options, &s.bootstrap, &s.random);
    assert_true(open_member(&s, &kc_member_consumer));
    *state = &s;
    return 0;
}

static int end(void **state)
{
    struct story *s = *state;
    kc_member_deinit(&s->member);
    kc_metadata_deinit(&s->metadata);
    kb_arena_deinit(&s->arena);
    kc_options_free(s->options);
    return 0;
}

static void subscribe(struct story *s, const char *name)
{
    kc_member_coordinator(&s->member, s->now, true);
    assert_true(kc_member_subscribe(&s->member, s->now, &name, 1, NULL));
}

static bool plans(struct story *s)
{
    kb_arena_reset(&s->arena);
    return kc_member_plan(&s->member, s->now, &s->arena, &s->request);
}

static void later(struct story *s, int64_t ms)
{
    s->now.mono_ms += ms;
    kc_member_alive(&s->member, s->now.mono_ms + POLL_MS);
    kc_member_tick(&s->member, s->now);
}

/* It sends a heartbeat of that epoch now. */
static const struct kw_consumer_group_heartbeat_request *says(struct story *s, int32_t epoch)
{
    if (!plans(s))
        fail_msg("says nothing instead of epoch %d", epoch);
    assert_int_equal(s->request.api_key, KW_API_CONSUMER_GROUP_HEARTBEAT);
    assert_int_equal(s->request.beat.member_epoch, epoch);
    assert_true(kb_slice_is(s->request.beat.group_id, "g"));
    return &s->request.beat;
}

static void is_silent(struct story *s)
{
    if (plans(s))
        fail_msg("says api %d, epoch %d", s->request.api_key, s->request.beat.member_epoch);
}

/* Every field, as the first heartbeat and one after a failure have it. */
static void says_all(struct story *s, int32_t epoch, int owned)
{
    const struct kw_consumer_group_heartbeat_request *beat = says(s, epoch);
    assert_int_equal(beat->rebalance_timeout_ms, POLL_MS);
    assert_non_null(beat->subscribed_topic_names);
    assert_non_null(beat->topic_partitions);
    int count = 0;
    for (int32_t i = 0; i < beat->topic_partitions_count; i++)
        count += beat->topic_partitions[i].partitions_count;
    assert_int_equal(count, owned);
}

/* Only that it lives. */
static void says_little(struct story *s, int32_t epoch)
{
    const struct kw_consumer_group_heartbeat_request *beat = says(s, epoch);
    assert_int_equal(beat->rebalance_timeout_ms, -1);
    assert_null(beat->subscribed_topic_names);
    assert_null(beat->topic_partitions);
    assert_null(beat->server_assignor.data);
}

/* Only what it owns: of one topic, so many partitions. */
static void says_owned(struct story *s, int32_t epoch, int topics, int count)
{
    const struct kw_consumer_group_heartbeat_request *beat = says(s, epoch);
    assert_null(beat->subscribed_topic_names);
    assert_non_null(beat->topic_partitions);
    assert_int_equal(beat->topic_partitions_count, topics);
    if (topics)
        assert_int_equal(beat->topic_partitions[0].partitions_count, count);
}

static void hears_answer(struct story *s, struct kw_consumer_group_heartbeat_response *beat)
{
    struct kc_member_response response = {.api_key = KW_API_CONSUMER_GROUP_HEARTBEAT,
                                          .beat = *beat};
    kc_member_answer(&s->member, s->now, &response);
}

/* An epoch, and with a topic so many of its partitions, from `first` on. */
static void hears_of(struct story *s, int32_t epoch, struct kb_uuid id, int32_t first, int count)
{
    int32_t rows[8];
    struct kw_consumer_group_heartbeat_response_topic topic = {id, rows, count};
    struct kw_consumer_group_heartbeat_response_assignment assignment = {&topic, count > 0};
    struct kw_consumer_group_heartbeat_response beat;
    for (int i = 0; i < count; i++)
        rows[i] = first + i;
    kw_consumer_group_heartbeat_response_init(&beat);
    beat.member_epoch = epoch;
    beat.heartbeat_interval_ms = INTERVAL_MS;
    beat.assignment = &assignment;
    hears_answer(s, &beat);
}

static void hears(struct story *s, int32_t epoch)
{
    struct kw_consumer_group_heartbeat_response beat;
    kw_consumer_group_heartbeat_response_init(&beat);
    beat.member_epoch = epoch;
    beat.heartbeat_interval_ms = INTERVAL_MS;
    hears_answer(s, &beat);
}

static void hears_code(struct story *s, int code)
{
    struct kw_consumer_group_heartbeat_response beat;
    kw_consumer_group_heartbeat_response_init(&beat);
    beat.error_code = (int16_t)code;
    hears_answer(s, &beat);
}

static void hears_nothing(struct story *s)
{
    struct kb_error err;
    kb_error_set(&err, KB_E_TRANSPORT, "the connection ended");
    kc_member_failure(&s->member, s->now, &err);
}

static void wants(struct story *s, enum kc_change change, size_t count)
{
    assert_int_equal(s->member.change, change);
    assert_int_equal(s->member.changing.count, count);
    kc_member_done(&s->member, s->now);
}

static void stands(struct story *s, enum kc_standing standing)
{
    assert_string_equal(kc_standing_name(kc_member_standing(&s->member)),
                        kc_standing_name(standing));
}

/* In the group at epoch 3, with partitions 0 ... 3. */
static void joins(struct story *s)
{
    learn(s, "orders", ORDERS);
    subscribe(s, "orders");
    says_all(s, 0, 0);
    hears_of(s, 3, ORDERS, 0, 4);
    wants(s, KC_CHANGE_ASSIGN, 4);
    says_owned(s, 3, 1, 4);
    hears(s, 3);
    stands(s, KC_STANDING_IN);
}

/* ---- Stories ---- */

static void it_joins_and_beats(void **state)
{
    struct story *s = *state;
    stands(s, KC_STANDING_OUT);
    is_silent(s);
    configure(s, "client.rack", "north");
    configure(s, "group.remote.assignor", "range");
    learn(s, "orders", ORDERS);
    subscribe(s, "orders");
    stands(s, KC_STANDING_JOINING);
    says_all(s, 0, 0);
    assert_int_equal(s->request.beat.member_id.size, 22);
    assert_null(s->request.beat.instance_id.data);
    assert_null(s->request.beat.subscribed_topic_regex.data);
    assert_true(kb_slice_is(s->request.beat.subscribed_topic_names[0], "orders"));
    assert_true(kb_slice_is(s->request.beat.rack_id, "north"));
    assert_true(kb_slice_is(s->request.beat.server_assignor, "range"));
    is_silent(s); /* one at a time */
    hears_of(s, 3, ORDERS, 0, 4);
    assert_int_equal(s->member.generation, 3);
    stands(s, KC_STANDING_JOINING);
    wants(s, KC_CHANGE_ASSIGN, 4);
    stands(s, KC_STANDING_IN);
    says_owned(s, 3, 1, 4);
    hears(s, 3);
    is_silent(s);
    assert_int_equal(kc_member_deadline_ms(&s->member), s->now.mono_ms + INTERVAL_MS);
    later(s, INTERVAL_MS - 1);
    is_silent(s);
    later(s, 1);
    says_little(s, 3);
    hears(s, 4);
    assert_int_equal(s->member.generation, 4);
    stands(s, KC_STANDING_IN);
}

static void it_gives_up_before_it_takes(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_of(s, 3, ORDERS, 2, 2); /* 0 and 1 are to go */
    assert_int_equal(s->member.change, KC_CHANGE_REVOKE);
    assert_int_equal(s->member.owned.count, 4);
    later(s, INTERVAL_MS);
    says_little(s, 3); /* meanwhile */
    hears(s, 3);
    wants(s, KC_CHANGE_REVOKE, 2);
    says_owned(s, 3, 1, 2); /* at once: others wait for it */
    hears_of(s, 4, ORDERS, 2, 4);
    wants(s, KC_CHANGE_ASSIGN, 2);
    says_owned(s, 4, 1, 4);
    hears_of(s, 5, ORDERS, 0, 0);
    wants(s, KC_CHANGE_REVOKE, 4);
    says_owned(s, 5, 0, 0);
    hears(s, 6);
    stands(s, KC_STANDING_IN); /* with nothing */
}

/* While one change is under way the next assignment may come, and take it back. */
static void a_later_assignment_counts(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_of(s, 3, ORDERS, 0, 2);
    assert_int_equal(s->member.change, KC_CHANGE_REVOKE);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_of(s, 3, ORDERS, 0, 3);
    wants(s, KC_CHANGE_REVOKE, 2);
    wants(s, KC_CHANGE_ASSIGN, 1);
    stands(s, KC_STANDING_IN);
    says_owned(s, 3, 1, 3);
}

static void a_lost_answer_costs_nothing(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_nothing(s); /* it said epoch 4, and less */
    is_silent(s);
    later(s, BACKOFF_MS);
    says_all(s, 3, 4);
    hears_of(s, 4, ORDERS, 0, 3);
    wants(s, KC_CHANGE_REVOKE, 1);
    says_owned(s, 4, 1, 3);
    hears_nothing(s); /* nor was that heard */
    later(s, BACKOFF_MS);
    says_all(s, 4, 3);
    hears(s, 4);
    is_silent(s);
}

static void who_is_fenced_loses_all_and_joins_anew(void **state)
{
    static const int codes[] = {KB_E_FENCED_MEMBER_EPOCH, KB_E_UNKNOWN_MEMBER_ID,
                                KB_E_GROUP_ID_NOT_FOUND};
    struct story *s = *state;
    joins(s);
    for (size_t i = 0; i < KB_ARRAY_SIZE(codes); i++) {
        later(s, INTERVAL_MS);
        struct kb_slice id = says(s, 3)->member_id;
        snprintf(s->id, sizeof s->id, "%.*s", (int)id.size, (const char *)id.data);
        hears_code(s, codes[i]);
        assert_int_equal(s->member.generation, -1);
        assert_int_equal(s->member.trouble.code, codes[i]);
        later(s, BACKOFF_MS);
        is_silent(s); /* first the loss */
        wants(s, KC_CHANGE_LOSE, 4);
        says_all(s, 0, 0);
        assert_true(kb_slice_is(s->request.beat.member_id, s->id));
        hears_of(s, 3, ORDERS, 0, 4);
        wants(s, KC_CHANGE_ASSIGN, 4);
        says_owned(s, 3, 1, 4);
        hears(s, 3);
        assert_int_equal(s->member.trouble.code, 0);
    }
}

static void silence_of_the_coordinator_ends_it(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    kc_member_coordinator(&s->member, s->now, false);
    later(s, SESSION_MS - INTERVAL_MS - 1);
    assert_true(s->member.wants_coordinator);
    stands(s, KC_STANDING_IN);
    later(s, 1);
    assert_int_equal(s->member.flight, 0); /* abandoned */
    wants(s, KC_CHANGE_LOSE, 4);
    stands(s, KC_STANDING_JOINING);
    is_silent(s);
    kc_member_coordinator(&s->member, s->now, true);
    says_all(s, 0, 0);
}

static void a_revocation_has_its_time(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_of(s, 3, ORDERS, 0, 1);
    assert_int_equal(s->member.change, KC_CHANGE_REVOKE);
    for (int i = 0; i < POLL_MS / INTERVAL_MS; i++) {
        assert_int_equal(s->member.change, KC_CHANGE_REVOKE);
        later(s, INTERVAL_MS);
        if (plans(s))
            hears(s, 3);
    }
    wants(s, KC_CHANGE_LOSE, 4);
    says_all(s, 0, 0);
}

static void it_leaves(void **state)
{
    struct story *s = *state;
    joins(s);
    kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms + 1000);
    stands(s, KC_STANDING_LEAVING);
    assert_int_equal(s->member.owned.count, 0);
    says(s, -1);
    hears(s, -1);
    stands(s, KC_STANDING_OUT);
    is_silent(s);
    subscribe(s, "orders");
    says_all(s, 0, 0);
    kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms + 1000);
    says(s, -1); /* the join may have been heard */
    hears_nothing(s);
    later(s, BACKOFF_MS);
    says(s, -1);
    later(s, 1000);
    stands(s, KC_STANDING_OUT);
    assert_false(s->member.wants_coordinator);
    assert_int_equal(kc_member_deadline_ms(&s->member), KB_NEVER);
}

static void a_change_is_forgotten_by_leaving(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_of(s, 3, ORDERS, 0, 1);
    kc_member_leave(&s->member, s->now, KC_LEAVE_KEEP, s->now.mono_ms + 1000);
    assert_int_equal(s->member.change, KC_CHANGE_NONE);
    stands(s, KC_STANDING_OUT); /* untold */
    is_silent(s);
}

static void a_static_member_keeps_its_place(void **state)
{
    struct story *s = *state;
    configure(s, "group.instance.id", "one");
    joins(s);
    kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms + 1000);
    says(s, -2);
    assert_true(kb_slice_is(s->request.beat.instance_id, "one"));
    hears(s, -2);
    subscribe(s, "orders");
    says_all(s, 0, 0);
    hears_of(s, 3, ORDERS, 0, 0);
    kc_member_leave(&s->member, s->now, KC_LEAVE_TELL, s->now.mono_ms + 1000);
    says(s, -1);
}

/* Its holder may be another, who has to let go; or we ourselves, of whose joining
 * the answer was lost: then we do. */
static void a_held_instance_is_waited_for(void **state)
{
    struct story *s = *state;
    configure(s, "group.instance.id", "one");
    subscribe(s, "orders");
    says_all(s, 0, 0);
    hears_code(s, KB_E_UNRELEASED_INSTANCE_ID);
    assert_int_equal(s->member.trouble.code, KB_E_UNRELEASED_INSTANCE_ID);
    stands(s, KC_STANDING_JOINING);
    is_silent(s);
    later(s, BACKOFF_MS);
    says_all(s, 0, 0);
    hears_nothing(s);
    later(s, 2 * BACKOFF_MS);
    says_all(s, 0, 0);
    hears_code(s, KB_E_UNRELEASED_INSTANCE_ID);
    says(s, -2);
    hears_code(s, KB_E_FENCED_INSTANCE_ID); /* it was not we */
    says_all(s, 0, 0);
    hears_code(s, KB_E_UNRELEASED_INSTANCE_ID);
    is_silent(s);
}

static void an_application_that_is_silent_is_out(void **state)
{
    struct story *s = *state;
    joins(s);
    kc_member_alive(&s->member, s->now.mono_ms + 10);
    s->now.mono_ms += 10;
    kc_member_tick(&s->member, s->now);
    stands(s, KC_STANDING_AWAY);
    assert_int_equal(s->member.err.code, KB_E_LEASE_EXPIRED);
    assert_int_equal(s->member.errors, 1);
    says(s, -1);
    kc_member_alive(&s->member, s->now.mono_ms + POLL_MS);
    kc_member_polled(&s->member, s->now);
    wants(s, KC_CHANGE_LOSE, 4);
    stands(s, KC_STANDING_AWAY); /* until the goodbye is answered */
    hears(s, -1);
    stands(s, KC_STANDING_JOINING);
    says_all(s, 0, 0);
}

/* ---- Names of topics ---- */

static void hears_names(struct story *s, struct kw_metadata_response_topic *topic)
{
    struct kc_member_response response = {.api_key = KW_API_METADATA};
    kw_metadata_response_init(&response.metadata);
    response.metadata.topics = topic;
    response.metadata.topics_count = 1;
    kc_member_answer(&s->member, s->now, &response);
}

static void asks_for_names(struct story *s)
{
    assert_true(plans(s));
    assert_int_equal(s->request.api_key, KW_API_METADATA);
    assert_int_equal(s->request.metadata.topics_count, 1);
    assert_null(s->request.metadata.topics[0].name.data);
    assert_true(kb_uuid_equal(s->request.metadata.topics[0].topic_id, NOWHERE));
    assert_false(s->request.metadata.allow_auto_topic_creation);
}

static void an_unknown_topic_is_asked_for(void **state)
{
    struct story *s = *state;
    struct kw_metadata_response_topic topic = {.error_code = KB_E_UNKNOWN_TOPIC_ID,
                                               .topic_id = NOWHERE};
    learn(s, "orders", ORDERS);
    subscribe(s, "orders");
    says_all(s, 0, 0);
    int32_t rows[] = {0, 1};
    struct kw_consumer_group_heartbeat_response_topic topics[] = {{NOWHERE, rows, 2},
                                                                  {ORDERS, rows, 1}};
    struct kw_consumer_group_heartbeat_response_assignment assignment = {topics, 2};
    struct kw_consumer_group_heartbeat_response beat;
    kw_consumer_group_heartbeat_response_init(&beat);
    beat.member_epoch = 1;
    beat.heartbeat_interval_ms = INTERVAL_MS;
    beat.assignment = &assignment;
    hears_answer(s, &beat);
    wants(s, KC_CHANGE_ASSIGN, 1); /* the rest goes on */
    says_owned(s, 1, 1, 1);
    hears(s, 1);
    stands(s, KC_STANDING_JOINING);
    asks_for_names(s);
    hears_names(s, &topic);
    is_silent(s);
    later(s, BACKOFF_MS);
    asks_for_names(s);
    hears_nothing(s);
    later(s, 2 * BACKOFF_MS);
    asks_for_names(s);
    topic = topic_of("elsewhere", NOWHERE, 2);
    hears_names(s, &topic);
    assert_string_equal(s->member.changing.rows[0].topic, "elsewhere");
    wants(s, KC_CHANGE_ASSIGN, 2);
    stands(s, KC_STANDING_IN);
    is_silent(s);
}

/* The coordinator takes back what we never could take: it waits for our word all the
 * same. */
static void what_had_no_name_is_given_back(void **state)
{
    struct story *s = *state;
    subscribe(s, "orders");
    says_all(s, 0, 0);
    hears_of(s, 1, NOWHERE, 0, 2);
    says_owned(s, 1, 0, 0);
    hears(s, 1);
    asks_for_names(s);
    hears_nothing(s);
    later(s, INTERVAL_MS);
    says_little(s, 1);
    hears_of(s, 1, NOWHERE, 0, 1);
    assert_int_equal(s->member.change, KC_CHANGE_NONE);
    says_owned(s, 1, 0, 0);
}

static void metadata_may_bring_the_name(void **state)
{
    struct story *s = *state;
    subscribe(s, "orders");
    says_all(s, 0, 0);
    hears_of(s, 1, ORDERS, 0, 2);
    assert_int_equal(s->member.change, KC_CHANGE_NONE);
    assert_string_equal(s->member.wanted.names[0], "orders");
    learn(s, "orders", ORDERS);
    wants(s, KC_CHANGE_ASSIGN, 2);
}

/* The same name, another topic: its partitions are others. */
static void a_topic_made_anew_is_another(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_of(s, 4, BILLS, 0, 4);
    wants(s, KC_CHANGE_REVOKE, 4);
    says_owned(s, 4, 0, 0);
    hears(s, 4);
    struct kc_topic *topic = kc_metadata_topic(&s->metadata, "orders");
    kc_metadata_refresh(&s->metadata, topic);
    later(s, 1000);
    learn(s, "orders", BILLS);
    wants(s, KC_CHANGE_ASSIGN, 4);
    assert_true(kb_uuid_equal(s->member.owned.rows[0].id, BILLS));
}

/* ---- Subscriptions ---- */

static void a_changed_subscription_is_told(void **state)
{
    struct story *s = *state;
    const char *both[] = {"bills", "orders"};
    joins(s);
    assert_true(kc_member_subscribe(&s->member, s->now, both, 2, NULL));
    assert_int_equal(says(s, 3)->subscribed_topic_names_count, 2);
    assert_int_equal(s->request.beat.rebalance_timeout_ms, -1);
    assert_int_equal(s->member.wanted.count, 2);
    assert_true(kc_member_subscribe(&s->member, s->now, both, 1, "b.*")); /* while in flight */
    hears(s, 3);
    assert_true(kb_slice_is(says(s, 3)->subscribed_topic_regex, "b.*"));
    hears(s, 4);
    assert_true(kc_member_subscribe(&s->member, s->now, both, 1, NULL));
    assert_true(kb_slice_is(says(s, 4)->subscribed_topic_regex, ""));
    assert_int_equal(s->request.beat.subscribed_topic_names_count, 1);
    hears(s, 4);
    assert_true(kc_member_subscribe(&s->member, s->now, both, 1, NULL));
    is_silent(s); /* nothing new */
}

/* What goes over the wire, by version. */
static void a_pattern_says_more_than_names(void **state)
{
    struct story *s = *state;
    const char *name = "bills";
    uint8_t bytes[512];
    kc_member_coordinator(&s->member, s->now, true);
    assert_true(kc_member_subscribe(&s->member, s->now, &name, 1, "b.*"));
    says(s, 0);
    for (int16_t version = 0; version <= 1; version++) {
        struct kw_writer w;
        struct kw_reader r;
        struct kw_consumer_group_heartbeat_request read;
        kw_writer_init_fixed(&w, bytes, sizeof bytes);
        assert_true(kc_member_encode(&w, version, &s->request));
        r = kw_reader_of(kb_slice_of(bytes, kw_writer_size(&w)));
        assert_true(kw_consumer_group_heartbeat_request_decode(&r, version, &s->arena, &read));
        assert_int_equal(read.subscribed_topic_names_count, version ? 0 : 1);
        assert_int_equal(read.subscribed_topic_regex.size, version ? 3 : 0);
    }
}

/* ---- Refusals ---- */

static void what_cannot_be_is_told_once(void **state)
{
    static const struct {
        int code, told;
        const char *words;
    } rows[] = {
        {KB_E_INVALID_REGULAR_EXPRESSION, KB_E_INVALID_REGULAR_EXPRESSION, "group g: "},
        {KB_E_UNSUPPORTED_ASSIGNOR, KB_E_UNSUPPORTED_ASSIGNOR, "group g: "},
        {KB_E_GROUP_MAX_SIZE_REACHED, KB_E_GROUP_MAX_SIZE_REACHED, "group g: "},
        {KB_E_GROUP_AUTHORIZATION_FAILED, KB_E_GROUP_AUTHORIZATION_FAILED, "group g: "},
        {KB_E_FENCED_INSTANCE_ID, KB_E_FENCED_INSTANCE_ID, "group g: "},
        {KB_E_GROUP_ID_NOT_FOUND, KB_E_GROUP_ID_NOT_FOUND, "not of the consumer protocol"},
        {KB_E_UNSUPPORTED_VERSION, KB_E_UNSUPPORTED, "group.protocol=consumer"},
    };
    struct story *s = *state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows); i++) {
        subscribe(s, "orders");
        says_all(s, 0, 0);
        hears_code(s, rows[i].code);
        stands(s, KC_STANDING_FAILED);
        assert_int_equal(s->member.err.code, rows[i].told);
        assert_int_equal(s->member.errors, i + 1);
        assert_non_null(strstr(s->member.err.text, rows[i].words));
        is_silent(s);
        assert_int_equal(kc_member_deadline_ms(&s->member), KB_NEVER);
    }
    subscribe(s, "orders");
    says_all(s, 0, 0);
    hears_of(s, 1, ORDERS, 0, 0);
    stands(s, KC_STANDING_IN);
}

static void a_refusal_takes_all(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, INTERVAL_MS);
    says_little(s, 3);
    hears_code(s, KB_E_TOPIC_AUTHORIZATION_FAILED);
    stands(s, KC_STANDING_FAILED);
    wants(s, KC_CHANGE_LOSE, 4);
    kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms + 1000);
    says(s, -1); /* the coordinator still counts it in */
}

static void without_a_coordinator_it_fails(void **state)
{
    struct story *s = *state;
    struct kb_error err;
    kb_error_set(&err, KB_E_GROUP_AUTHORIZATION_FAILED, "not allowed");
    for (int i = 0; i < 2; i++) {
        joins(s);
        kc_member_refused(&s->member, s->now, &err);
        stands(s, KC_STANDING_FAILED);
        wants(s, KC_CHANGE_LOSE, 4);
        assert_int_equal(s->member.err.code, KB_E_GROUP_AUTHORIZATION_FAILED);
        kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms + 1000);
        kc_member_refused(&s->member, s->now, &err);
        stands(s, KC_STANDING_OUT);
    }
    kc_member_deinit(&s->member);
    assert_true(open_member(s, &kc_member_auto));
    subscribe(s, "orders");
    kc_member_refused(&s->member, s->now, &err);
    stands(s, KC_STANDING_FAILED);
    subscribe(s, "orders");
    assert_ptr_equal(s->member.kind, &kc_member_auto);
}

static void what_passes_is_tried_again(void **state)
{
    static const int codes[] = {KB_E_COORDINATOR_LOAD_IN_PROGRESS, KB_E_UNKNOWN_SERVER_ERROR,
                                KB_E_NOT_COORDINATOR, KB_E_COORDINATOR_NOT_AVAILABLE};
    struct story *s = *state;
    joins(s);
    for (size_t i = 0; i < KB_ARRAY_SIZE(codes); i++) {
        bool moved = codes[i] == KB_E_NOT_COORDINATOR || codes[i] == KB_E_COORDINATOR_NOT_AVAILABLE;
        later(s, INTERVAL_MS);
        says_little(s, 3);
        hears_code(s, codes[i]);
        stands(s, KC_STANDING_IN);
        assert_int_equal(s->member.wants_coordinator, moved);
        kc_member_coordinator(&s->member, s->now, true);
        later(s, BACKOFF_MS);
        says_all(s, 3, 4);
        hears(s, 3);
    }
}

static void a_stale_commit_asks_for_the_epoch(void **state)
{
    struct story *s = *state;
    joins(s);
    later(s, 1000);
    is_silent(s);
    kc_member_heard(&s->member, s->now, 2, KB_E_STALE_MEMBER_EPOCH);
    is_silent(s); /* it has been renewed since */
    kc_member_heard(&s->member, s->now, 3, KB_E_STALE_MEMBER_EPOCH);
    says_little(s, 3);
    kc_member_heard(&s->member, s->now, 3, KB_E_STALE_MEMBER_EPOCH);
    hears(s, 4);
    is_silent(s);
    assert_int_equal(s->member.generation, 4);
}

/* ---- auto ---- */

static void looks(struct story *s, const char *group_state, int code)
{
    struct kc_member_response response = {.api_key = KW_API_DESCRIBE_GROUPS};
    struct kw_describe_groups_response_group group = {.error_code = (int16_t)code,
                                                      .group_state = kb_slice_str(group_state)};
    assert_true(plans(s));
    assert_int_equal(s->request.api_key, KW_API_DESCRIBE_GROUPS);
    assert_true(kb_slice_is(s->request.describe.groups[0], "g"));
    response.describe = (struct kw_describe_groups_response){.groups = &group, .groups_count = 1};
    kc_member_answer(&s->member, s->now, &response);
}

static void as_auto(struct story *s)
{
    kc_member_deinit(&s->member);
    configure(s, "group.protocol", "auto");
    assert_ptr_equal(kc_member_kind_of(s->options), &kc_member_auto);
    assert_true(open_member(s, &kc_member_auto));
}

static void auto_becomes_what_the_group_is(void **state)
{
    static const struct {
        const char *state;
        int code;
        const struct kc_member_kind *kind;
    } rows[] = {
        {"", KB_E_GROUP_ID_NOT_FOUND, &kc_member_consumer},
        {"Dead", 0, &kc_member_consumer},
        {"Empty", 0, &kc_member_consumer},
        {"Stable", 0, &kc_member_classic},
        {"PreparingRebalance", 0, &kc_member_classic},
        {"", KB_E_GROUP_AUTHORIZATION_FAILED, &kc_member_consumer}, /* which says so */
    };
    struct story *s = *state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows); i++) {
        as_auto(s);
        stands(s, KC_STANDING_OUT);
        is_silent(s);
        subscribe(s, "orders");
        stands(s, KC_STANDING_JOINING);
        assert_int_equal(s->member.wanted.count, 1);
        looks(s, rows[i].state, rows[i].code);
        assert_ptr_equal(s->member.kind, rows[i].kind);
        assert_true(plans(s)); /* joins at once */
    }
}

static void auto_waits_for_the_coordinator(void **state)
{
    struct story *s = *state;
    as_auto(s);
    subscribe(s, "orders");
    kc_member_coordinator(&s->member, s->now, false);
    is_silent(s);
    kc_member_tick(&s->member, s->now);
    assert_true(s->member.wants_coordinator);
    kc_member_coordinator(&s->member, s->now, true);
    looks(s, "", KB_E_COORDINATOR_LOAD_IN_PROGRESS);
    is_silent(s);
    later(s, BACKOFF_MS);
    looks(s, "", KB_E_NOT_COORDINATOR);
    assert_true(s->member.wants_coordinator);
    kc_member_coordinator(&s->member, s->now, true);
    later(s, 4 * BACKOFF_MS);
    assert_true(plans(s));
    hears_nothing(s);
    kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms);
    stands(s, KC_STANDING_OUT);
    later(s, 1000);
    is_silent(s);
}

static void auto_is_classic_where_it_must(void **state)
{
    struct story *s = *state;
    struct kb_error err;
    as_auto(s);
    subscribe(s, "orders");
    looks(s, "Empty", 0);
    says(s, 0);
    kb_error_set(&err, KB_E_UNSUPPORTED, "no such API");
    kc_member_failure(&s->member, s->now, &err);
    assert_ptr_equal(s->member.kind, &kc_member_classic);
    as_auto(s);
    subscribe(s, "orders");
    looks(s, "Empty", 0);
    says(s, 0);
    hears_code(s, KB_E_GROUP_ID_NOT_FOUND);
    assert_ptr_equal(s->member.kind, &kc_member_classic);
    as_auto(s);
    configure(s, "partition.assignment.strategy", "range");
    subscribe(s, "orders");
    assert_ptr_equal(s->member.kind, &kc_member_classic);
}

/* It may have become one of the other protocol. */
static void auto_looks_again_before_it_joins_again(void **state)
{
    struct story *s = *state;
    as_auto(s);
    learn(s, "orders", ORDERS);
    subscribe(s, "orders");
    looks(s, "Empty", 0);
    says(s, 0);
    hears_of(s, 3, ORDERS, 0, 4);
    wants(s, KC_CHANGE_ASSIGN, 4);
    says_owned(s, 3, 1, 4);
    hears_code(s, KB_E_UNKNOWN_MEMBER_ID);
    wants(s, KC_CHANGE_LOSE, 4);
    later(s, BACKOFF_MS);
    looks(s, "Stable", 0);
    assert_ptr_equal(s->member.kind, &kc_member_classic);
    kc_member_alive(&s->member, s->now.mono_ms);
    kc_member_tick(&s->member, s->now);
    stands(s, KC_STANDING_AWAY);
    kc_member_polled(&s->member, s->now);
    assert_ptr_equal(s->member.kind, &kc_member_auto);
    looks(s, "PreparingRebalance", 0);
    assert_ptr_equal(s->member.kind, &kc_member_classic);
    kc_member_leave(&s->member, s->now, KC_LEAVE_DEFAULT, s->now.mono_ms);
    subscribe(s, "orders");
    looks(s, "Empty", 0);
    assert_ptr_equal(s->member.kind, &kc_member_consumer);
}

/* ---- Without memory ---- */

static void a_life_without_memory(void *ctx)
{
    struct story *s = ctx;
    const char *name = "orders";
    if (!open_member(s, &kc_member_auto))
        goto out;
    kc_member_coordinator(&s->member, s->now, true);
    if (!kc_member_subscribe(&s->member, s->now, &name, 1, NULL))
        goto out;
    for (int i = 0; i < 40 && kc_member_standing(&s->member) != KC_STANDING_IN; i++) {
        later(s, 1000);
        kc_member_done(&s->member, s->now);
        if (!plans(s))
            continue;
        struct kc_member_response response = {.api_key = s->request.api_key};
        struct kw_describe_groups_response_group group = {.group_state = kb_slice_str("Empty")};
        response.describe =
            (struct kw_describe_groups_response){.groups = &group, .groups_count = 1};
        if (s->request.api_key == KW_API_DESCRIBE_GROUPS)
            kc_member_answer(&s->member, s->now, &response);
        else if (s->request.api_key == KW_API_METADATA)
            hears_names(s, &(struct kw_metadata_response_topic){.name = kb_slice_str("elsewhere"),
                                                                .topic_id = NOWHERE});
        else
            hears_of(s, 1, i < 12 ? NOWHERE : ORDERS, 0, 4);
    }
    stands(s, KC_STANDING_IN); /* whatever failed was tried again */
out:
    kc_member_deinit(&s->member);
}

static void out_of_memory_is_tried_again(void **state)
{
    struct story *s = *state;
    learn(s, "orders", ORDERS);
    kc_member_deinit(&s->member);
    configure(s, "group.protocol", "auto");
    assert_in_range(unit_each_failure(a_life_without_memory, s), 20, 1000);
    assert_true(open_member(s, &kc_member_consumer));
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(it_joins_and_beats),
        STORY(it_gives_up_before_it_takes),
        STORY(a_later_assignment_counts),
        STORY(a_lost_answer_costs_nothing),
        STORY(who_is_fenced_loses_all_and_joins_anew),
        STORY(silence_of_the_coordinator_ends_it),
        STORY(a_revocation_has_its_time),
        STORY(it_leaves),
        STORY(a_change_is_forgotten_by_leaving),
        STORY(a_static_member_keeps_its_place),
        STORY(a_held_instance_is_waited_for),
        STORY(an_application_that_is_silent_is_out),
        STORY(an_unknown_topic_is_asked_for),
        STORY(what_had_no_name_is_given_back),
        STORY(metadata_may_bring_the_name),
        STORY(a_topic_made_anew_is_another),
        STORY(a_changed_subscription_is_told),
        STORY(a_pattern_says_more_than_names),
        STORY(what_cannot_be_is_told_once),
        STORY(a_refusal_takes_all),
        STORY(without_a_coordinator_it_fails),
        STORY(what_passes_is_tried_again),
        STORY(a_stale_commit_asks_for_the_epoch),
        STORY(auto_becomes_what_the_group_is),
        STORY(auto_waits_for_the_coordinator),
        STORY(auto_is_classic_where_it_must),
        STORY(auto_looks_again_before_it_joins_again),
        STORY(out_of_memory_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
