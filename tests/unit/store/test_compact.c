/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction's decisions: which log, which records, what is left of a batch. */
#include "tests/unit/store/keyed.h"

#include "base/check.h"
#include "broker/core/clean.h"
#include "broker/core/compact.h"
#include "broker/core/txn_mark.h"

#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400 * 1000, NOW_MS = 1000000 };

/* ---- Which log ---------------------------------------------------------- */

static const struct kd_segment_facts segments[] = {{0, 10, 100, 1000, 900},
                                                   {10, 20, 300, 3000, 1100},
                                                   {20, 30, 200, 2000, 1900},
                                                   {30, 40, 400, 4000, 3900}};

static struct kd_clean_look look_at(struct kd_clean_limits limits, int64_t first_dirty,
                                    int64_t stable_end, int64_t now_ms)
{
    struct kd_clean_look look;
    kd_clean_begin(&look, &limits, first_dirty, stable_end, now_ms);
    for (size_t i = 0; i < KB_ARRAY_SIZE(segments); i++)
        if (!kd_clean_sees(&look, &segments[i]))
            break;
    return look;
}

static void a_log_is_due_once_enough_of_it_is_dirty(void **state)
{
    (void)state;
    struct kd_clean_limits limits = {0.5, 0, INT64_MAX};
    struct kd_clean_look look = look_at(limits, 0, 40, 5000);
    assert_true(kd_clean_is_due(&look));
    assert_int_equal(look.until, 40);
    look = look_at(limits, 20, 40, 5000); /* 600 of 1000 */
    assert_true(kd_clean_is_due(&look));
    look = look_at(limits, 30, 40, 5000);
    assert_false(kd_clean_is_due(&look));
    look = look_at(limits, 40, 40, 5000);
    assert_false(kd_clean_is_due(&look));
    limits.min_ratio = 0;
    assert_false(kd_clean_is_due(&look));
    look = look_at(limits, 39, 40, 5000); /* in the middle of a segment: all of it */
    assert_int_equal(look.dirty_bytes, 400);
    assert_true(kd_clean_is_due(&look));
}

static void what_is_not_stable_or_too_young_is_left(void **state)
{
    (void)state;
    struct kd_clean_limits limits = {0, 0, INT64_MAX};
    assert_int_equal(look_at(limits, 0, 39, 5000).until, 30);
    assert_int_equal(look_at(limits, 0, 9, 5000).until, 0);
    limits.min_lag_ms = 1500;
    assert_int_equal(look_at(limits, 0, 40, 5000).until, 30);
    assert_int_equal(look_at(limits, 0, 40, 4400).until, 10); /* not behind one that is young */
    struct kd_clean_look none = look_at(limits, 0, 40, 1000);
    assert_false(kd_clean_is_due(&none));
}

static void what_is_overdue_goes_first(void **state)
{
    (void)state;
    struct kd_clean_limits limits = {0.9, 0, 1000};
    struct kd_clean_look late = look_at(limits, 30, 40, 4900);
    struct kd_clean_look early = look_at(limits, 30, 40, 4899);
    assert_true(kd_clean_is_due(&late));
    assert_false(kd_clean_is_due(&early));
    limits = (struct kd_clean_limits){0.5, 0, INT64_MAX};
    struct kd_clean_look dirty = look_at(limits, 0, 40, 5000), less = look_at(limits, 10, 40, 5000);
    assert_true(kd_clean_is_before(&late, &dirty));
    assert_false(kd_clean_is_before(&dirty, &late));
    assert_true(kd_clean_is_before(&dirty, &less));
    assert_false(kd_clean_is_before(&less, &dirty));
}

/* ---- Keys --------------------------------------------------------------- */

