/* SPDX-License-Identifier: Apache-2.0 */
/* What a group's members were told, as its ledger has it. */
#include "tests/sim/run.h"

long check_shared(const struct run *run)
{
    return run->ledger.shared;
}

long check_stale(const struct run *run)
{
    return run->ledger.stale;
}

long check_revoked(const struct run *run)
{
    return run->ledger.revoked;
}

long check_forgotten(const struct run *run)
{
    return run->ledger.forgotten;
}
