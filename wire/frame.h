/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_FRAME_H
#define KW_FRAME_H
/*
 * What stands in front of a body, on either side. A frame is built and taken
 * apart in one go; the 4 bytes of its size belong to the connection:
 *
 *   kw_writer_init(&w, max_bytes);
 *   kw_request_header_write(&w, &header);
 *   kw_fetch_request_encode(&w, header.version, &request);
 *   frame = kw_writer_take(&w);                          NULL: see w.fault
 *
 *   struct kw_reader r = kw_reader_of(kb_buf_view(frame));
 *   kw_request_header_read(&r, &header) &&
 *       kw_fetch_request_decode(&r, header.version, &arena, &request)
 */
#include "wire/api.h"
#include "wire/reader.h"
#include "wire/writer.h"

struct kw_request_header {
    int16_t key, version;
    int32_t correlation_id;
    struct kb_slice client_id; /* may be null */
};

/* The key has to be one of ours. */
void kw_request_header_write(struct kw_writer *w, const struct kw_request_header *header);
/*
 * Which fields a header has depends on key and version, so that a key that is
 * not ours is a fault; `key`, `version` and `correlation_id` are set even then
 * if they were there. A version that is too high is left to the caller: it
 * reads as the flexible versions do, which is what ApiVersions asks for.
 */
bool kw_request_header_read(struct kw_reader *r, struct kw_request_header *header);

/* `version` is that of the request. */
void kw_response_header_write(struct kw_writer *w, int16_t key, int16_t version,
                              int32_t correlation_id);
bool kw_response_header_read(struct kw_reader *r, int16_t key, int16_t version,
                             int32_t *correlation_id);
/* The correlation id of a response whose request is not known yet. */
static inline int32_t kw_response_correlation_id(struct kb_slice frame)
{
    return frame.size < 4 ? -1 : (int32_t)kw_get_be32(frame.data);
}

/*
 * A frame with spliced records as the pieces that go out, 2n + 1 at most; how
 * many is the answer. The buffer's reference passes to the pieces; owners[i]
 * keeps the bytes of splices[i] alive and is referenced (NULL: somebody else
 * does).
 */
size_t kw_frame_pieces(struct kb_buf *buf, const struct kw_splice *splices,
                       struct kb_buf *const *owners, size_t n, struct kb_piece *out);

#endif
