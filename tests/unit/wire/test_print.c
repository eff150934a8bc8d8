/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "tests/unit/wire/fill.h"
#include "tests/unit/wire/json_like.h"
#include "wire/frame.h"
#include "wire/gen/alter_configs.h"
#include "wire/gen/alter_user_scram_credentials.h"
#include "wire/gen/api_versions.h"
#include "wire/gen/create_delegation_token.h"
#include "wire/gen/fetch.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/metadata.h"
#include "wire/gen/offset_commit_record.h"
#include "wire/gen/produce.h"
#include "wire/gen/sasl_authenticate.h"
#include "wire/print.h"
#include "wire/record.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 8192, BODY_BYTES = 4096 };

static char line[LINE_BYTES];
static uint8_t bytes[BODY_BYTES];
static struct kw_writer w;

static void write_request(int16_t key, int16_t version)
{
    const struct kw_request_header header = {key, version, 7, kb_slice_str("me")};
    kw_writer_init_fixed(&w, bytes, sizeof bytes);
    kw_request_header_write(&w, &header);
}

static struct kb_slice written(void)
{
    assert_true(kw_writer_ok(&w));
    return kb_slice_of(bytes, kw_writer_size(&w));
}

static void print_request(unsigned flags)
{
    size_t size = kw_print_request(written(), flags, line, sizeof line);
    assert_int_equal(size, strlen(line));
}

static void a_request_with_its_header(void **state)
{
    (void)state;
    struct kw_metadata_request_topic topic;
    struct kw_metadata_request in;
    kw_metadata_request_init(&in);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str("a \"topic\"\n");
    in.topics = &topic;
    in.topics_count = 1;
    write_request(KW_API_METADATA, 12);
    kw_metadata_request_encode(&w, 12, &in);
    print_request(0);
    assert_string_equal(line, "{\"api\":\"Metadata\",\"key\":3,\"version\":12,\"correlation_id\":7,"
                              "\"client_id\":\"me\",\"request\":{\"topics\":[{\"topic_id\":"
                              "\"AAAAAAAAAAAAAAAAAAAAAA\",\"name\":\"a \\\"topic\\\"\\u000a\"}],"
                              "\"allow_auto_topic_creation\":true,"
                              "\"include_topic_authorized_operations\":false}}");
}

static void an_old_version_has_fewer_fields(void **state)
{
    (void)state;
    struct kw_metadata_request in;
    kw_metadata_request_init(&in);
    in.topics_count = -1;
    kw_writer_init_fixed(&w, bytes, sizeof bytes);
    kw_metadata_request_encode(&w, 1, &in);
    kw_print_body(KW_API_METADATA, 1, false, written(), 0, line, sizeof line);
    assert_string_equal(line, "{\"topics\":null}");
}

static void an_error_has_its_name(void **state)
{
    (void)state;
    struct kw_find_coordinator_response out;
    kw_find_coordinator_response_init(&out);
    out.error_code = 15;
    kw_writer_init_fixed(&w, bytes, sizeof bytes);
    kw_response_header_write(&w, KW_API_FIND_COORDINATOR, 0, 9);
    kw_find_coordinator_response_encode(&w, 0, &out);
    kw_print_response(KW_API_FIND_COORDINATOR, 0, written(), 0, line, sizeof line);
    assert_string_equal(line, "{\"api\":\"FindCoordinator\",\"key\":10,\"version\":0,"
                              "\"correlation_id\":9,\"response\":{\"error_code\":15,\"error\":"
                              "\"COORDINATOR_NOT_AVAILABLE\",\"node_id\":0,\"host\":\"\","
                              "\"port\":0}}");
}

static void tagged_fields_at_their_default_are_left_out(void **state)
{
    (void)state;
    struct kw_fetch_response_partition partition;
    struct kw_fetch_response_topic topic;
    struct kw_fetch_response out;
    kw_fetch_response_init(&out);
    kw_fetch_response_topic_init(&topic);
    kw_fetch_response_partition_init(&partition);
    partition.current_leader.leader_id = 4;
    topic.partitions = &partition;
    topic.partitions_count = 1;
    out.responses = &topic;
    out.responses_count = 1;
    kw_print_message(kw_message_find(KW_API_FETCH, true), 16, &out, 0, line, sizeof line);
    assert_non_null(strstr(line, "\"current_leader\":{\"leader_id\":4,\"leader_epoch\":-1}"));
    assert_null(strstr(line, "snapshot_id"));
    assert_null(strstr(line, "node_endpoints"));
}

