/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem_node.h"

#include "base/mem.h"

/* The map's seeds are fixed: a run repeats. */
enum { SEED_NOW = 1, SEED_DISK = 2 };

struct kb_mem_node *kb_mem_node_new(struct kb_list *nodes, bool is_dir)
{
    struct kb_mem_node *node = KB_NEW(struct kb_mem_node);
    if (!node)
        return NULL;
    node->refs = 1;
    node->is_dir = is_dir;
    kb_map_init(&node->now, SEED_NOW);
    kb_map_init(&node->disk, SEED_DISK);
    kb_mem_file_init(&node->file);
    kb_list_push_back(nodes, &node->member);
    return node;
}

void kb_mem_node_ref(struct kb_mem_node *node)
{
    node->refs++;
}

void kb_mem_node_unref(struct kb_mem_node *node)
{
    if (!node || --node->refs > 0)
        return;
    kb_mem_names_clear(&node->now);
    kb_mem_names_clear(&node->disk);
    kb_mem_file_deinit(&node->file);
    kb_list_remove(&node->member);
    kb_free(node);
}

static struct kb_mem_name *find(const struct kb_map *names, struct kb_slice name)
{
    return KB_MAP_VALUE(kb_map_get(names, name), struct kb_mem_name, entry);
}

struct kb_mem_node *kb_mem_names_get(const struct kb_map *names, struct kb_slice name)
{
    struct kb_mem_name *found = find(names, name);
    return found ? found->child : NULL;
}

static void drop(struct kb_map *names, struct kb_mem_name *name)
{
    kb_map_remove(names, &name->entry);
    kb_mem_node_unref(name->child);
    kb_free(name);
}

void kb_mem_names_unbind(struct kb_map *names, struct kb_slice name)
{
    struct kb_mem_name *found = find(names, name);
    if (found)
        drop(names, found);
}

static struct kb_mem_name *name_new(struct kb_slice text, struct kb_mem_node *child)
{
    struct kb_mem_name *name = kb_malloc(sizeof *name + text.size + 1);
    if (!name)
        return NULL;
    memcpy(name->text, text.data, text.size);
    name->text[text.size] = '\0';
    name->child = child;
    return name;
}

bool kb_mem_names_bind(struct kb_map *names, struct kb_slice name, struct kb_mem_node *child)
{
    struct kb_mem_name *found = find(names, name);
    kb_mem_node_ref(child);
    if (found) {
        kb_mem_node_unref(found->child);
        found->child = child;
        return true;
    }
    struct kb_mem_name *fresh = name_new(name, child);
    if (fresh && kb_map_put(names, &fresh->entry, kb_slice_of(fresh->text, name.size)))
        return true;
    kb_mem_node_unref(child);
    kb_free(fresh);
    return false;
}

void kb_mem_names_clear(struct kb_map *names)
{
    struct kb_mem_name *name;
    while ((name = kb_mem_names_next(names, NULL)))
        drop(names, name);
    kb_map_deinit(names);
}

struct kb_mem_name *kb_mem_names_next(const struct kb_map *names, struct kb_mem_name *at)
{
    return KB_MAP_VALUE(kb_map_next(names, at ? &at->entry : NULL), struct kb_mem_name, entry);
}
