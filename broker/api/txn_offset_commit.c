/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TxnOffsetCommit: what a group is to have finished with once a transaction is
 * committed. The partition that the group lives in takes part in the transaction:
 * from version 5 on by this request, before by AddOffsetsToTxn, which is verified.
 */
#include "wire/gen/txn_offset_commit.h"
#include "broker/api/group.h"
#include "broker/core/group/offsets.h"
#include "broker/server/txn/join.h"

enum { ABORTABLE_SINCE = 4, ADDS_SINCE = 5 };

struct commit {
    struct kd_reply reply;
    struct kd_request *request;
    struct kw_txn_offset_commit_request in;
    struct kw_txn_offset_commit_response out;
    struct kd_commit *commits; /* what can be committed at all */
    int16_t **codes;           /* where each one's answer goes */
    size_t count;
    struct kd_txn_join join;
    struct kd_txn_place place;
};

/* ---- The answer --------------------------------------------------------- */

static void answer(struct commit *commit)
{
    struct kd_request *request = commit->request;
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_txn_offset_commit_response_encode(&w, request->header.version, &commit->out);
    kd_answer_end(request, &w);
}

/* As clients of this request know it. */
static int16_t told(const struct commit *commit, int code)
{
    switch (code) {
    case KB_E_PRODUCER_FENCED:
        return KB_E_INVALID_PRODUCER_EPOCH;
    case KB_E_NOT_ENOUGH_REPLICAS: /* a marker came in between: once more */
        return KB_E_COORDINATOR_NOT_AVAILABLE;
    case KB_E_TRANSACTION_ABORTABLE:
        return commit->request->header.version >= ABORTABLE_SINCE ? KB_E_TRANSACTION_ABORTABLE
                                                                  : KB_E_INVALID_TXN_STATE;
    default:
        return (int16_t)code;
    }
}

static void answer_code(struct commit *commit, int code)
{
    for (size_t i = 0; i < commit->count; i++)
        *commit->codes[i] = told(commit, code);
    answer(commit);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct commit *commit = KB_CONTAINER(reply, struct commit, reply);
    if (code)
        answer_code(commit, code);
    else
        answer(commit);
}

/* ---- What is to be committed -------------------------------------------- */

