/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher, told as stories: what it asks, what it hears, what it asks next. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "libclient/core/fetcher.h"
#include "wire/gen/fetch.h"
#include "wire/gen/list_offsets.h"
#include "wire/produce.h"
#include "wire/record.h"

enum { NODE = 1, OTHER = 2, PARTITIONS = 3 };

struct story {
    struct kc_consumer_options options;
    struct kb_random random;
    struct kc_partition partitions[PARTITIONS];
    struct kc_topic topic;
    struct kc_fetcher fetcher;
    struct kc_fetch *fetch[PARTITIONS];
    struct kb_arena arena;
    struct kb_time now;
    struct kw_fetch_request request;
    struct kc_fetched_list told;
    int64_t stable;        /* the last stable offset that answers tell; 0: none */
    bool full[PARTITIONS]; /* not welcome now */
};

static int begin(void **state)
{
    static struct story s;
    s = (struct story){.now = {1000, 1000}};
    s.options = (struct kc_consumer_options){.fetch_min_bytes = 1,
                                             .fetch_max_wait_ms = 500,
                                             .fetch_max_bytes = 1 << 20,
                                             .max_partition_fetch_bytes = 1 << 18,
                                             .auto_offset_reset = KC_RESET_EARLIEST};
    for (int i = 0; i < PARTITIONS; i++)
        s.partitions[i] = (struct kc_partition){.leader = NODE, .leader_epoch = 5};
    s.topic = (struct kc_topic){.name = "t",
                                .id = {{1}},
                                .known = true,
                                .partition_count = PARTITIONS,
                                .partitions = s.partitions};
    kb_random_seed(&s.random, 7);
    kb_arena_init(&s.arena, 1 << 20);
    kc_fetcher_init(&s.fetcher, &s.options, 100, 1000, &s.random);
    for (int i = 0; i < PARTITIONS; i++)
        s.fetch[i] = kc_fetcher_add(&s.fetcher, &s.topic, i, 10, -1, NULL);
    *state = &s;
    return 0;
}

static int end(void **state)
{
    struct story *s = *state;
    kc_fetcher_deinit(&s->fetcher);
    kb_arena_deinit(&s->arena);
    return 0;
}

static bool welcome(void *ctx, const struct kc_fetch *fetch)
{
    return !((struct story *)ctx)->full[fetch->partition];
}

static bool plan(struct story *s)
{
    return kc_fetcher_plan(&s->fetcher, s->now, NODE, 1 << 20, welcome, s, &s->arena, &s->request);
}

/* Is the partition named, at that offset? */
static bool asks(const struct story *s, int32_t partition, int64_t offset)
{
    for (int32_t t = 0; t < s->request.topics_count; t++)
        for (int32_t i = 0; i < s->request.topics[t].partitions_count; i++) {
            const struct kw_fetch_request_partition *p = &s->request.topics[t].partitions[i];
            if (p->partition == partition)
                return p->fetch_offset == offset;
        }
    return false;
}

static int named(const struct story *s)
{
    int n = 0;
    for (int32_t t = 0; t < s->request.topics_count; t++)
        n += s->request.topics[t].partitions_count;
    return n;
}

/* One plain batch of `count` records from `base` on. */
static struct kb_slice batch(struct story *s, int64_t base, int count)
{
    kb_mem_spare(1); /* it is the broker's */
    uint8_t *bytes = kb_arena_alloc(&s->arena, 4096), *at = bytes + KW_BATCH_HEADER_BYTES;
    kb_mem_spare(-1);
    for (int i = 0; i < count; i++) {
        struct kw_record_in r = {.offset_delta = i, .value = kb_slice_str("v")};
        at = kw_record_write(at, &r, kw_record_body_size(&r));
    }
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.base_offset = base;
    header.leader_epoch = 5;
    header.record_count = count;
    header.last_offset_delta = count - 1;
    kw_batch_stamp(bytes, &header, 0, (size_t)(at - bytes) - KW_BATCH_HEADER_BYTES);
    return kb_slice_of(bytes, (size_t)(at - bytes));
}

struct row {
    int32_t partition;
    int16_t error;
    struct kb_slice records;
    int64_t high_watermark;
};

