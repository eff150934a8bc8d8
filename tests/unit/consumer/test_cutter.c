/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks cut into the batches that poll hands out: what, how many, whose memory. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "libclient/drive/cutter.h"
#include "wire/crc32c.h"
#include "wire/gen/fetch.h"
#include <stdio.h>

enum { BUDGET = 1 << 20 };

struct bench {
    struct kc_consumer_options options;
    struct kc_feed *feed;
    struct kc_share *share;
    struct kc_cutter cutter;
    struct kb_buf *frame; /* batches that the next chunk will hold */
    int64_t producer;     /* of batches that are added */
    int marker;           /* and the type of control batches; -1: none that can be read */
    struct kw_fetch_response_aborted_transaction aborted[4]; /* of the next chunk */
    int aborted_count;
    struct kb_error err;
};

static int begin(void **state)
{
    static struct bench b;
    b = (struct bench){.options = {.check_crcs = true, .max_poll_records = 10}};
    b.feed = kc_feed_new(BUDGET);
    b.share = kc_share_new(b.feed, "t", 3);
    atomic_store(&b.share->version, 1);
    b.frame = kb_buf_new(65536);
    assert_true(kc_cutter_init(&b.cutter, b.feed, &b.options));
    *state = &b;
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;
    kc_cutter_deinit(&b->cutter);
    kc_feed_detach(b->feed);
    kb_buf_unref(b->frame);
    kc_share_unref(b->share);
    assert_int_equal(kc_feed_free_bytes(b->feed), BUDGET); /* all memory came back */
    kc_feed_unref(b->feed);
    return 0;
}

/* Appends a batch of `count` records from `base` on; each value is its offset. */
static void add_batch(struct bench *b, int64_t base, int count, enum kw_codec codec, int attributes)
{
    uint8_t plain[8192], *at = plain;
    for (int i = 0; i < count; i++) {
        char value[24];
        int size = snprintf(value, sizeof value, "%lld", (long long)base + i);
        uint8_t key[4] = {0, 0, 0, (uint8_t)b->marker};
        struct kw_record_in r = {.offset_delta = i, .value = kb_slice_of(value, (size_t)size)};
        if (attributes & KW_BATCH_CONTROL)
            r.key = kb_slice_of(key, sizeof key);
        at = kw_record_write(at, &r, kw_record_body_size(&r));
    }
    struct kb_slice records = kb_slice_of(plain, (size_t)(at - plain));
    if (codec)
        assert_int_equal(kw_compress(b->cutter.codecs, codec, kw_codec_info(codec)->default_level,
                                     &records, 1, &records, NULL),
                         0);
    uint8_t *to = b->frame->data + b->frame->size;
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.base_offset = base;
    header.producer_id = b->producer;
    header.attributes = (int16_t)(attributes | (int)codec);
    header.record_count = count;
    header.last_offset_delta = count - 1;
    kw_batch_stamp(to, &header, kw_crc32c(0, records.data, records.size), records.size);
    memcpy(to + KW_BATCH_HEADER_BYTES, records.data, records.size);
    b->frame->size += KW_BATCH_HEADER_BYTES + records.size;
}

/* What was added, as a chunk wanted from `from` on. The frame is charged as a
 * received one is. */
static void feed(struct bench *b, int64_t from, int64_t high_watermark)
{
    int64_t bytes = (int64_t)b->frame->size;
    assert_true(kc_feed_take(b->feed, bytes));
    assert_true(kc_feed_charge(b->feed, b->frame, bytes));
    struct kc_chunk *chunk = kc_chunk_new(KC_CHUNK_RECORDS, b->share, 1, b->frame);
    chunk->rest = kb_buf_view(b->frame);
    chunk->bytes = b->frame->size;
    chunk->from = from;
    chunk->high_watermark = chunk->end = high_watermark;
    assert_true(kc_aborted_init(&chunk->aborted, b->aborted, b->aborted_count));
    kc_feed_push(b->feed, chunk);
    kb_buf_unref(b->frame);
    b->frame = kb_buf_new(65536);
}