static void the_last_offset_of_a_key_counts(void **state)
{
    (void)state;
    struct kd_key_map map;
    char key[16];
    assert_true(kd_key_map_init(&map, 1000, 1 << 20, (struct kb_sipkey){{1, 2}}));
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 1000; i++)
            kd_key_map_put(&map, kb_slice_of(key, (size_t)sprintf(key, "%d", i)), round * 1000 + i);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(kd_key_map_get(&map, kb_slice_of(key, (size_t)sprintf(key, "%d", i))),
                         2000 + i);
    assert_int_equal(kd_key_map_get(&map, kb_slice_str("1000")), -1);
    assert_int_equal(kd_key_map_get(&map, kb_slice_str("")), -1);
    kd_key_map_put(&map, kb_slice_str(""), 0);
    assert_int_equal(kd_key_map_get(&map, kb_slice_str("")), 0);
    kd_key_map_deinit(&map);
}

static void it_takes_as_many_as_its_memory_allows(void **state)
{
    (void)state;
    struct kd_key_map map;
    assert_true(kd_key_map_init(&map, INT64_C(1) << 40, 240, (struct kb_sipkey){{1, 2}}));
    assert_true(kd_key_map_has_room(&map, 9));
    assert_false(kd_key_map_has_room(&map, 10));
    for (uint8_t i = 0; i < 9; i++)
        kd_key_map_put(&map, kb_slice_of(&i, 1), i);
    assert_false(kd_key_map_has_room(&map, 1));
    assert_true(kd_key_map_has_room(&map, 0));
    kd_key_map_put(&map, kb_slice_of("\3", 1), 99); /* one that it knows */
    assert_int_equal(kd_key_map_get(&map, kb_slice_of("\3", 1)), 99);
    assert_int_equal(kd_key_map_get(&map, kb_slice_of("\12", 1)), -1);
    kd_key_map_deinit(&map);
}

/* ---- Batches ------------------------------------------------------------ */

struct world {
    struct kw_codec_ctx *codec;
    struct kd_key_map map;
    struct kd_txn_sieve txns;
    struct kd_compactor compactor;
    struct kb_buf *frames[8];
    int frame_count;
};

static int begin(void **state)
{
    struct world *world = KB_NEW(struct world);
    world->codec = kw_codec_ctx_new();
    assert_true(kd_key_map_init(&world->map, 100, 1 << 20, (struct kb_sipkey){{3, 4}}));
    kd_txn_sieve_init(&world->txns, 5);
    world->compactor = (struct kd_compactor){.latest = &world->map,
                                             .txns = &world->txns,
                                             .now_ms = NOW_MS,
                                             .delete_retention_ms = DAY_MS,
                                             .codec = world->codec};
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    kd_compactor_deinit(&world->compactor);
    kd_key_map_deinit(&world->map);
    kd_txn_sieve_deinit(&world->txns);
    kw_codec_ctx_free(world->codec);
    while (world->frame_count)
        kb_buf_unref(world->frames[--world->frame_count]);
    kb_free(world);
    return 0;
}

static struct kw_batch make(struct world *world, const struct keyed_batch *from)
{
    struct kw_batch batch;
    struct kb_buf *frame = keyed_encode(from);
    world->frames[world->frame_count++] = frame;
    assert_int_equal(kw_batch_parse(kb_buf_view(frame), &batch, NULL), KB_OK);
    return batch;
}

static void note(struct world *world, const struct kw_batch *batch)
{
    assert_int_equal(kd_compact_note(&world->map, &world->txns, world->codec, batch), KB_OK);
    world->compactor.end = kw_batch_header_last_offset(&batch->header) + 1;
}

static struct kd_compacted compact(struct world *world, const struct kw_batch *batch, bool keep)
{
    struct kd_compacted out;
    struct kw_batch again;
    assert_int_equal(kd_compact_batch(&world->compactor, batch, keep, &out), KB_OK);
    if (!out.bytes.size)
        return out;
    assert_int_equal(kw_batch_parse(out.bytes, &again, NULL), KB_OK);
    assert_int_equal(kw_batch_check_crc(&again, NULL), KB_OK);
    assert_int_equal(again.header.record_count, out.header.record_count);
    assert_int_equal(again.header.base_offset, batch->header.base_offset);
    assert_int_equal(again.header.last_offset_delta, batch->header.last_offset_delta);
    bool bare = !again.header.record_count && batch->header.attributes & KW_BATCH_TRANSACTIONAL;
    assert_true(again.header.producer_id == batch->header.producer_id ||
                (bare && keep && again.header.producer_id == -1));
    return out;
}

