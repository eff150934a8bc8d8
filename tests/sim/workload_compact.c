/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compacted topics of few keys: of each key the newest record stays, whatever
 * happens, and what is there is what was sent.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

static const client_topics topics = {"states", "tables"};

static const struct world_setting settings[] = {{"log.cleanup.policy", "compact"},
                                                {"log.roll.ms", "300"},
                                                {"log.cleaner.backoff.ms", "50"},
                                                {"log.cleaner.min.cleanable.ratio", "0.2"},
                                                {NULL, NULL}};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {
        .run = run, .topics = &topics, .idempotent = true, .has_keys = true};
    struct crowd crowd;
    run->history.retention = true;
    for (int i = 0; topics[i]; i++)
        run->history.topics[history_topic(&run->history, topics[i])].compacted = true;
    crowd_open(&crowd, &plan, true);
    crowd_finish(&crowd);
    crowd_close(&crowd);
}

const struct workload workload_compact = {.name = "compact",
                                          .what = "compacted topics of few keys",
                                          .settings = settings,
                                          .send = send_records,
                                          .read = crowd_read};