static void expect_record(struct bench *b, kurier_batch *batch, int64_t offset)
{
    char value[24];
    int size = snprintf(value, sizeof value, "%lld", (long long)offset);
    kurier_record r;
    (void)b;
    assert_true(kurier_batch_next(batch, &r));
    assert_int_equal(r.offset, offset);
    assert_int_equal(r.value.size, size);
    assert_memory_equal(r.value.data, value, (size_t)size);
    assert_int_equal(r.partition, 3);
}

/* The next batch holds exactly those, and goes on at `next`; it is given back. */
static void expect_offsets(struct bench *b, const int64_t *offsets, int n, int64_t next)
{
    kurier_batch *batch = kc_cutter_next(&b->cutter, &b->err);
    kurier_record r;
    assert_int_equal(b->err.code, 0);
    assert_non_null(batch);
    for (int i = 0; i < n; i++)
        expect_record(b, batch, offsets[i]);
    assert_false(kurier_batch_next(batch, &r));
    assert_int_equal(kurier_batch_view(batch)->next_offset, next);
    kurier_batch_done(batch);
}

/* The same of first..last. */
static void expect(struct bench *b, int64_t first, int64_t last)
{
    int64_t offsets[512];
    int n = 0;
    assert_true(last - first < 512);
    for (int64_t offset = first; offset <= last; offset++)
        offsets[n++] = offset;
    expect_offsets(b, offsets, n, last + 1);
}

static void expect_nothing(struct bench *b)
{
    assert_null(kc_cutter_next(&b->cutter, &b->err));
    assert_int_equal(b->err.code, 0);
    assert_false(kc_cutter_has(&b->cutter));
}

/* ---- Stories --------------------------------------------------------------------*/

static void plain_batches_go_together_up_to_max_poll_records(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 4, KW_CODEC_NONE, 0);
    add_batch(b, 4, 5, KW_CODEC_NONE, 0);
    add_batch(b, 9, 3, KW_CODEC_NONE, 0);
    feed(b, 0, 12);
    expect(b, 0, 8);
    expect(b, 9, 11);
    expect_nothing(b);
}

static void a_larger_batch_is_handed_out_in_stretches(void **state)
{
    struct bench *b = *state;
    add_batch(b, 100, 25, KW_CODEC_NONE, 0);
    feed(b, 100, 200);
    expect(b, 100, 109);
    expect(b, 110, 119);
    expect(b, 120, 124);
    expect_nothing(b);
}

static void packed_batches_are_unpacked_one_by_one(void **state)
{
    struct bench *b = *state;
    for (int codec = KW_CODEC_GZIP; codec < KW_CODECS; codec++)
        if (kw_codec_info((enum kw_codec)codec)->built_in) {
            add_batch(b, 0, 5, (enum kw_codec)codec, 0);
            add_batch(b, 5, 17, (enum kw_codec)codec, 0);
            feed(b, 0, 22);
            expect(b, 0, 4);
            expect(b, 5, 14);
            expect(b, 15, 21);
            expect_nothing(b);
        }
}

static void what_lies_before_the_position_is_not_handed_out(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 4, KW_CODEC_NONE, 0);
    add_batch(b, 4, 20, KW_CODEC_LZ4, 0);
    feed(b, 6, 24);
    expect(b, 6, 15);
    expect(b, 16, 23);
    expect_nothing(b);
}

static void control_and_empty_batches_are_passed_over(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 1, KW_CODEC_NONE, KW_BATCH_CONTROL);
    add_batch(b, 1, 2, KW_CODEC_NONE, 0);
    add_batch(b, 3, 1, KW_CODEC_NONE, KW_BATCH_CONTROL);
    add_batch(b, 4, 2, KW_CODEC_NONE, 0);
    add_batch(b, 6, 1, KW_CODEC_NONE, KW_BATCH_CONTROL);
    add_batch(b, 7, 2, KW_CODEC_LZ4, 0);
    add_batch(b, 9, 1, KW_CODEC_NONE, KW_BATCH_CONTROL);
    feed(b, 0, 10);
    expect_offsets(b, (int64_t[]){1, 2, 4, 5}, 4, 7); /* markers break no run */
    expect_offsets(b, (int64_t[]){7, 8}, 2, 10);
    expect_nothing(b);
}

