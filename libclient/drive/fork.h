/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FORK_H
#define KC_FORK_H
/*
 * Are we the child of a fork? One page that the kernel wipes in a child
 * (MADV_WIPEONFORK) and one load to look: no getpid, no atfork handler that
 * dlclose would leave dangling.
 */
#include <stdbool.h>
#include <stdint.h>

struct kb_error;

/* The page, made on first use; stays for the life of the process. NULL: the
 * kernel has none to give. */
const volatile uint8_t *kc_fork_page(void);

static inline bool kc_forked(const volatile uint8_t *page)
{
    return *page == 0;
}

/* KB_E_FORKED, with the words. */
int kc_fork_error(struct kb_error *err);

#endif
