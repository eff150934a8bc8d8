/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ADMIN_TABLE_H
#define KC_ADMIN_TABLE_H
/*
 * What the rows of administration share. A row needs an encode and a take; each
 * builds or reads its message in an arena of its own. Where nothing else is to be
 * said, two functions are enough:
 *
 *   bool build_X(part, arena, request, version)   fills the request
 *   int collect_X(part, response, err)            makes rows of the response
 *
 * KC_ADMIN_ENCODE(X) and KC_ADMIN_TAKE(X) make encode_X and take_X of them.
 */
#include "libclient/drive/admin.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { KC_ADMIN_ARENA_BYTES = 64 << 20 };

int kc_admin_unreadable(const struct kc_admin_part *part, const struct kw_reader *body,
                        struct kb_error *err);
int kc_admin_no_memory(struct kb_error *err);
/* What every broker says of one thing: its name, a code, and words. False: no memory. */
bool kc_admin_outcome(struct kc_admin_part *part, struct kb_slice name, int16_t code,
                      struct kb_slice text);

#define KC_ADMIN_ENCODE(message)                                                                   \
    static int encode_##message(struct kc_admin_part *part, int16_t version,                       \
                                struct kw_writer *out)                                             \
    {                                                                                              \
        struct kw_##message##_request request;                                                     \
        struct kb_arena arena;                                                                     \
        kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);                                               \
        kw_##message##_request_init(&request);                                                     \
        bool whole = build_##message(part, &arena, &request, version) &&                           \
                     kw_##message##_request_encode(out, version, &request);                        \
        kb_arena_deinit(&arena);                                                                   \
        return whole ? 0 : KB_E_UNSUPPORTED;                                                       \
    }

#define KC_ADMIN_TAKE(message)                                                                     \
    static int take_##message(struct kc_admin_part *part, int16_t version, struct kw_reader *body, \
                              struct kb_error *err)                                                \
    {                                                                                              \
        struct kw_##message##_response response;                                                   \
        struct kb_arena arena;                                                                     \
        kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);                                               \
        int code = kw_##message##_response_decode(body, version, &arena, &response)                \
                       ? collect_##message(part, &response, err)                                   \
                       : kc_admin_unreadable(part, body, err);                                     \
        kb_arena_deinit(&arena);                                                                   \
        return code;                                                                               \
    }

#endif
