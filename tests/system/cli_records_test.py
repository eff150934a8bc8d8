#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurier produce and kurier consume: every flag, every letter of a format, every way to end."""
import base64
import json
import os
import signal
import struct
import tempfile

import cli_kit
from cli_kit import Cli, end, first_bytes

import broker
import tap

kurierd = broker.Broker({"num.partitions": 1})
strict = broker.Broker({"auto.create.topics.enable": "false"})
kurier = Cli(kurierd)


# ---- In and out -------------------------------------------------------------------------

@tap.case("lines go in and come out, from any place")
def _():
    lines = "".join(f"line {i}\n" for i in range(5000))
    kurier("produce", "-t", "lines", text=lines + "last without newline")
    assert kurier.read("lines") == lines + "last without newline\n"
    assert kurier.read("lines", "-o", "4999") == "line 4999\nlast without newline\n"
    assert kurier.read("lines", "-o", "-1") == "last without newline\n"
    assert kurier.read("lines", "-o", "-99999") == kurier.read("lines")
    assert kurier("consume", "-t", "lines", "-c", "2") == "line 0\nline 1\n"
    assert kurier.read("lines", "-o", "end") == "" and kurier.read("lines", "-o", "-0") == ""
    assert kurier.read("lines", "-o", "beginning", "-c", "1") == kurier.read("lines", "-o", "earliest", "-c", "1")


@tap.case("from a time, up to a time")
def _():
    rows = "".join(json.dumps({"payload": str(i), "ts": 1700000000000 + i * 1000}) + "\n" for i in range(10))
    kurier("produce", "-J", "-t", "times", text=rows)
    assert kurier.read("times", "-o", "s@1700000007000") == "7\n8\n9\n"
    assert kurier("consume", "-t", "times", "-o", "e@1700000002000") == "0\n1\n"
    assert kurier("consume", "-t", "times", "-o", "s@1700000003000", "-o", "e@1700000005000", "-q") == "3\n4\n"
    assert kurier.read("times", "-o", "s@1800000000000") == ""
    assert "stop timestamp" in kurier.run("consume", "-t", "times", "-o", "e@1700000002000").err


@tap.case("every letter of a format, every escape")
def _():
    kurier("produce", "-t", "form", "-K", ":", "-D", ";", "-H", "a=1", "-H", "b=", "-H", "c", text="k:v;plain;:w;x:;")
    assert kurier.read("form", "-f", "%o %k %K %s %S %h %%\\n") == (
        "0 k 1 v 1 a=1,b=,c=NULL %\n1  -1 plain 5 a=1,b=,c=NULL %\n2  0 w 1 a=1,b=,c=NULL %\n"
        "3 x 1  0 a=1,b=,c=NULL %\n")
    assert kurier.read("form", "-f", "%t/%p/%%%%/", "-c", "1") == "form/0/%%/"
    stamp = kurier.read("form", "-f", "%T\\t%s\\r\\n", "-c", "1")
    assert stamp.endswith("\tv\r\n") and int(stamp.split()[0]) > 1600000000000
    assert kurier.raw("consume", "-t", "form", "-c", "2", "-f", "%R%s") == b"\0\0\0\1v\0\0\0\5plain"
    assert kurier.raw("consume", "-t", "form", "-c", "1", "-f", "\\x41\\xfe\\0\\\\%s\\q") == b"A\xfe\0\\v\\q"
    assert kurier.read("form", "-c", "1", "-f", "") == "" and kurier.read("form", "-c", "1", "-f", "x") == "x"


@tap.case("null and empty differ")
def _():
    kurier("produce", "-t", "nulls", "-Z", "-K", ":", text=":w\nx:\n")
    kurier("produce", "-t", "nulls", "-K", ":", text=":w\nx:\n\nz\n")
    assert kurier.read("nulls", "-Z", "-K", ":") == "NULL:w\nx:NULL\n:w\nx:\nNULL:\nNULL:z\n"
    assert kurier.read("nulls", "-f", "%K %S\\x21") == "-1 1!1 -1!0 1!1 0!-1 0!-1 1!"
    kurier("produce", "-t", "allnull", "-Z", text="\n")
    assert kurier.lines("consume", "-t", "allnull", "-e", "-q")[0]["payload"] is None


