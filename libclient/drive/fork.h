/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FORK_H
#define KC_FORK_H
/*
 * Are we in the child of a fork? One page that the kernel wipes in a child
 * (MADV_WIPEONFORK) holds the process's generation; a handle remembers the one
 * it was made in, and looking costs one load: no getpid, no atfork handler that
 * dlclose would leave dangling. Handles made in the child have its generation.
 */
#include <stdatomic.h>
#include <stdbool.h>

struct kb_error;

struct kc_fork_mark {
    atomic_uint *page;
    unsigned generation;
};

/* This process, now. Any thread. */
struct kc_fork_mark kc_fork_mark(void);

static inline bool kc_forked(const struct kc_fork_mark *mark)
{
    return atomic_load_explicit(mark->page, memory_order_relaxed) != mark->generation;
}

/* KB_E_FORKED, with the words. */
int kc_fork_error(struct kb_error *err);

#endif
