# SPDX-License-Identifier: Apache-2.0
"""Foreign clients, tools and brokers, installed once outside the tree.

They stand in $KURIER_PEERS, by default ~/.cache/kurier/peers. What cannot be
installed because a toolchain is missing is a named skip, and on CI a failure.
"""
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

from tap import Skip

ROOT = os.environ.get("KURIER_PEERS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kurier", "peers")
INSTALL_S = 400
CODECS = ["lz4==4.4.5", "python-snappy==0.7.3", "cramjam==2.14.0", "zstandard==0.25.0"]
PYTHON = {"today": ["confluent-kafka==2.16.1", "kafka-python==3.0.12", "aiokafka==0.14.0", *CODECS],
          "2020": ["kafka-python==2.0.2", *CODECS]}
NODE = ["kafkajs@2.2.4"]
GO = ["go", "build", "-gcflags=all=-N -l", "-ldflags=-s -w"]  # built in two thirds of the time
_failed = {}
KAFKA = {"4.3": "4.3.0", "3.9": "3.9.2"}
KAFKA_ARTIFACTS = ["org.apache.kafka:kafka_2.13", "org.apache.kafka:kafka-tools"]
CONNECT_FILE = "org.apache.kafka:connect-file"
STREAMS = "org.apache.kafka:kafka-streams"
JAVA = ["java", "-XX:TieredStopAtLevel=1"]
# The compiler without javac, which Debian's JRE lacks.
JAVAC = [*JAVA, "-m", "jdk.compiler/com.sun.tools.javac.Main"]
LOG4J = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


def need(tool):
    """The path of a program, or a skip that names it."""
    path = shutil.which(tool)
    if not path:
        raise Skip(f"{tool} is not installed")
    return path


def once(name, install):
    """The folder of that name, filled by install(folder) unless it was before. A second try is for the network;
    what failed twice is not tried again by this process."""
    if name in _failed:
        raise RuntimeError(_failed[name])
    folder = os.path.join(ROOT, name)
    os.makedirs(ROOT, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, ".complete")) and not _filled(folder, install):
            _failed[name] = f"{name} could not be installed; the reason stands above"
            _fill(folder, install)
            del _failed[name]
    return folder


def _filled(folder, install):
    try:
        _fill(folder, install)
        return True
    except RuntimeError as why:
        print(f"# once more: {why}".replace("\n", "\n# "), flush=True)
        return False


def _fill(folder, install):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    install(folder)
    open(os.path.join(folder, ".complete"), "w").close()


def _run(words, **more):
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=INSTALL_S,
                              **more)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(words)} did not end in {INSTALL_S} s") from None
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def _hash(*parts):
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def python(age="today"):
    """A Python that has the clients of that age."""
    packages = PYTHON[age]
    if age == "2020" and sys.version_info >= (3, 12):
        raise Skip("a Python before 3.12, for kafka-python 2.0.2, is not installed")

    def install(folder):
        _run([sys.executable, "-m", "venv", folder])
        _run([os.path.join(folder, "bin", "pip"), "install", "-q", "--disable-pip-version-check", *packages])
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return os.path.join(once(f"python-{age}-{_hash(version, *packages)}", install), "bin", "python")


def librdkafka():
    """A folder for LD_LIBRARY_PATH, with the librdkafka.so.1 of confluent-kafka's wheel."""
    def install(folder):
        found, = glob.glob(os.path.join(os.path.dirname(os.path.dirname(python())), "lib", "python*",
                                        "site-packages", "confluent_kafka.libs", "librdkafka-*.so.1"))
        os.symlink(found, os.path.join(folder, "librdkafka.so.1"))
    return once("librdkafka-" + _hash(*PYTHON["today"], sys.version), install)


def node():
    """The folder whose node_modules has Node's clients."""
    need("node")
    npm = need("npm")

    def install(folder):
        _run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", folder, *NODE], cwd=folder)
    return once("node-" + _hash(*NODE), install)


