/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snappy has no stream format of its own. Java's clients put blocks of 32 KB in
 * a row (xerial's framing: a magic, two version words, then a 4-byte length in
 * front of each block), others send one bare block. We write the first, which
 * everybody reads, and read both.
 */
#include "config.h"

#include "wire/compress_impl.h"

#ifdef KW_WITH_SNAPPY

#include "base/check.h"
#include "base/mem.h"
#include "wire/be.h"

#include <snappy-c.h>

enum { BLOCK_BYTES = 32 << 10, FRAME_HEADER_BYTES = 16, BLOCK_HEADER_BYTES = 4 };

static const uint8_t frame_header[FRAME_HEADER_BYTES] = {
    0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
};

/* ---- Packing ---- */

static int pack_block(const uint8_t *block, size_t size, struct kw_sink *out)
{
    size_t packed = snappy_max_compressed_length(size);
    int code = kw_sink_reserve(out, BLOCK_HEADER_BYTES + packed);
    if (code)
        return code;
    uint8_t *to = kw_sink_end(out);
    snappy_status status =
        snappy_compress((const char *)block, size, (char *)to + BLOCK_HEADER_BYTES, &packed);
    KB_CHECK(status == SNAPPY_OK);
    kw_put_be32(to, (uint32_t)packed);
    out->size += BLOCK_HEADER_BYTES + packed;
    return KB_OK;
}

/* A block that lies in one piece is packed in place, one across pieces is
 * brought together first. */
struct gather {
    uint8_t *block;
    size_t size;
};

static int pack_piece(struct gather *gather, struct kb_slice piece, struct kw_sink *out)
{
    int code = KB_OK;
    while (piece.size && !code) {
        size_t take = KB_MIN(piece.size, BLOCK_BYTES - gather->size);
        if (take == BLOCK_BYTES) {
            code = pack_block(piece.data, take, out);
        } else {
            memcpy(gather->block + gather->size, piece.data, take);
            gather->size += take;
            if (gather->size == BLOCK_BYTES) {
                code = pack_block(gather->block, BLOCK_BYTES, out);
                gather->size = 0;
            }
        }
        piece = kb_slice_of(piece.data + take, piece.size - take);
    }
    return code;
}

static int snappy_pack(void **state, int level, const struct kw_pieces *in, struct kw_sink *out)
{
    (void)level;
    if (!*state && !(*state = kb_malloc(BLOCK_BYTES)))
        return KB_E_NO_MEMORY;
    struct gather gather = {.block = *state};
    int code = kw_sink_reserve(out, FRAME_HEADER_BYTES + in->bytes);
    if (code)
        return code;
    memcpy(kw_sink_end(out), frame_header, FRAME_HEADER_BYTES);
    out->size += FRAME_HEADER_BYTES;
    for (size_t i = 0; i < in->count && !code; i++)
        code = pack_piece(&gather, in->at[i], out);
    if (!code && gather.size)
        code = pack_block(gather.block, gather.size, out);
    return code;
}

/* ---- Unpacking ---- */

static bool is_framed(struct kb_slice in)
{
    enum { MAGIC_BYTES = 8 };
    return in.size >= FRAME_HEADER_BYTES && !memcmp(in.data, frame_header, MAGIC_BYTES);
}

/* Cuts the next block off; false at the end and, with *code set, at a bad one. */
static bool next_block(struct kb_slice *rest, struct kb_slice *block, int *code)
{
    *code = KB_OK;
    if (rest->size == 0)
        return false;
    *code = KB_E_CORRUPT_MESSAGE;
    if (rest->size < BLOCK_HEADER_BYTES)
        return false;
    uint32_t size = kw_get_be32(rest->data);
    if (size > rest->size - BLOCK_HEADER_BYTES)
        return false;
    *code = KB_OK;
    *block = kb_slice_of(rest->data + BLOCK_HEADER_BYTES, size);
    *rest = kb_slice_of(block->data + size, rest->size - BLOCK_HEADER_BYTES - size);
    return true;
}

static bool block_size(struct kb_slice block, size_t *bytes)
{
    return snappy_uncompressed_length((const char *)block.data, block.size, bytes) == SNAPPY_OK;
}

static enum kw_measure snappy_measure(struct kb_slice in, uint64_t *bytes)
{
    size_t size = 0;
    *bytes = 0;
    if (!is_framed(in)) {
        bool known = block_size(in, &size);
        *bytes = size;
        return known ? KW_SIZE_EXACT : KW_SIZE_UNKNOWN;
    }
    struct kb_slice rest = kb_slice_of(in.data + FRAME_HEADER_BYTES, in.size - FRAME_HEADER_BYTES);
    struct kb_slice block;
    int code;
    while (next_block(&rest, &block, &code)) {
        if (!block_size(block, &size))
            return KW_SIZE_UNKNOWN;
        *bytes += size;
    }
    return code ? KW_SIZE_UNKNOWN : KW_SIZE_EXACT;
}

static int unpack_block(struct kb_slice block, struct kw_sink *out)
{
    size_t size;
    if (!block_size(block, &size))
        return KB_E_CORRUPT_MESSAGE;
    int code = size ? kw_sink_reserve(out, size) : KB_OK;
    if (code)
        return code;
    if (kw_sink_room(out) < size)
        return KB_E_MESSAGE_TOO_LARGE;
    if (snappy_uncompress((const char *)block.data, block.size, (char *)kw_sink_end(out), &size) !=
        SNAPPY_OK)
        return KB_E_CORRUPT_MESSAGE;
    out->size += size;
    return KB_OK;
}

static int snappy_unpack(void **state, struct kb_slice in, struct kw_sink *out)
{
    (void)state;
    if (!is_framed(in))
        return unpack_block(in, out);
    struct kb_slice rest = kb_slice_of(in.data + FRAME_HEADER_BYTES, in.size - FRAME_HEADER_BYTES);
    struct kb_slice block;
    int code;
    while (next_block(&rest, &block, &code))
        if ((code = unpack_block(block, out)))
            break;
    return code;
}

const struct kw_codec_ops kw_codec_snappy = {
    .info = {"snappy", true, 0, 0, 0},
    .pack = snappy_pack,
    .free_pack = kb_free,
    .measure = snappy_measure,
    .unpack = snappy_unpack,
};

#else

const struct kw_codec_ops kw_codec_snappy = {.info = {"snappy", false, 0, 0, 0}};

#endif
