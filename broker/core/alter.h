/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_ALTER_H
#define KD_ALTER_H
/*
 * From a request to alter configuration to the overrides that there will be.
 * Pure. The numbers are the protocol's (IncrementalAlterConfigs).
 */
#include "base/options.h"
#include "base/slice.h"
#include "broker/core/overrides.h"

enum kd_alter { KD_ALTER_SET, KD_ALTER_DELETE, KD_ALTER_APPEND, KD_ALTER_SUBTRACT };

struct kd_alteration {
    int kind; /* of enum kd_alter, if the client knows the protocol */
    struct kb_slice key, value;
};

struct kd_alter_target {
    const struct kb_options *table;
    const struct kd_overrides *own; /* as they are */
    void *values; /* a copy of those in force, to try new ones on; it is changed */
    int bad;      /* the code for a key or a value that cannot be */
};

/*
 * *out: the new overrides, on success alone. With `replace` they begin empty.
 * INVALID_REQUEST: a key that stands twice, a null value, an operation that
 * does not exist; target->bad: an unknown key, one that is fixed while
 * running, a value out of range, APPEND to what is no list. Keys that mean
 * nothing here are taken and forgotten. Deleting what is not there is fine.
 */
int kd_alter_plan(const struct kd_alter_target *target, const struct kd_alteration *alterations,
                  size_t count, bool replace, struct kd_overrides *out, struct kb_error *err);
/* The row that is meant; NULL: there is none. */
const struct kb_option *kd_alter_row(const struct kb_options *table,
                                     const struct kd_alteration *alteration);

#endif
