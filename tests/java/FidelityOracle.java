import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;

/**
 * Says what the JVM's converters and transforms do with generated data, in the notation of {@link TransformOracle}.
 *
 * <p>The first line lists the converters: {@code [{"class": …, "role": "key"|"value"|"header", "config": {…}}, …]}. Then
 * comes a case a line, and an answer a line goes out:
 *
 * <ul>
 *   <li>{@code {"schema": …, "value": …}}: for each converter a tab and the bytes in hex, {@code >}, and what the
 *       converter reads of these bytes;
 *   <li>{@code {"bytes": hex}}: for each converter a tab and what it reads;
 *   <li>{@code {"class": …, "config": …, "record": …}}: what the transform or predicate gives.
 * </ul>
 *
 * <p>In place of anything there may be {@code error class: message}.
 */
public class FidelityOracle {
    private static final HexFormat HEX = HexFormat.of();
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** Both kinds of converters behind one face. */
    private interface Side {
        byte[] write(Schema schema, Object value);

        SchemaAndValue read(byte[] bytes);
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // What the converters log would stand between the answers.
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        List<Side> sides = new ArrayList<>();
        for (JsonNode node : MAPPER.readTree(in.readLine())) {
            sides.add(side(node));
        }
        for (String line; (line = in.readLine()) != null; ) {
            out.println(answer(MAPPER.readTree(line), sides).replace("\n", "\\n").replace("\r", "\\r"));
        }
        out.flush();
    }

    private static String answer(JsonNode test, List<Side> sides) throws Exception {
        if (test.has("class")) {
            return TransformOracle.result(test).replace("\t", "\\t");
        }
        StringBuilder text = new StringBuilder();
        if (test.has("bytes")) {
            byte[] bytes = HEX.parseHex(test.get("bytes").asText());
            sides.forEach(side -> text.append('\t').append(read(side, bytes).replace("\t", "\\t")));
            return text.toString();
        }
        Schema schema = TransformOracle.schema(test.get("schema"));
        Object value = TransformOracle.value(test.get("value"), schema);
        sides.forEach(side -> text.append('\t').append(write(side, schema, value).replace("\t", "\\t")));
        return text.toString();
    }

    private static String write(Side side, Schema schema, Object value) {
        byte[] bytes;
        try {
            bytes = side.write(schema, value);
        } catch (Exception error) {
            return error(error);
        }
        return (bytes == null ? "null" : HEX.formatHex(bytes)) + ">" + read(side, bytes);
    }

    private static String read(Side side, byte[] bytes) {
        try {
            SchemaAndValue read = side.read(bytes);
            // The worker takes a missing pair for null, too.
            read = read == null ? SchemaAndValue.NULL : read;
            return TransformOracle.show(read.schema()) + " " + TransformOracle.show(read.value());
        } catch (Exception error) {
            return error(error);
        }
    }

    private static String error(Exception error) {
        return "error " + error.getClass().getName() + ": " + error.getMessage();
    }

    private static Side side(JsonNode node) throws Exception {
        Object plugin = Class.forName(node.get("class").asText()).getDeclaredConstructor().newInstance();
        Map<String, String> config = TransformOracle.strings(node.get("config"));
        String role = node.get("role").asText();
        config.put("converter.type", role);
        if (role.equals("header")) {
            HeaderConverter converter = (HeaderConverter) plugin;
            converter.configure(config);
            return new Side() {
                @Override
                public byte[] write(Schema schema, Object value) {
                    return converter.fromConnectHeader("t", "h", schema, value);
                }

                @Override
                public SchemaAndValue read(byte[] bytes) {
                    return converter.toConnectHeader("t", "h", bytes);
                }
            };
        }
        Converter converter = (Converter) plugin;
        converter.configure(config, role.equals("key"));
        return new Side() {
            @Override
            public byte[] write(Schema schema, Object value) {
                return converter.fromConnectData("t", schema, value);
            }

            @Override
            public SchemaAndValue read(byte[] bytes) {
                return converter.toConnectData("t", bytes);
            }
        };
    }
}
