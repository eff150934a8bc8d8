/* SPDX-License-Identifier: Apache-2.0 */
/* FindCoordinator: one node is the coordinator of every key. The first who asks for
 * that of a group, or of a transactional id, has the topic made in which they are kept,
 * and waits for it. What the coordinator cannot do (share groups) shows by ApiVersions,
 * which tells a client at once; an answer that there is none yet would have it ask again
 * and again. */
#include "wire/gen/find_coordinator.h"
#include "broker/api/api.h"
#include "broker/server/group/topic.h"
#include "broker/server/txn/topic.h"
#include "broker/server/link.h"

enum { GROUP, TRANSACTION, SHARE }; /* types of keys */

struct find {
    struct kd_request *request;
    struct kw_find_coordinator_request in;
    struct kd_topic_wait wait;
};

static void fill(const struct find *find, int code,
                 struct kw_find_coordinator_response_coordinator *self)
{
    const struct kd_request *request = find->request;
    kw_find_coordinator_response_coordinator_init(self);
    self->node_id = self->port = -1;
    self->host = kb_slice_str("");
    self->error_code = (int16_t)code;
    if (code == KB_E_INVALID_REQUEST) {
        self->error_message = kb_slice_str("there is no such type of key");
    } else if (code) {
        self->error_message = kb_slice_str("the coordinator's topic could not be made");
    } else {
        self->node_id = request->shard->config->node_id;
        self->host = kb_slice_str(request->peer->spec->told.host);
        self->port = request->peer->spec->told.port;
    }
}

static void answer(struct find *find, int code)
{
    struct kd_request *request = find->request;
    const struct kw_find_coordinator_request *in = &find->in;
    struct kw_find_coordinator_response out;
    struct kw_find_coordinator_response_coordinator self;
    struct kw_writer w;
    kw_find_coordinator_response_init(&out);
    fill(find, code, &self);
    if (request->header.version < 4) {
        out.error_code = self.error_code;
        out.error_message = self.error_message;
        out.node_id = self.node_id;
        out.host = self.host;
        out.port = self.port;
    }
    out.coordinators = kb_arena_array(
        &request->arena, (size_t)KB_MAX(in->coordinator_keys_count, 0), sizeof *out.coordinators);
    for (int32_t i = 0; out.coordinators && i < in->coordinator_keys_count; i++) {
        self.key = in->coordinator_keys[i];
        out.coordinators[out.coordinators_count++] = self;
    }
    kd_answer_begin(request, &w);
    kw_find_coordinator_response_encode(&w, request->header.version, &out);
    kd_answer_end(request, &w);
}

static void on_topic(struct kd_topic_wait *wait, int code)
{
    answer(KB_CONTAINER(wait, struct find, wait), code);
}

static void on_cancel(struct kd_request *request)
{
    struct find *find = request->op;
    kd_coordinator_topic_forget(&find->wait);
    kd_answer_nothing(request);
}

void kd_handle_find_coordinator(struct kd_request *request)
{
    struct find *find = kb_arena_alloc(&request->arena, sizeof *find);
    if (!find || !kw_find_coordinator_request_decode(&request->body, request->header.version,
                                                     &request->arena, &find->in)) {
        kd_request_refuse(request);
        return;
    }
    find->request = request;
    request->op = find;
    if (find->in.key_type < GROUP || find->in.key_type > SHARE) {
        answer(find, KB_E_INVALID_REQUEST);
    } else if (find->in.key_type == SHARE) {
        answer(find, KB_OK);
    } else {
        request->cancel = on_cancel;
        find->wait.done = on_topic;
        kd_coordinator_topic_want(find->in.key_type == GROUP ? &request->shard->groups->topic
                                                             : &request->shard->txns->topic,
                                  &find->wait);
    }
}
