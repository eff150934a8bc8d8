/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wall clock that jumps by up to an hour either way, and nothing else: records
 * that are kept for a minute are, no connection is lost, and no request is sent
 * twice.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

enum { KEPT_MS = 60 * 1000 };

static const client_topics topics = {"one", "two"};

static const struct world_setting settings[] = {{"log.retention.ms", "60000"},
                                                {"log.roll.ms", "5000"},
                                                {"log.retention.check.interval.ms", "2000"},
                                                {"log.segment.delete.delay.ms", "1000"},
                                                {NULL, NULL}};

static void send_records(struct run *run)
{
    const struct producer_plan plan = {
        .run = run, .topics = &topics, .idempotent = true, .pace_ms = 200};
    struct crowd crowd;
    run->history.retention = true;
    for (int i = 0; topics[i]; i++)
        run->history.topics[history_topic(&run->history, topics[i])].retention_ms = KEPT_MS;
    crowd_open(&crowd, &plan, true);
    crowd_finish(&crowd);
    if (kn_sim_lost(run->world.sim))
        run_complain(run, "a connection was lost");
    if (run->counts[RUN_RESENDS])
        run_complain(run, "a record was sent again");
    crowd_close(&crowd);
}

const struct workload workload_clock = {
    .name = "clock",
    .what = "a wall clock that jumps by up to an hour, and nothing else",
    .settings = settings,
    .only_fault = "wall clock jumps",
    .calm_ms = 15 * 1000,
    .send = send_records,
    .read = crowd_read};
