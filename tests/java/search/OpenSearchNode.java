import java.lang.reflect.Proxy;
import java.nio.file.Path;

/**
 * One node of OpenSearch with its HTTP interface. Arguments: folder, HTTP port, transport port.
 *
 * <p>By reflection: OpenSearch needs a newer Java than the compiler that builds this.
 */
public final class OpenSearchNode {
  private static final String RUNNER = "org.codelibs.opensearch.runner.OpenSearchRunner";
  private static final String MODULES =
      String.join(
          ",",
          "org.opensearch.transport.Netty4ModulePlugin",
          "org.opensearch.index.mapper.MapperExtrasModulePlugin",
          "org.opensearch.painless.PainlessModulePlugin",
          "org.opensearch.ingest.common.IngestCommonModulePlugin");

  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    int port = Integer.parseInt(args[1]);
    String transport = args[2];
    Class<?> type = Class.forName(RUNNER);
    Object runner = type.getDeclaredConstructor().newInstance();
    // The runner looks for a free port in a range of its own otherwise.
    type.getMethod("setMaxHttpPort", int.class).invoke(runner, 65_535);
    Class<?> callback = Class.forName(RUNNER + "$Builder");
    Object settings =
        Proxy.newProxyInstance(
            callback.getClassLoader(),
            new Class<?>[] {callback},
            (proxy, method, given) -> {
              put(given[1], "http.port", args[1]);
              put(given[1], "transport.port", transport);
              put(given[1], "network.host", "127.0.0.1");
              put(given[1], "discovery.seed_hosts", "127.0.0.1:" + transport);
              // Test machines are small, and a full disk is not what is tested.
              put(given[1], "cluster.routing.allocation.disk.threshold_enabled", "false");
              return null;
            });
    type.getMethod("onBuild", callback).invoke(runner, settings);
    Object configs = type.getMethod("newConfigs").invoke(null);
    Class<?> configsType = configs.getClass();
    configsType.getMethod("moduleTypes", String.class).invoke(configs, MODULES);
    configsType.getMethod("clusterName", String.class).invoke(configs, "tests");
    configsType.getMethod("numOfNode", int.class).invoke(configs, 1);
    configsType.getMethod("basePath", String.class).invoke(configs, folder.toString());
    // Nodes are numbered from one, and each adds its number.
    configsType.getMethod("baseHttpPort", int.class).invoke(configs, port - 1);
    type.getMethod("build", configsType).invoke(runner, configs);
    Thread.currentThread().join();
  }

  private static void put(Object builder, String key, String value) throws Exception {
    builder.getClass().getMethod("put", String.class, String.class).invoke(builder, key, value);
  }
}
