/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rpc_impl.h"

#include "base/arena.h"
#include "wire/frame.h"
#include "wire/gen/api_versions.h"

/* What ApiVersions may ask for: a few thousand keys. */
enum { NEWEST = 4, BODY_MAX = 1024, ARENA_BYTES = 1024 * 1024 };

static bool ask(struct kn_rpc *rpc, int16_t version);

static void take_ranges(struct kn_rpc *rpc, const struct kw_api_versions_response *response)
{
    for (int32_t i = 0; i < response->api_keys_count; i++) {
        const struct kw_api_versions_response_api *api = &response->api_keys[i];
        if (api->api_key >= 0 && api->api_key < KW_API_KEY_END)
            rpc->ranges[api->api_key] =
                (struct kn_version_range){api->min_version, api->max_version};
    }
}

/* The best version below the one that was refused; an old broker names no
 * range and knows 0. */
static int16_t fall_back(struct kn_rpc *rpc, const struct kw_api_versions_response *response,
                         int16_t refused)
{
    take_ranges(rpc, response);
    int best = kn_rpc_version(rpc, KW_API_API_VERSIONS, 0, NEWEST);
    return (int16_t)(best >= 0 && best < refused ? best : 0);
}

static void fail(struct kn_rpc *rpc, int code, const char *what)
{
    struct kb_error why;
    kb_error_set(&why, code, "%s: %s", rpc->name, what);
    kn_rpc_close(rpc, &why);
}

static void keep(struct kn_rpc *rpc, const struct kn_answer *answer)
{
    rpc->versions = kb_buf_ref(answer->frame);
    rpc->versions_version = answer->version;
}

static void take(struct kn_rpc *rpc, const struct kn_answer *answer,
                 const struct kw_api_versions_response *response)
{
    if (response->error_code == KB_E_UNSUPPORTED_VERSION && answer->version > 0) {
        if (!ask(rpc, fall_back(rpc, response, answer->version)))
            fail(rpc, KB_E_NO_MEMORY, "no memory to ask for its versions");
    } else if (response->error_code) {
        fail(rpc, KB_E_UNSUPPORTED, kb_code_text(response->error_code));
    } else {
        keep(rpc, answer);
        take_ranges(rpc, response);
        kn_rpc_negotiated(rpc);
    }
}

static void on_versions(void *ctx, const struct kn_answer *answer)
{
    struct kn_rpc *rpc = ctx;
    struct kw_api_versions_response response;
    struct kb_arena arena;
    if (answer->err)
        return; /* the rpc is ending */
    /* A version that is too high is refused in the layout of version 0. */
    struct kw_reader peek = *answer->body;
    int16_t error = kw_read_i16(&peek);
    kb_arena_init(&arena, ARENA_BYTES);
    if (kw_api_versions_response_decode(answer->body,
                                        error == KB_E_UNSUPPORTED_VERSION ? 0 : answer->version,
                                        &arena, &response))
        take(rpc, answer, &response);
    else
        fail(rpc, KB_E_PROTOCOL, "does not speak the Kafka protocol (its versions cannot be read)");
    kb_arena_deinit(&arena);
}

static struct kb_buf *encode(const struct kn_rpc *rpc, int16_t version)
{
    struct kw_writer w;
    struct kw_api_versions_request request;
    kw_api_versions_request_init(&request);
    if (rpc->options.software_name)
        request.client_software_name = kb_slice_str(rpc->options.software_name);
    if (rpc->options.software_version)
        request.client_software_version = kb_slice_str(rpc->options.software_version);
    kw_writer_init(&w, BODY_MAX);
    kw_api_versions_request_encode(&w, version, &request);
    return kw_writer_take(&w);
}

static bool ask(struct kn_rpc *rpc, int16_t version)
{
    struct kb_buf *body = encode(rpc, version);
    if (!body)
        return false;
    struct kb_piece piece = {body, kb_buf_view(body)};
    struct kn_request request = {
        .api_key = KW_API_API_VERSIONS,
        .version = version,
        .pieces = &piece,
        .n = 1,
        .timeout_ms = rpc->options.versions_ms,
        .on_answer = on_versions,
        .ctx = rpc,
    };
    return kn_call_new(rpc, &request, NULL) != NULL;
}

void kn_rpc_negotiate(struct kn_rpc *rpc)
{
    if (!ask(rpc, NEWEST))
        fail(rpc, KB_E_NO_MEMORY, "no memory to ask for its versions");
}
