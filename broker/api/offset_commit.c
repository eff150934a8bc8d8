/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetCommit: what a group has finished with, by name or, from version 10 on, by id. */
#include "wire/gen/offset_commit.h"
#include "broker/api/group.h"
#include "broker/core/group/offsets.h"

struct commit {
    struct kd_reply reply;
    struct kw_offset_commit_request in;
    struct kw_offset_commit_response out;
    struct kd_commit *commits; /* what can be committed at all */
    int16_t **codes;           /* where each one's answer goes */
    size_t count;
};

static void answer(struct kd_request *request, const struct kw_offset_commit_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_offset_commit_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void answer_code(struct commit *commit, struct kd_request *request, int code)
{
    for (size_t i = 0; i < commit->count; i++)
        *commit->codes[i] = (int16_t)code;
    answer(request, &commit->out);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct commit *commit = KB_CONTAINER(reply, struct commit, reply);
    if (code)
        answer_code(commit, reply->request, code);
    else
        answer(reply->request, &commit->out);
}

/* ---- What is to be committed -------------------------------------------- */

static const struct kd_topic *find_topic(const struct kd_request *request,
                                         const struct kw_offset_commit_request_topic *in,
                                         int16_t *code)
{
    const struct kd_topics *topics = &request->shard->topics;
    bool by_id = request->header.version >= 10;
    const struct kd_topic *topic =
        by_id ? kd_topics_find_id(topics, in->topic_id) : kd_topics_find(topics, in->name);
    *code = topic ? KB_OK : by_id ? KB_E_UNKNOWN_TOPIC_ID : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    return topic;
}

static void take_partition(struct commit *commit, const struct kd_topic *topic,
                           const struct kw_offset_commit_request_partition *in, int64_t now_ms,
                           int16_t *code)
{
    int64_t retention_ms = commit->in.retention_time_ms;
    if (in->partition_index < 0 || in->partition_index >= topic->count) {
        *code = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    commit->codes[commit->count] = code;
    commit->commits[commit->count++] =
        (struct kd_commit){.topic = kb_slice_str(topic->name),
                           .partition = in->partition_index,
                           .offset = in->committed_offset,
                           .leader_epoch = in->committed_leader_epoch,
                           .metadata = in->committed_metadata,
                           .expires_ms = retention_ms < 0 ? -1 : now_ms + retention_ms};
}

static void take_topic(struct commit *commit, struct kd_request *request,
                       const struct kw_offset_commit_request_topic *in,
                       struct kw_offset_commit_response_topic *out)
{
    int16_t code;
    const struct kd_topic *topic = find_topic(request, in, &code);
    size_t count = (size_t)KB_MAX(in->partitions_count, 0);
    kw_offset_commit_response_topic_init(out);
    out->name = in->name;
    out->topic_id = in->topic_id;
    out->partitions = kb_arena_array(&request->arena, count, sizeof *out->partitions);
    for (size_t i = 0; out->partitions && i < count; i++) {
        struct kw_offset_commit_response_partition *part =
            &out->partitions[out->partitions_count++];
        kw_offset_commit_response_partition_init(part);
        part->partition_index = in->partitions[i].partition_index;
        part->error_code = code;
        if (topic)
            take_partition(commit, topic, &in->partitions[i], kd_request_now(request).wall_ms,
                           &part->error_code);
    }
}

static bool take_all(struct commit *commit, struct kd_request *request)
{
    struct kb_arena *arena = &request->arena;
    size_t topics = (size_t)KB_MAX(commit->in.topics_count, 0), count = 0;
    for (size_t i = 0; i < topics; i++)
        count += (size_t)KB_MAX(commit->in.topics[i].partitions_count, 0);
    commit->commits = kb_arena_array(arena, count, sizeof *commit->commits);
    commit->codes = kb_arena_array(arena, count, sizeof *commit->codes);
    kw_offset_commit_response_init(&commit->out);
    commit->out.topics = kb_arena_array(arena, topics, sizeof *commit->out.topics);
    for (size_t i = 0; !arena->failed && i < topics; i++)
        take_topic(commit, request, &commit->in.topics[i],
                   &commit->out.topics[commit->out.topics_count++]);
    return !arena->failed;
}

void kd_handle_offset_commit(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct commit *commit = kb_arena_alloc(&request->arena, sizeof *commit);
    int code;
    if (!commit ||
        !kw_offset_commit_request_decode(&request->body, version, &request->arena, &commit->in)) {
        kd_request_refuse(request);
        return;
    }
    if (!take_all(commit, request)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    struct kd_step *step = kd_group_begin(request, commit->in.group_id, &code);
    if (!step) {
        answer_code(commit, request, code);
        return;
    }
    const struct kd_committer who = {.group = commit->in.group_id,
                                     .member = commit->in.member_id,
                                     .instance = commit->in.group_instance_id,
                                     .generation = commit->in.generation_id_or_member_epoch,
                                     .knows_epochs = version >= 9};
    kd_groups_commit(kd_groups_of(step->coordinator), &who, commit->commits, commit->count,
                     kd_request_now(request), &step->outcome);
    for (size_t i = 0; i < commit->count; i++)
        *commit->codes[i] = (int16_t)commit->commits[i].code;
    commit->reply.answer = on_committed;
    kd_step_finish(step, request, &commit->reply);
}
