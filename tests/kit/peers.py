# SPDX-License-Identifier: Apache-2.0
"""Foreign clients, tools and brokers, installed once outside the tree.

They stand in $KURIER_PEERS, by default ~/.cache/kurier/peers. What cannot be
installed because a toolchain is missing is a named skip, and on CI a failure.
"""
import fcntl
import os
import shutil
import subprocess
import sys

from tap import Skip

ROOT = os.environ.get("KURIER_PEERS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kurier", "peers")
PYTHON_PACKAGES = ["confluent-kafka==2.16.1"]
KAFKA = {"4.3": "4.3.0", "3.9": "3.9.2"}
KAFKA_ARTIFACTS = ["org.apache.kafka:kafka_2.13", "org.apache.kafka:kafka-tools"]
LOG4J = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


def need(tool):
    """The path of a program, or a skip that names it."""
    path = shutil.which(tool)
    if not path:
        raise Skip(f"{tool} is not installed")
    return path


def _once(name, install):
    """The folder of that name, filled by install(folder) unless it was before."""
    folder = os.path.join(ROOT, name)
    os.makedirs(ROOT, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, ".complete")):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            install(folder)
            open(os.path.join(folder, ".complete"), "w").close()
    return folder


def _run(words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{done.stdout[-2000:]}")


def python():
    """A Python that has the foreign clients of PyPI."""
    def install(folder):
        _run([sys.executable, "-m", "venv", folder])
        _run([os.path.join(folder, "bin", "pip"), "install", "-q", *PYTHON_PACKAGES])
    name = "python-" + "-".join(p.replace("==", "-") for p in PYTHON_PACKAGES)
    return os.path.join(_once(name, install), "bin", "python")


def kafka(version):
    """The folder of Apache Kafka's jars."""
    need("java")
    mvn = need("mvn")

    def install(folder):
        full = KAFKA[version]
        wanted = [f"{a}:{full}" for a in KAFKA_ARTIFACTS] + ([LOG4J] if version[0] == "4" else [])
        rows = "".join("<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
                       .format(*a.split(":")) for a in wanted)
        with open(os.path.join(folder, "pom.xml"), "w") as pom:
            pom.write("<project><modelVersion>4.0.0</modelVersion><groupId>kurier</groupId>"
                      "<artifactId>peers</artifactId><version>1</version><packaging>pom</packaging>"
                      f"<dependencies>{rows}</dependencies></project>")
        _run([mvn, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"], cwd=folder)
    return _once(f"kafka-{KAFKA[version]}", install)
