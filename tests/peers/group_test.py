#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One group whose members are of every client, at kurierd."""
import stories  # and where the kit is

import tap
from broker import Broker
from members import Group

COOPERATIVE = ["libkurier", "librdkafka-2.0", "librdkafka-2.16", "java-3.9", "java-4.3", "franz-go"]
MODERN = ["libkurier", "librdkafka-2.16", "java-4.3", "franz-go"]
# Of each group: who is in it, and by which strategy.
GROUPS = {
    "range": [(kind, "range") for kind in stories.KINDS],
    "cooperative-sticky": [(kind, "cooperative-sticky") for kind in COOPERATIVE],
    "consumer": [(kind, "consumer") for kind in MODERN],
    "both protocols": [("java-3.9", "cooperative-sticky"), ("libkurier", "consumer"), ("libkurier", "cooperative-sticky"),
                       ("java-4.3", "consumer"), ("librdkafka-2.0", "cooperative-sticky")],
}


@tap.case("as a control: what must not be is noticed")
def _():
    def told(*members):
        group = Group("scripted", 1)
        for said in members:
            group.add(("scripted",), ["printf", said + "9 left\\n"])
        group.hear_out()
        return group

    def noticed(check):
        try:
            check()
        except AssertionError:
            return True
        return False

    good = told("1 assigned 0\\n2 read 0 0\\n3 revoked 0\\n", "4 assigned 0\\n5 read 0 1\\n")
    shared = told("1 assigned 0\\n3 read 0 0\\n", "2 assigned 0\\n5 read 0 0\\n6 read 0 2\\n")
    stray = told("1 assigned 0\\n2 revoked 0\\n3 read 0 0\\n")
    seen = [(noticed(g.check_nothing_shared), noticed(g.check_nothing_twice), noticed(g.check_nothing_missing),
             noticed(g.check_no_strays)) for g in (good, shared, stray)]
    assert seen == [(False, False, False, False), (True, True, True, False), (False, False, False, True)], seen


if __name__ == "__main__":
    stories.through(Broker(stories.OPTIONS), GROUPS)
