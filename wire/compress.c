/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/compress.h"

#include "base/check.h"
#include "base/mem.h"
#include "wire/compress_impl.h"

/* Scratch larger than this is given back when less is needed again. */
enum { SCRATCH_KEEP_BYTES = 2 << 20, SCRATCH_MIN_BYTES = 64 << 10 };

struct kw_codec_ctx {
    struct kw_sink packed, plain;
    void *pack_state[KW_CODECS], *unpack_state[KW_CODECS];
};

static const struct kw_codec_ops codec_none = {.info = {.name = "none", .built_in = true}};

static const struct kw_codec_ops *const codecs[KW_CODECS] = {
    [KW_CODEC_NONE] = &codec_none,        [KW_CODEC_GZIP] = &kw_codec_gzip,
    [KW_CODEC_SNAPPY] = &kw_codec_snappy, [KW_CODEC_LZ4] = &kw_codec_lz4,
    [KW_CODEC_ZSTD] = &kw_codec_zstd,
};

static const struct kw_codec_ops *ops_of(enum kw_codec codec)
{
    KB_CHECK((unsigned)codec < KW_CODECS);
    return codecs[codec];
}

const struct kw_codec_info *kw_codec_info(enum kw_codec codec)
{
    return &ops_of(codec)->info;
}

int kw_codec_by_name(struct kb_slice name)
{
    for (int i = 0; i < KW_CODECS; i++)
        if (kb_slice_is(name, codecs[i]->info.name))
            return i;
    return -1;
}

/* ---- Context ---------------------------------------------------------------- */

struct kw_codec_ctx *kw_codec_ctx_new(void)
{
    return KB_NEW(struct kw_codec_ctx);
}

static void sink_drop(struct kw_sink *sink)
{
    kb_free(sink->data);
    *sink = (struct kw_sink){0};
}

/* A library's state is not used again after bad input: liblz4 before 1.10 keeps a
 * frame's size through its own reset, and refuses the next frame for it. */
static void drop_unpack_state(struct kw_codec_ctx *ctx, enum kw_codec codec)
{
    if (ctx->unpack_state[codec])
        ops_of(codec)->free_unpack(ctx->unpack_state[codec]);
    ctx->unpack_state[codec] = NULL;
}

void kw_codec_ctx_trim(struct kw_codec_ctx *ctx)
{
    sink_drop(&ctx->packed);
    sink_drop(&ctx->plain);
    for (int i = 0; i < KW_CODECS; i++) {
        if (ctx->pack_state[i])
            codecs[i]->free_pack(ctx->pack_state[i]);
        ctx->pack_state[i] = NULL;
        drop_unpack_state(ctx, i);
    }
}

void kw_codec_ctx_free(struct kw_codec_ctx *ctx)
{
    if (!ctx)
        return;
    kw_codec_ctx_trim(ctx);
    kb_free(ctx);
}

/* ---- Where output goes ------------------------------------------------------ */

static int sink_grow(struct kw_sink *sink, size_t capacity)
{
    uint8_t *data = kb_realloc(sink->data, capacity);
    if (!data)
        return KB_E_NO_MEMORY;
    sink->data = data;
    sink->capacity = capacity;
    return KB_OK;
}

int kw_sink_reserve(struct kw_sink *sink, size_t room)
{
    if (kw_sink_room(sink) >= room)
        return KB_OK;
    if (sink->size >= sink->limit)
        return KB_E_MESSAGE_TOO_LARGE;
    size_t want = sink->size + KB_MIN(room, sink->limit - sink->size);
    want = KB_MIN(KB_MAX(want, sink->capacity * 2), sink->limit);
    return want <= sink->capacity ? KB_OK : sink_grow(sink, want);
}

/* Empties a scratch, with room for output of about `expected` bytes. */
static int sink_begin(struct kw_sink *sink, size_t expected, size_t limit)
{
    if (sink->capacity > SCRATCH_KEEP_BYTES && expected <= SCRATCH_KEEP_BYTES)
        sink_drop(sink);
    sink->size = 0;
    sink->limit = limit;
    expected = KB_MAX(expected, (size_t)SCRATCH_MIN_BYTES);
    return expected <= sink->capacity ? KB_OK : sink_grow(sink, expected);
}

static int explain(struct kb_error *err, int code, const char *codec, size_t max_bytes)
{
    switch (code) {
    case KB_OK:
        return KB_OK;
    case KB_E_MESSAGE_TOO_LARGE:
        return kb_error_set(err, code, "%s data unpacks to more than %zu bytes", codec, max_bytes);
    case KB_E_CORRUPT_MESSAGE:
        return kb_error_set(err, code, "%s data is corrupt or cut off", codec);
    default:
        return kb_error_set(err, code, "%s: %s", codec, kb_code_text(code));
    }
}

static int must_be_built_in(const struct kw_codec_info *info, struct kb_error *err)
{
    if (info->built_in)
        return KB_OK;
    return kb_error_set(err, KB_E_UNSUPPORTED_COMPRESSION_TYPE, "built without %s", info->name);
}

/* ---- Packing ---------------------------------------------------------------- */

