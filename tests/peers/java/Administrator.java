/* SPDX-License-Identifier: Apache-2.0 */

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;

/** The steps of a peer's admin, which exchange.py lists. */
final class Administrator {
    private final Admin admin;
    private final Corpus corpus;
    private final String address;
    private final TopicPartition partition;
    private final String fresh;
    private final ConfigResource resource;

    private Administrator(Admin admin, Corpus corpus, String address, TopicPartition partition) {
        this.admin = admin;
        this.corpus = corpus;
        this.address = address;
        this.partition = partition;
        fresh = partition.topic() + "-new";
        resource = new ConfigResource(ConfigResource.Type.TOPIC, fresh);
    }

    static void take(Corpus corpus, String address, TopicPartition partition) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
            Administrator of = new Administrator(admin, corpus, address, partition);
            Map<String, Callable<?>> known = new HashMap<>();
            known.put("create", of::create);
            known.put("describe", of::describe);
            known.put("cluster", of::cluster);
            known.put("configs", () -> of.needRetention("3600000"));
            known.put("alter", of::alter);
            known.put("grow", of::grow);
            known.put("offsets", () -> of.needOffsets(0));
            known.put("truncate", of::truncate);
            known.put("delete", of::delete);
            for (String step : corpus.steps)
                known.get(step).call();
        }
    }

    private Object create() throws Exception {
        NewTopic topic = new NewTopic(fresh, 3, (short) 1).configs(Map.of("retention.ms", "3600000"));
        admin.createTopics(List.of(topic)).all().get();
        try {
            admin.createTopics(List.of(topic)).all().get();
        } catch (ExecutionException refused) {
            Need.same(TopicExistsException.class, refused.getCause().getClass());
            return null;
        }
        throw new AssertionError("it was created twice");
    }

    private List<Integer> partitions() throws Exception {
        List<Integer> numbers = new ArrayList<>();
        TopicDescription about = admin.describeTopics(List.of(fresh)).allTopicNames().get().get(fresh);
        for (TopicPartitionInfo each : about.partitions()) {
            Need.that(each.leader() != null, "partition %d has no leader", each.partition());
            numbers.add(each.partition());
        }
        return numbers;
    }

    private Object describe() throws Exception {
        Need.same(List.of(0, 1, 2), partitions());
        Set<String> names = admin.listTopics().names().get();
        Need.that(names.containsAll(List.of(partition.topic(), fresh)), "the topics are %s", names);
        return null;
    }

    private Object cluster() throws Exception {
        DescribeClusterResult about = admin.describeCluster();
        Collection<Node> nodes = about.nodes().get();
        Node only = nodes.iterator().next();
        Need.same(1, nodes.size());
        Need.same(address, only.host() + ":" + only.port());
        Need.same(only.id(), about.controller().get().id());
        return null;
    }

    private Object needRetention(String want) throws Exception {
        Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        Need.same(want, config.get("retention.ms").value());
        return null;
    }

    private Object alter() throws Exception {
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
        return needRetention("7200000");
    }

    private Object grow() throws Exception {
        admin.createPartitions(Map.of(fresh, NewPartitions.increaseTo(5))).all().get();
        Need.same(List.of(0, 1, 2, 3, 4), partitions());
        return null;
    }

    private long offset(OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    private Object needOffsets(long first) throws Exception {
        Need.same(first, offset(OffsetSpec.earliest()));
        Need.same((long) corpus.size(), offset(OffsetSpec.latest()));
        Need.same(corpus.size() - 1L, offset(OffsetSpec.maxTimestamp()));
        return null;
    }

    private Object truncate() throws Exception {
        admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(10))).all().get();
        return needOffsets(10);
    }

    private Object delete() throws Exception {
        admin.deleteTopics(List.of(fresh)).all().get();
        Need.that(!admin.listTopics().names().get().contains(fresh), "%s is still there", fresh);
        return null;
    }
}
