/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MEM_NODE_H
#define KB_MEM_NODE_H
/*
 * A file or directory of the simulated disk (fs_mem.h). Names, changes and
 * open files refer to it; it goes with the last of them. A directory has its
 * names twice: as the system shows them (`now`) and as the platter holds them
 * (`disk`). Not thread-safe.
 */
#include "base/list.h"
#include "base/map.h"
#include "base/mem_file.h"

struct kb_mem_node {
    struct kb_list member; /* of the tree's nodes */
    size_t refs;
    bool is_dir, locked;
    size_t names;   /* by which it is seen now */
    size_t handles; /* open files */
    int64_t reserved, mtime_ms;
    struct kb_map now, disk; /* of a directory: kb_mem_name */
    struct kb_mem_file file;
    struct kb_mem_node *twin; /* while the tree is copied */
};

struct kb_mem_name {
    struct kb_map_entry entry;
    struct kb_mem_node *child;
    char text[];
};

/* One reference, in the list. NULL: no memory. */
struct kb_mem_node *kb_mem_node_new(struct kb_list *nodes, bool is_dir);
void kb_mem_node_ref(struct kb_mem_node *node);
void kb_mem_node_unref(struct kb_mem_node *node); /* NULL is fine */

struct kb_mem_node *kb_mem_names_get(const struct kb_map *names, struct kb_slice name);
/* Takes the place of what had the name. False: no memory, nothing has changed. */
bool kb_mem_names_bind(struct kb_map *names, struct kb_slice name, struct kb_mem_node *child);
void kb_mem_names_unbind(struct kb_map *names, struct kb_slice name); /* not there: nothing */
void kb_mem_names_clear(struct kb_map *names);
/* In any order; start with NULL. */
struct kb_mem_name *kb_mem_names_next(const struct kb_map *names, struct kb_mem_name *at);

#endif
