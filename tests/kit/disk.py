# SPDX-License-Identifier: Apache-2.0
"""A small filesystem of one's own, where that is allowed."""
import contextlib
import subprocess
import tempfile

from tap import Skip


@contextlib.contextmanager
def mounted(options):
    """The path of a fresh tmpfs; a skip for whoever may not mount."""
    with tempfile.TemporaryDirectory(prefix="kurier-disk-") as path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "kurier", path],
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Skip(f"no filesystem can be mounted here: {done.stderr.strip()}")
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", path], check=True)
