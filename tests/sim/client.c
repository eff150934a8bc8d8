/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/client.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>

kurier_config *client_config(struct run *run)
{
    static const char *const timeouts[] = {"400", "3000", "30000"};
    kurier_config *config = kurier_config_new();
    KB_CHECK(config);
    kurier_config_set(config, "bootstrap.servers", WORLD_BOOTSTRAP);
    kurier_config_set(config, "log.sink", "events");
    kurier_config_set(config, "log.level", run->world.options.trace ? "debug" : "info");
    kurier_config_set(config, "request.timeout.ms", timeouts[world_between(&run->world, 0, 2)]);
    return config;
}

void client_set(kurier_config *config, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    kurier_config_set(config, key, text);
}

void client_set_group(kurier_config *config, struct run *run, const char *group,
                      int64_t memory_bytes)
{
    struct world *w = &run->world;
    kurier_config_set(config, "group.id", group);
    kurier_config_set(config, "auto.offset.reset", "earliest");
    client_set(config, "session.timeout.ms", CLIENT_SESSION_MS);
    client_set(config, "heartbeat.interval.ms", world_between(w, 50, 500));
    client_set(config, "max.poll.interval.ms", CLIENT_POLL_INTERVAL_MS);
    client_set(config, "rebalance.drain.ms", CLIENT_DRAIN_MS);
    client_set(config, "fetch.memory", memory_bytes);
    client_set(config, "max.poll.records", world_between(w, 1, 200));
    client_set(config, "fetch.max.wait.ms", world_between(w, 1, 200));
}

void client_trace(const struct process *process, kurier_client *client)
{
    kurier_event event;
    while (kurier_client_event(client, &event, 0))
        world_trace(process->world, "  %s: %s", process->node, event.error.text);
}
