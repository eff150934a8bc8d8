/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H
/*
 * What every unit test includes: cmocka with the headers that it wants first,
 * and a way to let allocations fail. One group per program, since TAP knows
 * one plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

struct unit_failure {
    long nth, seen;
};

static inline int unit_failure_hook(void *ctx, size_t size)
{
    struct unit_failure *failure = ctx;
    (void)size;
    return failure->seen++ != failure->nth;
}

/*
 * Calls run() with the first allocation failing, then with the second, and so
 * on, until one run asked for no more: that one had all it wanted. Answers how
 * many allocations it takes. Leaks and crashes are the sanitizers' to find.
 */
static inline long unit_each_failure(void (*run)(void *ctx), void *ctx)
{
    struct unit_failure failure = {.nth = -1};
    do {
        failure.nth++;
        failure.seen = 0;
        kb_mem_set_hook(unit_failure_hook, &failure);
        run(ctx);
        kb_mem_set_hook(NULL, NULL);
    } while (failure.seen > failure.nth);
    return failure.nth;
}

#endif
