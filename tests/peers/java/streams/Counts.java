/* SPDX-License-Identifier: Apache-2.0 */

import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams, exactly once: Counts ADDRESS INPUT OUTPUT FOLDER. It counts the records of INPUT by their values, and
 * says into OUTPUT for each record: its value, and how often there was one until then. The values become keys first,
 * so that there is a topic in which they are divided anew; and the counts are a store that has a topic, too.
 */
public final class Counts {
    private Counts() {
    }

    private static Properties configure(String address, String folder) {
        Properties config = new Properties();
        config.put("application.id", "counts");
        config.put("bootstrap.servers", address);
        config.put("processing.guarantee", "exactly_once_v2");
        config.put("state.dir", folder);
        config.put("num.stream.threads", 2);
        config.put("commit.interval.ms", 100);
        config.put("statestore.cache.max.bytes", 0); /* every count is told */
        config.put("default.key.serde", Serdes.StringSerde.class);
        config.put("default.value.serde", Serdes.StringSerde.class);
        config.put("consumer.auto.offset.reset", "earliest");
        config.put("consumer.session.timeout.ms", 3000); /* of one that is killed */
        config.put("consumer.heartbeat.interval.ms", 500);
        config.put("consumer.max.poll.records", 200);
        config.put("reconnect.backoff.max.ms", 200);
        return config;
    }

    public static void main(String[] args) throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(args[1])
            .selectKey((key, value) -> value)
            .groupByKey(Grouped.as("divided"))
            .count(Materialized.as("counted"))
            .toStream()
            .map((key, count) -> new KeyValue<>(key, key + " " + count))
            .to(args[2], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), configure(args[0], args[3]));
        streams.setUncaughtExceptionHandler(why -> {
            why.printStackTrace();
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            ended.countDown();
        }));
        streams.start();
        ended.await();
    }
}
