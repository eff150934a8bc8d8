/* SPDX-License-Identifier: Apache-2.0 */
/* UpdateFeatures (KIP-584): all of what is asked for, or nothing. */
#include "wire/gen/update_features.h"
#include "broker/api/api.h"
#include <stdio.h>
#include <string.h>

enum { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };
enum { TYPED_SINCE = 1, VALIDATE_SINCE = 1, ALONE_SINCE = 2 };

struct update {
    struct kd_request *request;
    struct kw_update_features_request in;
    struct kb_error *errors; /* of each */
    int16_t levels[KD_FEATURES];
};

/* ---- Answer ---- */

static struct kb_slice words(const struct kb_error *err)
{
    return err->code ? kb_slice_str(err->text) : kb_slice_null();
}

static void list_results(const struct update *update, struct kw_update_features_response *out)
{
    const struct kw_update_features_request *in = &update->in;
    out->results =
        kb_arena_array(&update->request->arena, (size_t)KB_MAX(in->feature_updates_count, 0),
                       sizeof *out->results);
    for (int32_t i = 0; out->results && i < in->feature_updates_count; i++)
        out->results[out->results_count++] = (struct kw_update_features_response_result){
            in->feature_updates[i].feature, (int16_t)update->errors[i].code,
            words(&update->errors[i])};
}

/* `why`: of all of them. */
static void answer(struct update *update, const struct kb_error *why)
{
    struct kd_request *request = update->request;
    struct kw_update_features_response out;
    struct kw_writer w;
    kw_update_features_response_init(&out);
    out.error_code = kd_answer_code(why->code);
    out.error_message = words(why);
    list_results(update, &out);
    kd_answer_begin(request, &w);
    kw_update_features_response_encode(&w, request->header.version, &out);
    kd_answer_end(request, &w);
}

static void on_set(void *ctx, const struct kb_error *err)
{
    answer(ctx, err);
}

/* ---- Request ---- */

static int kind_of(const struct update *update,
                   const struct kw_update_features_request_feature_update *one)
{
    if (update->request->header.version >= TYPED_SINCE)
        return one->upgrade_type;
    return one->allow_downgrade ? UNSAFE_DOWNGRADE : UPGRADE;
}

static int refuse(struct kb_error *err, const char *why, const struct kd_feature *row, int level)
{
    return kb_error_set(err, KB_E_INVALID_UPDATE_VERSION,
                        "level %d of %s: %s (supported: %d to %d)", level, row->name, why,
                        row->lowest, row->max);
}

static int check(struct update *update, const struct kw_update_features_request_feature_update *one,
                 struct kb_error *err)
{
    const struct kd_feature *row = kd_feature_find(one->feature);
    int kind = kind_of(update, one), level = one->max_version_level;
    kb_error_clear(err);
    if (!row)
        return kb_error_set(err, KB_E_INVALID_UPDATE_VERSION, "there is no such feature here");
    int16_t *now = &update->levels[row - kd_feature_rows];
    if (kind < UPGRADE || kind > UNSAFE_DOWNGRADE)
        return refuse(err, "neither an upgrade nor a downgrade", row, level);
    if (level < row->lowest || level > row->max)
        return refuse(err, "it cannot be set to that", row, level);
    if (kind == UPGRADE && level < *now)
        return refuse(err, "that is a downgrade, and has to be asked for as one", row, level);
    if (kind != UPGRADE && level > *now)
        return refuse(err, "that is an upgrade, and was asked for as a downgrade", row, level);
    *now = (int16_t)level;
    return KB_OK;
}

/* The first error, which older versions are told with its feature alone. */
static int check_all(struct update *update, struct kb_error *why)
{
    bool together = update->request->header.version >= ALONE_SINCE;
    int code = KB_OK;
    kb_error_clear(why);
    for (int32_t i = 0; i < update->in.feature_updates_count; i++) {
        int one = check(update, &update->in.feature_updates[i], &update->errors[i]);
        if (one && !code && together)
            *why = update->errors[i];
        code = code ? code : one;
    }
    return code;
}

void kd_handle_update_features(struct kd_request *request)
{
    struct update *update = kb_arena_alloc(&request->arena, sizeof *update);
    struct kb_error why;
    int16_t version = request->header.version;
    if (!update ||
        !kw_update_features_request_decode(&request->body, version, &request->arena, &update->in)) {
        kd_request_refuse(request);
        return;
    }
    update->request = request;
    update->errors =
        kb_arena_array(&request->arena, (size_t)KB_MAX(update->in.feature_updates_count, 0),
                       sizeof *update->errors);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    memcpy(update->levels, request->shard->features.levels, sizeof update->levels);
    int code = check_all(update, &why);
    if (code || (version >= VALIDATE_SINCE && update->in.validate_only))
        answer(update, &why);
    else
        kd_features_set(request->shard, update->levels, on_set, update);
}
