/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H
/* What lies on a broker's disk, looked at without the broker. */
#include "base/fs.h"

struct census {
    long batches;
    long bumps; /* epochs of a producer that began, the first one of each apart */
};

void census_take(struct kb_fs *disk, struct census *out);

#endif
