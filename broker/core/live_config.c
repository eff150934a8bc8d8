/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/live_config.h"

void kd_live_config_init(struct kd_live_config *live, const struct kd_config *file)
{
    *live = (struct kd_live_config){.file = file, .now = *file};
}

void kd_live_config_deinit(struct kd_live_config *live)
{
    for (int i = 0; i < KD_LAYERS; i++)
        kd_overrides_deinit(&live->layers[i]);
}

static void apply(const struct kb_options *table, void *values, const struct kd_overrides *from,
                  struct kb_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct kd_config_entry *entry = &from->entries[i];
        const struct kb_option *row = kb_options_find(table, entry->key);
        if (!row || !(row->flags & KB_OPT_DYNAMIC))
            kb_error_set(err, KB_E_BAD_CONFIG, "%s cannot be set while running", entry->key);
        else
            kb_options_set(table, values, entry->key, entry->value, err);
    }
}

void kd_live_config_preview(const struct kd_live_config *live, enum kd_layer layer,
                            const struct kd_overrides *next, struct kb_error *err,
                            struct kd_config *out)
{
    *out = *live->file;
    for (enum kd_layer i = 0; i < KD_LAYERS; i++)
        apply(kd_config_table(), out, i == layer ? next : &live->layers[i], err);
}

void kd_live_config_set(struct kd_live_config *live, enum kd_layer layer, struct kd_overrides *next,
                        struct kb_error *err)
{
    kd_overrides_move(&live->layers[layer], next);
    kd_live_config_preview(live, layer, &live->layers[layer], err, &live->now);
}

void kd_topic_config_make(const struct kd_config *broker, const struct kd_overrides *own,
                          struct kb_error *err, struct kd_topic_config *out)
{
    *out = broker->topic;
    apply(kd_topic_config_table(), out, own, err);
}
