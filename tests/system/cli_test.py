#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kurier command before it does anything: words, help, configuration, completion, terminals, statuses."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import cli_kit
from cli_kit import TOP, Cli, Terminal, run

import broker
import tap

kurierd = broker.Broker({"num.partitions": 1})
kurier = Cli(kurierd)


def commands():
    return re.findall(r"^  ([a-z]+(?: [a-z-]+)?)  ", run("--help").out, re.M)


# ---- Words --------------------------------------------------------------------------

@tap.case("help, version, and an answer to -h for every command")
def _():
    assert re.fullmatch(r"kurier \d+\.\d+\.\d+\n", run("--version").out) and run("-V").status == 0
    assert len(commands()) == 32, commands()
    for command in commands():
        done = run(*command.split(), "-h")
        assert done.status == 0 and done.out.startswith(f"usage: kurier {command} "), done
    assert "topic create" in run("topic", "-h").out


@tap.case("the manual's pages are what the tables say, and name every flag")
def _():
    groups = {command.split()[0] for command in commands()}
    for group in groups:
        with open(os.path.join(TOP, "doc", "man", f"kurier-{group}.1"), encoding="utf-8") as file:
            page = file.read()
        assert page == run("--man", group).out, f"{group}: `make kurier-pages` was forgotten"
    for command in commands():
        with open(os.path.join(TOP, "doc", "man", f"kurier-{command.split()[0]}.1"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        for flag in re.findall(r"--([a-z-]+)", run(*command.split(), "-h").out):
            assert f"--{flag}" in page, f"{command} --{flag}"


@tap.case("the manual's first page names every command")
def _():
    with open(os.path.join(TOP, "doc", "man", "kurier.1"), encoding="utf-8") as file:
        page = file.read().replace("\\-", "-")
    for command in commands():
        *group, word = command.split()
        assert re.search(rf"^\.B {' '.join(group)}.*\b{word}\b", page, re.M), command


@tap.case("mistakes on the command line are status 2, do nothing, and say where to look")
def _():
    wrong = [["produce"], ["consume", "-t", "a", "-o", "middle"], ["produce", "-t"], ["produce", "-t", "a", "-e"],
             ["topic", "create"], ["topic", "frob"], ["topic"], ["frob"], [], ["consume", "-t", "a", "-p", "x"],
             ["consume", "-t", "a", "-c", "0"], ["consume", "-t", "a", "b"], ["consume", "-t", "a", "-f", "%q"],
             ["consume", "-t", "a", "-f", "100%"], ["consume", "-t", "a", "-s", "z"], ["consume", "-t", ""],
             ["consume", "-t", "a", "-s", "b", "-J"], ["produce", "-t", "a", "-D", ""], ["consume", "--frob"],
             ["produce", "-t", "a", "-l", "x", "y"], ["topic", "add-partitions", "a"], ["topic", "alter", "a"],
             ["topic", "create", "a", "-s", "novalue"], ["topic", "delete-records", "a"],
             ["topic", "delete-records", "a", "-o", "-3"], ["topic", "offsets", "a", "-o", "7"],
             ["config", "list", "topic"], ["config", "list", "group", "g"], ["config", "get", "topic", "t"],
             ["config", "set", "topic", "t", "novalue"], ["config", "list", "broker", "x"], ["log", "dump"],
             ["meta", "get", "/tmp"], ["meta", "get", "/", "relative"], ["-Q", "-t", "a"], ["-Q", "-t", "a:x:1"],
             ["-Q", "-t", "a:0:-3"], ["-C", "-t", "a", "-o", "stored"], ["-G", "g", "a"], ["-M", "3"],
             ["-C", "-t", "a", "-r", "http://x"]]
    for words in wrong:
        done = run(*words)
        assert done.status == 2 and done.err and not done.out, done
    assert "--partition" in run("consume", "-t", "a", "-p", "x").err
    assert "-p" in run("consume", "-p").err and "--frob" in run("consume", "--frob").err


@tap.case("flags have long names, stand anywhere, and may be bundled")
def _():
    kurier("produce", "--topic", "long", "--key=K", text="v\n")
    assert kurier("consume", "-eqt", "long", "--format", "%k=%s\\n") == "K=v\n"
    assert run("-Cqet", "long", "-b", kurierd.address).out == "v\n"


# ---- Configuration ---------------------------------------------------------------------

@tap.case("a list of keys, and what they are set to, as text and as JSON")
def _():
    text = run("-X", "list").out
    assert "linger.ms" in text and "queue.buffering.max.ms" in text
    rows = {row["key"]: row for row in json.loads(run("-X", "list", "-J").out)}
    assert rows["acks"]["default"] == "all" and rows["linger.ms"]["type"] == "double"
    assert "client.id = me\n" in run("consume", "-X", "client.id=me", "-X", "dump").out
    assert json.loads(run("produce", "-z", "lz4", "-J", "-X", "dump").out)["compression.type"] == "lz4"


@tap.case("a wrong key names the nearest one; a wrong value its range")
def _():
    done = run("produce", "-t", "a", "-X", "lingerms=1")
    assert done.status == 1 and "linger.ms" in done.err, done
    done = run("consume", "-t", "a", "-X", "fetch.max.bytes=0")
    assert done.status == 1 and "fetch.max.bytes" in done.err, done
    assert run("produce", "-t", "a", "-z", "rar").status == 1


@tap.case("-F, $KURIER_CONFIG, ~/.config/kurier.conf, in this order; the line beats them all")
def _():
    with tempfile.TemporaryDirectory() as folder:
        def client(*words, env=None):
            return re.search(r"^client\.id = (.*)$", run("consume", *words, "-X", "dump", env=env).out, re.M)[1]

        def write(path, text):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return path

        usual = write(os.path.join(folder, ".config", "kurier.conf"), "# ours\nclient.id = usual\n")
        named = write(os.path.join(folder, "named.conf"), "client.id=named\n")
        given = write(os.path.join(folder, "given.conf"), "client.id: given\nqueue.buffering.max.ms=7\n")
        env = {"HOME": folder}
        assert client(env=env) == "usual" and usual
        env["KURIER_CONFIG"] = named
        assert client(env=env) == "named" and client("-F", given, env=env) == "given"
        assert client("-X", "client.id=line", "-F", given, env=env) == "line"
        assert "linger.ms = 7" in run("consume", "-F", given, "-X", "dump").out
        done = run("consume", "-t", "a", "-F", os.path.join(folder, "none"))
        assert done.status == 1 and "none" in done.err, done


@tap.case("librdkafka's keys are taken, also with topic. in front")
def _():
    text = run("produce", "-X", "topic.request.required.acks=1", "-X", "metadata.broker.list=h:1", "-X", "dump").out
    assert "acks = 1\n" in text and "bootstrap.servers = h:1\n" in text, text


@tap.case("-d logs in detail, -v more, -q less")
def _():
    kurier("produce", "-t", "talk", text="x\n")
    assert " broker " in kurier.run("consume", "-t", "talk", "-e", "-d", "broker,msg").err
    assert "Produce" in kurier.run("produce", "-t", "talk", "-d", "all", text="y\n").err
    assert "connected" in kurier.run("consume", "-t", "talk", "-e", "-v").err
    assert "Reached end" in kurier.run("consume", "-t", "talk", "-e").err
    assert kurier.run("consume", "-t", "talk", "-e", "-q").err == ""


@tap.case("no broker: one line each for what is wrong and what to do")
def _():
    text = kurier.fails("topic", "list", "-m", "1", "-b", "127.0.0.1:1")
    assert "127.0.0.1:1" in text and "refused" in text and "-b HOST:PORT" in text and len(text.splitlines()) == 2, text


# ---- Completion ------------------------------------------------------------------------

def complete(*words):
    return run("--complete", len(words), "kurier", *words).out.split()


@tap.case("what may follow is known: commands, flags, values, keys, topics")
def _():
    kurier("topic", "create", "completed")
    assert {"produce", "topic", "log"} <= set(complete("")) and "delete-records" in complete("topic", "")
    assert {"--topic", "-t", "--json", "-X"} <= set(complete("consume", "-"))
    assert complete("produce", "-z", "") == ["none", "gzip", "snappy", "lz4", "zstd"]
    assert "linger.ms=" in complete("produce", "-X", "")
    at = ["-b", kurierd.address]
    assert "completed" in complete("consume", *at, "-t", "") and "completed" in complete("topic", "delete", *at, "")
    assert complete("config", "list", *at, "") == ["topic", "broker"]
    assert "completed" in complete("config", "list", *at, "topic", "")
    assert complete("log", "dump", "") == [] and complete("consume", "-F", "") == []
    assert complete("topic", "delete", "-b", "127.0.0.1:1", "") == []


@tap.case("bash asks it")
def _():
    script = os.path.join(TOP, "cli", "completion", "kurier")
    ask = f'''. {script}; PATH={os.path.dirname(cli_kit.PROGRAM)}:$PATH
        COMP_WORDS=(kurier topic del); COMP_CWORD=2; _kurier; echo "${{COMPREPLY[@]}}"'''
    done = subprocess.run(["bash", "-c", ask], capture_output=True, timeout=60, env=cli_kit.ENV, check=False)
    assert done.stdout == b"delete delete-records\n", done


# ---- Terminals -----------------------------------------------------------------------------

@tap.case("colours on a terminal alone, and not where NO_COLOR is set")
def _():
    words = ["cluster", "brokers", "-b", kurierd.address]
    with Terminal(words) as shown, Terminal(words, env={"NO_COLOR": "1"}) as plain, \
            Terminal(words, env={"TERM": "dumb"}) as dumb:
        assert b"\x1b[1m" in shown.until() and b"\x1b" not in plain.until() and b"\x1b" not in dumb.until()
    assert "\x1b" not in kurier("cluster", "brokers")


@tap.case("long work shows its progress on a terminal, and takes it away")
def _():
    kurier("topic", "create", "progress")
    reader, writer = os.pipe()
    with Terminal(["produce", "-t", "progress", "-b", kurierd.address], stdin=reader) as shown:
        os.close(reader)
        lines = b"a line that is not long\n" * 2000
        seen = b""
        while b"records/s" not in seen:  # it waits half a second before it says anything
            os.write(writer, lines)
            if cli_kit.select.select([shown.master], [], [], 0)[0]:
                seen += os.read(shown.master, 65536)
        os.close(writer)
        assert shown.until().endswith(b"\r\x1b[K") and shown.process.wait(30) == 0
    with Terminal(["consume", "-qet", "progress", "-b", kurierd.address], stdout=subprocess.DEVNULL) as quiet:
        assert quiet.until() == b""


@tap.case("what is typed is sent line by line")
def _():
    kurier("topic", "create", "typed")
    with Terminal(["produce", "-t", "typed", "-b", kurierd.address], stdin="tty") as shown:
        os.write(shown.master, b"hello\n")
        assert kurier("consume", "-t", "typed", "-c", "1") == "hello\n"
        os.write(shown.master, b"\x04")  # the end
        assert shown.process.wait(30) == 0
    assert kurier.read("typed") == "hello\n"


@tap.case("without a mode, a terminal as input means -C")
def _():
    with Terminal(["-t", "typed", "-e", "-b", kurierd.address], stdin="tty") as shown:
        assert b"hello" in shown.until()
    assert run("-t", "typed", "-b", kurierd.address, text="piped\n").status == 0
    assert kurier.read("typed") == "hello\npiped\n"


# ---- Output that cannot be written -----------------------------------------------------------

@tap.case("a full disk is a failure, a reader that had enough is none")
def _():
    kurier("produce", "-t", "pipe", text="a line of some length\n" * 20000)
    for words in (["consume", "-t", "pipe", "-e"], ["topic", "list"], ["topic", "list", "-J"], ["--help"]):
        with open("/dev/full", "wb") as full:
            more = ["-b", kurierd.address] if words[0] != "--help" else []
            done = subprocess.run([cli_kit.PROGRAM, *words, *more], stdout=full, stderr=subprocess.PIPE,
                                  timeout=60, env=cli_kit.ENV, check=False)
        assert done.returncode == 1 and b"standard output: No space left" in done.stderr, done
    process = kurier.start("consume", "-t", "pipe", "-e")
    cli_kit.first_bytes(process)
    process.stdout.close()
    assert process.wait(30) == 0, process.stderr.read()
    process.stderr.close()


if __name__ == "__main__":
    assert shutil.which("bash")
    with kurierd:
        tap.run()
