#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libkurier in one group with others, at Apache Kafka."""
import stories  # and where the kit is

from kafka import Kafka

GROUPS = {
    "classic": [(kind, "cooperative-sticky") for kind in ["libkurier", "java-4.3", "librdkafka-2.0"]],
    "consumer": [(kind, "consumer") for kind in ["libkurier", "java-4.3", "librdkafka-2.16"]],
    "both protocols": [("libkurier", "consumer"), ("libkurier", "cooperative-sticky"), ("java-4.3", "consumer")],
}

if __name__ == "__main__":
    stories.through(Kafka("4.3", stories.OPTIONS), GROUPS)
