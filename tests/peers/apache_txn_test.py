#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same, with libkurier in it, at Apache Kafka."""
import os

import transactors  # and where the kit is

from kafka import Kafka

KINDS = os.environ.get("KINDS", " ".join(transactors.KINDS)).split()

if __name__ == "__main__":
    transactors.through(Kafka(os.environ.get("KAFKA_VERSION", "4.3"), transactors.OPTIONS), KINDS)