/* ---- Records ---------------------------------------------------------------- */

/* A batch of one record "key" = "value" at an offset; answers its size. */
static size_t make_batch(uint8_t *to, int64_t offset)
{
    const struct kw_record_in record = {.key = kb_slice_str("key"), .value = kb_slice_str("value")};
    size_t body = kw_record_body_size(&record), size = kw_record_size(body);
    struct kw_batch_header header;
    kw_record_write(to + KW_BATCH_HEADER_BYTES, &record, body);
    kw_batch_header_init(&header);
    header.base_offset = offset;
    header.record_count = 1;
    kw_batch_stamp(to, &header, 0, size);
    return KW_BATCH_HEADER_BYTES + size;
}

static void print_produce(struct kb_slice records, unsigned flags)
{
    struct kw_produce_request_partition partition = {.index = 3, .records = records};
    struct kw_produce_request_topic topic = {.partition_data = &partition,
                                             .partition_data_count = 1};
    struct kw_produce_request in;
    kw_produce_request_init(&in);
    topic.name = kb_slice_str("t");
    in.topic_data = &topic;
    in.topic_data_count = 1;
    kw_print_message(kw_message_find(KW_API_PRODUCE, false), 9, &in, flags, line, sizeof line);
}

static void records_are_told_by_their_batches(void **state)
{
    (void)state;
    uint8_t records[256];
    size_t size = make_batch(records, 40);
    size += make_batch(records + size, 41);
    print_produce(kb_slice_of(records, size), 0);
    assert_non_null(strstr(line, "\"records\":{\"bytes\":152,\"batches\":2,\"base_offset\":40,"
                                 "\"records\":2,\"codec\":\"none\"}"));
    assert_null(strstr(line, "value"));
}

static void payloads_only_when_asked(void **state)
{
    (void)state;
    uint8_t records[128];
    print_produce(kb_slice_of(records, make_batch(records, 5)), KW_PRINT_PAYLOADS);
    assert_non_null(strstr(line, "\"data\":[{\"offset\":5,\"timestamp_ms\":-1,\"key\":\"key\","
                                 "\"value\":\"value\"}]"));
}

static void damaged_records_say_so(void **state)
{
    (void)state;
    uint8_t records[128];
    size_t size = make_batch(records, 5);
    print_produce(kb_slice_of(records, size - 1), 0);
    assert_non_null(strstr(line, "\"batches\":0,\"cut_off_bytes\":75"));
    records[KW_BATCH_MAGIC_AT] = 9;
    print_produce(kb_slice_of(records, size), 0);
    assert_non_null(strstr(line, "\"fault\":"));
    print_produce(kb_slice_null(), 0);
    assert_non_null(strstr(line, "\"records\":null"));
}

/* ---- Secrets ---------------------------------------------------------------- */

static void no_line_holds(const char *secret)
{
    assert_null(strstr(line, secret));
    assert_null(strstr(line, "73656372")); /* "secr" in hex */
}

static void sasl_tokens_are_hidden(void **state)
{
    (void)state;
    struct kw_sasl_authenticate_request in;
    kw_sasl_authenticate_request_init(&in);
    in.auth_bytes = kb_slice_str("secret");
    write_request(KW_API_SASL_AUTHENTICATE, 2);
    kw_sasl_authenticate_request_encode(&w, 2, &in);
    print_request(KW_PRINT_PAYLOADS);
    assert_non_null(strstr(line, "\"request\":{\"auth_bytes\":\"(hidden)\"}"));
    no_line_holds("secret");
    kw_print_request(kb_slice_of(bytes, kw_writer_size(&w) - 1), KW_PRINT_PAYLOADS, line,
                     sizeof line);
    assert_non_null(strstr(line, "\"fault\":"));
    no_line_holds("secret");
    bytes[9] = 0xff; /* a client id that is longer than the frame */
    kw_print_request(kb_slice_of(bytes, kw_writer_size(&w)), KW_PRINT_PAYLOADS, line, sizeof line);
    assert_non_null(strstr(line, "\"fault\":"));
    no_line_holds("secret");
    kw_print_response(KW_API_SASL_AUTHENTICATE, 2, kb_slice_of("sec", 3), 0, line, sizeof line);
    assert_null(strstr(line, "hex"));
}

