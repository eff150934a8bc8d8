/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata store's tree, as bytes and back, and what stands in its nodes. */
#include "tests/unit/unit.h"
#include "broker/meta/journal_code.h"
#include "broker/meta/records.h"
#include <stdlib.h>
#include <string.h>

static struct kd_tree tree;
static struct kd_meta_change changes[8];
static struct kd_meta_result result;

static int setup(void **state)
{
    (void)state;
    return kd_tree_init(&tree, 1) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kd_tree_deinit(&tree);
    return 0;
}

static struct kd_meta_op create(const char *path, const char *data, unsigned flags)
{
    return (struct kd_meta_op){KD_META_CREATE, flags, path, kb_slice_str(data), KD_META_ANY};
}

static struct kd_meta_op set(const char *path, const char *data, int32_t version)
{
    return (struct kd_meta_op){KD_META_SET, 0, path, kb_slice_str(data), version};
}

static struct kd_meta_op drop(const char *path)
{
    return (struct kd_meta_op){KD_META_DELETE, 0, path, kb_slice_null(), KD_META_ANY};
}

static enum kd_meta_reason apply(const struct kd_meta_op *ops, int n)
{
    kd_tree_multi(&tree, ops, n, changes, &result);
    return result.reason;
}

static enum kd_meta_reason apply_one(struct kd_meta_op op)
{
    return apply(&op, 1);
}

static bool holds(const struct kd_tree *t, const char *path, const char *data)
{
    const struct kd_tree_node *node = kd_tree_find(t, path);
    return node && kb_slice_is(kb_slice_of(node->data, node->size), data);
}

static void nodes_have_versions(void **state)
{
    (void)state;
    assert_int_equal(apply_one(create("/a", "1", 0)), KD_META_FINE);
    assert_int_equal(apply_one(create("/a", "1", 0)), KD_META_EXISTS);
    assert_int_equal(apply_one(set("/a", "2", 0)), KD_META_FINE);
    assert_int_equal(changes[0].version, 1);
    assert_int_equal(apply_one(set("/a", "3", 0)), KD_META_BAD_VERSION);
    assert_int_equal(apply_one(set("/b", "3", 0)), KD_META_NO_NODE);
    assert_int_equal(apply_one(create("/x/y", "", 0)), KD_META_NO_NODE);
    assert_int_equal(tree.zxid, 2);
    assert_true(holds(&tree, "/a", "2"));
}

static void a_multi_happens_whole_or_not_at_all(void **state)
{
    const struct kd_meta_op ops[] = {create("/a/b", "1", 0), set("/a", "new", KD_META_ANY),
                                     drop("/gone"), create("/a/c", "2", KD_META_SEQUENTIAL),
                                     set("/a", "never", 7)};
    (void)state;
    apply_one(create("/a", "old", 0));
    apply_one(create("/gone", "back", 0));
    assert_int_equal(apply(ops, 5), KD_META_BAD_VERSION);
    assert_int_equal(result.failed, 4);
    assert_true(holds(&tree, "/a", "old"));
    assert_true(holds(&tree, "/gone", "back"));
    assert_null(kd_tree_find(&tree, "/a/b"));
    assert_int_equal(kd_tree_find(&tree, "/a")->version, 0);
    assert_int_equal(kd_tree_find(&tree, "/a")->sequence, 0);
    assert_int_equal(kd_tree_find(&tree, "/a")->child_count, 0);
    assert_int_equal(apply(ops, 4), KD_META_FINE);
    assert_string_equal(changes[3].path, "/a/c0000000000");
}

static void a_parent_outlives_its_children(void **state)
{
    (void)state;
    apply_one(create("/a", NULL, 0));
    apply_one(create("/a/b", NULL, KD_META_EPHEMERAL));
    assert_int_equal(apply_one(drop("/a")), KD_META_NOT_EMPTY);
    assert_int_equal(apply_one(create("/a/b/c", NULL, 0)), KD_META_NO_CHILDREN);
    assert_int_equal(apply_one(drop("/a/b")), KD_META_FINE);
    assert_int_equal(apply_one(drop("/a")), KD_META_FINE);
}

