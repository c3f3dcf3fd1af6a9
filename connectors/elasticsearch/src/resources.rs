//! Indices and data streams: made before the first document goes there.

use connect_core::data::SchemaRef;
use connect_core::data::json::write_str;
use hyper::Method;
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use crate::client::{Answer, CallError, Client};
use crate::mapping::mapping;
use crate::settings::{Creation, Product, ResourceKind};

/// Priority of a data stream's own template: above the products' built-in ones.
const TEMPLATE_PRIORITY: u32 = 200;

/// An index or data stream that documents go to.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// The name in quotes, as JSON.
    pub(crate) quoted: String,
    /// Schema of the first document, unless schemas are ignored.
    pub(crate) schema: Option<SchemaRef>,
    ready: OnceCell<()>,
}

impl Resource {
    pub(crate) fn new(name: String, schema: Option<SchemaRef>) -> Self {
        let mut quoted = Vec::new();
        write_str(&mut quoted, &name);
        let quoted = String::from_utf8_lossy(&quoted).into_owned();
        Self { name, quoted, schema, ready: OnceCell::new() }
    }
}

/// Makes what does not exist.
#[derive(Debug)]
pub(crate) struct Creator {
    product: Product,
    creation: Creation,
    compacts_maps: bool,
}

impl Creator {
    pub(crate) fn new(product: Product, creation: Creation, compacts_maps: bool) -> Self {
        Self { product, creation, compacts_maps }
    }

    /// Makes the index template and the lifecycle policy, where they do not exist.
    ///
    /// # Errors
    /// As [`Creator::ensure`].
    pub(crate) async fn prepare(&self, client: &Client) -> Result<(), CallError> {
        if let Some((name, Some(body))) = &self.creation.policy {
            let path = match self.product {
                Product::Elasticsearch => format!("/_ilm/policy/{name}"),
                Product::OpenSearch => format!("/_plugins/_ism/policies/{name}"),
            };
            create_missing(client, Method::GET, &path, body).await?;
        }
        if let Some((name, body)) = &self.creation.template {
            create_missing(client, Method::HEAD, &format!("/_index_template/{name}"), body).await?;
        }
        Ok(())
    }

    /// Makes a resource unless it exists. Several callers at the same time wait for one of them.
    ///
    /// # Errors
    /// Says whether trying again may help.
    pub(crate) async fn ensure(&self, client: &Client, resource: &Resource) -> Result<(), CallError> {
        resource.ready.get_or_try_init(|| self.create(client, resource)).await.map(|_| ())
    }

    async fn create(&self, client: &Client, resource: &Resource) -> Result<(), CallError> {
        let path = format!("/{}", encoded(&resource.name));
        match self.creation.kind {
            ResourceKind::External => Ok(()),
            ResourceKind::Stream => self.create_stream(client, resource, &path).await,
            ResourceKind::Index => self.create_index(client, resource, &path).await,
        }
    }

    async fn create_index(&self, client: &Client, resource: &Resource, path: &str) -> Result<(), CallError> {
        let answer = client.call(Method::HEAD, path, None).await?;
        let made = resource.schema.as_ref().map(|schema| mapping(schema, self.compacts_maps));
        let mappings = self.creation.mappings.clone().or_else(|| made.clone());
        match answer.status {
            200 => match (made, &self.creation.mappings) {
                // A mapping that is given belongs to indices made here; one made of a schema fills an empty one.
                (Some(made), None) => self.fill_mapping(client, path, made).await,
                _ => Ok(()),
            },
            404 => {
                let mut body = json!({});
                if let Some(settings) = &self.creation.settings {
                    body["settings"] = settings.clone();
                }
                if let Some(mappings) = mappings {
                    body["mappings"] = mappings;
                }
                let text = (body != json!({})).then(|| body.to_string());
                created(client.call(Method::PUT, path, text).await?, &resource.name)?;
                tracing::info!(index = resource.name, "index made");
                Ok(())
            }
            _ => Err(answer.unexpected(&format!("looking for index `{}`", resource.name))),
        }
    }

    async fn fill_mapping(&self, client: &Client, path: &str, mapping: Json) -> Result<(), CallError> {
        let target = format!("{path}/_mapping");
        let answer = client.call(Method::GET, &target, None).await?;
        if answer.status != 200 {
            return Err(answer.unexpected("reading the mapping of an index"));
        }
        let known: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_empty = |index: &Json| index["mappings"].as_object().is_none_or(serde_json::Map::is_empty);
        if !known.as_object().is_some_and(|indices| indices.values().all(is_empty)) {
            return Ok(());
        }
        let answer = client.call(Method::PUT, &target, Some(mapping.to_string())).await?;
        if answer.is_success() { Ok(()) } else { Err(answer.unexpected("writing the mapping of an index")) }
    }

    async fn create_stream(&self, client: &Client, resource: &Resource, path: &str) -> Result<(), CallError> {
        let answer = client.call(Method::HEAD, path, None).await?;
        match answer.status {
            200 => return Ok(()),
            404 => {}
            _ => return Err(answer.unexpected(&format!("looking for data stream `{}`", resource.name))),
        }
        if let Some((name, field)) = &self.creation.stream_template {
            let name = name.clone().unwrap_or_else(|| format!("{}-template", resource.name));
            let body = json!({
                "index_patterns": [resource.name],
                "data_stream": { "timestamp_field": { "name": field } },
                "priority": TEMPLATE_PRIORITY,
            });
            let path = format!("/_index_template/{}", encoded(&name));
            create_missing(client, Method::HEAD, &path, &body).await?;
        }
        let path = format!("/_data_stream{path}");
        created(client.call(Method::PUT, &path, None).await?, &resource.name)?;
        tracing::info!(data_stream = resource.name, "data stream made");
        Ok(())
    }
}

/// Makes what is at a path unless something is there.
async fn create_missing(client: &Client, look: Method, path: &str, body: &Json) -> Result<(), CallError> {
    let answer = client.call(look, path, None).await?;
    match answer.status {
        200 => Ok(()),
        404 => {
            let answer = client.call(Method::PUT, path, Some(body.to_string())).await?;
            if !answer.is_success() && !answer.says("already_exists") {
                return Err(answer.unexpected(&format!("making `{path}`")));
            }
            tracing::info!(path, "made in the cluster");
            Ok(())
        }
        _ => Err(answer.unexpected(&format!("looking for `{path}`"))),
    }
}

/// Accepts that another task was faster.
fn created(answer: Answer, name: &str) -> Result<(), CallError> {
    if answer.is_success() || answer.says("resource_already_exists_exception") {
        return Ok(());
    }
    Err(answer.unexpected(&format!("making `{name}`")))
}

/// Encodes a name for a path.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
