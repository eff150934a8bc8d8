#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rsyslog ships a log through kurierd, which is killed on the way: every line arrives once, in order."""
import contextlib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import peers
import tap

LINES = 100_000
PATIENCE_S = 120
CONFIG = """\
global(workDirectory="{dir}")
main_queue(queue.workerThreads="1") # a second one, which comes with a long queue, overtakes the first
module(load="imfile")
module(load="omkafka")
template(name="line" type="string" string="%msg%")
input(type="imfile" file="{dir}/shipped.log" tag="shipped" ruleset="ship")
ruleset(name="ship") {{
    # By its default rsyslog gives up, and drops lines for 30 s, where a broker that died is not back in a second.
    action(type="omkafka" broker=["{address}"] topic="{topic}" template="line" resubmitOnFailure="on"
           action.resumeRetryCount="-1" action.resumeInterval="1" keepFailedMessages="on" failedMsgFile="{dir}/failed"
           confParam=["compression.codec={codec}", "enable.idempotence=true", "reconnect.backoff.max.ms=100"])
}}
"""

kurierd = broker.Broker({"num.partitions": 1})


def line(i):
    return b"line %d: %s" % (i, b"word " * (i % 12))


@contextlib.contextmanager
def rsyslog(topic, codec):
    """Yields the log that it ships, open for writing."""
    program = peers.need("rsyslogd")
    create(topic)
    with tempfile.TemporaryDirectory(prefix="kurier-rsyslog-") as folder:
        config = os.path.join(folder, "rsyslog.conf")
        with open(config, "w") as out:
            out.write(CONFIG.format(dir=folder, address=kurierd.address, topic=topic, codec=codec))
        with open(os.path.join(folder, "shipped.log"), "wb") as log:
            daemon = subprocess.Popen([program, "-n", "-i", os.path.join(folder, "pid"), "-f", config],
                                      stdout=sys.stderr, preexec_fn=broker.die_with_parent)
            try:
                yield log
                daemon.terminate()
                assert daemon.wait(PATIENCE_S) == 0
            finally:
                daemon.kill()
                daemon.wait()


def create(topic):
    """Before rsyslog does: who reads a topic that is not there waits only a few seconds."""
    subprocess.run([broker.program("kurier"), "topic", "create", topic, "-b", kurierd.address, "-p", "1"],
                   stdout=sys.stderr, check=True, timeout=PATIENCE_S)


def write(log, first, end):
    log.writelines(line(i) + b"\n" for i in range(first, end))
    log.flush()


def read(topic, *words):
    done = subprocess.run([broker.program("kurier"), "consume", "-b", kurierd.address, "-t", topic, "-p", "0",
                           "-o", "beginning", "-q", *words], stdout=subprocess.PIPE, timeout=PATIENCE_S)
    assert done.returncode == 0, f"kurier consume ended with {done.returncode}"
    return done.stdout.splitlines()


def check_all(topic):
    got = read(topic, "-e")
    assert len(got) == LINES, f"{len(got)} lines, {len(set(got))} different ones"
    wrong = [i for i in range(LINES) if got[i] != line(i)]
    assert not wrong, f"line {wrong[0]} is {got[wrong[0]]}"


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    @tap.case(f"omkafka ships 100,000 lines, {codec}")
    def _(codec=codec):
        with rsyslog(f"logs-{codec}", codec) as log:
            write(log, 0, LINES)
            read(f"logs-{codec}", "-c", str(LINES))
        check_all(f"logs-{codec}")


@tap.case("omkafka ships 100,000 lines, and kurierd is killed ten times on the way")
def _():
    with rsyslog("logs-killed", "lz4") as log:
        for first in range(0, LINES, LINES // 10):
            write(log, first, first + LINES // 10)
            read("logs-killed", "-c", str(first + 1))
            kurierd.restart()
        read("logs-killed", "-c", str(LINES))
    check_all("logs-killed")


if __name__ == "__main__":
    with kurierd:
        tap.run()
