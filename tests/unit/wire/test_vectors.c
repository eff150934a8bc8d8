/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message, in every version, against what Kafka's own serialiser made of
 * it (tests/vectors/kafka.txt, made by make.sh beside it):
 *
 *   header KEY VERSION REQUEST-HEADER RESPONSE-HEADER
 *   message NAME
 *   VARIANT BYTES-OF-THE-FIRST-VERSION ...-OF-THE-NEXT ...
 *
 * BYTES are hex; "~SIZE:HASH" for long ones, "-" for none, "=" as before, "!"
 * where the version cannot say it.
 */
#include "tests/unit/unit.h"

#include "tests/unit/wire/fill.h"
#include "wire/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_MAX = 1 << 20, ARENA_MAX = 64 << 20, CUTS = 200 };

static FILE *open_vectors(void)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/vectors/kafka.txt", top ? top : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

static struct kb_slice unhex(const char *text, uint8_t *to)
{
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        to[i] = (uint8_t)byte;
    }
    return kb_slice_of(to, size);
}

/* Decodes a copy that lies exactly as long as it is, so that a sanitizer sees
 * each byte that is read too far. */
static bool decodes(const struct kw_message *message, int16_t version, const uint8_t *bytes,
                    size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    struct kb_arena arena;
    kb_arena_init(&arena, ARENA_MAX);
    void *m = fill_blank(message->layout, &arena);
    struct kw_reader r = kw_reader_of(kb_slice_of(copy, size));
    bool ok = message->decode(&r, version, &arena, m);
    assert_int_equal(ok, r.fault == NULL);
    kb_arena_deinit(&arena);
    free(copy);
    return ok;
}

static void check_damaged(const struct kw_message *message, int16_t version, uint8_t *bytes,
                          size_t size)
{
    for (size_t cut = 0; cut < size; cut += size / CUTS + 1)
        assert_false(decodes(message, version, bytes, cut));
    bytes[size] = 0;
    bool lenient = message->kind == KW_REQUEST || message->kind == KW_DATA;
    assert_int_equal(decodes(message, version, bytes, size + 1), lenient);
}

/* Back from the bytes: the same message, and the same bytes again. */
static void check_decoded(const struct kw_message *message, int16_t version, const void *filled,
                          struct kb_slice bytes, struct kb_arena *arena)
{
    struct kw_reader r = kw_reader_of(bytes);
    void *back = fill_blank(message->layout, arena);
    assert_true(message->decode(&r, version, arena, back) && kw_reader_end(&r));
    if (filled)
        assert_true(kw_layout_equal(message->layout, filled, back));
    uint8_t *again = kb_arena_alloc(arena, bytes.size + 1);
    struct kw_writer w;
    kw_writer_init_fixed(&w, again, bytes.size);
    assert_true(message->encode(&w, version, back));
    assert_int_equal(kw_writer_size(&w), bytes.size);
    assert_memory_equal(again, bytes.data, bytes.size);
}

static void check_bytes(const char *expected, struct kb_slice bytes)
{
    size_t size = 0;
    uint64_t hash = 0;
    if (sscanf(expected, "~%zu:%" SCNx64, &size, &hash) == 2) {
        assert_int_equal(bytes.size, size);
        assert_int_equal(fill_fnv(bytes.data, bytes.size), hash);
    } else {
        uint8_t *wanted = malloc(strlen(expected));
        assert_non_null(wanted);
        struct kb_slice want = unhex(expected, wanted);
        assert_int_equal(bytes.size, want.size);
        assert_memory_equal(bytes.data, want.data, want.size);
        free(wanted);
    }
}

static void check_one(const struct kw_message *message, const char *variant, int16_t version,
                      const char *expected, uint8_t *room)
{
    bool whole = !strchr(variant, ':'); /* else it says things that this version drops */
    struct kb_arena arena;
    kb_arena_init(&arena, ARENA_MAX);
    void *m = fill_message(message->layout, whole ? version : -1, variant, &arena);
    struct kw_writer w;
    kw_writer_init_fixed(&w, room, MESSAGE_MAX - 1);
    bool ok = message->encode(&w, version, m);
    assert_int_equal(ok, strcmp(expected, "!") != 0);
    if (ok) {
        struct kb_slice bytes = kb_slice_of(room, kw_writer_size(&w));
        check_bytes(expected, bytes);
        check_decoded(message, version, whole ? m : NULL, bytes, &arena);
        if (whole)
            check_damaged(message, version, room, bytes.size);
    }
    kb_arena_deinit(&arena);
}

/* One line: a variant in every version. */
static void check_row(const struct kw_message *message, char *line, uint8_t *room)
{
    const char *variant = strtok(line, " "), *before = NULL;
    for (int16_t version = message->min_version; version <= message->max_version; version++) {
        const char *expected = strtok(NULL, " ");
        assert_non_null(expected);
        if (strcmp(expected, "=") == 0)
            expected = before;
        before = expected;
        check_one(message, variant, version, expected, room);
    }
    assert_null(strtok(NULL, " "));
}