/* ---- Transactions ---------------------------------------------------------------*/

enum { TXN = KW_BATCH_TRANSACTIONAL };

static void add_data(struct bench *b, int64_t producer, int64_t base, int count,
                     enum kw_codec codec)
{
    b->producer = producer;
    add_batch(b, base, count, codec, TXN);
}

static void add_marker(struct bench *b, int64_t producer, int64_t offset, int type)
{
    b->producer = producer;
    b->marker = type;
    add_batch(b, offset, 1, KW_CODEC_NONE, TXN | KW_BATCH_CONTROL);
}

static void was_aborted(struct bench *b, int64_t producer, int64_t first)
{
    b->aborted[b->aborted_count++] = (struct kw_fetch_response_aborted_transaction){
        .producer_id = producer, .first_offset = first};
}

/* Committed positions are kept from there on. */
static void track(struct bench *b, int64_t from)
{
    b->feed->tracks = true;
    kc_share_begin(b->share, 1, (struct kc_spot){from, -1});
}

static int64_t finished(struct bench *b)
{
    bool walled;
    return kc_share_finished(b->share, &walled).offset;
}

static void aborted_records_are_left_out(void **state)
{
    struct bench *b = *state;
    track(b, 0);
    was_aborted(b, 7, 0);
    was_aborted(b, 7, 13);
    add_data(b, 7, 0, 2, KW_CODEC_NONE);
    add_data(b, 9, 2, 2, KW_CODEC_NONE);
    add_data(b, 7, 4, 4, KW_CODEC_LZ4);
    add_marker(b, 7, 8, KW_CONTROL_ABORT);
    add_data(b, 7, 9, 2, KW_CODEC_NONE);
    add_marker(b, 7, 11, KW_CONTROL_COMMIT);
    add_marker(b, 9, 12, KW_CONTROL_COMMIT);
    add_data(b, 7, 13, 12, KW_CODEC_NONE);
    add_marker(b, 7, 25, KW_CONTROL_ABORT);
    feed(b, 0, 26);
    expect_offsets(b, (int64_t[]){2, 3}, 2, 9);
    expect_offsets(b, (int64_t[]){9, 10}, 2, 26);
    expect_nothing(b);
    assert_int_equal(finished(b), 26);
    assert_int_equal(atomic_load(&b->share->handed), 26);
}

static void a_chunk_that_is_all_left_out_counts_as_finished(void **state)
{
    struct bench *b = *state;
    track(b, 3);
    was_aborted(b, 7, 0);
    add_data(b, 7, 0, 8, KW_CODEC_NONE);
    feed(b, 3, 9);
    expect_nothing(b);
    assert_int_equal(finished(b), 8);
    b->aborted_count = 0;
    add_marker(b, 7, 8, KW_CONTROL_ABORT);
    feed(b, 8, 9);
    expect_nothing(b);
    assert_int_equal(finished(b), 9);
    assert_int_equal(atomic_load(&b->share->handed), 9);
}

/* ... but not before what was handed out ahead of it. */
static void what_is_left_out_waits_for_the_batch_in_hand(void **state)
{
    struct bench *b = *state;
    track(b, 0);
    add_data(b, 7, 0, 4, KW_CODEC_NONE);
    feed(b, 0, 4);
    add_marker(b, 7, 4, KW_CONTROL_COMMIT);
    feed(b, 4, 5);
    kurier_batch *batch = kc_cutter_next(&b->cutter, &b->err);
    assert_non_null(batch);
    assert_true(kurier_batch_view(batch)->at_end);
    expect_nothing(b);
    assert_int_equal(finished(b), 0);
    kurier_batch_done(batch);
    assert_int_equal(finished(b), 5);
}

static void what_was_sought_meanwhile_is_not_passed(void **state)
{
    struct bench *b = *state;
    track(b, 0);
    was_aborted(b, 7, 0);
    add_data(b, 7, 0, 8, KW_CODEC_NONE);
    feed(b, 0, 8);
    kc_share_begin(b->share, 2, (struct kc_spot){5, -1});
    expect_nothing(b);
    assert_int_equal(finished(b), 5);
}

