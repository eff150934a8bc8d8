/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/message.h"

#include "base/check.h"
#include "base/mem.h"
#include "tests/unit/wire/fill.h"
#include "wire/message.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { MESSAGE_MAX = 16 << 20 };

/* The message itself is the caller's, so that the budget is for what it holds. */
static bool decode(const struct kw_message *message, int16_t version, struct kb_slice body,
                   struct kb_arena *arena, void *m)
{
    kb_arena_init(arena, kw_arena_budget(body.size));
    message->layout->init(m);
    struct kw_reader r = kw_reader_of(body);
    bool ok = message->decode(&r, version, arena, m);
    KB_CHECK(!arena->failed);
    return ok;
}

static void check_round_trip(const struct kw_message *message, int16_t version, const void *m,
                             void *back)
{
    struct kw_writer w;
    kw_writer_init(&w, MESSAGE_MAX);
    KB_CHECK(message->encode(&w, version, m));
    struct kb_buf *bytes = kw_writer_take(&w);
    KB_CHECK(bytes);
    struct kb_arena arena;
    KB_CHECK(decode(message, version, kb_buf_view(bytes), &arena, back));
    KB_CHECK(kw_layout_equal(message->layout, m, back));
    kb_arena_deinit(&arena);
    kb_buf_unref(bytes);
}

void fuzz_message(const struct kw_message *message, int16_t version, struct kb_slice body)
{
    struct kb_arena arena;
    void *m = kb_malloc(message->layout->size_bytes);
    void *back = kb_malloc(message->layout->size_bytes);
    KB_CHECK(m && back);
    if (decode(message, version, body, &arena, m))
        check_round_trip(message, version, m, back);
    kb_arena_deinit(&arena);
    kb_free(back);
    kb_free(m);
}