static void answer(struct story *s, int32_t session, int16_t error, const struct row *rows, int n)
{
    struct kw_fetch_response response;
    struct kw_fetch_response_topic topic;
    struct kw_fetch_response_partition partitions[PARTITIONS];
    kw_fetch_response_init(&response);
    kw_fetch_response_topic_init(&topic);
    for (int i = 0; i < n; i++) {
        kw_fetch_response_partition_init(&partitions[i]);
        partitions[i].partition_index = rows[i].partition;
        partitions[i].error_code = rows[i].error;
        partitions[i].records = rows[i].records;
        partitions[i].high_watermark = rows[i].high_watermark;
        partitions[i].last_stable_offset = s->stable ? s->stable : -1;
    }
    topic.topic_id = s->topic.id;
    topic.partitions = partitions;
    topic.partitions_count = n;
    response.session_id = session;
    response.error_code = error;
    response.responses = &topic;
    response.responses_count = 1;
    s->told = (struct kc_fetched_list){0};
    kc_fetcher_answer(&s->fetcher, s->now, NODE, &response, &s->arena, &s->told);
}

static void first_answer(struct story *s)
{
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 10, 4), 100}, 1);
}

/* ---- Stories ------------------------------------------------------------------*/

static void a_session_names_only_what_changed(void **state)
{
    struct story *s = *state;
    assert_true(plan(s));
    assert_int_equal(s->request.session_epoch, 0);
    assert_int_equal(named(s), 3);
    assert_false(plan(s)); /* one at a time */

    answer(s, 77, 0, &(struct row){0, 0, batch(s, 10, 4), 100}, 1);
    assert_int_equal(s->told.count, 1);
    assert_int_equal(s->told.rows[0].from, 10);
    assert_int_equal(s->told.rows[0].next, 14);
    assert_int_equal(s->told.rows[0].high_watermark, 100);

    assert_true(plan(s));
    assert_int_equal(s->request.session_id, 77);
    assert_int_equal(s->request.session_epoch, 1);
    assert_int_equal(named(s), 1);
    assert_true(asks(s, 0, 14));
}

static void a_lost_session_is_begun_anew(void **state)
{
    struct story *s = *state;
    first_answer(s);
    assert_true(plan(s));
    answer(s, 0, KB_E_FETCH_SESSION_ID_NOT_FOUND, NULL, 0);
    assert_true(plan(s));
    assert_int_equal(s->request.session_id, 0);
    assert_int_equal(s->request.session_epoch, 0);
    assert_int_equal(named(s), 3);
}

static void a_broken_connection_backs_off_and_begins_anew(void **state)
{
    struct story *s = *state;
    first_answer(s);
    assert_true(plan(s));
    kc_fetcher_failure(&s->fetcher, s->now, NODE);
    assert_false(plan(s));
    s->now.mono_ms = kc_fetcher_deadline_ms(&s->fetcher, s->now) + 50;
    assert_true(plan(s));
    assert_int_equal(s->request.session_epoch, 0);
    assert_true(asks(s, 0, 14));
}

static void what_was_sought_meanwhile_is_not_handed_out(void **state)
{
    struct story *s = *state;
    assert_true(plan(s));
    kc_fetch_seek(&s->fetcher, s->fetch[0], 50, -1);
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 10, 4), 100}, 1);
    assert_int_equal(s->told.count, 0);
    assert_true(plan(s));
    assert_true(asks(s, 0, 50));
}

static void paused_and_full_partitions_are_forgotten_and_named_again(void **state)
{
    struct story *s = *state;
    first_answer(s);
    s->fetch[1]->paused = true;
    s->full[2] = true;
    assert_true(plan(s));
    assert_int_equal(s->request.forgotten_topics_data_count, 2);
    answer(s, 77, 0, NULL, 0);

    s->fetch[1]->paused = s->full[2] = false;
    assert_true(plan(s));
    assert_int_equal(named(s), 2);
    assert_true(asks(s, 1, 10) && asks(s, 2, 10));
    assert_int_equal(s->request.forgotten_topics_data_count, 0);
}

