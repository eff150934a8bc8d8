/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem_file.h"

#include "base/mem.h"

#include <errno.h>

enum { SECTOR = 512, JOURNAL_OPS = 512, JOURNAL_BYTES = 8 << 20 };

struct op {
    struct kb_list node;
    int64_t at;           /* of the bytes; or the size to truncate to */
    struct kb_buf *bytes; /* NULL: a truncation */
    int64_t size_after;
};

#define EACH_OP(it, file) KB_LIST_EACH(it, &(file)->journal)

static struct op *op_of(struct kb_list *node)
{
    return KB_CONTAINER(node, struct op, node);
}

void kb_mem_file_init(struct kb_mem_file *file)
{
    *file = (struct kb_mem_file){0};
    kb_list_init(&file->journal);
}

void kb_mem_file_doom(struct kb_mem_file *file)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&file->journal))) {
        kb_buf_unref(op_of(node)->bytes);
        kb_free(op_of(node));
    }
    file->journal_count = file->journal_bytes = 0;
}

void kb_mem_file_deinit(struct kb_mem_file *file)
{
    kb_mem_file_doom(file);
    kb_sparse_deinit(&file->now);
    kb_sparse_deinit(&file->disk);
}

static struct op *op_new(int64_t at, struct kb_buf *bytes)
{
    struct op *op = KB_NEW(struct op);
    if (!op)
        return NULL;
    op->at = at;
    op->bytes = bytes;
    return op;
}

static void append_op(struct kb_mem_file *file, struct op *op)
{
    op->size_after = file->now.size;
    kb_list_push_back(&file->journal, &op->node);
    file->journal_count++;
    file->journal_bytes += op->bytes ? op->bytes->size : 0;
    if (file->journal_count > JOURNAL_OPS || file->journal_bytes > JOURNAL_BYTES)
        (void)kb_mem_file_sync(file); /* without memory: with the next one */
}

static struct kb_buf *gather(const struct iovec *parts, size_t size)
{
    struct kb_buf *bytes = kb_buf_new(size);
    for (; bytes && bytes->size < size; parts++) {
        size_t n = KB_MIN(parts->iov_len, size - bytes->size);
        if (n)
            memcpy(bytes->data + bytes->size, parts->iov_base, n);
        bytes->size += n;
    }
    return bytes;
}

int kb_mem_file_write(struct kb_mem_file *file, int64_t at, const struct iovec *parts, size_t size)
{
    struct kb_buf *bytes = gather(parts, size);
    if (!bytes)
        return -ENOMEM;
    struct op *op = op_new(at, bytes);
    if (!op || !kb_sparse_write(&file->now, at, bytes->data, size)) {
        kb_buf_unref(bytes);
        kb_free(op);
        return -ENOMEM;
    }
    append_op(file, op);
    return 0;
}

int kb_mem_file_truncate(struct kb_mem_file *file, int64_t size)
{
    struct op *op = op_new(size, NULL);
    if (!op || !kb_sparse_resize(&file->now, size)) {
        kb_free(op);
        return -ENOMEM;
    }
    append_op(file, op);
    return 0;
}

/* Every block that an operation touched goes to the disk as it is now, with
 * all later changes to it: as pages do. */
int kb_mem_file_sync(struct kb_mem_file *file)
{
    EACH_OP(it, file) {
        const struct op *op = op_of(it);
        int64_t end =
            op->bytes ? op->at + (int64_t)op->bytes->size : KB_MAX(file->now.size, file->disk.size);
        if (!kb_sparse_share(&file->disk, &file->now, op->at, end))
            return -ENOMEM;
    }
    if (file->journal_count && !kb_sparse_resize(&file->disk, file->now.size))
        return -ENOMEM;
    kb_mem_file_doom(file);
    return 0;
}

static int copy_journal(struct kb_mem_file *to, const struct kb_mem_file *from)
{
    EACH_OP(it, from) {
        const struct op *op = op_of(it);
        struct op *twin = op_new(op->at, op->bytes);
        if (!twin)
            return -ENOMEM;
        if (twin->bytes)
            kb_buf_ref(twin->bytes);
        twin->size_after = op->size_after;
        kb_list_push_back(&to->journal, &twin->node);
    }
    to->journal_count = from->journal_count;
    to->journal_bytes = from->journal_bytes;
    return 0;
}