static void passwords_of_users_are_hidden(void **state)
{
    (void)state;
    struct kw_alter_user_scram_credentials_request_upsertion user;
    struct kw_alter_user_scram_credentials_request in;
    kw_alter_user_scram_credentials_request_init(&in);
    kw_alter_user_scram_credentials_request_upsertion_init(&user);
    user.name = kb_slice_str("joe");
    user.salt = user.salted_password = kb_slice_str("secret");
    in.upsertions = &user;
    in.upsertions_count = 1;
    kw_print_message(kw_message_find(KW_API_ALTER_USER_SCRAM_CREDENTIALS, false), 0, &in,
                     KW_PRINT_PAYLOADS, line, sizeof line);
    assert_non_null(strstr(line, "joe"));
    no_line_holds("secret");
}

static void tokens_are_hidden(void **state)
{
    (void)state;
    struct kw_create_delegation_token_response out;
    kw_create_delegation_token_response_init(&out);
    out.hmac = kb_slice_str("secret");
    kw_print_message(kw_message_find(KW_API_CREATE_DELEGATION_TOKEN, true), 3, &out,
                     KW_PRINT_PAYLOADS, line, sizeof line);
    no_line_holds("secret");
}

static void configs_that_sound_secret_are_hidden(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool hidden;
    } configs[] = {
        {"ssl.key.password", true},      {"sasl.jaas.config", true},
        {"SSL.KEYSTORE.PASSWORD", true}, {"listener.name.x.ssl.keystore.key", true},
        {"retention.ms", false},         {"compression.type", false},
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct kw_alter_configs_request_config config = {kb_slice_str(configs[i].name),
                                                         kb_slice_str("s3cr3t")};
        struct kw_alter_configs_request_resource resource;
        struct kw_alter_configs_request in;
        kw_alter_configs_request_init(&in);
        kw_alter_configs_request_resource_init(&resource);
        resource.configs = &config;
        resource.configs_count = 1;
        in.resources = &resource;
        in.resources_count = 1;
        kw_print_message(kw_message_find(KW_API_ALTER_CONFIGS, false), 2, &in, 0, line,
                         sizeof line);
        assert_non_null(strstr(line, configs[i].name));
        assert_int_equal(strstr(line, "s3cr3t") == NULL, configs[i].hidden);
    }
}

/* ---- Coordinators' records -------------------------------------------------- */

static size_t write_key(int16_t type)
{
    struct kw_offset_commit_key key;
    kw_offset_commit_key_init(&key);
    key.group = kb_slice_str("g");
    key.topic = kb_slice_str("t");
    kw_writer_init_fixed(&w, bytes, sizeof bytes);
    kw_write_i16(&w, type);
    kw_offset_commit_key_encode(&w, 0, &key);
    return kw_writer_size(&w);
}

static void a_committed_offset(void **state)
{
    (void)state;
    struct kw_offset_commit_value value;
    size_t size = write_key(KW_RECORD_OFFSET_COMMIT);
    kw_offset_commit_value_init(&value);
    value.offset = 42;
    kw_write_i16(&w, 3);
    kw_offset_commit_value_encode(&w, 3, &value);
    struct kb_slice key = kb_slice_of(bytes, size);
    struct kb_slice rest = kb_slice_of(bytes + size, kw_writer_size(&w) - size);
    kw_print_record("__consumer_offsets", key, rest, 0, line, sizeof line);
    assert_string_equal(line, "{\"type\":1,\"name\":\"OffsetCommit\",\"key\":{\"group\":\"g\","
                              "\"topic\":\"t\",\"partition\":0},\"version\":3,\"value\":"
                              "{\"offset\":42,\"leader_epoch\":-1,\"metadata\":\"\","
                              "\"commit_timestamp\":0}}");
    kw_print_record("__consumer_offsets", key, kb_slice_null(), 0, line, sizeof line);
    assert_non_null(strstr(line, "\"value\":null}"));
}

static void a_record_that_nobody_knows(void **state)
{
    (void)state;
    struct kb_slice key = kb_slice_of(bytes, write_key(99));
    kw_print_record("__consumer_offsets", key, kb_slice_of("\0\1x", 3), 0, line, sizeof line);
    assert_string_equal(line, "{\"type\":99,\"name\":\"Unknown\",\"key\":{\"fault\":"
                              "\"unknown type of record\",\"bytes\":10,\"hex\":"
                              "\"0001670001740000"
                              "0000\"},\"version\":1,\"value\":{\"bytes\":1,"
                              "\"hex\":\"78\"}}");
    kw_print_record("__consumer_offsets", kb_slice_null(), kb_slice_null(), 0, line, sizeof line);
    assert_non_null(strstr(line, "\"bytes\":0"));
}

