#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurierd as people meet it: it starts, serves kcat, is killed, and has everything again."""
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import peers
import tap

LINES = b"".join(b"line %d\n" % i for i in range(20_000))
IDLE_RSS_KB = 16 * 1024
kurierd = broker.Broker({"num.partitions": 1})
wide = broker.Broker({"num.partitions": 100})


def kcat(server, *words, text=b""):
    done = subprocess.run([peers.need("kcat"), "-b", server.address, *words], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


def read(server, topic):
    return kcat(server, "-C", "-t", topic, "-o", "beginning", "-e", "-q")


def rss_kb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


@tap.case("what kcat wrote before kill -9 is there after it, and more can be written")
def _():
    kcat(kurierd, "-P", "-t", "kept", "-X", "acks=all", text=LINES)
    assert read(kurierd, "kept") == LINES
    kurierd.restart()
    assert read(kurierd, "kept") == LINES
    kcat(kurierd, "-P", "-t", "kept", "-X", "enable.idempotence=true", text=LINES)
    kurierd.restart()
    assert read(kurierd, "kept") == LINES + LINES


@tap.case("SIGTERM and SIGINT stop it cleanly, and what was there stays")
def _():
    for number in signal.SIGTERM, signal.SIGINT:
        kurierd.signal(number)
        assert kurierd.process.wait(20) == 0
        kurierd.start()
        assert read(kurierd, "kept") == LINES + LINES


@tap.case("a topic deleted before kill -9 does not come back")
def _():
    kcat(kurierd, "-P", "-t", "gone", text=LINES)
    broker_run = [broker.program("kurier"), "topic", "delete", "-b", kurierd.address, "gone"]
    subprocess.run(broker_run, check=True, timeout=60)
    kurierd.restart()
    assert b'"gone"' not in kcat(kurierd, "-L")
    assert not [name for name in os.listdir(kurierd.data) if name.startswith("gone-")]


@tap.case("100 partitions: a small process that starts at once, also after kill -9")
def _():
    kcat(wide, "-P", "-t", "wide", text=LINES)
    assert sorted(read(wide, "wide").split(b"\n")) == sorted(LINES.split(b"\n"))
    for ending in wide.stop, wide.kill:
        ending()
        wide.start()
        print(f"# started in {wide.startup_ms} ms, {rss_kb(wide)} kB")
        assert rss_kb(wide) <= IDLE_RSS_KB
    assert sorted(read(wide, "wide").split(b"\n")) == sorted(LINES.split(b"\n"))


if __name__ == "__main__":
    with kurierd, wide:
        tap.run()
