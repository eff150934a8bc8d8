/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/workload.h"

#include "base/check.h"

#include <string.h>

const struct workload *const workloads[] = {
    &workload_raw,      &workload_client,    &workload_plain,    &workload_idempotent,
    &workload_topics,   &workload_retention, &workload_clock,    &workload_rawgroup,
    &workload_memory,   &workload_group,     &workload_group848, &workload_mixed,
    &workload_graceful, &workload_compact,   &workload_txn,      &workload_copy,
};

const size_t workloads_count = KB_ARRAY_SIZE(workloads);

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; i < workloads_count; i++)
        if (!strcmp(workloads[i]->name, name))
            return workloads[i];
    return NULL;
}
