/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics that are made, grown, deleted and made anew, while others write to them
 * and read. What was sent before a deletion took effect may be gone with it, and
 * nothing else.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

static const client_topics topics = {"one", "two"};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {
        .run = run, .topics = &topics, .idempotent = true, .topics_go = true};
    struct crowd crowd;
    crowd_open(&crowd, &plan, true);
    crowd_keep(&crowd, false);
    crowd_finish(&crowd);
    crowd_close(&crowd);
}

const struct workload workload_topics = {
    .name = "topics",
    .what = "topics made, grown, deleted and made anew while they are in use",
    .send = send_records,
    .read = crowd_read};
