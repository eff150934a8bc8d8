/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that wait for the coordinator of their transaction. */
#include "tests/unit/unit.h"

#include "base/codes.h"
#include "broker/server/shard.h"
#include "broker/server/txn/join.h"

/* Who is asked: what was asked stands here until a test answers it. */
static struct kd_txn_join *asked[4];
static size_t asked_count;
static int answer_at_once; /* with this code; -1: later */

static void answer(size_t i, int code, int first, int second)
{
    struct kd_txn_join *join = asked[i];
    assert_true(join->count <= 2);
    join->places[0].code = first;
    if (join->count > 1)
        join->places[1].code = second;
    join->done(join, code);
}

static void fake_join(struct kd_shard *shard, struct kd_txn_join *join)
{
    (void)shard;
    assert_true(asked_count < KB_ARRAY_SIZE(asked));
    asked[asked_count++] = join;
    if (answer_at_once >= 0)
        answer(asked_count - 1, answer_at_once, KB_OK, KB_OK);
}

/* Batches, and in which order they were told what. */
struct batch {
    struct kd_ticket ticket;
    int turn, code;
};
static int turns;

static void on_told(struct kd_ticket *ticket, int code)
{
    struct batch *batch = KB_CONTAINER(ticket, struct batch, ticket);
    assert_int_equal(batch->turn, 0);
    batch->turn = ++turns;
    batch->code = code;
}

static struct batch batch_new(void)
{
    return (struct batch){.ticket.done = on_told, .code = -1};
}

static int set_up(void **state)
{
    struct kd_shard *shard = KB_NEW(struct kd_shard);
    kb_random_seed(&shard->random, 1);
    kd_verifications_init(&shard->verifications, &shard->random, fake_join);
    asked_count = 0;
    answer_at_once = -1;
    turns = 0;
    *state = shard;
    return 0;
}

static int tear_down(void **state)
{
    struct kd_shard *shard = *state;
    kd_verifications_deinit(&shard->verifications);
    kb_free(shard);
    return 0;
}

static struct kd_verify_key key_of(int32_t partition, int64_t producer, int16_t epoch)
{
    return (struct kd_verify_key){.partition = partition, .producer = producer, .epoch = epoch};
}

static struct kd_question *question(struct kd_shard *shard, int64_t producer, int16_t epoch)
{
    struct kd_txn_producer who = {kb_slice_str("copier"), producer, epoch};
    struct kd_question *q = kd_question_new(shard, &who, true, 4);
    assert_non_null(q);
    assert_true(kd_question_is_of(q, producer, epoch));
    assert_false(kd_question_is_of(q, producer, (int16_t)(epoch + 1)));
    return q;
}

static void add(struct kd_question *q, const struct kd_verify_key *key, struct batch *batch)
{
    assert_true(kd_question_add(q, key, kb_slice_str("t"), &batch->ticket));
}

static bool queue(struct kd_shard *shard, const struct kd_verify_key *key, struct batch *batch)
{
    return kd_verify_queue(&shard->verifications, key, &batch->ticket);
}

static void those_behind_hear_the_same_in_their_order(void **state)
{
    struct kd_shard *shard = *state;
    struct batch first = batch_new(), second = batch_new(), third = batch_new();
    struct kd_verify_key key = key_of(0, 7, 1);
    assert_false(queue(shard, &key, &first));
    struct kd_question *q = question(shard, 7, 1);
    add(q, &key, &first);
    kd_question_ask(q, shard);
    assert_int_equal(asked_count, 1);
    assert_true(asked[0]->add);
    assert_int_equal(asked[0]->who.producer, 7);
    assert_int_equal(asked[0]->who.epoch, 1);
    assert_true(kb_slice_equal(asked[0]->who.id, kb_slice_str("copier")));
    assert_true(kb_slice_equal(asked[0]->places[0].topic, kb_slice_str("t")));
    assert_true(queue(shard, &key, &second));
    assert_true(queue(shard, &key, &third));
    answer(0, KB_OK, KB_OK, KB_OK);
    assert_int_equal(first.turn, 1);
    assert_int_equal(second.turn, 2);
    assert_int_equal(third.turn, 3);
    assert_int_equal(third.code, KB_OK);
    assert_false(queue(shard, &key, &first));
}

static void others_are_asked_for_by_themselves(void **state)
{
    struct kd_shard *shard = *state;
    struct batch first = batch_new(), other = batch_new();
    struct kd_verify_key key = key_of(0, 7, 1);
    struct kd_verify_key others[] = {key_of(1, 7, 1), key_of(0, 8, 1), key_of(0, 7, 2), key};
    others[3].topic_id = kb_uuid_random(&shard->random);
    struct kd_question *q = question(shard, 7, 1);
    add(q, &key, &first);
    kd_question_ask(q, shard);
    for (size_t i = 0; i < KB_ARRAY_SIZE(others); i++)
        assert_false(queue(shard, &others[i], &other));
    answer(0, KB_OK, KB_OK, KB_OK);
}

static void each_partition_has_its_answer(void **state)
{
    struct kd_shard *shard = *state;
    struct batch one = batch_new(), two = batch_new(), again = batch_new();
    struct kd_verify_key keys[] = {key_of(0, 7, 1), key_of(1, 7, 1)};
    struct kd_question *q = question(shard, 7, 1);
    add(q, &keys[0], &one);
    add(q, &keys[1], &two);
    assert_true(queue(shard, &keys[0], &again)); /* named twice by one request */
    kd_question_ask(q, shard);
    answer(0, KB_OK, KB_OK, KB_E_TRANSACTION_ABORTABLE);
    assert_int_equal(one.code, KB_OK);
    assert_int_equal(again.code, KB_OK);
    assert_int_equal(two.code, KB_E_TRANSACTION_ABORTABLE);
}

static void a_failure_is_told_to_all(void **state)
{
    struct kd_shard *shard = *state;
    struct batch one = batch_new(), two = batch_new();
    struct kd_verify_key keys[] = {key_of(0, 7, 1), key_of(1, 7, 1)};
    struct kd_question *q = question(shard, 7, 1);
    answer_at_once = KB_E_NOT_COORDINATOR;
    add(q, &keys[0], &one);
    add(q, &keys[1], &two);
    kd_question_ask(q, shard);
    assert_int_equal(one.code, KB_E_NOT_COORDINATOR);
    assert_int_equal(two.code, KB_E_NOT_COORDINATOR);
    assert_false(queue(shard, &keys[0], &one));
}

static void who_gave_up_is_told_nothing(void **state)
{
    struct kd_shard *shard = *state;
    struct batch first = batch_new(), second = batch_new();
    struct kd_verify_key key = key_of(0, 7, 1);
    struct kd_question *q = question(shard, 7, 1);
    add(q, &key, &first);
    kd_question_ask(q, shard);
    assert_true(queue(shard, &key, &second));
    kd_ticket_drop(&first.ticket);
    answer(0, KB_OK, KB_OK, KB_OK);
    assert_int_equal(first.turn, 0);
    assert_int_equal(second.turn, 1);
    kd_question_ask(question(shard, 7, 1), shard); /* about nothing: nobody is asked */
    assert_int_equal(asked_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(those_behind_hear_the_same_in_their_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(others_are_asked_for_by_themselves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_partition_has_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_told_to_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_gave_up_is_told_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
