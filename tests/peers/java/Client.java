/* SPDX-License-Identifier: Apache-2.0 */

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** kafka-clients as a peer; exchange.py tells what a peer program does. */
public final class Client {
    private final String address;
    private final TopicPartition partition;
    private final Corpus corpus;

    private Client(String[] args) {
        address = args[1];
        partition = new TopicPartition(args[2], 0);
        corpus = new Corpus(List.of(args).subList(3, args.length).toArray(new String[0]));
    }

    public static void main(String[] args) throws Exception {
        Client client = new Client(args);
        switch (args[0]) {
            case "produce":
                client.produce();
                break;
            case "verify":
                client.verify();
                break;
            case "seek":
                client.seek();
                break;
            default:
                Administrator.take(client.corpus, client.address, client.partition);
        }
    }

    private void produce() {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", address, "compression.type", corpus.codec, "enable.idempotence", corpus.idempotent,
            "max.request.size", Corpus.LARGE_BYTES + 10_000, "linger.ms", 5));
        AtomicReference<Exception> failed = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < corpus.size(); i++)
                producer.send(corpus.record(partition.topic(), i), (sent, error) -> {
                    if (error != null)
                        failed.compareAndSet(null, error);
                });
        }
        Need.that(failed.get() == null, "not delivered: %s", failed.get());
    }

    /** With a group, as many programs have one that never join it. */
    private KafkaConsumer<byte[], byte[]> consumerAt(long offset) {
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
            Map.of("bootstrap.servers", address, "group.id", "exchange", "enable.auto.commit", false,
                "fetch.max.wait.ms", 10),
            new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.assign(List.of(partition));
        consumer.seek(partition, offset);
        return consumer;
    }

    /** Reads records first to end - 1. */
    private void expect(KafkaConsumer<byte[], byte[]> consumer, int first, int end) {
        long deadline = System.nanoTime() + Corpus.PATIENCE_MS * 1_000_000L;
        for (int i = first; i < end; ) {
            Need.that(System.nanoTime() < deadline, "record %d did not come", i);
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1)).records(partition))
                if (i < end)
                    corpus.check(record, i++);
        }
    }

    private void verify() {
        try (KafkaConsumer<byte[], byte[]> consumer = consumerAt(0)) {
            expect(consumer, 0, corpus.size());
            Need.same((long) corpus.size(), consumer.position(partition));
            Need.same(Map.of(partition, 0L), consumer.beginningOffsets(List.of(partition)));
            Need.same(Map.of(partition, (long) corpus.size()), consumer.endOffsets(List.of(partition)));
        }
    }

    private void seek() {
        int last = corpus.size() - 1;
        try (KafkaConsumer<byte[], byte[]> consumer = consumerAt(0)) {
            for (int i : new int[] {0, 1, corpus.count / 2, last})
                for (long time : new long[] {Corpus.timestamp(i) - 3, Corpus.timestamp(i)}) {
                    OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, time)).get(partition);
                    Need.same((long) i, found.offset());
                    Need.same(Corpus.timestamp(i), found.timestamp());
                    consumer.seek(partition, found.offset());
                    expect(consumer, i, i + 1);
                }
            long after = Corpus.timestamp(last) + 1;
            Need.that(consumer.offsetsForTimes(Map.of(partition, after)).get(partition) == null, "%d is found", after);
        }
    }
}
