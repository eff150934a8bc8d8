/* SPDX-License-Identifier: Apache-2.0 */
/* LZ4 frames, format version 1, of independent 64 KB blocks, as Java writes them. */
#include "config.h"

#include "wire/compress_impl.h"

#ifdef KW_WITH_LZ4

#include "base/check.h"

#include <lz4frame.h>

/* ---- Packing ---- */

static void free_packer(void *state)
{
    LZ4F_freeCompressionContext(state);
}

static int append(struct kw_sink *out, size_t written)
{
    if (LZ4F_isError(written))
        return KB_E_NO_MEMORY; /* room was made: nothing else can fail */
    out->size += written;
    return KB_OK;
}

static int pack_piece(LZ4F_cctx *lz4, const LZ4F_preferences_t *how, struct kb_slice piece,
                      struct kw_sink *out)
{
    int code = kw_sink_reserve(out, LZ4F_compressBound(piece.size, how));
    if (code || !piece.size)
        return code;
    return append(out, LZ4F_compressUpdate(lz4, kw_sink_end(out), kw_sink_room(out), piece.data,
                                           piece.size, NULL));
}

static int lz4_pack(void **state, int level, const struct kw_pieces *in, struct kw_sink *out)
{
    if (!*state && LZ4F_isError(LZ4F_createCompressionContext((LZ4F_cctx **)state, LZ4F_VERSION)))
        return KB_E_NO_MEMORY;
    LZ4F_cctx *lz4 = *state;
    LZ4F_preferences_t how = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level,
    };
    int code = kw_sink_reserve(out, LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(in->bytes, &how));
    if (code)
        return code;
    code = append(out, LZ4F_compressBegin(lz4, kw_sink_end(out), kw_sink_room(out), &how));
    for (size_t i = 0; i < in->count && !code; i++)
        code = pack_piece(lz4, &how, in->at[i], out);
    if (!code)
        code = kw_sink_reserve(out, LZ4F_compressBound(0, &how));
    if (code)
        return code;
    return append(out, LZ4F_compressEnd(lz4, kw_sink_end(out), kw_sink_room(out), NULL));
}

/* ---- Unpacking ---- */

static void free_unpacker(void *state)
{
    LZ4F_freeDecompressionContext(state);
}

static uint32_t get_le32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Reads a frame's header; block sizes follow from its second byte. */
struct frame {
    size_t header_bytes, block_bytes;
    size_t block_tail, frame_tail; /* checksums */
};

static bool read_frame(struct kb_slice in, struct frame *frame)
{
    enum {
        DICTIONARY = 1 << 0,
        CONTENT_SUM = 1 << 2,
        CONTENT_SIZE = 1 << 3,
        BLOCK_SUM = 1 << 4,
        FIXED_BYTES = 7,
    };
    if (in.size < FIXED_BYTES || get_le32(in.data) != LZ4F_MAGICNUMBER)
        return false;
    uint8_t flags = in.data[4], block_id = in.data[5] >> 4 & 7;
    if (block_id < LZ4F_max64KB)
        return false;
    frame->header_bytes =
        FIXED_BYTES + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0);
    frame->block_bytes = (size_t)1 << (8 + 2 * block_id);
    frame->block_tail = flags & BLOCK_SUM ? 4 : 0;
    frame->frame_tail = flags & CONTENT_SUM ? 4 : 0;
    return true;
}

/* Walks block lengths: a packed block gives at most block_bytes, a stored one
 * what it is. */
static enum kw_measure lz4_measure(struct kb_slice in, uint64_t *bytes)
{
    const uint32_t stored = UINT32_C(1) << 31;
    struct frame frame;
    *bytes = 0;
    if (!read_frame(in, &frame))
        return KW_SIZE_UNKNOWN;
    size_t at = frame.header_bytes;
    while (at <= in.size && in.size - at >= 4) {
        uint32_t length = get_le32(in.data + at);
        at += 4;
        if (length == 0)
            return at + frame.frame_tail == in.size ? KW_SIZE_AT_MOST : KW_SIZE_UNKNOWN;
        *bytes += length & stored ? length & ~stored : frame.block_bytes;
        at += (size_t)(length & ~stored) + frame.block_tail;
    }
    return KW_SIZE_UNKNOWN;
}

/* One call; *hint is 0 at a frame's end. */
static int unpack_some(LZ4F_dctx *lz4, struct kb_slice *in, struct kw_sink *out, size_t *hint)
{
    size_t fed = in->size, made = kw_sink_room(out);
    *hint = LZ4F_decompress(lz4, kw_sink_end(out), &made, in->data, &fed, NULL);
    if (LZ4F_isError(*hint))
        return KB_E_CORRUPT_MESSAGE;
    out->size += made;
    *in = kb_slice_of(in->data + fed, in->size - fed);
    if (fed || made)
        return KB_OK;
    if (kw_sink_room(out))
        return KB_E_CORRUPT_MESSAGE; /* neither input nor room is missing: cut off */
    return kw_sink_reserve(out, 1);
}

static int lz4_unpack(void **state, struct kb_slice in, struct kw_sink *out)
{
    if (!*state && LZ4F_isError(LZ4F_createDecompressionContext((LZ4F_dctx **)state, LZ4F_VERSION)))
        return KB_E_NO_MEMORY;
    LZ4F_resetDecompressionContext(*state);
    size_t hint = 1;
    int code = KB_OK;
    while (!code && (in.size || hint))
        code = unpack_some(*state, &in, out, &hint);
    return code;
}

const struct kw_codec_ops kw_codec_lz4 = {
    .info = {"lz4", true, 0, 12, 0},
    .pack = lz4_pack,
    .free_pack = free_packer,
    .measure = lz4_measure,
    .unpack = lz4_unpack,
    .free_unpack = free_unpacker,
};

#else

const struct kw_codec_ops kw_codec_lz4 = {.info = {"lz4", false, 0, 12, 0}};

#endif
