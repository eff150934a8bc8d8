/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/fork.h"
#include "base/error.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_uint *page;
static atomic_uint generations; /* so many were given out; a child inherits the count */
static atomic_uint no_page;     /* a kernel before 4.14: forks go unnoticed */

static void make_page(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page = &no_page;
    if (made == MAP_FAILED)
        return;
    if (madvise(made, size, MADV_WIPEONFORK))
        munmap(made, size);
    else
        page = made;
}

struct kc_fork_mark kc_fork_mark(void)
{
    pthread_once(&once, make_page);
    unsigned current = atomic_load(page);
    while (current == 0) { /* the process's first handle, or the child's */
        unsigned mine = atomic_fetch_add(&generations, 1) + 1;
        if (atomic_compare_exchange_strong(page, &current, mine))
            current = mine;
    }
    return (struct kc_fork_mark){page, current};
}

int kc_fork_error(struct kb_error *err)
{
    return kb_error_set(err, KB_E_FORKED,
                        "this handle was made before fork; make a new one in the child");
}
