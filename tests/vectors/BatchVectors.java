/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes batches.txt with Kafka's own Java classes. Once, by hand:
 *
 *   java -cp "DIR_OF_KAFKA_4.3_JARS/*" tests/vectors/BatchVectors.java >tests/vectors/batches.txt
 *
 * With arguments it reads instead: each is a file of batches, whose records it
 * prints in the same form. A field is hex, BYTE*COUNT, "=" (empty) or "-" (null);
 * a batch's bytes are such fields in a row.
 */
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

public class BatchVectors {
    static final long NONE = RecordBatch.NO_TIMESTAMP;
    static final long T = 1700000000000L;
    static final Header[] NO_HEADERS = {};

    static byte[] bytes(String text) { return text.getBytes(java.nio.charset.StandardCharsets.UTF_8); }

    static byte[] fill(int b, int count) {
        byte[] out = new byte[count];
        java.util.Arrays.fill(out, (byte) b);
        return out;
    }

    static String field(byte[] b) {
        if (b == null) return "-";
        if (b.length == 0) return "=";
        boolean same = b.length > 8;
        for (byte x : b) same &= x == b[0];
        return same ? String.format("%02x*%d", b[0], b.length) : HexFormat.of().formatHex(b);
    }

    static byte[] copy(ByteBuffer b) {
        if (b == null) return null;
        byte[] out = new byte[b.remaining()];
        b.duplicate().get(out);
        return out;
    }

    static void print(String name, ByteBuffer buffer) {
        for (RecordBatch rb : MemoryRecords.readableRecords(buffer.duplicate()).batches()) {
            DefaultRecordBatch b = (DefaultRecordBatch) rb;
            b.ensureValid();
            int attributes = buffer.getShort(buffer.position() + 21);
            System.out.printf("batch %s\n", name);
            System.out.printf("header %d %d %d %d %d %d %d %d %d %d\n", b.baseOffset(),
                b.partitionLeaderEpoch(), attributes, b.lastOffset() - b.baseOffset(),
                buffer.getLong(buffer.position() + 27), b.maxTimestamp(), b.producerId(),
                b.producerEpoch(), b.baseSequence(), b.countOrNull());
            for (org.apache.kafka.common.record.internal.Record r : b) {
                System.out.printf("record %d %d %s %s", r.offset(), r.timestamp(),
                    field(copy(r.key())), field(copy(r.value())));
                for (Header h : r.headers())
                    System.out.printf(" %s %s", field(bytes(h.key())), field(h.value()));
                System.out.println();
            }
        }
    }

    static void vector(String name, ByteBuffer buffer) {
        print(name, buffer);
        byte[] all = copy(buffer);
        StringBuilder out = new StringBuilder("bytes");
        boolean afterRun = true;
        for (int i = 0, end; i < all.length; i = end) {
            for (end = i; end < all.length && all[end] == all[i]; ) end++;
            boolean run = end - i > 16;
            if (run || afterRun) out.append(' ');
            if (run) out.append(String.format("%02x*%d", all[i], end - i));
            else out.append(HexFormat.of().formatHex(all, i, end));
            afterRun = run;
        }
        System.out.println(out);
    }

    interface Fill { void into(MemoryRecordsBuilder b); }

    static class Batch {
        Compression codec = Compression.NONE;
        TimestampType time = TimestampType.CREATE_TIME;
        long offset = 0, appendTime = NONE, producer = -1, horizon = NONE;
        short epoch = -1;
        int sequence = -1, leaderEpoch = -1;
        boolean txn = false, control = false;

        void write(String name, Fill fill) {
            MemoryRecordsBuilder b = new MemoryRecordsBuilder(new ByteBufferOutputStream(1 << 16),
                RecordBatch.MAGIC_VALUE_V2, codec, time, offset, appendTime, producer, epoch, sequence,
                txn, control, leaderEpoch, Integer.MAX_VALUE, horizon);
            fill.into(b);
            vector(name, b.build().buffer());
        }
    }

