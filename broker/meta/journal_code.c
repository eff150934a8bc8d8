/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's encodings, both ways. */
#include "broker/meta/journal_code.h"
#include "base/mem.h"
#include "wire/be.h"
#include "wire/crc32c.h"
#include <stdlib.h>

void kd_bytes_free(struct kd_bytes *bytes)
{
    kb_free(bytes->data);
    *bytes = (struct kd_bytes){0};
}

static bool reserve(struct kd_bytes *out, size_t more)
{
    if (out->capacity - out->size >= more)
        return true;
    size_t capacity = KB_MAX(out->capacity * 2, out->size + more);
    uint8_t *data = kb_realloc(out->data, capacity);
    if (!data)
        return false;
    out->data = data;
    out->capacity = capacity;
    return true;
}

/* The caller has reserved. */
static void put(struct kd_bytes *out, const void *data, size_t size)
{
    if (size)
        memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void put16(struct kd_bytes *out, uint16_t v)
{
    kw_put_be16(out->data + out->size, v);
    out->size += 2;
}

static void put32(struct kd_bytes *out, uint32_t v)
{
    kw_put_be32(out->data + out->size, v);
    out->size += 4;
}

static void put64(struct kd_bytes *out, uint64_t v)
{
    kw_put_be64(out->data + out->size, v);
    out->size += 8;
}

/* ---- Records ------------------------------------------------------------ */

enum { OP_FIXED = 1 + 1 + 2 + 4, BODY_MIN = 8 + 8 + 4, SEQUENCE_DIGITS = 10 };

size_t kd_journal_record_bound(const struct kd_meta_op *ops, int n)
{
    size_t size = KD_RECORD_HEAD + BODY_MIN;
    for (int i = 0; i < n; i++)
        size += OP_FIXED + strlen(ops[i].path) + SEQUENCE_DIGITS + ops[i].data.size;
    return size;
}

bool kd_journal_record(struct kd_bytes *out, int64_t synced, int64_t zxid,
                       const struct kd_meta_op *ops, int n)
{
    size_t body = BODY_MIN;
    for (int i = 0; i < n; i++)
        body += OP_FIXED + strlen(ops[i].path) + ops[i].data.size;
    if (!reserve(out, KD_RECORD_HEAD + body))
        return false;
    size_t at = out->size;
    put32(out, (uint32_t)body);
    put32(out, 0);
    put64(out, (uint64_t)synced);
    put64(out, (uint64_t)zxid);
    put32(out, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        size_t path = strlen(ops[i].path);
        uint8_t head[2] = {(uint8_t)ops[i].kind, (uint8_t)ops[i].flags};
        put(out, head, sizeof head);
        put16(out, (uint16_t)path);
        put32(out, (uint32_t)ops[i].data.size);
        put(out, ops[i].path, path);
        put(out, ops[i].data.data, ops[i].data.size);
    }
    uint8_t *body_at = out->data + at + KD_RECORD_HEAD;
    kw_put_be32(out->data + at + 4, kw_crc32c(0, body_at, body));
    return true;
}

enum { END_AT = KD_RECORD_HEAD + 16 };

bool kd_journal_record_end(struct kd_bytes *out, int64_t synced, int64_t zxid)
{
    size_t at = out->size;
    if (!kd_journal_record(out, synced, zxid, NULL, 0))
        return false;
    uint8_t *body_at = out->data + at + KD_RECORD_HEAD;
    kw_put_be32(out->data + at + END_AT, UINT32_MAX);
    kw_put_be32(out->data + at + 4, kw_crc32c(0, body_at, BODY_MIN));
    return true;
}

bool kd_journal_record_is_end(const uint8_t *record)
{
    return kw_get_be32(record + END_AT) == UINT32_MAX;
}

/* Reading: a cursor with a sticky fault. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static const uint8_t *take(struct cursor *c, size_t size)
{
    if (c->bad || (size_t)(c->end - c->at) < size) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *at = c->at;
    c->at += size;
    return at;
}

static uint8_t get8(struct cursor *c)
{
    const uint8_t *at = take(c, 1);
    return at ? *at : 0;
}

static uint16_t get16(struct cursor *c)
{
    const uint8_t *at = take(c, 2);
    return at ? kw_get_be16(at) : 0;
}

static uint32_t get32(struct cursor *c)
{
    const uint8_t *at = take(c, 4);
    return at ? kw_get_be32(at) : 0;
}

static uint64_t get64(struct cursor *c)
{
    const uint8_t *at = take(c, 8);
    return at ? kw_get_be64(at) : 0;
}

/* A path with a 0 byte behind it, into room of KD_META_MAX_PATH + 12. */
static void get_path(struct cursor *c, size_t size, char *out)
{
    const uint8_t *at = size < KD_META_MAX_PATH + 12 ? take(c, size) : NULL;
    c->bad |= !at;
    if (at)
        memcpy(out, at, size);
    out[at ? size : 0] = 0;
}

size_t kd_journal_record_size(const uint8_t *at, size_t left)
{
    if (left < KD_RECORD_HEAD)
        return 0;
    size_t body = kw_get_be32(at);
    if (body < BODY_MIN) /* zeros, whose checksum holds */
        return 0;
    if (body > left - KD_RECORD_HEAD || kw_get_be32(at + 4) != kw_crc32c(0, at + 8, body))
        return 0;
    return KD_RECORD_HEAD + body;
}

/* A sequential node comes with its number: the parent counts on from it. False:
 * there is none. */
static bool replay_sequence(struct kd_tree *tree, const char *path)
{
    struct kd_tree_node *node = kd_tree_find(tree, path);
    size_t length = strlen(path);
    const char *digits = path + length - KB_MIN(length, (size_t)SEQUENCE_DIGITS);
    long long number = strtoll(digits, NULL, 10);
    if (!node || strspn(digits, "0123456789") != SEQUENCE_DIGITS || number >= INT32_MAX)
        return false;
    node->parent->sequence = (int32_t)number + 1;
    return true;
}

static bool replay_op(struct cursor *c, struct kd_tree *tree, int64_t zxid)
{
    char path[KD_META_MAX_PATH + 12];
    struct kd_meta_op op = {.path = path, .version = KD_META_ANY};
    struct kd_meta_change change;
    struct kd_meta_result result;
    op.kind = get8(c);
    bool sequential = get8(c) & KD_META_SEQUENTIAL;
    size_t path_size = get16(c), data_size = get32(c);
    get_path(c, path_size, path);
    op.data = kb_slice_of(take(c, data_size), data_size);
    if (c->bad)
        return false;
    tree->zxid = zxid - 1;
    kd_tree_multi(tree, &op, 1, &change, &result);
    return result.outcome == KD_META_OK && (!sequential || replay_sequence(tree, path));
}

int64_t kd_journal_record_synced(const uint8_t *record)
{
    return (int64_t)kw_get_be64(record + KD_RECORD_HEAD);
}

bool kd_journal_replay(const uint8_t *record, size_t size, struct kd_tree *tree)
{
    struct cursor c = {record + KD_RECORD_HEAD, record + size, false};
    get64(&c); /* synced */
    int64_t zxid = (int64_t)get64(&c);
    uint32_t n = get32(&c);
    if (c.bad)
        return false;
    if (zxid <= tree->zxid)
        return true; /* the snapshot has it, or it is an end */
    while (n-- > 0)
        if (!replay_op(&c, tree, zxid))
            return false;
    tree->zxid = zxid;
    return c.at == c.end;
}

/* ---- Snapshots ---------------------------------------------------------- */

enum { NODE_FIXED = 2 + 4 + 8 + 8 + 4 + 4 };

static bool put_node(struct kd_bytes *out, const struct kd_tree_node *node)
{
    if (node->ephemeral)
        return true;
    size_t path = strlen(node->path);
    if (!reserve(out, NODE_FIXED + path + node->size + 4))
        return false;
    put16(out, (uint16_t)path);
    put32(out, (uint32_t)node->size);
    put64(out, (uint64_t)node->created);
    put64(out, (uint64_t)node->modified);
    put32(out, (uint32_t)node->version);
    put32(out, (uint32_t)node->sequence);
    put(out, node->path, path);
    put(out, node->data, node->size);
    KB_LIST_EACH(it, &node->children)
        if (!put_node(out, KB_CONTAINER(it, struct kd_tree_node, siblings)))
            return false;
    return true;
}

bool kd_journal_snapshot(struct kd_bytes *out, const struct kd_tree *tree)
{
    if (!reserve(out, KD_MAGIC_BYTES + 8))
        return false;
    put(out, KD_SNAPSHOT_MAGIC, KD_MAGIC_BYTES);
    put64(out, (uint64_t)tree->zxid);
    if (!put_node(out, tree->root))
        return false;
    put32(out, kw_crc32c(0, out->data, out->size));
    return true;
}

static bool restore_node(struct cursor *c, struct kd_tree *tree)
{
    char path[KD_META_MAX_PATH + 12];
    struct kd_meta_stat stat = {0};
    size_t path_size = get16(c), data_size = get32(c);
    stat.created = (int64_t)get64(c);
    stat.modified = (int64_t)get64(c);
    stat.version = (int32_t)get32(c);
    int32_t sequence = (int32_t)get32(c);
    get_path(c, path_size, path);
    struct kb_slice data = kb_slice_of(take(c, data_size), data_size);
    return !c->bad && sequence >= 0 && kd_tree_restore(tree, path, data, &stat, sequence);
}

bool kd_journal_restore(const uint8_t *data, size_t size, struct kd_tree *tree)
{
    if (size < KD_MAGIC_BYTES + 12 || memcmp(data, KD_SNAPSHOT_MAGIC, KD_MAGIC_BYTES) != 0)
        return false;
    if (kw_get_be32(data + size - 4) != kw_crc32c(0, data, size - 4))
        return false;
    struct cursor c = {data + KD_MAGIC_BYTES, data + size - 4, false};
    tree->zxid = (int64_t)get64(&c);
    while (c.at < c.end)
        if (!restore_node(&c, tree))
            return false;
    return true;
}
