/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups are described by their coordinators: those of KIP-848 by
 * ConsumerGroupDescribe, which does not know the others, and these, like all
 * groups of a broker that is too old for it, by DescribeGroups.
 */
#include "libclient/admin/group_members.h"

static bool wants_operations(const struct kc_admin_part *part)
{
    return kc_admin_request(part)->flags & KURIER_WITH_OPERATIONS;
}

static uint32_t operations(const struct kc_admin_part *part, int32_t from)
{
    return wants_operations(part) && from != INT32_MIN ? (uint32_t)from : 0;
}

static struct kb_slice *list_groups(const struct kc_admin_part *part, struct kb_arena *arena,
                                    int32_t *count)
{
    struct kb_slice *groups = kb_arena_array(arena, part->count + 1, sizeof *groups);
    for (size_t i = 0; groups && i < part->count; i++)
        groups[i] = kb_slice_str(part->items[i]->name);
    *count = groups ? (int32_t)part->count : 0;
    return groups;
}

/* ---- DescribeGroups ------------------------------------------------------------------------*/

static bool build_describe_groups(struct kc_admin_part *part, struct kb_arena *arena,
                                  struct kw_describe_groups_request *request, int16_t version)
{
    request->groups = list_groups(part, arena, &request->groups_count);
    request->include_authorized_operations = version >= 3 && wants_operations(part);
    return true;
}

/* Until version 5 a group that there is not is a dead one. */
static int16_t outcome(const struct kw_describe_groups_response_group *from)
{
    bool dead = kb_slice_is(from->group_state, "Dead");
    return dead && !from->error_code ? KB_E_GROUP_ID_NOT_FOUND : from->error_code;
}

static void take_classic(struct kc_admin_part *part,
                         const struct kw_describe_groups_response_group *from,
                         kurier_group_info *to)
{
    to->coordinator = part->node;
    to->type = "classic";
    to->state = kc_admin_text(part, from->group_state);
    to->protocol_type = kc_admin_text(part, from->protocol_type);
    to->assignor = from->protocol_data.size ? kc_admin_text(part, from->protocol_data) : NULL;
    to->operations = operations(part, from->authorized_operations);
    kc_admin_take_classic_members(part, from, to);
}

static int collect_describe_groups(struct kc_admin_part *part,
                                   const struct kw_describe_groups_response *response,
                                   struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->groups_count; i++) {
        const struct kw_describe_groups_response_group *from = &response->groups[i];
        union kc_admin_info *info =
            kc_admin_answer(part, from->group_id, -1, outcome(from), from->error_message);
        if (info)
            take_classic(part, from, &info->group);
    }
    return 0;
}

KC_ADMIN_ENCODE(describe_groups)
KC_ADMIN_TAKE(describe_groups)

static const struct kc_admin_api describe_classic = {
    .name = "describe_groups",
    .since = "0.9",
    .kind = KURIER_ITEM_GROUP,
    .flags = KURIER_WITH_OPERATIONS,
    .key = KW_API_DESCRIBE_GROUPS,
    .min_version = 0,
    .max_version = 6,
    .route = KC_ROUTE_GROUPS,
    .encode = encode_describe_groups,
    .take = take_describe_groups,
};

/* ---- ConsumerGroupDescribe -------------------------------------------------------------------*/

static bool build_consumer_group_describe(struct kc_admin_part *part, struct kb_arena *arena,
                                          struct kw_consumer_group_describe_request *request,
                                          int16_t version)
{
    (void)version;
    request->group_ids = list_groups(part, arena, &request->group_ids_count);
    request->include_authorized_operations = wants_operations(part);
    return true;
}

static void take_consumer(struct kc_admin_part *part,
                          const struct kw_consumer_group_describe_response_group *from,
                          kurier_group_info *to)
{
    to->coordinator = part->node;
    to->type = to->protocol_type = "consumer";
    to->state = kc_admin_text(part, from->group_state);
    to->assignor = from->assignor_name.size ? kc_admin_text(part, from->assignor_name) : NULL;
    to->epoch = from->group_epoch;
    to->assignment_epoch = from->assignment_epoch;
    to->operations = operations(part, from->authorized_operations);
    kc_admin_take_consumer_members(part, from, to);
}

/* Of the classic protocol, or not there at all; or the broker has KIP-848 turned off. */
static bool not_by_this(int code)
{
    return code == KB_E_GROUP_ID_NOT_FOUND || code == KB_E_UNSUPPORTED_VERSION;
}

static int collect_consumer_group_describe(
    struct kc_admin_part *part, const struct kw_consumer_group_describe_response *response,
    struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->groups_count; i++) {
        const struct kw_consumer_group_describe_response_group *from = &response->groups[i];
        if (not_by_this(from->error_code)) {
            kc_admin_answer_instead(part, from->group_id);
            continue;
        }
        union kc_admin_info *info =
            kc_admin_answer(part, from->group_id, -1, from->error_code, from->error_message);
        if (info)
            take_consumer(part, from, &info->group);
    }
    return 0;
}

KC_ADMIN_ENCODE(consumer_group_describe)
KC_ADMIN_TAKE(consumer_group_describe)

static const struct kc_admin_api describe_groups = {
    .name = "describe_groups",
    .kind = KURIER_ITEM_GROUP,
    .flags = KURIER_WITH_OPERATIONS,
    .key = KW_API_CONSUMER_GROUP_DESCRIBE,
    .min_version = 0,
    .max_version = 1,
    .route = KC_ROUTE_GROUPS,
    .encode = encode_consumer_group_describe,
    .take = take_consumer_group_describe,
    .instead = &describe_classic,
};

kurier_request *kurier_admin_describe_groups(const char *const *groups, size_t n)
{
    return kc_request_of_names(&describe_groups, groups, n);
}
