/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets that groups commit in transactions: open until the marker. */
#include "tests/unit/broker/consumer_rig.h"
#include "base/codes.h"
#include <stdio.h>

enum { ONE = 7001, OTHER = 7002, DAY = 86400000 };

static void setup(struct rig *rig)
{
    rig_init(rig);
}

static int commit_txn(struct rig *rig, struct rig_client *client, int64_t producer,
                      int32_t partition, int64_t offset)
{
    rig->in_txn = true;
    rig->producer = producer;
    int code = rig_commit(rig, client, "t", partition, offset);
    rig->in_txn = false;
    return code;
}

/* In the group, and alone there. */
static struct rig_client *enter(struct rig *rig)
{
    struct rig_client *a = rig_client(rig, "a", "range");
    if (rig_join(rig, a) == KB_E_MEMBER_ID_REQUIRED)
        rig_join(rig, a);
    assert_int_equal(rig_sync(rig, a), KB_OK);
    return a;
}

static void check(struct rig *rig, int64_t offset, bool is_open)
{
    assert_int_equal(rig_offset(rig, "t", 0), offset);
    assert_int_equal(rig_is_open(&rig->groups, "t", 0), is_open);
    rig_check_replay(rig);
}

/* ---- Markers ---- */

static void a_commit_marker_makes_them_count(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 3), KB_OK);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 0, 5), KB_OK);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 1, 6), KB_OK);
    check(&rig, 3, true);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 0, 7), KB_OK); /* in the same again */
    check(&rig, 3, true);
    rig_mark(&rig, ONE, true);
    check(&rig, 7, false);
    assert_int_equal(rig_offset(&rig, "t", 1), 6);
    rig_mark(&rig, ONE, false); /* of a later one, which committed nothing here */
    check(&rig, 7, false);
    rig_deinit(&rig);
}

static void an_abort_marker_drops_them(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 3), KB_OK);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 0, 5), KB_OK);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 1, 6), KB_OK);
    rig_mark(&rig, ONE, false);
    check(&rig, 3, false);
    assert_int_equal(rig_offset(&rig, "t", 1), -1);
    rig_mark(&rig, ONE, true); /* nothing is left of it */
    check(&rig, 3, false);
    rig_deinit(&rig);
}

static void the_later_commit_in_the_log_counts(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 0, 5), KB_OK);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 3), KB_OK);
    check(&rig, 3, true);
    rig_mark(&rig, ONE, true);
    check(&rig, 3, false);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 4), KB_OK);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 0, 2), KB_OK); /* further back, but later */
    rig_mark(&rig, ONE, true);
    check(&rig, 2, false);
    rig_deinit(&rig);
}

static void two_producers_on_one_partition(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    commit_txn(&rig, NULL, ONE, 0, 5);
    commit_txn(&rig, NULL, OTHER, 0, 6);
    rig_mark(&rig, OTHER, true); /* the later one is decided first */
    check(&rig, 6, true);
    rig_mark(&rig, ONE, true);
    check(&rig, 6, false);
    commit_txn(&rig, NULL, ONE, 0, 7);
    commit_txn(&rig, NULL, OTHER, 0, 8);
    rig_mark(&rig, OTHER, false);
    check(&rig, 6, true);
    rig_mark(&rig, ONE, true);
    check(&rig, 7, false);
    assert_int_equal(rig.groups.txns.count, 0);
    rig_deinit(&rig);
}

/* ---- Who may ---- */

