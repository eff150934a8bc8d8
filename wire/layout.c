/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/layout.h"

#include "base/slice.h"
#include "base/uuid.h"

const struct kw_message *kw_message_find(int16_t key, bool is_response)
{
    enum kw_message_kind kind = is_response ? KW_RESPONSE : KW_REQUEST;
    for (size_t i = 0; i < kw_messages_count; i++)
        if (kw_messages[i].key == key && kw_messages[i].kind == kind)
            return &kw_messages[i];
    return NULL;
}

const struct kw_record_type *kw_record_type_find(const char *topic, int16_t type)
{
    for (size_t i = 0; i < kw_record_types_count; i++)
        if (kw_record_types[i].type == type && !strcmp(kw_record_types[i].topic, topic))
            return &kw_record_types[i];
    return NULL;
}

size_t kw_field_value_bytes(const struct kw_field *field)
{
    static const size_t sizes[] = {
        [KW_TYPE_BOOL] = sizeof(bool),
        [KW_TYPE_I8] = 1,
        [KW_TYPE_I16] = 2,
        [KW_TYPE_I32] = 4,
        [KW_TYPE_I64] = 8,
        [KW_TYPE_U16] = 2,
        [KW_TYPE_U32] = 4,
        [KW_TYPE_F64] = sizeof(double),
        [KW_TYPE_UUID] = sizeof(struct kb_uuid),
        [KW_TYPE_STR] = sizeof(struct kb_slice),
        [KW_TYPE_BYTES] = sizeof(struct kb_slice),
        [KW_TYPE_RECORDS] = sizeof(struct kb_slice),
    };
    return field->fields ? field->fields->size_bytes : sizes[field->type];
}

/* ---- Comparing ---------------------------------------------------------- */

static bool one_equal(const struct kw_field *field, const void *a, const void *b)
{
    switch (field->type) {
    case KW_TYPE_STR:
    case KW_TYPE_BYTES:
    case KW_TYPE_RECORDS:
        return kb_slice_equal(*(const struct kb_slice *)a, *(const struct kb_slice *)b);
    case KW_TYPE_STRUCT:
        return kw_layout_equal(field->fields, a, b);
    default:
        return memcmp(a, b, kw_field_value_bytes(field)) == 0;
    }
}

static bool array_equal(const struct kw_field *field, const void *a, const void *b)
{
    int32_t n = *(const int32_t *)((const char *)a + field->count_offset);
    const char *as = *(char *const *)((const char *)a + field->offset);
    const char *bs = *(char *const *)((const char *)b + field->offset);
    if (n != *(const int32_t *)((const char *)b + field->count_offset))
        return false;
    for (int32_t i = 0; i < n; i++) {
        size_t at = (size_t)i * kw_field_value_bytes(field);
        if (!one_equal(field, as + at, bs + at))
            return false;
    }
    return true;
}

bool kw_field_equal(const struct kw_field *field, const void *a, const void *b)
{
    if (field->flags & KW_FIELD_ARRAY)
        return array_equal(field, a, b);
    const void *as = (const char *)a + field->offset, *bs = (const char *)b + field->offset;
    if (kw_field_is_pointer(field)) {
        as = *(void *const *)as;
        bs = *(void *const *)bs;
        if (!as || !bs)
            return as == bs;
    }
    return one_equal(field, as, bs);
}

bool kw_layout_equal(const struct kw_layout *layout, const void *a, const void *b)
{
    for (size_t i = 0; i < layout->field_count; i++)
        if (!kw_field_equal(&layout->fields[i], a, b))
            return false;
    return true;
}
