/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says which codec and how much may come out, the rest is data. */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "wire/compress.h"

static struct kw_codec_ctx *ctx;

static void unpack(enum kw_codec codec, struct kb_slice in, size_t max_bytes)
{
    struct kb_slice view;
    struct kb_buf *buf;
    int code = kw_decompress_view(ctx, codec, in, max_bytes, &view, NULL);
    KB_CHECK(code || view.size <= max_bytes);
    KB_CHECK(kw_decompress(ctx, codec, in, max_bytes, &buf, NULL) == code);
    if (!code) {
        KB_CHECK(buf->size <= max_bytes && buf->size <= buf->capacity);
        KB_CHECK(buf->size == view.size &&
                 !memcmp(buf->data, view.data ? view.data : buf->data, buf->size));
    }
    kb_buf_unref(buf);
}

static void there_and_back(enum kw_codec codec, struct kb_slice plain)
{
    struct kb_slice pieces[2] = {
        kb_slice_of(plain.data, plain.size / 3),
        kb_slice_of(plain.data + plain.size / 3, plain.size - plain.size / 3)};
    struct kb_slice packed, view;
    int level = kw_codec_info(codec)->default_level;
    KB_CHECK(!kw_compress(ctx, codec, level, pieces, 2, &packed, NULL));
    KB_CHECK(!kw_decompress_view(ctx, codec, packed, plain.size, &view, NULL));
    KB_CHECK(view.size == plain.size && (!view.size || !memcmp(view.data, plain.data, view.size)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (!ctx)
        KB_CHECK((ctx = kw_codec_ctx_new()));
    enum kw_codec codec = KW_CODEC_GZIP + data[0] % 4;
    if (!kw_codec_info(codec)->built_in)
        return 0;
    struct kb_slice rest = kb_slice_of(data + 1, size - 1);
    unpack(codec, rest, (size_t)1 << (data[0] / 4 % 20));
    there_and_back(codec, rest);
    return 0;
}
