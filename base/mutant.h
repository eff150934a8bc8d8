/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MUTANT_H
#define KB_MUTANT_H
/*
 * Faults on purpose, to see that the tests would find them:
 *
 *     if (!KB_MUTANT("no-sequence-check") && batch->base_sequence != next)
 *
 * Nothing is left of them in what is built; they exist in tests/sim/test_mutants
 * alone, which compiles the files that have some once more with KB_MUTANTS, and
 * turns them on one at a time. To add one: its place in the code, its file in
 * mutant_sources (tests/sim/local.mk), its row in tests/sim/test_mutants.c.
 */
#include <stdbool.h>

#ifdef KB_MUTANTS
bool kb_mutant_is(const char *name);
#define KB_MUTANT(name) kb_mutant_is(name)
#else
#define KB_MUTANT(name) false
#endif

#endif
