/* SPDX-License-Identifier: Apache-2.0 */
/* Zstandard frames, RFC 8878. */
#include "config.h"

#include "wire/compress_impl.h"

enum { LEVEL_MIN = -131072, LEVEL_MAX = 22, LEVEL_DEFAULT = 3 };

#ifdef KW_WITH_ZSTD

#include "base/check.h"

#include <zstd.h>
#include <zstd_errors.h>

/* ---- Packing ---- */

static void free_packer(void *state)
{
    ZSTD_freeCCtx(state);
}

static int pack_code(size_t result)
{
    return ZSTD_isError(result) ? KB_E_NO_MEMORY : KB_OK; /* room was made */
}

/* Feeds one piece; with ZSTD_e_end until the frame stands there. */
static int pack_piece(ZSTD_CCtx *zstd, struct kb_slice piece, ZSTD_EndDirective how,
                      struct kw_sink *out)
{
    ZSTD_inBuffer from = {piece.data, piece.size, 0};
    for (;;) {
        int code = kw_sink_reserve(out, 64);
        if (code)
            return code;
        ZSTD_outBuffer to = {kw_sink_end(out), kw_sink_room(out), 0};
        size_t left = ZSTD_compressStream2(zstd, &to, &from, how);
        out->size += to.pos;
        if (ZSTD_isError(left))
            return pack_code(left);
        if (how == ZSTD_e_end ? left == 0 : from.pos == from.size)
            return KB_OK;
    }
}

/* The size is told first: it stands in the frame then, and readers need not guess. */
static int zstd_pack(void **state, int level, const struct kw_pieces *in, struct kw_sink *out)
{
    if (!*state && !(*state = ZSTD_createCCtx()))
        return KB_E_NO_MEMORY;
    ZSTD_CCtx *zstd = *state;
    ZSTD_CCtx_reset(zstd, ZSTD_reset_session_only);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setPledgedSrcSize(zstd, in->bytes);
    int code = kw_sink_reserve(out, ZSTD_compressBound(in->bytes));
    for (size_t i = 0; i + 1 < in->count && !code; i++)
        code = pack_piece(zstd, in->at[i], ZSTD_e_continue, out);
    if (code)
        return code;
    struct kb_slice last = in->count ? in->at[in->count - 1] : kb_slice_null();
    return pack_piece(zstd, last, ZSTD_e_end, out);
}

/* ---- Unpacking ---- */

static void free_unpacker(void *state)
{
    ZSTD_freeDCtx(state);
}

/* Java's streams leave the size out. */
static enum kw_measure zstd_measure(struct kb_slice in, uint64_t *bytes)
{
    unsigned long long size = ZSTD_getFrameContentSize(in.data, in.size);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
        return KW_SIZE_UNKNOWN;
    *bytes = size;
    return ZSTD_findFrameCompressedSize(in.data, in.size) == in.size ? KW_SIZE_EXACT
                                                                     : KW_SIZE_UNKNOWN;
}

/* In one go, which is fastest; where the room was guessed too small, again with
 * more: scratch stays, so that the next batch fits at once. */
static int zstd_unpack(void **state, struct kb_slice in, struct kw_sink *out)
{
    if (!*state && !(*state = ZSTD_createDCtx()))
        return KB_E_NO_MEMORY;
    if (in.size == 0)
        return KB_E_CORRUPT_MESSAGE;
    for (;;) {
        size_t made = ZSTD_decompressDCtx(*state, out->data, kw_sink_room(out), in.data, in.size);
        if (!ZSTD_isError(made)) {
            out->size = made;
            return KB_OK;
        }
        if (ZSTD_getErrorCode(made) == ZSTD_error_memory_allocation)
            return KB_E_NO_MEMORY;
        if (ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall)
            return KB_E_CORRUPT_MESSAGE;
        if (out->capacity >= out->limit)
            return KB_E_MESSAGE_TOO_LARGE;
        int code = kw_sink_reserve(out, out->capacity * 4);
        if (code)
            return code;
    }
}

const struct kw_codec_ops kw_codec_zstd = {
    .info = {"zstd", true, LEVEL_MIN, LEVEL_MAX, LEVEL_DEFAULT},
    .pack = zstd_pack,
    .free_pack = free_packer,
    .measure = zstd_measure,
    .unpack = zstd_unpack,
    .free_unpack = free_unpacker,
};

#else

const struct kw_codec_ops kw_codec_zstd = {
    .info = {"zstd", false, LEVEL_MIN, LEVEL_MAX, LEVEL_DEFAULT},
};

#endif