int kb_mem_file_copy(struct kb_mem_file *to, const struct kb_mem_file *from)
{
    kb_mem_file_init(to);
    if (kb_sparse_copy(&to->now, &from->now) && kb_sparse_copy(&to->disk, &from->disk) &&
        copy_journal(to, from) == 0)
        return 0;
    kb_mem_file_deinit(to);
    return -ENOMEM;
}

/* What becomes of one write: lost, there, or torn, each sector for itself. */
enum fate { LOST, KEPT, TORN };

static enum fate draw_fate(struct kb_random *random, uint64_t kept_percent)
{
    if (kb_random_below(random, 4) == 0)
        return TORN;
    return kb_random_below(random, 100) < kept_percent ? KEPT : LOST;
}

/* Takes over the sectors that the operation touched, as it left them. Answers
 * whether only some of them are there, or -ENOMEM. */
static int keep_sectors(struct kb_sparse *found, const struct kb_sparse *after, int64_t at,
                        int64_t end, enum fate fate, struct kb_random *random)
{
    bool some = false, all = true;
    for (at -= at % SECTOR; at < end; at += SECTOR) {
        uint8_t sector[SECTOR];
        size_t size = kb_sparse_read(after, at, sector, (size_t)KB_MIN(SECTOR, end - at));
        bool kept = fate == KEPT || (fate == TORN && kb_random_below(random, 2));
        if (kept && !kb_sparse_write(found, at, sector, size))
            return -ENOMEM;
        some |= kept;
        all &= kept;
    }
    return some && !all;
}

static bool apply(struct kb_sparse *bytes, const struct op *op)
{
    return op->bytes ? kb_sparse_write(bytes, op->at, op->bytes->data, op->bytes->size)
                     : kb_sparse_resize(bytes, op->at);
}

/*
 * Plays the journal on `after`, the disk as it would be had nothing been lost,
 * and takes from it into `found` what reached the platter. The size is that of
 * a moment of its own: the last_size-th operation's, 0 being the disk's. What
 * was written behind a truncation that is not found went to blocks of which
 * the file knows nothing. Answers how many writes were torn, or -ENOMEM.
 */
static int play(const struct kb_mem_file *file, struct kb_sparse *after, struct kb_sparse *found,
                struct kb_random *random)
{
    uint64_t kept_percent = kb_random_below(random, 5) * 25;
    uint64_t last_size = kb_random_below(random, file->journal_count + 1), n = 0;
    int64_t size = file->disk.size, reach = INT64_MAX;
    int torn = 0;
    EACH_OP(it, file) {
        const struct op *op = op_of(it);
        bool sized = ++n <= last_size, ok = apply(after, op);
        if (op->bytes) {
            int64_t end = KB_MIN(op->at + (int64_t)op->bytes->size, reach);
            enum fate fate = draw_fate(random, kept_percent);
            int rc = ok ? keep_sectors(found, after, op->at, end, fate, random) : 0;
            ok = ok && rc >= 0;
            torn += rc > 0;
        } else if (sized) {
            ok = ok && kb_sparse_resize(found, op->at);
        } else {
            reach = KB_MIN(reach, op->at);
        }
        if (!ok)
            return -ENOMEM;
        if (sized)
            size = op->size_after;
    }
    return kb_sparse_resize(found, size) ? torn : -ENOMEM;
}

int kb_mem_file_crash(struct kb_mem_file *file, struct kb_random *random)
{
    struct kb_mem_file found;
    struct kb_sparse after;
    kb_mem_file_init(&found);
    int torn = -ENOMEM;
    if (kb_sparse_copy(&after, &file->disk) && kb_sparse_copy(&found.now, &file->disk))
        torn = play(file, &after, &found.now, random);
    if (torn >= 0 && !kb_sparse_copy(&found.disk, &found.now))
        torn = -ENOMEM;
    kb_sparse_deinit(&after);
    if (torn < 0) {
        kb_mem_file_deinit(&found);
        return torn;
    }
    kb_mem_file_deinit(file);
    *file = found;
    kb_list_init(&file->journal);
    return torn;
}
