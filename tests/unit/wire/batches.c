/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/wire/batches.h"

#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VECTORS_MAX = 64, RECORDS_MAX = 256, BYTES_MAX = 1 << 18 };

struct loader {
    struct kb_arena *arena;
    struct vector *all, *now;
    size_t count;
    int32_t records; /* of now */
};

/* One field: hex, BYTE*COUNT, "=" or "-". Its bytes at the end of out. */
static size_t parse_field(const char *text, uint8_t *out)
{
    unsigned byte, count;
    if (sscanf(text, "%2x*%u", &byte, &count) == 2) {
        memset(out, (int)byte, count);
        return count;
    }
    size_t size = 0;
    for (; sscanf(text, "%2x", &byte) == 1; text += 2)
        out[size++] = (uint8_t)byte;
    return size;
}

static struct kb_slice dup(struct loader *l, const uint8_t *data, size_t size)
{
    uint8_t *copy = kb_arena_alloc(l->arena, size + 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    return kb_slice_of(copy, size);
}

static struct kb_slice field(struct loader *l, char **save)
{
    static uint8_t scratch[BYTES_MAX];
    const char *text = strtok_r(NULL, " \n", save);
    assert_non_null(text);
    return *text == '-' ? kb_slice_null() : dup(l, scratch, parse_field(text, scratch));
}

static int64_t number(char **save)
{
    const char *text = strtok_r(NULL, " \n", save);
    assert_non_null(text);
    return strtoll(text, NULL, 10);
}

static void on_batch(struct loader *l, char **save)
{
    assert_true(l->count < VECTORS_MAX);
    l->now = &l->all[l->count++];
    l->records = 0;
    l->now->records = kb_arena_array(l->arena, RECORDS_MAX, sizeof *l->now->records);
    snprintf(l->now->name, sizeof l->now->name, "%s", strtok_r(NULL, " \n", save));
}

static void on_header(struct loader *l, char **save)
{
    struct kw_batch_header *h = &l->now->header;
    h->base_offset = number(save);
    h->leader_epoch = (int32_t)number(save);
    h->attributes = (int16_t)number(save);
    h->last_offset_delta = (int32_t)number(save);
    h->base_timestamp_ms = number(save);
    h->max_timestamp_ms = number(save);
    h->producer_id = number(save);
    h->producer_epoch = (int16_t)number(save);
    h->base_sequence = (int32_t)number(save);
    h->record_count = (int32_t)number(save);
}

static void on_record(struct loader *l, char **save)
{
    enum { HEADERS_MAX = 80 };
    assert_true(l->records < RECORDS_MAX);
    struct vector_record *r = &l->now->records[l->records++];
    r->offset = number(save);
    r->timestamp_ms = number(save);
    r->key = field(l, save);
    r->value = field(l, save);
    while (**save && **save != '\n') {
        if (!r->headers)
            r->headers = kb_arena_array(l->arena, HEADERS_MAX, sizeof *r->headers);
        assert_true(r->header_count < HEADERS_MAX);
        struct kw_header *header = &r->headers[r->header_count++];
        header->name = field(l, save);
        header->value = field(l, save);
    }
}

static void on_bytes(struct loader *l, char **save)
{
    static uint8_t scratch[BYTES_MAX];
    size_t size = 0;
    for (const char *text; (text = strtok_r(NULL, " \n", save));)
        size += parse_field(text, scratch + size);
    l->now->bytes = dup(l, scratch, size);
    assert_int_equal(l->records, l->now->header.record_count);
}

static void on_line(struct loader *l, char *line)
{
    char *save = NULL;
    const char *kind = strtok_r(line, " \n", &save);
    if (!kind || *kind == '#')
        return;
    if (!strcmp(kind, "batch"))
        on_batch(l, &save);
    else if (!strcmp(kind, "header"))
        on_header(l, &save);
    else if (!strcmp(kind, "record"))
        on_record(l, &save);
    else if (!strcmp(kind, "bytes"))
        on_bytes(l, &save);
    else
        fail_msg("batches.txt: what is '%s'?", kind);
}

const struct vector *vectors_load(struct kb_arena *arena, size_t *count)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/vectors/batches.txt", top ? top : ".");
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot read %s", path);
    kb_arena_init(arena, 64 << 20);
    struct loader l = {.arena = arena};
    l.all = kb_arena_array(arena, VECTORS_MAX, sizeof *l.all);
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) >= 0)
        on_line(&l, line);
    free(line);
    fclose(file);
    *count = l.count;
    return l.all;
}

const struct vector *vectors_find(const struct vector *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(all[i].name, name))
            return &all[i];
    fail_msg("no vector is called %s", name);
    return NULL;
}

void vectors_assert_record(const struct kw_record *got, const struct vector_record *want)
{
    assert_int_equal(got->offset, want->offset);
    assert_int_equal(got->timestamp_ms, want->timestamp_ms);
    assert_true(kb_slice_equal(got->key, want->key));
    assert_true(kb_slice_equal(got->value, want->value));
    struct kw_header_iter it;
    struct kw_header header;
    uint32_t count = 0;
    kw_header_iter_init(&it, got->raw_headers);
    while (kw_header_iter_next(&it, &header)) {
        assert_true(count < want->header_count);
        assert_true(kb_slice_equal(header.name, want->headers[count].name));
        assert_true(kb_slice_equal(header.value, want->headers[count].value));
        count++;
    }
    assert_int_equal(count, want->header_count);
}
