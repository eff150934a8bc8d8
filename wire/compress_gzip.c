/* SPDX-License-Identifier: Apache-2.0 */
/* gzip members, RFC 1952; several in a row are one stream. */
#include "config.h"

#include "wire/compress_impl.h"

#ifdef KW_WITH_ZLIB

#include "base/check.h"
#include "base/mem.h"

#include <limits.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };

static void *zlib_alloc(void *opaque, uInt items, uInt size)
{
    (void)opaque;
    return kb_calloc(items, size);
}

static void zlib_free(void *opaque, void *ptr)
{
    (void)opaque;
    kb_free(ptr);
}

static z_stream *new_stream(void)
{
    z_stream *z = KB_NEW(z_stream);
    if (z) {
        z->zalloc = zlib_alloc;
        z->zfree = zlib_free;
    }
    return z;
}

struct deflater {
    z_stream *z;
    int level;
};

static void free_deflater(void *state)
{
    struct deflater *d = state;
    deflateEnd(d->z);
    kb_free(d->z);
    kb_free(d);
}

/* One deflater per context; another level makes it anew. */
static struct deflater *deflater_of(void **state, int level)
{
    struct deflater *d = *state;
    if (d && d->level == level && deflateReset(d->z) == Z_OK)
        return d;
    if (d)
        free_deflater(d);
    *state = NULL;
    d = KB_NEW(struct deflater);
    z_stream *z = new_stream();
    if (d && z &&
        deflateInit2(z, level, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK) {
        *d = (struct deflater){z, level};
        return *state = d;
    }
    kb_free(z);
    kb_free(d);
    return NULL;
}

static uInt clip(size_t size)
{
    return (uInt)KB_MIN(size, (size_t)INT_MAX);
}

/* Feeds one piece; with Z_FINISH until the end of the stream stands there. */
static int deflate_piece(z_stream *z, struct kb_slice piece, int flush, struct kw_sink *out)
{
    z->next_in = (Bytef *)(uintptr_t)piece.data;
    z->avail_in = clip(piece.size);
    for (;;) {
        int code = kw_sink_reserve(out, 64);
        if (code)
            return code;
        uInt room = clip(kw_sink_room(out));
        z->next_out = kw_sink_end(out);
        z->avail_out = room;
        int status = deflate(z, flush);
        KB_CHECK(status != Z_STREAM_ERROR);
        out->size += room - z->avail_out;
        if (flush == Z_FINISH ? status == Z_STREAM_END : z->avail_in == 0)
            return KB_OK;
    }
}

static int gzip_pack(void **state, int level, const struct kw_pieces *in, struct kw_sink *out)
{
    struct deflater *d = deflater_of(state, level);
    if (!d)
        return KB_E_NO_MEMORY;
    int code = kw_sink_reserve(out, deflateBound(d->z, in->bytes));
    for (size_t i = 0; i < in->count && !code; i++)
        code = deflate_piece(d->z, in->at[i], Z_NO_FLUSH, out);
    return code ? code : deflate_piece(d->z, kb_slice_null(), Z_FINISH, out);
}

static void free_inflater(void *state)
{
    z_stream *z = state;
    inflateEnd(z);
    kb_free(z);
}

static z_stream *inflater_of(void **state)
{
    z_stream *z = *state;
    if (z)
        return inflateReset(z) == Z_OK ? z : NULL;
    z = new_stream();
    if (z && inflateInit2(z, GZIP_WINDOW) == Z_OK)
        return *state = z;
    kb_free(z);
    return NULL;
}

/* The trailer has the size, but of the last member only and modulo 2^32. */
static enum kw_measure gzip_measure(struct kb_slice in, uint64_t *bytes)
{
    (void)in;
    (void)bytes;
    return KW_SIZE_UNKNOWN;
}

/* One call of inflate; *ended at the end of a member. */
static int inflate_some(z_stream *z, struct kw_sink *out, bool *ended)
{
    uInt room = clip(kw_sink_room(out)), fed = z->avail_in;
    z->next_out = kw_sink_end(out);
    z->avail_out = room;
    int status = inflate(z, Z_NO_FLUSH);
    out->size += room - z->avail_out;
    *ended = status == Z_STREAM_END;
    if (status == Z_MEM_ERROR)
        return KB_E_NO_MEMORY;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return KB_E_CORRUPT_MESSAGE;
    if (*ended || z->avail_in < fed || z->avail_out < room)
        return KB_OK;
    if (kw_sink_room(out))
        return KB_E_CORRUPT_MESSAGE; /* neither input nor room is missing: cut off */
    return kw_sink_reserve(out, out->size + 1);
}

static int gzip_unpack(void **state, struct kb_slice in, struct kw_sink *out)
{
    z_stream *z = inflater_of(state);
    if (!z)
        return KB_E_NO_MEMORY;
    if (in.size > INT_MAX)
        return KB_E_CORRUPT_MESSAGE;
    z->next_in = (Bytef *)(uintptr_t)in.data;
    z->avail_in = (uInt)in.size;
    for (;;) {
        bool ended;
        int code = inflate_some(z, out, &ended);
        if (code || (ended && z->avail_in == 0))
            return code;
        if (ended && inflateReset(z) != Z_OK)
            return KB_E_CORRUPT_MESSAGE;
    }
}

const struct kw_codec_ops kw_codec_gzip = {
    .info = {"gzip", true, -1, 9, -1},
    .pack = gzip_pack,
    .free_pack = free_deflater,
    .measure = gzip_measure,
    .unpack = gzip_unpack,
    .free_unpack = free_inflater,
};

#else

const struct kw_codec_ops kw_codec_gzip = {.info = {"gzip", false, -1, 9, -1}};

#endif
