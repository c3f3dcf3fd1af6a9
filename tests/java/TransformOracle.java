import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Says what the JVM's transforms and predicates do with given records.
 *
 * <p>Reads cases, one JSON object a line: {@code class}, {@code config} and {@code record}; prints the case, a tab, and
 * the resulting record, {@code drop}, {@code true}, {@code false}, or {@code error class: message}. A case without
 * record asks for the table of settings. The notation of values and schemas is that of {@code value} and {@code schema}
 * below, and of {@code show} on the way out.
 */
public class TransformOracle {
    private static final HexFormat HEX = HexFormat.of();
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            if (!line.isBlank()) {
                out.println(line + "\t" + result(MAPPER.readTree(line)).replace("\n", "\\n"));
            }
        }
        out.flush();
    }

    static String result(JsonNode test) throws Exception {
        String name = "org.apache.kafka.connect.transforms." + test.get("class").asText();
        Object plugin = Class.forName(name).getDeclaredConstructor().newInstance();
        if (!test.has("record")) {
            return settings((ConfigDef) plugin.getClass().getMethod("config").invoke(plugin));
        }
        ConnectRecord<?> record = record(test.get("record"));
        try {
            return run(plugin, strings(test.get("config")), record);
        } catch (Exception error) {
            return "error " + error.getClass().getName() + ": " + error.getMessage();
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static String run(Object plugin, Map<String, String> config, ConnectRecord<?> record) {
        ((Configurable) plugin).configure(config);
        if (plugin instanceof Predicate) {
            return String.valueOf(((Predicate) plugin).test(record));
        }
        ConnectRecord<?> after = ((Transformation) plugin).apply(record);
        return after == null ? "drop" : show(after);
    }

    private static String settings(ConfigDef def) {
        StringBuilder text = new StringBuilder();
        for (ConfigDef.ConfigKey key : def.configKeys().values()) {
            Object value = key.defaultValue;
            String shown = value instanceof List ? String.join(",", (List<String>) value) : String.valueOf(value);
            text.append(key.name).append(' ').append(key.type).append(' ').append(key.importance).append(' ')
                .append(key.hasDefault() ? "default=" + shown : "required").append(' ').append(key.group).append(' ')
                .append(key.orderInGroup).append(' ').append(key.width).append(' ').append(key.displayName)
                .append(' ').append(key.dependents).append("; ");
        }
        return text.toString().trim();
    }

    static Map<String, String> strings(JsonNode node) {
        Map<String, String> map = new LinkedHashMap<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = node.fields(); it.hasNext(); ) {
            Map.Entry<String, JsonNode> entry = it.next();
            map.put(entry.getKey(), entry.getValue().isNull() ? null : entry.getValue().asText());
        }
        return map;
    }

    /** Sink records have an {@code offset}, source records have none. */
    private static ConnectRecord<?> record(JsonNode node) {
        String topic = node.has("topic") ? node.get("topic").asText() : "t";
        Integer partition = node.hasNonNull("partition") ? node.get("partition").asInt() : null;
        Long timestamp = node.hasNonNull("timestamp") ? node.get("timestamp").asLong() : null;
        Schema keySchema = schema(node.get("keySchema"));
        Schema valueSchema = schema(node.get("valueSchema"));
        Object key = value(node.get("key"), keySchema);
        Object value = value(node.get("value"), valueSchema);
        ConnectHeaders headers = new ConnectHeaders();
        if (node.has("headers")) {
            for (JsonNode header : node.get("headers")) {
                Schema schema = schema(header.get(1));
                headers.add(header.get(0).asText(), value(header.get(2), schema), schema);
            }
        }
        if (!node.has("offset")) {
            return new SourceRecord(null, null, topic, partition, keySchema, key, valueSchema, value, timestamp, headers);
        }
        int sinkPartition = partition == null ? 0 : partition;
        return new SinkRecord(topic, sinkPartition, keySchema, key, valueSchema, value, node.get("offset").asLong(),
            timestamp, TimestampType.CREATE_TIME, headers);
    }

    /** {@code "INT8"}, or an object with {@code type} and the attributes that are set. */
    static Schema schema(JsonNode node) {
        if (node == null || node.isNull()) {
            return null;
        }
        if (node.isTextual()) {
            return new SchemaBuilder(Schema.Type.valueOf(node.asText())).build();
        }
        Schema.Type type = Schema.Type.valueOf(node.get("type").asText());
        SchemaBuilder builder;
        switch (type) {
            case ARRAY:
                builder = SchemaBuilder.array(schema(node.get("value")));
                break;
            case MAP:
                builder = SchemaBuilder.map(schema(node.get("key")), schema(node.get("value")));
                break;
            default:
                builder = new SchemaBuilder(type);
        }
        if (node.path("optional").asBoolean()) {
            builder.optional();
        }
        if (node.has("name")) {
            builder.name(node.get("name").asText());
        }
        if (node.has("version")) {
            builder.version(node.get("version").asInt());
        }
        if (node.has("doc")) {
            builder.doc(node.get("doc").asText());
        }
        if (node.has("parameters")) {
            strings(node.get("parameters")).forEach(builder::parameter);
        }
        if (node.has("fields")) {
            for (JsonNode field : node.get("fields")) {
                builder.field(field.get(0).asText(), schema(field.get(1)));
            }
        }
        if (node.has("default")) {
            // A default that is a struct belongs to the builder itself: equality of builders is identity.
            builder.defaultValue(value(node.get("default"), builder));
        }
        return builder.build();
    }

    /** {@code null}, or an object with the type as its only key: {@code {"i32": 1}}. */
    static Object value(JsonNode node, Schema schema) {
        if (node == null || node.isNull()) {
            return null;
        }
        Map.Entry<String, JsonNode> entry = node.fields().next();
        JsonNode content = entry.getValue();
        switch (entry.getKey()) {
            case "bool":
                return content.asBoolean();
            case "i8":
                return (byte) content.asInt();
            case "i16":
                return (short) content.asInt();
            case "i32":
                return content.asInt();
            case "i64":
                return Long.parseLong(content.asText());
            case "f32":
                return Float.parseFloat(content.asText());
            case "f64":
                return Double.parseDouble(content.asText());
            case "s":
                return content.asText();
            case "bytes":
                return HEX.parseHex(content.asText());
            case "decimal":
                return new BigDecimal(content.asText());
            case "date":
                return new Date(Long.parseLong(content.asText()));
            case "list": {
                List<Object> items = new ArrayList<>();
                content.forEach(item -> items.add(value(item, schema == null ? null : schema.valueSchema())));
                return items;
            }
            case "map": {
                Map<Object, Object> map = new HashMap<>();
                for (JsonNode pair : content) {
                    JsonNode key = pair.get(0);
                    map.put(key.isTextual() ? key.asText() : value(key, schema == null ? null : schema.keySchema()),
                        value(pair.get(1), schema == null ? null : schema.valueSchema()));
                }
                return map;
            }
            case "struct": {
                Struct struct = new Struct(schema);
                for (Iterator<Map.Entry<String, JsonNode>> it = content.fields(); it.hasNext(); ) {
                    Map.Entry<String, JsonNode> field = it.next();
                    struct.put(field.getKey(), value(field.getValue(), schema.field(field.getKey()).schema()));
                }
                return struct;
            }
            default:
                throw new IllegalArgumentException("unknown type " + entry.getKey());
        }
    }

    private static String show(ConnectRecord<?> record) {
        StringBuilder text = new StringBuilder();
        text.append(record.topic()).append(' ').append(record.kafkaPartition()).append(' ').append(record.timestamp());
        text.append(" key ").append(show(record.keySchema())).append(' ').append(show(record.key()));
        text.append(" value ").append(show(record.valueSchema())).append(' ').append(show(record.value()));
        for (Header header : record.headers()) {
            text.append(" header ").append(header.key()).append(' ').append(show(header.schema())).append(' ')
                .append(show(header.value()));
        }
        return text.toString();
    }

    static String show(Schema schema) {
        if (schema == null) {
            return "-";
        }
        StringBuilder text = new StringBuilder(schema.type().name());
        switch (schema.type()) {
            case ARRAY:
                text.append('[').append(show(schema.valueSchema())).append(']');
                break;
            case MAP:
                text.append('[').append(show(schema.keySchema())).append(',').append(show(schema.valueSchema())).append(']');
                break;
            case STRUCT:
                text.append('{');
                for (Field field : schema.fields()) {
                    text.append(field.name()).append(':').append(show(field.schema())).append(';');
                }
                text.append('}');
                break;
            default:
        }
        text.append(schema.isOptional() ? "?" : "");
        text.append(schema.name() == null ? "" : "@" + schema.name());
        text.append(schema.version() == null ? "" : "#" + schema.version());
        text.append(schema.doc() == null ? "" : "~" + schema.doc());
        if (schema.parameters() != null) {
            text.append(schema.parameters().isEmpty() ? "" : schema.parameters());
        }
        text.append(schema.defaultValue() == null ? "" : "=" + show(schema.defaultValue()));
        return text.toString();
    }

    static String show(Object value) {
        if (value == null) {
            return "null";
        }
        if (value instanceof byte[]) {
            return "bytes:" + HEX.formatHex((byte[]) value);
        }
        if (value instanceof Date) {
            return "date:" + ((Date) value).getTime();
        }
        StringBuilder text = new StringBuilder();
        if (value instanceof List) {
            text.append('[');
            ((List<?>) value).forEach(item -> text.append(show(item)).append(','));
            return text.append(']').toString();
        }
        if (value instanceof Map) {
            text.append('{');
            ((Map<?, ?>) value).forEach((key, item) -> text.append(show(key)).append('=').append(show(item)).append(','));
            return text.append('}').toString();
        }
        if (value instanceof Struct) {
            text.append('(');
            for (Field field : ((Struct) value).schema().fields()) {
                text.append(field.name()).append('=').append(show(((Struct) value).getWithoutDefault(field.name()))).append(',');
            }
            return text.append(')').toString();
        }
        return value.getClass().getSimpleName() + ":" + value;
    }
}
