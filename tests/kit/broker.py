# SPDX-License-Identifier: Apache-2.0
"""A kurierd as a child process over a temporary directory, and the paths of our programs.

bin_dir is $KURIER_BIN, or bin/ below the working directory, which the build is.
"""
import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

READY_S = 30
END_S = 20


def program(name):
    return os.path.join(os.environ.get("KURIER_BIN", os.path.abspath("bin")), name)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Broker:
    """with Broker({"log.segment.bytes": 1 << 20}) as broker: ... broker.address ..."""

    def __init__(self, options=None):
        self.options = dict(options or {})
        self.dir = tempfile.mkdtemp(prefix="kurier-")
        self.data = os.path.join(self.dir, "data")
        self.port = 0
        self.stderr = None  # as for Popen: where its log goes
        self.process = None
        self.startup_ms = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        try:
            if self.process:
                assert self.stop() == 0, "kurierd did not end cleanly; its log stands above"
        finally:
            self.kill()
            shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def command(self):
        options = {"listeners": f"PLAINTEXT://{self.address}", "log.dirs": self.data, **self.options}
        words = [program("kurierd")]
        for key, value in options.items():
            words += ["-o", f"{key}={value}"]
        return words

    def start(self):
        """Returns when it serves; on the port that it had before, if any."""
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=self.stderr,
                                        preexec_fn=die_with_parent)
        line = self._ready_line()
        found = re.match(r"kurierd ready node=\d+ listeners=PLAINTEXT://127\.0\.0\.1:(\d+) startup_ms=(\d+)$", line)
        assert found, f"kurierd said {line!r} instead of being ready"
        self.port, self.startup_ms = int(found[1]), int(found[2])

    def _ready_line(self):
        deadline, line = time.monotonic() + READY_S, b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                break
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                break
            line += byte
        return line.decode().rstrip("\n")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL; nothing is flushed."""
        if self.process:
            self.process.kill()
            self._gone()

    def stop(self):
        """SIGTERM; answers the exit status."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_S)
        if self.process.poll() is None:
            self.process.kill()
        return self._gone()

    def _gone(self):
        status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return status

    def restart(self):
        self.kill()
        self.start()
