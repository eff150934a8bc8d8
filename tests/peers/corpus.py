# SPDX-License-Identifier: Apache-2.0
"""corpus.h's records, and a peer program's command line, for clients in Python."""
import sys
from types import SimpleNamespace

LARGE_BYTES = 1_000_000
BASE_MS, STEP_MS = 1_700_000_000_000, 10
PATIENCE_S = 60


def words(texts):
    """count, large, codec, idempotent (a bool), steps (a list)."""
    given = {"count": "100000", "large": "3", "codec": "none", "idempotent": "false", "steps": ""}
    given.update(text.split("=", 1) for text in texts)
    return SimpleNamespace(count=int(given["count"]), large=int(given["large"]), codec=given["codec"],
                           idempotent=given["idempotent"] == "true", steps=given["steps"].split(","))


def _large(i):
    turn = bytes((at * 31 + i) % 251 for at in range(251))
    return (turn * (LARGE_BYTES // 251 + 1))[:LARGE_BYTES]


def record(i, count):
    """(key, value, headers, timestamp in ms) of record i."""
    key = None if i % 10 == 0 else b"" if i % 10 == 1 else b"key-%d" % i
    if i >= count:
        value = _large(i)
    elif i % 17 < 2:
        value = None if i % 17 == 0 else b""
    else:
        value = b"value-%d-" % i + b"x" * (i % 150)
    headers = [("number", b"%d" % i), ("empty", b""), ("null", None)] if i % 5 == 0 else []
    return key, value, headers, BASE_MS + STEP_MS * i


def records(words):
    return (record(i, words.count) for i in range(words.count + words.large))


def check(number, words, offset, key, value, headers, timestamp):
    """Raises where what was read differs from record `number`."""
    got, want = (offset, key, value, list(headers or []), timestamp), (number, *record(number, words.count))
    if got != want:
        raise AssertionError(f"record {number}: {str(got)[:200]} instead of {str(want)[:200]}")


def times(words):
    """What seek asks for: (timestamp, the offset of the first record that is not older, None behind the last)."""
    last = words.count + words.large - 1
    for i in (0, 1, words.count // 2, last):
        yield BASE_MS + STEP_MS * i - 3, i
        yield BASE_MS + STEP_MS * i, i
    yield BASE_MS + STEP_MS * last + 1, None


def main(**commands):
    """Runs the command that the command line names, with (address, topic, words)."""
    what, address, topic, *texts = sys.argv[1:]
    commands[what](address, topic, words(texts))
