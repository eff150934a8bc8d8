/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MEM_TREE_H
#define KB_MEM_TREE_H
/*
 * The names of the simulated disk (fs_mem.h) as one tree, with what a power
 * loss may do to it. Functions answer 0 or -errno; after -ENOMEM nothing has
 * changed, a crash excepted. Not thread-safe.
 */
#include "base/mem_journal.h"

struct kb_mem_tree {
    struct kb_mem_node *root;
    struct kb_list nodes; /* all, those that have lost their names included */
    struct kb_mem_journal journal;
};

int kb_mem_tree_init(struct kb_mem_tree *tree);
void kb_mem_tree_deinit(struct kb_mem_tree *tree);
int kb_mem_tree_copy(struct kb_mem_tree *to, const struct kb_mem_tree *from);

/* Nodes are borrowed. "" is the root; "." and ".." are refused. */
int kb_mem_tree_find(const struct kb_mem_tree *tree, const char *path, struct kb_mem_node **out);
int kb_mem_tree_make(struct kb_mem_tree *tree, const char *path, bool is_dir,
                     struct kb_mem_node **out);
int kb_mem_tree_unlink(struct kb_mem_tree *tree, const char *path);
int kb_mem_tree_rename(struct kb_mem_tree *tree, const char *from, const char *to);
/* The names in that directory are durable, not those above it. */
int kb_mem_tree_sync_dir(struct kb_mem_tree *tree, const char *path);
int kb_mem_tree_sync(struct kb_mem_tree *tree);  /* names and contents */
void kb_mem_tree_doom(struct kb_mem_tree *tree); /* a sync of everything failed */
/* Answers how many writes were torn, or -ENOMEM. */
int kb_mem_tree_crash(struct kb_mem_tree *tree, struct kb_random *random);

#endif
