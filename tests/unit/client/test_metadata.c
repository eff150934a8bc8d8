/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata machine, told as timed stories: `at(ms)` is the clock, asked(...)
 * is what it wants to know then, and from whom. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/codes.h"
#include "libclient/core/metadata.h"
#include "wire/gen/metadata.h"
#include <string.h>

enum { PARTITIONS = 2 };

struct story {
    struct kc_metadata md;
    struct kc_bootstrap bootstrap;
    struct kb_random random;
    struct kb_arena arena;
    struct kb_time now;
    struct kw_metadata_request request;
    struct kc_target target;
};

static int setup(void **state)
{
    struct story *s = kb_calloc(1, sizeof *s);
    struct kc_metadata_options options = {.max_age_ms = 300000,
                                          .retry_backoff_ms = 100,
                                          .retry_backoff_max_ms = 1000,
                                          .rebootstrap_trigger_ms = 60000,
                                          .rebootstrap = true,
                                          .auto_create = true};
    kb_random_seed(&s->random, 3);
    kb_arena_init(&s->arena, 1 << 20);
    assert_int_equal(kc_bootstrap_parse(&s->bootstrap, "boot1,boot2", NULL), 0);
    kc_metadata_init(&s->md, &options, &s->bootstrap, &s->random);
    s->now.mono_ms = 1000;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct story *s = *state;
    kc_metadata_deinit(&s->md);
    kc_bootstrap_deinit(&s->bootstrap);
    kb_arena_deinit(&s->arena);
    kb_free(s);
    return 0;
}

static void at(struct story *s, int64_t ms)
{
    assert_true(1000 + ms >= s->now.mono_ms);
    s->now.mono_ms = 1000 + ms;
}

/* How many topics it asks for now; -1: it asks nothing. */
static int asked(struct story *s)
{
    kb_arena_reset(&s->arena);
    if (!kc_metadata_query(&s->md, s->now, &s->arena, &s->request, &s->target))
        return -1;
    return s->request.topics_count;
}

static bool asked_bootstrap(const struct story *s)
{
    return s->target.node == -1 && !strncmp(s->target.host, "boot", 4);
}

struct told {
    int16_t error;
    uint8_t id;
    int32_t partitions, leader, epoch;
};

/* Brokers 1 and 2 at k1 and k2; every topic that was asked for is as told. */
static void answered(struct story *s, struct told told)
{
    static struct kw_metadata_response_broker brokers[2];
    struct kw_metadata_response_partition partitions[PARTITIONS];
    struct kw_metadata_response_topic topics[4];
    struct kw_metadata_response response;
    kw_metadata_response_init(&response);
    for (int i = 0; i < 2; i++) {
        brokers[i].node_id = 2 - i; /* not in order */
        brokers[i].host = kb_slice_str(i ? "k1" : "k2");
        brokers[i].port = 9092;
        brokers[i].rack = kb_slice_null();
    }
    for (int32_t i = 0; i < PARTITIONS; i++) {
        kw_metadata_response_partition_init(&partitions[i]);
        partitions[i].partition_index = i;
        partitions[i].leader_id = told.leader;
        partitions[i].leader_epoch = told.epoch;
    }
    for (int32_t i = 0; i < s->request.topics_count; i++) {
        kw_metadata_response_topic_init(&topics[i]);
        topics[i].name = s->request.topics[i].name;
        topics[i].error_code = told.error;
        memset(&topics[i].topic_id, told.id, sizeof topics[i].topic_id);
        topics[i].partitions = partitions;
        topics[i].partitions_count = told.error ? 0 : told.partitions;
    }
    response.brokers = brokers;
    response.brokers_count = 2;
    response.cluster_id = kb_slice_str("c");
    response.controller_id = 2;
    response.topics = topics;
    response.topics_count = s->request.topics_count;
    kc_metadata_answer(&s->md, s->now, &response);
}

static const struct told fine = {.id = 1, .partitions = PARTITIONS, .leader = 1, .epoch = 5};

static int changes(struct story *s)
{
    int n = 0;
    while (kc_metadata_next_change(&s->md))
        n++;
    return n;
}

/* ---- When and what it asks ---------------------------------------------------------*/

static void asks_at_once_and_then_of_age(void **state)
{
    struct story *s = *state;
    assert_int_equal(asked(s), 0);
    assert_true(asked_bootstrap(s));
    assert_int_equal(asked(s), -1); /* one in flight */
    answered(s, fine);
    assert_string_equal(s->md.cluster_id, "c");
    assert_int_equal(s->md.controller, 2);
    assert_int_equal(s->md.brokers[0].id, 1);
    assert_string_equal(kc_metadata_broker(&s->md, 2)->host, "k2");
    assert_null(kc_metadata_broker(&s->md, 3));
    assert_int_equal(asked(s), -1);
    at(s, 299999);
    assert_int_equal(asked(s), -1);
    at(s, 300000);
    assert_int_equal(asked(s), 0);
    assert_true(s->target.node == 1 || s->target.node == 2);
}

