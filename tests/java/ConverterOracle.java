import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.storage.StringConverter;

/**
 * Says what the JVM's converters do with given bytes.
 *
 * <p>Reads lines {@code mode hex} and prints {@code mode hex ok hex} or {@code mode hex error text}. Modes: {@code json}
 * (schemaless, written as a plain ObjectMapper writes it), {@code text} (schemaless, as StringConverter prints it),
 * {@code envelope} (read and written with schemas; {@code numeric} the same with decimal.format=NUMERIC), {@code bare}
 * (read with an envelope, written without), {@code header} (SimpleHeaderConverter read, described, and written).
 */
public class ConverterOracle {
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split(" ", 2);
            byte[] input = HEX.parseHex(parts.length > 1 ? parts[1].trim() : "");
            String result;
            try {
                byte[] output = convert(parts[0], input);
                result = "ok " + (output == null ? "null" : HEX.formatHex(output));
            } catch (Throwable error) {
                StringBuilder text = new StringBuilder();
                for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                    text.append(text.length() == 0 ? "" : " | ").append(cause.getMessage());
                }
                result = "error " + text.toString().replace("\n", "\\n");
            }
            System.out.println(parts[0] + " " + HEX.formatHex(input) + " " + result);
        }
    }

    private static byte[] convert(String mode, byte[] input) throws Exception {
        switch (mode) {
            case "json": {
                Object value = json(false, "BASE64").toConnectData("t", input).value();
                return value == null ? null : new ObjectMapper().writeValueAsBytes(value);
            }
            case "text": {
                SchemaAndValue value = json(false, "BASE64").toConnectData("t", input);
                StringConverter strings = new StringConverter();
                return strings.fromConnectData("t", value.schema(), value.value());
            }
            case "envelope":
            case "numeric": {
                Converter converter = json(true, mode.equals("numeric") ? "NUMERIC" : "BASE64");
                SchemaAndValue value = converter.toConnectData("t", input);
                return converter.fromConnectData("t", value.schema(), value.value());
            }
            case "bare": {
                SchemaAndValue value = json(true, "BASE64").toConnectData("t", input);
                return json(false, "BASE64").fromConnectData("t", value.schema(), value.value());
            }
            case "header": {
                SimpleHeaderConverter converter = new SimpleHeaderConverter();
                SchemaAndValue value = converter.toConnectHeader("t", "k", input);
                // The worker takes a missing pair for null, too.
                value = value == null ? SchemaAndValue.NULL : value;
                byte[] output = converter.fromConnectHeader("t", "k", value.schema(), value.value());
                String written = output == null ? "null" : new String(output, StandardCharsets.UTF_8);
                return (describe(value.schema()) + " " + written).getBytes(StandardCharsets.UTF_8);
            }
            default:
                throw new IllegalArgumentException("unknown mode " + mode);
        }
    }

    private static Converter json(boolean schemas, String decimals) {
        JsonConverter converter = new JsonConverter();
        converter.configure(
            Map.of("schemas.enable", schemas, "decimal.format", decimals, "converter.type", "value"), false);
        return converter;
    }

    private static String describe(Schema schema) {
        if (schema == null) {
            return "none";
        }
        String name = schema.name() == null ? "" : ":" + schema.name();
        switch (schema.type()) {
            case ARRAY:
                return "ARRAY" + name + "(" + describe(schema.valueSchema()) + ")";
            case MAP:
                return "MAP" + name + "(" + describe(schema.keySchema()) + "," + describe(schema.valueSchema()) + ")";
            default:
                return schema.type() + name;
        }
    }
}
