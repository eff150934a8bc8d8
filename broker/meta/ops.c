/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/ops.h"
#include <stdarg.h>
#include <stdio.h>

enum { BUDGET = 64 << 20 };

void kd_ops_init(struct kd_ops *list, int room)
{
    *list = (struct kd_ops){.room = room};
    kb_arena_init(&list->arena, BUDGET);
    list->ops = kb_arena_array(&list->arena, (size_t)room, sizeof *list->ops);
}

void kd_ops_deinit(struct kd_ops *list)
{
    kb_arena_deinit(&list->arena);
}

bool kd_ops_ok(const struct kd_ops *list)
{
    return !list->arena.failed;
}

static void add(struct kd_ops *list, enum kd_meta_kind kind, const char *data, unsigned flags,
                int32_t version, const char *format, va_list args)
{
    char path[KD_META_MAX_PATH];
    KB_CHECK(list->count < list->room);
    vsnprintf(path, sizeof path, format, args);
    const char *copy = kb_arena_strdup(&list->arena, kb_slice_str(path));
    const char *text = data ? kb_arena_strdup(&list->arena, kb_slice_str(data)) : NULL;
    if (!kd_ops_ok(list))
        return;
    list->ops[list->count++] = (struct kd_meta_op){
        .kind = kind, .flags = flags, .path = copy, .data = kb_slice_str(text), .version = version};
}

void kd_ops_check(struct kd_ops *list, int32_t version, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, KD_META_CHECK, NULL, 0, version, format, args);
    va_end(args);
}

void kd_ops_create(struct kd_ops *list, const char *data, unsigned flags, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, KD_META_CREATE, data, flags, KD_META_ANY, format, args);
    va_end(args);
}

void kd_ops_set(struct kd_ops *list, const char *data, int32_t version, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, KD_META_SET, data, 0, version, format, args);
    va_end(args);
}

void kd_ops_delete(struct kd_ops *list, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, KD_META_DELETE, NULL, 0, KD_META_ANY, format, args);
    va_end(args);
}
