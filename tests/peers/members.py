# SPDX-License-Identifier: Apache-2.0
"""Members of one group, each a process around another client, and what must hold of them together.

    PROGRAM ADDRESS TOPIC GROUP STRATEGY SESSION_MS

subscribes to TOPIC. STRATEGY is range, cooperative-sticky, or consumer: the protocol in which the broker assigns. It
reads until SIGTERM, commits what it has read when it gives partitions up, and at the end; and says in lines, each
with the time (of the wall, in microseconds) before it:

    assigned [PARTITION]...     it has these, too
    revoked [PARTITION]...      it has given these up, and committed, but not told the broker yet
    lost [PARTITION]...         these were taken away
    read PARTITION OFFSET       a record
    left                        the last thing it says

Whatever else it says is shown, and no matter.
"""
import os
import re
import select
import signal
import subprocess
import time
from collections import Counter, defaultdict

from broker import die_with_parent

PATIENCE_S = 120
ENDS = (0, -signal.SIGKILL, 128 + signal.SIGTERM)  # the last is Java's


def now_us():
    return time.time_ns() // 1000


class Member:
    def __init__(self, kind, command):
        self.kind = kind
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self.rest = b""
        self.held = {}       # by partition: since when
        self.holdings = []   # (partition, from, until) of what it held while it was awake
        self.reads = []      # (partition, offset)
        self.stray = []      # reads of what it did not hold
        self.awake = True    # was never stopped, or has heard of the group since
        self.stopped = False
        self.left = False
        self.ending = False  # what it holds does not matter any more

    def __repr__(self):
        return f"{' by '.join(self.kind)}/{self.process.pid}"

    def fileno(self):
        return self.process.stdout.fileno()

    @property
    def live(self):
        return self.process.returncode is None and not self.stopped

    def hear(self):
        """Takes what it has said; false: that was all."""
        data = os.read(self.fileno(), 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            said = re.match(r"(\d+) (assigned|revoked|lost|read|left)((?: \d+)*) *$", line.decode())
            if said:
                getattr(self, "_" + said[2])(int(said[1]), *said[3].split())
            else:
                print(f"# {self}: {line.decode()}", flush=True)
        return bool(data)

    def _assigned(self, at, *partitions):
        self.awake = not self.ending
        self.held.update((int(p), at) for p in partitions if int(p) not in self.held)

    def _revoked(self, at, *partitions):
        for p in map(int, partitions):
            since = self.held.pop(p, None)
            if since is not None and self.awake:
                self.holdings.append((p, since, at))

    def _lost(self, at, *partitions):
        self._revoked(at, *partitions)

    def _read(self, at, partition, offset):
        self.reads.append((int(partition), int(offset)))
        if int(partition) not in self.held and self.awake:
            self.stray.append((int(partition), int(offset)))

    def _left(self, at):
        self._revoked(at, *self.held)
        self.left = True

    def _sleeps(self, since):
        """It does not run any more. What it said until then counts; from then on others may have what it held."""
        while select.select([self], [], [], 0)[0] and self.hear():
            pass
        self._revoked(since, *list(self.held))
        self.awake = False

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        self.stopped = True
        self._sleeps(now_us())

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._sleeps(now_us())

    def leave(self):
        self.process.send_signal(signal.SIGTERM)

    def ends(self, now):
        """What it holds from now on does not matter."""
        self._revoked(now, *list(self.held))
        self.awake, self.ending = False, True


class Group:
    """The members that there are and were. produced counts the records in the topic."""

    def __init__(self, name, partitions):
        self.name = name
        self.partitions = set(range(partitions))
        self.members = []
        self.produced = 0

    def add(self, kind, command):
        member = Member(kind, command)
        self.members.append(member)
        return member

    def live(self):
        return [m for m in self.members if m.live]

    def hear_until(self, holds, what, patience_s=PATIENCE_S):
        """Takes what members say until holds()."""
        deadline = time.monotonic() + patience_s
        while not holds():
            left = deadline - time.monotonic()
            assert left > 0, f"not in {patience_s} s: {what}\n{self.picture()}"
            talking = [m for m in self.members if m.process.returncode is None]
            for member in select.select(talking, [], [], left)[0]:
                if not member.hear():
                    status = member.process.wait()
                    assert status in ENDS, f"{member} ended with {status}"

    def picture(self):
        return "\n".join(f"{m}{'' if m.live else ' (gone)'}: {sorted(m.held)}" for m in self.members)

    def settled(self):
        held = [p for m in self.live() for p in m.held]
        return sorted(held) == sorted(self.partitions) and all(m.held and m.awake for m in self.live())

    def settle(self, what):
        start = time.monotonic()
        self.hear_until(self.settled, f"{what}: the group settles")
        print(f"# {self.name}: {what}: settled after {time.monotonic() - start:.1f} s", flush=True)

    def counts(self):
        return Counter(read for m in self.members for read in m.reads)

    def read_all(self):
        self.hear_until(lambda: len(self.counts()) >= self.produced, "every record is read")

    def hear_out(self):
        self.hear_until(lambda: all(m.process.returncode is not None for m in self.members), "all members end")

    def end(self):
        """All leave at once. What members hold and read until then counts: who leaves in the middle of a round that
        others' leaving began may have its last commit refused, and some clients tell of what they give up only when
        it is gone."""
        counts, now = self.counts(), now_us()
        for member in self.members:
            member.ends(now)
        for member in self.live():
            member.leave()
        self.hear_out()
        silent = [m for m in self.members if m.process.returncode != -signal.SIGKILL and not m.left]
        assert not silent, f"ended without a word: {silent}"
        return counts

    def kill_all(self):
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()

    # ---- what must hold ----

    def check_nothing_missing(self):
        by_partition = defaultdict(set)
        for partition, offset in self.counts():
            by_partition[partition].add(offset)
        holes = {p: sorted(set(range(max(seen) + 1)) - seen)[:5] for p, seen in by_partition.items()
                 if len(seen) != max(seen) + 1}
        assert not holes, f"not read: {holes}"

    def check_nothing_twice(self, counts=None):
        twice = {read: n for read, n in (counts or self.counts()).items() if n > 1}
        who = [(read, [m for m in self.members if read in m.reads]) for read in list(twice)[:5]]
        assert not twice, f"{len(twice)} records read twice, as {who}"

    def check_nothing_shared(self):
        """No partition was held by two members at a time."""
        held = sorted((p, since, until, m) for m in self.members for p, since, until in m.holdings)
        shared = [(a, b) for a, b in zip(held, held[1:]) if a[0] == b[0] and b[1] < a[2]]
        assert not shared, f"held by two: {shared[:5]}"

    def check_no_strays(self, but=()):
        stray = {m: m.stray[:5] for m in self.members if m.stray and m.kind not in but}
        assert not stray, f"read what they did not hold: {stray}"
