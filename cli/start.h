/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_START_H
#define CLI_START_H
/* Which partitions of a topic are read, and from where. */
#include "cli/cli.h"

struct partition {
    int32_t id, leader;
    bool ended;
};

struct partitions {
    struct partition *rows; /* ascending */
    size_t count;
};

/* All that the topic has, or the one of -p. 0 or an exit status. */
int partitions_load(struct partitions *partitions, kurier_client *client, const struct args *args);
struct partition *partitions_find(const struct partitions *partitions, int32_t id); /* is there */
void partitions_free(struct partitions *partitions);

/* What -o says. */
struct start {
    enum { AT_OFFSET, AT_TIME, BEFORE_END } kind;
    int64_t at; /* offset, milliseconds, so many records */
};

int start_parse(const struct args *args, struct start *out);
int start_assign(const struct start *start, const struct partitions *partitions,
                 kurier_consumer *consumer, const struct args *args);

#endif
