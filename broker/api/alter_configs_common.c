/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/alter_configs.h"

struct kd_altering *kd_altering_new(struct kd_request *request, int32_t count)
{
    struct kd_altering *altering = kb_arena_alloc(&request->arena, sizeof *altering);
    if (!altering)
        return NULL;
    altering->request = request;
    altering->items =
        kb_arena_array(&request->arena, (size_t)KB_MAX(count, 0), sizeof *altering->items);
    altering->count = altering->items ? (size_t)KB_MAX(count, 0) : 0;
    return altering;
}

void kd_altering_take(struct kd_altering *altering, size_t at, int8_t type, struct kb_slice name,
                      int32_t alterations)
{
    struct kd_altered *item = &altering->items[at];
    *item = (struct kd_altered){.altering = altering, .type = type, .name = name};
    item->alterations = kb_arena_array(&altering->request->arena, (size_t)KB_MAX(alterations, 0),
                                       sizeof *item->alterations);
    item->count = item->alterations ? (size_t)KB_MAX(alterations, 0) : 0;
}

static void settle(struct kd_altering *altering)
{
    if (--altering->pending > 0)
        return;
    if (altering->request->arena.failed)
        kd_answer_fail(altering->request, "no memory for the answer");
    else
        altering->answer(altering);
}

static void refuse(struct kd_altered *item, const struct kb_error *err)
{
    item->code = (int16_t)err->code;
    item->message = kd_keep(item->altering->request, kb_slice_str(err->text));
}

static void on_altered(struct kd_config_change *change, const struct kb_error *err)
{
    struct kd_altered *item = KB_CONTAINER(change, struct kd_altered, change);
    if (err->code)
        refuse(item, err);
    settle(item->altering);
}

static void start(struct kd_altered *item)
{
    struct kd_altering *altering = item->altering;
    struct kd_config_change *change = &item->change;
    struct kb_error err;
    *change = (struct kd_config_change){.shard = altering->request->shard,
                                        .name = item->name,
                                        .alterations = item->alterations,
                                        .count = item->count,
                                        .replace = altering->replace,
                                        .done = on_altered};
    kb_error_clear(&err);
    if (kd_config_resource(change->shard, item->type, item->name, &change->entity, &err) ||
        (altering->validate_only && kd_configs_check(change, &err))) {
        refuse(item, &err);
    } else if (!altering->validate_only) {
        altering->pending++;
        kd_configs_alter(change);
    }
}

/* ---- Resources that are named twice ------------------------------------- */

/* Type and name as one key. */
static struct kb_slice key_of(struct kb_arena *arena, const struct kd_altered *item)
{
    uint8_t *key = kb_arena_alloc(arena, item->name.size + 1);
    if (!key)
        return kb_slice_null();
    key[0] = (uint8_t)item->type;
    if (item->name.size)
        memcpy(key + 1, item->name.data, item->name.size);
    return kb_slice_of(key, item->name.size + 1);
}

/* None of them is done: nobody could say which one counts. */
static void refuse_repeated(struct kd_altering *altering)
{
    struct kb_arena *arena = &altering->request->arena;
    struct kb_slice *keys = kb_arena_array(arena, altering->count, sizeof *keys);
    for (size_t i = 0; keys && i < altering->count; i++)
        keys[i] = key_of(arena, &altering->items[i]);
    const bool *repeated =
        arena->failed ? NULL : kd_find_repeated(altering->request, keys, altering->count);
    struct kb_error err;
    kb_error_set(&err, KB_E_INVALID_REQUEST, "this resource stands twice in this request");
    for (size_t i = 0; repeated && i < altering->count; i++)
        if (repeated[i])
            refuse(&altering->items[i], &err);
}

void kd_altering_run(struct kd_altering *altering)
{
    altering->pending = 1;
    refuse_repeated(altering);
    for (size_t i = 0; !altering->request->arena.failed && i < altering->count; i++)
        if (!altering->items[i].code)
            start(&altering->items[i]);
    settle(altering);
}
