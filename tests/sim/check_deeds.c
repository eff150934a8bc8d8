/* SPDX-License-Identifier: Apache-2.0 */
/* What became of transactions and of copies, as their books have it. */
#include "tests/sim/run.h"

long check_torn(const struct run *run)
{
    return run->found.torn;
}

long check_leaked(const struct run *run)
{
    return run->found.leaked;
}

long check_withheld(const struct run *run)
{
    return run->found.withheld;
}

long check_unlike(const struct run *run)
{
    return run->found.unlike;
}

long check_held(const struct run *run)
{
    return run->deeds.held;
}

long check_uncopied(const struct run *run)
{
    return run->copied.missing;
}

long check_copied_twice(const struct run *run)
{
    return run->copied.repeated;
}

long check_copied_astray(const struct run *run)
{
    return run->copied.misplaced;
}
