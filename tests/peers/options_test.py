#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""doc/client-configuration.md against librdkafka and Kafka's Java clients themselves: their keys and defaults."""
import fnmatch
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import jvm
import peers
import tap

PAGE = os.path.join(HERE, "..", "..", "doc", "client-configuration.md")
SAME = {("acks", "-1"): "all", ("auto.offset.reset", "largest"): "latest",  # by other words
        ("security.protocol", "plaintext"): "PLAINTEXT",
        ("partition.assignment.strategy", "[class org.apache.kafka.clients.consumer.RangeAssignor, "
         "class org.apache.kafka.clients.consumer.CooperativeStickyAssignor]"): "range, cooperative-sticky"}
# Its table of keys; then those of its defaults that the table hides.
SHOW = """import ctypes
lib = ctypes.CDLL("librdkafka.so.1")
libc = ctypes.CDLL(None)
libc.fdopen.restype = lib.rd_kafka_conf_new.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
lib.rd_kafka_conf_properties_show(out)
libc.fflush(out)
lib.rd_kafka_conf_dump.restype = ctypes.POINTER(ctypes.c_char_p)
count = ctypes.c_size_t()
texts = lib.rd_kafka_conf_dump(ctypes.c_void_p(lib.rd_kafka_conf_new()), ctypes.byref(count))
for i in range(0, count.value, 2):
    print(f"{texts[i].decode()} | | | {texts[i + 1].decode()} |")
"""


class Row:
    """One of ours."""

    def __init__(self, section, cells):
        self.section = section
        self.names = re.findall(r"`([^`]+)`", cells[0])
        self.default, self.librdkafka, self.java, self.why = cells[3], *cells[4:7]

    def told(self, cell):
        """What the page says that it is there; None: no such key."""
        return {"": None, "same": self.default.strip("`"), "unset": ""}.get(cell, cell.strip("`"))


def page():
    """Our rows, and (pattern, known to) of those that are not ours."""
    rows, foreign, section = [], [], ""
    with open(PAGE, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if line.startswith("## "):
                section = line[3:].strip()
            elif line.startswith("| `") and section.startswith("Keys of others"):
                foreign.append((cells[0].strip("`"), cells[1]))
            elif line.startswith("| `"):
                rows.append(Row(section, cells))
    assert len(rows) > 40 and len(foreign) > 50
    return rows, foreign


def of_librdkafka():
    """{key: {default ...}}: some stand twice."""
    said = subprocess.run([sys.executable, "-c", SHOW], stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, "LD_LIBRARY_PATH": peers.librdkafka()}).stdout
    found = {}
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and re.fullmatch(r"[a-z0-9._]+", cells[0]):
            found.setdefault(cells[0], set()).add(SAME.get((cells[0], cells[3]), cells[3]))
    assert len(found) > 100, said
    return found


def of_java():
    found = {}
    for line in jvm.tool("4.3", "Defaults").splitlines():
        handle, key, default = re.fullmatch(r"(\w+) ([^=]+)=(.*)", line).groups()
        if handle != "admin" or key not in found:
            found.setdefault(key, set()).add(SAME.get((key, default), default))
    assert len(found) > 100
    return found


def check_defaults(theirs, cell):
    for row in page()[0]:
        names = [name for name in row.names if name in theirs]
        told = row.told(getattr(row, cell))
        if told is None:
            assert not names, f"the page knows nothing of {names[0]} there"
        else:
            found = set().union(*(theirs[name] for name in names))
            assert told in found, f"{row.names[0]} is {told!r} there, says the page; it is one of {found}"
        assert told in (None, row.default.strip("`")) or row.why, f"{row.names[0]}: why another default?"


def check_covered(theirs, who):
    rows, foreign = page()
    ours = {name for row in rows for name in row.names}
    patterns = [pattern for pattern, known_to in foreign if who in known_to]
    silent = [key for key in theirs
              if key not in ours and not any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)]
    assert not silent, f"not a word of {silent}"
    invented = [pattern for pattern in patterns if not fnmatch.filter(theirs, pattern)]
    assert not invented, f"{who} does not know {invented}"


@tap.case("librdkafka's defaults are those that the page tells")
def librdkafka_defaults():
    check_defaults(of_librdkafka(), "librdkafka")


@tap.case("each key of librdkafka is one of ours, or the page tells what to do instead")
def librdkafka_keys():
    check_covered(of_librdkafka(), "librdkafka")


@tap.case("Java's defaults are those that the page tells")
def java_defaults():
    check_defaults(of_java(), "java")


@tap.case("each key of the Java clients is one of ours, or the page tells what to do instead")
def java_keys():
    check_covered(of_java(), "Java")


if __name__ == "__main__":
    tap.run()
