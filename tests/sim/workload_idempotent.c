/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idempotent producers and readers on several topics, each a process of its own
 * that may die and come back.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

static const client_topics topics = {"one", "two", "three"};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {.run = run, .topics = &topics, .idempotent = true};
    struct crowd crowd;
    crowd_open(&crowd, &plan, false);
    crowd_finish(&crowd);
    crowd_close(&crowd);
}

const struct workload workload_idempotent = {
    .name = "idempotent",
    .what = "idempotent producers, killed and started again, on several topics",
    .send = send_records,
    .read = crowd_read};
