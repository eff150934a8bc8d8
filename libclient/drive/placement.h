/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_PLACEMENT_H
#define KC_PLACEMENT_H
/*
 * One question to the application's own assignor, and its answer: a copy of what the
 * leader knows of its group, so that the group may go on meanwhile.
 *
 *   loop ── new ──> listener ── run, inside poll ──> assignor ── owners ──> loop
 */
#include "kurier/consumer.h"
#include "base/arena.h"
#include "base/error.h"
#include "libclient/core/assignor.h"

enum { KC_OWN_ASSIGNORS_MAX = 4, KC_ASSIGNOR_NAME_MAX = 64 };

/* What kurier_config_add_assignor was told. base.name is set by whoever keeps it. */
struct kc_own_assignor {
    struct kc_assignor base;
    char name[KC_ASSIGNOR_NAME_MAX];
    kurier_assign_fn *fn;
    void *ctx;
};
struct kc_own_assignors {
    struct kc_own_assignor list[KC_OWN_ASSIGNORS_MAX];
    size_t count;
};

struct kurier_placement {
    uint32_t number; /* of the question: kc_member_placed */
    const struct kc_own_assignor *assignor;
    struct kb_arena arena; /* all below */
    kurier_group_view view;
    size_t *first;   /* by topic: where its partitions are in owners */
    int32_t *owners; /* index of a member, or -1 */
    struct kb_error err;
};

/* NULL: no memory. */
struct kurier_placement *kc_placement_new(uint32_t number, const struct kc_own_assignor *assignor,
                                          const struct kc_assign *in);
void kc_placement_free(struct kurier_placement *placement); /* NULL is fine */
/* Asks it: err.code is its answer. */
void kc_placement_run(struct kurier_placement *placement);

#endif