@tap.case("delimiters of any length and any bytes")
def _():
    kurier("produce", "-t", "delims", "-D", "\\0", "-K", "=>", text=b"a=>1\n2\0b=>3\0c")
    assert kurier.raw("consume", "-t", "delims", "-e", "-q", "-K", "\\x1f", "-D", "--") == b"a\x1f1\n2--b\x1f3--\x1fc--"
    kurier("produce", "-t", "longdelim", "-D", "<<END>>", text="x" * 300000 + "<<END>>" + "y<<EN<<END>>z")
    assert kurier.read("longdelim", "-f", "%S ") == "300000 5 1 "


@tap.case("binary goes through untouched, by delimiter, by file, by JSON")
def _():
    data = bytes(range(256)) * 300
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        kurier("produce", "-t", "binary", "-k", "whole", file.name)
    assert kurier.raw("consume", "-t", "binary", "-e", "-q", "-f", "%s") == data
    row = kurier.lines("consume", "-t", "binary", "-e", "-q")[0]
    assert base64.b64decode(row["payload_base64"]) == data and row["key"] == "whole" and "key_base64" not in row
    kurier("produce", "-J", "-t", "binary2", text=json.dumps(row) + "\n")
    assert kurier.raw("consume", "-t", "binary2", "-e", "-q", "-f", "%s") == data


@tap.case("files as records, lines of a file, a key, a count, a tee")
def _():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"one\ntwo\nthree\n")
        file.flush()
        kurier("produce", "-t", "files", "-k", "K", file.name, file.name)
        assert kurier.read("files", "-f", "%k=%s|") == "K=one\ntwo\nthree\n|" * 2
        kurier("produce", "-t", "files2", "-l", file.name, "-c", "2")
        assert kurier.read("files2") == "one\ntwo\n"
        done = kurier.run("produce", "-t", "files3", file.name, "/nonexistent", file.name)
        assert done.status == 1 and "/nonexistent: No such file" in done.err, done
        assert kurier.read("files3", "-f", "%S ") == "14 14 "
    assert kurier.fails("produce", "-t", "files", "-l", "/nonexistent").count("/nonexistent") == 1
    assert kurier("produce", "-t", "tee", "-T", text="a\nb\n") == "a\nb\n"
    kurier("produce", "-t", "keys", "-K", ":", "-k", "mine", text="own:1\n2\n")
    assert kurier.read("keys", "-f", "%k=%s ") == "own=1 mine=2 "


@tap.case("to a partition, from a partition")
def _():
    kurier("topic", "create", "-p", "3", "parts")
    for partition in range(3):
        kurier("produce", "-t", "parts", "-p", partition, text=f"in {partition}\n")
    assert kurier.read("parts", "-p", "1") == "in 1\n"
    assert sorted(kurier.read("parts").splitlines()) == ["in 0", "in 1", "in 2"]
    assert sorted(kurier.read("parts", "-p", "-1", "-f", "%p ").split()) == ["0", "1", "2"]
    assert "3 partitions, 0 to 2; there is no 7" in kurier.fails("consume", "-t", "parts", "-p", "7")
    assert "not" in kurier.fails("produce", "-t", "parts", "-p", "9", text="x\n")


@tap.case("every codec")
def _():
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        kurier("produce", "-t", "codecs", "-z", codec, text=f"{codec}\n" * 50)
    assert kurier.read("codecs").splitlines()[::50] == ["none", "gzip", "snappy", "lz4", "zstd"]


