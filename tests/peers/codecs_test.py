#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every message of the schema in every version, against Apache Kafka's own classes, in both directions."""
import os
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TOP, "kit")]

import tap
import vectors

SPEAK = os.path.abspath("tests/vectors/speak")
COUNT = 40


KRAFT = {80, 81}  # AddRaftVoter, RemoveRaftVoter
OF_CONTROLLER = {67: (0, 0)}  # AllocateProducerIds, which a broker asks


@tap.case("the schema has each API of a broker, in each version that is stable")
def schema_is_whole():
    ours = {}
    for words in vectors.subjects():
        sort, key, versions = words.split(":")
        if sort == "api":
            first, _, last = versions.partition("-")
            ours[int(key)] = (int(first), int(last or first))
    kafkas = {key: versions for key, (_, versions) in vectors.apis().items() if key not in KRAFT}
    kafkas |= OF_CONTROLLER
    assert len(kafkas) > 70 and ours == kafkas, f"{set(ours.items()) ^ set(kafkas.items())}"


@tap.case("the vectors that the unit tests hold us against are what Kafka writes")
def vectors_are_kafkas():
    with open(os.path.join(TOP, "vectors", "kafka.txt"), encoding="utf-8") as file:
        ours = file.read().splitlines()
    kafkas = vectors.of_kafka().splitlines()
    for number, (our, kafka) in enumerate(zip(ours, kafkas), 1):
        assert our == kafka, f"kafka.txt:{number}: Kafka writes {kafka[:200]!r}; see tests/vectors/make.sh"
    assert len(ours) == len(kafkas)


@tap.case("what we write at random, Kafka reads and writes again as it was")
def kafka_echoes():
    seed = os.environ.get("SEED", "1")
    status, said = vectors.echo([SPEAK, seed, str(COUNT), *vectors.BY_HAND])
    print(f"# seed {seed}: {said.strip()}".replace("\n", "\n# "))
    assert status == 0, "Kafka understood something else; it stands above"
    assert int(said.split()[0]) > 20000, "some were not spoken"


if __name__ == "__main__":
    tap.run()
