/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/tree.h"
#include "base/mem.h"
#include <stdio.h>

const char *kd_meta_reason_text(enum kd_meta_reason reason)
{
    static const char *const texts[] = {[KD_META_FINE] = "fine",
                                        [KD_META_NO_NODE] = "no such node",
                                        [KD_META_EXISTS] = "the node exists",
                                        [KD_META_BAD_VERSION] = "another version",
                                        [KD_META_NOT_EMPTY] = "the node has children",
                                        [KD_META_NO_CHILDREN] = "an ephemeral node has no children",
                                        [KD_META_BAD_PATH] = "not a path",
                                        [KD_META_TOO_LARGE] = "too large",
                                        [KD_META_NO_SPACE] = "the disk is full",
                                        [KD_META_NO_MEMORY] = "out of memory"};
    return texts[reason];
}

static struct kd_tree_node *node_new(const char *path, struct kb_slice data)
{
    size_t length = strlen(path);
    struct kd_tree_node *node = kb_calloc(1, sizeof *node + length + 1);
    if (!node)
        return NULL;
    memcpy(node->path, path, length + 1);
    kb_list_init(&node->siblings);
    kb_list_init(&node->children);
    if (data.size && !(node->data = kb_malloc(data.size))) {
        kb_free(node);
        return NULL;
    }
    if (data.size)
        memcpy(node->data, data.data, data.size);
    node->size = data.size;
    return node;
}

static void node_free(struct kd_tree_node *node)
{
    kb_free(node->data);
    kb_free(node);
}

/* Links the node under its parent; false: no memory. */
static bool node_attach(struct kd_tree *tree, struct kd_tree_node *parent,
                        struct kd_tree_node *node)
{
    if (!kb_map_put(&tree->nodes, &node->entry, kb_slice_str(node->path)))
        return false;
    node->parent = parent;
    if (parent) {
        kb_list_push_back(&parent->children, &node->siblings);
        parent->child_count++;
    }
    return true;
}

static void node_detach(struct kd_tree *tree, struct kd_tree_node *node)
{
    kb_map_remove(&tree->nodes, &node->entry);
    kb_list_remove(&node->siblings);
    node->parent->child_count--;
}

bool kd_tree_init(struct kd_tree *tree, uint64_t seed)
{
    kb_map_init(&tree->nodes, seed);
    tree->zxid = 0;
    tree->root = node_new("/", kb_slice_null());
    if (!tree->root || node_attach(tree, NULL, tree->root))
        return tree->root;
    node_free(tree->root);
    return false;
}

void kd_tree_deinit(struct kd_tree *tree)
{
    struct kb_map_entry *entry = kb_map_next(&tree->nodes, NULL);
    while (entry) {
        struct kd_tree_node *node = KB_CONTAINER(entry, struct kd_tree_node, entry);
        entry = kb_map_next(&tree->nodes, entry);
        node_free(node);
    }
    kb_map_deinit(&tree->nodes);
}

struct kd_tree_node *kd_tree_find(const struct kd_tree *tree, const char *path)
{
    return KB_MAP_VALUE(kb_map_get(&tree->nodes, kb_slice_str(path)), struct kd_tree_node, entry);
}

const char *kd_tree_name(const struct kd_tree_node *node)
{
    return strrchr(node->path, '/') + 1;
}

void kd_tree_stat(const struct kd_tree_node *node, struct kd_meta_stat *out)
{
    *out = (struct kd_meta_stat){.created = node->created,
                                 .modified = node->modified,
                                 .version = node->version,
                                 .children = node->child_count,
                                 .ephemeral = node->ephemeral};
}

static bool path_is_valid(const char *path)
{
    size_t length = strlen(path);
    if (path[0] != '/' || length < 2 || length >= KD_META_MAX_PATH || path[length - 1] == '/')
        return false;
    return !strstr(path, "//");
}

static struct kd_tree_node *find_parent(const struct kd_tree *tree, const char *path)
{
    size_t length = (size_t)(strrchr(path, '/') - path);
    if (length == 0)
        return tree->root;
    struct kb_slice key = kb_slice_of(path, length);
    return KB_MAP_VALUE(kb_map_get(&tree->nodes, key), struct kd_tree_node, entry);
}

/* How to take one applied operation back. */
struct undo {
    enum kd_meta_kind kind;
    struct kd_tree_node *node;
    uint8_t *data; /* set: what was there */
    size_t size;
    int64_t modified;
    bool counted; /* create: the parent's sequence went up */
};

static enum kd_meta_reason apply_create(struct kd_tree *tree, const struct kd_meta_op *op,
                                        struct undo *undo)
{
    char path[KD_META_MAX_PATH + 12];
    struct kd_tree_node *parent = find_parent(tree, op->path);
    if (!parent)
        return KD_META_NO_NODE;
    if (parent->ephemeral)
        return KD_META_NO_CHILDREN;
    bool sequential = op->flags & KD_META_SEQUENTIAL;
    if (sequential)
        snprintf(path, sizeof path, "%s%010d", op->path, parent->sequence);
    else
        snprintf(path, sizeof path, "%s", op->path);
    if (kd_tree_find(tree, path))
        return KD_META_EXISTS;
    struct kd_tree_node *node = node_new(path, op->data);
    if (!node)
        return KD_META_NO_MEMORY;
    if (!node_attach(tree, parent, node)) {
        node_free(node);
        return KD_META_NO_MEMORY;
    }
    node->created = node->modified = tree->zxid + 1;
    node->ephemeral = op->flags & KD_META_EPHEMERAL;
    parent->sequence += sequential;
    *undo = (struct undo){.kind = KD_META_CREATE, .node = node, .counted = sequential};
    return KD_META_FINE;
}

