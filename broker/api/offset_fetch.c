/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OffsetFetch: positions of one group, from version 8 on of several, each with a
 * coordinator of its own. What was never committed is -1, and no error.
 */
#include "wire/gen/offset_fetch.h"
#include "broker/api/group.h"
#include "broker/api/lookup.h"
#include "broker/core/group/offsets.h"
#include <stdlib.h>

struct fetch;

/* One group's share; in the shape of version 8, which holds the others. */
struct share {
    struct kd_reply reply;
    struct fetch *fetch;
    const struct kw_offset_fetch_request_group *in;
    struct kw_offset_fetch_response_group *out;
};

struct fetch {
    struct kd_request *request;
    struct kw_offset_fetch_request in;
    struct kw_offset_fetch_response out;
    struct share *shares;
    size_t count, pending;
};

/* ---- The answer --------------------------------------------------------- */

/* One group's answer as versions below 8 have it. */
static void flatten(struct fetch *fetch)
{
    struct kb_arena *arena = &fetch->request->arena;
    struct kw_offset_fetch_response *out = &fetch->out;
    const struct kw_offset_fetch_response_group *group = &out->groups[0];
    size_t count = (size_t)KB_MAX(group->topics_count, 0);
    out->error_code = group->error_code;
    out->topics = kb_arena_array(arena, count, sizeof *out->topics);
    out->groups_count = 0;
    for (size_t i = 0; out->topics && i < count; i++) {
        const struct kw_offset_fetch_response_group_topic *from = &group->topics[i];
        struct kw_offset_fetch_response_topic *to = &out->topics[out->topics_count++];
        size_t parts = (size_t)from->partitions_count;
        kw_offset_fetch_response_topic_init(to);
        to->name = from->name;
        to->partitions = kb_arena_array(arena, parts, sizeof *to->partitions);
        for (size_t j = 0; to->partitions && j < parts; j++) {
            struct kw_offset_fetch_response_partition *part =
                &to->partitions[to->partitions_count++];
            kw_offset_fetch_response_partition_init(part);
            part->partition_index = from->partitions[j].partition_index;
            part->committed_offset = from->partitions[j].committed_offset;
            part->committed_leader_epoch = from->partitions[j].committed_leader_epoch;
            part->metadata = from->partitions[j].metadata;
            part->error_code =
                group->error_code ? group->error_code : from->partitions[j].error_code;
        }
    }
}

static void finish(struct fetch *fetch)
{
    struct kw_writer w;
    struct kd_request *request = fetch->request;
    if (request->header.version < 8)
        flatten(fetch);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_offset_fetch_response_encode(&w, request->header.version, &fetch->out);
    kd_answer_end(request, &w);
}

static void settle(struct fetch *fetch)
{
    if (--fetch->pending == 0)
        finish(fetch);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct share *share = KB_CONTAINER(reply, struct share, reply);
    if (code)
        share->out->error_code = (int16_t)code;
    settle(share->fetch);
}

static void on_cancel(struct kd_request *request)
{
    struct fetch *fetch = request->op;
    for (size_t i = 0; i < fetch->count; i++)
        kd_reply_forget(&fetch->shares[i].reply);
    kd_answer_nothing(request);
}

/* ---- One group ---------------------------------------------------------- */

static void tell_unstable(struct kw_offset_fetch_response_group_topic_partition *out)
{
    out->error_code = KB_E_UNSTABLE_OFFSET_COMMIT;
    out->committed_offset = -1;
    out->metadata = kb_slice_str("");
}

static void tell(struct kd_request *request, const struct kd_offset *offset,
                 struct kw_offset_fetch_response_group_topic_partition *out)
{
    out->committed_offset = offset ? offset->position.offset : -1;
    out->metadata = kb_slice_str("");
    if (!offset)
        return;
    out->committed_leader_epoch = offset->position.leader_epoch;
    if (offset->position.metadata.size)
        out->metadata = kd_keep(request, offset->position.metadata);
}

/* topic NULL: there is none of that id. */
static void fetch_partition(const struct share *share, const struct kd_groups *groups,
                            const struct kb_slice *topic,
                            struct kw_offset_fetch_response_group_topic_partition *part)
{
    struct kd_request *request = share->fetch->request;
    struct kb_slice group = share->in->group_id;
    int32_t index = part->partition_index;
    if (!topic) {
        part->error_code = KB_E_UNKNOWN_TOPIC_ID;
        tell(request, NULL, part);
    } else if (share->fetch->in.require_stable &&
               kd_groups_offset_is_open(groups, group, *topic, index)) {
        tell_unstable(part);
    } else {
        tell(request, kd_groups_offset(groups, group, *topic, index), part);
    }
}