def go(module, program):
    """A program of that Go module (a folder), built outside the tree."""
    found = _run([need("go"), "version"]).split()[2]
    texts = {os.path.relpath(os.path.join(where, name), module): open(os.path.join(where, name)).read()
             for where, _, names in os.walk(module) for name in names}
    wanted = re.search(r"^go (\S+)$", texts["go.mod"], re.M)[1]
    if _version(found) < _version(wanted):
        raise Skip(f"go {wanted} is not installed, only {found}")

    def install(folder):
        for path, text in texts.items():
            os.makedirs(os.path.dirname(os.path.join(folder, "src", path)), exist_ok=True)
            with open(os.path.join(folder, "src", path), "w") as out:
                out.write(text)
        _run([*GO, "-o", os.path.join(folder, "bin") + os.sep, "./..."], cwd=os.path.join(folder, "src"),
             env={**os.environ, "GOPATH": os.path.join(ROOT, "go"), "GOCACHE": os.path.join(ROOT, "gocache"),
                  "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"})
    name = "go-" + _hash(found, *GO, *(word for pair in sorted(texts.items()) for word in pair))
    return os.path.join(once(name, install), "bin", program)


def _version(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def _maven(wanted, folder):
    """Artifacts, and what they need, into a folder."""
    rows = "".join("<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
                   .format(*a.split(":")) for a in wanted)
    with open(os.path.join(folder, "pom.xml"), "w") as pom:
        pom.write("<project><modelVersion>4.0.0</modelVersion><groupId>kurier</groupId>"
                  "<artifactId>peers</artifactId><version>1</version><packaging>pom</packaging>"
                  f"<dependencies>{rows}</dependencies></project>")
    _run([need("mvn"), "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"], cwd=folder)


def _class_path(folder):
    return ":".join(sorted(glob.glob(os.path.join(folder, "*.jar"))))


def kafka(version):
    """The folder of Apache Kafka's jars."""
    need("java")
    need("mvn")
    wanted = [f"{a}:{KAFKA[version]}" for a in KAFKA_ARTIFACTS] + ([LOG4J] if version[0] == "4" else [])
    return once(f"kafka-{KAFKA[version]}", lambda folder: _maven(wanted, folder))


def kafka_jars(version):
    """A class path of them."""
    return _class_path(kafka(version))


def connect_jars(version):
    """The same with Kafka Connect and its connectors of files."""
    folder = once(f"connect-{KAFKA[version]}", lambda folder: _maven([f"{CONNECT_FILE}:{KAFKA[version]}"], folder))
    return ":".join(glob.glob(os.path.join(folder, "connect-file-*.jar"))) + ":" + kafka_jars(version)


def streams_jars(version):
    """Those of Kafka Streams, and what they need."""
    wanted = [f"{STREAMS}:{KAFKA[version]}", LOG4J]
    return _class_path(once(f"streams-{KAFKA[version]}", lambda folder: _maven(wanted, folder)))


def kafka_formatted(version):
    """The folder of data that it starts with."""
    def install(folder):
        config = os.path.join(folder, "properties")
        with open(config, "w") as out:
            out.write("process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:1\n"
                      "listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n"
                      f"controller.listener.names=CONTROLLER\nlog.dirs={folder}/data\n")
        _run([*JAVA, "-cp", kafka_jars(version), "kafka.tools.StorageTool", "format", "-c", config,
              "-t", "AAAAAAAAAAAAAAAAAAAAAQ"])
    return os.path.join(once(f"kafka-{KAFKA[version]}-formatted", install), "data")


def java(version, sources, jars_of=kafka_jars):
    """A jar of our own Java programs, compiled against that Kafka; behind its own jars: a class path."""
    texts = [open(path).read() for path in sources]
    jars = jars_of(version)

    def install(folder):
        _run([*JAVAC, "-nowarn", "-cp", jars, "-d", os.path.join(folder, "classes"), *sources])
        _run([sys.executable, "-m", "zipfile", "-c", os.path.join(folder, "programs.jar"),
              *glob.glob(os.path.join(folder, "classes", "*"))])
    name = f"java-{KAFKA[version]}-{_hash(*texts)}"
    return jars + ":" + os.path.join(once(name, install), "programs.jar")
