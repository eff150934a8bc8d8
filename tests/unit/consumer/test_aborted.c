/* SPDX-License-Identifier: Apache-2.0 */
/* Which batches an aborted list hides, whatever the broker wrote into it. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/random.h"
#include "libclient/core/aborted.h"
#include "wire/be.h"
#include "wire/gen/fetch.h"
#include "wire/record.h"

typedef struct kw_fetch_response_aborted_transaction told;

enum { NOT_A_MARKER = 7 };

static struct kw_batch_header header(int64_t producer, int64_t base, int count)
{
    struct kw_batch_header h;
    kw_batch_header_init(&h);
    h.producer_id = producer;
    h.base_offset = base;
    h.last_offset_delta = count - 1;
    h.record_count = count;
    h.attributes = KW_BATCH_TRANSACTIONAL;
    return h;
}

static bool hides(const struct kc_aborted *aborted, int64_t producer, int64_t base, int count)
{
    struct kw_batch_header h = header(producer, base, count);
    return kc_aborted_hides(aborted, &h);
}

/* A control batch of that type; its key cut to key_bytes. */
static void pass(struct kc_aborted *aborted, int64_t producer, int64_t offset, int type,
                 size_t key_bytes)
{
    uint8_t bytes[64], key[4] = {0, 0, 0, (uint8_t)type}, value[6] = {0};
    struct kw_record_in r = {.key = kb_slice_of(key, key_bytes),
                             .value = kb_slice_of(value, sizeof value)};
    uint8_t *end = kw_record_write(bytes, &r, kw_record_body_size(&r));
    struct kw_batch batch = {.header = header(producer, offset, 1),
                             .records = kb_slice_of(bytes, (size_t)(end - bytes))};
    batch.header.attributes |= KW_BATCH_CONTROL;
    kc_aborted_pass(aborted, &batch);
}

static void begin(struct kc_aborted *aborted, const told *list, int n)
{
    assert_true(kc_aborted_init(aborted, list, n));
}

static void a_producer_is_hidden_from_its_first_offset_until_its_marker(void **state)
{
    (void)state;
    struct kc_aborted a;
    begin(&a,
          (told[]){{.producer_id = 7, .first_offset = 10}, {.producer_id = 9, .first_offset = 20}},
          2);
    assert_false(hides(&a, 7, 5, 5)); /* a transaction before, committed */
    assert_true(hides(&a, 7, 10, 3));
    assert_false(hides(&a, 9, 13, 1));
    assert_false(hides(&a, 8, 14, 1));
    pass(&a, 9, 15, KW_CONTROL_COMMIT, 4); /* of what began before */
    pass(&a, 7, 16, KW_CONTROL_ABORT, 4);
    pass(&a, 7, 16, KW_CONTROL_ABORT, 4); /* looked at twice */
    assert_false(hides(&a, 7, 17, 2));
    assert_true(hides(&a, 9, 20, 1));
    assert_false(hides(&a, 7, 21, 2));
    kc_aborted_deinit(&a);
}

static void the_same_producer_may_abort_again_and_again(void **state)
{
    (void)state;
    struct kc_aborted a; /* not in order */
    begin(&a,
          (told[]){{.producer_id = 7, .first_offset = 50}, {.producer_id = 7, .first_offset = 10}},
          2);
    assert_true(hides(&a, 7, 10, 3));
    pass(&a, 7, 13, KW_CONTROL_ABORT, 4);
    assert_false(hides(&a, 7, 14, 3));
    pass(&a, 7, 17, KW_CONTROL_COMMIT, 4);
    assert_true(hides(&a, 7, 50, 1));
    pass(&a, 7, 51, KW_CONTROL_ABORT, 4);
    assert_false(hides(&a, 7, 52, 1));
    kc_aborted_deinit(&a);
}

