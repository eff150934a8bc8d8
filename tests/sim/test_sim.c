/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every workload over some seeds, on all cores; the seeds that broke a promise
 * once; the controls. A seed that breaks one is named and can be looked at with
 * ./dev sim --workload W --seed N --trace. SIM_SEED moves the first seed,
 * SIM_SEEDS the number of them per workload.
 */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "tests/sim/farm.h"
#include "tests/sim/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SEEDS = 20 };
#else
enum { SEEDS = 200 };
#endif
enum { FAULTS = 8 };

static struct tally all; /* of every workload's first seeds */

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 0) : otherwise;
}

static struct run_options options_of(const struct workload *workload)
{
    return (struct run_options){
        .workload = workload, .faults = FAULTS, .world.seed = (uint64_t)number("SIM_SEED", 1)};
}

/* ---- Promises ----------------------------------------------------------- */

static void promises_are_kept(void **state)
{
    const struct workload *workload = *state;
    struct run_options options = options_of(workload);
    struct tally t = {0};
    char text[1000];
    farm_run(&options, number("SIM_SEEDS", SEEDS), farm_cores(), &t);
    print_message("# %s: %ld seeds, %ld of %ld records acknowledged, %s\n", workload->name, t.runs,
                  t.acked, t.records, tally_text(&t, text, sizeof text));
    tally_merge(&all, &t);
    assert_int_equal(t.broken, 0);
    assert_true(t.acked >= t.runs * RUN_RECORDS_MIN);
}

/* The controls: the same checkers must see what these two lose; of workloads in
 * which brokers die. */
static void lies_are_found_out(void **state)
{
    enum { A_FEW = 5 };
    struct run_options lying = options_of(*state), relaxed = lying;
    struct tally t = {0}, u = {0};
    lying.world.lying_disk = relaxed.world.relaxed = true;
    run_many(&lying, A_FEW, NULL, &t);
    run_many(&relaxed, A_FEW, NULL, &u);
    assert_true(t.broken > 0 && u.broken > 0);
}

static void a_seed_repeats_itself(void **state)
{
    enum { A_FEW = 3 };
    struct run_options options = options_of(*state);
    struct tally t = {0}, u = {0};
    run_many(&options, A_FEW, NULL, &t);
    run_many(&options, A_FEW, NULL, &u);
    assert_true(t.digest == u.digest);
}

/* What a simulation is for has to happen in it. */
static void everything_goes_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < RUN_COUNTS; i++)
        if (!all.counts[i])
            fail_msg("no %s", run_count_names[i]);
}

/* ---- Seeds that broke a promise once ------------------------------------ */

/* Lines of seeds.txt: workload, seed, faults; what follows "#" tells what it was. */
static void replay(const char *line, struct tally *tally)
{
    char name[40];
    struct run_options options = {0};
    if (line[0] == '#' || line[0] == '\n')
        return;
    if (sscanf(line, "%39s %" SCNu64 " %d", name, &options.world.seed, &options.faults) != 3)
        fail_msg("seeds.txt: %s", line);
    options.workload = workload_find(name);
    assert_non_null(options.workload);
    run_many(&options, 1, stdout, tally);
}

static void what_broke_once_holds(void **state)
{
    const char *top = getenv("top_srcdir");
    struct tally t = {0};
    char path[4096], line[200];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/sim/seeds.txt", top ? top : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        replay(line, &t);
    fclose(file);
    assert_true(t.runs > 0);
    assert_int_equal(t.broken, 0);
}

/* ---- One case of each kind for each workload ---------------------------- */

static const struct kind {
    const char *name;
    CMUnitTestFunction run;
} kinds[] = {
    {"promises are kept", promises_are_kept},
    {"lies are found out", lies_are_found_out},
    {"a seed repeats itself", a_seed_repeats_itself},
};

enum { CASES_MAX = 64, NAME_MAX_BYTES = 80 };

static size_t add_cases(struct CMUnitTest *tests, char (*names)[NAME_MAX_BYTES])
{
    size_t count = 0;
    for (size_t i = 0; i < workloads_count; i++)
        for (size_t k = 0; k < KB_ARRAY_SIZE(kinds); k++) {
            if (kinds[k].run == lies_are_found_out && workloads[i]->only_fault)
                continue;
            snprintf(names[count], NAME_MAX_BYTES, "%s: %s", workloads[i]->name, kinds[k].name);
            tests[count] = (struct CMUnitTest){.name = names[count],
                                               .test_func = kinds[k].run,
                                               .initial_state = (void *)(uintptr_t)workloads[i]};
            count++;
        }
    return count;
}

int main(void)
{
    static char names[CASES_MAX][NAME_MAX_BYTES];
    static struct CMUnitTest tests[CASES_MAX];
    size_t count = add_cases(tests, names);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(everything_goes_wrong);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(what_broke_once_holds);
    KB_CHECK(count <= CASES_MAX);
    return _cmocka_run_group_tests("sim", tests, count, NULL, NULL);
}