static void who_says_he_is_a_member_must_be(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client nobody = {.generation = 3, .id = ""};
    assert_int_equal(commit_txn(&rig, &nobody, ONE, 0, 5), KB_E_ILLEGAL_GENERATION);
    struct rig_client *a = enter(&rig);
    struct rig_client old = *a, other = *a, instance = *a;
    old.generation--;
    snprintf(other.id, sizeof other.id, "other");
    instance.instance = "one";
    assert_int_equal(commit_txn(&rig, &old, ONE, 0, 5), KB_E_ILLEGAL_GENERATION);
    assert_int_equal(commit_txn(&rig, &other, ONE, 0, 5), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(commit_txn(&rig, &instance, ONE, 0, 5), KB_E_UNKNOWN_MEMBER_ID);
    other.generation = -1;
    assert_int_equal(commit_txn(&rig, &other, ONE, 0, 5), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(rig.groups.txns.count, 0);
    assert_int_equal(commit_txn(&rig, a, ONE, 0, 5), KB_OK);
    assert_int_equal(commit_txn(&rig, NULL, ONE, 0, 6), KB_OK); /* of long ago: never checked */
    rig_mark(&rig, ONE, true);
    check(&rig, 6, false);
    rig_deinit(&rig);
}

/* A round that goes on does not stop a transaction: it is to end before. */
static void a_round_does_not_refuse_them(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    if (rig_join(&rig, a) == KB_E_MEMBER_ID_REQUIRED)
        rig_join(&rig, a);
    assert_int_equal(rig_commit(&rig, a, "t", 0, 5), KB_E_REBALANCE_IN_PROGRESS);
    assert_int_equal(commit_txn(&rig, a, ONE, 0, 5), KB_OK);
    rig_deinit(&rig);
}

static int commit_txn_as(struct rig *rig, const char *member, int32_t epoch)
{
    struct rig_client who = {.generation = epoch};
    snprintf(who.id, sizeof who.id, "%s", member);
    return commit_txn(rig, &who, ONE, 0, 5);
}

static void members_of_the_consumer_protocol(void **state)
{
    struct rig rig;
    struct rig_consumer one, two;
    (void)state;
    setup(&rig);
    rig_topic(&rig, "t", 2);
    rig_consumer_init(&one, "one", "t");
    rig_consumer_init(&two, "two", "t");
    rig_beat_all(&rig, &one, 1, 10);
    struct rig_consumer *both = (struct rig_consumer[]){one, two};
    rig_beat_all(&rig, both, 2, 20);
    int32_t epoch = both[1].epoch;
    assert_int_equal(commit_txn_as(&rig, both[1].id, epoch), KB_OK);
    assert_int_equal(commit_txn_as(&rig, both[1].id, epoch + 1), KB_E_ILLEGAL_GENERATION);
    assert_int_equal(commit_txn_as(&rig, both[1].id, epoch - 1), KB_E_ILLEGAL_GENERATION);
    assert_int_equal(commit_txn_as(&rig, "other", epoch), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(commit_txn_as(&rig, "", -1), KB_OK);
    rig_mark(&rig, ONE, true);
    assert_int_equal(rig_offset(&rig, "t", 0), 5);
    rig_check_same(&rig);
    rig_deinit(&rig);
}

/* ---- Forgetting ---- */

static void expire(struct rig *rig)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_expire(&rig->groups, rig->now, &out);
    rig_end_step(rig, &out);
}

static void what_is_open_does_not_expire(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    rig_commit(&rig, NULL, "t", 0, 3);
    rig_commit(&rig, NULL, "t", 1, 4);
    commit_txn(&rig, NULL, ONE, 0, 5);
    commit_txn(&rig, NULL, ONE, 2, 6);
    rig.now.wall_ms += 30LL * DAY;
    expire(&rig);
    check(&rig, 3, true);
    assert_int_equal(rig_offset(&rig, "t", 1), -1);
    rig_mark(&rig, ONE, true);
    check(&rig, 5, false);
    assert_int_equal(rig_offset(&rig, "t", 2), 6);
    expire(&rig);
    check(&rig, -1, false);
    assert_null(kb_map_next(&rig.groups.by_id, NULL));
    rig_deinit(&rig);
}

/* Only what is open holds it: an aborted transaction leaves nothing that has to be told. */
static void a_group_of_open_ones_goes_with_them(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    commit_txn(&rig, NULL, ONE, 0, 5);
    rig.now.wall_ms += 30LL * DAY;
    expire(&rig);
    assert_true(rig_is_open(&rig.groups, "t", 0));
    rig_mark(&rig, ONE, false);
    expire(&rig);
    assert_null(kb_map_next(&rig.groups.by_id, NULL));
    rig_check_replay(&rig);
    rig_deinit(&rig);
}

static void deleting_takes_what_is_open(void **state)
{
    struct rig rig;
    struct kd_outcome out;
    struct kd_commit which[] = {{.topic = kb_slice_str("t")},
                                {.topic = kb_slice_str("t"), .partition = 1}};
    (void)state;
    setup(&rig);
    rig_commit(&rig, NULL, "t", 0, 3);
    commit_txn(&rig, NULL, ONE, 0, 5);
    commit_txn(&rig, NULL, ONE, 1, 6);
    commit_txn(&rig, NULL, OTHER, 2, 7);
    kd_outcome_init(&out);
    assert_int_equal(kd_groups_delete_offsets(&rig.groups, kb_slice_str("g"), which, 2, &out),
                     KB_OK);
    assert_int_equal(out.record_count, 2);
    rig_end_step(&rig, &out);
    check(&rig, -1, false);
    assert_int_equal(rig.groups.txns.count, 1);
    kd_outcome_init(&out);
    assert_int_equal(kd_groups_delete(&rig.groups, kb_slice_str("g"), &out), KB_OK);
    assert_int_equal(out.record_count, 1);
    rig_end_step(&rig, &out);
    rig_mark(&rig, ONE, true);
    rig_mark(&rig, OTHER, true);
    assert_int_equal(rig_offset(&rig, "t", 2), -1);
    rig_check_replay(&rig);
    rig_deinit(&rig);
}

static void a_deleted_topic_takes_what_is_open(void **state)
{
    struct rig rig;
    struct kd_outcome out;
    (void)state;
    setup(&rig);
    commit_txn(&rig, NULL, ONE, 0, 5);
    rig_commit(&rig, NULL, "u", 0, 9);
    kd_outcome_init(&out);
    kd_groups_topic_deleted(&rig.groups, kb_slice_str("t"), &out);
    rig_end_step(&rig, &out);
    rig_mark(&rig, ONE, true);
    check(&rig, -1, false);
    assert_int_equal(rig_offset(&rig, "u", 0), 9);
    rig_deinit(&rig);
}

/* ---- Restarts ---- */

static void they_survive_a_restart(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    rig_commit(&rig, NULL, "t", 0, 3);
    commit_txn(&rig, NULL, ONE, 0, 5);
    commit_txn(&rig, NULL, OTHER, 1, 6);
    rig_restart(&rig);
    check(&rig, 3, true);
    rig_mark(&rig, ONE, true);
    rig_mark(&rig, OTHER, false);
    check(&rig, 5, false);
    rig_restart(&rig);
    check(&rig, 5, false);
    assert_int_equal(rig_offset(&rig, "t", 1), -1);
    rig_deinit(&rig);
}

/* Compaction has taken what a later record of the same place outdid; markers stay longer
 * than what they decided. */
static void a_compacted_log_reads_the_same(void **state)
{
    struct rig rig;
    struct kd_groups again;
    (void)state;
    setup(&rig);
    commit_txn(&rig, NULL, ONE, 0, 5);   /* 0: gone */
    rig_commit(&rig, NULL, "t", 0, 3);   /* 1 */
    commit_txn(&rig, NULL, ONE, 1, 6);   /* 2 */
    rig_mark(&rig, ONE, true);           /* 3 */
    commit_txn(&rig, NULL, OTHER, 1, 8); /* 4: aborted, gone */
    rig_mark(&rig, OTHER, false);        /* 5 */
    kd_groups_init(&again, &rig.limits, &rig.topics, &rig.random);
    struct rig_entry *kept = rig.log;
    struct rig_entry left[4] = {kept[1], kept[2], kept[3], kept[5]};
    rig.log = left;
    rig.log_count = 4;
    rig_replay(&rig, &again);
    rig.log = kept;
    rig.log_count = 6;
    for (int32_t i = 0; i < 2; i++) {
        const struct kd_offset *offset =
            kd_groups_offset(&again, kb_slice_str("g"), kb_slice_str("t"), i);
        assert_int_equal(offset->position.offset, rig_offset(&rig, "t", i));
        assert_false(rig_is_open(&again, "t", i));
    }
    kd_groups_deinit(&again);
    rig_deinit(&rig);
}

/* ---- Memory ---- */

static void run_short_of_memory(void *ctx)
{
    struct rig rig;
    (void)ctx;
    setup(&rig);
    rig_commit(&rig, NULL, "t", 0, 3);
    for (int32_t i = 0; !rig.failed && i < 6; i++)
        commit_txn(&rig, NULL, i % 2 ? ONE : OTHER, i % 3, 10 + i);
    kb_mem_set_hook(NULL, NULL); /* a marker asks for none */
    if (!rig.failed) {
        rig_mark(&rig, ONE, true);
        rig_mark(&rig, OTHER, false);
        check(&rig, 13, false);
    }
    rig_deinit(&rig);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(run_short_of_memory, NULL), 30, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_marker_makes_them_count),
        cmocka_unit_test(an_abort_marker_drops_them),
        cmocka_unit_test(the_later_commit_in_the_log_counts),
        cmocka_unit_test(two_producers_on_one_partition),
        cmocka_unit_test(who_says_he_is_a_member_must_be),
        cmocka_unit_test(a_round_does_not_refuse_them),
        cmocka_unit_test(members_of_the_consumer_protocol),
        cmocka_unit_test(what_is_open_does_not_expire),
        cmocka_unit_test(a_group_of_open_ones_goes_with_them),
        cmocka_unit_test(deleting_takes_what_is_open),
        cmocka_unit_test(a_deleted_topic_takes_what_is_open),
        cmocka_unit_test(they_survive_a_restart),
        cmocka_unit_test(a_compacted_log_reads_the_same),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("group transactions", tests, NULL, NULL);
}
