/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing goes wrong but allocations, of a client's loop, or of the broker once it
 * serves its topic: they are told as errors or tried again, and nothing dies of it.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

static const client_topics topics = {"one"};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {.run = run, .topics = &topics, .idempotent = true};
    struct crowd crowd;
    crowd_open(&crowd, &plan, false);
    crowd_finish(&crowd);
    crowd_close(&crowd);
}

const struct workload workload_memory = {.name = "memory",
                                         .what = "nothing but allocations that fail",
                                         .only_fault = "short of memory",
                                         .send = send_records,
                                         .read = crowd_read};
