/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_COMPRESS_IMPL_H
#define KW_COMPRESS_IMPL_H
/*
 * What a codec is to compress.c: one row of functions. A codec that was not
 * built in has a row with a name and nothing else.
 */
#include "wire/compress.h"

/* Bytes that come out, never more than `limit`. Grows up to there, may be larger
 * from before; over a buffer of somebody else's, limit is its capacity. */
struct kw_sink {
    uint8_t *data; /* never NULL for a codec */
    size_t size, capacity;
    size_t limit;
};

/* Room for `room` more bytes, or for as many as the limit allows, at least one:
 * else MESSAGE_TOO_LARGE. NO_MEMORY. */
int kw_sink_reserve(struct kw_sink *sink, size_t room);

static inline uint8_t *kw_sink_end(const struct kw_sink *sink)
{
    return sink->data + sink->size;
}

static inline size_t kw_sink_room(const struct kw_sink *sink)
{
    size_t end = sink->capacity < sink->limit ? sink->capacity : sink->limit;
    return end - sink->size;
}

/* One run of input in several pieces. */
struct kw_pieces {
    const struct kb_slice *at;
    size_t count;
    size_t bytes; /* of all */
};

/* What packed data tells of its size without being unpacked. */
enum kw_measure { KW_SIZE_UNKNOWN, KW_SIZE_AT_MOST, KW_SIZE_EXACT };

struct kw_codec_ops {
    struct kw_codec_info info;
    /* *state is NULL at first: the codec makes it and keeps it there. */
    int (*pack)(void **state, int level, const struct kw_pieces *in, struct kw_sink *out);
    void (*free_pack)(void *state);
    /* Cheap. Corrupt input is unknown, or claims what unpack then disproves. */
    enum kw_measure (*measure)(struct kb_slice in, uint64_t *bytes);
    int (*unpack)(void **state, struct kb_slice in, struct kw_sink *out);
    void (*free_unpack)(void *state);
};

extern const struct kw_codec_ops kw_codec_gzip, kw_codec_snappy, kw_codec_lz4, kw_codec_zstd;

#endif
