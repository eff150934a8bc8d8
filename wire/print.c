/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/print.h"

#include "base/arena.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/print_fields.h"

enum { HEX_BYTES = 32 };

_Static_assert((int)KW_PRINT_MIN_BYTES >= (int)KW_JSON_MIN_BYTES, "room for a cut line");

/* Members of the object around: what was wrong with these bytes. Bytes of a
 * message that may hold a secret are not shown. */
static void print_fault(struct kw_json *j, const char *fault, struct kb_slice bytes, bool secret)
{
    if (fault) {
        kw_json_name(j, "fault");
        kw_json_text(j, kb_slice_str(fault), SIZE_MAX);
    }
    kw_json_name(j, "bytes");
    kw_json_integer(j, (int64_t)bytes.size);
    if (secret)
        return;
    kw_json_name(j, "hex");
    kw_json_hex(j, bytes, HEX_BYTES);
}

static void print_fault_object(struct kw_json *j, const char *fault, struct kb_slice bytes,
                               bool secret)
{
    kw_json_open(j, '{');
    print_fault(j, fault, bytes, secret);
    kw_json_close(j);
}

static void print_known(struct kw_json *j, const struct kw_message *message, int16_t version,
                        struct kb_slice body, unsigned flags)
{
    struct kb_arena arena;
    struct kw_reader r = kw_reader_of(body);
    kb_arena_init(&arena, kw_arena_budget(body.size) + message->layout->size_bytes);
    void *m = kb_arena_alloc(&arena, message->layout->size_bytes);
    if (m && message->decode(&r, version, &arena, m))
        kw_print_fields(j, message->layout, version, m, flags);
    else
        print_fault_object(j, r.fault ? r.fault : "no memory to decode it", body,
                           kw_layout_is_secret(message->layout));
    kb_arena_deinit(&arena);
}

static void print_body(struct kw_json *j, int16_t key, int16_t version, bool is_response,
                       struct kb_slice body, unsigned flags)
{
    const struct kw_message *message = kw_message_find(key, is_response);
    if (message)
        print_known(j, message, version, body, flags);
    else
        print_fault_object(j, "unknown API", body, false);
}

/* ---- Frames ----------------------------------------------------------------- */

static void print_head(struct kw_json *j, int16_t key, int16_t version, int32_t correlation_id)
{
    kw_json_name(j, "api");
    kw_json_text(j, kb_slice_str(kw_api_name(key)), SIZE_MAX);
    kw_json_name(j, "key");
    kw_json_integer(j, key);
    kw_json_name(j, "version");
    kw_json_integer(j, version);
    kw_json_name(j, "correlation_id");
    kw_json_integer(j, correlation_id);
}

static struct kb_slice rest_of(const struct kw_reader *r)
{
    return kb_slice_of(r->next, kw_reader_left(r));
}

static bool is_secret(int16_t key, bool is_response)
{
    const struct kw_message *message = kw_message_find(key, is_response);
    return message && kw_layout_is_secret(message->layout);
}

/* The header of a key that is not ours may be anything. */
static void print_strange(struct kw_json *j, int16_t key, const char *fault, struct kb_slice frame)
{
    enum { FIXED_BYTES = 8 }; /* key, version, correlation id */
    size_t skip = frame.size < FIXED_BYTES ? frame.size : FIXED_BYTES;
    print_fault(j, fault, kb_slice_of(frame.data + skip, frame.size - skip), is_secret(key, false));
}

