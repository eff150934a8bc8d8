/* SPDX-License-Identifier: Apache-2.0 */

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The records of corpus.h, and a peer program's command line. */
final class Corpus {
    static final int LARGE_BYTES = 1_000_000;
    static final int PATIENCE_MS = 60_000;
    private static final long BASE_MS = 1_700_000_000_000L;
    private static final int STEP_MS = 10;

    final int count;
    final int large;
    final String codec;
    final boolean idempotent;
    final List<String> steps;

    Corpus(String[] texts) {
        Map<String, String> given = new TreeMap<>(Map.of(
            "count", "100000", "large", "3", "codec", "none", "idempotent", "false", "steps", ""));
        for (String text : texts)
            given.replace(text.split("=")[0], text.split("=", 2)[1]);
        count = Integer.parseInt(given.get("count"));
        large = Integer.parseInt(given.get("large"));
        codec = given.get("codec");
        idempotent = given.get("idempotent").equals("true");
        steps = List.of(given.get("steps").split(","));
    }

    int size() {
        return count + large;
    }

    static long timestamp(int i) {
        return BASE_MS + (long) STEP_MS * i;
    }

    private static byte[] key(int i) {
        return i % 10 == 0 ? null : i % 10 == 1 ? new byte[0] : ("key-" + i).getBytes();
    }

    private byte[] value(int i) {
        if (i >= count) {
            byte[] value = new byte[LARGE_BYTES];
            for (int at = 0; at < LARGE_BYTES; at++)
                value[at] = (byte) ((at * 31 + i) % 251);
            return value;
        }
        if (i % 17 < 2)
            return i % 17 == 0 ? null : new byte[0];
        return ("value-" + i + "-" + "x".repeat(i % 150)).getBytes();
    }

    private static List<Header> headers(int i) {
        if (i % 5 != 0)
            return List.of();
        return List.of(new RecordHeader("number", Integer.toString(i).getBytes()),
            new RecordHeader("empty", new byte[0]), new RecordHeader("null", (byte[]) null));
    }

    ProducerRecord<byte[], byte[]> record(String topic, int i) {
        return new ProducerRecord<>(topic, 0, timestamp(i), key(i), value(i), headers(i));
    }

    /** Throws where what was read differs from record i. */
    void check(ConsumerRecord<byte[], byte[]> got, int i) {
        boolean same = got.offset() == i && got.timestamp() == timestamp(i) && Arrays.equals(got.key(), key(i))
            && Arrays.equals(got.value(), value(i)) && Arrays.asList(got.headers().toArray()).equals(headers(i));
        Need.that(same, "record %d is another: offset %d, time %d, headers %s", i, got.offset(), got.timestamp(),
            got.headers());
    }
}
