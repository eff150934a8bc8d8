/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem_tree.h"

#include <errno.h>

/* --- paths --- */

/* The next part of a path, which moves on behind it. Size 0: there is none. */
static struct kb_slice next_part(const char **path)
{
    *path += strspn(*path, "/");
    struct kb_slice part = kb_slice_of(*path, strcspn(*path, "/"));
    *path += part.size;
    return part;
}

/* The directory that the path's last part lies in. The root has no name and
 * lies nowhere: *last is empty then. */
static int walk(const struct kb_mem_tree *tree, const char *path, struct kb_mem_node **dir,
                struct kb_slice *last)
{
    struct kb_mem_node *at = tree->root;
    struct kb_slice part = next_part(&path);
    for (;;) {
        if (kb_slice_is(part, ".") || kb_slice_is(part, ".."))
            return -EINVAL;
        struct kb_slice next = next_part(&path);
        if (next.size == 0)
            break;
        at = kb_mem_names_get(&at->now, part);
        if (!at)
            return -ENOENT;
        if (!at->is_dir)
            return -ENOTDIR;
        part = next;
    }
    *dir = at;
    *last = part;
    return 0;
}

int kb_mem_tree_find(const struct kb_mem_tree *tree, const char *path, struct kb_mem_node **out)
{
    struct kb_mem_node *dir;
    struct kb_slice name;
    int rc = walk(tree, path, &dir, &name);
    if (rc < 0)
        return rc;
    *out = name.size ? kb_mem_names_get(&dir->now, name) : tree->root;
    return *out ? 0 : -ENOENT;
}

/* As walk, for something that is to have a name. */
static int walk_named(const struct kb_mem_tree *tree, const char *path, struct kb_mem_node **dir,
                      struct kb_slice *name, struct kb_mem_node **node)
{
    int rc = walk(tree, path, dir, name);
    if (rc < 0)
        return rc;
    if (name->size == 0)
        return -EBUSY;
    *node = kb_mem_names_get(&(*dir)->now, *name);
    return 0;
}

/* --- changes --- */

int kb_mem_tree_make(struct kb_mem_tree *tree, const char *path, bool is_dir,
                     struct kb_mem_node **out)
{
    struct kb_mem_node *dir, *node;
    struct kb_slice name;
    int rc = walk_named(tree, path, &dir, &name, &node);
    if (rc < 0)
        return rc;
    if (node)
        return -EEXIST;
    node = kb_mem_node_new(&tree->nodes, is_dir);
    if (!node)
        return -ENOMEM;
    struct kb_mem_change *change = kb_mem_change_new();
    if (kb_mem_change_bind(change, dir, name, node) && kb_mem_names_bind(&dir->now, name, node)) {
        kb_mem_journal_give(&tree->journal, change);
        node->names++;
        *out = node;
    } else {
        kb_mem_change_free(change);
        rc = -ENOMEM;
    }
    kb_mem_node_unref(node); /* its name holds it */
    return rc;
}

static bool is_empty(const struct kb_mem_node *node)
{
    return !node->is_dir || node->now.count == 0;
}

int kb_mem_tree_unlink(struct kb_mem_tree *tree, const char *path)
{
    struct kb_mem_node *dir, *node;
    struct kb_slice name;
    int rc = walk_named(tree, path, &dir, &name, &node);
    if (rc < 0)
        return rc;
    if (!node)
        return -ENOENT;
    if (!is_empty(node))
        return -ENOTEMPTY;
    struct kb_mem_change *change = kb_mem_change_new();
    if (!kb_mem_change_bind(change, dir, name, NULL)) {
        kb_mem_change_free(change);
        return -ENOMEM;
    }
    node->names--;
    kb_mem_names_unbind(&dir->now, name);
    kb_mem_journal_give(&tree->journal, change);
    return 0;
}

/* Whether `inner` is `outer` or lies somewhere in it. */
static bool lies_in(const struct kb_mem_node *inner, const struct kb_mem_node *outer)
{
    if (inner == outer)
        return true;
    struct kb_mem_name *name = NULL;
    while ((name = kb_mem_names_next(&outer->now, name)))
        if (lies_in(inner, name->child))
            return true;
    return false;
}

static int may_replace(const struct kb_mem_node *node, const struct kb_mem_node *victim)
{
    if (!victim)
        return 0;
    if (node->is_dir != victim->is_dir)
        return victim->is_dir ? -EISDIR : -ENOTDIR;
    return is_empty(victim) ? 0 : -ENOTEMPTY;
}

int kb_mem_tree_rename(struct kb_mem_tree *tree, const char *from, const char *to)
{
    struct kb_mem_node *from_dir, *to_dir, *node, *victim;
    struct kb_slice from_name, to_name;
    int rc = walk_named(tree, from, &from_dir, &from_name, &node);
    if (rc == 0 && !node)
        rc = -ENOENT;
    if (rc == 0)
        rc = walk_named(tree, to, &to_dir, &to_name, &victim);
    if (rc < 0 || node == victim)
        return rc;
    rc = lies_in(to_dir, node) ? -EINVAL : may_replace(node, victim);
    if (rc < 0)
        return rc;
    struct kb_mem_change *change = kb_mem_change_new();
    if (!kb_mem_change_bind(change, to_dir, to_name, node) ||
        !kb_mem_change_bind(change, from_dir, from_name, NULL)) {
        kb_mem_change_free(change);
        return -ENOMEM;
    }
    if (victim)
        victim->names--;
    if (!kb_mem_names_bind(&to_dir->now, to_name, node)) { /* only where there was no victim */
        kb_mem_change_free(change);
        return -ENOMEM;
    }
    kb_mem_names_unbind(&from_dir->now, from_name);
    kb_mem_journal_give(&tree->journal, change);
    return 0;
}

