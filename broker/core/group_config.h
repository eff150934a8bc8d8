/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_CONFIG_H
#define KD_GROUP_CONFIG_H
/*
 * The values of one group's configuration, plain data. What the group itself was
 * given is kept as text (overrides.h); everything else is the broker's.
 */
#include "broker/core/config.h"
#include "broker/core/overrides.h"

struct kd_group_config {
    int32_t session_ms, heartbeat_ms, assignment_interval_ms;
};

/* Each row's synonym is the broker's key that gives its default. */
const struct kb_options *kd_group_config_table(void);
/* A group's values: its own over the broker's. What cannot be used is left out. */
void kd_group_config_make(const struct kd_config *broker, const struct kd_overrides *own,
                          struct kd_group_config *out);
/* Within what the broker allows: BAD_CONFIG, with words. */
int kd_group_config_check(const struct kd_config *broker, const struct kd_group_config *config,
                          struct kb_error *err);

#endif
