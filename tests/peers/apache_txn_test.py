#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transactional producers of libkurier and of others in one topic, and readers of each, at Apache Kafka."""
import transactors  # and where the kit is

from kafka import Kafka

KINDS = ["libkurier", "librdkafka-2.16", "java-4.3"]

if __name__ == "__main__":
    transactors.through(Kafka("4.3", transactors.OPTIONS), KINDS)
