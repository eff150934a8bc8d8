/* SPDX-License-Identifier: Apache-2.0 */
/* ElectLeaders. Of one replica there is nothing to elect: it leads, or its log
 * is offline and nobody can. */
#include "wire/gen/elect_leaders.h"
#include "broker/api/api.h"
#include "broker/drive/replica.h"

enum { PREFERRED, UNCLEAN, TYPES };

struct election {
    struct kd_request *request;
    struct kw_elect_leaders_request in;
    struct kw_elect_leaders_response out;
};

static int16_t judge(const struct election *election, const struct kd_place *place)
{
    if (!place)
        return KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    if (place->serving && !kd_replica_is_offline(place->replica))
        return KB_E_ELECTION_NOT_NEEDED;
    return election->in.election_type == PREFERRED ? KB_E_PREFERRED_LEADER_NOT_AVAILABLE
                                                   : KB_E_ELIGIBLE_LEADERS_NOT_AVAILABLE;
}

static void add(struct kw_elect_leaders_response_replica_election_result *out, int32_t partition,
                int16_t code)
{
    struct kw_elect_leaders_response_partition_result *result =
        &out->partition_result[out->partition_result_count++];
    *result = (struct kw_elect_leaders_response_partition_result){partition, code,
                                                                  kb_slice_str(kb_code_text(code))};
}

static struct kw_elect_leaders_response_replica_election_result *add_topic(
    struct election *election, struct kb_slice name, size_t partitions)
{
    struct kb_arena *arena = &election->request->arena;
    struct kw_elect_leaders_response_replica_election_result *out =
        &election->out.replica_election_results[election->out.replica_election_results_count++];
    kw_elect_leaders_response_replica_election_result_init(out);
    out->topic = name;
    out->partition_result = kb_arena_array(arena, partitions, sizeof *out->partition_result);
    return out->partition_result ? out : NULL;
}

static void elect_wanted(struct election *election)
{
    for (int32_t i = 0; i < election->in.topic_partitions_count; i++) {
        const struct kw_elect_leaders_request_topic *in = &election->in.topic_partitions[i];
        const struct kd_topic *topic = kd_topics_find(&election->request->shard->topics, in->topic);
        struct kw_elect_leaders_response_replica_election_result *out =
            add_topic(election, in->topic, (size_t)in->partitions_count);
        for (int32_t j = 0; out && j < in->partitions_count; j++) {
            const struct kd_place *place = topic ? kd_topic_place(topic, in->partitions[j]) : NULL;
            add(out, in->partitions[j], judge(election, place));
        }
    }
}

/* Asked for all, what needs no election is not told. */
static void elect_all(struct election *election)
{
    const struct kd_topics *topics = &election->request->shard->topics;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t)) {
        struct kw_elect_leaders_response_replica_election_result *out = NULL;
        for (int32_t i = 0; i < t->count; i++) {
            int16_t code = judge(election, t->places[i]);
            if (code == KB_E_ELECTION_NOT_NEEDED)
                continue;
            out = out ? out : add_topic(election, t->by_name.key, (size_t)t->count);
            if (out)
                add(out, i, code);
        }
    }
}

static void elect(struct election *election)
{
    struct kw_elect_leaders_response *out = &election->out;
    bool all = election->in.topic_partitions_count < 0;
    size_t count = all ? election->request->shard->topics.by_name.count
                       : (size_t)election->in.topic_partitions_count;
    if (election->in.election_type < 0 || election->in.election_type >= TYPES) {
        out->error_code = KB_E_INVALID_REQUEST;
        return;
    }
    out->replica_election_results =
        kb_arena_array(&election->request->arena, count, sizeof *out->replica_election_results);
    if (!out->replica_election_results)
        return;
    if (all)
        elect_all(election);
    else
        elect_wanted(election);
}

void kd_handle_elect_leaders(struct kd_request *request)
{
    struct election election = {.request = request};
    int16_t version = request->header.version;
    struct kw_writer w;
    if (!kw_elect_leaders_request_decode(&request->body, version, &request->arena, &election.in)) {
        kd_request_refuse(request);
        return;
    }
    kw_elect_leaders_response_init(&election.out);
    elect(&election);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_elect_leaders_response_encode(&w, version, &election.out);
    kd_answer_end(request, &w);
}
