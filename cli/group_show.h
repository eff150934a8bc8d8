/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GROUP_SHOW_H
#define CLI_GROUP_SHOW_H
/* The groups that operands name; without operands, all there are. And topics by -t. */
#include "cli/admin.h"

struct group_names {
    const char *const *names;
    size_t count;
    kurier_result *result; /* names lie in it, if they were not given */
    const char **listed;
};

/* 0 or an exit status; to be freed in any case. */
int group_names_load(struct group_names *names, struct admin *admin);
void group_names_free(struct group_names *names);

/* By a -t. */
bool group_topic_is_named(const struct args *args, const char *topic);

#endif
