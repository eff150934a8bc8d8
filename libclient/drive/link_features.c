/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster has agreed on, as the answer of ApiVersions tells (KIP-584). */
#include "base/arena.h"
#include "libclient/drive/link_impl.h"
#include "wire/frame.h"
#include "wire/gen/api_versions.h"
#include "wire/reader.h"

enum { ARENA_BYTES = 1 << 20 };

static int level_of(const struct kw_api_versions_response *response, const char *feature)
{
    for (int32_t i = 0; i < response->finalized_features_count; i++)
        if (kb_slice_is(response->finalized_features[i].name, feature))
            return response->finalized_features[i].max_version_level;
    return 0;
}

static int finalized(const struct kn_rpc *rpc, const char *feature)
{
    int16_t version = 0;
    struct kb_buf *frame = kn_rpc_api_versions(rpc, &version);
    struct kw_api_versions_response response;
    struct kb_arena arena;
    int32_t correlation;
    if (!frame)
        return 0;
    kb_arena_init(&arena, ARENA_BYTES);
    struct kw_reader body = kw_reader_of(kb_buf_view(frame));
    bool read = kw_response_header_read(&body, KW_API_API_VERSIONS, version, &correlation) &&
                kw_api_versions_response_decode(&body, version, &arena, &response);
    int level = read ? level_of(&response, feature) : 0;
    kb_arena_deinit(&arena);
    return level;
}

int kc_link_transactions(struct kc_link *link)
{
    if (!link->rpc)
        return 0;
    if (link->transactions < 0)
        link->transactions = finalized(link->rpc, "transaction.version");
    return link->transactions;
}
