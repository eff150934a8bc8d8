/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H
/* What all programs over the public API share. */
#include "kurier/kurier.h"
#include "tests/sim/process.h"
#include "tests/sim/run.h"

enum { CLIENT_TOPICS = 4, CLIENT_CLOSE_MS = 5000 };

/* Topics by name; the last one is NULL. */
typedef const char *const client_topics[CLIENT_TOPICS + 1];

/* Where the broker is, and timeouts that the seed chose. */
kurier_config *client_config(struct run *run);
void client_set(kurier_config *config, const char *key, int64_t value);
/* Its log, into the trace. */
void client_trace(const struct process *process, kurier_client *client);

#endif
