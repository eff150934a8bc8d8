/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/packer.h"
#include "base/check.h"
#include "base/mem.h"

void kc_packer_init(struct kc_packer *packer, enum kw_codec codec, int level,
                    struct kc_supply *supply)
{
    *packer = (struct kc_packer){.codec = codec, .level = level, .supply = supply};
}

void kc_packer_deinit(struct kc_packer *packer)
{
    while (packer->idle_count > 0)
        kw_codec_ctx_free(packer->idle[--packer->idle_count]);
}

static struct kw_codec_ctx *take_context(struct kc_packer *packer)
{
    struct kw_codec_ctx *ctx = NULL;
    kb_lock_enter(&packer->lock);
    if (packer->idle_count > 0)
        ctx = packer->idle[--packer->idle_count];
    kb_lock_leave(&packer->lock);
    return ctx ? ctx : kw_codec_ctx_new();
}

static void give_context(struct kc_packer *packer, struct kw_codec_ctx *ctx)
{
    kb_lock_enter(&packer->lock);
    bool keep = packer->idle_count < KC_PACKER_IDLE;
    if (keep)
        packer->idle[packer->idle_count++] = ctx;
    kb_lock_leave(&packer->lock);
    if (!keep)
        kw_codec_ctx_free(ctx);
}

/* Over the plain records, which the packed ones are shorter than. */
static void replace(struct kc_packer *packer, struct kc_send_batch *batch, struct kb_slice packed)
{
    uint32_t used = 0;
    while (packed.size > 0) {
        struct kb_buf *chunk = batch->chunks[used];
        size_t skip = used++ == 0 ? KW_BATCH_HEADER_BYTES : 0;
        size_t size = KB_MIN(chunk->capacity - skip, packed.size);
        memcpy(chunk->data + skip, packed.data, size);
        chunk->size = skip + size;
        packed = kb_slice_of(packed.data + size, packed.size - size);
    }
    while (batch->chunk_count > used)
        kc_supply_drop_chunk(packer->supply, batch->chunks[--batch->chunk_count]);
}

static void pack(struct kc_packer *packer, struct kc_send_batch *batch)
{
    struct kw_codec_ctx *ctx = take_context(packer);
    struct kb_slice *pieces = KB_NEW_ARRAY(struct kb_slice, batch->chunk_count), packed;
    for (uint32_t i = 0; pieces && i < batch->chunk_count; i++)
        pieces[i] = kc_send_batch_piece(batch, i);
    if (ctx && pieces &&
        !kw_compress(ctx, packer->codec, packer->level, pieces, batch->chunk_count, &packed,
                     NULL) &&
        packed.size < batch->plain_bytes) {
        replace(packer, batch, packed);
        batch->codec = (int16_t)packer->codec;
    }
    kb_free(pieces);
    if (ctx)
        give_context(packer, ctx);
}

void kc_packer_seal(struct kc_packer *packer, struct kc_send_batch *batch)
{
    if (packer->codec != KW_CODEC_NONE)
        pack(packer, batch);
    kc_send_batch_sum(batch);
}
