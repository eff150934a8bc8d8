/* SPDX-License-Identifier: Apache-2.0 */
/* ConsumerGroupDescribe. */
#include "broker/core/group/consumer.h"
#include "broker/core/group/modern/assign.h"
#include "broker/core/group/modern/modern.h"
#include "broker/core/topics.h"

enum { MEMBER_CLASSIC = 0, MEMBER_CONSUMER = 1 };

static struct kb_slice or_empty(struct kb_slice text)
{
    return text.data ? text : kb_slice_str("");
}

/* Topics that have gone are left out. */
static void tell_parts(const struct kd_modern_member *member, const struct kd_parts *parts,
                       struct kb_arena *arena,
                       struct kw_consumer_group_describe_response_assignment *out)
{
    const struct kd_topics *topics = member->group->groups->topics;
    kw_consumer_group_describe_response_assignment_init(out);
    out->topic_partitions =
        kb_arena_array(arena, kd_parts_topics(parts), sizeof *out->topic_partitions);
    for (size_t at = 0, end; out->topic_partitions && at < parts->count; at = end) {
        const struct kd_topic *topic = kd_topics_find_id(topics, parts->at[at].topic);
        end = kd_parts_run(parts, at);
        if (!topic)
            continue;
        struct kw_consumer_group_describe_response_topic *to =
            &out->topic_partitions[out->topic_partitions_count++];
        kw_consumer_group_describe_response_topic_init(to);
        to->topic_id = topic->id;
        to->topic_name = kb_slice_str(topic->name);
        to->partitions = kd_parts_numbers(parts, at, end, arena);
        to->partitions_count = (int32_t)(end - at);
    }
}

static void tell_member(const struct kd_modern_member *member, struct kb_arena *arena,
                        struct kw_consumer_group_describe_response_member *out)
{
    const struct kd_words *words = &member->words;
    const struct kd_parts has =
        kd_parts_union(arena, &member->current.assigned, &member->current.revoking);
    kw_consumer_group_describe_response_member_init(out);
    out->member_id = member->id;
    out->instance_id = words->instance;
    out->rack_id = words->rack;
    out->member_epoch = member->current.epoch;
    out->client_id = or_empty(words->client_id);
    out->client_host = or_empty(words->client_host);
    out->subscribed_topic_names = words->topics;
    out->subscribed_topic_names_count = (int32_t)words->topic_count;
    out->subscribed_topic_regex = or_empty(words->regex);
    out->member_type = words->classic ? MEMBER_CLASSIC : MEMBER_CONSUMER;
    tell_parts(member, &has, arena, &out->assignment);
    tell_parts(member, &member->target, arena, &out->target_assignment);
}

void kd_groups_describe_consumer(const struct kd_groups *groups, struct kb_slice id,
                                 struct kb_arena *arena,
                                 struct kw_consumer_group_describe_response_group *out)
{
    const struct kd_group *group = kd_group_find(groups, id);
    kw_consumer_group_describe_response_group_init(out);
    out->group_id = id;
    if (!group || !group->modern) {
        out->error_code = KB_E_GROUP_ID_NOT_FOUND;
        out->error_message = kb_slice_str(group ? "the group is not of the consumer protocol"
                                                : "there is no such group");
        return;
    }
    const struct kd_modern *modern = group->modern;
    out->group_state = kb_slice_str(kd_modern_state_name(group));
    out->group_epoch = modern->epoch;
    out->assignment_epoch = modern->assignment_epoch;
    out->assignor_name = kb_slice_str(kd_modern_assignor(group)->name);
    out->members = kb_arena_array(arena, modern->members.count, sizeof *out->members);
    KB_LIST_EACH(at, &modern->order)
        if (out->members)
            tell_member(KB_CONTAINER(at, struct kd_modern_member, link), arena,
                        &out->members[out->members_count++]);
}