static void a_new_topic_is_asked_for_at_once(void **state)
{
    struct story *s = *state;
    asked(s);
    answered(s, fine);
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    assert_int_equal(asked(s), 1);
    struct kc_topic *b = kc_metadata_want(&s->md, "b"); /* while that one is in flight */
    answered(s, fine);
    assert_true(a->known && !b->known);
    assert_int_equal(asked(s), 1);
    assert_true(kb_slice_is(s->request.topics[0].name, "b"));
    answered(s, fine);
    assert_int_equal(changes(s), 2);
    assert_int_equal(asked(s), -1);
    kc_metadata_refresh(&s->md, NULL);
    at(s, 100);
    assert_int_equal(asked(s), 2); /* all of them with the brokers */
}

static void interest_is_counted(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    assert_ptr_equal(kc_metadata_want(&s->md, "a"), a);
    kc_metadata_unwant(&s->md, a);
    assert_ptr_equal(kc_metadata_topic(&s->md, "a"), a);
    asked(s);
    kc_metadata_unwant(&s->md, a);
    assert_null(kc_metadata_topic(&s->md, "a"));
    answered(s, fine); /* nobody wants to know any more */
    assert_int_equal(changes(s), 0);
}

static void complaints_wait_for_the_backoff(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    asked(s);
    answered(s, fine);
    kc_metadata_refresh(&s->md, a);
    assert_int_equal(asked(s), -1); /* the answer has just come */
    at(s, 100);
    assert_int_equal(asked(s), 1);
    answered(s, fine);
    at(s, 5000);
    kc_metadata_refresh(&s->md, a);
    assert_int_equal(asked(s), 1); /* long ago: at once */
}

static void failures_back_off(void **state)
{
    struct story *s = *state;
    int64_t waited_ms = 0;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(asked(s), 0);
        kc_metadata_failure(&s->md, s->now, s->target.node);
        int64_t before_ms = s->now.mono_ms;
        s->now.mono_ms = kc_metadata_deadline_ms(&s->md);
        waited_ms = s->now.mono_ms - before_ms;
        assert_in_range(waited_ms, 80, 1200);
    }
    assert_in_range(waited_ms, 800, 1200);
}