static void paths_are_checked(void **state)
{
    const char *bad[] = {"", "/", "a", "/a/", "//a", "/a//b"};
    (void)state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(bad); i++)
        assert_int_equal(apply_one(create(bad[i], "", 0)), KD_META_BAD_PATH);
}

static void multi_under_memory_pressure(void *ctx)
{
    const struct kd_meta_op ops[] = {create("/m", "1", 0), create("/m/n", "2", 0),
                                     set("/m", "3", 0), drop("/m/n"), drop("/m")};
    int64_t before = tree.zxid;
    (void)ctx;
    enum kd_meta_reason reason = apply(ops, 5);
    assert_true(reason == KD_META_FINE || (reason == KD_META_NO_MEMORY && tree.zxid == before));
    assert_null(kd_tree_find(&tree, "/m"));
}

static void out_of_memory_changes_nothing(void **state)
{
    (void)state;
    assert_true(unit_each_failure(multi_under_memory_pressure, NULL) > 5);
}

static void record(struct kd_bytes *out, const struct kd_meta_op *ops, int n)
{
    assert_int_equal(apply(ops, n), KD_META_FINE);
    struct kd_meta_op *copy = malloc((size_t)n * sizeof *copy);
    for (int i = 0; i < n; i++) {
        copy[i] = ops[i];
        copy[i].path = changes[i].path;
    }
    assert_true(kd_journal_record(out, (int64_t)out->size, result.zxid, copy, n));
    free(copy);
}

static bool same_tree(const struct kd_tree *other)
{
    struct kb_map_entry *entry = NULL;
    bool same = other->zxid == tree.zxid && other->nodes.count == tree.nodes.count;
    while (same && (entry = kb_map_next(&tree.nodes, entry))) {
        const struct kd_tree_node *a = KB_CONTAINER(entry, struct kd_tree_node, entry);
        const struct kd_tree_node *b = kd_tree_find(other, a->path);
        same = b && a->version == b->version && a->created == b->created &&
               a->modified == b->modified && a->sequence == b->sequence && a->size == b->size &&
               (a->size == 0 || !memcmp(a->data, b->data, a->size));
    }
    return same;
}

static void replay_gives_the_same_tree(void **state)
{
    struct kd_bytes bytes = {0};
    struct kd_tree other;
    (void)state;
    record(&bytes, (struct kd_meta_op[]){create("/a", "1", 0), create("/b", NULL, 0)}, 2);
    record(&bytes, (struct kd_meta_op[]){create("/b/n-", "x", KD_META_SEQUENTIAL)}, 1);
    record(&bytes,
           (struct kd_meta_op[]){create("/b/n-", "y", KD_META_SEQUENTIAL), set("/a", "22", 0)}, 2);
    record(&bytes, (struct kd_meta_op[]){drop("/b/n-0000000000")}, 1);
    assert_true(kd_tree_init(&other, 2));
    size_t at = 0, size;
    while ((size = kd_journal_record_size(bytes.data + at, bytes.size - at)) != 0) {
        assert_true(kd_journal_replay(bytes.data + at, size, &other));
        at += size;
    }
    assert_int_equal(at, bytes.size);
    assert_true(same_tree(&other));
    kd_tree_deinit(&other);
    kd_bytes_free(&bytes);
}

static void a_snapshot_gives_the_same_tree_without_ephemerals(void **state)
{
    struct kd_bytes bytes = {0};
    struct kd_tree other;
    (void)state;
    apply((struct kd_meta_op[]){create("/a", "1", 0), create("/a/b", "", 0), create("/c", "3", 0)},
          3);
    apply_one(create("/a/n-", "x", KD_META_SEQUENTIAL));
    apply_one(create("/e", "x", KD_META_EPHEMERAL));
    assert_true(kd_journal_snapshot(&bytes, &tree));
    assert_true(kd_tree_init(&other, 2));
    assert_true(kd_journal_restore(bytes.data, bytes.size, &other));
    assert_null(kd_tree_find(&other, "/e"));
    int64_t zxid = tree.zxid;
    apply_one(drop("/e"));
    tree.zxid = zxid;
    assert_true(same_tree(&other));
    kd_tree_deinit(&other);
    kd_bytes_free(&bytes);
}