@tap.case("packed numbers of every size and order")
def _():
    packed = struct.pack(">bBhHiIqQ", -1, 255, -2, 65535, -3, 4294967295, -4, 2**64 - 1)
    packed += struct.pack("<hiq", -5, -6, 7) + b"Ztail"
    with tempfile.NamedTemporaryFile() as file:
        file.write(packed)
        file.flush()
        kurier("produce", "-t", "packed", "-k", "\x01", file.name)
    want = "-1 255 -2 65535 -3 4294967295 -4 18446744073709551615 -5 -6 7 Z tail\n"
    assert kurier.read("packed", "-s", "value=b B h H i I q Q <h i q c s") == want
    assert kurier.read("packed", "-s", "key=B", "-s", "value=b", "-f", "%k %s\\n") == "1 -1\n"
    assert kurier.read("packed", "-s", "b", "-f", "%k %s\\n") == "1 -1\n"
    done = kurier.run("consume", "-t", "packed", "-e", "-s", "value=b$")
    assert done.status == 1 and "longer" in done.err and not done.out, done
    done = kurier.run("consume", "-t", "packed", "-e", "-q", "-E", "-s", "key=q")
    assert done.status == 1 and "too short" in done.err, done


@tap.case("the log's own time is told apart")
def _():
    kurier("topic", "create", "-s", "message.timestamp.type=LogAppendTime", "appended")
    kurier("produce", "-J", "-t", "appended", text='{"payload":"x","ts":5}')
    row = kurier.lines("consume", "-t", "appended", "-e", "-q")[0]
    assert row["tstype"] == "logappend" and row["ts"] > 1600000000000, row
    assert json.loads(kurier.kcat("-C", "-t", "appended", "-e", "-q", "-J").out) == row


# ---- JSON ---------------------------------------------------------------------------------

@tap.case("an envelope in kcat's words, and back again")
def _():
    kurier("produce", "-t", "json", "-K", ":", "-H", "h=ü", "-H", "n", text='k"\\:v\t\x01é\n:\n')
    rows = kurier.lines("consume", "-t", "json", "-e", "-q")
    assert rows[0] == {"topic": "json", "partition": 0, "offset": 0, "tstype": "create", "ts": rows[0]["ts"], "broker": 1,
                       "headers": ["h", "ü", "n", None], "key": 'k"\\', "payload": "v\t\x01é"}, rows
    assert rows[1]["key"] == "" and rows[1]["payload"] == ""
    text = kurier("consume", "-t", "json", "-e", "-q", "-J")
    kurier("produce", "-J", "-t", "json2", text=text)
    assert kurier("consume", "-t", "json2", "-e", "-q", "-J").replace('"json2"', '"json"') == text
    kurier("produce", "-J", "-t", "json3", text='{"payload":{"a":[1,2]},"key":7}\n{}\n{"key":null,"payload":null}')
    assert kurier.read("json3", "-Z", "-f", "%k %s\\n") == '7 {"a":[1,2]}\nNULL NULL\nNULL NULL\n'


@tap.case("what is no envelope is told with its number, and what follows is not lost silently")
def _():
    for line, why in (("nonsense", "no JSON"), ("[1]", "no JSON object"), ('{"headers":["x"]}', "headers"),
                      ('{"headers":[1,2]}', "header"), ('{"payload_base64":"a"}', "base64"),
                      ('{"key_base64":"====" }', "base64"), ('{"key_base64":"ab=c"}', "base64")):
        err = kurier.fails("produce", "-J", "-t", "nojson", text='{"payload":"ok"}\n' + line + '\n{"payload":"ok"}\n')
        assert "record 2" in err and why in err and "1 of 2" in err, err
    assert set(kurier.read("nojson").split()) == {"ok"}


# ---- Failures ------------------------------------------------------------------------------

@tap.case("a topic that is not there is told at once, with what to do")
def _():
    with strict:
        at = ["-b", strict.address]
        text = kurier.fails("consume", "-t", "nobody", *at)
        assert "nobody: " in text and "kurier topic create nobody" in text, text
        text = kurier.fails("produce", "-t", "nobody", "-m", "1", *at, text="x\n")
        assert "kurier topic create nobody" in text, text
        kurier("topic", "create", "nobody", *at)
        kurier("produce", "-t", "nobody", *at, text="x\n")


