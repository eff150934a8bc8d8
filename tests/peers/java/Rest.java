/* SPDX-License-Identifier: Apache-2.0 */

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What else programs do with Java's clients, beside what exchange.py asks of every peer: Rest NAME ADDRESS TOPIC. */
public final class Rest {
    private static final int PARTITIONS = 4;
    private static final int KEYS = 1000;

    private final String address;
    private final String topic;
    private final TopicPartition first;

    private Rest(String address, String topic) {
        this.address = address;
        this.topic = topic;
        first = new TopicPartition(topic, 0);
    }

    private interface Part {
        void run(Rest rest) throws Exception;
    }

    private static final Map<String, Part> PARTS = Map.of(
        "acks", Rest::acks, "consumer", Rest::consumer, "keys", Rest::keys, "same-keys", Rest::sameKeys,
        "settings", Rest::settings, "stamps", Rest::stamps, "too-large", Rest::tooLarge, "topics", Rest::topics,
        "whole-admin", Rest::wholeAdmin);

    public static void main(String[] args) throws Exception {
        PARTS.get(args[0]).run(new Rest(args[1], args[2]));
    }

    private Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", address));
    }

    private void create(Admin admin, int partitions, Map<String, String> settings) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(settings))).all().get();
    }

    private KafkaProducer<String, String> producer(Object... settings) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", address));
        for (int i = 0; i < settings.length; i += 2)
            config.put((String) settings[i], settings[i + 1]);
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(Map<String, Object> settings) {
        Map<String, Object> config = new HashMap<>(settings);
        config.put("bootstrap.servers", address);
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> all = new ArrayList<>();
        long deadline = System.nanoTime() + Corpus.PATIENCE_MS * 1_000_000L;
        while (all.size() < count) {
            Need.that(System.nanoTime() < deadline, "%d of %d records", all.size(), count);
            consumer.poll(Duration.ofSeconds(1)).forEach(all::add);
        }
        return all;
    }

    private static void refused(Class<?> why, KafkaFuture<?> what) throws Exception {
        try {
            what.get();
        } catch (ExecutionException refusal) {
            Need.same(why, refusal.getCause().getClass());
            return;
        }
        throw new AssertionError("it was not refused");
    }

    /* ---- Producers ---- */

    private void acks() throws Exception {
        for (String acks : List.of("0", "1", "all"))
            try (KafkaProducer<String, String> producer = producer("acks", acks, "enable.idempotence", false)) {
                RecordMetadata sent = producer.send(new ProducerRecord<>(topic, acks)).get();
                Need.same(!acks.equals("0"), sent.hasOffset());
            }
        try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
            consumer.assign(List.of(first));
            consumer.seekToBeginning(List.of(first));
            read(consumer, 3);
        }
    }

    private void stamps() throws Exception {
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer()) {
            create(admin, 1, Map.of("message.timestamp.type", "LogAppendTime"));
            long before = System.currentTimeMillis();
            RecordMetadata sent = producer.send(new ProducerRecord<>(topic, 0, 12345L, "key", "value")).get();
            Need.that(sent.timestamp() >= before, "stamped with %d", sent.timestamp());
        }
    }

    private void tooLarge() throws Exception {
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer("max.request.size", 2_000_000)) {
            create(admin, 1, Map.of("max.message.bytes", "1000"));
            try {
                producer.send(new ProducerRecord<>(topic, "x".repeat(2000))).get();
            } catch (ExecutionException refused) {
                Need.same(RecordTooLargeException.class, refused.getCause().getClass());
                Need.same(0L, producer.send(new ProducerRecord<>(topic, "small")).get().offset());
                return;
            }
            throw new AssertionError("it was taken");
        }
    }

    private void keys() throws Exception {
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer()) {
            create(admin, PARTITIONS, Map.of());
            for (int i = 0; i < KEYS; i++)
                producer.send(new ProducerRecord<>(topic, "key-" + i, "java"));
        }
    }

    /** After another client has sent the same keys: each lies in one partition. */
    private void sameKeys() {
        Map<String, Integer> places = new HashMap<>();
        try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
            List<TopicPartition> all = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(each -> all.add(new TopicPartition(topic, each.partition())));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            for (ConsumerRecord<String, String> record : read(consumer, 2 * KEYS)) {
                Integer before = places.putIfAbsent(record.key(), record.partition());
                Need.that(before == null || before == record.partition(), "%s lies in two places", record.key());
            }
        }
        Need.same(KEYS, places.size());
    }

    /* ---- Consumers ---- */

    private void consumer() throws Exception {
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer()) {
            create(admin, 2, Map.of());
            for (int i = 0; i < 100; i++)
                producer.send(new ProducerRecord<>(topic, i % 2, null, Integer.toString(i)));
        }
        walk(Map.of());
        walk(Map.of("isolation.level", "read_committed", "max.poll.records", 7));
        walk(Map.of("group.protocol", "consumer", "group.id", "assigned", "enable.auto.commit", false));
    }

    private void walk(Map<String, Object> settings) {
        TopicPartition second = new TopicPartition(topic, 1);
        List<TopicPartition> both = List.of(first, second);
        try (KafkaConsumer<String, String> consumer = consumer(settings)) {
            consumer.assign(both);
            consumer.seekToBeginning(both);
            consumer.pause(List.of(second));
            for (ConsumerRecord<String, String> record : read(consumer, 50))
                Need.same(0, record.partition());
            consumer.resume(both);
            Need.same("1", read(consumer, 50).get(0).value());
            Need.same(50L, consumer.position(first));
            Need.same(0L, consumer.currentLag(first).getAsLong());
            consumer.seekToEnd(both);
            Need.same(50L, consumer.position(second));
            consumer.seek(second, 49);
            Need.same("99", read(consumer, 1).get(0).value());
            Need.that(consumer.listTopics().containsKey(topic), "it is not in the list");
            Need.that(consumer.offsetsForTimes(Map.of(first, 1L)).get(first).offset() == 0, "not the first");
        }
    }

    /* ---- Administration ---- */

    private void topics() throws Exception {
        NewTopic plain = new NewTopic(topic, Optional.empty(), Optional.empty());
        try (Admin admin = admin()) {
            admin.createTopics(List.of(plain), new CreateTopicsOptions().validateOnly(true)).all().get();
            refused(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(topic)).allTopicNames());
            CreateTopicsResult made = admin.createTopics(List.of(plain));
            Uuid id = made.topicId(topic).get();
            Need.same(1, made.numPartitions(topic).get());
            Need.same("-1", made.config(topic).get().get("retention.ms").value());
            TopicCollection byId = TopicCollection.ofTopicIds(List.of(id));
            Need.same(topic, admin.describeTopics(byId).allTopicIds().get().get(id).name());
            admin.deleteTopics(byId).all().get();
            refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all());
        }
    }

    private ConfigEntry setting(Admin admin, ConfigResource of, String key) throws Exception {
        DescribeConfigsOptions all = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        return admin.describeConfigs(List.of(of), all).all().get().get(of).get(key);
    }

    private void settings() throws Exception {
        ConfigResource of = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = admin()) {
            create(admin, 1, Map.of());
            ConfigEntry entry = setting(admin, of, "cleanup.policy");
            Need.same("delete", entry.value());
            Need.same(ConfigEntry.ConfigSource.DEFAULT_CONFIG, entry.source());
            Need.that(entry.isDefault() && !entry.documentation().isEmpty(), "%s", entry);
            Need.same(1, entry.synonyms().size());
            for (OpType how : List.of(OpType.APPEND, OpType.SUBTRACT)) {
                AlterConfigOp change = new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), how);
                Map<ConfigResource, Collection<AlterConfigOp>> changes = Map.of(of, List.of(change));
                String before = setting(admin, of, "cleanup.policy").value();
                admin.incrementalAlterConfigs(changes, new AlterConfigsOptions().validateOnly(true)).all().get();
                Need.same(before, setting(admin, of, "cleanup.policy").value());
                admin.incrementalAlterConfigs(changes).all().get();
                Need.same(how == OpType.APPEND ? "delete,compact" : "delete",
                    setting(admin, of, "cleanup.policy").value());
            }
        }
    }

    private void wholeAdmin() throws Exception {
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer()) {
            create(admin, 1, Map.of());
            producer.send(new ProducerRecord<>(topic, "value")).get();
            Map<String, LogDirDescription> folders = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
            LogDirDescription folder = folders.values().iterator().next();
            Need.that(folder.replicaInfos().get(first).size() > 0 && folder.totalBytes().isPresent(), "%s", folder);
            Need.same(ElectionNotNeededException.class, admin.electLeaders(ElectionType.PREFERRED, Set.of(first))
                .partitions().get().get(first).get().getClass());
            Need.same(Map.of(), admin.listPartitionReassignments().reassignments().get());
            ProducerState state =
                admin.describeProducers(List.of(first)).partitionResult(first).get().activeProducers().get(0);
            Need.same(0, state.lastSequence());
            Need.that(!state.currentTransactionStartOffset().isPresent(), "a transaction");
            Need.same(Set.of("group.version", "transaction.version"),
                admin.describeFeatures().featureMetadata().get().finalizedFeatures().keySet());
            Need.same(1, admin.describeCluster().controller().get().id());
            Need.same(List.of(), List.copyOf(admin.listClientMetricsResources().all().get()));
        }
    }
}
