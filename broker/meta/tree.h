/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TREE_H
#define KD_TREE_H
/*
 * The nodes themselves, in memory. A multi is applied whole or not at all; the
 * tree knows neither files nor callbacks.
 */
#include "base/map.h"
#include "broker/meta/meta.h"

struct kd_tree_node {
    struct kb_map_entry entry; /* by path */
    struct kd_tree_node *parent;
    struct kb_list siblings, children;
    int32_t child_count, version, sequence; /* sequence: of the next sequential child */
    int64_t created, modified;
    bool ephemeral;
    uint8_t *data;
    size_t size;
    char path[]; /* "/" or "/a/b" */
};

struct kd_tree {
    struct kb_map nodes;
    struct kd_tree_node *root;
    int64_t zxid; /* of the last write */
};

bool kd_tree_init(struct kd_tree *tree, uint64_t seed); /* false: no memory */
void kd_tree_deinit(struct kd_tree *tree);

struct kd_tree_node *kd_tree_find(const struct kd_tree *tree, const char *path); /* NULL: none */
const char *kd_tree_name(const struct kd_tree_node *node); /* the last part of its path */
void kd_tree_stat(const struct kd_tree_node *node, struct kd_meta_stat *out);

/* Applies all under the next zxid, or nothing. result->changes is `changes`
 * (n places); its paths are the operations' own, or the sequential nodes'. */
void kd_tree_multi(struct kd_tree *tree, const struct kd_meta_op *ops, int n,
                   struct kd_meta_change *changes, struct kd_meta_result *result);

/* Puts a node as a snapshot has it; parents come before children. False: no
 * memory, or no parent. */
bool kd_tree_restore(struct kd_tree *tree, const char *path, struct kb_slice data,
                     const struct kd_meta_stat *stat, int32_t sequence);

#endif
