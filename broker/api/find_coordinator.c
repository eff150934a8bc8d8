/* SPDX-License-Identifier: Apache-2.0 */
/* FindCoordinator: one node is the coordinator of every key. Clients ask before
 * they know whether they need one. What the coordinator cannot do (groups and
 * transactions) shows by ApiVersions, which tells a client at once; an answer
 * that there is no coordinator yet would have it ask again and again. */
#include "wire/gen/find_coordinator.h"
#include "broker/api/api.h"
#include "broker/server/link.h"

enum { SHARE = 2 }; /* the last of the key types: group, transaction, share */

void kd_handle_find_coordinator(struct kd_request *request)
{
    struct kw_find_coordinator_request in;
    struct kw_find_coordinator_response out;
    struct kw_find_coordinator_response_coordinator self;
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_find_coordinator_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_find_coordinator_response_init(&out);
    kw_find_coordinator_response_coordinator_init(&self);
    if (in.key_type < 0 || in.key_type > SHARE) {
        self.error_code = KB_E_INVALID_REQUEST;
        self.error_message = kb_slice_str("there is no such type of key");
        self.node_id = self.port = -1;
    } else {
        self.node_id = request->shard->config->node_id;
        self.host = kb_slice_str(request->peer->spec->told.host);
        self.port = request->peer->spec->told.port;
    }
    if (version < 4) {
        out.error_code = self.error_code;
        out.error_message = self.error_message;
        out.node_id = self.node_id;
        out.host = self.host;
        out.port = self.port;
    }
    out.coordinators = kb_arena_array(&request->arena, (size_t)KB_MAX(in.coordinator_keys_count, 0),
                                      sizeof *out.coordinators);
    for (int32_t i = 0; out.coordinators && i < in.coordinator_keys_count; i++) {
        self.key = in.coordinator_keys[i];
        out.coordinators[out.coordinators_count++] = self;
    }
    kd_answer_begin(request, &w);
    kw_find_coordinator_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
