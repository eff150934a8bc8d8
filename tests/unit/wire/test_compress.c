/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/codes.h"
#include "base/random.h"
#include "wire/compress.h"

#include <string.h>

enum { TEXT_BYTES = 300 << 10, MAX = 1 << 20 };

static uint8_t text[TEXT_BYTES];
static struct kw_codec_ctx *ctx;

/* Words, some of them again: packs about threefold. */
static int setup(void **state)
{
    (void)state;
    struct kb_random random;
    kb_random_seed(&random, 7);
    for (size_t at = 0; at < sizeof text;) {
        uint64_t word = kb_random_below(&random, 800) * 0x9e3779b97f4a7c15u;
        for (int i = 0; i < 6 && at < sizeof text; i++, word >>= 5)
            text[at++] = (uint8_t)('a' + (word & 15));
        if (at < sizeof text)
            text[at++] = ' ';
    }
    ctx = kw_codec_ctx_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kw_codec_ctx_free(ctx);
    return 0;
}

static void each_codec(void (*run)(enum kw_codec))
{
    for (int codec = KW_CODEC_GZIP; codec < KW_CODECS; codec++)
        if (kw_codec_info(codec)->built_in)
            run(codec);
}

static struct kb_slice pack_pieces(enum kw_codec codec, const struct kb_slice *pieces, size_t n)
{
    struct kb_slice out;
    int level = kw_codec_info(codec)->default_level;
    assert_int_equal(kw_compress(ctx, codec, level, pieces, n, &out, NULL), KB_OK);
    return out;
}

static struct kb_slice pack(enum kw_codec codec, struct kb_slice plain)
{
    return pack_pieces(codec, &plain, 1);
}

static void assert_unpacks_to(enum kw_codec codec, struct kb_slice packed, struct kb_slice plain)
{
    struct kb_slice view;
    struct kb_buf *buf;
    assert_int_equal(kw_decompress_view(ctx, codec, packed, MAX, &view, NULL), KB_OK);
    assert_int_equal(view.size, plain.size);
    assert_memory_equal(view.data ? view.data : plain.data, plain.data, plain.size);
    assert_int_equal(kw_decompress(ctx, codec, packed, MAX, &buf, NULL), KB_OK);
    assert_int_equal(buf->size, plain.size);
    assert_memory_equal(buf->data, plain.data, plain.size);
    assert_true(buf->capacity <= 2 * plain.size + 1);
    kb_buf_unref(buf);
}

/* ---- There and back --------------------------------------------------------- */

static void sizes_come_back(enum kw_codec codec)
{
    static const size_t sizes[] = {0,     1,     2,     100,   32767,  32768,
                                   32769, 65535, 65536, 65537, 131073, TEXT_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct kb_slice plain = kb_slice_of(text, sizes[i]);
        assert_unpacks_to(codec, pack(codec, plain), plain);
    }
}

static void every_size_comes_back(void **state)
{
    (void)state;
    each_codec(sizes_come_back);
}

static void pieces_come_back(enum kw_codec codec)
{
    static const size_t steps[] = {1000, 16384, 32768, 65536, 100000};
    struct kb_slice pieces[TEXT_BYTES / 1000 + 1];
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        size_t n = 0;
        for (size_t at = 0; at < TEXT_BYTES; at += pieces[n++].size)
            pieces[n] =
                kb_slice_of(text + at, steps[i] < TEXT_BYTES - at ? steps[i] : TEXT_BYTES - at);
        struct kb_slice packed = pack_pieces(codec, pieces, n);
        assert_true(packed.size < TEXT_BYTES / 4 * 3);
        assert_unpacks_to(codec, packed, kb_slice_of(text, TEXT_BYTES));
    }
    assert_unpacks_to(codec, pack_pieces(codec, NULL, 0), kb_slice_of(text, 0));
}

static void pieces_are_one_stream(void **state)
{
    (void)state;
    each_codec(pieces_come_back);
}

static void noise_comes_back(enum kw_codec codec)
{
    static uint8_t noise[70000];
    struct kb_random random;
    kb_random_seed(&random, 3);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)kb_random_next(&random);
    struct kb_slice packed = pack(codec, kb_slice_of(noise, sizeof noise));
    assert_true(packed.size < sizeof noise + 1000);
    assert_unpacks_to(codec, packed, kb_slice_of(noise, sizeof noise));
}