int kw_compress(struct kw_codec_ctx *ctx, enum kw_codec codec, int level,
                const struct kb_slice *pieces, size_t piece_count, struct kb_slice *out,
                struct kb_error *err)
{
    const struct kw_codec_ops *ops = ops_of(codec);
    KB_CHECK(codec != KW_CODEC_NONE);
    int code = must_be_built_in(&ops->info, err);
    if (code)
        return code;
    if (level < ops->info.min_level || level > ops->info.max_level)
        return kb_error_set(err, KB_E_INVALID_ARGUMENT, "%s has levels %d to %d, not %d",
                            ops->info.name, ops->info.min_level, ops->info.max_level, level);
    struct kw_pieces in = {pieces, piece_count, 0};
    for (size_t i = 0; i < piece_count; i++)
        in.bytes += pieces[i].size;
    code = sink_begin(&ctx->packed, in.bytes, SIZE_MAX);
    if (!code)
        code = ops->pack(&ctx->pack_state[codec], level, &in, &ctx->packed);
    *out = code ? kb_slice_null() : kb_slice_of(ctx->packed.data, ctx->packed.size);
    return explain(err, code, ops->info.name, 0);
}

/* ---- Unpacking -------------------------------------------------------------- */

struct plan {
    enum kw_measure measure;
    size_t expected; /* bytes to make room for */
    size_t limit;    /* more than that is either too large or corrupt */
};

/* Before a byte is unpacked or room for it made. */
static int plan_for(const struct kw_codec_ops *ops, struct kb_slice in, size_t max_bytes,
                    struct plan *plan)
{
    uint64_t bytes = 0;
    plan->measure = ops->measure(in, &bytes);
    if (plan->measure == KW_SIZE_EXACT && bytes > max_bytes)
        return KB_E_MESSAGE_TOO_LARGE;
    if (plan->measure == KW_SIZE_UNKNOWN)
        bytes = (uint64_t)in.size * 4;
    plan->expected = (size_t)KB_MIN(bytes, (uint64_t)max_bytes);
    plan->limit = plan->measure == KW_SIZE_UNKNOWN ? max_bytes : plan->expected;
    return KB_OK;
}

static int unpack_into(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                       size_t max_bytes, struct kw_sink *out)
{
    int code = ops_of(codec)->unpack(&ctx->unpack_state[codec], in, out);
    if (code)
        drop_unpack_state(ctx, codec);
    bool lied = code == KB_E_MESSAGE_TOO_LARGE && out->limit < max_bytes;
    return lied ? KB_E_CORRUPT_MESSAGE : code;
}

static int unpack_to_scratch(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                             size_t max_bytes, struct kb_slice *out)
{
    struct plan plan;
    int code = plan_for(ops_of(codec), in, max_bytes, &plan);
    if (code)
        return code;
    code = sink_begin(&ctx->plain, plan.expected, plan.limit);
    if (!code)
        code = unpack_into(ctx, codec, in, max_bytes, &ctx->plain);
    if (!code)
        *out = kb_slice_of(ctx->plain.data, ctx->plain.size);
    return code;
}

int kw_decompress_view(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                       size_t max_bytes, struct kb_slice *out, struct kb_error *err)
{
    const struct kw_codec_info *info = kw_codec_info(codec);
    *out = kb_slice_null();
    int code = must_be_built_in(info, err);
    if (code)
        return code;
    if (codec != KW_CODEC_NONE)
        code = unpack_to_scratch(ctx, codec, in, max_bytes, out);
    else if (in.size <= max_bytes)
        *out = in;
    else
        code = KB_E_MESSAGE_TOO_LARGE;
    return explain(err, code, info->name, max_bytes);
}

static struct kb_buf *buf_of(struct kb_slice bytes)
{
    struct kb_buf *buf = kb_buf_new(bytes.size);
    if (!buf)
        return NULL;
    if (bytes.size)
        memcpy(buf->data, bytes.data, bytes.size);
    buf->size = bytes.size;
    return buf;
}

/* Straight into a buffer of the size that was foretold. */
static int unpack_to_buf(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                         size_t max_bytes, size_t expected, struct kb_buf **out)
{
    struct kb_buf *buf = kb_buf_new(expected);
    if (!buf)
        return KB_E_NO_MEMORY;
    struct kw_sink sink = {.data = buf->data, .capacity = expected, .limit = expected};
    int code = unpack_into(ctx, codec, in, max_bytes, &sink);
    buf->size = sink.size;
    if (!code && sink.size >= expected / 2) {
        *out = buf;
        return KB_OK;
    }
    if (!code)
        *out = buf_of(kb_buf_view(buf));
    kb_buf_unref(buf);
    return code || *out ? code : KB_E_NO_MEMORY;
}

int kw_decompress(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                  size_t max_bytes, struct kb_buf **out, struct kb_error *err)
{
    const struct kw_codec_ops *ops = ops_of(codec);
    struct plan plan = {.measure = KW_SIZE_UNKNOWN};
    int code = KB_OK;
    *out = NULL;
    if (ops->info.built_in && codec != KW_CODEC_NONE)
        code = plan_for(ops, in, max_bytes, &plan);
    if (!code && plan.measure != KW_SIZE_UNKNOWN)
        code = unpack_to_buf(ctx, codec, in, max_bytes, plan.expected, out);
    if (code || *out)
        return explain(err, code, ops->info.name, max_bytes);

    struct kb_slice view;
    code = kw_decompress_view(ctx, codec, in, max_bytes, &view, err);
    if (code)
        return code;
    *out = buf_of(view);
    return explain(err, *out ? KB_OK : KB_E_NO_MEMORY, ops->info.name, max_bytes);
}
