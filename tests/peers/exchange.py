# SPDX-License-Identifier: Apache-2.0
"""The records that exchange.c sends and expects, for clients in Python."""

COUNT = 100_000
LARGE = 3
LARGE_BYTES = 1_000_000
BASE_MS = 1_700_000_000_000

def _large(i):
    turn = [bytes([(at * 31 + i) % 251]) for at in range(251)]
    whole = b"".join(turn)
    return (whole * (LARGE_BYTES // 251 + 1))[:LARGE_BYTES]


def record(i):
    """(key, value, headers, timestamp in ms) of record i."""
    key = None if i % 10 == 0 else b"" if i % 10 == 1 else b"key-%d" % i
    if i >= COUNT:
        value = _large(i)
    elif i % 17 < 2:
        value = None if i % 17 == 0 else b""
    else:
        value = b"value-%d-" % i + b"x" * (i % 150)
    headers = [("number", b"%d" % i), ("empty", b""), ("null", None)] if i % 5 == 0 else []
    return key, value, headers, BASE_MS + i


def records():
    return (record(i) for i in range(COUNT + LARGE))


def check(number, key, value, headers, timestamp):
    """Raises where what was read differs from record `number`."""
    got, want = (key, value, list(headers or []), timestamp), record(number)
    if got != want:
        raise AssertionError(f"record {number}: {str(got)[:200]} instead of {str(want)[:200]}")