static void what_does_not_pack_comes_back(void **state)
{
    (void)state;
    each_codec(noise_comes_back);
}

static void levels_come_back(enum kw_codec codec)
{
    const struct kw_codec_info *info = kw_codec_info(codec);
    struct kb_slice plain = kb_slice_of(text, 20000), packed;
    struct kb_error err;
    int levels[] = {info->min_level, info->default_level, info->max_level, info->min_level};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(kw_compress(ctx, codec, levels[i], &plain, 1, &packed, &err), KB_OK);
        assert_unpacks_to(codec, packed, plain);
    }
    assert_int_equal(kw_compress(ctx, codec, info->max_level + 1, &plain, 1, &packed, &err),
                     KB_E_INVALID_ARGUMENT);
    assert_int_equal(kw_compress(ctx, codec, info->min_level - 1, &plain, 1, &packed, &err),
                     KB_E_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, info->name));
}

static void every_level_works_and_no_other(void **state)
{
    (void)state;
    each_codec(levels_come_back);
}

/* ---- What others wrote ------------------------------------------------------ */

static void snappy_is_read_without_framing(void **state)
{
    (void)state;
    if (!kw_codec_info(KW_CODEC_SNAPPY)->built_in)
        return;
    static const uint8_t bare[] = {5, 4 << 2, 'h', 'e', 'l', 'l', 'o'};
    static const uint8_t copied[] = {11, 0 << 2, 'a', 9 << 2 | 2, 1, 0};
    assert_unpacks_to(KW_CODEC_SNAPPY, kb_slice_of(bare, sizeof bare), kb_slice_str("hello"));
    assert_unpacks_to(KW_CODEC_SNAPPY, kb_slice_of(copied, sizeof copied),
                      kb_slice_str("aaaaaaaaaaa"));
}

static void snappy_is_written_in_xerials_framing(void **state)
{
    (void)state;
    if (!kw_codec_info(KW_CODEC_SNAPPY)->built_in)
        return;
    static const uint8_t framed[] = {0x82, 'S', 'N', 'A',    'P', 'P', 'Y', 0,   0,
                                     0,    0,   1,   0,      0,   0,   1,   0,   0,
                                     0,    7,   5,   4 << 2, 'h', 'e', 'l', 'l', 'o'};
    struct kb_slice packed = pack(KW_CODEC_SNAPPY, kb_slice_str("hello"));
    assert_true(kb_slice_equal(packed, kb_slice_of(framed, sizeof framed)));
}

static void streams_in_a_row_are_read_as_one(enum kw_codec codec)
{
    static uint8_t twice[4096];
    if (codec == KW_CODEC_SNAPPY)
        return;
    struct kb_slice packed = pack(codec, kb_slice_of(text, 1000));
    memcpy(twice, packed.data, packed.size);
    memcpy(twice + packed.size, packed.data, packed.size);
    static uint8_t want[2000];
    memcpy(want, text, 1000);
    memcpy(want + 1000, text, 1000);
    assert_unpacks_to(codec, kb_slice_of(twice, 2 * packed.size), kb_slice_of(want, 2000));
}

static void several_streams_are_read(void **state)
{
    (void)state;
    each_codec(streams_in_a_row_are_read_as_one);
}

/* ---- Bounds ----------------------------------------------------------------- */

static int unpack(enum kw_codec codec, struct kb_slice packed, size_t max)
{
    struct kb_slice view;
    struct kb_buf *buf;
    struct kb_error err;
    int code = kw_decompress_view(ctx, codec, packed, max, &view, &err);
    assert_int_equal(kw_decompress(ctx, codec, packed, max, &buf, &err), code);
    if (code) {
        assert_null(buf);
        assert_null(view.data);
        assert_int_equal(err.code, code);
        assert_non_null(strstr(err.text, kw_codec_info(codec)->name));
    }
    kb_buf_unref(buf);
    return code;
}

static void bound_holds(enum kw_codec codec)
{
    static const size_t sizes[] = {1, 100, 65536, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        kw_codec_ctx_trim(ctx); /* scratch as large as this needs */
        struct kb_slice packed = pack(codec, kb_slice_of(text, sizes[i]));
        assert_int_equal(unpack(codec, packed, sizes[i]), KB_OK);
        assert_int_equal(unpack(codec, packed, sizes[i] - 1), KB_E_MESSAGE_TOO_LARGE);
        assert_int_equal(unpack(codec, packed, 0), KB_E_MESSAGE_TOO_LARGE);
    }
}

