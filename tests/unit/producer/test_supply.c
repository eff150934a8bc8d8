/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, and sealing in place. */
#include "libclient/core/packer.h"
#include "tests/unit/unit.h"
#include <string.h>

enum { TOTAL = 1 << 20, BATCH = 64 * 1024 };

static int freed_count;

static void freed(struct kc_supply *supply)
{
    (void)supply;
    freed_count++;
}

static void test_refused_is_told_once(void **state)
{
    (void)state;
    struct kc_supply supply;
    assert_true(kc_supply_init(&supply, TOTAL, BATCH));
    supply.freed = freed;
    freed_count = 0;
    assert_true(kc_supply_pay(&supply, TOTAL));
    kc_supply_repay(&supply, 10);
    assert_int_equal(freed_count, 0);
    assert_false(kc_supply_pay(&supply, 11));
    kc_supply_repay(&supply, 10);
    kc_supply_repay(&supply, 10);
    assert_int_equal(freed_count, 1);
    kc_supply_deinit(&supply);
}

/* First come, first served: a small claim does not overtake a large one. */
static void test_claims_in_order(void **state)
{
    (void)state;
    struct kc_supply supply;
    struct kc_claim large, small, third;
    assert_true(kc_supply_init(&supply, TOTAL, BATCH));
    assert_true(kc_supply_pay(&supply, TOTAL));
    kc_supply_claim(&supply, &large, 1000);
    kc_supply_claim(&supply, &small, 10);
    kc_supply_claim(&supply, &third, 10);
    kc_supply_repay(&supply, 500);
    assert_false(small.granted);
    assert_false(kc_supply_pay(&supply, 1)); /* nobody overtakes */
    assert_false(kc_supply_unclaim(&supply, &large));
    assert_true(small.granted && third.granted);
    assert_true(kc_supply_unclaim(&supply, &small));
    assert_true(kc_supply_unclaim(&supply, &third));
    assert_int_equal(supply.free_bytes, 480);
    kc_supply_deinit(&supply);
}

/* ---- Sealing ---------------------------------------------------------------------- */

/* False: no memory, and nothing has changed. */
static bool try_put(struct kc_supply *supply, struct kc_send_batch *batch, int i)
{
    char value[300];
    struct kc_entry entry = {.opaque = (uint64_t)i + 1, .timestamp_ms = 1000 + i};
    memset(value, 'a' + i % 3, sizeof value);
    entry.record.value = kb_slice_of(value, sizeof value);
    entry.record.key = kb_slice_of(&i, sizeof i);
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    if (kc_send_batch_room(batch) < entry.max_bytes) {
        assert_true(kc_supply_pay(supply, (int64_t)supply->chunk_bytes));
        struct kb_buf *chunk = kc_supply_chunk(supply, entry.max_bytes);
        if (!chunk)
            return false;
        kc_send_batch_add_chunk(batch, chunk);
    }
    if (kc_send_batch_notes_full(batch, 1)) {
        assert_true(kc_supply_pay(supply, kc_supply_cost(supply, KC_PART_NOTES, 0)));
        struct kc_notes *notes = kc_supply_notes(supply);
        if (!notes)
            return false;
        kc_send_batch_add_notes(batch, notes);
    }
    if (batch->record_count == 0)
        batch->base_timestamp_ms = entry.timestamp_ms;
    struct kc_record_place place = kc_send_batch_reserve(batch, &entry, 1);
    kw_record_write(place.at, &entry.record, place.body_bytes);
    return true;
}

static void put(struct kc_supply *supply, struct kc_send_batch *batch, int i)
{
    assert_true(try_put(supply, batch, i));
}

static void read_back(const struct kc_send_batch *batch, int count)
{
    struct kc_send_reader reader;
    assert_true(kc_send_reader_init(&reader, batch, 1));
    for (int i = 0; i < count; i++) {
        assert_true(kc_send_reader_next(&reader));
        assert_int_equal(reader.opaque, i + 1);
        assert_int_equal(reader.record.timestamp_ms, 1000 + i);
        assert_int_equal(reader.record.value.size, 300);
        assert_int_equal(reader.record.value.data[299], 'a' + i % 3);
        assert_memory_equal(reader.record.key.data, &i, sizeof i);
    }
    assert_false(kc_send_reader_next(&reader));
    kc_send_reader_deinit(&reader);
}

/* Compressed in the chunks it came in; those that fall empty are memory again. */
static void test_pack(void **state)
{
    enum { COUNT = 180 };
    (void)state;
    for (int codec = 0; codec < KW_CODECS; codec++) {
        struct kc_supply supply;
        struct kc_packer packer;
        const struct kw_codec_info *info = kw_codec_info((enum kw_codec)codec);
        if (!info->built_in)
            continue;
        assert_true(kc_supply_init(&supply, TOTAL, BATCH));
        kc_packer_init(&packer, (enum kw_codec)codec, info->default_level, &supply);
        assert_true(kc_supply_pay(&supply, kc_supply_cost(&supply, KC_PART_BATCH, 0)));
        struct kc_send_batch *batch = kc_supply_batch(&supply);
        for (int i = 0; i < COUNT; i++)
            put(&supply, batch, i);
        uint32_t chunks = batch->chunk_count;
        kc_packer_seal(&packer, batch);
        assert_int_equal(batch->codec, codec);
        assert_true(codec == KW_CODEC_NONE || batch->chunk_count < chunks);
        read_back(batch, COUNT);

        kc_send_batch_stamp(batch);
        size_t size = 0;
        static uint8_t whole[BATCH + 1000];
        for (uint32_t i = 0; i < batch->chunk_count; i++) {
            memcpy(whole + size, batch->chunks[i]->data, batch->chunks[i]->size);
            size += batch->chunks[i]->size;
        }
        struct kw_batch parsed;
        assert_int_equal(kw_batch_parse(kb_slice_of(whole, size), &parsed, NULL), 0);
        assert_int_equal(kw_batch_check_crc(&parsed, NULL), 0);
        assert_int_equal(parsed.header.record_count, COUNT);

        kc_supply_drop_batch(&supply, batch);
        assert_int_equal(supply.free_bytes, supply.total_bytes);
        kc_packer_deinit(&packer);
        kc_supply_deinit(&supply);
    }
}

/* ---- Memory ----------------------------------------------------------------------- */

/* What cannot be had is repaid; what cannot be compressed goes as it is. */
static void pack_short_of_memory(void *ctx)
{
    struct kc_supply supply;
    struct kc_packer packer;
    (void)ctx;
    if (!kc_supply_init(&supply, TOTAL, BATCH))
        return;
    kc_packer_init(&packer, KW_CODEC_ZSTD, kw_codec_info(KW_CODEC_ZSTD)->default_level, &supply);
    assert_true(kc_supply_pay(&supply, kc_supply_cost(&supply, KC_PART_BATCH, 0)));
    struct kc_send_batch *batch = kc_supply_batch(&supply);
    for (int i = 0; batch && i < 100; i++)
        if (!try_put(&supply, batch, i))
            i--;
    if (batch) {
        kc_packer_seal(&packer, batch);
        kb_mem_spare(1);
        read_back(batch, 100);
        kb_mem_spare(-1);
        kc_supply_drop_batch(&supply, batch);
    }
    assert_int_equal(supply.free_bytes, supply.total_bytes);
    kc_packer_deinit(&packer);
    kc_supply_deinit(&supply);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(pack_short_of_memory, NULL), 5, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_is_told_once),
        cmocka_unit_test(test_claims_in_order),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
