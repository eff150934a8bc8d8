#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes kafka.txt anew from the schema's APIs and Kafka's own serialiser:
#
#   tests/vectors/make.sh DIR
#
# where DIR holds the jars of Kafka 4.3.0 and what they need. To get them, with
# Maven and a pom.xml that depends on org.apache.kafka:kafka_2.13:4.3.0:
#
#   mvn dependency:copy-dependencies -DoutputDirectory=DIR
set -eu
here=$(dirname "$0")
apis=$(sed -n 's/^api \([0-9]*\) [A-Za-z]* \([0-9-]*\) .*/\1:\2/p' "$here"/../../wire/schema/*.api |
    sort -n)
# shellcheck disable=SC2086 # words
java -XX:TieredStopAtLevel=1 -cp "$1/*" "$here/Vectors.java" $apis >"$here/kafka.txt.new"
mv "$here/kafka.txt.new" "$here/kafka.txt"