static void output_keeps_its_bound(void **state)
{
    (void)state;
    each_codec(bound_holds);
}

static size_t largest_request;

static int note_size(void *hook_ctx, size_t size)
{
    (void)hook_ctx;
    largest_request = size > largest_request ? size : largest_request;
    return 1;
}

/* 64 MB of one letter in well under 1 MB. */
static void bomb_is_refused(enum kw_codec codec)
{
    enum { BOMB_BYTES = 64 << 20, ALLOWED = 1 << 20 };
    static uint8_t one[1 << 20];
    struct kb_slice pieces[64];
    for (size_t i = 0; i < 64; i++)
        pieces[i] = kb_slice_of(one, sizeof one);
    struct kb_slice packed = pack_pieces(codec, pieces, 64);
    assert_true(packed.size < BOMB_BYTES / 15);
    largest_request = 0;
    kb_mem_set_hook(note_size, NULL);
    int code = unpack(codec, packed, ALLOWED);
    kb_mem_set_hook(NULL, NULL);
    assert_int_equal(code, KB_E_MESSAGE_TOO_LARGE);
    assert_true(largest_request <= ALLOWED + 4096);
}

static void bombs_are_refused(void **state)
{
    (void)state;
    each_codec(bomb_is_refused);
    kw_codec_ctx_trim(ctx);
}

/* ---- Damage ----------------------------------------------------------------- */

