/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_GROUP_OPTIONS_H
#define KC_GROUP_OPTIONS_H
/* What the keys of groups mean together, and which assignors they name. */
#include "base/error.h"
#include "libclient/core/assignor.h"
#include "libclient/core/options.h"

enum { KC_ASSIGNORS_MAX = 8 };

struct kc_assignors {
    const struct kc_assignor *list[KC_ASSIGNORS_MAX]; /* the best first */
    size_t count;
};

/* group.id is set. 0, or KB_E_BAD_CONFIG with which keys contradict. */
int kc_group_options(const struct kc_consumer_options *options, struct kc_assignors *out,
                     struct kb_error *err);

#endif
