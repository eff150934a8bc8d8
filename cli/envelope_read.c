/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/envelope.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 2 * MAX_HEADERS + 2 };

struct envelope {
    json_t *root; /* of the last line; the record's views lead into it */
    kurier_header headers[MAX_HEADERS];
    void *owned[PIECES_MAX]; /* what had to be made anew */
    size_t owned_count;
};

struct envelope *envelope_new(void)
{
    return calloc(1, sizeof(struct envelope));
}

static void forget(struct envelope *e)
{
    json_decref(e->root);
    e->root = NULL;
    while (e->owned_count)
        free(e->owned[--e->owned_count]);
}

void envelope_free(struct envelope *envelope)
{
    if (envelope)
        forget(envelope);
    free(envelope);
}

static void *own(struct envelope *e, void *data)
{
    if (data)
        e->owned[e->owned_count++] = data;
    return data;
}

/* 0-63; 64: padding; -1: none of its letters. */
static int digit(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static const char *decode(struct envelope *e, const char *text, size_t size, kurier_bytes *out)
{
    uint8_t *data = own(e, malloc(size / 4 * 3 + 1));
    size_t to = 0;
    if (!data)
        return "out of memory";
    for (size_t i = 0; i < size; i += 4) {
        uint32_t bits = 0;
        int padding = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = i + k < size ? digit(text[i + k]) : -1;
            if (value < 0 || (padding && value != 64) || (value == 64 && (k < 2 || i + 4 < size)))
                return "its base64 is damaged";
            padding += value == 64;
            bits = bits << 6 | (uint32_t)(value & 63);
        }
        for (int k = 0; k < 3 - padding; k++)
            data[to++] = (uint8_t)(bits >> (16 - 8 * k));
    }
    *out = kurier_bytes_of(data, to);
    return NULL;
}

/* Text is taken as it is, null is null, all else is sent as JSON. */
static const char *piece(struct envelope *e, const json_t *value, kurier_bytes *out)
{
    *out = kurier_bytes_of(NULL, 0);
    if (!value || json_is_null(value))
        return NULL;
    if (json_is_string(value)) {
        *out = kurier_bytes_of(json_string_value(value), json_string_length(value));
        return NULL;
    }
    char *text = own(e, json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
    if (!text)
        return "out of memory";
    *out = kurier_str(text);
    return NULL;
}

static const char *field(struct envelope *e, const char *name, const char *base64_name,
                         kurier_bytes *out)
{
    const json_t *exact = json_object_get(e->root, base64_name);
    if (json_is_string(exact))
        return decode(e, json_string_value(exact), json_string_length(exact), out);
    return piece(e, json_object_get(e->root, name), out);
}

static const char *headers(struct envelope *e, kurier_record *out)
{
    const json_t *list = json_object_get(e->root, "headers");
    size_t n = json_array_size(list);
    if (list && (!json_is_array(list) || n % 2 || n > 2 * (size_t)MAX_HEADERS))
        return "its headers are no array of names and values";
    for (size_t i = 0; i < n; i += 2) {
        kurier_header *header = &e->headers[i / 2];
        header->name = json_string_value(json_array_get(list, i));
        const char *why = piece(e, json_array_get(list, i + 1), &header->value);
        if (why || !header->name)
            return why ? why : "a header's name is no text";
    }
    out->headers = e->headers;
    out->header_count = (uint32_t)(n / 2);
    return NULL;
}

const char *envelope_read(struct envelope *e, kurier_bytes line, kurier_record *out)
{
    json_error_t error;
    forget(e);
    e->root = json_loadb(line.data, line.size, JSON_ALLOW_NUL, &error);
    if (!json_is_object(e->root))
        return "it is no JSON object on a line";
    const char *why = field(e, "key", "key_base64", &out->key);
    if (!why)
        why = field(e, "payload", "payload_base64", &out->value);
    if (!why)
        why = headers(e, out);
    int64_t at = json_integer_value(json_object_get(e->root, "ts"));
    out->timestamp_ms = at > 0 ? at : 0;
    return why;
}
