/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/describe.h"
#include "broker/core/group/modern/modern.h"
#include <strings.h>

static const char *const names[] = {
    [KD_GROUP_EMPTY] = "Empty",
    [KD_GROUP_PREPARING] = "PreparingRebalance",
    [KD_GROUP_COMPLETING] = "CompletingRebalance",
    [KD_GROUP_STABLE] = "Stable",
};

static struct kb_slice or_empty(struct kb_slice text)
{
    return text.data ? text : kb_slice_str("");
}

static void describe_member(const struct kd_member *member,
                            struct kw_describe_groups_response_member *out)
{
    const struct kd_group *group = member->group;
    bool settled = group->state == KD_GROUP_STABLE;
    kw_describe_groups_response_member_init(out);
    out->member_id = member->id;
    out->group_instance_id = member->instance;
    out->client_id = or_empty(member->client_id);
    out->client_host = or_empty(member->client_host);
    out->member_metadata =
        settled ? or_empty(kd_member_metadata(member, group->protocol)) : kb_slice_str("");
    out->member_assignment = settled ? or_empty(member->assignment) : kb_slice_str("");
}

void kd_groups_describe(const struct kd_groups *groups, struct kb_slice id, int16_t version,
                        struct kb_arena *arena, struct kw_describe_groups_response_group *out)
{
    const struct kd_group *group = kd_group_find(groups, id);
    kw_describe_groups_response_group_init(out);
    out->group_id = id;
    out->protocol_type = out->protocol_data = kb_slice_str("");
    out->group_state = kb_slice_str("Dead");
    if (!group || group->modern) { /* of the consumer protocol: see consumer.h */
        out->error_code = version >= 6 ? KB_E_GROUP_ID_NOT_FOUND : KB_OK;
        out->error_message = version < 6 ? kb_slice_null()
                             : group     ? kb_slice_str("the group is not of the classic protocol")
                                         : kb_slice_str("there is no such group");
        return;
    }
    out->group_state = kb_slice_str(names[group->state]);
    out->protocol_type = or_empty(group->protocol_type);
    if (group->state == KD_GROUP_STABLE)
        out->protocol_data = or_empty(group->protocol);
    out->members = kb_arena_array(arena, group->members.count, sizeof *out->members);
    KB_LIST_EACH(at, &group->order)
        if (out->members)
            describe_member(KB_CONTAINER(at, struct kd_member, link),
                            &out->members[out->members_count++]);
}

/* ---- List ---- */

size_t kd_groups_count(const struct kd_groups *groups)
{
    return groups->by_id.count;
}

static bool passes(struct kb_slice name, const struct kb_slice *filter, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (filter[i].size == name.size &&
            !strncasecmp((const char *)filter[i].data, (const char *)name.data, name.size))
            return true;
    return count <= 0;
}

void kd_groups_list(const struct kd_groups *groups, const struct kw_list_groups_request *filters,
                    struct kw_list_groups_response_group *list, int32_t *count)
{
    for (const struct kb_map_entry *at = NULL; (at = kb_map_next(&groups->by_id, at));) {
        const struct kd_group *group = KB_CONTAINER(at, struct kd_group, by_id);
        struct kb_slice state =
            kb_slice_str(group->modern ? kd_modern_state_name(group) : names[group->state]);
        struct kb_slice type = kb_slice_str(group->modern ? "consumer" : "classic");
        if (!passes(state, filters->states_filter, filters->states_filter_count) ||
            !passes(type, filters->types_filter, filters->types_filter_count))
            continue;
        struct kw_list_groups_response_group *out = &list[(*count)++];
        kw_list_groups_response_group_init(out);
        out->group_id = group->id;
        out->protocol_type =
            group->modern ? kb_slice_str("consumer") : or_empty(group->protocol_type);
        out->group_state = state;
        out->group_type = type;
    }
}