/* Whatever a disk gives back, it is a tree or an error. */
static void damage_is_found_at_every_byte(void **state)
{
    struct kd_bytes bytes = {0};
    (void)state;
    apply((struct kd_meta_op[]){create("/a", "1", 0), create("/a/b", "22", 0)}, 2);
    assert_true(kd_journal_snapshot(&bytes, &tree));
    for (size_t i = 0; i < bytes.size; i++) {
        struct kd_tree other;
        bytes.data[i] ^= 0x10;
        assert_true(kd_tree_init(&other, 2));
        assert_false(kd_journal_restore(bytes.data, bytes.size, &other));
        kd_tree_deinit(&other);
        bytes.data[i] ^= 0x10;
    }
    kd_bytes_free(&bytes);
}

/* ---- What stands in nodes ----------------------------------------------- */

static void records_come_back(void **state)
{
    int32_t nodes[] = {1, 2}, *lists[] = {nodes, nodes}, counts[] = {2, 1};
    struct kd_topic_record topic = {{{1, 2, 3}}, 2, lists, counts}, topic2;
    struct kd_state_record leader = {1, 4, 7, nodes, 2}, leader2;
    struct kd_config_entry entry = {"retention.ms", "5"};
    struct kd_overrides config = {&entry, 1}, config2 = {0};
    char id[32], block[KD_BLOCK_TEXT];
    int64_t end;
    (void)state;

    char *text = kd_record_topic(&topic);
    assert_true(kd_record_topic_read(kb_slice_str(text), &topic2));
    assert_true(kb_uuid_equal(topic.id, topic2.id));
    assert_int_equal(topic2.count, 2);
    assert_int_equal(topic2.replica_count[1], 1);
    assert_int_equal(topic2.replicas[0][1], 2);
    kd_topic_record_deinit(&topic2);
    kd_record_free(text);

    text = kd_record_state(&leader);
    assert_string_equal(
        text,
        "{\"version\":1,\"leader\":1,\"leader_epoch\":4,\"controller_epoch\":7,\"isr\":[1,2]}");
    assert_true(kd_record_state_read(kb_slice_str(text), &leader2));
    assert_int_equal(leader2.leader_epoch, 4);
    kd_state_record_deinit(&leader2);
    kd_record_free(text);

    text = kd_record_config(&config);
    assert_string_equal(text, "{\"version\":1,\"config\":{\"retention.ms\":\"5\"}}");
    assert_true(kd_record_config_read(kb_slice_str(text), &config2));
    assert_string_equal(kd_overrides_get(&config2, "retention.ms"), "5");
    kd_overrides_deinit(&config2);
    kd_record_free(text);

    text = kd_record_config_change("topics/orders");
    assert_string_equal(text, "{\"version\":2,\"entity_path\":\"topics/orders\"}");
    kd_record_free(text);

    text = kd_record_cluster("abc");
    assert_true(kd_record_cluster_read(kb_slice_str(text), id, sizeof id));
    assert_string_equal(id, "abc");
    kd_record_free(text);

    assert_true(kd_record_block_read(kd_record_block(block, 1, 1000, 1999), &end));
    assert_int_equal(end, 1999);
}

static void nonsense_in_nodes_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"topic_id\":7}",
        "{\"topic_id\":\"AQIDAAAAAAAAAAAAAAAAAA\",\"partitions\":{\"1\":[1]}}",
        "{\"topic_id\":\"AQIDAAAAAAAAAAAAAAAAAA\",\"partitions\":{\"0\":[]}}"};
    struct kd_topic_record topic;
    struct kd_state_record leader;
    struct kd_overrides config = {0};
    char id[8];
    int64_t end;
    (void)state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(texts); i++) {
        struct kb_slice text = kb_slice_str(texts[i]);
        assert_false(kd_record_topic_read(text, &topic));
        assert_false(kd_record_state_read(text, &leader));
        assert_false(kd_record_config_read(text, &config));
        assert_false(kd_record_cluster_read(text, id, sizeof id));
        assert_false(kd_record_block_read(text, &end));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_have_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_multi_happens_whole_or_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_outlives_its_children, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_memory_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(replay_gives_the_same_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_gives_the_same_tree_without_ephemerals, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damage_is_found_at_every_byte, setup, teardown),
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(nonsense_in_nodes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
