/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GROUP_PLAN_H
#define CLI_GROUP_PLAN_H
/*
 * What `group reset` is about: partitions, where the group is in each, where they
 * begin and end, and where it is to be.
 */
#include "cli/admin.h"

struct plan_row {
    const char *topic;
    int32_t partition;
    int64_t committed;  /* -1: nothing */
    int64_t first, end; /* of the partition */
    int64_t at_time;    /* the first record not older; -1: none, or not asked for */
    int64_t target;
};

struct plan {
    struct plan_row *rows; /* by topic and partition */
    size_t count, capacity;
    kurier_result *topics, *committed; /* names lie in these, */
    char **specs;                      /* in copies of -t, */
    kurier_bytes file;                 /* and in the file */
};

/* Which partitions: those of -t, --all-topics or --from-file, whose offsets are targets
 * then. 0 or an exit status; to be freed in any case. */
int plan_load(struct plan *plan, struct admin *admin, const char *group);
/* Where they begin and end, and what was first at that time; -1: no time. */
int plan_find(struct plan *plan, struct admin *admin, int64_t time_ms);
void plan_free(struct plan *plan);

#endif
