/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CONFIGS_GROUPS_H
#define KD_CONFIGS_GROUPS_H
/*
 * What groups were given of their own, under /config/groups/G of the metadata
 * store. A group need not exist to have some. In a path its name is written as in
 * a URL: letters, digits, '_' and '-', the rest as %2E.
 */
#include "broker/core/group/groups.h"
#include "broker/core/group_config.h"
#include "broker/core/overrides.h"
#include "broker/server/configs.h"

struct kd_group_settings {
    struct kd_group_own own; /* what its coordinator reads */
    struct kd_overrides overrides;
    int32_t version; /* of its node; -1: there is none */
    size_t name_size;
    uint8_t name[];
};

enum { KD_GROUP_PATH = 224 };

/* NULL: it was given nothing. */
struct kd_group_settings *kd_group_settings_find(const struct kd_configs *configs,
                                                 struct kb_slice name);
struct kd_group_settings *kd_group_settings_next(const struct kd_configs *configs,
                                                 const struct kd_group_settings *at);
/* NULL: no memory. */
struct kd_group_settings *kd_group_settings_obtain(struct kd_configs *configs,
                                                   struct kb_slice name);
/* The overrides have changed: what the coordinator reads follows. */
void kd_group_settings_apply(struct kd_group_settings *settings, const struct kd_config *broker);
void kd_group_settings_drop_all(struct kd_configs *configs);

/* Below /config. False: it does not fit. */
bool kd_group_settings_path(struct kb_slice name, char out[KD_GROUP_PATH]);

/* What the store has; done comes once. */
void kd_group_settings_load(struct kd_shard *shard,
                            void (*done)(void *ctx, const struct kb_error *err), void *ctx);

#endif
