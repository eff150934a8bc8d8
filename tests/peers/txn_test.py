#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transactional producers of every client in one topic, and readers of every client, at kurierd."""
import transactors  # and where the kit is

from broker import Broker

if __name__ == "__main__":
    transactors.through(Broker(transactors.OPTIONS), list(transactors.KINDS))
