/* SPDX-License-Identifier: Apache-2.0 */

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Prints what Kafka's own serialiser makes of messages that are filled by a
 * rule. tests/unit/wire/fill.h states the rule; the C side follows it on its
 * own and has to arrive at the same bytes.
 *
 * Arguments: what the schema has, as "api:KEY:MIN-MAX", "record:NAME:MIN-MAX"
 * (of the value; a key has version 0) or "data:NAME:MIN-MAX". See make.sh.
 */
public class Vectors {
    static final int LONGEST_HEX = 160;
    static final String[] VARIANTS = {"zero", "full", "edge", "big", "mix0", "mix1", "mix2", "mix3"};

    enum Kind { OMIT, SET, EDGE, BIG, NULL }

    static final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] args) throws Exception {
        for (String arg : args) {
            String[] part = arg.split("[:-]");
            short min = Short.parseShort(part[2]);
            short max = Short.parseShort(part[part.length - 1]);
            switch (part[0]) {
                case "api": api(ApiKeys.forId(Integer.parseInt(part[1])), min, max); break;
                case "record":
                    new Vectors(part[1] + "Key", (short) 0, (short) 0).print();
                    new Vectors(part[1] + "Value", min, max).print();
                    break;
                default: new Vectors(part[1], min, max).print();
            }
        }
        out.flush();
    }

    static void api(ApiKeys api, short min, short max) throws Exception {
        headers(api, min, max);
        new Vectors(api.messageType.name + "Request", min, max).print();
        new Vectors(api.messageType.name + "Response", min, max).print();
    }

    // ---- Headers ----

    static void headers(ApiKeys api, short min, short max) throws Exception {
        for (short v = min; v <= max; v++) {
            RequestHeaderData request = new RequestHeaderData().setRequestApiKey(api.id)
                    .setRequestApiVersion(v).setCorrelationId(0x01020304).setClientId("kurier");
            ResponseHeaderData response = new ResponseHeaderData().setCorrelationId(0x01020304);
            out.println("header " + api.id + " " + v + " " + hex(request, api.requestHeaderVersion(v))
                    + " " + hex(response, api.responseHeaderVersion(v)));
        }
    }

    static String hex(Message message, short version) {
        return HexFormat.of().formatHex(Messages.bytes(message, version));
    }

    // ---- One message ----

    final String name;
    final String dataClass;
    final JsonNode definition;
    final Map<String, JsonNode> structs = new HashMap<>();
    final short min;
    final short max;

    String variant;
    int version; // -1: all fields, whatever the version

    Vectors(String name, short min, short max) throws Exception {
        this.name = name;
        this.dataClass = Messages.find(name).getName();
        this.definition = load(name);
        this.min = min;
        this.max = max;
        collect(definition.path("commonStructs"));
        collect(definition.path("fields"));
    }

    static JsonNode load(String name) throws Exception {
        ObjectMapper mapper = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
        try (InputStream in = Message.class.getResourceAsStream("/common/message/" + name + ".json")) {
            return mapper.readTree(in);
        }
    }

    void collect(JsonNode nodes) {
        for (JsonNode node : nodes) {
            if (node.has("fields")) {
                String type = node.has("type") ? plainType(node) : node.get("name").asText();
                structs.put(type, node.get("fields"));
                collect(node.get("fields"));
            }
        }
    }

    void print() throws Exception {
        out.println("message " + name);
        for (String v : VARIANTS)
            row(v, false);
        for (String path : partial(definition.path("fields"), "").keySet()) {
            row("only:" + path, true);
            row("edge:" + path, true);
            row("null:" + path, true);
        }
    }

    /** One variant over all versions; what is as before is written as "=". */
    void row(String variant, boolean anyVersion) throws Exception {
        StringBuilder line = new StringBuilder(variant);
        String before = "";
        for (short v = min; v <= max; v++) {
            this.variant = variant;
            this.version = anyVersion ? -1 : v;
            String now = encoded(v);
            line.append(' ').append(now.equals(before) ? "=" : now);
            before = now;
        }
        out.println(line);
    }

    String encoded(short v) throws Exception {
        Object data = Class.forName(dataClass).getConstructor().newInstance();
        try {
            if (!variant.equals("zero"))
                fill(data, definition.path("fields"), "");
            byte[] bytes = Messages.bytes((Message) data, v);
            if (bytes.length > LONGEST_HEX)
                return String.format("~%d:%016x", bytes.length, fnv(bytes));
            return bytes.length == 0 ? "-" : HexFormat.of().formatHex(bytes);
        } catch (UnsupportedVersionException | NullPointerException refused) {
            return "!";
        }
    }

    /** Fields that some version lacks, or in which some version forbids the null of another. */
    Map<String, JsonNode> partial(JsonNode fields, String path) {
        Map<String, JsonNode> found = new LinkedHashMap<>();
        for (JsonNode field : fields) {
            String at = path + snake(field.get("name").asText());
            if (in(field, "versions", min, max) && !(covers(field, "versions") && evenNull(field)))
                found.put(at, field);
            JsonNode inner = structs.get(plainType(field));
            if (inner != null && in(field, "versions", min, max))
                found.putAll(partial(inner, at + (isArray(field) ? ".0." : ".")));
        }
        return found;
    }

    boolean evenNull(JsonNode field) {
        return !field.has("nullableVersions") || covers(field, "nullableVersions");
    }

    boolean covers(JsonNode field, String range) {
        for (int v = min; v <= max; v++)
            if (!in(field, range, v, v))
                return false;
        return true;
    }

    // ---- Filling ----

    void fill(Object target, JsonNode fields, String path) throws Exception {
        for (JsonNode field : fields) {
            if (!present(field))
                continue;
            String at = path + snake(field.get("name").asText());
            Kind kind = kind(at, field);
            if (kind != Kind.OMIT)
                set(target, field, value(setter(target, field).getParameterTypes()[0], field, at, kind, target));
        }
    }

    boolean present(JsonNode field) {
        return version < 0 ? in(field, "versions", min, max) : in(field, "versions", version, version);
    }

    boolean nullable(JsonNode field) {
        if (!field.has("nullableVersions"))
            return false;
        return version < 0 ? in(field, "nullableVersions", min, max)
                : in(field, "nullableVersions", version, version);
    }

    Kind kind(String path, JsonNode field) {
        boolean records = plainType(field).equals("records");
        switch (variant.substring(0, Math.min(4, variant.length()))) {
            case "full": return Kind.SET;
            case "edge":
                if (variant.equals("edge"))
                    return Kind.EDGE;
                break;
            case "big": return Kind.BIG;
            case "mix0": case "mix1": case "mix2": case "mix3":
                Kind mixed = Kind.values()[(int) (hash(path) >>> 8 & 3)];
                return mixed == Kind.OMIT && records ? Kind.SET : mixed;
            default: break;
        }
        String only = variant.substring(5);
        if (path.equals(only))
            return variant.startsWith("only") ? Kind.SET : variant.startsWith("edge") ? Kind.EDGE : Kind.NULL;
        boolean inside = path.startsWith(only + ".");
        boolean around = only.startsWith(path + ".");
        return inside || around || records ? Kind.SET : Kind.OMIT;
    }

    boolean isNull(JsonNode field, String path, Kind kind) {
        if (!nullable(field))
            return false;
        boolean nested = isArray(field) || structs.containsKey(plainType(field));
        return kind == Kind.NULL || kind == Kind.EDGE && (!nested || (hash(path) >>> 20 & 1) == 1);
    }

    Object value(Class<?> as, JsonNode field, String path, Kind kind, Object owner) throws Exception {
        if (isNull(field, path, kind))
            return null;
        if (!isArray(field))
            return one(as, plainType(field), path, kind);
        Class<?> element = elementClass(owner, field);
        @SuppressWarnings("unchecked")
        Collection<Object> all = Collection.class.isAssignableFrom(as) && !as.isInterface()
                ? (Collection<Object>) as.getConstructor().newInstance() : new ArrayList<>();
        boolean struct = structs.containsKey(plainType(field));
        int count = count(path, kind, struct);
        for (int i = 0; i < count; i++)
            all.add(one(element, plainType(field), path + "." + i, struct ? kind : Kind.SET));
        return all;
    }

    int count(String path, Kind kind, boolean struct) {
        switch (kind) {
            case SET: return variant.contains(":") ? 1 : 2;
            case BIG: return struct ? 3 : 130;
            case EDGE: return (int) (hash(path) >>> 16 & 1);
            default: return 0;
        }
    }

    Object one(Class<?> as, String type, String path, Kind kind) throws Exception {
        JsonNode inner = structs.get(type);
        if (inner != null) {
            Object struct = as.getConstructor().newInstance();
            fill(struct, inner, path + ".");
            return struct;
        }
        long h = hash(path);
        boolean edge = kind == Kind.EDGE || kind == Kind.NULL;
        boolean big = kind == Kind.BIG;
        switch (type) {
            case "bool": return big ? (h >>> 40 & 1) == 1 : !edge;
            case "int8": return edge ? Byte.MIN_VALUE : big ? Byte.MAX_VALUE : (byte) (h >>> 11);
            case "int16": return edge ? Short.MIN_VALUE : big ? Short.MAX_VALUE : (short) (h >>> 11);
            case "int32": return edge ? Integer.MIN_VALUE : big ? Integer.MAX_VALUE : (int) (h >>> 11);
            case "int64": return edge ? Long.MIN_VALUE : big ? Long.MAX_VALUE : h;
            case "uint16": return edge ? 0 : big ? 65535 : (int) (h >>> 11 & 65535);
            case "float64": return edge ? -1e300 : big ? Double.MAX_VALUE : (int) (h >>> 11) / 8.0;
            case "uuid": return edge ? Uuid.ZERO_UUID : big ? new Uuid(-1, -1) : new Uuid(h, ~h);
            case "string": return new String(span(h, kind, true), StandardCharsets.UTF_8);
            case "bytes": return as == ByteBuffer.class ? ByteBuffer.wrap(span(h, kind, false)) : span(h, kind, false);
            case "records": return MemoryRecords.readableRecords(ByteBuffer.wrap(span(h, kind, false)));
            default: throw new IllegalStateException("no rule for " + type);
        }
    }

    static byte[] span(long h, Kind kind, boolean text) {
        if (kind == Kind.EDGE || kind == Kind.NULL)
            return new byte[0];
        int size = (kind == Kind.BIG ? 127 : 1) + (int) ((h >>> 11) % (kind == Kind.BIG ? 100 : 12));
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            int b = (int) (h >>> (i % 8 * 8) & 255) ^ i & 255;
            bytes[i] = (byte) (text ? 'a' + b % 26 : b);
        }
        if (text && kind == Kind.BIG) {
            bytes[0] = (byte) 0xc3; // one letter of two bytes
            bytes[1] = (byte) 0xa9;
        }
        return bytes;
    }

    long hash(String path) {
        String text = variant + "/" + path;
        long h = fnv(text.getBytes(StandardCharsets.UTF_8));
        h ^= h >>> 33;
        h *= 0xff51afd7ed558ccdL;
        return h ^ h >>> 33;
    }

    static long fnv(byte[] bytes) {
        long h = 0xcbf29ce484222325L;
        for (byte b : bytes) {
            h ^= b & 255;
            h *= 0x100000001b3L;
        }
        return h;
    }

    // ---- Kafka's generated classes ----

    static Method setter(Object target, JsonNode field) {
        String name = "set" + field.get("name").asText();
        return Arrays.stream(target.getClass().getMethods())
                .filter(m -> m.getName().equalsIgnoreCase(name) && m.getParameterCount() == 1)
                .findFirst().orElseThrow(() -> new IllegalStateException(target.getClass() + "." + name));
    }

    static void set(Object target, JsonNode field, Object value) throws Exception {
        try {
            setter(target, field).invoke(target, value);
        } catch (InvocationTargetException error) {
            throw (Exception) error.getCause();
        }
    }

    Class<?> elementClass(Object owner, JsonNode field) throws Exception {
        String type = plainType(field);
        return structs.containsKey(type) ? Class.forName(dataClass + "$" + type) : Object.class;
    }

    // ---- Definitions ----

    static boolean isArray(JsonNode field) {
        return field.get("type").asText().startsWith("[]");
    }

    static String plainType(JsonNode field) {
        return field.get("type").asText().replace("[]", "");
    }

    /** Whether the range that stands under `key` meets lo-hi. */
    static boolean in(JsonNode field, String key, int lo, int hi) {
        String range = field.get(field.has(key) ? key : "taggedVersions").asText();
        if (range.equals("none"))
            return false;
        String[] part = range.split("[-+]");
        int from = Integer.parseInt(part[0]);
        int to = range.endsWith("+") ? Integer.MAX_VALUE : Integer.parseInt(part[part.length - 1]);
        return from <= hi && to >= lo;
    }

    static String snake(String name) {
        return name.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase();
    }
}
