/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeLogDirs: the one directory there is, what lies in it, and how much
 * room its disk has. */
#include "wire/gen/describe_log_dirs.h"
#include "broker/api/api.h"
#include "broker/drive/replica.h"

struct describe {
    struct kd_request *request;
    struct kw_describe_log_dirs_request in;
    struct kw_describe_log_dirs_response out;
    struct kw_describe_log_dirs_response_result dir;
    struct kd_space_op space;
};

static void fill_partition(const struct kd_place *place,
                           struct kw_describe_log_dirs_response_topic *out)
{
    struct kw_describe_log_dirs_response_partition *partition;
    if (!place || !place->replica)
        return;
    partition = &out->partitions[out->partitions_count++];
    kw_describe_log_dirs_response_partition_init(partition);
    partition->partition_index = place->index;
    partition->partition_size = kd_replica_size_bytes(place->replica);
}

/* `wanted` NULL: all its partitions. What is not there is left out. */
static void fill_topic(struct describe *describe, const struct kd_topic *topic,
                       const struct kw_describe_log_dirs_request_topic *wanted)
{
    struct kb_arena *arena = &describe->request->arena;
    struct kw_describe_log_dirs_response_topic *out =
        &describe->dir.topics[describe->dir.topics_count];
    size_t count = (size_t)(wanted ? wanted->partitions_count : topic->count);
    kw_describe_log_dirs_response_topic_init(out);
    out->name = kb_slice_str(kb_arena_strdup(arena, topic->by_name.key));
    out->partitions = kb_arena_array(arena, count, sizeof *out->partitions);
    for (size_t i = 0; out->partitions && i < count; i++)
        fill_partition(kd_topic_place(topic, wanted ? wanted->partitions[i] : (int32_t)i), out);
    describe->dir.topics_count += out->partitions_count > 0;
}

static void fill_all(struct describe *describe)
{
    const struct kd_topics *topics = &describe->request->shard->topics;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        fill_topic(describe, t, NULL);
}

static void fill_wanted(struct describe *describe)
{
    for (int32_t i = 0; i < describe->in.topics_count; i++) {
        const struct kw_describe_log_dirs_request_topic *wanted = &describe->in.topics[i];
        const struct kd_topic *topic =
            kd_topics_find(&describe->request->shard->topics, wanted->topic);
        if (topic)
            fill_topic(describe, topic, wanted);
    }
}

static void fill(struct describe *describe)
{
    struct kd_request *request = describe->request;
    bool all = describe->in.topics_count < 0;
    size_t count = all ? request->shard->topics.by_name.count : (size_t)describe->in.topics_count;
    describe->dir.log_dir = kb_slice_str(request->shard->log_dir);
    describe->dir.topics = kb_arena_array(&request->arena, count, sizeof *describe->dir.topics);
    if (!describe->dir.topics)
        return;
    if (all)
        fill_all(describe);
    else
        fill_wanted(describe);
}

static void on_space(struct kd_op *op, int code)
{
    struct describe *describe = KB_CONTAINER(op, struct describe, space.op);
    struct kd_request *request = describe->request;
    struct kw_writer w;
    bool offline = code || kd_disk_has_failed(request->shard->disk);
    kw_describe_log_dirs_response_result_init(&describe->dir);
    fill(describe);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    if (offline) {
        describe->dir.error_code = KB_E_KAFKA_STORAGE_ERROR;
    } else {
        describe->dir.total_bytes = (int64_t)describe->space.space.total_bytes;
        describe->dir.usable_bytes = (int64_t)describe->space.space.free_bytes;
    }
    describe->out.results = &describe->dir;
    describe->out.results_count = 1;
    kd_answer_begin(request, &w);
    kw_describe_log_dirs_response_encode(&w, request->header.version, &describe->out);
    kd_answer_end(request, &w);
}

void kd_handle_describe_log_dirs(struct kd_request *request)
{
    struct describe *describe = kb_arena_alloc(&request->arena, sizeof *describe);
    if (!describe || !kw_describe_log_dirs_request_decode(&request->body, request->header.version,
                                                          &request->arena, &describe->in)) {
        kd_request_refuse(request);
        return;
    }
    describe->request = request;
    kw_describe_log_dirs_response_init(&describe->out);
    describe->space.op.done = on_space;
    kd_disk_space(request->shard->disk, &describe->space);
}
