/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speak SEED COUNT: every message in every version, filled at random COUNT
 * times, as our codecs write it; headers too. Echo.java reads them.
 */
#include "base/check.h"
#include "tests/unit/wire/fill.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 16 << 20, ARENA_MAX = 64 << 20 };

static void put(const char *name, int16_t version, const void *bytes, size_t size)
{
    uint8_t head[2], facts[6];
    kw_put_be16(head, (uint16_t)strlen(name));
    kw_put_be16(facts, (uint16_t)version);
    kw_put_be32(facts + 2, (uint32_t)size);
    fwrite(head, sizeof head, 1, stdout);
    fwrite(name, strlen(name), 1, stdout);
    fwrite(facts, sizeof facts, 1, stdout);
    fwrite(bytes, size, 1, stdout);
}

static void put_written(const char *name, int16_t version, struct kw_writer *w)
{
    struct kb_buf *buf = kw_writer_take(w);
    KB_CHECK(buf);
    put(name, version, buf->data, buf->size);
    kb_buf_unref(buf);
}

static void put_message(const struct kw_message *message, int16_t version, const char *variant)
{
    struct kb_arena arena;
    struct kw_writer w;
    kb_arena_init(&arena, ARENA_MAX);
    kw_writer_init(&w, MESSAGE_MAX);
    const void *m = fill_message(message->layout, version, variant, &arena);
    KB_CHECK(message->encode(&w, version, m));
    put_written(message->name, version, &w);
    kb_arena_deinit(&arena);
}

/* Which version a header has follows from its API. */
static void put_headers(const struct kw_api *api, int16_t version)
{
    const struct kw_request_header header = {api->key, version, 77, kb_slice_str("kurier")};
    bool flexible = kw_api_is_flexible(api, version);
    struct kw_writer w;
    kw_writer_init(&w, MESSAGE_MAX);
    kw_request_header_write(&w, &header);
    put_written("RequestHeader", flexible ? 2 : 1, &w);
    kw_writer_init(&w, MESSAGE_MAX);
    kw_response_header_write(&w, api->key, version, header.correlation_id);
    put_written("ResponseHeader", flexible && api->key != KW_API_API_VERSIONS, &w);
}

static void put_versions(const struct kw_message *message, const char *seed, int count)
{
    for (int16_t v = message->min_version; v <= message->max_version; v++) {
        for (int n = 0; n < count; n++) {
            char variant[64];
            snprintf(variant, sizeof variant, "mix-%s-%d", seed, n);
            put_message(message, v, variant);
        }
        if (message->kind == KW_REQUEST)
            put_headers(kw_api_find(message->key), v);
    }
}

static bool is_among(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    KB_CHECK(argc >= 3);
    for (size_t i = 0; i < kw_messages_count; i++)
        if (!is_among(kw_messages[i].name, argv + 3, argc - 3))
            put_versions(&kw_messages[i], argv[1], atoi(argv[2]));
    return fflush(stdout) || ferror(stdout);
}
