/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeCluster: the brokers, without topics. */
#include "wire/gen/describe_cluster.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/server/link.h"

enum { BROKERS = 1 }; /* endpoint types; 2 would be a KRaft controller's */

void kd_handle_describe_cluster(struct kd_request *request)
{
    struct kw_describe_cluster_request in;
    struct kw_describe_cluster_response out;
    struct kw_describe_cluster_response_broker self;
    struct kw_writer w;
    const struct kd_shard *shard = request->shard;
    int16_t version = request->header.version;
    if (!kw_describe_cluster_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_describe_cluster_response_init(&out);
    kw_describe_cluster_response_broker_init(&self);
    out.cluster_id = kb_slice_str(shard->cluster_id);
    out.endpoint_type = in.endpoint_type;
    if (in.include_cluster_authorized_operations)
        out.cluster_authorized_operations = KD_MAY_WITH_CLUSTER;
    if (in.endpoint_type != BROKERS) {
        out.error_code = KB_E_MISMATCHED_ENDPOINT_TYPE;
        out.error_message = kb_slice_str("this is a broker");
    } else {
        self.broker_id = out.controller_id = shard->config->node_id;
        self.host = kb_slice_str(request->peer->spec->told.host);
        self.port = request->peer->spec->told.port;
        self.rack = kb_slice_str(shard->config->rack);
        out.brokers = &self;
        out.brokers_count = 1;
    }
    kd_answer_begin(request, &w);
    kw_describe_cluster_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