/* --- what lasts --- */

int kb_mem_tree_sync_dir(struct kb_mem_tree *tree, const char *path)
{
    struct kb_mem_node *dir;
    int rc = kb_mem_tree_find(tree, path, &dir);
    if (rc < 0)
        return rc;
    if (!dir->is_dir)
        return -ENOTDIR;
    return kb_mem_journal_sync(&tree->journal, dir) ? 0 : -ENOMEM;
}

#define EACH_NODE(it, tree) KB_LIST_EACH_SAFE(it, &(tree)->nodes)

static struct kb_mem_node *node_of(struct kb_list *member)
{
    return KB_CONTAINER(member, struct kb_mem_node, member);
}

int kb_mem_tree_sync(struct kb_mem_tree *tree)
{
    EACH_NODE(it, tree)
        if (kb_mem_file_sync(&node_of(it)->file) < 0)
            return -ENOMEM;
    return kb_mem_journal_sync(&tree->journal, NULL) ? 0 : -ENOMEM;
}

void kb_mem_tree_doom(struct kb_mem_tree *tree)
{
    EACH_NODE(it, tree)
        kb_mem_file_doom(&node_of(it)->file);
}

/* So that no node goes while all are walked over. */
static void hold_all(struct kb_mem_tree *tree)
{
    EACH_NODE(it, tree)
        kb_mem_node_ref(node_of(it));
}

static void let_go(struct kb_mem_tree *tree)
{
    EACH_NODE(it, tree)
        kb_mem_node_unref(node_of(it));
}

static bool copy_names(struct kb_map *to, const struct kb_map *from, bool twins)
{
    struct kb_mem_name *name = NULL;
    while ((name = kb_mem_names_next(from, name)))
        if (!kb_mem_names_bind(to, name->entry.key, twins ? name->child->twin : name->child))
            return false;
    return true;
}

static bool copy_nodes(struct kb_mem_tree *to, const struct kb_mem_tree *from)
{
    KB_LIST_EACH(it, &from->nodes) {
        struct kb_mem_node *node = node_of(it), *twin = kb_mem_node_new(&to->nodes, node->is_dir);
        if (!twin || kb_mem_file_copy(&twin->file, &node->file) < 0)
            return false;
        twin->names = node->names;
        twin->reserved = node->reserved;
        twin->mtime_ms = node->mtime_ms;
        node->twin = twin;
    }
    KB_LIST_EACH(it, &from->nodes) {
        struct kb_mem_node *node = node_of(it);
        if (!copy_names(&node->twin->now, &node->now, true) ||
            !copy_names(&node->twin->disk, &node->disk, true))
            return false;
    }
    return kb_mem_journal_copy(&to->journal, &from->journal);
}

static void init_empty(struct kb_mem_tree *tree)
{
    tree->root = NULL;
    kb_list_init(&tree->nodes);
    kb_mem_journal_init(&tree->journal);
}

int kb_mem_tree_copy(struct kb_mem_tree *to, const struct kb_mem_tree *from)
{
    init_empty(to);
    bool ok = copy_nodes(to, from);
    if (ok) {
        to->root = from->root->twin;
        kb_mem_node_ref(to->root);
    }
    let_go(to); /* made with a reference each */
    if (!ok)
        kb_mem_tree_deinit(to);
    return ok ? 0 : -ENOMEM;
}

int kb_mem_tree_init(struct kb_mem_tree *tree)
{
    init_empty(tree);
    tree->root = kb_mem_node_new(&tree->nodes, true);
    return tree->root ? 0 : -ENOMEM;
}

void kb_mem_tree_deinit(struct kb_mem_tree *tree)
{
    kb_mem_journal_clear(&tree->journal);
    hold_all(tree);
    EACH_NODE(it, tree) { /* now and disk together may form a ring */
        kb_mem_names_clear(&node_of(it)->now);
        kb_mem_names_clear(&node_of(it)->disk);
    }
    kb_mem_node_unref(tree->root);
    let_go(tree);
}

static int node_crash(struct kb_mem_node *node, struct kb_random *random)
{
    node->reserved = 0;
    node->names = 0;
    kb_mem_names_clear(&node->now);
    if (!copy_names(&node->now, &node->disk, false))
        return -ENOMEM;
    return kb_mem_file_crash(&node->file, random);
}

static void count_names(struct kb_mem_node *dir)
{
    struct kb_mem_name *name = NULL;
    while ((name = kb_mem_names_next(&dir->now, name)))
        if (name->child->names++ == 0)
            count_names(name->child);
}

int kb_mem_tree_crash(struct kb_mem_tree *tree, struct kb_random *random)
{
    int rc = kb_mem_journal_crash(&tree->journal, random) ? 0 : -ENOMEM;
    hold_all(tree);
    EACH_NODE(it, tree) {
        int torn = rc < 0 ? rc : node_crash(node_of(it), random);
        rc = torn < 0 ? torn : rc + torn;
    }
    let_go(tree);
    count_names(tree->root);
    return rc;
}
