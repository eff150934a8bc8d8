/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that go: by age, by size, and because somebody deleted them. Nothing
 * goes before its time, and what is gone stays gone.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

enum { KEPT_MS = 4000, KEPT_BYTES = 120000 };

static const client_topics topics = {"aged", "trimmed"};

static const struct world_setting settings[] = {{"log.retention.ms", "4000"},
                                                {"log.retention.bytes", "120000"},
                                                {"log.roll.ms", "400"},
                                                {"log.retention.check.interval.ms", "300"},
                                                {"log.segment.delete.delay.ms", "200"},
                                                {NULL, NULL}};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {.run = run, .topics = &topics, .idempotent = true};
    struct crowd crowd;
    run->history.retention = true;
    for (int i = 0; topics[i]; i++) {
        struct history_topic *topic = &run->history.topics[history_topic(&run->history, topics[i])];
        topic->retention_ms = KEPT_MS;
        topic->retention_bytes = KEPT_BYTES;
    }
    crowd_open(&crowd, &plan, true);
    crowd_keep(&crowd, true);
    crowd_finish(&crowd);
    crowd_close(&crowd);
}

const struct workload workload_retention = {.name = "retention",
                                            .what = "records that go by age, by size and by hand",
                                            .settings = settings,
                                            .send = send_records,
                                            .read = crowd_read};