static void only_data_of_a_transaction_is_hidden(void **state)
{
    (void)state;
    struct kc_aborted a;
    struct kw_batch_header plain = header(7, 10, 1);
    plain.attributes = 0;
    begin(&a, (told[]){{.producer_id = 7, .first_offset = 10}}, 1);
    assert_false(kc_aborted_hides(&a, &plain)); /* idempotent, in no transaction */
    kc_aborted_deinit(&a);
    begin(&a, NULL, -1);
    assert_false(hides(&a, 7, 10, 1));
    kc_aborted_deinit(&a);
}

static void markers_that_nobody_knows_end_nothing(void **state)
{
    (void)state;
    struct kc_aborted a;
    begin(&a, (told[]){{.producer_id = 7, .first_offset = 10}}, 1);
    pass(&a, 7, 11, NOT_A_MARKER, 4);
    pass(&a, 7, 12, KW_CONTROL_ABORT, 3); /* a key too short */
    pass(&a, 7, 12, KW_CONTROL_ABORT, 0);
    assert_true(hides(&a, 7, 13, 1));
    kc_aborted_deinit(&a);
}

/* Row by row and without a thought: a batch is hidden by a row that begins at or
 * before its end, unless a marker lies between. */
struct model {
    told rows[40];
    int n;
    int64_t marked[8]; /* of each producer, the last abort marker passed; -100: none */
};

static bool model_hides(const struct model *m, int64_t producer, int64_t last)
{
    for (int i = 0; i < m->n; i++)
        if (m->rows[i].producer_id == producer && m->rows[i].first_offset <= last &&
            m->rows[i].first_offset > m->marked[producer])
            return true;
    return false;
}

/* Unsorted, twice the same, overlapping, of offsets that there are not. */
static void any_list_hides_what_the_definition_says(void **state)
{
    (void)state;
    struct kb_random random;
    kb_random_seed(&random, 20);
    for (int round = 0; round < 2000; round++) {
        struct model m = {.n = (int)kb_random_below(&random, 40)};
        struct kc_aborted a;
        for (int i = 0; i < m.n; i++)
            m.rows[i] = (told){.producer_id = (int64_t)kb_random_below(&random, 8),
                               .first_offset = (int64_t)kb_random_below(&random, 120) - 5};
        for (int i = 0; i < 8; i++)
            m.marked[i] = -100;
        begin(&a, m.rows, m.n);
        for (int64_t offset = 0; offset < 100;) {
            int64_t producer = (int64_t)kb_random_below(&random, 8);
            int count = 1 + (int)kb_random_below(&random, 3);
            if (kb_random_below(&random, 4)) {
                assert_int_equal(hides(&a, producer, offset, count),
                                 model_hides(&m, producer, offset + count - 1));
                offset += count;
            } else {
                pass(&a, producer, offset, KW_CONTROL_ABORT, 4);
                m.marked[producer] = offset++;
            }
        }
        kc_aborted_deinit(&a);
    }
}

static void without_memory_nothing_is_held(void *state)
{
    (void)state;
    struct kc_aborted a;
    if (kc_aborted_init(&a, (told[]){{.producer_id = 7, .first_offset = 10}}, 1))
        assert_true(hides(&a, 7, 10, 1));
    else
        assert_null(a.rows);
    kc_aborted_deinit(&a);
}

static void out_of_memory_is_said(void **state)
{
    (void)state;
    assert_int_equal(unit_each_failure(without_memory_nothing_is_held, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_producer_is_hidden_from_its_first_offset_until_its_marker),
        cmocka_unit_test(the_same_producer_may_abort_again_and_again),
        cmocka_unit_test(only_data_of_a_transaction_is_hidden),
        cmocka_unit_test(markers_that_nobody_knows_end_nothing),
        cmocka_unit_test(any_list_hides_what_the_definition_says),
        cmocka_unit_test(out_of_memory_is_said),
    };
    return cmocka_run_group_tests_name("aborted", tests, NULL, NULL);
}
