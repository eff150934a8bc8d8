/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/features.h"
#include "base/mem.h"
#include "broker/meta/records.h"
#include "broker/server/change.h"

static const char path[] = "/feature";

const struct kd_feature kd_feature_rows[KD_FEATURES] = {
    [KD_FEATURE_GROUP] = {"group.version", 0, 1, 1, 1},
    [KD_FEATURE_TRANSACTION] = {"transaction.version", 0, 2, 0, 2},
};

const struct kd_feature *kd_feature_find(struct kb_slice name)
{
    for (int i = 0; i < KD_FEATURES; i++)
        if (kb_slice_equal(kb_slice_str(kd_feature_rows[i].name), name))
            return &kd_feature_rows[i];
    return NULL;
}

/* ---- Load ----------------------------------------------------------------- */

struct load {
    struct kd_shard *shard;
    kd_features_fn *done;
    void *ctx;
};

static bool read_levels(struct kb_slice text, struct kd_features *features)
{
    for (int i = 0; i < KD_FEATURES; i++) {
        const struct kd_feature *row = &kd_feature_rows[i];
        int64_t level = row->level;
        if (!kd_record_feature_read(text, row->name, &level) || level < row->lowest ||
            level > row->max)
            return false;
        features->levels[i] = (int16_t)level;
    }
    return true;
}

static void on_read(void *ctx, const struct kd_meta_node *node)
{
    struct load load = *(struct load *)ctx;
    struct kd_features *features = &load.shard->features;
    struct kb_error err;
    kb_error_clear(&err);
    kb_free(ctx);
    features->version = -1;
    for (int i = 0; i < KD_FEATURES; i++)
        features->levels[i] = kd_feature_rows[i].level;
    if (node->outcome == KD_META_UNKNOWN) {
        kb_error_set(&err, KB_E_DISK, "cannot read the metadata store");
    } else if (node->outcome == KD_META_OK) {
        features->version = node->stat.version;
        if (!read_levels(node->data, features))
            kb_error_set(&err, KB_E_CORRUPT,
                         "%s of the metadata store has levels that this version does not know",
                         path);
    }
    load.done(load.ctx, &err);
}

void kd_features_load(struct kd_shard *shard, kd_features_fn *done, void *ctx)
{
    struct kb_error err;
    struct load *load = KB_NEW(struct load);
    if (!load) {
        kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
        done(ctx, &err);
        return;
    }
    *load = (struct load){shard, done, ctx};
    kd_meta_get(shard->meta, path, NULL, on_read, load);
}

/* ---- Set ------------------------------------------------------------------- */

struct set {
    struct kd_shard *shard;
    struct kd_features next;
    kd_features_fn *done;
    void *ctx;
};

static void on_set(void *ctx, const struct kd_meta_result *result)
{
    struct set *set = ctx;
    struct kb_error err;
    bool raced = result->reason == KD_META_BAD_VERSION || result->reason == KD_META_EXISTS;
    kb_error_clear(&err);
    if (result->outcome == KD_META_OK) {
        set->next.version = result->changes[1].version;
        set->shard->features = set->next;
    } else {
        /* Clients ask again where the controller is said to have moved. */
        bool lost = result->outcome == KD_META_CONFLICT && raced;
        int code = lost ? KB_E_NOT_CONTROLLER : kd_change_code(result);
        kb_error_set(&err, code, "%s", kb_code_text(code));
    }
    set->done(set->ctx, &err);
    kb_free(set);
}

void kd_features_set(struct kd_shard *shard, const int16_t levels[KD_FEATURES],
                     kd_features_fn *done, void *ctx)
{
    struct kd_ops ops;
    struct kb_error err;
    struct set *set = KB_NEW(struct set);
    const char *names[KD_FEATURES];
    for (int i = 0; i < KD_FEATURES; i++)
        names[i] = kd_feature_rows[i].name;
    char *text = kd_record_features(names, levels, KD_FEATURES);
    kd_ops_init(&ops, 2);
    ops.arena.failed |= !text;
    kd_ops_check(&ops, shard->controller_version, "/controller_epoch");
    if (shard->features.version < 0)
        kd_ops_create(&ops, text, 0, "%s", path);
    else
        kd_ops_set(&ops, text, shard->features.version, "%s", path);
    kd_record_free(text);
    if (set && kd_ops_ok(&ops)) {
        *set = (struct set){.shard = shard, .done = done, .ctx = ctx};
        memcpy(set->next.levels, levels, sizeof set->next.levels);
        kd_meta_multi(shard->meta, ops.ops, ops.count, on_set, set);
    } else {
        kb_free(set);
        kb_error_set(&err, KB_E_UNKNOWN_SERVER_ERROR, "out of memory");
        done(ctx, &err);
    }
    kd_ops_deinit(&ops);
}