static void fetch_topic(const struct share *share, const struct kd_groups *groups,
                        const struct kw_offset_fetch_request_group_topic *in,
                        struct kw_offset_fetch_response_group_topic *out)
{
    struct kd_request *request = share->fetch->request;
    size_t count = (size_t)KB_MAX(in->partition_indexes_count, 0);
    struct kb_slice name = in->name;
    bool by_id = request->header.version >= 10;
    const struct kd_topic *topic =
        by_id ? kd_topics_find_id(&request->shard->topics, in->topic_id) : NULL;
    if (topic)
        name = kb_slice_str(topic->name);
    kw_offset_fetch_response_group_topic_init(out);
    out->name = in->name;
    out->topic_id = in->topic_id;
    out->partitions = kb_arena_array(&request->arena, count, sizeof *out->partitions);
    for (size_t i = 0; out->partitions && i < count; i++) {
        struct kw_offset_fetch_response_group_topic_partition *part =
            &out->partitions[out->partitions_count++];
        kw_offset_fetch_response_group_topic_partition_init(part);
        part->partition_index = in->partition_indexes[i];
        fetch_partition(share, groups, topic || !by_id ? &name : NULL, part);
    }
}

static int by_topic(const void *a, const void *b)
{
    const struct kd_offset *x = *(const struct kd_offset *const *)a;
    const struct kd_offset *y = *(const struct kd_offset *const *)b;
    int order = memcmp(x->topic.data, y->topic.data, KB_MIN(x->topic.size, y->topic.size));
    if (!order)
        order = (x->topic.size > y->topic.size) - (x->topic.size < y->topic.size);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* All that the group has, by topic and partition. */
static const struct kd_offset **sorted(const struct share *share, const struct kd_groups *groups,
                                       size_t *count)
{
    const struct kd_offset *at = NULL;
    struct kb_slice group = share->in->group_id;
    *count = 0;
    while ((at = kd_groups_next_offset(groups, group, at)))
        ++*count;
    const struct kd_offset **all =
        kb_arena_array(&share->fetch->request->arena, *count, sizeof(*all));
    size_t i = 0;
    while (all && (at = kd_groups_next_offset(groups, group, at)))
        all[i++] = at;
    if (all && *count)
        qsort(all, *count, sizeof(*all), by_topic);
    return all;
}

static void fetch_all(const struct share *share, const struct kd_groups *groups)
{
    struct kd_request *request = share->fetch->request;
    struct kw_offset_fetch_response_group_topic *topic = NULL;
    bool by_id = request->header.version >= 10;
    size_t count;
    const struct kd_offset **all = sorted(share, groups, &count);
    struct kw_offset_fetch_response_group_topic_partition *parts =
        kb_arena_array(&request->arena, count, sizeof *parts);
    share->out->topics = kb_arena_array(&request->arena, count, sizeof *share->out->topics);
    for (size_t i = 0; all && parts && share->out->topics && i < count; i++) {
        bool fresh = !i || !kb_slice_equal(all[i]->topic, all[i - 1]->topic);
        if (fresh) {
            const struct kd_topic *known = kd_topics_find(&request->shard->topics, all[i]->topic);
            topic = known || !by_id ? &share->out->topics[share->out->topics_count++] : NULL;
            if (!topic)
                continue;
            kw_offset_fetch_response_group_topic_init(topic);
            topic->name = kd_keep(request, all[i]->topic);
            topic->topic_id = known ? known->id : topic->topic_id;
            topic->partitions = &parts[i];
        }
        if (!topic)
            continue;
        struct kw_offset_fetch_response_group_topic_partition *part =
            &topic->partitions[topic->partitions_count++];
        kw_offset_fetch_response_group_topic_partition_init(part);
        part->partition_index = all[i]->partition;
        if (share->fetch->in.require_stable && !kb_list_empty(&all[i]->open))
            tell_unstable(part);
        else
            tell(request, all[i], part);
    }
}

static void refuse_topic(struct kb_arena *arena,
                         const struct kw_offset_fetch_request_group_topic *in,
                         struct kw_offset_fetch_response_group_topic *out)
{
    size_t count = (size_t)KB_MAX(in->partition_indexes_count, 0);
    kw_offset_fetch_response_group_topic_init(out);
    out->name = in->name;
    out->partitions = kb_arena_array(arena, count, sizeof *out->partitions);
    for (size_t i = 0; out->partitions && i < count; i++) {
        struct kw_offset_fetch_response_group_topic_partition *part =
            &out->partitions[out->partitions_count++];
        kw_offset_fetch_response_group_topic_partition_init(part);
        part->partition_index = in->partition_indexes[i];
        part->committed_offset = -1;
        part->metadata = kb_slice_str("");
    }
}

/* The oldest versions have no error for all: it stands in each partition that was
 * asked for, or who asked would take it that nothing is committed. */
static void refuse_group(struct share *share, int code)
{
    struct kd_request *request = share->fetch->request;
    size_t count = (size_t)KB_MAX(share->in->topics_count, 0);
    share->out->error_code = (int16_t)code;
    if (request->header.version >= 2)
        return;
    share->out->topics = kb_arena_array(&request->arena, count, sizeof *share->out->topics);
    for (size_t i = 0; share->out->topics && i < count; i++)
        refuse_topic(&request->arena, &share->in->topics[i],
                     &share->out->topics[share->out->topics_count++]);
}

static void fetch_group(struct share *share)
{
    struct kd_request *request = share->fetch->request;
    const struct kw_offset_fetch_request_group *in = share->in;
    int code;
    kw_offset_fetch_response_group_init(share->out);
    share->out->group_id = in->group_id;
    struct kd_step *step = kd_group_begin(request, in->group_id, &code);
    if (!step) {
        refuse_group(share, code);
        return;
    }
    const struct kd_groups *groups = kd_groups_of(step->coordinator);
    code = kd_groups_may_fetch(groups, in->group_id, in->member_id, in->member_epoch);
    if (code) {
        refuse_group(share, code);
    } else if (in->topics_count < 0) {
        fetch_all(share, groups);
    } else {
        size_t count = (size_t)in->topics_count;
        share->out->topics = kb_arena_array(&request->arena, count, sizeof *share->out->topics);
        for (size_t i = 0; share->out->topics && i < count; i++)
            fetch_topic(share, groups, &in->topics[i],
                        &share->out->topics[share->out->topics_count++]);
    }
    share->fetch->pending++;
    share->reply.answer = on_committed;
    kd_step_hold(step, &share->reply);
    kd_step_end(step);
}

/* ---- The request -------------------------------------------------------- */

/* Below version 8 there is one group, and its topics have a type of their own. */
static bool unify(struct kd_request *request, struct kw_offset_fetch_request *in)
{
    struct kb_arena *arena = &request->arena;
    size_t count = (size_t)KB_MAX(in->topics_count, 0);
    struct kw_offset_fetch_request_group *group = kb_arena_alloc(arena, sizeof *group);
    if (!group)
        return false;
    kw_offset_fetch_request_group_init(group);
    group->group_id = in->group_id;
    group->topics_count = in->topics_count;
    group->topics = kb_arena_array(arena, count, sizeof *group->topics);
    for (size_t i = 0; group->topics && i < count; i++) {
        kw_offset_fetch_request_group_topic_init(&group->topics[i]);
        group->topics[i].name = in->topics[i].name;
        group->topics[i].partition_indexes = in->topics[i].partition_indexes;
        group->topics[i].partition_indexes_count = in->topics[i].partition_indexes_count;
    }
    in->groups = group;
    in->groups_count = 1;
    return !arena->failed;
}

void kd_handle_offset_fetch(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct kb_arena *arena = &request->arena;
    struct fetch *fetch = kb_arena_alloc(arena, sizeof *fetch);
    if (!fetch || !kw_offset_fetch_request_decode(&request->body, version, arena, &fetch->in) ||
        (version < 8 && !unify(request, &fetch->in))) {
        kd_request_refuse(request);
        return;
    }
    fetch->request = request;
    fetch->count = (size_t)KB_MAX(fetch->in.groups_count, 0);
    fetch->pending = 1;
    request->op = fetch;
    request->cancel = on_cancel;
    kw_offset_fetch_response_init(&fetch->out);
    fetch->shares = kb_arena_array(arena, fetch->count, sizeof *fetch->shares);
    fetch->out.groups = kb_arena_array(arena, fetch->count, sizeof *fetch->out.groups);
    if (arena->failed)
        fetch->count = 0;
    for (size_t i = 0; i < fetch->count; i++)
        kb_list_init(&fetch->shares[i].reply.link);
    for (size_t i = 0; i < fetch->count; i++) {
        struct share *share = &fetch->shares[i];
        share->fetch = fetch;
        share->in = &fetch->in.groups[i];
        share->out = &fetch->out.groups[fetch->out.groups_count++];
        fetch_group(share);
    }
    settle(fetch);
}
