/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_LEAD_H
#define KC_LEAD_H
/*
 * The part of a classic group's leader: who joined a round and wants what, then
 * who gets which partition. Between the two the metadata of all their topics is
 * waited for; after it the leader watches whether those topics grow or go.
 *
 *     begin ──> topics ──> knows? ──> assign ──> encode        changed? ──> join again
 *                               └──> ask ... placed ──┘ (by the application)
 */
#include "base/arena.h"
#include "libclient/core/assignor.h"
#include "libclient/core/group/names.h"
#include "libclient/core/metadata.h"
#include "wire/gen/join_group.h"
#include "wire/gen/sync_group.h"

struct kc_lead_member;

struct kc_lead {
    const struct kc_assignor *assignor; /* NULL: not leading */
    struct kc_names topics;             /* of all members */
    bool assigned;                      /* counts and owners hold what was computed */

    struct kb_arena arena; /* all below, and what it points to */
    struct kc_lead_member *members;
    size_t member_count;
    int32_t *counts;               /* by topic: partitions */
    int32_t **owners;              /* by topic and partition: index of a member, or -1 */
    const struct kc_assign *asked; /* what the application's assignor is asked; NULL: nothing */
};

void kc_lead_init(struct kc_lead *lead);
void kc_lead_deinit(struct kc_lead *lead);
/* Not the leader (any more). */
void kc_lead_end(struct kc_lead *lead);

/* A round's members, copied. One whose subscription cannot be read counts as
 * subscribed to nothing. False: no memory; not leading then. */
bool kc_lead_begin(struct kc_lead *lead, const struct kc_assignor *assignor,
                   const struct kw_join_group_response *response);
/* Is something told of each topic, if only that it is not there? */
bool kc_lead_knows(const struct kc_lead *lead, const struct kc_metadata *metadata);
/* By what is known now; what is not counts as having no partitions. 0, or why not. */
int kc_lead_assign(struct kc_lead *lead, const struct kc_metadata *metadata);
/* The same in two steps: `asked` is set, and then its answer, by topic and partition
 * one after the other. A cooperative assignor's is corrected: what another member still
 * has is nobody's until that one gave it up. */
int kc_lead_ask(struct kc_lead *lead, const struct kc_metadata *metadata);
void kc_lead_placed(struct kc_lead *lead, const int32_t *owners);
/* The group keeps the assignment that it has: only what there is now is noted. */
int kc_lead_note(struct kc_lead *lead, const struct kc_metadata *metadata);
/* The members' assignments, in the arena. False: no memory. */
bool kc_lead_encode(const struct kc_lead *lead, struct kb_arena *arena,
                    struct kw_sync_group_request *request);
/* Does a topic have another number of partitions than when they were assigned? */
bool kc_lead_changed(const struct kc_lead *lead, const struct kc_metadata *metadata);

#endif
