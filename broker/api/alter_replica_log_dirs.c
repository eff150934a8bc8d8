/* SPDX-License-Identifier: Apache-2.0 */
/* AlterReplicaLogDirs: a broker has one directory, so that a replica is either
 * asked to stay where it is or to go where nothing is. */
#include "wire/gen/alter_replica_log_dirs.h"
#include "broker/api/api.h"

static void fill(struct kd_request *request, bool here,
                 const struct kw_alter_replica_log_dirs_request_topic *in,
                 struct kw_alter_replica_log_dirs_response_topic *out)
{
    const struct kd_topic *topic = kd_topics_find(&request->shard->topics, in->name);
    kw_alter_replica_log_dirs_response_topic_init(out);
    out->topic_name = in->name;
    out->partitions =
        kb_arena_array(&request->arena, (size_t)in->partitions_count, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions && i < in->partitions_count; i++) {
        bool known = topic && kd_topic_place(topic, in->partitions[i]);
        int code = !here ? KB_E_LOG_DIR_NOT_FOUND : known ? KB_OK : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
        out->partitions[out->partitions_count++] =
            (struct kw_alter_replica_log_dirs_response_partition){in->partitions[i], (int16_t)code};
    }
}

static void build(struct kd_request *request, const struct kw_alter_replica_log_dirs_request *in,
                  struct kw_alter_replica_log_dirs_response *out)
{
    size_t count = 0;
    for (int32_t i = 0; i < in->dirs_count; i++)
        count += (size_t)in->dirs[i].topics_count;
    out->results = kb_arena_array(&request->arena, count, sizeof *out->results);
    for (int32_t i = 0; out->results && i < in->dirs_count; i++) {
        const struct kw_alter_replica_log_dirs_request_dir *dir = &in->dirs[i];
        bool here = kb_slice_equal(dir->path, kb_slice_str(request->shard->log_dir));
        for (int32_t j = 0; j < dir->topics_count; j++)
            fill(request, here, &dir->topics[j], &out->results[out->results_count++]);
    }
}

void kd_handle_alter_replica_log_dirs(struct kd_request *request)
{
    struct kw_alter_replica_log_dirs_request in;
    struct kw_alter_replica_log_dirs_response out;
    int16_t version = request->header.version;
    struct kw_writer w;
    if (!kw_alter_replica_log_dirs_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_alter_replica_log_dirs_response_init(&out);
    build(request, &in, &out);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_alter_replica_log_dirs_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