@tap.case("an offset that the log does not have is an error that says where to look")
def _():
    text = kurier.fails("consume", "-t", "lines", "-o", "99999999", "-e")
    assert "99999999" in text and "kurier topic offsets lines" in text, text
    assert kurier.read("lines", "-o", "99999999", "-X", "auto.offset.reset=latest") == ""


@tap.case("a record that is too large ends the input, or with -E itself alone; the count is told")
def _():
    lines = "ok\n" + "x" * 3_000_000 + "\nlast\n"
    err = kurier.fails("produce", "-t", "large", text=lines)
    assert "record 2: " in err and "1 of 2 records read were not delivered" in err, err
    assert kurier.read("large") == "ok\n"
    err = kurier.fails("produce", "-t", "large2", "-E", text=lines)
    assert "record 2: " in err and "1 of 3" in err, err
    assert kurier.read("large2") == "ok\nlast\n"


@tap.case("a broker that goes away: every record that was read is accounted for")
def _():
    mortal = broker.Broker({"num.partitions": 1})
    with mortal:
        kurier("topic", "create", "mortal", "-b", mortal.address)
        reader, writer = os.pipe()
        with cli_kit.subprocess.Popen(
                [cli_kit.PROGRAM, "produce", "-t", "mortal", "-T", "-b", mortal.address, "-X",
                 "delivery.timeout.ms=1000", "-X", "request.timeout.ms=500"], stdin=reader,
                stdout=cli_kit.subprocess.PIPE, stderr=cli_kit.subprocess.PIPE, env=cli_kit.ENV) as process:
            os.write(writer, b"first\n")
            assert first_bytes(process) == b"first\n"
            mortal.kill()
            os.write(writer, b"second\n")  # no more input: the failure alone ends it
            status, _, err = end(process)
            assert status == 1 and "not delivered" in err, err
        os.close(writer)
        os.close(reader)
        mortal.start()


# ---- Ends ----------------------------------------------------------------------------------

@tap.case("an endless consume that is interrupted is done; one that had an end is not")
def _():
    kurier("produce", "-t", "endless", text="one\n")
    for words, number, status in (([], signal.SIGINT, 0), (["-c", "2"], signal.SIGTERM, 130), (["-u"], signal.SIGTERM, 0),
                                  (["-o", "e@9999999999999", "-o", "0"], signal.SIGINT, 130)):
        process = kurier.start("consume", "-t", "endless", *words)
        assert first_bytes(process) == b"one\n"
        process.send_signal(number)
        assert end(process)[0] == status, words


@tap.case("what comes later is printed as it comes")
def _():
    kurier("topic", "create", "live")
    process = kurier.start("consume", "-t", "live", "-c", "2")
    kurier("produce", "-t", "live", text="first\n")
    assert first_bytes(process) == b"first\n"
    kurier("produce", "-t", "live", text="second\n")
    assert end(process)[:2] == (0, b"second\n")


@tap.case("what was read before SIGINT is delivered, and what was not is told")
def _():
    lines = [b"line %d\n" % i for i in range(40000)]
    unread = 65536 // len(lines[0])  # what a pipe holds is not read yet
    process = kurier.start("produce", "-t", "cut", "-X", "linger.ms=60000", stdin=cli_kit.subprocess.PIPE)
    process.stdin.write(b"".join(lines))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130, process.stderr.read()
    process.stdin.close()
    process.stdout.close()
    process.stderr.close()
    got = kurier.raw("consume", "-t", "cut", "-e", "-q")
    assert b"".join(lines).startswith(got) and got.count(b"\n") >= len(lines) - unread, got[-100:]

    kurier("topic", "create", "half")
    process = kurier.start("produce", "-t", "half", "-T", stdin=cli_kit.subprocess.PIPE)
    process.stdin.write(b"whole\nhalf a li")
    process.stdin.flush()
    assert first_bytes(process) == b"whole\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert b"the last 9 bytes had no delimiter yet and were not sent" in process.stderr.read()
    for file in (process.stdin, process.stdout, process.stderr):
        file.close()
    assert kurier.read("half") == "whole\n"


if __name__ == "__main__":
    with kurierd:
        tap.run()
