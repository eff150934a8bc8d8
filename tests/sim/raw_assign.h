/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RAW_ASSIGN_H
#define SIM_RAW_ASSIGN_H
/* What raw members tell each other through their coordinator. */
#include "base/arena.h"
#include "tests/sim/run.h"
#include "wire/gen/join_group.h"
#include "wire/gen/sync_group.h"

enum { RAW_ASSIGN_MEMBERS = 32 };

/* Its place in the ledger. */
int raw_log(struct run *run, struct kb_slice topic, int32_t partition);

/* Of all raw_member_topics. */
struct kb_slice raw_subscription(struct kb_arena *arena);
/* Deals all partitions out to the members that a leader was told of, beginning with
 * another one each time; answers how many there are, 0 for whoever does not lead. */
int32_t raw_assign(const struct kw_join_group_response *joined, int32_t generation,
                   struct kw_sync_group_request_assignment *out, struct kb_arena *arena);
void raw_assignment_read(struct run *run, struct kb_slice assignment, bool *logs);

#endif
