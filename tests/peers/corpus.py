# SPDX-License-Identifier: Apache-2.0
"""corpus.h's records, a peer program's command line, and the steps of admin, for clients in Python."""
import sys
from dataclasses import dataclass, field

LARGE_BYTES = 1_000_000
BASE_MS, STEP_MS = 1_700_000_000_000, 10
PATIENCE_S = 60


@dataclass
class Task:
    """What the command line asks for."""
    address: str
    topic: str
    count: int = 100_000
    large: int = 3
    codec: str = "none"
    idempotent: bool = False
    steps: list = field(default_factory=list)
    without: list = field(default_factory=list)

    @property
    def total(self):
        return self.count + self.large

    def record(self, i):
        """(key, value, headers, timestamp in ms) of record i."""
        key = None if i % 10 == 0 else b"" if i % 10 == 1 else b"key-%d" % i
        value = self._large(i) if i >= self.count else self._small(i)
        if key is None and value is None and "null-record" in self.without:
            value = b""
        headers = [("number", b"%d" % i), ("empty", b""), ("null", None)] if i % 5 == 0 else []
        return key, value, headers[:2] if "null-header" in self.without else headers, BASE_MS + STEP_MS * i

    def _large(self, i):
        turn = bytes((at * 31 + i) % 251 for at in range(251))
        return (turn * (LARGE_BYTES // 251 + 1))[:LARGE_BYTES]

    def _small(self, i):
        if i % 17 < 2:
            return b"" if i % 17 else None
        return b"value-%d-" % i + b"x" * (i % 150)

    def records(self):
        return map(self.record, range(self.total))

    def check(self, number, offset, key, value, headers, timestamp):
        """Raises where what was read differs from record `number`."""
        got, want = (offset, key, value, list(headers or []), timestamp), (number, *self.record(number))
        assert got == want, f"record {number}: {str(got)[:200]} instead of {str(want)[:200]}"

    def times(self):
        """What seek asks for: (timestamp, the first record that is not older, None behind the last)."""
        for i in (0, 1, self.count // 2, self.total - 1):
            yield BASE_MS + STEP_MS * i - 3, i
            yield BASE_MS + STEP_MS * i, i
        yield BASE_MS + STEP_MS * (self.total - 1) + 1, None


class Steps:
    """The steps of admin, over what a client's own class provides:

    create_topic(name, partitions, retention_ms), which raises self.Exists; topics() -> {name: partitions, each
    with a leader}; brokers() -> ([address], the controller's); retention(name) -> text; set_retention(name, text);
    set_partitions(name, count); bounds(name) -> (first, end); delete_records(name, before); delete_topic(name).
    """

    def take(self, task):
        self.task, self.made = task, task.topic + "-new"
        for step in task.steps:
            getattr(self, step)()

    def create(self):
        self.create_topic(self.made, 3, "3600000")
        try:
            self.create_topic(self.made, 3, "3600000")
        except self.Exists:
            return
        raise AssertionError("created a second time")

    def describe(self):
        self._expect_partitions(3)

    def cluster(self):
        assert self.brokers() == ([self.task.address], self.task.address), self.brokers()

    def configs(self):
        assert self.retention(self.made) == "3600000", self.retention(self.made)

    def alter(self):
        self.set_retention(self.made, "7200000")
        assert self.retention(self.made) == "7200000", self.retention(self.made)

    def grow(self):
        self.set_partitions(self.made, 5)
        self._expect_partitions(5)

    def offsets(self):
        assert self.bounds(self.task.topic) == (0, self.task.total), self.bounds(self.task.topic)

    def truncate(self):
        self.delete_records(self.task.topic, 10)
        assert self.bounds(self.task.topic) == (10, self.task.total), self.bounds(self.task.topic)

    def delete(self):
        self.delete_topic(self.made)
        assert self.made not in self.topics()

    def _expect_partitions(self, count):
        found = self.topics()
        assert (found.get(self.made), found.get(self.task.topic)) == (count, 1), found


def main(**commands):
    """Runs the command that the command line names, with its task."""
    what, address, topic, *words = sys.argv[1:]
    task = Task(address, topic)
    for word in words:
        name, text = word.split("=", 1)
        kind = type(getattr(task, name))
        setattr(task, name, {int: int, bool: "true".__eq__, str: str, list: lambda all: all.split(",")}[kind](text))
    commands[what](task)
