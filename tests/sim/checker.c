/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/checker.h"

#include "base/check.h"

#include <string.h>

const struct checker checkers[] = {
    {"lost", "what was acknowledged is there", NULL, check_lost},
    {"moved", "and at the offset that was told", NULL, check_moved},
    {"duplicated", "with idempotence nothing is there twice", NULL, check_duplicated},
    {"misordered", "records of a producer stand in the order it sent them", NULL, check_misordered},
    {"denied", "what was told as not written is not there", NULL, check_denied},
    {"untold", "every record that was taken is told of", NULL, check_untold},
    {"twice told", "once", NULL, check_twice_told},
    {"late", "before its time is over", NULL, check_late},
    {"reused", "no producer id is given twice", NULL, check_reused},
    {"gone", "what was served once stays", NULL, check_gone},
    {"changed", "at its offset", NULL, check_changed},
    {"strange", "nothing is read that nobody sent", NULL, check_strange},
    {"gaps", "nor is an offset left out", NULL, check_gaps},
    {"skipped", "who reads from the beginning gets everything", NULL, check_skipped},
    {"reread", "and nothing twice, where nothing fails", NULL, check_reread},
    {"reappeared", "what was deleted does not come back", NULL, check_reappeared},
    {"shared", "no two members hold a partition in one generation", NULL, check_shared},
    {"stale", "nobody commits in a generation that is over", NULL, check_stale},
    {"revoked", "nothing is handed out of what was taken away", NULL, check_revoked},
    {"forgotten", "what a group was told is committed stays, and never goes back", NULL,
     check_forgotten},
    {"torn", "of a transaction all is seen, or nothing", NULL, check_torn},
    {"leaked", "nothing of one that nobody committed", NULL, check_leaked},
    {"withheld", "and everything of one that is committed", NULL, check_withheld},
    {"unlike", "who reads what is committed sees what is there, and it stays", NULL, check_unlike},
    {"held", "what is left open is held back no longer than it may be", NULL, check_held},
    {"uncopied", "of what was to be copied every copy is seen", NULL, check_uncopied},
    {"copied twice", "once", NULL, check_copied_twice},
    {"copied astray", "in the order of the source", NULL, check_copied_astray},
    {"memory", "the heap stays within the budgets", watch_memory, check_memory},
};

const size_t checkers_count = KB_ARRAY_SIZE(checkers);
_Static_assert(KB_ARRAY_SIZE(checkers) <= CHECKERS_MAX, "room in struct run");

size_t checker_at(const char *name)
{
    for (size_t i = 0; i < checkers_count; i++)
        if (!strcmp(checkers[i].name, name))
            return i;
    KB_CHECK(!"a checker of that name");
    return 0;
}
