/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_API_H
#define KW_API_H
/*
 * The APIs whose codecs this library has: enum kw_api_key (KW_API_FETCH ...)
 * and a row for each. What a broker advertises, or a client uses, is theirs to
 * choose within it.
 */
#include "wire/gen/apis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KW_NEVER = INT16_MAX };

struct kw_api {
    int16_t key;
    int16_t min_version, max_version;
    int16_t flexible_from; /* KW_NEVER: no version is */
    const char *name;      /* "Fetch"; NULL: the key has no row */
};

extern const struct kw_api kw_api_table[KW_API_KEY_END]; /* by key, with holes */

const struct kw_api *kw_api_find(int16_t key); /* NULL: not one of ours */
const char *kw_api_name(int16_t key);          /* "Unknown" for other keys */

static inline bool kw_api_has(const struct kw_api *api, int16_t version)
{
    return version >= api->min_version && version <= api->max_version;
}

static inline bool kw_api_is_flexible(const struct kw_api *api, int16_t version)
{
    return version >= api->flexible_from;
}

#endif
