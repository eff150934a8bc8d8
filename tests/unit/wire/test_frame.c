/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "wire/frame.h"
#include "wire/gen/api_versions.h"
#include "wire/gen/metadata.h"
#include "wire/gen/produce.h"

enum { FRAME_MAX = 1 << 20, ARENA_MAX = 1 << 16 };

static void the_table_knows_names_and_ranges(void **state)
{
    (void)state;
    const struct kw_api *fetch = kw_api_find(1);
    assert_string_equal(fetch->name, "Fetch");
    assert_int_equal(fetch->key, KW_API_FETCH);
    assert_true(kw_api_has(fetch, 4) && kw_api_has(fetch, 18));
    assert_false(kw_api_has(fetch, 3) || kw_api_has(fetch, 19));
    assert_true(kw_api_is_flexible(fetch, 12) && !kw_api_is_flexible(fetch, 11));
    assert_int_equal(kw_api_find(KW_API_SASL_HANDSHAKE)->flexible_from, KW_NEVER);
    assert_null(kw_api_find(4)); /* LeaderAndIsr, gone since Kafka 4 */
    assert_null(kw_api_find(-1));
    assert_null(kw_api_find(KW_API_KEY_END));
    assert_string_equal(kw_api_name(4), "Unknown");
    for (int16_t key = 0; key < KW_API_KEY_END; key++)
        assert_true(!kw_api_find(key) || kw_api_find(key)->key == key);
}

static struct kb_buf *build_request(const struct kw_request_header *header)
{
    struct kw_writer w;
    struct kw_api_versions_request request;
    kw_api_versions_request_init(&request);
    request.client_software_name = kb_slice_str("kurier");
    request.client_software_version = kb_slice_str("0.1");
    kw_writer_init(&w, FRAME_MAX);
    kw_request_header_write(&w, header);
    kw_api_versions_request_encode(&w, header->version, &request);
    return kw_writer_take(&w);
}

static void a_request_goes_there_and_back(void **state)
{
    (void)state;
    struct kw_request_header header = {KW_API_API_VERSIONS, 4, 77, kb_slice_null()}, back;
    struct kb_buf *frame = build_request(&header);
    struct kb_arena arena;
    kb_arena_init(&arena, ARENA_MAX);
    struct kw_reader r = kw_reader_of(kb_buf_view(frame));
    struct kw_api_versions_request request;
    assert_true(kw_request_header_read(&r, &back));
    assert_true(kw_api_versions_request_decode(&r, back.version, &arena, &request));
    assert_int_equal(back.correlation_id, 77);
    assert_true(kb_slice_is_null(back.client_id));
    assert_true(kb_slice_is(request.client_software_name, "kurier"));
    kb_arena_deinit(&arena);
    kb_buf_unref(frame);
}

/* librdkafka 2.16 asks for all topics in Metadata v13 with three bytes too many, and Kafka answers. */
static void what_is_left_over_behind_a_request_is_ignored(void **state)
{
    static const uint8_t sent[] = {0,   3,   0,   13,  0, 0, 0, 3, 0, 7, 'r', 'd', 'k',
                                   'a', 'f', 'k', 'a', 0, 0, 0, 0, 0, 1, 0,   0};
    (void)state;
    struct kw_reader r = kw_reader_of(kb_slice_of(sent, sizeof sent));
    struct kw_request_header header;
    struct kw_metadata_request request;
    struct kb_arena arena;
    kb_arena_init(&arena, ARENA_MAX);
    assert_true(kw_request_header_read(&r, &header));
    assert_true(kw_metadata_request_decode(&r, header.version, &arena, &request));
    assert_int_equal(request.topics_count, -1);
    assert_int_equal(r.end - r.next, 3);
    kb_arena_deinit(&arena);
}

static void what_is_left_over_behind_a_response_is_a_fault(void **state)
{
    (void)state;
    struct kw_api_versions_response response;
    struct kb_arena arena;
    struct kw_writer w;
    kb_arena_init(&arena, ARENA_MAX);
    kw_writer_init(&w, FRAME_MAX);
    kw_api_versions_response_init(&response);
    assert_true(kw_api_versions_response_encode(&w, 0, &response));
    kw_write_i8(&w, 0);
    struct kb_buf *bytes = kw_writer_take(&w);
    struct kw_reader r = kw_reader_of(kb_buf_view(bytes));
    assert_false(kw_api_versions_response_decode(&r, 0, &arena, &response));
    assert_string_equal(r.fault, "bytes left over");
    kb_buf_unref(bytes);
    kb_arena_deinit(&arena);
}

static void an_unknown_key_still_tells_what_it_was(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x7f, 0xff, 0, 3, 0, 0, 0, 9, 0xff, 0xff};
    struct kw_reader r = kw_reader_of(kb_slice_of(bytes, sizeof bytes));
    struct kw_request_header header;
    assert_false(kw_request_header_read(&r, &header));
    assert_string_equal(r.fault, "no such API");
    assert_int_equal(header.key, 0x7fff);
    assert_int_equal(header.version, 3);
    assert_int_equal(header.correlation_id, 9);
}

