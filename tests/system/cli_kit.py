# SPDX-License-Identifier: Apache-2.0
"""The kurier command in tests: run, its words, its JSON, its terminal."""
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import peers

DEADLINE_S = 60

# What libtool's script would start, after some 40 ms: thousands of runs are made here.
PROGRAM = os.path.join(os.path.dirname(broker.program("kurier")), ".libs", "kurier")
LIBRARIES = os.path.abspath(os.path.join(os.path.dirname(PROGRAM), "..", "..", ".libs"))
if not os.path.exists(PROGRAM):
    PROGRAM = broker.program("kurier")

# Nobody's own configuration is read.
HOME = tempfile.TemporaryDirectory(prefix="kurier-home-")
ENV = {**{k: v for k, v in os.environ.items() if k not in ("KURIER_CONFIG", "NO_COLOR")}, "HOME": HOME.name,
       "TERM": "xterm", "LD_LIBRARY_PATH": LIBRARIES}


def table(text):
    """Rows of a table by its heads."""
    heads, *rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    return [dict(zip(heads, row)) for row in rows]


class Done:
    """How a run ended: status, out and err as text, raw as bytes."""

    def __init__(self, words, process):
        self.words, self.status, self.raw = words, process.returncode, process.stdout
        self.out, self.err = process.stdout.decode(errors="replace"), process.stderr.decode(errors="replace")

    def __repr__(self):
        return f"{' '.join(map(str, self.words))}: {self.status}\n{self.out[-2000:]}\n{self.err[-2000:]}"


def run(*words, text=b"", env=None, program=None):
    command = [program or PROGRAM, *map(str, words)]
    if isinstance(text, str):
        text = text.encode()
    return Done(words, subprocess.run(command, input=text, capture_output=True, timeout=DEADLINE_S,
                                      env={**ENV, **(env or {})}, check=False))


class Cli:
    """kurier over one broker: cli("topic", "list") is what it printed."""

    def __init__(self, kurierd):
        self.kurierd = kurierd

    def address(self, words):
        return () if words[0] in ("log", "meta") or "-b" in words else ("-b", self.kurierd.address)

    def run(self, *words, **more):
        return run(*words, *self.address(words), **more)

    def __call__(self, *words, **more):
        done = self.run(*words, **more)
        assert done.status == 0, done
        return done.out

    def raw(self, *words, **more):
        done = self.run(*words, **more)
        assert done.status == 0, done
        return done.raw

    def fails(self, *words, status=1, **more):
        """What it complained of."""
        done = self.run(*words, **more)
        assert done.status == status and done.err, done
        return done.err

    def json(self, *words, **more):
        return json.loads(self(*words, "-J", **more))

    def lines(self, *words, **more):
        """Of JSON, an object each."""
        return [json.loads(line) for line in self(*words, "-J", **more).splitlines()]

    def read(self, topic, *words, **more):
        return self("consume", "-t", topic, "-e", "-q", *words, **more)

    def start(self, *words, **more):
        return subprocess.Popen([PROGRAM, *words, *self.address(words)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=ENV, **more)

    def kcat(self, *words, **more):
        """It waits for more at the end: not for long."""
        return run(*words, "-b", self.kurierd.address, "-X", "fetch.wait.max.ms=5", program=peers.need("kcat"), **more)


def first_bytes(process):
    assert select.select([process.stdout], [], [], DEADLINE_S)[0], "nothing was printed"
    return os.read(process.stdout.fileno(), 65536)


def end(process):
    """Its status and the rest of what it printed."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err.decode()


class Terminal:
    """A run whose outputs are a terminal: with Terminal([...], stdin=...) as t: t.all()"""

    def __init__(self, words, stdin=subprocess.DEVNULL, stdout=None, env=None):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([PROGRAM, *words], stdin=slave if stdin == "tty" else stdin,
                                        stdout=stdout if stdout is not None else slave, stderr=slave,
                                        env={**ENV, **(env or {})})
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def until(self, wanted=None):
        """What it shows up to these bytes, or to its end."""
        seen, deadline = b"", time.monotonic() + DEADLINE_S
        while wanted is None or wanted not in seen:
            assert select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0], seen
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # its last end was closed
                piece = b""
            if not piece:
                assert wanted is None, seen
                break
            seen += piece
        return seen