/* Whether the line starts the message's section, or ends it. */
static bool is_title(const char *line, const struct kw_message *message)
{
    return strncmp(line, "message ", 8) == 0 && strcmp(line + 8, message->name) == 0;
}

static bool is_row(const char *line)
{
    return strncmp(line, "message ", 8) != 0 && strncmp(line, "header ", 7) != 0;
}

static void message_is_as_kafka_writes_it(void **state)
{
    const struct kw_message *message = *state;
    FILE *file = open_vectors();
    uint8_t *room = malloc(MESSAGE_MAX);
    assert_non_null(room);
    char *line = NULL;
    size_t capacity = 0;
    int rows = 0;
    bool inside = false;
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        if (inside && is_row(line)) {
            check_row(message, line, room);
            rows++;
        } else {
            inside = is_title(line, message);
        }
    }
    assert_true(rows >= 8);
    free(line);
    free(room);
    fclose(file);
}

static void check_header(int16_t key, int16_t version, struct kb_slice request,
                         struct kb_slice response)
{
    uint8_t room[64];
    struct kw_writer w;
    struct kw_request_header header = {key, version, 0x01020304, kb_slice_str("kurier")}, back;
    kw_writer_init_fixed(&w, room, sizeof room);
    kw_request_header_write(&w, &header);
    assert_true(kb_slice_equal(kb_slice_of(room, kw_writer_size(&w)), request));
    struct kw_reader r = kw_reader_of(request);
    assert_true(kw_request_header_read(&r, &back) && kw_reader_end(&r));
    assert_int_equal(back.key, key);
    assert_int_equal(back.version, version);
    assert_int_equal(back.correlation_id, header.correlation_id);
    assert_true(kb_slice_is(back.client_id, "kurier"));

    int32_t correlation_id = 0;
    kw_writer_init_fixed(&w, room, sizeof room);
    kw_response_header_write(&w, key, version, header.correlation_id);
    assert_true(kb_slice_equal(kb_slice_of(room, kw_writer_size(&w)), response));
    r = kw_reader_of(response);
    assert_true(kw_response_header_read(&r, key, version, &correlation_id) && kw_reader_end(&r));
    assert_int_equal(correlation_id, header.correlation_id);
}

static void headers_are_as_kafka_writes_them(void **state)
{
    (void)state;
    FILE *file = open_vectors();
    char *line = NULL;
    size_t capacity = 0;
    int found = 0, expected = 0;
    while (getline(&line, &capacity, file) > 0) {
        int16_t key, version;
        char request[128], response[128];
        uint8_t request_bytes[64], response_bytes[64];
        if (sscanf(line, "header %" SCNd16 " %" SCNd16 " %127s %127s", &key, &version, request,
                   response) != 4)
            continue;
        check_header(key, version, unhex(request, request_bytes), unhex(response, response_bytes));
        found++;
    }
    for (int16_t key = 0; key < KW_API_KEY_END; key++)
        if (kw_api_find(key))
            expected += kw_api_find(key)->max_version - kw_api_find(key)->min_version + 1;
    assert_int_equal(found, expected);
    free(line);
    fclose(file);
}

enum { TESTS_MAX = 256 };

/* Kafka has no class that writes it: its sticky assignor does so field by field. */
#define BY_HAND "StickyAssignorUserData"

static void what_kafka_writes_by_hand(void **state)
{
    static uint8_t room[MESSAGE_MAX];
    /* t has 0 and 1, since generation 5 */
    static const uint8_t bytes[] = {0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 2, 0,
                                    0, 0, 0, 0, 0, 0, 1,   0, 0, 0, 5};
    const struct kw_message *message = NULL;
    struct kb_arena arena;
    (void)state;
    for (size_t i = 0; i < kw_messages_count; i++)
        if (!strcmp(kw_messages[i].name, BY_HAND))
            message = &kw_messages[i];
    assert_non_null(message);
    kb_arena_init(&arena, ARENA_MAX);
    check_decoded(message, message->min_version, NULL, kb_slice_of(bytes, sizeof bytes), &arena);
    kb_arena_deinit(&arena);
    memcpy(room, bytes, sizeof bytes);
    check_damaged(message, message->min_version, room, sizeof bytes);
}

int main(void)
{
    static struct CMUnitTest tests[TESTS_MAX] = {
        cmocka_unit_test(headers_are_as_kafka_writes_them),
        cmocka_unit_test(what_kafka_writes_by_hand),
    };
    size_t n = 2;
    assert_true(kw_messages_count + n < TESTS_MAX);
    for (size_t i = 0; i < kw_messages_count; i++) {
        const struct kw_message *message = &kw_messages[i];
        if (!strcmp(message->name, BY_HAND))
            continue;
        tests[n++] = (struct CMUnitTest){
            .name = message->name,
            .test_func = message_is_as_kafka_writes_it,
            .initial_state = (void *)(uintptr_t)message,
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
