/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/api.h"

const struct kw_api *kw_api_find(int16_t key)
{
    if (key < 0 || key >= KW_API_KEY_END || !kw_api_table[key].name)
        return NULL;
    return &kw_api_table[key];
}

const char *kw_api_name(int16_t key)
{
    const struct kw_api *api = kw_api_find(key);
    return api ? api->name : "Unknown";
}
