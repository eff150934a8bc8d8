/* SPDX-License-Identifier: Apache-2.0 */
/* Groups are listed by every broker, and changed by their coordinators. */
#include "libclient/admin/table.h"
#include "wire/gen/delete_groups.h"
#include "wire/gen/leave_group.h"
#include "wire/gen/list_groups.h"

/* ---- ListGroups ----------------------------------------------------------------------------*/

/* Of the request, by name. NULL: any. */
struct filters {
    const char *const *states, *const *types;
};

static struct kb_slice *list_names(const char *const *names, struct kb_arena *arena, int32_t *count)
{
    size_t n = 0;
    while (names && names[n])
        n++;
    struct kb_slice *slices = kb_arena_array(arena, n + 1, sizeof *slices);
    for (size_t i = 0; slices && i < n; i++)
        slices[i] = kb_slice_str(names[i]);
    *count = slices ? (int32_t)n : 0;
    return slices;
}

static bool build_list_groups(struct kc_admin_part *part, struct kb_arena *arena,
                              struct kw_list_groups_request *request, int16_t version)
{
    const struct filters *filters = kc_admin_request(part)->with;
    (void)version;
    request->states_filter = list_names(filters->states, arena, &request->states_filter_count);
    request->types_filter = list_names(filters->types, arena, &request->types_filter_count);
    return true;
}

static int collect_list_groups(struct kc_admin_part *part,
                               const struct kw_list_groups_response *response, struct kb_error *err)
{
    if (response->error_code)
        return kc_admin_refused(part, response->error_code, kb_slice_null(), err);
    for (int32_t i = 0; i < response->groups_count; i++) {
        const struct kw_list_groups_response_group *from = &response->groups[i];
        union kc_admin_info *info = kc_admin_answer(part, from->group_id, -1, 0, kb_slice_null());
        if (!info)
            continue;
        info->group.coordinator = part->node;
        info->group.protocol_type = kc_admin_text(part, from->protocol_type);
        if (from->group_state.size)
            info->group.state = kc_admin_text(part, from->group_state);
        if (from->group_type.size)
            info->group.type = kc_admin_text(part, from->group_type);
    }
    return 0;
}

KC_ADMIN_ENCODE(list_groups)
KC_ADMIN_TAKE(list_groups)

/* An older broker would list all of them. */
static int16_t list_needs(const kurier_request *request)
{
    const struct filters *filters = request->with;
    return filters->types ? 5 : filters->states ? 4 : 0;
}

static const struct kc_admin_api list_groups = {
    .name = "list_groups",
    .kind = KURIER_ITEM_GROUP,
    .key = KW_API_LIST_GROUPS,
    .min_version = 0,
    .max_version = 5,
    .route = KC_ROUTE_ALL,
    .needs = list_needs,
    .encode = encode_list_groups,
    .take = take_list_groups,
};

kurier_request *kurier_admin_list_groups(const char *const *states, const char *const *types)
{
    kurier_request *request = kc_request_new(&list_groups, 0);
    if (!request)
        return NULL;
    const struct filters filters = {kc_request_texts(request, states),
                                    kc_request_texts(request, types)};
    request->all = true;
    request->with = kc_request_copy(request, &filters, sizeof filters);
    return kc_request_whole(request);
}

/* ---- DeleteGroups --------------------------------------------------------------------------*/

static bool build_delete_groups(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_delete_groups_request *request, int16_t version)
{
    (void)version;
    request->groups_names = kb_arena_array(arena, part->count + 1, sizeof *request->groups_names);
    for (size_t i = 0; request->groups_names && i < part->count; i++)
        request->groups_names[request->groups_names_count++] = kb_slice_str(part->items[i]->name);
    return true;
}

static int collect_delete_groups(struct kc_admin_part *part,
                                 const struct kw_delete_groups_response *response,
                                 struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->results_count; i++)
        kc_admin_answer(part, response->results[i].group_id, -1, response->results[i].error_code,
                        kb_slice_null());
    return 0;
}

KC_ADMIN_ENCODE(delete_groups)
KC_ADMIN_TAKE(delete_groups)

static const struct kc_admin_api delete_groups = {
    .name = "delete_groups",
    .since = "1.1",
    .kind = KURIER_ITEM,
    .key = KW_API_DELETE_GROUPS,
    .min_version = 0,
    .max_version = 2,
    .route = KC_ROUTE_GROUPS,
    .encode = encode_delete_groups,
    .take = take_delete_groups,
    .twice = KB_E_GROUP_ID_NOT_FOUND,
};

kurier_request *kurier_admin_delete_groups(const char *const *groups, size_t n)
{
    return kc_request_of_names(&delete_groups, groups, n);
}

/* ---- LeaveGroup ----------------------------------------------------------------------------*/

static bool build_leave_group(struct kc_admin_part *part, struct kb_arena *arena,
                              struct kw_leave_group_request *request, int16_t version)
{
    bool by_id = kc_admin_request(part)->flags & KURIER_BY_ID;
    (void)version;
    request->group_id = kb_slice_str(kc_admin_request(part)->group);
    request->members = kb_arena_array(arena, part->count + 1, sizeof *request->members);
    for (size_t i = 0; request->members && i < part->count; i++) {
        struct kw_leave_group_request_member *to = &request->members[request->members_count++];
        kw_leave_group_request_member_init(to);
        *(by_id ? &to->member_id : &to->group_instance_id) = kb_slice_str(part->items[i]->name);
        to->reason = kb_slice_str("removed by an administrator");
    }
    return true;
}

static int collect_leave_group(struct kc_admin_part *part,
                               const struct kw_leave_group_response *response, struct kb_error *err)
{
    bool by_id = kc_admin_request(part)->flags & KURIER_BY_ID;
    (void)err;
    if (response->error_code)
        kc_admin_answer_all(part, response->error_code, kb_slice_null());
    for (int32_t i = 0; i < response->members_count; i++) {
        const struct kw_leave_group_response_member *from = &response->members[i];
        kc_admin_answer(part, by_id ? from->member_id : from->group_instance_id, -1,
                        from->error_code, kb_slice_null());
    }
    return 0;
}

KC_ADMIN_ENCODE(leave_group)
KC_ADMIN_TAKE(leave_group)

/* 3: the first that names several, and static ones. */
static const struct kc_admin_api remove_members = {
    .name = "remove_members",
    .kind = KURIER_ITEM,
    .flags = KURIER_BY_ID,
    .key = KW_API_LEAVE_GROUP,
    .min_version = 3,
    .max_version = 5,
    .route = KC_ROUTE_GROUPS,
    .encode = encode_leave_group,
    .take = take_leave_group,
    .twice = KB_E_UNKNOWN_MEMBER_ID,
};

kurier_request *kurier_admin_remove_members(const char *group, const char *const *members, size_t n)
{
    return kc_request_in_group(kc_request_of_names(&remove_members, members, n), group);
}
