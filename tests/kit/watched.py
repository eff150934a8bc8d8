# SPDX-License-Identifier: Apache-2.0
"""A kurierd whose log, memory and descriptors a test looks at; and one that must refuse to start."""
import os
import re
import subprocess
import threading
import time

import broker

PATIENCE_S = 30


class Watched(broker.Broker):
    """with Watched() as server: ... server.await_line("connection closed .*not served")"""

    def __init__(self, options=None):
        super().__init__(options)
        self.lines = []
        self.news = threading.Condition()

    def start(self):
        ours, self.stderr = os.pipe()
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()
        try:
            super().start()
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.log()}") from None
        finally:
            os.close(self.stderr)

    def _listen(self, descriptor):
        with os.fdopen(descriptor, errors="replace") as log:
            for line in log:
                with self.news:
                    self.lines.append(line.rstrip("\n"))
                    self.news.notify_all()

    def log(self):
        with self.news:
            return "\n".join(self.lines[-20:])

    def mark(self):
        """Where the log stands now, for await_line."""
        with self.news:
            return len(self.lines)

    def await_line(self, pattern, since=0):
        """Waits for a line that the pattern is found in."""
        def there():
            return any(re.search(pattern, line) for line in self.lines[since:])
        with self.news:
            assert self.news.wait_for(there, PATIENCE_S), f"no line has {pattern!r}:\n" + "\n".join(self.lines[-20:])

    def status(self, what):
        """A number of /proc/PID/status."""
        with open(f"/proc/{self.process.pid}/status") as lines:
            return int(re.search(rf"^{what}:\s+(\d+)", lines.read(), re.M)[1])

    def memory_kb(self, what="VmHWM"):
        return self.status(what)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def eventually(holds, patience_s=PATIENCE_S):
    """Asks again and again: for what has no event to wait for."""
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            return False
    return True


def refused(*words, cwd=None):
    """kurierd with these words must end by itself, saying why: its last line."""
    done = subprocess.run([broker.program("kurierd"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=PATIENCE_S, cwd=cwd, preexec_fn=broker.die_with_parent)
    assert done.returncode == 1, f"status {done.returncode}: {done.stderr}"
    assert not done.stdout, f"not expected: {done.stdout}"
    assert done.stderr.splitlines()[-1].startswith("kurierd: "), done.stderr
    return done.stderr.splitlines()[-1]


def options(**values):
    """-o words, on a free port."""
    values.setdefault("listeners", "PLAINTEXT://127.0.0.1:0")
    return [word for key, value in values.items() for word in ("-o", f"{key.replace('_', '.')}={value}")]