static void out_of_range_is_reset_by_the_policy(void **state)
{
    struct story *s = *state;
    struct kw_list_offsets_request ask;
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){1, KB_E_OFFSET_OUT_OF_RANGE, {0}, -1}, 1);
    assert_int_equal(s->told.count, 0);
    assert_true(kc_fetcher_plan_offsets(&s->fetcher, s->now, NODE, &s->arena, &ask));
    assert_int_equal(ask.topics_count, 1);
    assert_int_equal(ask.topics[0].partitions[0].timestamp, KC_EARLIEST);

    struct kw_list_offsets_response response;
    struct kw_list_offsets_response_topic topic;
    struct kw_list_offsets_response_partition row;
    kw_list_offsets_response_init(&response);
    kw_list_offsets_response_topic_init(&topic);
    kw_list_offsets_response_partition_init(&row);
    row.partition_index = 1;
    row.offset = 42;
    topic.name = kb_slice_str("t");
    topic.partitions = &row;
    topic.partitions_count = 1;
    response.topics = &topic;
    response.topics_count = 1;
    kc_fetcher_answer_offsets(&s->fetcher, s->now, NODE, &response, &s->arena, &s->told);
    assert_true(plan(s));
    assert_true(asks(s, 1, 42));
}

static void without_a_policy_it_is_told_and_only_seek_helps(void **state)
{
    struct story *s = *state;
    s->options.auto_offset_reset = KC_RESET_NONE;
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){1, KB_E_OFFSET_OUT_OF_RANGE, {0}, -1}, 1);
    assert_int_equal(s->told.count, 1);
    assert_int_equal(s->told.rows[0].err.code, KB_E_OFFSET_OUT_OF_RANGE);
    s->now.mono_ms += 100000;
    assert_true(plan(s));
    assert_false(asks(s, 1, 10));
    answer(s, 77, 0, NULL, 0);
    kc_fetch_seek(&s->fetcher, s->fetch[1], 0, -1);
    assert_true(plan(s));
    assert_true(asks(s, 1, 0));
}

static void a_moved_leader_is_asked_once_metadata_knows(void **state)
{
    struct story *s = *state;
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){2, KB_E_NOT_LEADER_OR_FOLLOWER, {0}, -1}, 1);
    assert_true(s->fetcher.wants_metadata);
    assert_int_equal(s->told.count, 0);

    s->partitions[2] = (struct kc_partition){.leader = OTHER, .leader_epoch = 6};
    kc_fetcher_topic(&s->fetcher, s->now, &s->topic, &s->arena, &s->told);
    assert_int_equal(kc_fetcher_next_node(&s->fetcher, NODE), OTHER);
    assert_true(
        kc_fetcher_plan(&s->fetcher, s->now, OTHER, 1 << 20, welcome, s, &s->arena, &s->request));
    assert_true(asks(s, 2, 10));
    assert_int_equal(s->request.topics[0].partitions[0].current_leader_epoch, 6);
}

static void the_old_leader_s_late_answer_is_dropped(void **state)
{
    struct story *s = *state;
    assert_true(plan(s));
    s->partitions[2] = (struct kc_partition){.leader = OTHER, .leader_epoch = 6};
    assert_true(
        kc_fetcher_plan(&s->fetcher, s->now, OTHER, 1 << 20, welcome, s, &s->arena, &s->request));
    answer(s, 77, 0, &(struct row){2, 0, batch(s, 10, 4), 100}, 1);
    assert_int_equal(s->told.count, 0);
    assert_int_equal(s->fetch[2]->position, 10);
}

static void the_end_is_told_once_each_time_it_is_reached(void **state)
{
    struct story *s = *state;
    s->options.enable_partition_eof = true;
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 10, 4), 14}, 1);
    assert_int_equal(s->told.count, 2);
    assert_int_equal(s->told.rows[1].kind, KC_FETCHED_END);
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){0, 0, {0}, 14}, 1);
    assert_int_equal(s->told.count, 0);
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 14, 2), 16}, 1);
    assert_int_equal(s->told.count, 2);
}

/* Behind the last stable offset nothing comes until the transaction has ended. */
static void in_read_committed_an_open_transaction_is_the_end(void **state)
{
    struct story *s = *state;
    s->options.enable_partition_eof = true;
    s->options.isolation_level = KC_READ_COMMITTED;
    assert_true(plan(s));
    assert_int_equal(s->request.isolation_level, 1);
    s->stable = 14;
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 10, 4), 20}, 1);
    assert_int_equal(s->told.count, 2);
    assert_int_equal(s->told.rows[0].stable_offset, 14);
    assert_int_equal(s->told.rows[0].end, 14);
    assert_int_equal(s->told.rows[1].kind, KC_FETCHED_END);
    assert_int_equal(kc_fetch_end(&s->fetcher, s->fetch[0]), 14);
    assert_int_equal(s->fetch[0]->high_watermark, 20);
    assert_true(plan(s));
    s->stable = 14;
    answer(s, 77, 0, &(struct row){0, 0, {0}, 25}, 1);
    assert_int_equal(s->told.count, 0); /* told once */
    assert_true(plan(s));
    s->stable = 25;
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 14, 11), 25}, 1);
    assert_int_equal(s->told.count, 2);
}

