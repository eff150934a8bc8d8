/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/configs_groups.h"
#include "base/mem.h"
#include "broker/meta/ops.h"
#include "broker/meta/records.h"
#include "broker/server/shard.h"
#include <ctype.h>
#include <stdio.h>

/* ---- By name ------------------------------------------------------------ */

struct kd_group_settings *kd_group_settings_find(const struct kd_configs *configs,
                                                 struct kb_slice name)
{
    return KB_MAP_VALUE(kb_map_get(&configs->groups, name), struct kd_group_settings, own.by_id);
}

struct kd_group_settings *kd_group_settings_next(const struct kd_configs *configs,
                                                 const struct kd_group_settings *at)
{
    return KB_MAP_VALUE(kb_map_next(&configs->groups, at ? &at->own.by_id : NULL),
                        struct kd_group_settings, own.by_id);
}

struct kd_group_settings *kd_group_settings_obtain(struct kd_configs *configs, struct kb_slice name)
{
    struct kd_group_settings *settings = kd_group_settings_find(configs, name);
    if (settings)
        return settings;
    settings = kb_calloc(1, sizeof *settings + name.size);
    if (!settings)
        return NULL;
    settings->version = -1;
    settings->name_size = name.size;
    memcpy(settings->name, name.data, name.size);
    if (!kb_map_put(&configs->groups, &settings->own.by_id,
                    kb_slice_of(settings->name, name.size))) {
        kb_free(settings);
        return NULL;
    }
    return settings;
}

void kd_group_settings_apply(struct kd_group_settings *settings, const struct kd_config *broker)
{
    struct kd_group_config config;
    kd_group_config_make(broker, &settings->overrides, &config);
    settings->own.settings[KD_SET_SESSION] = config.session_ms;
    settings->own.settings[KD_SET_HEARTBEAT] = config.heartbeat_ms;
    settings->own.settings[KD_SET_ASSIGNMENT_INTERVAL] = config.assignment_interval_ms;
}

void kd_group_settings_drop_all(struct kd_configs *configs)
{
    struct kb_map_entry *at = kb_map_next(&configs->groups, NULL);
    while (at) {
        struct kd_group_settings *settings = KB_CONTAINER(at, struct kd_group_settings, own.by_id);
        at = kb_map_next(&configs->groups, at);
        kd_overrides_deinit(&settings->overrides);
        kb_free(settings);
    }
    kb_map_deinit(&configs->groups);
}

/* ---- Paths -------------------------------------------------------------- */

static bool is_plain(uint8_t c)
{
    return c < 128 && (isalnum(c) || c == '_' || c == '-');
}

bool kd_group_settings_path(struct kb_slice name, char out[KD_GROUP_PATH])
{
    size_t at = (size_t)snprintf(out, KD_GROUP_PATH, "groups/");
    for (size_t i = 0; i < name.size; i++) {
        if (at + 4 > KD_GROUP_PATH)
            return false;
        at += (size_t)snprintf(out + at, KD_GROUP_PATH - at,
                               is_plain(name.data[i]) ? "%c" : "%%%02X", name.data[i]);
    }
    return name.size > 0;
}

/* In place of the text. */
static size_t plain_name(const char *text, uint8_t *out)
{
    size_t size = 0;
    while (*text) {
        unsigned c = (uint8_t)*text;
        if (*text == '%' && sscanf(text + 1, "%2X", &c) == 1)
            text += 2;
        out[size++] = (uint8_t)c;
        text++;
    }
    return size;
}

/* ---- Loading ------------------------------------------------------------ */

struct load {
    struct kd_shard *shard;
    void (*done)(void *ctx, const struct kb_error *err);
    void *ctx;
    struct kb_error err;
    size_t pending;
};

struct item {
    struct load *load;
    char name[KD_GROUP_PATH];
};

static void settle(struct load *load)
{
    if (--load->pending)
        return;
    load->done(load->ctx, &load->err);
    kb_free(load);
}

static bool take(struct load *load, const char *encoded, const struct kd_meta_node *node)
{
    struct kd_overrides found = {0};
    uint8_t name[KD_GROUP_PATH];
    struct kd_configs *configs = &load->shard->configs;
    struct kb_slice plain = kb_slice_of(name, plain_name(encoded, name));
    struct kd_group_settings *settings =
        node->outcome == KD_META_OK && kd_record_config_read(node->data, &found)
            ? kd_group_settings_obtain(configs, plain)
            : NULL;
    if (settings) {
        kd_overrides_move(&settings->overrides, &found);
        settings->version = node->stat.version;
        kd_group_settings_apply(settings, load->shard->config);
    }
    kd_overrides_deinit(&found);
    return settings;
}

static void on_group(void *ctx, const struct kd_meta_node *node)
{
    struct item *item = ctx;
    struct load *load = item->load;
    if (!take(load, item->name, node))
        kb_error_set(&load->err, KB_E_CORRUPT, "metadata store: /config/groups/%s cannot be read",
                     item->name);
    kb_free(item);
    settle(load);
}

static void read_group(struct load *load, const char *name)
{
    char path[KD_META_MAX_PATH];
    struct item *item = KB_NEW(struct item);
    if (!item || strlen(name) >= sizeof item->name) {
        kb_free(item);
        kb_error_set(&load->err, KB_E_NO_MEMORY, "out of memory");
        return;
    }
    item->load = load;
    snprintf(item->name, sizeof item->name, "%s", name);
    snprintf(path, sizeof path, "/config/groups/%s", name);
    load->pending++;
    kd_meta_get(load->shard->meta, path, NULL, on_group, item);
}

static void on_folder(void *ctx, const struct kd_meta_result *result)
{
    struct load *load = ctx;
    if (result->outcome != KD_META_OK)
        kb_error_set(&load->err, KB_E_DISK, "metadata store: /config/groups cannot be made");
    settle(load);
}

/* The store is of a version that had none. */
static void make_folder(struct load *load)
{
    struct kd_ops ops;
    kd_ops_init(&ops, 1);
    kd_ops_create(&ops, NULL, 0, "/config/groups");
    if (kd_ops_ok(&ops)) {
        load->pending++;
        kd_meta_multi(load->shard->meta, ops.ops, ops.count, on_folder, load);
    } else {
        kb_error_set(&load->err, KB_E_NO_MEMORY, "out of memory");
    }
    kd_ops_deinit(&ops);
}

static void on_groups(void *ctx, const struct kd_meta_node *node)
{
    struct load *load = ctx;
    if (node->outcome == KD_META_CONFLICT)
        make_folder(load);
    for (int i = 0; node->outcome == KD_META_OK && i < node->count; i++)
        read_group(load, node->children[i]);
    settle(load);
}

void kd_group_settings_load(struct kd_shard *shard,
                            void (*done)(void *ctx, const struct kb_error *err), void *ctx)
{
    struct load *load = KB_NEW(struct load);
    if (!load) {
        struct kb_error err;
        kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
        done(ctx, &err);
        return;
    }
    *load = (struct load){.shard = shard, .done = done, .ctx = ctx, .pending = 1};
    kb_error_clear(&load->err);
    kd_meta_children(shard->meta, "/config/groups", NULL, on_groups, load);
}
