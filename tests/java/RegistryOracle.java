import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.confluent.connect.avro.AvroConverter;
import io.confluent.connect.json.JsonSchemaConverter;
import io.confluent.connect.protobuf.ProtobufConverter;
import io.confluent.kafka.schemaregistry.ParsedSchema;
import io.confluent.kafka.schemaregistry.SchemaProvider;
import io.confluent.kafka.schemaregistry.avro.AvroSchemaProvider;
import io.confluent.kafka.schemaregistry.client.MockSchemaRegistryClient;
import io.confluent.kafka.schemaregistry.client.rest.entities.SchemaReference;
import io.confluent.kafka.schemaregistry.json.JsonSchemaProvider;
import io.confluent.kafka.schemaregistry.protobuf.ProtobufSchemaProvider;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;

/**
 * Says what Confluent's converters with a schema registry make of given data; the registry is their own mock.
 *
 * <p>Reads lines of JSON. A line with {@code datum}, an envelope of JsonConverter, is written and read again: the
 * answer has the registered {@code text}, the {@code payload} behind the schema's id, and the datum that comes
 * {@code back}. A line with {@code text} and {@code payload} is read. What fails has an {@code error}.
 */
public class RegistryOracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();
    private static final String TOPIC = "t";

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            ObjectNode given = (ObjectNode) JSON.readTree(line);
            try {
                answer(given);
            } catch (Throwable error) {
                StringBuilder text = new StringBuilder();
                for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                    text.append(text.length() == 0 ? "" : " | ").append(cause.getMessage());
                }
                given.put("error", text.toString());
            }
            out.println(JSON.writeValueAsString(given));
        }
    }

    private static void answer(ObjectNode given) throws Exception {
        String format = given.get("format").asText();
        Map<String, String> props = new HashMap<>();
        props.put("schema.registry.url", "mock://oracle");
        given.path("props").fields().forEachRemaining(entry -> props.put(entry.getKey(), entry.getValue().asText()));
        if (given.has("datum")) {
            SchemaAndValue datum = envelopes().toConnectData(TOPIC, JSON.writeValueAsBytes(given.get("datum")));
            MockSchemaRegistryClient registry = registry();
            byte[] record =
                    converter(format, registry, props).fromConnectData(TOPIC, datum.schema(), datum.value());
            if (record == null) {
                given.putNull("payload");
                return;
            }
            ParsedSchema schema = registry.getSchemaById(ByteBuffer.wrap(record, 1, 4).getInt());
            given.put("text", schema.canonicalString());
            given.put("payload", HEX.formatHex(record, 5, record.length));
        }
        // Another registry, which knows the text alone.
        MockSchemaRegistryClient registry = registry();
        byte[] record = framed(register(registry, format, given), HEX.parseHex(given.get("payload").asText()));
        SchemaAndValue back = converter(format, registry, props).toConnectData(TOPIC, record);
        given.set("back", JSON.readTree(envelopes().fromConnectData(TOPIC, back.schema(), back.value())));
    }

    private static MockSchemaRegistryClient registry() {
        List<SchemaProvider> providers =
                List.of(new AvroSchemaProvider(), new JsonSchemaProvider(), new ProtobufSchemaProvider());
        return new MockSchemaRegistryClient(providers);
    }

    private static int register(MockSchemaRegistryClient registry, String format, JsonNode given) throws Exception {
        List<SchemaReference> references = new ArrayList<>();
        for (JsonNode reference : given.path("references")) {
            String name = reference.get("name").asText();
            ParsedSchema schema =
                    registry.parseSchema(format, reference.get("text").asText(), List.copyOf(references)).orElseThrow();
            registry.register(name, schema);
            references.add(new SchemaReference(name, name, 1));
        }
        ParsedSchema schema = registry.parseSchema(format, given.get("text").asText(), references).orElseThrow();
        return registry.register(TOPIC + "-value", schema);
    }

    private static byte[] framed(int id, byte[] payload) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(0);
        out.write(ByteBuffer.allocate(4).putInt(id).array());
        out.write(payload);
        return out.toByteArray();
    }

    private static Converter converter(String format, MockSchemaRegistryClient registry, Map<String, String> props) {
        Converter converter;
        switch (format) {
            case "AVRO":
                converter = new AvroConverter(registry);
                break;
            case "JSON":
                converter = new JsonSchemaConverter(registry);
                break;
            case "PROTOBUF":
                converter = new ProtobufConverter(registry);
                break;
            default:
                throw new IllegalArgumentException("unknown format " + format);
        }
        converter.configure(props, false);
        return converter;
    }

    private static JsonConverter envelopes() {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "true", "decimal.format", "BASE64"), false);
        return converter;
    }
}
