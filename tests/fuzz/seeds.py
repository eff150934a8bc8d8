#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a corpus of hex lines into a directory, a file each, as libFuzzer wants them.

    seeds.py tests/fuzz/corpus/NAME.txt DIR
"""
import hashlib
import os
import sys


def main(corpus, directory):
    os.makedirs(directory, exist_ok=True)
    with open(corpus, encoding='utf-8') as lines:
        for line in lines:
            data = bytes.fromhex(line.split('#')[0].strip())
            if data:
                name = hashlib.sha1(data).hexdigest()
                with open(os.path.join(directory, name), 'wb') as file:
                    file.write(data)


if __name__ == '__main__':
    main(*sys.argv[1:])
