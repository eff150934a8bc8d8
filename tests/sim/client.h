/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H
/* What all programs over the public API share. */
#include "kurier/kurier.h"
#include "tests/sim/process.h"
#include "tests/sim/run.h"

enum { CLIENT_TOPICS = 4, CLIENT_CLOSE_MS = 5000 };

/* Of a group's member. */
enum { CLIENT_SESSION_MS = 1500, CLIENT_POLL_INTERVAL_MS = 3000, CLIENT_DRAIN_MS = 1000 };

/* Topics by name; the last one is NULL. */
typedef const char *const client_topics[CLIENT_TOPICS + 1];

/* Where the broker is, and timeouts that the seed chose. */
kurier_config *client_config(struct run *run);
void client_set(kurier_config *config, const char *key, int64_t value);
/* A member's, who reads from the beginning; the seed chooses how much at once. */
void client_set_group(kurier_config *config, struct run *run, const char *group,
                      int64_t memory_bytes);
/* Its log, into the trace. */
void client_trace(const struct process *process, kurier_client *client);

#endif
