/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wire/fill.h"

#include "base/check.h"
#include "base/uuid.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

enum kind { OMIT, SET, EDGE, BIG, NIL };

enum { PATH_MAX_BYTES = 300 };

struct filler {
    const char *variant;
    int version;
    struct kb_arena *arena;
};

uint64_t fill_fnv(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        h = (h ^ at[i]) * 0x100000001b3;
    return h;
}

static uint64_t hash(const struct filler *f, const char *path)
{
    char text[PATH_MAX_BYTES * 2];
    int size = snprintf(text, sizeof text, "%s/%s", f->variant, path);
    KB_CHECK(size > 0 && (size_t)size < sizeof text);
    uint64_t h = fill_fnv(text, (size_t)size);
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
    return h ^ h >> 33;
}

/* "prefix.last", or "last" at the top. */
static void join(char to[PATH_MAX_BYTES], const char *prefix, const char *last)
{
    int size = snprintf(to, PATH_MAX_BYTES, "%s%s%s", prefix, *prefix ? "." : "", last);
    KB_CHECK(size > 0 && size < PATH_MAX_BYTES);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool below(const char *path, const char *top)
{
    return starts(path, top) && path[strlen(top)] == '.';
}

static enum kind kind_at(const struct filler *f, const char *path, const struct kw_field *field)
{
    const char *v = f->variant;
    bool records = field->type == KW_TYPE_RECORDS;
    if (strcmp(v, "full") == 0)
        return SET;
    if (strcmp(v, "edge") == 0)
        return EDGE;
    if (strcmp(v, "big") == 0)
        return BIG;
    if (starts(v, "mix")) {
        enum kind mixed = hash(f, path) >> 8 & 3;
        return mixed == OMIT && records ? SET : mixed;
    }
    const char *only = v + 5;
    if (strcmp(path, only) == 0)
        return starts(v, "only") ? SET : starts(v, "edge") ? EDGE : NIL;
    return below(path, only) || below(only, path) || records ? SET : OMIT;
}

static bool meets(int lo, int hi, int version)
{
    return version < 0 ? lo >= 0 : version >= lo && version <= hi;
}

static bool is_null(const struct filler *f, const struct kw_field *field, const char *path,
                    enum kind kind)
{
    if (!meets(field->null_min, field->null_max, f->version))
        return false;
    bool nested = (field->flags & KW_FIELD_ARRAY) || field->fields;
    return kind == NIL || (kind == EDGE && (!nested || (hash(f, path) >> 20 & 1)));
}

static int32_t count_at(const struct filler *f, const char *path, enum kind kind, bool structs)
{
    switch (kind) {
    case SET:
        return strchr(f->variant, ':') ? 1 : 2;
    case BIG:
        return structs ? 3 : 130;
    case EDGE:
        return hash(f, path) >> 16 & 1;
    default:
        return 0;
    }
}

static struct kb_slice span(const struct filler *f, uint64_t h, enum kind kind, bool text)
{
    if (kind == EDGE || kind == NIL)
        return kb_slice_of("", 0);
    size_t size = kind == BIG ? 127 + (h >> 11) % 100 : 1 + (h >> 11) % 12;
    uint8_t *bytes = kb_arena_alloc(f->arena, size);
    KB_CHECK(bytes);
    for (size_t i = 0; i < size; i++) {
        uint8_t b = (uint8_t)((h >> i % 8 * 8) ^ i);
        bytes[i] = text ? 'a' + b % 26 : b;
    }
    if (text && kind == BIG)
        memcpy(bytes, "\xc3\xa9", 2);
    return kb_slice_of(bytes, size);
}

static struct kb_uuid uuid(uint64_t h, enum kind kind)
{
    struct kb_uuid id;
    memset(&id, kind == BIG ? 0xff : 0, sizeof id);
    for (int i = 0; kind == SET && i < 8; i++) {
        id.bytes[i] = (uint8_t)(h >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)~id.bytes[i];
    }
    return id;
}

static int64_t integer(uint64_t h, enum kind kind, int64_t least, int64_t most)
{
    return kind == BIG ? most : kind == SET ? (int64_t)(h >> 11) : least;
}

static double real(uint64_t h, enum kind kind)
{
    return kind == BIG ? DBL_MAX : kind == SET ? (int32_t)(h >> 11) / 8.0 : -1e300;
}

static void fill(const struct filler *f, const struct kw_layout *layout, void *m,
                 const char *prefix);

/* A value of the field's type at `to`. */
static void set_one(const struct filler *f, const struct kw_field *field, void *to,
                    const char *path, enum kind kind)
{
    uint64_t h = hash(f, path);
    switch (field->type) {
    case KW_TYPE_BOOL:
        *(bool *)to = kind == BIG ? h >> 40 & 1 : kind == SET;
        break;
    case KW_TYPE_I8:
        *(int8_t *)to = (int8_t)integer(h, kind, INT8_MIN, INT8_MAX);
        break;
    case KW_TYPE_I16:
        *(int16_t *)to = (int16_t)integer(h, kind, INT16_MIN, INT16_MAX);
        break;
    case KW_TYPE_I32:
        *(int32_t *)to = (int32_t)integer(h, kind, INT32_MIN, INT32_MAX);
        break;
    case KW_TYPE_I64:
        *(int64_t *)to = kind == SET ? (int64_t)h : integer(h, kind, INT64_MIN, INT64_MAX);
        break;
    case KW_TYPE_U16:
        *(uint16_t *)to = (uint16_t)integer(h, kind, 0, UINT16_MAX);
        break;
    case KW_TYPE_U32:
        *(uint32_t *)to = (uint32_t)integer(h, kind, 0, UINT32_MAX);
        break;
    case KW_TYPE_F64:
        *(double *)to = real(h, kind);
        break;
    case KW_TYPE_UUID:
        *(struct kb_uuid *)to = uuid(h, kind);
        break;
    case KW_TYPE_STR:
    case KW_TYPE_BYTES:
    case KW_TYPE_RECORDS:
        *(struct kb_slice *)to = span(f, h, kind, field->type == KW_TYPE_STR);
        break;
    case KW_TYPE_STRUCT:
        field->fields->init(to);
        fill(f, field->fields, to, path);
        break;
    }
}

static void set_array(const struct filler *f, const struct kw_field *field, void *m,
                      const char *path, enum kind kind)
{
    char **xs = (char **)((char *)m + field->offset);
    int32_t *count = (int32_t *)((char *)m + field->count_offset);
    size_t size = kw_field_value_bytes(field);
    *count = count_at(f, path, kind, field->fields != NULL);
    *xs = kb_arena_array(f->arena, (size_t)*count, size);
    KB_CHECK(*xs);
    for (int32_t i = 0; i < *count; i++) {
        char index[16], at[PATH_MAX_BYTES];
        snprintf(index, sizeof index, "%d", (int)i);
        join(at, path, index);
        set_one(f, field, *xs + (size_t)i * size, at, field->fields ? kind : SET);
    }
}

static void set_null(const struct kw_field *field, void *m)
{
    void *to = (char *)m + field->offset;
    if (field->flags & KW_FIELD_ARRAY) {
        *(void **)to = NULL;
        *(int32_t *)((char *)m + field->count_offset) = -1;
    } else if (field->fields) {
        *(void **)to = NULL;
    } else {
        *(struct kb_slice *)to = kb_slice_null();
    }
}

static void set_field(const struct filler *f, const struct kw_field *field, void *m,
                      const char *path, enum kind kind)
{
    void *to = (char *)m + field->offset;
    if (is_null(f, field, path, kind)) {
        set_null(field, m);
    } else if (field->flags & KW_FIELD_ARRAY) {
        set_array(f, field, m, path, kind);
    } else {
        if (kw_field_is_pointer(field))
            to = *(void **)to = kb_arena_alloc(f->arena, field->fields->size_bytes);
        set_one(f, field, to, path, kind);
    }
}

static void fill(const struct filler *f, const struct kw_layout *layout, void *m,
                 const char *prefix)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct kw_field *field = &layout->fields[i];
        char path[PATH_MAX_BYTES];
        join(path, prefix, field->name);
        if (!meets(field->min_version, field->max_version, f->version))
            continue;
        enum kind kind = kind_at(f, path, field);
        if (kind != OMIT)
            set_field(f, field, m, path, kind);
    }
}

void *fill_blank(const struct kw_layout *layout, struct kb_arena *arena)
{
    void *m = kb_arena_alloc(arena, layout->size_bytes);
    KB_CHECK(m);
    layout->init(m);
    return m;
}

void *fill_message(const struct kw_layout *layout, int version, const char *variant,
                   struct kb_arena *arena)
{
    const struct filler f = {variant, version, arena};
    void *m = fill_blank(layout, arena);
    if (strcmp(variant, "zero") != 0)
        fill(&f, layout, m, "");
    return m;
}
