/* SPDX-License-Identifier: Apache-2.0 */
/* A Fetch answer as a connection pulls it. */
#include "tests/unit/store/rig.h"

#include "broker/drive/source.h"

#include <string.h>

static const char head[] = "head", tail[] = "tail";

static struct kb_piece piece_of(const char *text)
{
    struct kb_buf *buf = kb_buf_new(strlen(text));
    memcpy(buf->data, text, strlen(text));
    buf->size = strlen(text);
    return (struct kb_piece){buf, kb_buf_view(buf)};
}

static struct kd_extent read_extent(struct kd_replica *replica, int64_t end)
{
    struct kd_read read = {.offset = 0, .bound = end, .max_bytes = 1 << 20, .whole_first = true};
    assert_true(kd_replica_read(replica, &read));
    assert_int_equal(read.code, KB_OK);
    return read.extent;
}

/* Pulls everything in pieces of at most max bytes. */
static struct kb_buf *pull(struct kn_source *source, size_t max)
{
    struct kb_buf *all = kb_buf_new(source->size_bytes);
    while (all->size < source->size_bytes) {
        struct kb_piece piece;
        assert_int_equal(source->next(source, max, &piece), 1);
        assert_true(piece.bytes.size > 0 && piece.bytes.size <= max);
        memcpy(all->data + all->size, piece.bytes.data, piece.bytes.size);
        all->size += piece.bytes.size;
        kb_buf_unref(piece.owner);
    }
    return all;
}

static void check_pulled(struct rig *rig, struct kd_replica *replica, size_t max)
{
    struct kb_buf *want;
    struct kd_source *source = kd_source_new(rig->exec, &rig->log);
    struct kd_extent extent = read_extent(replica, 60);
    size_t size = extent.size_bytes;
    assert_int_equal(kd_source_add_piece(source, piece_of(head)), KB_OK);
    assert_int_equal(kd_source_add_extent(source, &extent), KB_OK);
    assert_null(extent.segment);
    assert_int_equal(kd_source_add_piece(source, piece_of("")), KB_OK);
    assert_int_equal(kd_source_add_piece(source, piece_of(tail)), KB_OK);
    assert_int_equal(kd_source_size_bytes(source), size + 8);
    struct kn_source *pulled = kd_source_start(source, NULL); /* in memory: nothing to wait for */
    struct kb_buf *got = pull(pulled, max);
    pulled->done(pulled, true);
    assert_int_equal(rig_read(rig, replica, 0, 60, 1 << 20, true, &want), KB_OK);
    assert_memory_equal(got->data, head, 4);
    assert_memory_equal(got->data + 4, want->data, want->size);
    assert_memory_equal(got->data + 4 + want->size, tail, 4);
    kb_buf_unref(want);
    kb_buf_unref(got);
}

static void pieces_and_logs_in_turn(size_t tail_bytes)
{
    struct kb_fs *fs = kb_fs_mem_new();
    struct rig rig;
    rig_init(&rig, fs, 1);
    rig.options.tail_bytes = tail_bytes;
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    for (int i = 0; i < 30; i++)
        rig_append_plain(&rig, replica, 2, 700);
    for (size_t max = 1; max < 100000; max = max * 7 + 1)
        check_pulled(&rig, replica, max);
    rig_close(&rig);
    fs->ops->free(fs);
}

static void from_memory(void **state)
{
    (void)state;
    pieces_and_logs_in_turn(0);
}

static void from_files(void **state)
{
    (void)state;
    pieces_and_logs_in_turn(1);
}

/* A reader that is behind keeps what it reads, whatever becomes of the log. */
static void a_deleted_log_is_read_to_its_end(void **state)
{
    (void)state;
    struct kb_fs *fs = kb_fs_mem_new();
    struct rig rig;
    rig_init(&rig, fs, 1);
    rig.options.tail_bytes = 1;
    rig_open(&rig);
    struct kd_replica *replica = rig_add(&rig, "t", 0);
    for (int i = 0; i < 30; i++)
        rig_append_plain(&rig, replica, 2, 700);
    struct kd_source *source = kd_source_new(rig.exec, &rig.log);
    struct kd_extent extent = read_extent(replica, 60);
    assert_int_equal(kd_source_add_extent(source, &extent), KB_OK);
    assert_int_equal(rig_op(&rig, kd_replica_delete, replica), KB_OK);
    rig_idle(&rig, 1000);
    struct kn_source *pulled = kd_source_start(source, NULL);
    struct kb_buf *got = pull(pulled, 1000);
    int64_t first, end;
    int batches;
    rig_count_batches(got, &first, &end, &batches);
    assert_int_equal(batches, 30);
    kb_buf_unref(got);
    pulled->done(pulled, true);
    rig_close(&rig);
    fs->ops->free(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_memory),
        cmocka_unit_test(from_files),
        cmocka_unit_test(a_deleted_log_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