static enum kd_meta_reason apply_set(struct kd_tree *tree, struct kd_tree_node *node,
                                     const struct kd_meta_op *op, struct undo *undo)
{
    uint8_t *data = NULL;
    if (op->data.size && !(data = kb_malloc(op->data.size)))
        return KD_META_NO_MEMORY;
    if (op->data.size)
        memcpy(data, op->data.data, op->data.size);
    *undo = (struct undo){.kind = KD_META_SET,
                          .node = node,
                          .data = node->data,
                          .size = node->size,
                          .modified = node->modified};
    node->data = data;
    node->size = op->data.size;
    node->modified = tree->zxid + 1;
    node->version++;
    return KD_META_FINE;
}

static enum kd_meta_reason apply_delete(struct kd_tree *tree, struct kd_tree_node *node,
                                        struct undo *undo)
{
    if (node->child_count)
        return KD_META_NOT_EMPTY;
    if (node == tree->root)
        return KD_META_BAD_PATH;
    node_detach(tree, node);
    *undo = (struct undo){.kind = KD_META_DELETE, .node = node};
    return KD_META_FINE;
}

static enum kd_meta_reason apply(struct kd_tree *tree, const struct kd_meta_op *op,
                                 struct undo *undo)
{
    *undo = (struct undo){.kind = KD_META_CHECK};
    if (!path_is_valid(op->path))
        return KD_META_BAD_PATH;
    if (op->data.size > KD_META_MAX_DATA)
        return KD_META_TOO_LARGE;
    if (op->kind == KD_META_CREATE)
        return apply_create(tree, op, undo);
    struct kd_tree_node *node = kd_tree_find(tree, op->path);
    if (!node)
        return KD_META_NO_NODE;
    if (op->version != KD_META_ANY && op->version != node->version)
        return KD_META_BAD_VERSION;
    if (op->kind == KD_META_SET)
        return apply_set(tree, node, op, undo);
    if (op->kind == KD_META_DELETE)
        return apply_delete(tree, node, undo);
    undo->node = node;
    return KD_META_FINE;
}

static void take_back(struct kd_tree *tree, const struct undo *undo)
{
    struct kd_tree_node *node = undo->node;
    switch (undo->kind) {
    case KD_META_CHECK:
        break;
    case KD_META_CREATE:
        node->parent->sequence -= undo->counted;
        node_detach(tree, node);
        node_free(node);
        break;
    case KD_META_SET:
        kb_free(node->data);
        node->data = undo->data;
        node->size = undo->size;
        node->modified = undo->modified;
        node->version--;
        break;
    case KD_META_DELETE:
        /* The table had room for it a moment ago and never shrinks. */
        KB_CHECK(node_attach(tree, node->parent, node));
        break;
    }
}

static void keep(struct undo *undo)
{
    if (undo->kind == KD_META_SET)
        kb_free(undo->data);
    if (undo->kind == KD_META_DELETE)
        node_free(undo->node);
}

void kd_tree_multi(struct kd_tree *tree, const struct kd_meta_op *ops, int n,
                   struct kd_meta_change *changes, struct kd_meta_result *result)
{
    struct undo *undo = KB_NEW_ARRAY(struct undo, (size_t)n + 1);
    enum kd_meta_reason reason = undo ? KD_META_FINE : KD_META_NO_MEMORY;
    int done = 0;
    while (!reason && done < n) {
        reason = apply(tree, &ops[done], &undo[done]);
        done += !reason;
    }
    *result = (struct kd_meta_result){.outcome = reason ? KD_META_CONFLICT : KD_META_OK,
                                      .reason = reason,
                                      .failed = reason ? done : -1,
                                      .changes = changes,
                                      .count = n};
    if (reason) {
        while (done-- > 0)
            take_back(tree, &undo[done]);
    } else {
        for (int i = 0; i < n; i++) {
            bool named = ops[i].kind == KD_META_CREATE && (ops[i].flags & KD_META_SEQUENTIAL);
            changes[i].path = named ? undo[i].node->path : ops[i].path;
            changes[i].version = undo[i].node->version;
            changes[i].ephemeral = undo[i].node->ephemeral;
        }
        for (int i = 0; i < n; i++)
            keep(&undo[i]);
        result->zxid = ++tree->zxid;
    }
    kb_free(undo);
}

bool kd_tree_restore(struct kd_tree *tree, const char *path, struct kb_slice data,
                     const struct kd_meta_stat *stat, int32_t sequence)
{
    struct kd_tree_node *node = tree->root;
    if (strcmp(path, "/") != 0) {
        struct kd_tree_node *parent = path_is_valid(path) ? find_parent(tree, path) : NULL;
        node = parent && !kd_tree_find(tree, path) ? node_new(path, data) : NULL;
        if (!node)
            return false;
        if (!node_attach(tree, parent, node)) {
            node_free(node);
            return false;
        }
    }
    node->created = stat->created;
    node->modified = stat->modified;
    node->version = stat->version;
    node->sequence = sequence;
    return true;
}
