#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the broker's table says a request must be allowed to do, held against what the schema says it names: each kind
of thing in a request has a need of its own, or the request needs the cluster as a whole."""
import os
import pathlib
import re
import sys

TOP = pathlib.Path(os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")))
sys.path[:0] = [str(TOP / "tests" / "kit")]

import tap

RESOURCES = {"@transaction": "TXN", "@group": "GROUP", "@topic": "TOPIC"}
ROW = re.compile(r"\{KW_API_(\w+), [^{]*\{((?:\{\w+, \w+\}(?:, )?)+)\}")
table = {name: re.findall(r"KD_ON_(\w+)", needs)
         for name, needs in ROW.findall((TOP / "broker/api/table.c").read_text())}


def schemas():
    """(the name as the table has it, what its request is made of)"""
    for path in sorted((TOP / "wire/schema").glob("*.api")):
        text = path.read_text()
        yield path.stem.upper(), text[text.index("\nreq"):text.index("\nresp")]


@tap.case("a request that names a transaction, a group or a topic needs that it may, or needs the cluster")
def _():
    seen = 0
    for name, request in schemas():
        needs = table.get(name, ["CLUSTER"])
        seen += name in table
        for tag, resource in RESOURCES.items():
            assert tag not in request or resource in needs or "CLUSTER" in needs, (name, tag, needs)
    assert seen == len(table) > 40, (seen, len(table))


@tap.case("what speaks of a transaction and of a group needs both")
def _():
    assert table["ADD_OFFSETS_TO_TXN"] == ["TXN", "GROUP"]
    assert table["TXN_OFFSET_COMMIT"] == ["TXN", "GROUP", "TOPIC"]


tap.run()
