/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_COMPRESS_H
#define KW_COMPRESS_H
/*
 * The codecs of record batches, in the forms that Kafka's clients agree on:
 * gzip; snappy, written in xerial's framing, read with it and raw; lz4 frames
 * of independent blocks; zstd frames.
 *
 * A context holds the libraries' states and two scratch buffers, made on first
 * use and kept between calls: one per thread that packs or unpacks. What a
 * call answers is a view of the scratch, valid until the context's next
 * kw_compress (or kw_decompress*, each has its own scratch), or a buffer of
 * the caller's.
 *
 * Output is bounded before it is made: a bomb costs no more than the bound.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

enum kw_codec {
    KW_CODEC_NONE = 0,
    KW_CODEC_GZIP = 1,
    KW_CODEC_SNAPPY = 2,
    KW_CODEC_LZ4 = 3,
    KW_CODEC_ZSTD = 4,
    KW_CODECS = 5,
};

struct kw_codec_info {
    const char *name; /* as in compression.type: "none", "gzip" ... */
    bool built_in;    /* false: built without its library */
    int min_level, max_level, default_level;
};

const struct kw_codec_info *kw_codec_info(enum kw_codec codec);
/* -1: no codec has that name. */
int kw_codec_by_name(struct kb_slice name);

struct kw_codec_ctx;
struct kw_codec_ctx *kw_codec_ctx_new(void); /* NULL: no memory */
void kw_codec_ctx_free(struct kw_codec_ctx *ctx);
/* Gives scratch and states back; they return with the next use. */
void kw_codec_ctx_trim(struct kw_codec_ctx *ctx);

/* Packs the pieces as one stream, by a codec that is not NONE. Always whole, even where it came out larger
 * than the input: the caller compares. Errors: UNSUPPORTED_COMPRESSION_TYPE,
 * INVALID_ARGUMENT (level), NO_MEMORY. */
int kw_compress(struct kw_codec_ctx *ctx, enum kw_codec codec, int level,
                const struct kb_slice *pieces, size_t piece_count, struct kb_slice *out,
                struct kb_error *err);

/* Unpacks at most max_bytes. Errors: UNSUPPORTED_COMPRESSION_TYPE;
 * CORRUPT_MESSAGE; MESSAGE_TOO_LARGE past the bound; NO_MEMORY. For
 * KW_CODEC_NONE the view is the input itself. */
int kw_decompress_view(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                       size_t max_bytes, struct kb_slice *out, struct kb_error *err);

/* The same into a buffer of its own, about as large as its content. */
int kw_decompress(struct kw_codec_ctx *ctx, enum kw_codec codec, struct kb_slice in,
                  size_t max_bytes, struct kb_buf **out, struct kb_error *err);

#endif