static void an_offset_that_cannot_be_stable_is_not_believed(void **state)
{
    struct story *s = *state;
    s->options.isolation_level = KC_READ_COMMITTED;
    assert_true(plan(s));
    s->stable = 99;
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 10, 4), 20}, 1);
    assert_int_equal(s->told.rows[0].stable_offset, 20);
    assert_true(plan(s));
    s->stable = 0;
    answer(s, 77, 0, &(struct row){0, 0, batch(s, 14, 2), 20}, 1);
    assert_int_equal(s->told.rows[0].stable_offset, 20);
}

/* A session that told it would be silent until something comes. */
static void the_end_is_told_again_to_who_seeks_it(void **state)
{
    struct story *s = *state;
    s->options.enable_partition_eof = true;
    for (int i = 0; i < 3; i++) {
        assert_true(plan(s));
        assert_int_equal(s->request.session_epoch, 0);
        assert_true(asks(s, 0, 10));
        answer(s, 77, 0, &(struct row){0, 0, {0}, 10}, 1);
        assert_int_equal(s->told.count, 1);
        assert_int_equal(s->told.rows[0].kind, KC_FETCHED_END);
        kc_fetch_seek(&s->fetcher, s->fetch[0], 10, -1);
    }
}

static void a_cut_off_batch_is_left_for_the_next_answer(void **state)
{
    struct story *s = *state;
    struct kb_slice whole = batch(s, 10, 4), next = batch(s, 14, 4);
    uint8_t *both = kb_arena_alloc(&s->arena, whole.size + next.size);
    memcpy(both, whole.data, whole.size);
    memcpy(both + whole.size, next.data, next.size);
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){0, 0, {both, whole.size + next.size - 1}, 100}, 1);
    assert_int_equal(s->told.rows[0].bytes.size, whole.size);
    assert_true(plan(s));
    assert_true(asks(s, 0, 14));
}

static void a_topic_made_anew_is_read_by_the_policy(void **state)
{
    struct story *s = *state;
    struct kw_list_offsets_request ask;
    s->topic.generation++;
    kc_fetcher_topic(&s->fetcher, s->now, &s->topic, &s->arena, &s->told);
    assert_false(plan(s));
    assert_true(kc_fetcher_plan_offsets(&s->fetcher, s->now, NODE, &s->arena, &ask));
    assert_int_equal(ask.topics_count, 3);
}

/* The broker knows partitions by the topic's id: the old ones are to go. */
static void a_topic_made_anew_begins_a_new_session(void **state)
{
    struct story *s = *state;
    assert_true(plan(s));
    s->topic.generation++;
    kc_fetcher_topic(&s->fetcher, s->now, &s->topic, &s->arena, &s->told);
    answer(s, 77, 0, NULL, 0); /* to what was asked before */
    for (int i = 0; i < 3; i++)
        kc_fetch_seek(&s->fetcher, s->fetch[i], 0, -1);
    assert_true(plan(s));
    assert_int_equal(s->request.session_id, 77);
    assert_int_equal(s->request.session_epoch, 0);
    assert_int_equal(named(s), 3);
}

/* Else each answer would come at once, with the same error. */
static void a_refused_partition_leaves_the_session_while_it_waits(void **state)
{
    struct story *s = *state;
    first_answer(s);
    assert_true(plan(s));
    answer(s, 77, 0, &(struct row){2, KB_E_KAFKA_STORAGE_ERROR, {0}, -1}, 1);
    assert_true(plan(s));
    assert_int_equal(s->request.forgotten_topics_data_count, 1);
}

static void a_removed_partition_is_no_longer_asked_for(void **state)
{
    struct story *s = *state;
    first_answer(s);
    kc_fetcher_remove(&s->fetcher, s->fetch[1]);
    assert_true(plan(s));
    assert_int_equal(s->request.session_id, 77); /* closed by the full request */
    assert_int_equal(s->request.session_epoch, 0);
    assert_int_equal(named(s), 2);
}

