/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem_journal.h"

#include "base/mem.h"

enum { JOURNAL_CHANGES = 1024 };

struct binding {
    struct kb_mem_node *dir, *child;
    char *name;
};

struct kb_mem_change {
    struct kb_list node;
    struct binding bindings[2];
    size_t count;
    bool marked; /* to be synced; in a crash: lost */
};

static struct kb_mem_change *change_of(struct kb_list *node)
{
    return KB_CONTAINER(node, struct kb_mem_change, node);
}

void kb_mem_journal_init(struct kb_mem_journal *journal)
{
    kb_list_init(&journal->changes);
    journal->count = 0;
}

struct kb_mem_change *kb_mem_change_new(void)
{
    return KB_NEW(struct kb_mem_change);
}

bool kb_mem_change_bind(struct kb_mem_change *change, struct kb_mem_node *dir, struct kb_slice name,
                        struct kb_mem_node *child)
{
    char *copy = change ? kb_strndup((const char *)name.data, name.size) : NULL;
    if (!copy)
        return false;
    KB_CHECK(change->count < KB_ARRAY_SIZE(change->bindings));
    change->bindings[change->count++] = (struct binding){dir, child, copy};
    kb_mem_node_ref(dir);
    if (child)
        kb_mem_node_ref(child);
    return true;
}

void kb_mem_change_free(struct kb_mem_change *change)
{
    for (size_t i = 0; change && i < change->count; i++) {
        kb_mem_node_unref(change->bindings[i].dir);
        kb_mem_node_unref(change->bindings[i].child);
        kb_free(change->bindings[i].name);
    }
    kb_free(change);
}

void kb_mem_journal_give(struct kb_mem_journal *journal, struct kb_mem_change *change)
{
    kb_list_push_back(&journal->changes, &change->node);
    if (++journal->count > JOURNAL_CHANGES)
        (void)kb_mem_journal_sync(journal, NULL); /* without memory: with the next one */
}

static void forget(struct kb_mem_journal *journal, struct kb_mem_change *change)
{
    kb_list_remove(&change->node);
    journal->count--;
    kb_mem_change_free(change);
}

void kb_mem_journal_clear(struct kb_mem_journal *journal)
{
    while (journal->count)
        forget(journal, change_of(journal->changes.next));
}

static bool concerns(const struct kb_mem_change *change, const struct kb_mem_node *dir)
{
    for (size_t i = 0; i < change->count; i++)
        if (!dir || change->bindings[i].dir == dir)
            return true;
    return false;
}

static bool share_a_name(const struct kb_mem_change *a, const struct kb_mem_change *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (a->bindings[i].dir == b->bindings[j].dir &&
                !strcmp(a->bindings[i].name, b->bindings[j].name))
                return true;
    return false;
}

static bool write_to_disk(const struct kb_mem_change *change)
{
    for (size_t i = 0; i < change->count; i++) {
        const struct binding *binding = &change->bindings[i];
        struct kb_slice name = kb_slice_str(binding->name);
        if (!binding->child)
            kb_mem_names_unbind(&binding->dir->disk, name);
        else if (!kb_mem_names_bind(&binding->dir->disk, name, binding->child))
            return false;
    }
    return true;
}

/* Whether a marked change lies between `change` and the list's end, in that
 * direction, that has a name in common with it. */
static bool depends(struct kb_list *head, struct kb_mem_change *change, bool forwards)
{
    struct kb_list *it = &change->node;
    while ((it = forwards ? it->next : it->prev) != head)
        if (change_of(it)->marked && share_a_name(change_of(it), change))
            return true;
    return false;
}

bool kb_mem_journal_sync(struct kb_mem_journal *journal, const struct kb_mem_node *dir)
{
    struct kb_list *head = &journal->changes;
    for (struct kb_list *it = head->prev; it != head; it = it->prev) {
        struct kb_mem_change *change = change_of(it);
        change->marked = concerns(change, dir) || depends(head, change, true);
    }
    KB_LIST_EACH_SAFE(it, head) {
        struct kb_mem_change *change = change_of(it);
        if (!change->marked)
            continue;
        if (!write_to_disk(change))
            return false;
        forget(journal, change);
    }
    return true;
}

bool kb_mem_journal_crash(struct kb_mem_journal *journal, struct kb_random *random)
{
    struct kb_list *head = &journal->changes;
    uint64_t kept_percent = kb_random_below(random, 5) * 25;
    KB_LIST_EACH(it, head) {
        struct kb_mem_change *change = change_of(it);
        bool kept = kb_random_below(random, 100) < kept_percent;
        change->marked = !kept || depends(head, change, false);
        if (!change->marked && !write_to_disk(change))
            return false;
    }
    kb_mem_journal_clear(journal);
    return true;
}

bool kb_mem_journal_copy(struct kb_mem_journal *to, const struct kb_mem_journal *from)
{
    KB_LIST_EACH(it, &from->changes) {
        const struct kb_mem_change *change = change_of(it);
        struct kb_mem_change *twin = kb_mem_change_new();
        bool ok = twin;
        for (size_t i = 0; ok && i < change->count; i++) {
            const struct binding *binding = &change->bindings[i];
            ok = kb_mem_change_bind(twin, binding->dir->twin, kb_slice_str(binding->name),
                                    binding->child ? binding->child->twin : NULL);
        }
        if (!ok) {
            kb_mem_change_free(twin);
            return false;
        }
        kb_mem_journal_give(to, twin);
    }
    return true;
}
