/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/print_fields.h"

#include "base/check.h"
#include "base/error.h"
#include "base/uuid.h"
#include "wire/print.h"

#include <stddef.h>
#include <stdio.h>
#include <strings.h>

enum { HEX_BYTES = 256, NAME_BYTES = 64, STRUCT_BYTES = 1024 };

struct printer {
    struct kw_json *j;
    int16_t version;
    unsigned flags;
};

static void print_struct(const struct printer *p, const struct kw_layout *layout, const void *m);

/* ---- Secrets ---------------------------------------------------------------- */

bool kw_layout_is_secret(const struct kw_layout *layout)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct kw_field *field = &layout->fields[i];
        if (field->flags & (KW_FIELD_SECRET | KW_FIELD_SECRET_BY_NAME))
            return true;
        if (field->fields && kw_layout_is_secret(field->fields))
            return true;
    }
    return false;
}

static bool contains(struct kb_slice text, const char *word)
{
    size_t size = strlen(word);
    for (size_t at = 0; at + size <= text.size; at++)
        if (!strncasecmp((const char *)text.data + at, word, size))
            return true;
    return false;
}

static bool sounds_secret(struct kb_slice name)
{
    static const char *const words[] = {"password", "secret",     "jaas", "token",
                                        "private",  "credential", ".key"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (contains(name, words[i]))
            return true;
    return false;
}

/* The first field of a struct is the name of what its values are of. */
static bool is_hidden(const struct kw_layout *layout, const struct kw_field *field, const void *m)
{
    if (field->flags & KW_FIELD_SECRET)
        return true;
    const void *name = (const char *)m + layout->fields[0].offset;
    return field->flags & KW_FIELD_SECRET_BY_NAME && sounds_secret(*(const struct kb_slice *)name);
}

/* ---- Values ----------------------------------------------------------------- */

static void print_bytes(const struct printer *p, struct kb_slice bytes)
{
    if (!bytes.data) {
        kw_json_null(p->j);
        return;
    }
    kw_json_open(p->j, '{');
    kw_json_name(p->j, "bytes");
    kw_json_integer(p->j, (int64_t)bytes.size);
    if (p->flags & KW_PRINT_PAYLOADS) {
        kw_json_name(p->j, "hex");
        kw_json_hex(p->j, bytes, HEX_BYTES);
    }
    kw_json_close(p->j);
}

static void print_uuid(const struct printer *p, struct kb_uuid id)
{
    char text[KB_UUID_TEXT];
    kb_uuid_format(id, text);
    kw_json_text(p->j, kb_slice_str(text), SIZE_MAX);
}

static void print_one(const struct printer *p, const struct kw_field *field, const void *at)
{
    switch (field->type) {
    case KW_TYPE_BOOL:
        kw_json_bool(p->j, *(const bool *)at);
        break;
    case KW_TYPE_I8:
        kw_json_integer(p->j, *(const int8_t *)at);
        break;
    case KW_TYPE_I16:
        kw_json_integer(p->j, *(const int16_t *)at);
        break;
    case KW_TYPE_I32:
        kw_json_integer(p->j, *(const int32_t *)at);
        break;
    case KW_TYPE_I64:
        kw_json_integer(p->j, *(const int64_t *)at);
        break;
    case KW_TYPE_U16:
        kw_json_integer(p->j, *(const uint16_t *)at);
        break;
    case KW_TYPE_U32:
        kw_json_integer(p->j, *(const uint32_t *)at);
        break;
    case KW_TYPE_F64:
        kw_json_real(p->j, *(const double *)at);
        break;
    case KW_TYPE_UUID:
        print_uuid(p, *(const struct kb_uuid *)at);
        break;
    case KW_TYPE_STR:
        kw_json_text(p->j, *(const struct kb_slice *)at, KW_PRINT_TEXT_BYTES);
        break;
    case KW_TYPE_BYTES:
        print_bytes(p, *(const struct kb_slice *)at);
        break;
    case KW_TYPE_RECORDS:
        kw_print_batches(p->j, *(const struct kb_slice *)at, p->flags);
        break;
    case KW_TYPE_STRUCT:
        print_struct(p, field->fields, at);
        break;
    }
}

static void print_array(const struct printer *p, const struct kw_field *field, const void *m)
{
    int32_t count = *(const int32_t *)((const char *)m + field->count_offset);
    const char *xs = *(const char *const *)((const char *)m + field->offset);
    if (count < 0) {
        kw_json_null(p->j);
        return;
    }
    kw_json_open(p->j, '[');
    for (int32_t i = 0; i < count && !p->j->cut; i++)
        print_one(p, field, xs + (size_t)i * kw_field_value_bytes(field));
    kw_json_close(p->j);
}

static void print_value(const struct printer *p, const struct kw_field *field, const void *m)
{
    const void *at = (const char *)m + field->offset;
    if (field->flags & KW_FIELD_ARRAY) {
        print_array(p, field, m);
        return;
    }
    if (kw_field_is_pointer(field))
        at = *(const void *const *)at;
    if (at)
        print_one(p, field, at);
    else
        kw_json_null(p->j);
}

/* "error_code" is followed by "error", its name. */
static void print_error_name(const struct printer *p, const struct kw_field *field, const void *m)
{
    char name[NAME_BYTES];
    int16_t code = *(const int16_t *)((const char *)m + field->offset);
    if (code == 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(field->name) - strlen("_code")), field->name);
    kw_json_name(p->j, name);
    kw_json_text(p->j, kb_slice_str(kb_code_name(code)), SIZE_MAX);
}

/* ---- Structs ---------------------------------------------------------------- */

static bool is_there(const struct printer *p, const struct kw_field *field)
{
    return p->version >= field->min_version && p->version <= field->max_version;
}

static bool has_tags(const struct printer *p, const struct kw_layout *layout)
{
    for (size_t i = 0; i < layout->field_count; i++)
        if (layout->fields[i].tag >= 0 && is_there(p, &layout->fields[i]))
            return true;
    return false;
}

static void print_field(const struct printer *p, const struct kw_layout *layout,
                        const struct kw_field *field, const void *m)
{
    kw_json_name(p->j, field->name);
    if (is_hidden(layout, field, m))
        kw_json_text(p->j, kb_slice_str("(hidden)"), SIZE_MAX);
    else
        print_value(p, field, m);
    if (field->flags & KW_FIELD_ERROR)
        print_error_name(p, field, m);
}

static void print_struct(const struct printer *p, const struct kw_layout *layout, const void *m)
{
    _Alignas(max_align_t) char blank[STRUCT_BYTES]; /* what tagged fields are compared with */
    KB_CHECK(layout->size_bytes <= sizeof blank);
    if (has_tags(p, layout))
        layout->init(blank);
    kw_json_open(p->j, '{');
    for (size_t i = 0; i < layout->field_count && !p->j->cut; i++) {
        const struct kw_field *field = &layout->fields[i];
        if (is_there(p, field) && (field->tag < 0 || !kw_field_equal(field, m, blank)))
            print_field(p, layout, field, m);
    }
    kw_json_close(p->j);
}

void kw_print_fields(struct kw_json *j, const struct kw_layout *layout, int16_t version,
                     const void *m, unsigned flags)
{
    const struct printer p = {j, version, flags};
    print_struct(&p, layout, m);
}