/* "3=7@12 4=-@13 ": key, value, offset. */
static const char *story(struct world *world, struct kb_slice bytes, char out[200])
{
    struct kw_batch batch;
    struct kw_record_iter it;
    struct kw_record record;
    struct kb_slice plain;
    char *at = out;
    *out = 0;
    assert_int_equal(kw_batch_parse(bytes, &batch, NULL), KB_OK);
    assert_int_equal(kw_decompress_view(world->codec, kw_batch_header_codec(&batch.header),
                                        batch.records, 1 << 20, &plain, NULL),
                     KB_OK);
    kw_record_iter_init(&it, &batch.header, plain);
    while (kw_record_iter_next(&it, &record)) {
        struct keyed keyed = keyed_of(&record);
        assert_int_equal(record.timestamp_ms, batch.header.max_timestamp_ms);
        at += keyed.value == KEYED_GONE
                  ? sprintf(at, "%d=-@%d ", keyed.key, (int)record.offset)
                  : sprintf(at, "%d=%d@%d ", keyed.key, keyed.value, (int)record.offset);
    }
    assert_int_equal(it.code, KB_OK);
    return out;
}

static void only_the_latest_of_a_key_stays(void **state)
{
    struct world *world = *state;
    char text[200];
    for (enum kw_codec codec = KW_CODEC_NONE; codec < KW_CODECS; codec++) {
        const struct keyed first[] = {{1, 10}, {2, 20}, {1, 11}, {3, 30}};
        const struct keyed second[] = {{3, 31}, {4, 40}};
        struct kw_batch a = make(world, &(struct keyed_batch){.records = first,
                                                              .count = 4,
                                                              .codec = codec,
                                                              .base_offset = 100,
                                                              .timestamp_ms = 500,
                                                              .producer_id = 7,
                                                              .sequence = 3});
        struct kw_batch b = make(world, &(struct keyed_batch){.records = second,
                                                              .count = 2,
                                                              .codec = codec,
                                                              .base_offset = 104,
                                                              .timestamp_ms = 600});
        kd_key_map_deinit(&world->map);
        assert_true(kd_key_map_init(&world->map, 10, 1000, (struct kb_sipkey){{3, 4}}));
        note(world, &a);
        note(world, &b);
        struct kd_compacted left = compact(world, &a, false);
        assert_true(left.changed);
        assert_string_equal(story(world, left.bytes, text), "2=20@101 1=11@102 ");
        assert_int_equal(kw_batch_header_codec(&left.header), codec);
        assert_int_equal(left.header.max_timestamp_ms, 500);
        left = compact(world, &b, false);
        assert_false(left.changed);
        assert_ptr_equal(left.bytes.data, b.bytes.data);
        while (world->frame_count)
            kb_buf_unref(world->frames[--world->frame_count]);
    }
}

static void what_lies_behind_the_map_stays(void **state)
{
    struct world *world = *state;
    const struct keyed records[] = {{1, 10}, {1, 11}};
    struct kw_batch a = make(world, &(struct keyed_batch){.records = records, .count = 2});
    struct kw_batch b =
        make(world, &(struct keyed_batch){.records = records, .count = 2, .base_offset = 2});
    note(world, &a);
    struct kd_compacted left = compact(world, &b, false);
    assert_false(left.changed);
    assert_int_equal(left.header.record_count, 2);
}