static void open_questions_are_asked_again(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    asked(s);
    answered(s, (struct told){.error = KB_E_UNKNOWN_TOPIC_OR_PARTITION});
    assert_int_equal(a->error, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_false(a->known);
    assert_int_equal(changes(s), 1);
    at(s, 200);
    assert_int_equal(asked(s), 1);
    answered(s, (struct told){.id = 1, .partitions = 2, .leader = -1, .epoch = 0});
    assert_true(a->known);
    assert_int_equal(a->error, 0);
    at(s, 700);
    assert_int_equal(asked(s), 1); /* no leader yet */
    answered(s, fine);
    assert_int_equal(changes(s), 1);
    at(s, 10000);
    assert_int_equal(asked(s), -1);
}

static void a_refusal_is_not_asked_again(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    asked(s);
    answered(s, (struct told){.error = KB_E_TOPIC_AUTHORIZATION_FAILED});
    assert_int_equal(a->error, KB_E_TOPIC_AUTHORIZATION_FAILED);
    at(s, 200000);
    assert_int_equal(asked(s), -1);
}

/* ---- What an answer may change ------------------------------------------------------*/

static void a_leader_epoch_never_goes_back(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    asked(s);
    answered(s, fine);
    changes(s);
    assert_true(kc_metadata_leader(&s->md, a, 1, 2, 6)); /* a refusal named it */
    assert_int_equal(changes(s), 1);
    kc_metadata_refresh(&s->md, a);
    at(s, 100);
    asked(s);
    answered(s, fine); /* by a broker that lags */
    assert_int_equal(a->partitions[1].leader, 2);
    assert_int_equal(a->partitions[1].leader_epoch, 6);
    assert_int_equal(changes(s), 0);
    at(s, 300);
    assert_int_equal(asked(s), 1); /* until somebody knows */
    assert_false(kc_metadata_leader(&s->md, a, 1, 1, 5));
    assert_false(kc_metadata_leader(&s->md, a, 9, 1, 7));
}

static void a_topic_made_anew_starts_over(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    asked(s);
    answered(s, fine);
    struct kb_uuid old = a->id;
    kc_metadata_refresh(&s->md, a);
    at(s, 100);
    asked(s);
    answered(s, (struct told){.id = 2, .partitions = 1, .leader = 2, .epoch = 0});
    assert_int_equal(a->generation, 1);
    assert_int_equal(a->partition_count, 1);
    assert_int_equal(a->partitions[0].leader_epoch, 0);
    assert_null(kc_metadata_topic_by_id(&s->md, old));
    assert_ptr_equal(kc_metadata_topic_by_id(&s->md, a->id), a);
}

static void partitions_only_grow(void **state)
{
    struct story *s = *state;
    struct kc_topic *a = kc_metadata_want(&s->md, "a");
    asked(s);
    answered(s, fine);
    kc_metadata_refresh(&s->md, a);
    at(s, 100);
    asked(s);
    answered(s, (struct told){.id = 1, .partitions = 1, .leader = 1, .epoch = 5});
    assert_int_equal(a->partition_count, 2);
    assert_null(kc_metadata_partition(a, 2));
    assert_null(kc_metadata_partition(a, -1));
}

/* ---- Whom it asks -------------------------------------------------------------------*/

static void goes_round_the_bootstrap_list(void **state)
{
    struct story *s = *state;
    char first[16];
    asked(s);
    strcpy(first, s->target.host);
    kc_metadata_failure(&s->md, s->now, -1);
    at(s, 500);
    asked(s);
    assert_string_not_equal(s->target.host, first);
    kc_metadata_failure(&s->md, s->now, -1);
    at(s, 2000);
    asked(s);
    assert_string_equal(s->target.host, first);
}

static void goes_back_to_bootstrap_when_all_are_gone(void **state)
{
    struct story *s = *state;
    bool seen[3] = {false};
    asked(s);
    answered(s, fine);
    at(s, 1000);
    kc_metadata_refresh(&s->md, NULL);
    for (int i = 0; i < 2; i++) { /* each known broker once */
        s->now.mono_ms += 2000;
        assert_int_equal(asked(s), 0);
        assert_in_range(s->target.node, 1, 2);
        assert_false(seen[s->target.node]);
        seen[s->target.node] = true;
        kc_metadata_failure(&s->md, s->now, s->target.node);
    }
    for (int i = 0; i < 2; i++) { /* then the list */
        s->now.mono_ms += 2000;
        assert_int_equal(asked(s), 0);
        assert_true(asked_bootstrap(s));
        kc_metadata_failure(&s->md, s->now, -1);
    }
    s->now.mono_ms += 2000;
    asked(s); /* then they get another chance */
    assert_in_range(s->target.node, 1, 2);
    answered(s, fine);
}

static void may_be_told_not_to(void **state)
{
    struct story *s = *state;
    s->md.options.rebootstrap = false;
    asked(s);
    answered(s, fine);
    at(s, 1000);
    kc_metadata_refresh(&s->md, NULL);
    for (int i = 0; i < 6; i++) {
        s->now.mono_ms += 2000;
        assert_int_equal(asked(s), 0);
        assert_in_range(s->target.node, 1, 2);
        kc_metadata_failure(&s->md, s->now, s->target.node);
    }
}

/* ---- Memory -----------------------------------------------------------------------------*/

static void whole_life(void *ctx)
{
    void *state = NULL;
    struct story *s;
    (void)ctx;
    s = kb_calloc(1, sizeof *s);
    if (!s)
        return;
    if (kc_bootstrap_parse(&s->bootstrap, "b", NULL)) {
        kb_free(s);
        return;
    }
    struct kc_metadata_options options = {.max_age_ms = 1000, .retry_backoff_ms = 1};
    kb_arena_init(&s->arena, 1 << 20);
    kc_metadata_init(&s->md, &options, &s->bootstrap, &s->random);
    kc_metadata_want(&s->md, "a");
    if (asked(s) >= 0)
        answered(s, fine);
    s->now.mono_ms += 5000;
    if (asked(s) >= 0)
        answered(s, (struct told){.id = 2, .partitions = 2, .leader = 2, .epoch = 0});
    state = s;
    teardown(&state);
}

static void no_memory_is_survived(void **state)
{
    (void)state;
    assert_true(unit_each_failure(whole_life, NULL) > 8);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(asks_at_once_and_then_of_age),
        CASE(a_new_topic_is_asked_for_at_once),
        CASE(interest_is_counted),
        CASE(complaints_wait_for_the_backoff),
        CASE(failures_back_off),
        CASE(open_questions_are_asked_again),
        CASE(a_refusal_is_not_asked_again),
        CASE(a_leader_epoch_never_goes_back),
        CASE(a_topic_made_anew_starts_over),
        CASE(partitions_only_grow),
        CASE(goes_round_the_bootstrap_list),
        CASE(goes_back_to_bootstrap_when_all_are_gone),
        CASE(may_be_told_not_to),
        cmocka_unit_test(no_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
