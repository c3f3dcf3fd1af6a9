package sluice.tests;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.Build;
import org.elasticsearch.ResourceAlreadyExistsException;
import org.elasticsearch.action.admin.indices.create.AutoCreateAction;
import org.elasticsearch.action.admin.indices.create.CreateIndexRequest;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestActionListener;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;

/**
 * The endpoints that the sink asks and that the server's own jar does not have: {@code GET /}, {@code PUT
 * /_data_stream/NAME} and {@code /_ilm/policy/NAME}. The modules they come from are published with the whole
 * distribution only. The data streams themselves are the server's own: the endpoint asks it to make one as the first
 * document would. Lifecycle policies are only kept and shown, and indices may name one: nothing acts on them.
 */
public final class StreamsModule extends Plugin implements ActionPlugin {
  private volatile ClusterService cluster;

  @Override
  public Collection<?> createComponents(PluginServices services) {
    cluster = services.clusterService();
    return List.of();
  }

  @Override
  public Collection<RestHandler> getRestHandlers(
      Settings settings,
      NamedWriteableRegistry registry,
      RestController controller,
      ClusterSettings clusterSettings,
      IndexScopedSettings indexSettings,
      SettingsFilter filter,
      IndexNameExpressionResolver resolver,
      Supplier<DiscoveryNodes> nodes,
      Predicate<NodeFeature> features) {
    return List.of(new Root(), new MakeStream(cluster), new Policies());
  }

  @Override
  public List<Setting<?>> getSettings() {
    return List.of(
        Setting.simpleString("index.lifecycle.name", Setting.Property.IndexScope, Setting.Property.Dynamic));
  }

  private static final class Policies extends BaseRestHandler {
    private final Map<String, Map<String, Object>> known = new ConcurrentHashMap<>();

    @Override
    public String getName() {
      return "policies";
    }

    @Override
    public List<Route> routes() {
      String path = "/_ilm/policy/{name}";
      return List.of(new Route(RestRequest.Method.GET, path), new Route(RestRequest.Method.PUT, path));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
      String name = request.param("name");
      if (request.method() == RestRequest.Method.PUT) {
        try (XContentParser parser = request.contentParser()) {
          known.put(name, parser.map());
        }
      }
      Map<String, Object> found = known.get(name);
      return channel -> {
        XContentBuilder body = channel.newBuilder().startObject();
        if (found != null) {
          body.field(name, found);
        }
        channel.sendResponse(
            new RestResponse(found == null ? RestStatus.NOT_FOUND : RestStatus.OK, body.endObject()));
      };
    }
  }

  private static final class Root extends BaseRestHandler {
    @Override
    public String getName() {
      return "root";
    }

    @Override
    public List<Route> routes() {
      return List.of(new Route(RestRequest.Method.GET, "/"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
      return channel -> {
        XContentBuilder body = channel.newBuilder();
        body.startObject().startObject("version").field("number", Build.current().version()).endObject().endObject();
        channel.sendResponse(new RestResponse(RestStatus.OK, body));
      };
    }
  }

  private static final class MakeStream extends BaseRestHandler {
    private final ClusterService cluster;

    private MakeStream(ClusterService cluster) {
      this.cluster = cluster;
    }

    @Override
    public String getName() {
      return "make_stream";
    }

    @Override
    public List<Route> routes() {
      return List.of(new Route(RestRequest.Method.PUT, "/_data_stream/{name}"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
      String name = request.param("name");
      return channel -> {
        if (cluster.state().metadata().dataStreams().containsKey(name)) {
          var error = new ResourceAlreadyExistsException("data_stream [" + name + "] already exists");
          channel.sendResponse(new RestResponse(channel, error));
          return;
        }
        client.execute(
            AutoCreateAction.INSTANCE,
            new CreateIndexRequest(name),
            new RestActionListener<>(channel) {
              @Override
              protected void processResponse(
                  org.elasticsearch.action.admin.indices.create.CreateIndexResponse response) throws IOException {
                XContentBuilder body = channel.newBuilder();
                body.startObject().field("acknowledged", response.isAcknowledged()).endObject();
                channel.sendResponse(new RestResponse(RestStatus.OK, body));
              }
            });
      };
    }
  }
}