static void an_empty_batch_stays_where_its_bounds_are_needed(void **state)
{
    struct world *world = *state;
    const struct keyed records[] = {{1, 10}, {2, 20}};
    const struct keyed again[] = {{1, 11}, {2, 21}};
    struct kw_batch a = make(world, &(struct keyed_batch){.records = records,
                                                          .count = 2,
                                                          .codec = KW_CODEC_LZ4,
                                                          .timestamp_ms = 77,
                                                          .producer_id = 9,
                                                          .sequence = 5});
    struct kw_batch b =
        make(world, &(struct keyed_batch){.records = again, .count = 2, .base_offset = 2});
    note(world, &a);
    note(world, &b);
    struct kd_compacted left = compact(world, &a, false);
    assert_true(left.changed);
    assert_int_equal(left.bytes.size, 0);
    left = compact(world, &a, true);
    assert_int_equal(left.bytes.size, KW_BATCH_HEADER_BYTES);
    assert_int_equal(left.header.attributes, 0);
    assert_int_equal(left.header.max_timestamp_ms, 77);
    const struct kd_kept kept[] = {{8, 1, 0}, {9, 1, 0}, {30, 1, 0}}; /* the last of each */
    world->compactor.kept = kept;
    world->compactor.kept_count = 3;
    left = compact(world, &a, false);
    assert_int_equal(left.bytes.size, KW_BATCH_HEADER_BYTES);
    uint8_t empty[KW_BATCH_HEADER_BYTES];
    struct kw_batch emptied;
    memcpy(empty, left.bytes.data, sizeof empty);
    assert_int_equal(kw_batch_parse(kb_slice_of(empty, sizeof empty), &emptied, NULL), KB_OK);
    assert_false(compact(world, &emptied, false).changed);
    world->compactor.kept_count = 0;
    assert_int_equal(compact(world, &emptied, false).bytes.size, 0);
}

static void a_tombstone_stays_until_its_horizon(void **state)
{
    struct world *world = *state;
    char text[200];
    const struct keyed records[] = {{1, 10}, {1, KEYED_GONE}, {2, 20}};
    struct kw_batch a = make(
        world, &(struct keyed_batch){
                   .records = records, .count = 3, .codec = KW_CODEC_ZSTD, .timestamp_ms = 400});
    note(world, &a);
    struct kd_compacted left = compact(world, &a, false);
    assert_true(left.header.attributes & KW_BATCH_DELETE_HORIZON);
    assert_int_equal(left.header.base_timestamp_ms, NOW_MS + DAY_MS);
    assert_int_equal(left.header.max_timestamp_ms, 400);
    assert_string_equal(story(world, left.bytes, text), "1=-@1 2=20@2 ");
    uint8_t copy[500];
    struct kw_batch dated;
    memcpy(copy, left.bytes.data, left.bytes.size);
    assert_int_equal(kw_batch_parse(kb_slice_of(copy, left.bytes.size), &dated, NULL), KB_OK);
    world->compactor.now_ms = NOW_MS + DAY_MS - 1;
    assert_false(compact(world, &dated, false).changed); /* the horizon is not moved */
    world->compactor.now_ms++;
    left = compact(world, &dated, false);
    assert_string_equal(story(world, left.bytes, text), "2=20@2 ");
}

static void the_logs_own_time_is_kept(void **state)
{
    struct world *world = *state;
    char text[200];
    const struct keyed records[] = {{1, 10}, {1, KEYED_GONE}};
    struct kw_batch a = make(world, &(struct keyed_batch){.records = records,
                                                          .count = 2,
                                                          .timestamp_ms = 400,
                                                          .attributes = KW_BATCH_LOG_APPEND_TIME});
    note(world, &a);
    struct kd_compacted left = compact(world, &a, false);
    assert_true(left.header.attributes & KW_BATCH_LOG_APPEND_TIME);
    assert_int_equal(left.header.max_timestamp_ms, 400);
    assert_string_equal(story(world, left.bytes, text), "1=-@1 ");
}

/* ---- Transactions ------------------------------------------------------- */

static void learn(struct world *world, struct kd_aborted aborted)
{
    struct kd_aborted *items = KB_NEW_ARRAY(struct kd_aborted, 1);
    *items = aborted;
    kd_txn_sieve_learn(&world->txns, items, 1);
}

