/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same client and broker with one fault each (base/mutant.h): the simulator
 * has to find every one of them. SIM_SEEDS bounds how long it may look.
 */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/mutant.h"
#include "tests/sim/farm.h"
#include "tests/sim/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mutant {
    const char *name;
    const struct workload *workload;
    const char *found; /* the checker that tells of it */
} mutants[] = {
    {"ack-before-fsync", &workload_idempotent, "lost"},
    {"watermark-from-log-end", &workload_idempotent, "gone"},
    {"no-sequence-check", &workload_idempotent, "duplicated"},
    {"retry-out-of-order", &workload_plain, "misordered"},
    {"torn-batch-kept", &workload_raw, NULL},
    {"last-of-a-key-dropped", &workload_compact, "lost"},
    {"revoked-handed-out", &workload_group, "revoked"},
    {"old-generation-commits", &workload_rawgroup, "stale"},
    {"markers-before-prepare", &workload_txn, "torn"},
    {"no-fencing", &workload_txn, "leaked"},
    {"left-open", &workload_txn, "held"},
    {"no-fencing", &workload_copy, "copied twice"},
    {"offsets-outside", &workload_copy, "uncopied"},
    {"rewind-forgotten", &workload_copy, "uncopied"},
    {"lost-and-committed", &workload_copy, "copied twice"},
};

/* A process is one program at a time; this one is a mutant by turns. */
static const char *now;

bool kb_mutant_is(const char *name)
{
    return now && !strcmp(now, name);
}

static long seeds_max(void)
{
    const char *text = getenv("SIM_SEEDS");
    return text ? strtol(text, NULL, 0) : 1000;
}

static long findings_of(const struct mutant *mutant, const struct tally *tally)
{
    return mutant->found ? tally->findings[checker_at(mutant->found)] : tally->broken;
}

static void is_caught(void **state)
{
    enum { AT_ONCE = 20, FAULTS = 8 };
    const struct mutant *mutant = *state;
    struct run_options options = {.workload = mutant->workload, .faults = FAULTS, .world.seed = 1};
    struct tally tally = {0};
    now = mutant->name;
    while (!findings_of(mutant, &tally) && tally.runs < seeds_max()) {
        farm_run(&options, AT_ONCE, farm_cores(), &tally);
        options.world.seed += AT_ONCE;
    }
    now = NULL;
    print_message("# %s: %ld of %ld seeds of %s find it\n", mutant->name, tally.broken, tally.runs,
                  mutant->workload->name);
    assert_true(findings_of(mutant, &tally) > 0);
}

int main(void)
{
    struct CMUnitTest tests[KB_ARRAY_SIZE(mutants)];
    for (size_t i = 0; i < KB_ARRAY_SIZE(mutants); i++)
        tests[i] = (struct CMUnitTest){.name = mutants[i].name,
                                       .test_func = is_caught,
                                       .initial_state = (void *)(uintptr_t)&mutants[i]};
    return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
