/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/message.h"

#include "base/check.h"
#include "tests/unit/wire/fill.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { ARENA_MAX = 4 << 20, MESSAGE_MAX = 16 << 20 };

static void check_round_trip(const struct kw_message *message, int16_t version, const void *m,
                             struct kb_arena *arena)
{
    struct kw_writer w;
    kw_writer_init(&w, MESSAGE_MAX);
    KB_CHECK(message->encode(&w, version, m));
    struct kb_buf *bytes = kw_writer_take(&w);
    KB_CHECK(bytes);
    struct kw_reader r = kw_reader_of(kb_buf_view(bytes));
    void *back = fill_blank(message->layout, arena);
    KB_CHECK(message->decode(&r, version, arena, back));
    KB_CHECK(fill_equal(message->layout, m, back));
    kb_buf_unref(bytes);
}

void fuzz_message(const struct kw_message *message, int16_t version, struct kb_slice body)
{
    struct kb_arena arena, second;
    kb_arena_init(&arena, ARENA_MAX);
    kb_arena_init(&second, 2 * ARENA_MAX);
    void *m = fill_blank(message->layout, &arena);
    struct kw_reader r = kw_reader_of(body);
    if (message->decode(&r, version, &arena, m))
        check_round_trip(message, version, m, &second);
    kb_arena_deinit(&second);
    kb_arena_deinit(&arena);
}
