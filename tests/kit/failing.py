# SPDX-License-Identifier: Apache-2.0
"""A kurierd whose writes fail on demand. What a coordinator cannot write costs it all that it knows: it answers
NOT_COORDINATOR and is loaded anew from its log, while kurierd lives on.

    with Failing() as server:
        server.fail("eio", TRANSACTIONS)
        ...
        assert eventually(server.has_failed)
"""
import os

import watched

SHIM = os.path.abspath("tests/kit/.libs/libfaults.so")
WAYS = ["eio", "enospc", "full"]  # of faults.c: those that a write may not survive
TRANSACTIONS, GROUPS = "*/__transaction_state-*.log", "*/__consumer_offsets-*.log"
RELOADED = "what was decided could not be written; loading again"


class Failing(watched.Watched):
    def command(self):
        self.order = os.path.join(self.dir, "order")
        return ["env", f"LD_PRELOAD={SHIM}", f"KURIER_FAULT=ordered {self.order}", *super().command()]

    def fail(self, how, pattern):
        """The next write to such a file; the order before has been carried out."""
        os.symlink(f"{how} {pattern}", self.order)

    def has_failed(self):
        return not os.path.lexists(self.order)

    def reloads(self):
        """How many coordinators were discarded and loaded anew."""
        with self.news:
            return sum(RELOADED in line for line in self.lines)
