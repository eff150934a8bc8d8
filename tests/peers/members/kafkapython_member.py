# SPDX-License-Identifier: Apache-2.0
"""kafka-python as a member of a group; members.py tells what a member says. A listener of its cannot commit, so it
commits by itself: before it gives up partitions, too."""
import signal
import sys
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor

address, topic, group, strategy, session_ms = sys.argv[1:]
assert strategy == "range", strategy


def say(*words):
    print(time.time_ns() // 1000, *words, flush=True)


class Listener(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        say("assigned", *(p.partition for p in assigned))

    def on_partitions_revoked(self, revoked):
        say("revoked", *(p.partition for p in revoked))

    def on_partitions_lost(self, lost):
        say("lost", *(p.partition for p in lost))


ending = False


def end(*_):
    global ending
    ending = True


signal.signal(signal.SIGTERM, end)
consumer = KafkaConsumer(bootstrap_servers=address, group_id=group,
                         auto_offset_reset="earliest", fetch_max_wait_ms=100, session_timeout_ms=int(session_ms),
                         heartbeat_interval_ms=int(session_ms) // 6,
                         partition_assignment_strategy=[RangePartitionAssignor])
consumer.subscribe([topic], listener=Listener())
while not ending:
    for records in consumer.poll(timeout_ms=200).values():
        for record in records:
            say("read", record.partition, record.offset)
consumer.close()
say("left")
