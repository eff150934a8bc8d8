/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/overrides.h"
#include "base/mem.h"
#include <string.h>

static struct kd_config_entry *find(const struct kd_overrides *overrides, const char *key)
{
    for (size_t i = 0; i < overrides->count; i++)
        if (!strcmp(overrides->entries[i].key, key))
            return &overrides->entries[i];
    return NULL;
}

const char *kd_overrides_get(const struct kd_overrides *overrides, const char *key)
{
    const struct kd_config_entry *entry = find(overrides, key);
    return entry ? entry->value : NULL;
}

static void free_entry(struct kd_config_entry *entry)
{
    kb_free(entry->key);
    kb_free(entry->value);
}

void kd_overrides_deinit(struct kd_overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++)
        free_entry(&overrides->entries[i]);
    kb_free(overrides->entries);
    *overrides = (struct kd_overrides){0};
}

static bool append(struct kd_overrides *overrides, struct kd_config_entry entry)
{
    size_t size = (overrides->count + 1) * sizeof entry;
    struct kd_config_entry *entries = kb_realloc(overrides->entries, size);
    if (!entries)
        return false;
    overrides->entries = entries;
    entries[overrides->count++] = entry;
    return true;
}

bool kd_overrides_set(struct kd_overrides *overrides, const char *key, const char *value)
{
    struct kd_config_entry *known = find(overrides, key);
    struct kd_config_entry entry = {kb_strdup(key), kb_strdup(value)};
    if (!entry.key || !entry.value || (!known && !append(overrides, entry))) {
        free_entry(&entry);
        return false;
    }
    if (known) {
        free_entry(known);
        *known = entry;
    }
    return true;
}

void kd_overrides_remove(struct kd_overrides *overrides, const char *key)
{
    struct kd_config_entry *entry = find(overrides, key);
    if (!entry)
        return;
    free_entry(entry);
    *entry = overrides->entries[--overrides->count];
}

bool kd_overrides_copy(struct kd_overrides *to, const struct kd_overrides *from)
{
    *to = (struct kd_overrides){0};
    for (size_t i = 0; i < from->count; i++)
        if (!kd_overrides_set(to, from->entries[i].key, from->entries[i].value)) {
            kd_overrides_deinit(to);
            return false;
        }
    return true;
}

void kd_overrides_move(struct kd_overrides *to, struct kd_overrides *from)
{
    kd_overrides_deinit(to);
    *to = *from;
    *from = (struct kd_overrides){0};
}
