# SPDX-License-Identifier: Apache-2.0
"""Compressed records that are small to send and large to unpack, by hand for each codec."""
import struct
import zlib

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
LZ4_BLOCK_MAX = 4 << 20
ZSTD_BLOCK_MAX = 128 << 10


def gzip(plain_bytes):
    """Zeros; about a thousand to one."""
    packer, piece, out = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(1 << 20), []
    for _ in range(plain_bytes >> 20):
        out.append(packer.compress(piece))
    return b"".join(out) + packer.flush()


def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def snappy(plain_bytes):
    """One zero, then copies of 64 bytes from one back; 21 to one."""
    return uvarint(1 + (plain_bytes & ~63)) + b"\0\0" + bytes([63 << 2 | 2, 1, 0]) * (plain_bytes >> 6)


def lz4(plain_bytes):
    """Blocks of 4 MB that are one zero each, repeated; 255 to one."""
    extra = LZ4_BLOCK_MAX - 1 - 5 - 19
    block = b"\x1f\0\x01\0" + b"\xff" * (extra // 255) + bytes([extra % 255]) + b"\x50" + bytes(5)
    frame = struct.pack("<IBBB", 0x184D2204, 0x60, 0x70, 0x73)
    return frame + (struct.pack("<I", len(block)) + block) * (plain_bytes // LZ4_BLOCK_MAX) + bytes(4)


def zstd(plain_bytes):
    """Blocks of 128 KB that say "zero, so often"; 32,000 to one."""
    blocks = plain_bytes // ZSTD_BLOCK_MAX
    window = 13 << 3  # 8 MB
    rle = (struct.pack("<I", ZSTD_BLOCK_MAX << 3 | 1 << 1)[:3] + b"\0") * (blocks - 1)
    last = struct.pack("<I", ZSTD_BLOCK_MAX << 3 | 1 << 1 | 1)[:3] + b"\0"
    return struct.pack("<IBB", 0xFD2FB528, 0, window) + rle + last


def claims():
    """Bytes that promise far more than they hold: (name, codec, records)."""
    return [
        ("snappy of 4 GB in 10 bytes", SNAPPY, uvarint((1 << 32) - 1) + b"\0\0"),
        ("snappy whose length never ends", SNAPPY, b"\xff" * 20),
        ("xerial with a chunk of 2 GB", SNAPPY, b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, 0x7FFFFFFF) + b"x"),
        ("xerial with a negative chunk", SNAPPY, b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, -5) + b"x"),
        ("zstd that says it holds 2^62 bytes", ZSTD, struct.pack("<IBQ", 0xFD2FB528, 0xE0, 1 << 62) + b"\x01\0\0"),
        ("zstd with a window of 2 TB", ZSTD, struct.pack("<IBB", 0xFD2FB528, 0, 31 << 3) + b"\x01\0\0"),
        ("lz4 with a block larger than its frame says", LZ4,
         struct.pack("<IBBB", 0x184D2204, 0x60, 0x70, 0x73) + struct.pack("<I", 0x7FFFFFFF) + b"x"),
        ("gzip cut short", GZIP, gzip(1 << 20)[:100]),
        ("nothing", GZIP, b""), ("nothing", SNAPPY, b""), ("nothing", LZ4, b""), ("nothing", ZSTD, b""),
    ] + [("noise", codec, bytes(range(7, 250))) for codec in (GZIP, SNAPPY, LZ4, ZSTD)]
