/* SPDX-License-Identifier: Apache-2.0 */

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** kafka-clients in transactions; transactors.py tells what such a program does. */
public final class Txn {
    private Txn() {
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write"))
            write(args[1], args[2], args[3], args[4]);
        else
            read(args[1], args[2], Integer.parseInt(args[3]), args[4]);
    }

    private static void write(String address, String topic, String name, String input) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", address, "transactional.id", name, "linger.ms", 0), new StringSerializer(),
            new StringSerializer())) {
            producer.initTransactions();
            say("ok");
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                step(producer, topic, name, input, line.split(" ", 3));
                say("ok");
            }
        }
    }

    private static void step(KafkaProducer<String, String> producer, String topic, String name, String input,
                             String[] words) {
        switch (words[0]) {
            case "begin" -> producer.beginTransaction();
            case "send" -> producer.send(new ProducerRecord<>(topic, Integer.parseInt(words[1]), name, words[2]));
            case "flush" -> producer.flush();
            case "offset" -> producer.sendOffsetsToTransaction(
                Map.of(new TopicPartition(input, 0), new OffsetAndMetadata(Long.parseLong(words[1]))),
                new ConsumerGroupMetadata(name));
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    private static void say(String what) {
        System.out.println(what);
        System.out.flush();
    }

    private static void read(String address, String topic, int partitions, String isolation) {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
            Map.of("bootstrap.servers", address, "isolation.level", isolation, "fetch.max.wait.ms", 100),
            new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p))
                .collect(Collectors.toList());
            consumer.assign(all);
            consumer.seekToBeginning(all);
            int left = partitions;
            while (left > 0)
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    System.out.println(record.partition() + " " + record.offset() + " " + record.value());
                    left -= record.value().equals("end") ? 1 : 0;
                }
        }
    }
}