size_t kw_print_request(struct kb_slice frame, unsigned flags, char *out, size_t size)
{
    struct kw_json j;
    struct kw_request_header header = {-1, -1, -1, {NULL, 0}};
    struct kw_reader r = kw_reader_of(frame);
    bool whole = kw_request_header_read(&r, &header);
    kw_json_init(&j, out, size);
    kw_json_open(&j, '{');
    print_head(&j, header.key, header.version, header.correlation_id);
    if (whole) {
        kw_json_name(&j, "client_id");
        kw_json_text(&j, header.client_id, KW_PRINT_TEXT_BYTES);
    }
    if (whole && !(flags & KW_PRINT_NO_BODY)) {
        kw_json_name(&j, "request");
        print_body(&j, header.key, header.version, false, rest_of(&r), flags);
    } else if (!whole) {
        print_strange(&j, header.key, r.fault, frame);
    }
    kw_json_close(&j);
    return kw_json_end(&j);
}

size_t kw_print_response(int16_t key, int16_t version, struct kb_slice frame, unsigned flags,
                         char *out, size_t size)
{
    struct kw_json j;
    int32_t correlation_id = kw_response_correlation_id(frame);
    struct kw_reader r = kw_reader_of(frame);
    bool whole = kw_api_find(key) && kw_response_header_read(&r, key, version, &correlation_id);
    kw_json_init(&j, out, size);
    kw_json_open(&j, '{');
    print_head(&j, key, version, correlation_id);
    if (!whole || !(flags & KW_PRINT_NO_BODY))
        kw_json_name(&j, "response");
    if (!whole)
        print_fault_object(&j, r.fault ? r.fault : "unknown API", frame, is_secret(key, true));
    else if (!(flags & KW_PRINT_NO_BODY))
        print_body(&j, key, version, true, rest_of(&r), flags);
    kw_json_close(&j);
    return kw_json_end(&j);
}

size_t kw_print_body(int16_t key, int16_t version, bool is_response, struct kb_slice body,
                     unsigned flags, char *out, size_t size)
{
    struct kw_json j;
    kw_json_init(&j, out, size);
    print_body(&j, key, version, is_response, body, flags);
    return kw_json_end(&j);
}

size_t kw_print_message(const struct kw_message *message, int16_t version, const void *m,
                        unsigned flags, char *out, size_t size)
{
    struct kw_json j;
    kw_json_init(&j, out, size);
    kw_print_fields(&j, message->layout, version, m, flags);
    return kw_json_end(&j);
}

/* ---- Coordinators' records -------------------------------------------------- */

static void print_key(struct kw_json *j, const struct kw_record_type *type, int16_t number,
                      struct kb_slice key, unsigned flags)
{
    kw_json_name(j, "type");
    kw_json_integer(j, number);
    kw_json_name(j, "name");
    kw_json_text(j, kb_slice_str(type ? type->name : "Unknown"), SIZE_MAX);
    kw_json_name(j, "key");
    if (type)
        print_known(j, type->key, 0, key, flags);
    else
        print_fault_object(j, "unknown type of record", key, false);
}

static void print_value(struct kw_json *j, const struct kw_record_type *type, struct kw_reader *r,
                        unsigned flags)
{
    int16_t version = kw_read_i16(r);
    kw_json_name(j, "version");
    kw_json_integer(j, version);
    kw_json_name(j, "value");
    if (type)
        print_known(j, type->value, version, rest_of(r), flags);
    else
        print_fault_object(j, NULL, rest_of(r), false);
}

size_t kw_print_record(const char *topic, struct kb_slice key, struct kb_slice value,
                       unsigned flags, char *out, size_t size)
{
    struct kw_json j;
    struct kw_reader keys = kw_reader_of(key), values = kw_reader_of(value);
    int16_t number = kw_read_i16(&keys);
    const struct kw_record_type *type =
        kw_reader_ok(&keys) ? kw_record_type_find(topic, number) : NULL;
    kw_json_init(&j, out, size);
    kw_json_open(&j, '{');
    print_key(&j, type, number, rest_of(&keys), flags);
    if (value.data) {
        print_value(&j, type, &values, flags);
    } else {
        kw_json_name(&j, "value");
        kw_json_null(&j);
    }
    kw_json_close(&j);
    return kw_json_end(&j);
}
