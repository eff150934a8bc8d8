#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo over a small corpus: its promises, its last line, and that nothing is left behind."""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap


@tap.case("the demo loses nothing, doubles nothing, and leaves nothing behind")
def _():
    with tempfile.TemporaryDirectory() as place:
        corpus = os.path.join(place, "corpus")
        os.mkdir(corpus)
        for number in range(20):
            with open(os.path.join(corpus, f"file-{number}"), "w") as out:
                out.writelines(f"{number} {line} {'text ' * (line % 30)}\n" for line in range(5000))
        tmp = os.path.join(place, "tmp")
        os.mkdir(tmp)
        env = {**os.environ, "TMPDIR": tmp, "KURIERD": broker.program("kurierd")}
        done = subprocess.run([broker.program("kurier-demo"), corpus], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        counts = re.search(r"before the kill: (\d+), sent again: (\d+), acknowledged after: (\d+)", done.stdout)
        assert counts and all(int(n) for n in counts.groups()), done.stdout
        assert done.stdout.splitlines()[-1] == "demo: ok, 100000 records, 0 lost, 0 duplicated, in order"
        assert not os.listdir(tmp), os.listdir(tmp)


if __name__ == "__main__":
    tap.run()
