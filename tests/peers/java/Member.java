/* SPDX-License-Identifier: Apache-2.0 */

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** kafka-clients as a member of a group; members.py tells what a member says. */
public final class Member implements ConsumerRebalanceListener {
    private static final Map<String, String> ASSIGNORS = Map.of(
        "range", "org.apache.kafka.clients.consumer.RangeAssignor",
        "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    private final KafkaConsumer<byte[], byte[]> consumer;
    private volatile boolean ending;

    private Member(String address, String group, String strategy, int sessionMs) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", address, "group.id", group,
            "enable.auto.commit", false, "auto.offset.reset", "earliest", "fetch.max.wait.ms", 100));
        if (strategy.equals("consumer"))
            config.put("group.protocol", "consumer");
        else
            config.putAll(Map.of("session.timeout.ms", sessionMs, "heartbeat.interval.ms", sessionMs / 6,
                "partition.assignment.strategy", ASSIGNORS.get(strategy)));
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    public static void main(String[] args) throws Exception {
        Member member = new Member(args[0], args[2], args[3], Integer.parseInt(args[4]));
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            member.ending = true;
            member.consumer.wakeup();
            try {
                main.join();
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        }));
        member.run(args[1]);
    }

    private void run(String topic) {
        consumer.subscribe(List.of(topic), this);
        while (!ending)
            tolerate(() -> {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1)))
                    say("read " + record.partition() + " " + record.offset());
            });
        tolerate(consumer::close);
        say("left");
    }

    /** A commit that is refused, or a change that its end cuts short, is no matter; it is shown. */
    private static void tolerate(Runnable what) {
        try {
            what.run();
        } catch (WakeupException asked) {
            return;
        } catch (KafkaException odd) {
            say("# " + odd.getMessage());
        }
    }

    private static void say(String what) {
        Instant now = Instant.now();
        System.out.println(now.getEpochSecond() * 1_000_000 + now.getNano() / 1000 + " " + what);
        System.out.flush();
    }

    private static void say(String what, Collection<TopicPartition> partitions) {
        StringBuilder words = new StringBuilder(what);
        for (TopicPartition each : partitions)
            words.append(' ').append(each.partition());
        say(words.toString());
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        say("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        try {
            consumer.commitSync();
        } catch (CommitFailedException fenced) { // while it was stopped; others have them
            say("# commit " + fenced.getMessage());
        }
        say("revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        say("lost", partitions);
    }
}
