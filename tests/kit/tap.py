# SPDX-License-Identifier: Apache-2.0
"""Tests that speak TAP (the Test Anything Protocol), in the order they stand.

    @case("what a user would notice")
    def _(): assert ...

    if __name__ == "__main__": run()

A case passes by returning, fails by raising, and is skipped by raising Skip.
"""
import sys
import traceback

_cases = []


class Skip(Exception):
    """What is missing for this case."""


def case(name):
    def add(function):
        _cases.append((name, function))
        return function
    return add


def _outcome(function):
    try:
        function()
        return "ok", ""
    except Skip as why:
        return "ok", f" # SKIP {why}"
    except BaseException:  # also a KeyboardInterrupt is a failure, told as such
        for line in traceback.format_exc().splitlines():
            print("#", line)
        return "not ok", ""


def is_picked(name):
    """Arguments pick cases by a part of their name."""
    return not sys.argv[1:] or any(part in name for part in sys.argv[1:])


def run():
    """Runs every case that is picked, and ends the process."""
    picked = [c for c in _cases if is_picked(c[0])]
    print(f"1..{len(picked)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(picked, 1):
        result, note = _outcome(function)
        failed += result != "ok"
        print(f"{result} {number} - {name}{note}", flush=True)
    sys.exit(1 if failed else 0)