static struct kw_batch make_marker(struct world *world, bool commit, int64_t offset)
{
    struct kd_txn_mark mark = {.producer = 5, .epoch = 0, .coordinator_epoch = 7, .commit = commit};
    struct kw_batch_header header;
    struct kw_batch batch;
    struct kb_buf *frame = kd_txn_mark_batch(&mark, 1000, &header);
    kw_batch_place(frame->data, offset, 0);
    world->frames[world->frame_count++] = frame;
    assert_int_equal(kw_batch_parse(kb_buf_view(frame), &batch, NULL), KB_OK);
    return batch;
}

/* A copy of what is left, to be compacted once more. */
static struct kw_batch again(struct world *world, const struct kd_compacted *left)
{
    struct kw_batch batch;
    struct kb_buf *frame = kb_buf_new(left->bytes.size);
    memcpy(frame->data, left->bytes.data, left->bytes.size);
    frame->size = left->bytes.size;
    world->frames[world->frame_count++] = frame;
    assert_int_equal(kw_batch_parse(kb_buf_view(frame), &batch, NULL), KB_OK);
    assert_int_equal(kw_batch_check_crc(&batch, NULL), KB_OK);
    return batch;
}

static const struct keyed_batch in_txn = {
    .count = 2, .producer_id = 5, .timestamp_ms = 9, .attributes = KW_BATCH_TRANSACTIONAL};

static void what_was_aborted_goes_and_hides_nothing(void **state)
{
    struct world *world = *state;
    char text[200];
    const struct keyed old[] = {{1, 10}, {2, 20}}, aborted[] = {{1, 11}, {2, KEYED_GONE}};
    struct kw_batch a = make(world, &(struct keyed_batch){.records = old, .count = 2});
    struct keyed_batch b_of = in_txn;
    b_of.records = aborted;
    b_of.base_offset = 2;
    struct kw_batch b = make(world, &b_of), end = make_marker(world, false, 4);
    learn(world, (struct kd_aborted){5, 2, 4, 5});
    note(world, &a);
    note(world, &b);
    note(world, &end);
    assert_string_equal(story(world, compact(world, &a, false).bytes, text), "1=10@0 2=20@1 ");
    assert_int_equal(compact(world, &b, false).bytes.size, 0);
    struct kd_compacted left = compact(world, &end, false);
    assert_false(left.ends);
    assert_int_equal(left.header.record_count, 1);
}

static void a_marker_stays_while_something_of_its_transaction_does(void **state)
{
    struct world *world = *state;
    const struct keyed records[] = {{1, 10}, {2, 20}};
    struct keyed_batch of = in_txn;
    of.records = records;
    struct kw_batch a = make(world, &of), end = make_marker(world, true, 2);
    note(world, &a);
    note(world, &end);
    assert_false(compact(world, &a, false).changed);
    struct kd_compacted left = compact(world, &end, false);
    assert_true(left.ends);
    assert_false(left.changed);
}

/* The first compaction that finds nothing left tells until when; then it goes. */
static void a_marker_of_nothing_stays_until_its_horizon(void **state)
{
    struct world *world = *state;
    struct kw_record_iter it;
    struct kw_record record;
    struct kw_control control;
    struct kw_batch end = make_marker(world, true, 2);
    note(world, &end);
    struct kd_compacted left = compact(world, &end, false);
    assert_true(left.changed);
    assert_true(left.header.attributes & KW_BATCH_DELETE_HORIZON);
    assert_int_equal(left.header.base_timestamp_ms, NOW_MS + DAY_MS);
    struct kw_batch dated = again(world, &left);
    kw_record_iter_init(&it, &dated.header, dated.records);
    assert_true(kw_record_iter_next(&it, &record) && kw_control_parse(&record, &control));
    assert_int_equal(control.type, KW_CONTROL_COMMIT);
    assert_int_equal(control.coordinator_epoch, 7);
    assert_int_equal(record.timestamp_ms, 1000);
    world->compactor.now_ms = NOW_MS + DAY_MS - 1;
    assert_false(compact(world, &dated, false).changed);
    world->compactor.now_ms++;
    assert_int_equal(compact(world, &dated, false).bytes.size, 0);
}