    static void plain() {
        new Batch().write("one", b -> b.append(T, bytes("key"), bytes("value"), NO_HEADERS));
        new Batch().write("nulls_and_empties", b -> {
            b.append(T, (byte[]) null, null, NO_HEADERS);
            b.append(T, (byte[]) null, bytes(""), NO_HEADERS);
            b.append(T, bytes(""), null, NO_HEADERS);
            b.append(T, bytes(""), bytes(""), NO_HEADERS);
            b.append(T, bytes("k"), bytes("v"), new Header[] {
                new RecordHeader("", (byte[]) null), new RecordHeader("", bytes("")),
                new RecordHeader("name", bytes("value")), new RecordHeader("n\u00e4me", (byte[]) null)});
        });
        new Batch().write("times", b -> {
            b.append(T, (byte[]) null, bytes("a"), NO_HEADERS);
            b.append(T - 1, (byte[]) null, bytes("b"), NO_HEADERS);
            b.append(T + 64, (byte[]) null, bytes("c"), NO_HEADERS);
            b.append(0, (byte[]) null, bytes("d"), NO_HEADERS);
            b.append(T + (1L << 40), (byte[]) null, bytes("e"), NO_HEADERS);
        });
        new Batch().write("no_time", b -> b.append(NONE, bytes("k"), bytes("v"), NO_HEADERS));
        new Batch().write("lengths", b -> {
            for (int n : new int[] {62, 63, 64, 65, 127, 128, 8190, 8191, 8192})
                b.append(T, fill('k', n / 2 + 9), fill('v', n), NO_HEADERS);
        });
        new Batch().write("many", b -> {
            for (int i = 0; i < 130; i++)
                b.append(T + i, (byte[]) null, new byte[] {(byte) i}, NO_HEADERS);
        });
        Header[] headers = new Header[70];
        for (int i = 0; i < headers.length; i++) headers[i] = new RecordHeader("h" + i, fill(i, i));
        new Batch().write("headers", b -> b.append(T, bytes("k"), bytes("v"), headers));
    }

    static void producers() {
        Batch idempotent = new Batch();
        idempotent.producer = 4000000000L;
        idempotent.epoch = 32766;
        idempotent.sequence = Integer.MAX_VALUE;
        idempotent.write("sequence_wraps", b -> {
            b.append(T, bytes("k"), bytes("v"), NO_HEADERS);
            b.append(T, bytes("l"), bytes("w"), NO_HEADERS);
        });
        Batch txn = new Batch();
        txn.producer = 7;
        txn.epoch = 3;
        txn.sequence = 5;
        txn.txn = true;
        txn.offset = 1L << 33;
        txn.leaderEpoch = 9;
        txn.write("transactional", b -> b.append(T, bytes("k"), bytes("v"), NO_HEADERS));
        txn.control = true;
        txn.sequence = -1;
        txn.write("commit", b -> b.appendEndTxnMarker(T, new EndTransactionMarker(ControlRecordType.COMMIT, 21)));
        txn.write("abort", b -> b.appendEndTxnMarker(T, new EndTransactionMarker(ControlRecordType.ABORT, 21)));
    }

    static void logs() {
        Batch append = new Batch();
        append.time = TimestampType.LOG_APPEND_TIME;
        append.appendTime = T + 5000;
        append.write("log_append_time", b -> {
            b.append(T, bytes("k"), bytes("v"), NO_HEADERS);
            b.append(T + 7, bytes("l"), bytes("w"), NO_HEADERS);
        });
        Batch sparse = new Batch();
        sparse.offset = 100;
        sparse.write("compacted", b -> {
            b.appendWithOffset(103, T, bytes("k"), bytes("v"), NO_HEADERS);
            b.appendWithOffset(170, T + 1, bytes("l"), null, NO_HEADERS);
            b.overrideLastOffset(200);
        });
        sparse.horizon = T + 86400000;
        sparse.write("delete_horizon", b -> b.appendWithOffset(101, T, bytes("k"), null, NO_HEADERS));
        ByteBuffer empty = ByteBuffer.allocate(61);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 7, (short) 1, 40, 500, 520, 3,
            TimestampType.CREATE_TIME, T, false, false);
        empty.flip();
        vector("empty", empty);
    }

    static void codecs() {
        Compression[] all = {Compression.gzip().build(), Compression.snappy().build(),
            Compression.lz4().build(), Compression.zstd().build()};
        String[] names = {"gzip", "snappy", "lz4", "zstd"};
        for (int i = 0; i < all.length; i++) {
            Batch packed = new Batch();
            packed.codec = all[i];
            packed.write(names[i] + "_small", b -> b.append(T, bytes("k"), bytes("v"), NO_HEADERS));
            packed.write(names[i] + "_blocks", b -> {
                for (int n = 0; n < 20; n++)
                    b.append(T + n, bytes("key" + n), fill('a' + n, 10000), NO_HEADERS);
            });
        }
    }

    public static void main(String[] files) throws Exception {
        for (String file : files) {
            for (RecordBatch b : MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(Path.of(file)))).batches()) {
                ByteBuffer one = ByteBuffer.allocate(b.sizeInBytes());
                ((DefaultRecordBatch) b).writeTo(one);
                one.flip();
                print("read", one);
            }
        }
        if (files.length > 0) return;
        System.out.println("# Made by BatchVectors.java with kafka-clients 4.3.0.");
        plain();
        producers();
        logs();
        codecs();
    }
}
