/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include "base/check.h"

/* client_id keeps the old string form even where the rest is flexible, so that
 * a broker can read it before it knows the version. */
enum { CLIENT_ID_FLEX = false };

void kw_request_header_write(struct kw_writer *w, const struct kw_request_header *header)
{
    const struct kw_api *api = kw_api_find(header->key);
    KB_CHECK(api);
    kw_write_i16(w, header->key);
    kw_write_i16(w, header->version);
    kw_write_i32(w, header->correlation_id);
    kw_write_str(w, CLIENT_ID_FLEX, true, header->client_id);
    if (kw_api_is_flexible(api, header->version))
        kw_write_uvarint(w, 0);
}

static void skip_tags(struct kw_reader *r)
{
    struct kw_tags tags = kw_tags_open(r);
    while (kw_tags_next(&tags, r))
        continue;
}

bool kw_request_header_read(struct kw_reader *r, struct kw_request_header *header)
{
    header->key = kw_read_i16(r);
    header->version = kw_read_i16(r);
    header->correlation_id = kw_read_i32(r);
    header->client_id = kb_slice_null();
    const struct kw_api *api = kw_api_find(header->key);
    if (!api) {
        kw_reader_fail(r, "no such API");
        return false;
    }
    header->client_id = kw_read_str(r, CLIENT_ID_FLEX, true);
    if (kw_api_is_flexible(api, header->version))
        skip_tags(r);
    return kw_reader_ok(r);
}

/* A client asks for ApiVersions before it knows what the broker speaks, so the
 * header of the answer never changed. */
static bool response_header_has_tags(int16_t key, int16_t version)
{
    const struct kw_api *api = kw_api_find(key);
    KB_CHECK(api);
    return key != KW_API_API_VERSIONS && kw_api_is_flexible(api, version);
}

void kw_response_header_write(struct kw_writer *w, int16_t key, int16_t version,
                              int32_t correlation_id)
{
    kw_write_i32(w, correlation_id);
    if (response_header_has_tags(key, version))
        kw_write_uvarint(w, 0);
}

bool kw_response_header_read(struct kw_reader *r, int16_t key, int16_t version,
                             int32_t *correlation_id)
{
    *correlation_id = kw_read_i32(r);
    if (response_header_has_tags(key, version))
        skip_tags(r);
    return kw_reader_ok(r);
}

static size_t add_piece(struct kb_piece *out, struct kb_buf *owner, struct kb_slice bytes)
{
    if (!bytes.size)
        return 0;
    *out = (struct kb_piece){owner ? kb_buf_ref(owner) : NULL, bytes};
    return 1;
}

size_t kw_frame_pieces(struct kb_buf *buf, const struct kw_splice *splices,
                       struct kb_buf *const *owners, size_t n, struct kb_piece *out)
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = splices[i].at;
        KB_CHECK(at >= from && at <= buf->size);
        count += add_piece(&out[count], buf, kb_slice_of(buf->data + from, at - from));
        count += add_piece(&out[count], owners[i], splices[i].bytes);
        from = at;
    }
    count += add_piece(&out[count], buf, kb_slice_of(buf->data + from, buf->size - from));
    kb_buf_unref(buf);
    return count;
}
