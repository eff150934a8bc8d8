/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ADMIN_GROUP_MEMBERS_H
#define KC_ADMIN_GROUP_MEMBERS_H
/*
 * Members of described groups, and what they are subscribed to and have. Classic
 * members of consumer groups tell that in bytes of their own (ConsumerProtocol),
 * which the broker hands on unread; others' are handed on as they are.
 */
#include "libclient/admin/table.h"
#include "wire/gen/consumer_group_describe.h"
#include "wire/gen/describe_groups.h"

void kc_admin_take_classic_members(struct kc_admin_part *part,
                                   const struct kw_describe_groups_response_group *from,
                                   kurier_group_info *to);
void kc_admin_take_consumer_members(struct kc_admin_part *part,
                                    const struct kw_consumer_group_describe_response_group *from,
                                    kurier_group_info *to);

#endif
