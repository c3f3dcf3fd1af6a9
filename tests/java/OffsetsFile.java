import java.io.ByteArrayInputStream;
import java.io.ObjectInputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.apache.kafka.connect.storage.FileOffsetBackingStore;

/**
 * Reads and writes files of standalone offsets with the JVM's own classes.
 *
 * <p>{@code write FILE} and {@code empty FILE} store sample offsets; {@code read FILE} prints what the JVM sees,
 * one {@code key=value} a line, sorted, and fails unless the store itself opens the file.
 */
public class OffsetsFile {
    public static void main(String[] args) throws Exception {
        Path file = Path.of(args[1]);
        switch (args[0]) {
            case "write" -> write(file);
            case "empty" -> store(file, new LinkedHashMap<>());
            case "read" -> read(file);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void write(Path file) throws Exception {
        Map<ByteBuffer, ByteBuffer> offsets = new LinkedHashMap<>();
        offsets.put(bytes("[\"src\",{\"filename\":\"/data/in.txt\"}]"), bytes("{\"position\":6}"));
        offsets.put(bytes("[\"other\",{\"table\":\"t\",\"db\":\"d\"}]"), bytes("{\"lsn\":12,\"snapshot\":true}"));
        offsets.put(bytes("[\"src\",{\"filename\":\"gone\"}]"), null);
        // The same array again, which the stream writes as a reference.
        ByteBuffer shared = bytes("{\"position\":6}");
        offsets.put(bytes("[\"src\",{\"filename\":\"/data/in.txt\"}]"), shared);
        offsets.put(bytes("[\"src\",{\"filename\":\"\u00e4\"}]"), shared);
        store(file, offsets);
    }

    private static void store(Path file, Map<ByteBuffer, ByteBuffer> offsets) throws Exception {
        FileOffsetBackingStore store = open(file);
        store.set(offsets, null).get(10, TimeUnit.SECONDS);
        store.stop();
    }

    private static void read(Path file) throws Exception {
        TreeMap<String, String> sorted = new TreeMap<>();
        byte[] content = Files.readAllBytes(file);
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(content))) {
            HashMap<?, ?> raw = (HashMap<?, ?>) in.readObject();
            raw.forEach((key, value) -> sorted.put(text(key), text(value)));
            if (in.read() != -1) {
                throw new IllegalStateException("there is data behind the map");
            }
        }
        FileOffsetBackingStore store = open(file);
        for (Map.Entry<String, String> entry : sorted.entrySet()) {
            ByteBuffer key = bytes(entry.getKey());
            ByteBuffer value = store.get(java.util.List.of(key)).get(10, TimeUnit.SECONDS).get(key);
            if (!text(value == null ? null : value.array()).equals(entry.getValue())) {
                throw new IllegalStateException("the store sees another value for " + entry.getKey());
            }
        }
        store.stop();
        sorted.forEach((key, value) -> System.out.println(key + "=" + value));
    }

    private static FileOffsetBackingStore open(Path file) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "false"), true);
        FileOffsetBackingStore store = new FileOffsetBackingStore(converter);
        Map<String, String> props = new HashMap<>();
        props.put("bootstrap.servers", "localhost:9092");
        props.put("key.converter", "org.apache.kafka.connect.json.JsonConverter");
        props.put("value.converter", "org.apache.kafka.connect.json.JsonConverter");
        props.put("offset.storage.file.filename", file.toString());
        store.configure(new StandaloneConfig(props));
        store.start();
        return store;
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(Object bytes) {
        return bytes == null ? "null" : new String((byte[]) bytes, StandardCharsets.UTF_8);
    }
}
