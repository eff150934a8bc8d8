/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_OVERRIDES_H
#define KD_OVERRIDES_H
/*
 * What one topic, one broker or all brokers were given while running: texts by
 * key, as they stand in the metadata store. Few of them; keys stand once.
 */
#include <stdbool.h>
#include <stddef.h>

struct kd_config_entry {
    char *key, *value;
};

struct kd_overrides { /* {0} is empty */
    struct kd_config_entry *entries;
    size_t count;
};

void kd_overrides_deinit(struct kd_overrides *overrides);
const char *kd_overrides_get(const struct kd_overrides *overrides, const char *key); /* or NULL */
/* Both are copied. False: no memory, nothing has changed. */
bool kd_overrides_set(struct kd_overrides *overrides, const char *key, const char *value);
void kd_overrides_remove(struct kd_overrides *overrides, const char *key);
/* *to is overwritten. False: no memory, *to is empty. */
bool kd_overrides_copy(struct kd_overrides *to, const struct kd_overrides *from);
/* *from moves into *to, whose own entries go. */
void kd_overrides_move(struct kd_overrides *to, struct kd_overrides *from);

#endif
