# SPDX-License-Identifier: Apache-2.0
"""Just enough of the protocol to say what no client would: frames, record batches, a few requests.

Independent of the tree's codecs on purpose, and free to break every rule.
"""
import contextlib
import socket
import struct

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS = 0, 1, 2, 3, 18, 19
DESCRIBE_CONFIGS, INCREMENTAL_ALTER_CONFIGS = 32, 44
LATEST = -1  # of ListOffsets
TOPIC, BROKER = 2, 4  # types of resources
PATIENCE_S = 30


class Connection:
    """Bytes out, frames in. An end by the other side reads as None."""

    def __init__(self, port, patience_s=PATIENCE_S):
        self.socket = socket.create_connection(("127.0.0.1", port), patience_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        """Nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _exactly(self, count):
        data = bytearray()
        while len(data) < count:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                more = self.socket.recv(count - len(data))
                if more:
                    data += more
                    continue
            return None
        return bytes(data)

    def frame(self):
        size = self._exactly(4)
        return size and self._exactly(struct.unpack(">i", size)[0])

    def is_closed(self):
        """Waits until the other side has ended it; what still comes is thrown away."""
        while True:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                if self.socket.recv(1 << 16):
                    continue
            return True

    def ask(self, key, version, body, client="test"):
        """Answers a Reader behind the response header, None if the connection ended."""
        self.correlation += 1
        self.send(framed(header(key, version, self.correlation, client) + body))
        answer = self.frame()
        assert answer is None or struct.unpack(">i", answer[:4])[0] == self.correlation
        return answer and Reader(answer[4:])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))[0]

    def text(self):
        size = self.number("h")
        return None if size < 0 else self.take(size).decode()

    def array(self, item):
        return [item() for _ in range(self.number("i"))]


def framed(data):
    return struct.pack(">i", len(data)) + data


def text(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


def header(key, version, correlation=1, client="test"):
    return struct.pack(">hhi", key, version, correlation) + text(client)


# ---- Requests, in versions without compact fields ----

def produce_body(topic, records, partition=0, acks=-1, timeout_ms=10000, transactional=None):
    one = struct.pack(">iii", 1, partition, len(records)) + records
    return text(transactional) + struct.pack(">hi", acks, timeout_ms) + struct.pack(">i", 1) + text(topic) + one


def produce(connection, topic, records, partition=0, transactional=None):
    """(error code, base offset); None if the connection ended."""
    answer = connection.ask(PRODUCE, 7, produce_body(topic, records, partition, transactional=transactional))
    if not answer:
        return None
    answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    return answer.number("h"), answer.number("q")


def fetch_body(topic, offset, partition=0, max_bytes=1 << 20, wait_ms=0):
    return (struct.pack(">iiiib", -1, wait_ms, 1, max_bytes, 0) + struct.pack(">i", 1) + text(topic)
            + struct.pack(">iiqi", 1, partition, offset, max_bytes))


def fetch(connection, topic, offset, partition=0):
    """(error code, high watermark, record bytes)"""
    answer = connection.ask(FETCH, 4, fetch_body(topic, offset, partition))
    answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, high, _ = answer.number("h"), answer.number("q"), answer.number("q")
    answer.take(16 * max(answer.number("i"), 0))
    return code, high, answer.take(answer.number("i"))


def read_all(connection, topic, partition=0):
    """The values of plain batches, from the start to the high watermark."""
    values = []
    while True:
        code, high, records = fetch(connection, topic, len(values), partition)
        assert not code, f"fetch of {topic} at {len(values)} answers {code}"
        if len(values) == high:
            return values
        got = list(values_of(records))
        assert got, f"nothing at {len(values)}, below the high watermark {high}"
        values += got


def end_offset(connection, topic, partition=0):
    """The high watermark."""
    answer = connection.ask(LIST_OFFSETS, 1, struct.pack(">ii", -1, 1) + text(topic) +
                            struct.pack(">iiq", 1, partition, LATEST))
    answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, _, offset = answer.number("h"), answer.number("q"), answer.number("q")
    assert not code, f"the end of {topic}-{partition} answers {code}"
    return offset


def create_topic(connection, topic, partitions=1, **config):
    rows = [text(key.replace("_", ".")) + text(str(value)) for key, value in config.items()]
    configs = struct.pack(">i", len(rows)) + b"".join(rows)
    body = struct.pack(">i", 1) + text(topic) + struct.pack(">ihi", partitions, 1, 0) + configs
    answer = connection.ask(CREATE_TOPICS, 2, body + struct.pack(">ib", 10000, 0))
    answer.number("i"), answer.number("i"), answer.text()
    code = answer.number("h")
    assert not code, f"creating {topic} answers {code}: {answer.text()}"


def alter_config(connection, kind, name, key, value):
    """Sets one key; value None deletes it. Answers the error code."""
    row = text(key) + struct.pack(">b", value is None) + text(None if value is None else str(value))
    body = struct.pack(">ib", 1, kind) + text(name) + struct.pack(">i", 1) + row + b"\0"
    answer = connection.ask(INCREMENTAL_ALTER_CONFIGS, 0, body)
    answer.number("i"), answer.number("i")
    return answer.number("h")


def config(connection, kind, name, key):
    """(value, source) as DescribeConfigs tells it."""
    body = struct.pack(">ib", 1, kind) + text(name) + struct.pack(">i", 1) + text(key) + b"\0"
    answer = connection.ask(DESCRIBE_CONFIGS, 1, body)
    answer.number("i"), answer.number("i")
    code = answer.number("h")
    assert not code, f"describing {name} answers {code}: {answer.text()}"
    answer.text(), answer.number("b"), answer.text()
    assert answer.number("i") == 1, f"{name} has no {key}"
    answer.text()
    value, _, source = answer.text(), answer.number("b"), answer.number("b")
    return value, source


def topics(connection):
    """{name: number of partitions}"""
    answer = connection.ask(METADATA, 1, struct.pack(">i", -1))
    answer.array(lambda: (answer.number("i"), answer.text(), answer.number("i"), answer.text()))
    answer.number("i")

    def partition():
        answer.take(10)
        return answer.array(lambda: answer.number("i")), answer.array(lambda: answer.number("i"))

    def topic():
        _, name, _ = answer.number("h"), answer.text(), answer.number("b")
        return name, len(answer.array(partition))
    return dict(answer.array(topic))


def is_served(port):
    """Does a client that does nothing wrong get an answer?"""
    with Connection(port) as connection:
        answer = connection.ask(API_VERSIONS, 0, b"")
        return answer is not None and answer.number("h") == 0


# ---- Record batches ----

CRC_TABLE = []
for crc in range(256):
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    CRC_TABLE.append(crc)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = CRC_TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def varint(value):
    value, out = (value << 1) ^ (value >> 63), bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def record(delta, value, key=None):
    body = b"\0" + varint(0) + varint(delta) + (varint(-1) if key is None else varint(len(key)) + key)
    body += varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(values=(b"value",), records=None, tail=b"", **lies):
    """One batch of plain records. Any field of its header can be told otherwise."""
    records = b"".join(record(i, v) for i, v in enumerate(values)) if records is None else records
    count = len(values)
    field = {"attributes": 0, "last": count - 1, "time": 1_700_000_000_000, "max_time": 1_700_000_000_000,
             "producer": -1, "epoch": -1, "sequence": -1, "count": count, **lies}
    checked = struct.pack(">hiqqqhii", *(field[name] for name in (
        "attributes", "last", "time", "max_time", "producer", "epoch", "sequence", "count"))) + records
    crc = lies.get("crc", crc32c(checked))
    length = lies.get("length", 9 + len(checked))
    return struct.pack(">qiibI", lies.get("base", 0), length, -1, lies.get("magic", 2), crc) + checked + tail


def values_of(data):
    """The values of whole plain batches."""
    at = 0
    while at + 61 <= len(data):
        size = 12 + struct.unpack(">i", data[at + 8:at + 12])[0]
        if at + size > len(data):
            return
        inner = at + 61
        for _ in range(struct.unpack(">i", data[at + 57:at + 61])[0]):
            length, inner = _varint_at(data, inner)
            yield _value_of(data, inner)
            inner += length
        at += size


def _varint_at(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _value_of(data, at):
    at += 1
    for _ in range(2):
        _, at = _varint_at(data, at)
    for what in ("key", "value"):
        size, at = _varint_at(data, at)
        if what == "key":
            at += max(size, 0)
    return data[at:at + size] if size >= 0 else None
