/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MEM_JOURNAL_H
#define KB_MEM_JOURNAL_H
/*
 * Changes to names that are not on the simulated disk yet, oldest first. A
 * change binds names to nodes or to nothing; a rename does two at once, and no
 * power loss parts them. What comes later for a name never reaches the disk
 * without what came before for it. Past a limit all is written, as a kernel
 * does after a while. Not thread-safe.
 */
#include "base/mem_node.h"

struct kb_mem_change; /* being made */

struct kb_mem_journal {
    struct kb_list changes;
    size_t count;
};

void kb_mem_journal_init(struct kb_mem_journal *journal);
void kb_mem_journal_clear(struct kb_mem_journal *journal);

/* A change is made, bound (child NULL: to nothing; at most twice), and given
 * to the journal; or freed. False: no memory. `change` may be NULL. */
struct kb_mem_change *kb_mem_change_new(void);
bool kb_mem_change_bind(struct kb_mem_change *change, struct kb_mem_node *dir, struct kb_slice name,
                        struct kb_mem_node *child);
void kb_mem_change_free(struct kb_mem_change *change);
void kb_mem_journal_give(struct kb_mem_journal *journal, struct kb_mem_change *change);

/* What the directory's names depend on reaches the disk; NULL: everything. */
bool kb_mem_journal_sync(struct kb_mem_journal *journal, const struct kb_mem_node *dir);
/* A power loss: some changes reach the disk, the others never do. */
bool kb_mem_journal_crash(struct kb_mem_journal *journal, struct kb_random *random);
/* Over to the nodes' twins. */
bool kb_mem_journal_copy(struct kb_mem_journal *to, const struct kb_mem_journal *from);

#endif