/* ---- Memory --------------------------------------------------------------------*/

/* The second time there is some again. */
static struct kc_fetch *add(struct story *s, int32_t partition)
{
    struct kc_fetch *fetch = kc_fetcher_add(&s->fetcher, &s->topic, partition, 10, -1, NULL);
    return fetch ? fetch : kc_fetcher_add(&s->fetcher, &s->topic, partition, 10, -1, NULL);
}

/* What was told follows what was told before, and the end once. */
static void follow(struct story *s, int64_t *next, int *ends, int *lost)
{
    for (size_t i = 0; i < s->told.count; i++) {
        const struct kc_fetched *row = &s->told.rows[i];
        int32_t partition = row->fetch->partition;
        assert_int_equal(row->from, next[partition]);
        next[partition] = row->next;
        ends[partition] += row->kind == KC_FETCHED_END;
        lost[partition] += row->kind == KC_FETCHED_ERROR;
    }
}

/* Two partitions are read to the end; the place in the third is lost. */
static void read_all(void *ctx)
{
    void *state = NULL;
    int64_t next[PARTITIONS] = {10, 10, 10};
    int ends[PARTITIONS] = {0}, lost[PARTITIONS] = {0};
    (void)ctx;
    begin(&state);
    struct story *s = state;
    s->options.enable_partition_eof = true;
    s->options.auto_offset_reset = KC_RESET_NONE;
    for (int i = 0; i < PARTITIONS; i++) {
        if (!s->fetch[i])
            s->fetch[i] = add(s, i);
        assert_non_null(s->fetch[i]);
    }
    for (int round = 0; round < 20 && !(ends[0] && ends[1] && lost[2]); round++) {
        struct row rows[PARTITIONS];
        kb_arena_reset(&s->arena);
        s->arena.failed = false;
        s->now.mono_ms += 1000;
        if (!plan(s))
            continue;
        for (int i = 0; i < 2; i++)
            rows[i] = (struct row){i, 0, next[i] < 18 ? batch(s, next[i], 4) : kb_slice_null(), 18};
        rows[2] = (struct row){2, KB_E_OFFSET_OUT_OF_RANGE, {0}, -1};
        answer(s, 77, 0, rows, PARTITIONS);
        follow(s, next, ends, lost);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(next[i], 18);
        assert_int_equal(ends[i], 1);
    }
    assert_int_equal(lost[2], 1);
    end(&state);
}

static void out_of_memory_loses_nothing(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(read_all, NULL), 5, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_names_only_what_changed, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_session_is_begun_anew, begin, end),
        cmocka_unit_test_setup_teardown(a_broken_connection_backs_off_and_begins_anew, begin, end),
        cmocka_unit_test_setup_teardown(what_was_sought_meanwhile_is_not_handed_out, begin, end),
        cmocka_unit_test_setup_teardown(paused_and_full_partitions_are_forgotten_and_named_again,
                                        begin, end),
        cmocka_unit_test_setup_teardown(out_of_range_is_reset_by_the_policy, begin, end),
        cmocka_unit_test_setup_teardown(without_a_policy_it_is_told_and_only_seek_helps, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_moved_leader_is_asked_once_metadata_knows, begin, end),
        cmocka_unit_test_setup_teardown(the_old_leader_s_late_answer_is_dropped, begin, end),
        cmocka_unit_test_setup_teardown(the_end_is_told_once_each_time_it_is_reached, begin, end),
        cmocka_unit_test_setup_teardown(the_end_is_told_again_to_who_seeks_it, begin, end),
        cmocka_unit_test_setup_teardown(in_read_committed_an_open_transaction_is_the_end, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_offset_that_cannot_be_stable_is_not_believed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_cut_off_batch_is_left_for_the_next_answer, begin, end),
        cmocka_unit_test_setup_teardown(a_topic_made_anew_is_read_by_the_policy, begin, end),
        cmocka_unit_test_setup_teardown(a_topic_made_anew_begins_a_new_session, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_partition_leaves_the_session_while_it_waits,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_removed_partition_is_no_longer_asked_for, begin, end),
        cmocka_unit_test(out_of_memory_loses_nothing),
    };
    return cmocka_run_group_tests_name("fetcher", tests, NULL, NULL);
}
