import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/** One node of Elasticsearch. Arguments: home with the modules, folder, HTTP port, transport port. */
public final class ElasticsearchNode {
  public static void main(String[] args) throws Exception {
    Path home = Path.of(args[0]);
    Path folder = Path.of(args[1]);
    System.setProperty("es.path.home", args[0]);
    System.setProperty("es.logs.base_path", args[1]);
    System.setProperty("es.logs.cluster_name", "tests");
    System.setProperty("es.logs.node_name", "node");
    Settings settings =
        Settings.builder()
            .put("path.home", home)
            .put("path.data", folder.resolve("data"))
            .put("path.logs", folder.resolve("logs"))
            .put("cluster.name", "tests")
            .put("node.name", "node")
            .put("network.host", "127.0.0.1")
            .put("http.port", args[2])
            .put("transport.port", args[3])
            .put("discovery.type", "single-node")
            // Pages of the examples ask the node from a file or another port.
            .put("http.cors.enabled", true)
            .put("http.cors.allow-origin", "*")
            .put("http.cors.allow-headers", "X-Requested-With,Content-Type,Content-Length,Authorization")
            // Test machines are small, and a full disk is not what is tested.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
    LogConfigurator.configureWithoutConfig(Settings.EMPTY);
    LogConfigurator.configureESLogging();
    var environment =
        InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> "node");
    Set<PluginBundle> modules = PluginsLoader.loadModulesBundles(home.resolve("modules"));
    Node node = new Node(environment, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of(), false));
    node.start();
    Thread.currentThread().join();
  }
}
