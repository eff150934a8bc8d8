/* SPDX-License-Identifier: Apache-2.0 */

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.lang.reflect.Constructor;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.Readable;

/**
 * Reads messages from standard input (speak.c writes them), each decoded by
 * Kafka's own class and encoded again: to the same bytes, or it is told.
 *
 * A message is its name (int16 length first), an int16 version, an int32 size
 * and its bytes. Ends with the number of those that came back the same.
 */
public class Echo {
    static final Map<String, Constructor<?>> decoders = new HashMap<>();

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        int same = 0;
        int different = 0;
        for (String name = next(in); name != null; name = next(in)) {
            short version = in.readShort();
            byte[] bytes = in.readNBytes(in.readInt());
            String wrong = wrong(name, version, bytes);
            if (wrong == null) {
                same++;
            } else if (different++ < 10) {
                System.out.println(name + " v" + version + ": " + wrong);
            }
        }
        System.out.println(same + " came back the same, " + different + " did not");
        System.exit(different == 0 ? 0 : 1);
    }

    static String next(DataInputStream in) throws Exception {
        try {
            return in.readUTF();
        } catch (EOFException end) {
            return null;
        }
    }

    /** null: nothing. */
    static String wrong(String name, short version, byte[] bytes) throws Exception {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        Message message;
        try {
            message = (Message) decoder(name).newInstance(new ByteBufferAccessor(buffer), version);
        } catch (ReflectiveOperationException error) {
            return error.getCause() + " in " + HexFormat.of().formatHex(bytes);
        }
        if (buffer.hasRemaining())
            return buffer.remaining() + " bytes were not read of " + HexFormat.of().formatHex(bytes);
        byte[] again = Messages.bytes(message, version);
        return Arrays.equals(bytes, again) ? null
                : HexFormat.of().formatHex(bytes) + " became " + HexFormat.of().formatHex(again);
    }

    static Constructor<?> decoder(String name) throws Exception {
        Constructor<?> known = decoders.get(name);
        if (known == null) {
            known = Messages.find(name).getConstructor(Readable.class, short.class);
            decoders.put(name, known);
        }
        return known;
    }
}