/* Believing it would hide, or tell, what it must not. */
static void a_damaged_marker_is_an_error(void **state)
{
    struct bench *b = *state;
    was_aborted(b, 7, 0);
    add_data(b, 7, 0, 2, KW_CODEC_NONE);
    add_marker(b, 7, 2, KW_CONTROL_ABORT);
    b->frame->data[b->frame->size - 1] ^= 1;
    add_data(b, 7, 3, 2, KW_CODEC_NONE);
    feed(b, 0, 5);
    assert_null(kc_cutter_next(&b->cutter, &b->err));
    assert_int_equal(b->err.code, KB_E_CORRUPT_MESSAGE);
    expect_nothing(b);
}

static void progress_passes_over_markers(void **state)
{
    struct bench *b = *state;
    track(b, 0);
    add_data(b, 7, 0, 2, KW_CODEC_NONE);
    add_marker(b, 7, 2, KW_CONTROL_COMMIT);
    add_data(b, 7, 3, 2, KW_CODEC_NONE);
    add_marker(b, 7, 5, KW_CONTROL_COMMIT);
    feed(b, 0, 6);
    kurier_batch *batch = kc_cutter_next(&b->cutter, &b->err);
    assert_int_equal(kurier_batch_view(batch)->records, 4);
    kurier_batch_progress(batch, 2);
    assert_int_equal(finished(b), 2);
    kurier_batch_progress(batch, 3);
    assert_int_equal(finished(b), 4);
    kurier_batch_progress(batch, 4);
    assert_int_equal(finished(b), 6);
    kurier_batch_release(batch);
}

static void a_damaged_batch_is_an_error_after_what_came_before(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 4, KW_CODEC_NONE, 0);
    add_batch(b, 4, 4, KW_CODEC_NONE, 0);
    b->frame->data[b->frame->size - 1] ^= 1;
    feed(b, 0, 8);
    expect(b, 0, 3);
    assert_null(kc_cutter_next(&b->cutter, &b->err));
    assert_int_equal(b->err.code, KB_E_CORRUPT_MESSAGE);
    assert_non_null(strstr(b->err.text, "t[3]"));
}

static void a_stale_chunk_is_dropped_in_the_middle(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 25, KW_CODEC_NONE, 0);
    feed(b, 0, 25);
    expect(b, 0, 9);
    atomic_store(&b->share->version, 2);
    expect_nothing(b);
}

static void a_paused_partition_waits_and_goes_on_where_it_was(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 25, KW_CODEC_ZSTD, 0);
    feed(b, 0, 25);
    expect(b, 0, 9);
    atomic_store(&b->share->paused, true);
    expect_nothing(b);
    atomic_store(&b->share->paused, false);
    expect(b, 10, 19);
    expect(b, 20, 24);
}

static void the_one_who_holds_all_the_memory_is_told(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 400, KW_CODEC_GZIP, 0);
    add_batch(b, 400, 400, KW_CODEC_GZIP, 0);
    b->options.max_poll_records = 400;
    int64_t all = BUDGET - (int64_t)b->frame->size - 1;
    assert_true(kc_feed_take(b->feed, all)); /* what else is held */
    feed(b, 0, 800);
    kurier_batch *first = kc_cutter_next(&b->cutter, &b->err); /* out of the reserve */
    assert_non_null(first);
    assert_true(kc_feed_free_bytes(b->feed) < 0);
    assert_null(kc_cutter_next(&b->cutter, &b->err));
    assert_int_equal(b->err.code, KB_E_HELD);
    kurier_batch_done(first);
    expect(b, 400, 799);
    kc_feed_give(b->feed, all);
}