/* The body of a version to come means nothing to us, but its header does. */
static void a_version_too_high_has_a_flexible_header(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0, 18, 0, 99, 0, 0, 0, 9, 0, 1, 'c', 1, 5, 2, 0xaa, 0xbb, 0xcc};
    struct kw_reader r = kw_reader_of(kb_slice_of(bytes, sizeof bytes));
    struct kw_request_header header;
    assert_true(kw_request_header_read(&r, &header));
    assert_int_equal(header.version, 99);
    assert_true(kb_slice_is(header.client_id, "c"));
    assert_int_equal(kw_reader_left(&r), 1);
    assert_false(kw_api_has(kw_api_find(header.key), header.version));
}

static void a_response_carries_its_correlation_id_first(void **state)
{
    (void)state;
    uint8_t room[16];
    for (int16_t version = 3; version <= 13; version++) {
        struct kw_writer w;
        int32_t correlation_id = 0;
        kw_writer_init_fixed(&w, room, sizeof room);
        kw_response_header_write(&w, KW_API_PRODUCE, version, 1234567);
        struct kb_slice bytes = kb_slice_of(room, kw_writer_size(&w));
        assert_int_equal(bytes.size, version >= 9 ? 5 : 4);
        assert_int_equal(kw_response_correlation_id(bytes), 1234567);
        struct kw_reader r = kw_reader_of(bytes);
        assert_true(kw_response_header_read(&r, KW_API_PRODUCE, version, &correlation_id));
        assert_true(kw_reader_end(&r));
        assert_int_equal(correlation_id, 1234567);
    }
    assert_int_equal(kw_response_correlation_id(kb_slice_of(room, 3)), -1);
}

/* ---- Splices ---- */

enum { PARTITIONS = 3 };

static void fill_produce(struct kw_produce_request *request, struct kw_produce_request_topic *topic,
                         struct kw_produce_request_partition partitions[PARTITIONS])
{
    static const char *const records[PARTITIONS] = {"first batch", "", "third"};
    kw_produce_request_init(request);
    kw_produce_request_topic_init(topic);
    request->topic_data = topic;
    request->topic_data_count = 1;
    topic->partition_data = partitions;
    topic->partition_data_count = PARTITIONS;
    for (int i = 0; i < PARTITIONS; i++) {
        kw_produce_request_partition_init(&partitions[i]);
        partitions[i].index = i;
        partitions[i].records = kb_slice_str(records[i]);
    }
}

static struct kb_buf *copied_produce(const struct kw_produce_request *request)
{
    struct kw_writer w;
    kw_writer_init(&w, FRAME_MAX);
    assert_true(kw_produce_request_encode(&w, 13, request));
    return kw_writer_take(&w);
}

static void assert_pieces_equal(const struct kb_piece *pieces, size_t n, struct kb_slice whole)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(at + pieces[i].bytes.size <= whole.size);
        assert_memory_equal(pieces[i].bytes.data, whole.data + at, pieces[i].bytes.size);
        at += pieces[i].bytes.size;
    }
    assert_int_equal(at, whole.size);
}

static void spliced_records_are_not_copied(void **state)
{
    (void)state;
    struct kw_produce_request request;
    struct kw_produce_request_topic topic;
    struct kw_produce_request_partition partitions[PARTITIONS];
    fill_produce(&request, &topic, partitions);
    struct kb_buf *whole = copied_produce(&request), *owner = kb_buf_new(1);

    struct kw_splice splices[2];
    struct kw_writer w;
    kw_writer_init(&w, FRAME_MAX);
    kw_writer_splice(&w, splices, 2);
    assert_true(kw_produce_request_encode(&w, 13, &request));
    assert_int_equal(w.splice_count, 2); /* the empty one takes none */
    assert_ptr_equal(splices[0].bytes.data, partitions[0].records.data);
    assert_ptr_equal(splices[1].bytes.data, partitions[2].records.data);
    assert_int_equal(kw_writer_size(&w) + w.spliced_bytes, whole->size);

    struct kb_buf *const owners[] = {owner, NULL};
    struct kb_piece pieces[5];
    size_t n = kw_frame_pieces(kw_writer_take(&w), splices, owners, 2, pieces);
    assert_pieces_equal(pieces, n, kb_buf_view(whole));
    assert_int_equal(atomic_load(&owner->refs), 2);
    for (size_t i = 0; i < n; i++)
        kb_buf_unref(pieces[i].owner);
    kb_buf_unref(owner);
    kb_buf_unref(whole);
}

static void more_splices_than_room_is_a_fault(void **state)
{
    (void)state;
    struct kw_produce_request request;
    struct kw_produce_request_topic topic;
    struct kw_produce_request_partition partitions[PARTITIONS];
    fill_produce(&request, &topic, partitions);
    struct kw_splice splices[1];
    struct kw_writer w;
    kw_writer_init(&w, FRAME_MAX);
    kw_writer_splice(&w, splices, 1);
    assert_false(kw_produce_request_encode(&w, 13, &request));
    kw_writer_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_knows_names_and_ranges),
        cmocka_unit_test(a_request_goes_there_and_back),
        cmocka_unit_test(what_is_left_over_behind_a_request_is_ignored),
        cmocka_unit_test(what_is_left_over_behind_a_response_is_a_fault),
        cmocka_unit_test(an_unknown_key_still_tells_what_it_was),
        cmocka_unit_test(a_version_too_high_has_a_flexible_header),
        cmocka_unit_test(a_response_carries_its_correlation_id_first),
        cmocka_unit_test(spliced_records_are_not_copied),
        cmocka_unit_test(more_splices_than_room_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
