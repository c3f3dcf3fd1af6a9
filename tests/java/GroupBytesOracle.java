package org.apache.kafka.connect.runtime.distributed;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Says how the JVM's workers write what they tell each other in group requests.
 *
 * <p>Prints lines of fields between tabs: {@code state} or {@code assignment}, protocol version, error, config offset,
 * assigned, revoked, delay, bytes in hex. Work is a text, {@code c c/0}: a connector and one of its tasks. The url is
 * {@code http://h:8083/}, the leader {@code m1}; {@code state} carries the assignment as allocation.
 *
 * <p>Compiled and run as {@code AssignorOracle}, with the number of lines as argument.
 */
public class GroupBytesOracle {
    private static final String URL = "http://h:8083/";

    public static void main(String[] args) {
        Random random = new Random(1);
        for (int line = 0; line < Integer.parseInt(args[0]); line++) {
            short version = (short) random.nextInt(3);
            boolean isState = random.nextBoolean();
            short error = (short) (random.nextInt(4) / 3);
            long offset = random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(100) - 1;
            boolean isEager = version == 0;
            int delay = isEager ? 0 : random.nextInt(300001);
            TreeSet<String> connectors = connectors(random);
            TreeSet<ConnectorTaskId> tasks = tasks(random);
            TreeSet<String> revokedConnectors = isEager ? new TreeSet<>() : connectors(random);
            TreeSet<ConnectorTaskId> revokedTasks = isEager ? new TreeSet<>() : tasks(random);
            ExtendedAssignment assignment = new ExtendedAssignment(
                version, error, "m1", URL, offset, connectors, tasks, revokedConnectors, revokedTasks, delay);
            ByteBuffer bytes;
            if (isState) {
                ExtendedWorkerState state = new ExtendedWorkerState(URL, offset, assignment);
                bytes = isEager
                    ? ConnectProtocol.serializeMetadata(state)
                    : IncrementalCooperativeConnectProtocol.serializeMetadata(state, version == 2);
            } else {
                bytes = isEager
                    ? ConnectProtocol.serializeAssignment(assignment)
                    : IncrementalCooperativeConnectProtocol.serializeAssignment(assignment, version == 2);
            }
            byte[] content = new byte[bytes.remaining()];
            bytes.get(content);
            System.out.println(String.join("\t", isState ? "state" : "assignment", "" + version, "" + error, "" + offset,
                text(connectors, tasks), text(revokedConnectors, revokedTasks), "" + delay,
                HexFormat.of().formatHex(content)));
        }
    }

    private static final List<String> NAMES = List.of("a", "b-1", "é", "sink", "source.orders");

    private static TreeSet<String> connectors(Random random) {
        TreeSet<String> connectors = new TreeSet<>();
        for (int count = random.nextInt(3); count > 0; count--) {
            connectors.add(NAMES.get(random.nextInt(NAMES.size())));
        }
        return connectors;
    }

    private static TreeSet<ConnectorTaskId> tasks(Random random) {
        TreeSet<ConnectorTaskId> tasks = new TreeSet<>();
        for (int count = random.nextInt(5); count > 0; count--) {
            tasks.add(new ConnectorTaskId(NAMES.get(random.nextInt(NAMES.size())), random.nextInt(12)));
        }
        return tasks;
    }

    private static String text(Collection<String> connectors, Collection<ConnectorTaskId> tasks) {
        Stream<String> numbered = tasks.stream().map(task -> task.connector() + "/" + task.task());
        return Stream.concat(connectors.stream(), numbered).collect(Collectors.joining(" "));
    }
}
