#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One system call of kurierd fails, while clients work: nothing acknowledged is lost, and nobody waits in vain.

Each request is answered or its connection ends; the broker goes on, or ends with a line that says why. A start
without faults then finds all that was acknowledged. Faulted in turn are the calls on files and sockets, from the
first on; $CALLS says how many of them, $JOBS how many runs there are at once. A run that swallows a write must be
found out.
"""
import concurrent.futures
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire

CALLS = int(os.environ.get("CALLS", 0))  # 0: a sample
JOBS = int(os.environ.get("JOBS", os.cpu_count()))
SHIM = os.path.abspath("tests/kit/.libs/libfaults.so")
ALL_CALLS = 2000
SAMPLED = 10  # of each kind
PATIENCE_S = 20
HASTE_S = 3  # of a run that must be found out
PARTITIONS = 2
OFFSET_OUT_OF_RANGE = 1
VALUE_BYTES = 1500
BATCHES = 230  # for each partition
OPTIONS = {"log.roll.ms": 40, "log.index.interval.bytes": 2000, "offsets.topic.num.partitions": 1,
           "log.segment.delete.delay.ms": 20}


def value(partition, number):
    return b"%d/%06d/" % (partition, number) + bytes(VALUE_BYTES)


BATCH = [[wire.batch([value(p, n)]) for n in range(BATCHES)] for p in range(PARTITIONS)]


class Hung(Exception):
    """A request without an answer, on a connection that stays open."""


class Faulty(broker.Broker):
    """A broker of which one call fails; fault None: none does."""

    def __init__(self, data, fault, patience_s=PATIENCE_S):
        super().__init__(OPTIONS)
        shutil.rmtree(self.dir)
        self.data, self.fault, self.patience_s = data, fault, patience_s
        self.log = tempfile.TemporaryFile("w+")
        self.stderr = self.log

    def command(self):
        return ["env", f"LD_PRELOAD={SHIM}", f"KURIER_FAULT={self.fault}", *super().command()]

    def told(self):
        self.log.seek(0)
        return self.log.read()

    def try_start(self):
        """False: it ended, and said why."""
        with contextlib.suppress(AssertionError):
            self.start()
            return True
        self.must_have_ended()
        return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def must_have_ended(self):
        """By itself, with a word."""
        try:
            status = self.process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError("it neither serves nor ends") from None
        says_why = re.search(r"^kurierd: | error broker the disk failed reason=", self.told(), re.M)
        assert status == 1 and says_why, f"it ended with status {status}: {self.told()}"

    def end(self, hard):
        """kill -9, or a stop that may fail with a word."""
        if not self.is_running():
            self.must_have_ended()
        elif hard:
            self.process.kill()
        else:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.patience_s)
            assert self.process.poll() in (0, 1), f"SIGTERM ends it with status {self.process.poll()}"


class Client:
    """Asks on, over new connections if need be, as long as the broker lives."""

    def __init__(self, server):
        self.server, self.connection = server, None

    def ask(self, function, *arguments):
        """What the function makes of the answer; None: the connection ended, or there was none."""
        try:
            if not self.connection:
                self.connection = wire.Connection(self.server.port, self.server.patience_s)
            answer = function(self.connection, *arguments)
        except TimeoutError:
            raise Hung(f"{function.__name__}{arguments[:1]} is neither answered nor ended") from None
        except (ConnectionError, AttributeError):
            answer = None  # ended in the middle
        except AssertionError as refused:
            return str(refused)
        if answer is None:
            self.close()
        return answer

    def close(self):
        if self.connection:
            self.connection.socket.close()
        self.connection = None


class Run:
    def __init__(self, fault, hard, patience_s=PATIENCE_S):
        self.dir = tempfile.mkdtemp(prefix="kurier-faults-")
        self.fault, self.hard, self.patience_s = fault, hard, patience_s
        self.acknowledged = [{} for _ in range(PARTITIONS)]  # number -> offset
        self.made, self.dropped = set(), set()  # topics
        self.asked_start = 0
        self.told = ""

    # ---- What is done ----

    def work(self, client, server):
        for number in range(BATCHES):
            for partition in range(PARTITIONS):
                answer = client.ask(wire.produce, "t", BATCH[partition][number], partition)
                if isinstance(answer, tuple) and answer[0] == 0:
                    self.acknowledged[partition][number] = answer[1]
            if number % 5 == 0:
                client.ask(wire.fetch, "t", max(0, number - 3), number % PARTITIONS)
            if number % 12 == 11:
                self.administer(client, number // 12)
            if not client.connection and not server.is_running():
                server.must_have_ended()
                return

    def administer(self, client, turn):
        name = f"more-{turn}"
        if turn % 4 == 0 and client.ask(create, name) is True:
            self.made.add(name)
        if turn % 4 == 1:
            client.ask(wire.alter_config, wire.TOPIC, "t", "retention.ms", 10_000_000 + turn)
        if turn % 4 == 2:
            client.ask(delete_records, "t", 0, turn)
            self.asked_start = turn
        if turn % 4 == 3:
            gone = f"more-{turn - 3}"
            self.made.discard(gone)
            if client.ask(delete_topic, gone) == 0:
                self.dropped.add(gone)

    # ---- What is found ----

    def check(self, client):
        topics = wire.topics(client)
        assert self.made <= set(topics), f"topics lost: {self.made - set(topics)}"
        assert not self.dropped & set(topics), f"topics are back: {self.dropped & set(topics)}"
        for partition in range(PARTITIONS if "t" in topics else 0):
            self.check_partition(partition, self.read(client, partition))

    def read(self, client, partition):
        """{offset: value} of all that is there. How much DeleteRecords took is known if all went well."""
        found, at, end = {}, 0, 1
        while at < end:
            code, end, records = wire.fetch(client, "t", at, partition)
            if code == OFFSET_OUT_OF_RANGE and not found and at < self.asked_start:
                at, end = at + 1, at + 2
                continue
            assert not code and (records or at == end), f"fetch at {at} of {end} answers {code}"
            found.update(singles(records))
            at = max(found, default=at - 1) + 1
        return found

    def check_partition(self, partition, found):
        start = self.asked_start if partition == 0 else 0
        for number, offset in self.acknowledged[partition].items():
            assert offset < start or found.get(offset) == value(partition, number), \
                f"acknowledged {partition}/{number} at {offset}: there is {found.get(offset, b'nothing')[:16]}"
        values = [found[offset] for offset in sorted(found)]
        numbers = [number for number in range(BATCHES) if value(partition, number) in values]
        assert values == [value(partition, number) for number in numbers], \
            f"in {partition} twice, out of order or never sent: {[data[:16] for data in values]}"

    def run(self):
        """Raises what broke."""
        data = os.path.join(self.dir, "data")
        faulty = Faulty(data, self.fault, self.patience_s)
        try:
            if faulty.try_start():
                client = Client(faulty)
                self.made = {"t"} if any(client.ask(create, "t", PARTITIONS) is True for _ in range(3)) else set()
                self.work(client, faulty)
                client.close()
                faulty.end(self.hard)
            faulty.kill()
            self.find(Faulty(data, "none"))
        finally:
            faulty.kill()
            self.told = faulty.told()
            shutil.rmtree(self.dir, ignore_errors=True)

    def find(self, sound):
        try:
            sound.start()
            with wire.Connection(sound.port) as connection:
                self.check(connection)
        except AssertionError as why:
            raise AssertionError(f"{why}\n{sound.told()}") from None
        finally:
            sound.kill()


def create(connection, topic, partitions=1):
    wire.create_topic(connection, topic, partitions)
    return True


def delete_records(connection, topic, partition, offset):
    body = wire.struct.pack(">i", 1) + wire.text(topic) + wire.struct.pack(">iiqi", 1, partition, offset, 10000)
    answer = connection.ask(21, 1, body)
    answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i"), answer.number("q")
    return answer.number("h")


def delete_topic(connection, topic):
    answer = connection.ask(20, 1, wire.struct.pack(">i", 1) + wire.text(topic) + wire.struct.pack(">i", 10000))
    answer.number("i"), answer.number("i"), answer.text()
    return answer.number("h")


def singles(records):
    """(offset, value) of batches of one record each."""
    while len(records) >= 61:
        offset, size = wire.struct.unpack(">qi", records[:12])
        if 12 + size > len(records):
            return
        yield offset, next(wire.values_of(records[:12 + size]), b"")
        records = records[12 + size:]


# ---- Many of them ----

def try_run(fault, hard, patience_s=PATIENCE_S):
    """(fault, what broke or None, what was faulted)"""
    run, broken = Run(fault, hard, patience_s), None
    try:
        run.run()
    except (AssertionError, Hung) as why:
        broken = str(why) or repr(why)
    faulted = re.search(r"^fault: .*", run.told, re.M)
    return fault, broken, faulted[0] if faulted else ""


def try_all(faults, patience_s=PATIENCE_S):
    with concurrent.futures.ProcessPoolExecutor(JOBS) as pool:
        runs = [pool.submit(try_run, fault, number % 2 == 0, patience_s) for number, fault in enumerate(faults)]
        return [run.result() for run in runs]


def positions(shift):
    """A sample is taken from the start above all, where calls differ most."""
    if CALLS:
        return range(CALLS)
    early, late = range(shift, 80, 2 * 80 // SAMPLED), range(80 + 20 * shift, ALL_CALLS, 2 * ALL_CALLS // SAMPLED)
    return [*early, *late]


def expect_nothing(kind, shift):
    results = try_all([f"{kind} {at}" for at in positions(shift)])
    broken = [(fault, what, why) for fault, why, what in results if why]
    for fault, what, why in broken:
        print(f"# {fault}: {what}")
        for line in why.splitlines():
            print(f"#     {line}")
    print(f"# {len(results)} runs, {sum(1 for r in results if r[2])} faults, {len(broken)} broken")
    assert not broken


@tap.case("there are enough calls")
def _():
    run = Run("none", False)
    run.run()
    calls = int(re.search(r"fault: (\d+) calls", run.told)[1])
    print(f"# {calls} calls")
    assert calls >= max(CALLS, ALL_CALLS)


for number, (kind, words) in enumerate({
        "eio": "EIO", "enospc": "ENOSPC", "short": "a short write",
        "full": "a short write, and then no room", "dead": "EIO from then on"}.items()):
    tap.case(f"{words}: nothing acknowledged is lost, nobody waits in vain")(
        lambda kind=kind, number=number: expect_nothing(kind, number))


@tap.case("writes that are swallowed are found out")
def _():
    results = try_all([f"swallow {at}" for at in range(600, 606)], HASTE_S)
    why = " ".join(broken for _, broken, _ in results if broken)
    assert "neither answered nor ended" in why and ("acknowledged" in why or "checksum" in why), why


if __name__ == "__main__":
    tap.run()
