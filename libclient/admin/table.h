/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ADMIN_TABLE_H
#define KC_ADMIN_TABLE_H
/*
 * What the kinds of requests share. A row's encode and take build or read their
 * message in an arena of their own; where nothing else is to be said, two
 * functions are enough:
 *
 *   bool build_X(part, arena, request, version)   fills the request
 *   int collect_X(part, response, err)            makes infos of the response
 *
 * KC_ADMIN_ENCODE(X) and KC_ADMIN_TAKE(X) make encode_X and take_X of them. What
 * an info points to lies in the result's arena; that memory ran out is told by
 * take_X, so collect only must not trip over a NULL.
 */
#include "base/check.h"
#include "libclient/admin/admin.h"
#include "wire/api.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { KC_ADMIN_ARENA_BYTES = 64 << 20 };

/* ---- Constructors ---------------------------------------------------------------*/

/* With room for so many items, named by kc_request_item. NULL: no memory. */
kurier_request *kc_request_new(const struct kc_admin_api *api, size_t count);
/* An item of that name and partition; a NULL name makes the request refused. */
struct kc_admin_item *kc_request_item(kurier_request *request, size_t i, const char *name,
                                      int32_t partition);
/* Copies for `with`. NULL stays NULL; kc_request_whole finds what did not fit. */
const char *kc_request_text(kurier_request *request, const char *text);
const void *kc_request_copy(kurier_request *request, const void *from, size_t size);
const char *const *kc_request_texts(kurier_request *request, const char *const *texts);
kurier_nodes kc_request_nodes(kurier_request *request, kurier_nodes nodes);
void kc_request_refuse(kurier_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* NULL, and freed, if memory ran out on the way. */
kurier_request *kc_request_whole(kurier_request *request);
/* Of partitions; NULL: all. */
kurier_request *kc_request_of_partitions(const struct kc_admin_api *api,
                                         const kurier_position *positions, size_t n);
/* Names alone. */
kurier_request *kc_request_of_names(const struct kc_admin_api *api, const char *const *names,
                                    size_t n);
/* Items are the group's. */
kurier_request *kc_request_in_group(kurier_request *request, const char *group);
kurier_request *kc_request_of_brokers(const struct kc_admin_api *api, const int32_t *nodes,
                                      size_t n);

/* ---- Writing ----------------------------------------------------------------------*/

static inline const kurier_request *kc_admin_request(const struct kc_admin_part *part)
{
    return part->admin->request;
}
/* Milliseconds that a broker may take for this request. */
int32_t kc_admin_time_left_ms(const struct kc_admin_part *part);
/* How many items from i on have its name: the partitions of one topic. */
size_t kc_admin_same_name(const struct kc_admin_part *part, size_t i);
struct kb_uuid kc_admin_id(const struct kc_admin_item *item);

/* ---- Reading ----------------------------------------------------------------------*/

/* What the broker says of one thing. The info to fill further, or NULL: it failed,
 * or was not asked for. */
union kc_admin_info *kc_admin_answer(struct kc_admin_part *part, struct kb_slice name,
                                     int32_t partition, int code, struct kb_slice text);
/* The same of a part's only item. */
union kc_admin_info *kc_admin_answer_only(struct kc_admin_part *part, int code,
                                          struct kb_slice text);
/* The same of those that the answer left out. NULL: the code's own words. */
void kc_admin_answer_rest(struct kc_admin_part *part, int code, const char *text);
/* One answer for all that is not answered yet. */
void kc_admin_answer_all(struct kc_admin_part *part, int code, struct kb_slice text);
/* The broker knows it, but not by this API: the row's other one is asked. */
void kc_admin_answer_instead(struct kc_admin_part *part, struct kb_slice name);
/* In the result's arena. NULL stays NULL. */
const char *kc_admin_text(struct kc_admin_part *part, struct kb_slice text);
const char *kc_admin_id_text(struct kc_admin_part *part, struct kb_uuid id);
/* Zeroed; NULL: no memory, and *count is 0 then. A negative count is 0. */
void *kc_admin_array(struct kc_admin_part *part, int32_t from_count, size_t size, uint32_t *count);
const char *const *kc_admin_texts(struct kc_admin_part *part, const struct kb_slice *texts,
                                  int32_t from_count, uint32_t *count);
kurier_nodes kc_admin_nodes(struct kc_admin_part *part, const int32_t *nodes, int32_t count);
/* Code and words for what the broker answered to the request as a whole. */
int kc_admin_refused(const struct kc_admin_part *part, int code, struct kb_slice text,
                     struct kb_error *err);

void kc_admin_throttled(struct kc_admin_part *part, int32_t throttle_ms);
int kc_admin_unreadable(const struct kc_admin_part *part, const struct kw_reader *body,
                        struct kb_error *err);
/* code, or that memory for the result ran out. */
int kc_admin_taken(const struct kc_admin_part *part, int code, struct kb_error *err);

#define KC_ADMIN_ENCODE(message)                                                                   \
    static int encode_##message(struct kc_admin_part *part, int16_t version,                       \
                                struct kw_writer *out)                                             \
    {                                                                                              \
        struct kw_##message##_request request;                                                     \
        struct kb_arena arena;                                                                     \
        kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);                                               \
        kw_##message##_request_init(&request);                                                     \
        bool whole = build_##message(part, &arena, &request, version) && !arena.failed &&          \
                     kw_##message##_request_encode(out, version, &request);                        \
        bool memory = !arena.failed;                                                               \
        kb_arena_deinit(&arena);                                                                   \
        return whole ? 0 : memory ? KB_E_UNSUPPORTED : KB_E_NO_MEMORY;                             \
    }

#define KC_ADMIN_TAKE(message)                                                                     \
    static int take_##message(struct kc_admin_part *part, int16_t version, struct kw_reader *body, \
                              struct kb_error *err)                                                \
    {                                                                                              \
        struct kw_##message##_response response;                                                   \
        struct kb_arena arena;                                                                     \
        int code;                                                                                  \
        kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);                                               \
        if (kw_##message##_response_decode(body, version, &arena, &response)) {                    \
            kc_admin_throttled(part, response.throttle_time_ms);                                   \
            code = kc_admin_taken(part, collect_##message(part, &response, err), err);             \
        } else {                                                                                   \
            code = kc_admin_unreadable(part, body, err);                                           \
        }                                                                                          \
        kb_arena_deinit(&arena);                                                                   \
        return code;                                                                               \
    }

#endif
