#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes kafka.txt anew from the schema and Kafka's own serialiser, whose jars
# are installed where tests/peers have theirs.
set -eu
here=$(dirname "$0")
PYTHONPATH=$here/../kit python3 -B -c 'import vectors; print(vectors.of_kafka(), end="")' \
    >"$here/kafka.txt.new"
mv "$here/kafka.txt.new" "$here/kafka.txt"
