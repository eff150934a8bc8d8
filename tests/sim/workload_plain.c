/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producers without idempotence: what was acknowledged is there, perhaps twice, and
 * in order as long as one request at a time is on its way. Any of the processes may
 * die and come back.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

static const client_topics topics = {"one", "two", "three"};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {.run = run, .topics = &topics, .idempotent = false};
    struct crowd crowd;
    crowd_open(&crowd, &plan, false);
    crowd_finish(&crowd);
    crowd_close(&crowd);
}

const struct workload workload_plain = {
    .name = "plain",
    .what = "producers without idempotence, killed and started again, on several topics",
    .send = send_records,
    .read = crowd_read};