/* Whoever replays it must not take it for a transaction that is open. */
static void bounds_of_a_transaction_open_none(void **state)
{
    struct world *world = *state;
    const struct keyed records[] = {{1, 10}, {2, 20}};
    struct keyed_batch of = in_txn;
    of.records = records;
    struct kw_batch a = make(world, &of);
    learn(world, (struct kd_aborted){5, 0, 2, 3});
    note(world, &a);
    struct kd_compacted left = compact(world, &a, true);
    assert_int_equal(left.bytes.size, KW_BATCH_HEADER_BYTES);
    assert_int_equal(left.header.attributes, 0);
    assert_int_equal(left.header.producer_id, -1);
    assert_int_equal(kw_batch_header_last_offset(&left.header), 1);
    struct kw_batch empty = again(world, &left);
    assert_false(compact(world, &empty, true).changed);
    struct kw_batch end = make_marker(world, false, 2);
    note(world, &end);
    assert_false(compact(world, &end, false).ends);
}

/* The last of its producer keeps who wrote it, and so the marker, too. */
static void the_last_of_a_producer_keeps_its_marker(void **state)
{
    struct world *world = *state;
    const struct keyed records[] = {{1, 10}, {2, 20}};
    const struct kd_kept kept[] = {{5, 1, 0}};
    struct keyed_batch of = in_txn;
    of.records = records;
    struct kw_batch a = make(world, &of), end = make_marker(world, false, 2);
    learn(world, (struct kd_aborted){5, 0, 2, 3});
    note(world, &a);
    note(world, &end);
    world->compactor.kept = kept;
    world->compactor.kept_count = 1;
    struct kd_compacted left = compact(world, &a, false);
    assert_int_equal(left.bytes.size, KW_BATCH_HEADER_BYTES);
    assert_int_equal(left.header.attributes, KW_BATCH_TRANSACTIONAL);
    assert_int_equal(left.header.producer_id, 5);
    assert_true(compact(world, &end, false).ends);
    struct kw_batch empty = again(world, &left);
    assert_false(compact(world, &empty, false).changed);
    assert_true(compact(world, &end, false).ends);
    world->compactor.kept_count = 0; /* it was forgotten */
    assert_int_equal(compact(world, &empty, false).bytes.size, 0);
    assert_false(compact(world, &end, false).ends);
}

/* A producer that is known by its marker alone: that stays, without its record. */
static void the_marker_of_a_producer_keeps_its_epoch(void **state)
{
    struct world *world = *state;
    const struct kd_kept kept[] = {{5, -1, 0}};
    struct kw_batch end = make_marker(world, true, 2);
    note(world, &end);
    world->compactor.kept = kept;
    world->compactor.kept_count = 1;
    struct kd_compacted left = compact(world, &end, false);
    struct kw_batch dated = again(world, &left);
    world->compactor.now_ms = NOW_MS + DAY_MS;
    left = compact(world, &dated, false);
    assert_int_equal(left.bytes.size, KW_BATCH_HEADER_BYTES);
    assert_int_equal(left.header.attributes, KW_BATCH_TRANSACTIONAL | KW_BATCH_CONTROL);
    assert_int_equal(left.header.producer_id, 5);
    struct kw_batch empty = again(world, &left);
    assert_false(compact(world, &empty, false).changed);
}

/* ---- What goes wrong ---------------------------------------------------- */

