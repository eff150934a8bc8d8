/* SPDX-License-Identifier: Apache-2.0 */
/* What became of transactions, as their book has it. */
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
