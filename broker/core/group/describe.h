/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_DESCRIBE_H
#define KD_GROUP_DESCRIBE_H
/* What people and tools ask of groups. Views are valid until the next step. */
#include "broker/core/group/groups.h"
#include "wire/gen/describe_groups.h"
#include "wire/gen/list_groups.h"

/* An unknown group is Dead; from version 6 also GROUP_ID_NOT_FOUND. */
void kd_groups_describe(const struct kd_groups *groups, struct kb_slice id, int16_t version,
                        struct kb_arena *arena, struct kw_describe_groups_response_group *out);

size_t kd_groups_count(const struct kd_groups *groups);
/* Adds those that pass the filters at *count on; room for kd_groups_count more. */
void kd_groups_list(const struct kd_groups *groups, const struct kw_list_groups_request *filters,
                    struct kw_list_groups_response_group *list, int32_t *count);

#endif