/* ---- What cannot be decoded ------------------------------------------------- */

static void an_unknown_api_is_told_in_hex(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x03, 0xe7, 0, 2, 0, 0, 0, 5, 0xca, 0xfe};
    kw_print_request(kb_slice_of(frame, sizeof frame), 0, line, sizeof line);
    assert_string_equal(line, "{\"api\":\"Unknown\",\"key\":999,\"version\":2,"
                              "\"correlation_id\":5,\"fault\":\"no such API\",\"bytes\":2,"
                              "\"hex\":\"cafe\"}");
    kw_print_response(999, 2, kb_slice_of(frame, 3), 0, line, sizeof line);
    assert_non_null(strstr(line, "\"fault\":\"unknown API\",\"bytes\":3,\"hex\":\"03e700\""));
    kw_print_request(kb_slice_null(), 0, line, sizeof line);
    assert_non_null(strstr(line, "\"bytes\":0"));
}

static void a_version_that_is_not_ours_is_a_fault(void **state)
{
    (void)state;
    static const uint8_t body[] = {1};
    kw_print_body(KW_API_METADATA, 99, false, kb_slice_of(body, 1), 0, line, sizeof line);
    assert_string_equal(line, "{\"fault\":\"no such version\",\"bytes\":1,\"hex\":\"01\"}");
}

/* ---- The limit -------------------------------------------------------------- */

/* Every message, filled, at every length. */
static void a_line_keeps_to_its_limit(void **state)
{
    (void)state;
    enum { ARENA_BYTES = 1 << 20, LIMIT = 700 };
    for (size_t i = 0; i < kw_messages_count; i++) {
        const struct kw_message *message = &kw_messages[i];
        int16_t version = message->max_version;
        struct kb_arena arena;
        kb_arena_init(&arena, ARENA_BYTES);
        const void *m = fill_message(message->layout, version, "full", &arena);
        for (size_t limit = KW_PRINT_MIN_BYTES; limit < LIMIT; limit += 1 + limit / 40) {
            char *exact = malloc(limit);
            assert_non_null(exact);
            size_t size = kw_print_message(message, version, m, KW_PRINT_PAYLOADS, exact, limit);
            assert_true(size < limit);
            assert_int_equal(size, strlen(exact));
            assert_true(json_like(exact));
            free(exact);
        }
        kb_arena_deinit(&arena);
    }
}

static void a_long_text_ends_in_dots(void **state)
{
    (void)state;
    char name[2 * KW_PRINT_TEXT_BYTES];
    struct kw_api_versions_request in;
    memset(name, 'x', sizeof name);
    name[3] = (char)0xff; /* no UTF-8 */
    kw_api_versions_request_init(&in);
    in.client_software_name = kb_slice_of(name, sizeof name);
    kw_print_message(kw_message_find(KW_API_API_VERSIONS, false), 3, &in, 0, line, sizeof line);
    assert_non_null(strstr(line, "\"xxx\\ufffdxxx"));
    assert_non_null(strstr(line, "xxx...\",\"client_software_version\":\"\"}"));
    assert_true(strlen(line) < KW_PRINT_TEXT_BYTES + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_with_its_header),
        cmocka_unit_test(an_old_version_has_fewer_fields),
        cmocka_unit_test(an_error_has_its_name),
        cmocka_unit_test(tagged_fields_at_their_default_are_left_out),
        cmocka_unit_test(records_are_told_by_their_batches),
        cmocka_unit_test(payloads_only_when_asked),
        cmocka_unit_test(damaged_records_say_so),
        cmocka_unit_test(sasl_tokens_are_hidden),
        cmocka_unit_test(passwords_of_users_are_hidden),
        cmocka_unit_test(tokens_are_hidden),
        cmocka_unit_test(configs_that_sound_secret_are_hidden),
        cmocka_unit_test(a_committed_offset),
        cmocka_unit_test(a_record_that_nobody_knows),
        cmocka_unit_test(an_unknown_api_is_told_in_hex),
        cmocka_unit_test(a_version_that_is_not_ours_is_a_fault),
        cmocka_unit_test(a_line_keeps_to_its_limit),
        cmocka_unit_test(a_long_text_ends_in_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
