/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_NAMES_H
#define KC_NAMES_H
/* A sorted set of names: topics that a member is subscribed to, or wants to know of. */
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct kc_names {
    char **names;
    size_t count, capacity;
};

void kc_names_init(struct kc_names *set); /* empty; as all zeros */
void kc_names_deinit(struct kc_names *set);
/* False: no memory, and nothing has changed. There already: true. */
bool kc_names_add(struct kc_names *set, struct kb_slice name);
/* -1: not there. */
int32_t kc_names_index(const struct kc_names *set, struct kb_slice name);
bool kc_names_contains(const struct kc_names *set, struct kb_slice name);
bool kc_names_equal(const struct kc_names *a, const struct kc_names *b);
/* Without an allocation; `from` is empty then. */
void kc_names_move(struct kc_names *to, struct kc_names *from);
/* False: no memory; `to` is as it was. */
bool kc_names_copy(struct kc_names *to, const struct kc_names *from);

#endif
