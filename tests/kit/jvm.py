# SPDX-License-Identifier: Apache-2.0
"""A JVM with one version of Apache Kafka, in which Java programs run one after another: Kafka's command line tools,
and ours of tests/peers/java. Host.java is its other end."""
import functools
import glob
import os
import struct
import subprocess

import peers
from broker import die_with_parent
from peers import JAVA

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers", "java")
STUCK = -2  # of Host.java


def log_options(version):
    return [f"-Dlog4j.configuration=file:{SOURCES}/log4j.properties"] if version[0] == "3" else []


class Jvm:
    def __init__(self, version):
        self.path = peers.java(version, sorted(glob.glob(os.path.join(SOURCES, "*.java"))))
        self.options = log_options(version)
        self.process = None

    def _start(self):
        self.process = subprocess.Popen([*JAVA, "-Xmx256m", *self.options, "-cp", self.path, "Host"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)

    def _read(self, count):
        data = self.process.stdout.read(count)
        assert len(data) == count, "the JVM ended"
        return data

    def run(self, program, *words, stdin=b"", patience_s=120):
        """Answers (exit status, what it said). Of a tool of Kafka's the class will do, without its package."""
        if not self.process:
            self._start()
        packed = [word.encode() for word in (program, *map(str, words))]
        send = struct.pack(">ii", int(patience_s * 1000), len(packed))
        send += b"".join(struct.pack(">H", len(word)) + word for word in packed)
        self.process.stdin.write(send + struct.pack(">i", len(stdin)) + stdin)
        self.process.stdin.flush()
        status, size = struct.unpack(">ii", self._read(8))
        text = self._read(size).decode(errors="replace")
        if status == STUCK:
            self.process.wait()
            self.process = None
        return status, text


@functools.cache
def jvm(version):
    """The one of this test program."""
    return Jvm(version)


def tool(version, program, *words, **more):
    """Runs one to its end, which must be a good one; answers what it said."""
    status, said = jvm(version).run(program, *words, **more)
    assert status == 0, f"{program} failed:\n{said[-3000:]}"
    return said


def alone(version, program, *words, **more):
    """The same in a JVM of its own, for tools that do part of their work when their JVM ends."""
    done = subprocess.run([*JAVA, "-cp", jvm(version).path, program, *map(str, words)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, **more)
    assert done.returncode == 0, f"{program} failed:\n{done.stdout[-3000:]}"
    return done.stdout
