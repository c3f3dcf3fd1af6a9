package org.apache.kafka.connect.runtime.distributed;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.runtime.distributed.WorkerCoordinator.ConnectorsAndTasks;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Says how the JVM's incremental cooperative assignor decides rounds of random groups.
 *
 * <p>Prints one JSON object a line. A line with {@code seed} and {@code max} begins a group with a new assignor; each
 * line after it is a round: {@code now}, {@code last} (generation completed), {@code gen}, {@code conf} (task counts by
 * connector), {@code has} (what each member says it runs), and the outcome: {@code gets}, {@code loses}, {@code delay},
 * {@code runs} (owners). Work is a text, {@code c c/0}: a connector and one of its tasks; empty entries are left out of
 * {@code gets}, {@code loses} and {@code runs}.
 *
 * <p>The package is Kafka's, to reach what it does not publish, so it must be compiled into one class path with it:
 * {@code javac -cp 'LIBS/*' -d OUT AssignorOracle.java}, then
 * {@code java -cp 'OUT:LIBS/*' org.apache.kafka.connect.runtime.distributed.AssignorOracle FIRST_SEED GROUPS ROUNDS}.
 */
public class AssignorOracle {
    private static final int[] MAX_DELAYS = {300000, 300000, 300000, 60000, 40, 1000, 1, 2, 0};

    private final Random random;
    private final int maxDelay;
    private final IncrementalCooperativeAssignor assignor;
    private final TreeMap<String, Integer> configured = new TreeMap<>();
    private final TreeMap<String, Load> members = new TreeMap<>();
    private final List<Load> stale = new ArrayList<>();
    private long now = 1_000_000;
    private int generation;
    private int completed = -1;
    private int names;

    /** What a member runs, sorted, because a member of the group under test tells it sorted. */
    private record Load(TreeSet<String> connectors, TreeSet<ConnectorTaskId> tasks) {
        Load() {
            this(new TreeSet<>(), new TreeSet<>());
        }

        Load copy() {
            return new Load(new TreeSet<>(connectors), new TreeSet<>(tasks));
        }
    }

    public static void main(String[] args) {
        long seed = Long.parseLong(args[0]);
        for (int group = 0; group < Integer.parseInt(args[1]); group++, seed++) {
            new AssignorOracle(seed).run(Integer.parseInt(args[2]));
        }
    }

    private AssignorOracle(long seed) {
        random = new Random(seed);
        maxDelay = MAX_DELAYS[random.nextInt(MAX_DELAYS.length)];
        assignor = new IncrementalCooperativeAssignor(new LogContext(), new FixedTime(), maxDelay);
        System.out.println("{\"seed\":" + seed + ",\"max\":" + maxDelay + "}");
    }

    private void run(int rounds) {
        for (int count = random.nextInt(3); count >= 0; count--) {
            join();
        }
        for (int count = random.nextInt(5); count > 0; count--) {
            configure();
        }
        for (int round = 0; round < rounds; round++) {
            if (round > 0) {
                change();
            }
            decide();
        }
    }

    private void change() {
        now += switch (random.nextInt(5)) {
            case 0 -> random.nextInt(50);
            case 1 -> random.nextInt(2000);
            case 2 -> Math.max(1, assignor.scheduledRebalance - now);
            case 3 -> maxDelay / 3;
            default -> 0;
        };
        switch (random.nextInt(12)) {
            case 0, 1 -> join();
            case 2, 3 -> {
                if (members.size() > 1) {
                    stale.add(members.remove(anyMember()));
                }
            }
            case 4, 5 -> configure();
            case 6 -> {
                if (!configured.isEmpty()) {
                    configured.remove(new ArrayList<>(configured.keySet()).get(random.nextInt(configured.size())));
                }
            }
            case 7 -> {
                // Restarted under a new id within one round.
                members.remove(anyMember());
                join();
            }
            case 8 -> members.put(anyMember(), new Load());
            case 9 -> {
                // A member that comes back from the dead with what it ran.
                if (!stale.isEmpty() && random.nextBoolean()) {
                    members.put(name(), stale.get(random.nextInt(stale.size())).copy());
                }
            }
            default -> { }
        }
        if (random.nextInt(25) == 0) {
            // Another worker led in between.
            generation += 2;
            completed = generation;
        }
    }

    private void join() {
        if (members.size() < 6) {
            members.put(name(), new Load());
        }
    }

    private String name() {
        return "w" + names++ + "-" + Integer.toHexString(random.nextInt());
    }

