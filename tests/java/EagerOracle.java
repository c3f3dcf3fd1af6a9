package org.apache.kafka.connect.runtime.distributed;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.GroupRebalanceConfig;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.storage.ClusterConfigState;

/**
 * Says how the JVM's eager assignor decides random rounds, in which members may have read more than the leader.
 *
 * <p>Prints one JSON object a line, a round each: {@code leader}, {@code read} (the config offset the leader knows when
 * it decides), {@code conf} (task counts by connector at that offset), {@code offsets} (what each member has read), and
 * the outcome, which is what all members are told: {@code error}, {@code offset}, {@code url} (the leader's), and
 * {@code gets}, written as in {@code AssignorOracle}.
 *
 * <p>Compiled together with {@code AssignorOracle} and run as it is, with the number of rounds as argument.
 */
public class EagerOracle {
    private static final List<String> NAMES =
        List.of("a", "A", "a-1", "a1", "aa", "é", "sink", "sink-10", "sink-2", "source.orders");

    private final Random random = new Random(1);
    private final EagerAssignor assignor = new EagerAssignor(new LogContext());

    public static void main(String[] args) {
        EagerOracle oracle = new EagerOracle();
        for (int round = 0; round < Integer.parseInt(args[0]); round++) {
            oracle.decide();
        }
    }

    private void decide() {
        TreeMap<String, Long> offsets = new TreeMap<>();
        for (int count = random.nextInt(6); count >= 0; count--) {
            // Of equal length or not, so that ids do not sort as the numbers in them.
            offsets.put("w" + random.nextInt(12) + "-" + Integer.toHexString(random.nextInt()), offset());
        }
        String leader = new ArrayList<>(offsets.keySet()).get(random.nextInt(offsets.size()));
        long joined = offsets.get(leader);
        long max = offsets.values().stream().mapToLong(Long::longValue).max().orElseThrow();
        // A leader whom nobody is ahead of does not look for news.
        long read = joined == max ? joined : joined + random.nextInt((int) (max - joined) + 3);
        Map<String, Integer> configured = configured();
        Leader coordinator = new Leader(AssignorOracle.snapshot(read, configured));
        coordinator.configSnapshot(
            joined == read ? coordinator.latest : AssignorOracle.snapshot(joined, configured()));

        List<JoinGroupResponseMember> members = new ArrayList<>();
        offsets.forEach((member, offset) -> members.add(new JoinGroupResponseMember().setMemberId(member).setMetadata(
            bytes(ConnectProtocol.serializeMetadata(new ConnectProtocol.WorkerState(url(member), offset))))));
        Map<String, ByteBuffer> outcome =
            assignor.performAssignment(leader, ConnectProtocolCompatibility.EAGER, members, coordinator);
        print(leader, read, configured, offsets, outcome);
    }

    private static void print(String leader, long read, Map<String, Integer> configured, Map<String, Long> offsets,
            Map<String, ByteBuffer> outcome) {
        StringBuilder line = new StringBuilder("{\"leader\":\"" + leader + "\",\"read\":" + read);
        AssignorOracle.append(line, "conf", configured);
        AssignorOracle.append(line, "offsets", offsets);
        TreeMap<String, String> gets = new TreeMap<>();
        String common = null;
        for (Map.Entry<String, ByteBuffer> told : outcome.entrySet()) {
            ConnectProtocol.Assignment assignment = ConnectProtocol.deserializeAssignment(told.getValue());
            gets.put(told.getKey(), AssignorOracle.text(assignment.connectors(), assignment.tasks()));
            String head = ",\"error\":" + assignment.error() + ",\"offset\":" + assignment.offset() + ",\"url\":\""
                + assignment.leaderUrl() + "\"";
            if (!leader.equals(assignment.leader()) || common != null && !common.equals(head)) {
                throw new IllegalStateException("members are told different things: " + outcome);
            }
            common = head;
        }
        line.append(common);
        AssignorOracle.append(line, "gets", gets);
        System.out.println(line.append('}'));
    }

    private TreeMap<String, Integer> configured() {
        TreeMap<String, Integer> configured = new TreeMap<>();
        for (int count = random.nextInt(6); count > 0; count--) {
            // More than ten tasks now and then: they sort by number, not by digits.
            configured.put(NAMES.get(random.nextInt(NAMES.size())), random.nextInt(random.nextInt(4) == 0 ? 14 : 5));
        }
        return configured;
    }

    /** Mostly the same for all. */
    private long offset() {
        return random.nextInt(3) == 0 ? random.nextInt(9) - 1 : 7;
    }

    private static String url(String member) {
        return "http://" + member + ":8083/";
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** What the assignor asks of its worker. */
    private static class Leader extends WorkerCoordinator {
        private final ClusterConfigState latest;

        Leader(ClusterConfigState latest) {
            super(new GroupRebalanceConfig(2, 2, 1, "g", Optional.empty(), null, 1, 1), new LogContext(), null,
                new Metrics(), "connect", Time.SYSTEM, "", null, null, ConnectProtocolCompatibility.EAGER, 0);
            this.latest = latest;
        }

        @Override
        public ClusterConfigState configFreshSnapshot() {
            return latest;
        }
    }
}
