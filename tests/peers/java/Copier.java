/* SPDX-License-Identifier: Apache-2.0 */

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** kafka-clients as a copier; copy.py tells what a copier does. */
public final class Copier implements ConsumerRebalanceListener {
    private final String address;
    private final String from;
    private final String to;
    private final String group;
    private final String id;
    private final int size;
    private final boolean fenced;
    private final boolean holds;
    private final String life = UUID.randomUUID().toString().substring(0, 8);
    private final KafkaConsumer<String, String> consumer;
    private KafkaProducer<String, String> producer;
    private boolean moved;
    private int transactions;

    private Copier(String[] args) {
        address = args[0];
        from = args[1];
        to = args[2];
        group = args[3];
        size = Integer.parseInt(args[5]);
        fenced = !args[6].contains("unfenced");
        holds = args[6].contains("hold");
        id = fenced ? args[4] : args[4] + "-" + life;
        consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", address, "group.id", group,
            "enable.auto.commit", false, "auto.offset.reset", "earliest", "isolation.level", "read_committed",
            "max.poll.records", Math.max(size / 4, 1), "session.timeout.ms", Integer.parseInt(args[7]),
            "heartbeat.interval.ms", Integer.parseInt(args[7]) / 6, "reconnect.backoff.max.ms", 200,
            "fetch.max.wait.ms", 100), new StringDeserializer(), new StringDeserializer());
        begin(Integer.parseInt(args[8]));
    }

    private void begin(int timeoutMs) {
        if (producer != null)
            producer.close(Duration.ZERO);
        producer = new KafkaProducer<>(Map.of("bootstrap.servers", address, "transactional.id", id,
            "transaction.timeout.ms", timeoutMs, "reconnect.backoff.max.ms", 200, "linger.ms", 5,
            "batch.size", 1000, "max.block.ms", 20000), new StringSerializer(), new StringSerializer());
        producer.initTransactions();
    }

    public static void main(String[] args) throws Exception {
        Copier copier = new Copier(args);
        copier.consumer.subscribe(List.of(copier.from), copier);
        while (true)
            try {
                List<ConsumerRecord<String, String>> records = copier.gather();
                if (!records.isEmpty())
                    copier.copy(records);
            } catch (KafkaException failed) {
                say("# " + failed.getMessage());
                copier.again(Integer.parseInt(args[8]));
            }
    }

    /** The records of one transaction; none if partitions came or went meanwhile. */
    private List<ConsumerRecord<String, String>> gather() {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        moved = false;
        while (records.size() < size) {
            int before = records.size();
            consumer.poll(Duration.ofMillis(500)).forEach(records::add);
            if (records.size() == before)
                break;
        }
        if (!moved)
            return records;
        rewind();
        return List.of();
    }

    private void copy(List<ConsumerRecord<String, String>> records) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        String tag = " " + life + "-" + transactions++ + " " + records.size();
        producer.beginTransaction();
        for (ConsumerRecord<String, String> record : records) {
            producer.send(new ProducerRecord<>(to, record.partition(), null, record.value() + tag));
            offsets.put(new TopicPartition(from, record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        if (holds)
            hold();
        producer.sendOffsetsToTransaction(offsets,
            fenced ? consumer.groupMetadata() : new ConsumerGroupMetadata(group));
        producer.commitTransaction();
        say("copied " + records.size());
    }

    private void hold() {
        producer.flush();
        say("holding");
        try {
            System.in.read();
        } catch (IOException odd) {
            throw new IllegalStateException(odd);
        }
    }

    private void again(int timeoutMs) {
        try {
            producer.abortTransaction();
        } catch (KafkaException | IllegalStateException over) {
            say("# " + over.getMessage());
            begin(timeoutMs);
        }
        rewind();
    }

    private void rewind() {
        consumer.committed(consumer.assignment()).forEach((partition, offset) -> {
            if (offset == null)
                consumer.seekToBeginning(List.of(partition));
            else
                consumer.seek(partition, offset);
        });
    }

    private static void say(String what) {
        System.out.println(what.replace('\n', ' '));
        System.out.flush();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        moved = true;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        moved = true;
    }
}
