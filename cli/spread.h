/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SPREAD_H
#define CLI_SPREAD_H
/* The partitions of some topics, one by one. */
#include "cli/admin.h"

struct spread {
    kurier_result *topics; /* names lie in it */
    kurier_position *positions;
    size_t count;
    int status; /* of topics that were not found; the others are there */
};

/* -p picks one of each topic. n 0: of all topics. 0, or an exit status if nothing is there. */
int spread_load(struct spread *spread, struct admin *admin, const char *const *names, size_t n);
/* The same offset for all. */
void spread_at(struct spread *spread, int64_t offset, int64_t timestamp_ms);
void spread_free(struct spread *spread);

#endif
