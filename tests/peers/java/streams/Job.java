/* SPDX-License-Identifier: Apache-2.0 */

import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;

/** What the jobs of Kafka Streams have in common: JOB ADDRESS NAME GUARANTEE FOLDER OUTPUT INPUT..., until SIGTERM. */
final class Job {
    static final int INPUT = 5; /* the first of them, in the arguments */

    private Job() {
    }

    private static Properties configure(String[] args) {
        Properties config = new Properties();
        config.put("bootstrap.servers", args[0]);
        config.put("application.id", args[1]);
        config.put("processing.guarantee", args[2]);
        config.put("state.dir", args[3]);
        config.put("num.stream.threads", 2);
        config.put("statestore.cache.max.bytes", 0); /* every change is told */
        config.put("default.key.serde", Serdes.StringSerde.class);
        config.put("default.value.serde", Serdes.StringSerde.class);
        config.put("consumer.auto.offset.reset", "earliest");
        config.put("consumer.session.timeout.ms", 3000); /* of one that is killed */
        config.put("consumer.heartbeat.interval.ms", 500);
        config.put("consumer.max.poll.records", 200);
        config.put("reconnect.backoff.max.ms", 200);
        return config;
    }

    /** Says what comes out into OUTPUT: the key, and the value behind it. */
    static void say(KStream<String, ?> stream, String[] args) {
        stream.map((key, value) -> new KeyValue<>(key, key + " " + value))
            .to(args[4], Produced.with(Serdes.String(), Serdes.String()));
    }

    static void run(StreamsBuilder builder, String[] args) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(builder.build(), configure(args));
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
