/* SPDX-License-Identifier: Apache-2.0 */
/* AddOffsetsToTxn: the partition of __consumer_offsets that keeps a group takes part in
 * a transaction. The topic is made for it, as for whoever asks for a group first. */
#include "wire/gen/add_offsets_to_txn.h"
#include "broker/api/txn.h"
#include "broker/server/group/topic.h"
#include "broker/server/txn/join.h"

enum { FENCED_SINCE = 2, MODERN_SINCE = 4 };

struct add {
    struct kd_request *request;
    struct kw_add_offsets_to_txn_request in;
    struct kd_topic_wait wait;
    struct kd_txn_join join;
    struct kd_txn_place place;
};

static void answer(struct kd_request *request, int code)
{
    struct kw_add_offsets_to_txn_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    kw_add_offsets_to_txn_response_init(&out);
    out.error_code = kd_txn_code(code, version, FENCED_SINCE);
    kd_answer_begin(request, &w);
    kw_add_offsets_to_txn_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}

static void on_joined(struct kd_txn_join *join, int code)
{
    answer(join->owner, code);
}

static void on_topic(struct kd_topic_wait *wait, int code)
{
    struct add *add = KB_CONTAINER(wait, struct add, wait);
    struct kd_request *request = add->request;
    if (code) {
        answer(request, code);
        return;
    }
    add->place = kd_txn_place_of_group(request->shard, add->in.group_id);
    add->join.who = (struct kd_txn_producer){add->in.transactional_id, add->in.producer_id,
                                             add->in.producer_epoch};
    add->join.places = &add->place;
    add->join.count = 1;
    add->join.add = true;
    add->join.done = on_joined;
    add->join.owner = request;
    kd_txn_join_as(request->shard, &add->join, request->header.version >= MODERN_SINCE ? 2 : 0);
}

static void on_cancel(struct kd_request *request)
{
    struct add *add = request->op;
    kd_coordinator_topic_forget(&add->wait);
    kd_txn_join_forget(&add->join);
    kd_answer_nothing(request);
}

void kd_handle_add_offsets_to_txn(struct kd_request *request)
{
    struct add *add = kb_arena_alloc(&request->arena, sizeof *add);
    if (!add || !kw_add_offsets_to_txn_request_decode(&request->body, request->header.version,
                                                      &request->arena, &add->in)) {
        kd_request_refuse(request);
        return;
    }
    if (!add->in.transactional_id.size || !add->in.group_id.size) {
        answer(request, add->in.group_id.size ? KB_E_INVALID_REQUEST : KB_E_INVALID_GROUP_ID);
        return;
    }
    add->request = request;
    add->wait.done = on_topic;
    kb_list_init(&add->join.reply.link);
    request->op = add;
    request->cancel = on_cancel;
    kd_coordinator_topic_want(&request->shard->groups->topic, &add->wait);
}
