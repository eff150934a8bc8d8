/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_LAYOUT_H
#define KW_LAYOUT_H
/*
 * The messages as data: what a program needs that walks over any of them, field
 * by field, without knowing it: the printer (print.h), tests. Codecs do not use this.
 */
#include "wire/api.h"

struct kb_arena;
struct kw_reader;
struct kw_writer;

enum kw_type {
    KW_TYPE_BOOL,
    KW_TYPE_I8,
    KW_TYPE_I16,
    KW_TYPE_I32,
    KW_TYPE_I64,
    KW_TYPE_U16,
    KW_TYPE_U32,
    KW_TYPE_F64,
    KW_TYPE_UUID,
    KW_TYPE_STR,
    KW_TYPE_BYTES,
    KW_TYPE_RECORDS,
    KW_TYPE_STRUCT,
};

enum {
    KW_FIELD_ARRAY = 1,
    KW_FIELD_IGNORABLE = 2,
    KW_FIELD_KEY = 4,
    KW_FIELD_ERROR = 8,           /* a code of Kafka's errors */
    KW_FIELD_SECRET = 16,         /* nobody else is to see it */
    KW_FIELD_SECRET_BY_NAME = 32, /* if the struct's first field, its name, says so */
};

struct kw_layout;

/* There are 1,500: kept small. */
struct kw_field {
    const char *name;
    const struct kw_layout *fields; /* of a struct; else NULL */
    uint8_t type;                   /* enum kw_type; of the element, for an array */
    uint8_t flags;
    int16_t tag; /* -1: none */
    int16_t min_version, max_version;
    int16_t null_min, null_max; /* versions in which it may be null; -1: none */
    uint16_t offset;            /* a nullable struct lies behind a pointer there */
    uint16_t count_offset;      /* of an array's int32_t count */
};

struct kw_layout {
    const struct kw_field *fields;
    size_t field_count;
    size_t size_bytes;
    void (*init)(void *m);
};

enum kw_message_kind {
    KW_REQUEST,
    KW_RESPONSE,
    KW_KEY, /* of a record that a coordinator writes */
    KW_VALUE,
    KW_DATA, /* inside another message's bytes */
};

struct kw_message {
    const char *name; /* "FetchRequest", "OffsetCommitKey", "EndTxnMarker" */
    enum kw_message_kind kind;
    int16_t key; /* of its API; the type of its record */
    int16_t min_version, max_version;
    const struct kw_layout *layout;
    bool (*encode)(struct kw_writer *w, int16_t version, const void *m);
    bool (*decode)(struct kw_reader *r, int16_t version, struct kb_arena *arena, void *m);
};

extern const struct kw_message kw_messages[];
extern const size_t kw_messages_count;

/* A record of a topic that coordinators keep: `type` and the value's version
 * stand as an int16 in front of key and value. */
struct kw_record_type {
    const char *topic;
    int16_t type;
    const char *name;
    const struct kw_message *key, *value;
};

extern const struct kw_record_type kw_record_types[];
extern const size_t kw_record_types_count;

/* NULL: no API of ours has that key. */
const struct kw_message *kw_message_find(int16_t key, bool is_response);
/* NULL: no such type. */
const struct kw_record_type *kw_record_type_find(const char *topic, int16_t type);

/* A nullable struct: the message holds a pointer to it. */
static inline bool kw_field_is_pointer(const struct kw_field *field)
{
    return field->fields && !(field->flags & KW_FIELD_ARRAY) && field->null_min >= 0;
}

/* Of one value; for an array, of one element. */
size_t kw_field_value_bytes(const struct kw_field *field);
/* Whether two messages say the same in that field, or in all. */
bool kw_field_equal(const struct kw_field *field, const void *a, const void *b);
bool kw_layout_equal(const struct kw_layout *layout, const void *a, const void *b);

#endif
