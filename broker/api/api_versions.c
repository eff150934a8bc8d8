/* SPDX-License-Identifier: Apache-2.0 */
/* ApiVersions: asked first, by clients of every age. A version that does not
 * exist yet is answered in the layout of version 0, with UNSUPPORTED_VERSION
 * and our range, so that the client can come again (KIP-511). */
#include "broker/api/api.h"
#include "broker/server/link.h"
#include "wire/gen/api_versions.h"
#include <ctype.h>
#include <stdio.h>

static struct kw_api_versions_response_api row_of(const struct kd_api *api)
{
    return (struct kw_api_versions_response_api){api->key, api->told_min, api->max_version};
}

static void list_apis(struct kd_request *request, struct kw_api_versions_response *out)
{
    size_t count;
    const struct kd_api *apis = kd_apis(&count);
    out->api_keys = kb_arena_array(&request->arena, count, sizeof *out->api_keys);
    for (size_t i = 0; out->api_keys && i < count; i++)
        out->api_keys[out->api_keys_count++] = row_of(&apis[i]);
}

/* What is supported from level 0 on clients below version 4 cannot read, so they are told
 * the finalized level alone. */
static void list_features(struct kd_request *request, struct kw_api_versions_response *out)
{
    const struct kd_features *features = &request->shard->features;
    struct kb_arena *arena = &request->arena;
    out->finalized_features = kb_arena_array(arena, KD_FEATURES, sizeof *out->finalized_features);
    out->supported_features = kb_arena_array(arena, KD_FEATURES, sizeof *out->supported_features);
    out->finalized_features_epoch = kd_features_epoch(features);
    for (int i = 0; !arena->failed && i < KD_FEATURES; i++) {
        const struct kd_feature *row = &kd_feature_rows[i];
        int16_t level = features->levels[i];
        if (level)
            out->finalized_features[out->finalized_features_count++] =
                (struct kw_api_versions_response_finalized_feature){kb_slice_str(row->name), level,
                                                                    level};
        if (row->min || request->header.version >= 4)
            out->supported_features[out->supported_features_count++] =
                (struct kw_api_versions_response_supported_feature){kb_slice_str(row->name),
                                                                    row->min, row->max};
    }
}

/* Letters and digits, with '.' and '-' inside. */
static bool is_software_word(struct kb_slice word)
{
    if (word.size == 0)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        bool inside = i > 0 && i + 1 < word.size;
        if (c >= 128 || (!isalnum(c) && !(inside && (c == '.' || c == '-'))))
            return false;
    }
    return true;
}

static void note_software(struct kd_request *request, const struct kw_api_versions_request *in)
{
    char *software = request->peer->software;
    snprintf(software, sizeof request->peer->software, "%.*s %.*s",
             (int)in->client_software_name.size, in->client_software_name.data,
             (int)in->client_software_version.size, in->client_software_version.data);
}

static void answer(struct kd_request *request, int16_t version,
                   const struct kw_api_versions_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_api_versions_response_encode(&w, version, out);
    kd_answer_end(request, &w);
}

static void answer_unsupported(struct kd_request *request)
{
    struct kw_api_versions_response out;
    struct kw_api_versions_response_api own = row_of(request->api);
    kw_api_versions_response_init(&out);
    out.error_code = KB_E_UNSUPPORTED_VERSION;
    out.api_keys = &own;
    out.api_keys_count = 1;
    answer(request, 0, &out);
}

void kd_handle_api_versions(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct kw_api_versions_request in;
    struct kw_api_versions_response out;
    if (version > request->api->max_version || version < 0) {
        answer_unsupported(request);
        return;
    }
    if (!kw_api_versions_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_api_versions_response_init(&out);
    if (version >= 3 && (!is_software_word(in.client_software_name) ||
                         !is_software_word(in.client_software_version))) {
        out.error_code = KB_E_INVALID_REQUEST;
    } else {
        list_apis(request, &out);
        if (version >= 3) {
            list_features(request, &out);
            note_software(request, &in);
        }
    }
    answer(request, version, &out);
}