    private String anyMember() {
        return new ArrayList<>(members.keySet()).get(random.nextInt(members.size()));
    }

    private void configure() {
        configured.put("c" + random.nextInt(8), random.nextInt(7));
    }

    private void decide() {
        generation++;
        Map<String, ConnectorsAndTasks> has = new HashMap<>();
        members.forEach((member, load) -> has.put(
            member, new ConnectorsAndTasks.Builder().with(load.connectors, load.tasks).build()));
        StringBuilder line = new StringBuilder("{\"now\":" + now + ",\"last\":" + completed + ",\"gen\":" + generation);
        append(line, "conf", configured);
        TreeMap<String, String> texts = new TreeMap<>();
        members.forEach((member, load) -> texts.put(member, text(load.connectors, load.tasks)));
        append(line, "has", texts);

        IncrementalCooperativeAssignor.ClusterAssignment outcome =
            assignor.performTaskAssignment(snapshot(1, configured), completed, generation, has);
        append(line, "gets", texts(outcome.newlyAssignedConnectors(), outcome.newlyAssignedTasks()));
        append(line, "loses", texts(outcome.newlyRevokedConnectors(), outcome.newlyRevokedTasks()));
        append(line, "runs", texts(outcome.allAssignedConnectors(), outcome.allAssignedTasks()));
        System.out.println(line.append(",\"delay\":").append(assignor.delay).append('}'));
        follow(outcome);
    }

    /** Members do as told, but now and then one is not reached, or the whole round fails. */
    private void follow(IncrementalCooperativeAssignor.ClusterAssignment outcome) {
        if (random.nextInt(15) == 0) {
            return;
        }
        completed = generation;
        for (Map.Entry<String, Load> member : members.entrySet()) {
            if (random.nextInt(20) == 0) {
                continue;
            }
            Load load = member.getValue();
            load.connectors.removeAll(outcome.newlyRevokedConnectors(member.getKey()));
            load.tasks.removeAll(outcome.newlyRevokedTasks(member.getKey()));
            load.connectors.addAll(outcome.newlyAssignedConnectors(member.getKey()));
            load.tasks.addAll(outcome.newlyAssignedTasks(member.getKey()));
        }
    }

    static ClusterConfigState snapshot(long offset, Map<String, Integer> configured) {
        Map<String, Map<String, String>> configs = new HashMap<>();
        Map<ConnectorTaskId, Map<String, String>> tasks = new HashMap<>();
        configured.forEach((name, count) -> {
            configs.put(name, Map.of());
            for (int task = 0; task < count; task++) {
                tasks.put(new ConnectorTaskId(name, task), Map.of());
            }
        });
        return new ClusterConfigState(offset, null, new HashMap<>(configured), configs, Map.of(), tasks, Map.of(),
            Map.of(), Map.of(), Set.of(), Set.of());
    }

    private static Map<String, String> texts(
        Map<String, Collection<String>> connectors, Map<String, Collection<ConnectorTaskId>> tasks) {
        TreeMap<String, String> texts = new TreeMap<>();
        TreeSet<String> all = new TreeSet<>(connectors.keySet());
        all.addAll(tasks.keySet());
        all.forEach(member -> texts.put(
            member, text(connectors.getOrDefault(member, Set.of()), tasks.getOrDefault(member, Set.of()))));
        texts.values().removeIf(String::isEmpty);
        return texts;
    }

    static String text(Collection<String> connectors, Collection<ConnectorTaskId> tasks) {
        List<String> items = new ArrayList<>(new TreeSet<>(connectors));
        new TreeSet<>(tasks).forEach(task -> items.add(task.connector() + "/" + task.task()));
        return String.join(" ", items);
    }

    /** Appends a member of a line: an object of numbers or texts. */
    static void append(StringBuilder line, String key, Map<String, ?> values) {
        line.append(",\"").append(key).append("\":{");
        values.forEach((name, value) -> {
            line.append(line.charAt(line.length() - 1) == '{' ? "" : ",").append('"').append(name).append("\":");
            line.append(value instanceof String ? '"' + value.toString() + '"' : value.toString());
        });
        line.append('}');
    }

    private class FixedTime implements Time {
        @Override
        public long milliseconds() {
            return now;
        }

        @Override
        public long nanoseconds() {
            return now * 1_000_000;
        }

        @Override
        public void sleep(long milliseconds) {
            now += milliseconds;
        }

        @Override
        public void waitObject(Object object, Supplier<Boolean> condition, long deadline) {
            throw new UnsupportedOperationException();
        }
    }
}