static void a_batch_outlives_its_consumer_and_memory_counts_until_then(void **state)
{
    struct bench *b = *state;
    add_batch(b, 0, 4, KW_CODEC_NONE, 0);
    feed(b, 0, 4);
    kurier_batch *batch = kc_cutter_next(&b->cutter, &b->err);
    kurier_record r;
    kurier_batch_retain(batch);
    kc_cutter_deinit(&b->cutter);
    kc_feed_detach(b->feed);
    kurier_batch_done(batch);
    assert_true(kc_feed_free_bytes(b->feed) < BUDGET);
    assert_true(kurier_batch_next(batch, &r));
    kurier_batch_release(batch);
    assert_int_equal(kc_feed_free_bytes(b->feed), BUDGET);
    assert_true(kc_cutter_init(&b->cutter, b->feed, &b->options));
}

/* ---- Memory ----------------------------------------------------------------------*/

/* Records that come after a lack of memory are those that would have come. */
static void cut_short_of_memory(void *ctx)
{
    struct bench *b = ctx;
    int64_t next = 0;
    struct kc_cutter *c = &b->cutter;
    kc_cutter_deinit(c);
    for (int tries = 0; !kc_cutter_init(c, b->feed, &b->options); tries++)
        assert_true(tries < 2);
    kb_mem_spare(1);
    add_batch(b, 0, 15, KW_CODEC_NONE, 0);
    for (int codec = KW_CODEC_GZIP; codec < KW_CODECS; codec++)
        if (kw_codec_info((enum kw_codec)codec)->built_in)
            add_batch(b, codec * 15, 15, (enum kw_codec)codec, 0);
    feed(b, 0, KW_CODECS * 15);
    kb_mem_spare(-1);
    for (int tries = 0; tries < 2 || kc_cutter_has(c); tries++) {
        kurier_record r;
        assert_true(tries < 30);
        kurier_batch *batch = kc_cutter_next(c, &b->err);
        assert_true(batch || !b->err.code || b->err.code == KB_E_NO_MEMORY);
        while (batch && kurier_batch_next(batch, &r))
            assert_int_equal(r.offset, next++);
        if (batch)
            kurier_batch_done(batch);
    }
    assert_int_equal(next, KW_CODECS * 15);
}

static void out_of_memory_loses_no_record(void **state)
{
    assert_in_range(unit_each_failure(cut_short_of_memory, *state), 10, 200);
}

static int count_allocation(void *ctx, size_t size)
{
    (void)size;
    ++*(int *)ctx;
    return 1;
}

static void walking_a_batch_allocates_nothing(void **state)
{
    struct bench *b = *state;
    int allocations = 0;
    add_batch(b, 0, 10, KW_CODEC_NONE, 0);
    feed(b, 0, 10);
    kurier_batch *batch = kc_cutter_next(&b->cutter, &b->err);
    kurier_record r;
    int records = 0;
    kb_mem_set_hook(count_allocation, &allocations);
    while (kurier_batch_next(batch, &r))
        records++;
    kb_mem_set_hook(NULL, NULL);
    kurier_batch_done(batch);
    assert_int_equal(records, 10);
    assert_int_equal(allocations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_batches_go_together_up_to_max_poll_records, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_larger_batch_is_handed_out_in_stretches, begin, end),
        cmocka_unit_test_setup_teardown(packed_batches_are_unpacked_one_by_one, begin, end),
        cmocka_unit_test_setup_teardown(what_lies_before_the_position_is_not_handed_out, begin,
                                        end),
        cmocka_unit_test_setup_teardown(control_and_empty_batches_are_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(aborted_records_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_chunk_that_is_all_left_out_counts_as_finished, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_left_out_waits_for_the_batch_in_hand, begin, end),
        cmocka_unit_test_setup_teardown(what_was_sought_meanwhile_is_not_passed, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_marker_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(progress_passes_over_markers, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_batch_is_an_error_after_what_came_before, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_stale_chunk_is_dropped_in_the_middle, begin, end),
        cmocka_unit_test_setup_teardown(a_paused_partition_waits_and_goes_on_where_it_was, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_one_who_holds_all_the_memory_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_batch_outlives_its_consumer_and_memory_counts_until_then,
                                        begin, end),
        cmocka_unit_test_setup_teardown(out_of_memory_loses_no_record, begin, end),
        cmocka_unit_test_setup_teardown(walking_a_batch_allocates_nothing, begin, end),
    };
    return cmocka_run_group_tests_name("cutter", tests, NULL, NULL);
}
