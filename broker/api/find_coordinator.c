/* SPDX-License-Identifier: Apache-2.0 */
/* FindCoordinator: clients ask it before they know whether they need one.
 * Groups and transactions have no coordinator here, and it says so. */
#include "wire/gen/find_coordinator.h"
#include "broker/api/api.h"

static const char why[] = "groups and transactions are not served by this broker";

static void fill(const struct kb_slice key, struct kw_find_coordinator_response_coordinator *out)
{
    kw_find_coordinator_response_coordinator_init(out);
    out->key = key;
    out->node_id = -1;
    out->host = kb_slice_str("");
    out->port = -1;
    out->error_code = KB_E_COORDINATOR_NOT_AVAILABLE;
    out->error_message = kb_slice_str(why);
}

void kd_handle_find_coordinator(struct kd_request *request)
{
    struct kw_find_coordinator_request in;
    struct kw_find_coordinator_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_find_coordinator_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_find_coordinator_response_init(&out);
    if (version < 4) {
        out.error_code = KB_E_COORDINATOR_NOT_AVAILABLE;
        out.error_message = kb_slice_str(why);
        out.node_id = out.port = -1;
        out.host = kb_slice_str("");
    }
    out.coordinators = kb_arena_array(&request->arena, (size_t)KB_MAX(in.coordinator_keys_count, 0),
                                      sizeof *out.coordinators);
    for (int32_t i = 0; out.coordinators && i < in.coordinator_keys_count; i++)
        fill(in.coordinator_keys[i], &out.coordinators[out.coordinators_count++]);
    kd_answer_begin(request, &w);
    kw_find_coordinator_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