static void damage_is_seen(void **state)
{
    struct world *world = *state;
    struct kd_compacted out;
    const struct keyed records[] = {{1, 10}, {1, 11}};
    struct kw_batch a = make(world, &(struct keyed_batch){.records = records, .count = 2});
    world->compactor.end = 2;
    world->frames[0]->data[a.bytes.size - 3] ^= 1;
    assert_int_equal(kd_compact_note(&world->map, &world->txns, world->codec, &a),
                     KB_E_CORRUPT_MESSAGE);
    assert_int_equal(kd_compact_batch(&world->compactor, &a, false, &out), KB_E_CORRUPT_MESSAGE);
}

static void a_map_without_room_takes_nothing(void **state)
{
    struct world *world = *state;
    const struct keyed records[] = {{1, 10}, {2, 11}, {3, 12}};
    struct kw_batch a = make(world, &(struct keyed_batch){.records = records, .count = 3});
    kd_key_map_deinit(&world->map);
    assert_true(kd_key_map_init(&world->map, 100, 72, (struct kb_sipkey){{3, 4}}));
    assert_int_equal(kd_compact_note(&world->map, &world->txns, world->codec, &a), KB_E_LIMIT);
    assert_int_equal(kd_key_map_get(&world->map, kb_slice_str("key-1")), -1);
}

/* ---- Memory ------------------------------------------------------------- */

static void run_short_of_memory(void *ctx)
{
    const struct kw_batch *batch = ctx;
    struct kd_key_map map;
    struct kd_compacted out;
    struct kw_codec_ctx *codec = kw_codec_ctx_new();
    if (codec && kd_key_map_init(&map, 10, 1000, (struct kb_sipkey){{3, 4}})) {
        struct kd_txn_sieve txns;
        kd_txn_sieve_init(&txns, 5);
        struct kd_compactor compactor = {.latest = &map,
                                         .txns = &txns,
                                         .end = 3,
                                         .now_ms = 1,
                                         .delete_retention_ms = 5,
                                         .codec = codec};
        int code = kd_compact_note(&map, &txns, codec, batch);
        assert_true(code == KB_OK || code == KB_E_NO_MEMORY);
        code = kd_compact_batch(&compactor, batch, false, &out);
        assert_true(code == KB_OK || code == KB_E_NO_MEMORY);
        kd_compactor_deinit(&compactor);
        kd_key_map_deinit(&map);
        kd_txn_sieve_deinit(&txns);
    }
    if (codec)
        kw_codec_ctx_free(codec);
}

static void no_memory_is_an_error(void **state)
{
    const struct keyed records[] = {{1, 10}, {1, KEYED_GONE}, {2, 20}};
    struct kw_batch a =
        make(*state, &(struct keyed_batch){.records = records, .count = 3, .codec = KW_CODEC_LZ4});
    assert_true(unit_each_failure(run_short_of_memory, &a) >= 4);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_due_once_enough_of_it_is_dirty),
        cmocka_unit_test(what_is_not_stable_or_too_young_is_left),
        cmocka_unit_test(what_is_overdue_goes_first),
        cmocka_unit_test(the_last_offset_of_a_key_counts),
        cmocka_unit_test(it_takes_as_many_as_its_memory_allows),
        WITH_WORLD(only_the_latest_of_a_key_stays),
        WITH_WORLD(what_lies_behind_the_map_stays),
        WITH_WORLD(an_empty_batch_stays_where_its_bounds_are_needed),
        WITH_WORLD(a_tombstone_stays_until_its_horizon),
        WITH_WORLD(the_logs_own_time_is_kept),
        WITH_WORLD(what_was_aborted_goes_and_hides_nothing),
        WITH_WORLD(a_marker_stays_while_something_of_its_transaction_does),
        WITH_WORLD(a_marker_of_nothing_stays_until_its_horizon),
        WITH_WORLD(bounds_of_a_transaction_open_none),
        WITH_WORLD(the_last_of_a_producer_keeps_its_marker),
        WITH_WORLD(the_marker_of_a_producer_keeps_its_epoch),
        WITH_WORLD(damage_is_seen),
        WITH_WORLD(a_map_without_room_takes_nothing),
        WITH_WORLD(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
