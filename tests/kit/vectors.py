# SPDX-License-Identifier: Apache-2.0
"""Kafka's own classes for every message: what they write, and whether they write again what ours wrote."""
import glob
import os
import re
import subprocess

import peers

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HERE = os.path.join(TOP, "tests", "vectors")
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m"]
PROGRAMS = ["Apis", "Echo", "Messages", "Vectors"]
BY_HAND = ["StickyAssignorUserData"]  # Kafka has no class for it: its assignor writes it field by field
HEADER = re.compile(r"^(?:(api) (\d+) \w+|(record) \w+ (\d+) (\w+)|(data) (\w+)) (\S+) flex", re.M)


def subjects():
    """The schema's files as Vectors.java wants them named, in the order of wire/layout.h."""
    found = []
    for path in glob.glob(os.path.join(TOP, "wire", "schema", "*.*")):
        with open(path, encoding="utf-8") as file:
            api, key, record, number, name, _, data, versions = HEADER.search(file.read()).groups()
        if api:
            found.append((0, int(key), f"api:{key}:{versions}"))
        elif record:
            found.append((1, int(number), f"record:{name}:{versions}"))
        elif data not in BY_HAND:
            found.append((2, 0, f"data:{data}:{versions}"))
    return [words for _, _, words in sorted(found)]


def _path():
    return peers.java("4.3", [os.path.join(HERE, f"{name}.java") for name in PROGRAMS])


def _run(program, *words):
    return subprocess.run([*JAVA, "-cp", _path(), program, *words], stdout=subprocess.PIPE, text=True, check=True,
                          timeout=300).stdout


def of_kafka():
    """What tests/vectors/kafka.txt holds."""
    return _run("Vectors", *subjects())


def apis():
    """{key: (name, (min, max))} of a broker's APIs in Kafka."""
    rows = [line.split() for line in _run("Apis").splitlines()]
    return {int(key): (name, tuple(map(int, versions.split("-")))) for key, name, versions in rows}


def echo(speaker):
    """Pipes what that command writes through Kafka's classes; answers (exit status, what was said)."""
    with subprocess.Popen(speaker, stdout=subprocess.PIPE) as spoken:
        done = subprocess.run([*JAVA, "-cp", _path(), "Echo"], stdin=spoken.stdout, stdout=subprocess.PIPE,
                              text=True, timeout=300)
    assert spoken.returncode == 0, f"{speaker[0]} ended with {spoken.returncode}"
    return done.returncode, done.stdout
