/* SPDX-License-Identifier: Apache-2.0 */

import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;

/**
 * A job with state. It counts the records of its input by their values, and says for each record how often there was
 * one until then. The values become keys first, so that there is a topic in which they are divided anew; and the counts
 * are a store that has a topic, too.
 */
public final class Counts {
    private Counts() {
    }

    public static void main(String[] args) throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        Job.say(builder.<String, String>stream(args[Job.INPUT])
            .selectKey((key, value) -> value)
            .groupByKey(Grouped.as("divided"))
            .count(Materialized.as("counted"))
            .toStream(), args);
        Job.run(builder, args);
    }
}