static uint8_t *dup(struct kb_slice bytes)
{
    uint8_t *copy = kb_malloc(bytes.size + 1);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static void cut_is_corrupt(enum kw_codec codec)
{
    struct kb_slice packed = pack(codec, kb_slice_of(text, 700));
    uint8_t *whole = dup(packed);
    for (size_t cut = 0; cut < packed.size; cut++) {
        uint8_t *copy = kb_malloc(cut ? cut : 1); /* so that ASan sees its end */
        memcpy(copy, whole, cut);
        int code = unpack(codec, kb_slice_of(copy, cut), MAX);
        kb_free(copy);
        if (codec == KW_CODEC_SNAPPY && code == KB_OK)
            assert_int_equal(cut, 16); /* a header without blocks is a whole stream */
        else
            assert_int_equal(code, KB_E_CORRUPT_MESSAGE);
    }
    kb_free(whole);
}

static void a_stream_cut_anywhere_is_corrupt(void **state)
{
    (void)state;
    each_codec(cut_is_corrupt);
}

static void spoilt_stays_inside(enum kw_codec codec)
{
    struct kb_slice packed = pack(codec, kb_slice_of(text, 700));
    uint8_t *whole = dup(packed);
    for (size_t bit = 0; bit < packed.size * 8; bit++) {
        whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
        unpack(codec, kb_slice_of(whole, packed.size), 8192);
        whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_unpacks_to(codec, kb_slice_of(whole, packed.size), kb_slice_of(text, 700));
    kb_free(whole);
}

static void a_flipped_bit_stays_inside(void **state)
{
    (void)state;
    each_codec(spoilt_stays_inside);
}

static void bytes_behind_the_end_are_corrupt(enum kw_codec codec)
{
    struct kb_slice packed = pack(codec, kb_slice_of(text, 700));
    uint8_t *copy = dup(packed);
    copy[packed.size] = 0;
    assert_int_equal(unpack(codec, kb_slice_of(copy, packed.size + 1), MAX), KB_E_CORRUPT_MESSAGE);
    kb_free(copy);
}

static void a_stream_ends_where_it_says(void **state)
{
    (void)state;
    each_codec(bytes_behind_the_end_are_corrupt);
}

/* An lz4 frame that promises 5 bytes and breaks off: the next one is not to suffer. */
static void bad_input_leaves_nothing_behind(void **state)
{
    (void)state;
    if (!kw_codec_info(KW_CODEC_LZ4)->built_in)
        return;
    static const uint8_t promise[] = {0x04, 0x22, 0x4d, 0x18, 0x68, 0x40, 5,   0,
                                      0,    0,    0,    0,    0,    0,    0x61};
    struct kb_slice packed = pack(KW_CODEC_LZ4, kb_slice_of(text, 100));
    assert_int_equal(unpack(KW_CODEC_LZ4, kb_slice_of(promise, sizeof promise), MAX),
                     KB_E_CORRUPT_MESSAGE);
    assert_unpacks_to(KW_CODEC_LZ4, packed, kb_slice_of(text, 100));
}

/* ---- Context ---------------------------------------------------------------- */

static void there_and_back_without_memory(void *arg)
{
    enum kw_codec codec = *(enum kw_codec *)arg;
    struct kb_slice plain = kb_slice_of(text, 1000), packed;
    struct kw_codec_ctx *own = kw_codec_ctx_new();
    struct kb_buf *buf = NULL;
    if (!own)
        return;
    int code =
        kw_compress(own, codec, kw_codec_info(codec)->default_level, &plain, 1, &packed, NULL);
    if (!code)
        code = kw_decompress(own, codec, packed, MAX, &buf, NULL);
    assert_true(code == KB_OK || code == KB_E_NO_MEMORY);
    assert_true(code || buf->size == 1000);
    kb_buf_unref(buf);
    kw_codec_ctx_free(own);
}

static void fails_cleanly(enum kw_codec codec)
{
    assert_true(unit_each_failure(there_and_back_without_memory, &codec) >= 3);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    each_codec(fails_cleanly);
}

static void codecs_have_names(void **state)
{
    (void)state;
    assert_int_equal(kw_codec_by_name(kb_slice_str("none")), KW_CODEC_NONE);
    assert_int_equal(kw_codec_by_name(kb_slice_str("gzip")), KW_CODEC_GZIP);
    assert_int_equal(kw_codec_by_name(kb_slice_str("snappy")), KW_CODEC_SNAPPY);
    assert_int_equal(kw_codec_by_name(kb_slice_str("lz4")), KW_CODEC_LZ4);
    assert_int_equal(kw_codec_by_name(kb_slice_str("zstd")), KW_CODEC_ZSTD);
    assert_int_equal(kw_codec_by_name(kb_slice_str("brotli")), -1);
    assert_int_equal(kw_codec_by_name(kb_slice_null()), -1);
}

static void a_codec_left_out_is_refused(void **state)
{
    (void)state;
    for (int codec = KW_CODEC_GZIP; codec < KW_CODECS; codec++) {
        struct kb_slice plain = kb_slice_str("x"), packed;
        if (kw_codec_info(codec)->built_in)
            continue;
        assert_int_equal(kw_compress(ctx, codec, 0, &plain, 1, &packed, NULL),
                         KB_E_UNSUPPORTED_COMPRESSION_TYPE);
        assert_int_equal(unpack(codec, plain, MAX), KB_E_UNSUPPORTED_COMPRESSION_TYPE);
    }
}

static void none_is_the_bytes_themselves(void **state)
{
    (void)state;
    struct kb_slice plain = kb_slice_of(text, 100), view;
    assert_int_equal(kw_decompress_view(ctx, KW_CODEC_NONE, plain, 100, &view, NULL), KB_OK);
    assert_ptr_equal(view.data, text);
    assert_int_equal(unpack(KW_CODEC_NONE, plain, 99), KB_E_MESSAGE_TOO_LARGE);
    assert_int_equal(unpack(KW_CODEC_NONE, plain, 100), KB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_comes_back),
        cmocka_unit_test(pieces_are_one_stream),
        cmocka_unit_test(what_does_not_pack_comes_back),
        cmocka_unit_test(every_level_works_and_no_other),
        cmocka_unit_test(snappy_is_read_without_framing),
        cmocka_unit_test(snappy_is_written_in_xerials_framing),
        cmocka_unit_test(several_streams_are_read),
        cmocka_unit_test(output_keeps_its_bound),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(a_stream_cut_anywhere_is_corrupt),
        cmocka_unit_test(a_flipped_bit_stays_inside),
        cmocka_unit_test(a_stream_ends_where_it_says),
        cmocka_unit_test(bad_input_leaves_nothing_behind),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(codecs_have_names),
        cmocka_unit_test(a_codec_left_out_is_refused),
        cmocka_unit_test(none_is_the_bytes_themselves),
    };
    return cmocka_run_group_tests_name("compress", tests, setup, teardown);
}
