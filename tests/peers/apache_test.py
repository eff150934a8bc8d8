#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libkurier at Apache Kafka, two versions of it: the exchange of records with its own client, and the tests that
libkurier passes at kurierd, which is stopped and killed in them."""
import contextlib
import os
import subprocess

import clients
import exchange

import kafka
import peers
import tap


def passes(version, program, *words):
    peers.need("java")
    environment = {**os.environ, "KURIERD": kafka.__file__, "KAFKA_VERSION": version}
    done = subprocess.run([os.path.join("tests", "system", program), *words], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and "not ok" not in done.stdout, done.stdout[-4000:]


with contextlib.ExitStack() as stack:
    for peer, each in [(clients.JAVA_4, "4.3"), (clients.JAVA_3, "3.9")]:
        name = f"Apache Kafka {each}: "
        exchange.cases(peer, stack.enter_context(kafka.Kafka(each)), prefix=name)

        @tap.case(name + "what holds for administration at kurierd; a topic goes, and comes again")
        def _(each=each):
            passes(each, "admin_test")

        @tap.case(name + "what holds for administration of groups at kurierd, in the protocols that it has")
        def _(each=each):
            passes(each, "group_admin_test")

        @tap.case(name + "what holds for administration of transactions at kurierd; what hangs is found and ended")
        def _(each=each):
            passes(each, "txn_admin_test")

        @tap.case(name + "what holds for the producer at kurierd")
        def _(each=each):
            passes(each, "producer_test")

        @tap.case(name + "what holds for the consumer at kurierd, which is killed")
        def _(each=each):
            passes(each, "consumer_test")

        @tap.case(name + "killed twice under an idempotent producer: nothing lost, nothing twice")
        def _(each=each):
            passes(each, "kill_test", "2")

        @tap.case(name + "what holds for members of classic groups at kurierd, which is killed")
        def _(each=each):
            passes(each, "group_members_test")

    @tap.case("Apache Kafka 4.3: what holds for groups of both protocols at kurierd, which is killed")
    def _():
        passes("4.3", "group_protocols_test")

    if __name__ == "__main__":
        tap.run()