static void take_partition(struct commit *commit, const struct kd_topic *topic,
                           const struct kw_txn_offset_commit_request_partition *in,
                           struct kw_txn_offset_commit_response_partition *out)
{
    kw_txn_offset_commit_response_partition_init(out);
    out->partition_index = in->partition_index;
    if (!topic || in->partition_index < 0 || in->partition_index >= topic->count) {
        out->error_code = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    commit->codes[commit->count] = &out->error_code;
    commit->commits[commit->count++] =
        (struct kd_commit){.topic = kb_slice_str(topic->name),
                           .partition = in->partition_index,
                           .offset = in->committed_offset,
                           .leader_epoch = in->committed_leader_epoch,
                           .metadata = in->committed_metadata,
                           .expires_ms = -1};
}

static void take_topic(struct commit *commit, const struct kw_txn_offset_commit_request_topic *in,
                       struct kw_txn_offset_commit_response_topic *out)
{
    const struct kd_topic *topic = kd_topics_find(&commit->request->shard->topics, in->name);
    size_t count = (size_t)KB_MAX(in->partitions_count, 0);
    kw_txn_offset_commit_response_topic_init(out);
    out->name = in->name;
    out->partitions = kb_arena_array(&commit->request->arena, count, sizeof *out->partitions);
    for (size_t i = 0; out->partitions && i < count; i++)
        take_partition(commit, topic, &in->partitions[i],
                       &out->partitions[out->partitions_count++]);
}

static bool take_all(struct commit *commit)
{
    struct kb_arena *arena = &commit->request->arena;
    size_t topics = (size_t)KB_MAX(commit->in.topics_count, 0), count = 0;
    for (size_t i = 0; i < topics; i++)
        count += (size_t)KB_MAX(commit->in.topics[i].partitions_count, 0);
    commit->commits = kb_arena_array(arena, count, sizeof *commit->commits);
    commit->codes = kb_arena_array(arena, count, sizeof *commit->codes);
    kw_txn_offset_commit_response_init(&commit->out);
    commit->out.topics = kb_arena_array(arena, topics, sizeof *commit->out.topics);
    for (size_t i = 0; !arena->failed && i < topics; i++)
        take_topic(commit, &commit->in.topics[i], &commit->out.topics[commit->out.topics_count++]);
    return !arena->failed;
}

/* ---- The way -------------------------------------------------------------- */

/* That the partition takes part is known, and no marker of this transaction is on its way
 * yet. Its coordinator may have been dropped since. */
static void step(struct commit *commit)
{
    struct kd_request *request = commit->request;
    const struct kw_txn_offset_commit_request *in = &commit->in;
    struct kd_coordinator *c;
    int code = kd_coordinator_find(&request->shard->groups->topic, in->group_id, &c);
    if (!code)
        code = kd_coordinator_admits(c, in->producer_id, in->producer_epoch);
    struct kd_step *step = code ? NULL : kd_step_begin(c);
    if (!step) {
        answer_code(commit, code ? code : KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    const struct kd_committer who = {.group = in->group_id,
                                     .member = in->member_id,
                                     .instance = in->group_instance_id,
                                     .generation = in->generation_id,
                                     .in_txn = true,
                                     .producer = in->producer_id};
    kd_groups_commit(kd_groups_of(c), &who, commit->commits, commit->count, kd_request_now(request),
                     &step->outcome);
    for (size_t i = 0; i < commit->count; i++)
        *commit->codes[i] = (int16_t)commit->commits[i].code;
    step->producer = in->producer_id;
    step->epoch = in->producer_epoch;
    commit->reply.answer = on_committed;
    kd_step_finish(step, request, &commit->reply);
}

static void on_joined(struct kd_txn_join *join, int code)
{
    struct commit *commit = join->owner;
    commit->request->cancel = NULL;
    if (!code)
        code = commit->place.code;
    if (code)
        answer_code(commit, code);
    else
        step(commit);
}

static void on_cancel(struct kd_request *request)
{
    struct commit *commit = request->op;
    kd_txn_join_forget(&commit->join);
    kd_answer_nothing(request);
}

static void join(struct commit *commit)
{
    struct kd_request *request = commit->request;
    const struct kw_txn_offset_commit_request *in = &commit->in;
    request->op = commit;
    request->cancel = on_cancel;
    commit->place = kd_txn_place_of_group(request->shard, in->group_id);
    commit->join =
        (struct kd_txn_join){.who = {in->transactional_id, in->producer_id, in->producer_epoch},
                             .places = &commit->place,
                             .count = 1,
                             .add = request->header.version >= ADDS_SINCE,
                             .done = on_joined,
                             .owner = commit};
    kd_txn_join(request->shard, &commit->join);
}

static void begin(struct commit *commit)
{
    const struct kw_txn_offset_commit_request *in = &commit->in;
    struct kd_coordinator *c;
    int code = !in->group_id.size ? KB_E_INVALID_GROUP_ID
               : in->producer_id < 0
                   ? KB_E_INVALID_PRODUCER_ID_MAPPING
                   : kd_coordinator_find(&commit->request->shard->groups->topic, in->group_id, &c);
    if (code || !commit->count) {
        answer_code(commit, code);
        return;
    }
    const struct kd_producers *producers = &kd_replica_state(c->place->replica)->producers;
    if (kd_producers_in_txn(producers, in->producer_id, in->producer_epoch))
        step(commit);
    else
        join(commit);
}

void kd_handle_txn_offset_commit(struct kd_request *request)
{
    struct commit *commit = kb_arena_alloc(&request->arena, sizeof *commit);
    if (!commit || !kw_txn_offset_commit_request_decode(&request->body, request->header.version,
                                                        &request->arena, &commit->in)) {
        kd_request_refuse(request);
        return;
    }
    commit->request = request;
    if (take_all(commit))
        begin(commit);
    else
        kd_answer_fail(request, "no memory for the answer");
}
