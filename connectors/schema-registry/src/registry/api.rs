//! The requests of the registry's API that converters need.

use std::collections::HashSet;

use connect_core::error::ConnectError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::HttpClient;
use super::error::RegistryError;
use super::settings::RegistryConfig;

/// References may not nest deeper: a schema that refers to itself would never end.
const MAX_REFERENCE_DEPTH: usize = 32;

/// A registry.
pub(crate) struct SchemaRegistry {
    client: HttpClient,
}

/// The text of a schema and those it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SchemaText {
    /// The schema as it was registered.
    pub(crate) text: String,
    /// `AVRO`, `JSON` or `PROTOBUF`.
    pub(crate) kind: String,
    /// Schemas referred to, by the name used in the text; each before those that need it.
    pub(crate) references: Vec<(String, String)>,
    /// The references of the schema itself, as the registry gave them.
    direct: Vec<Reference>,
}

/// A schema of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registered {
    /// The id that goes with every record.
    pub(crate) id: i32,
    /// The schema, where it was asked for.
    pub(crate) schema: SchemaText,
}

impl SchemaText {
    /// Returns a schema that refers to no other.
    pub(crate) fn new(text: &str, kind: &str) -> Self {
        Self { text: text.to_owned(), kind: kind.to_owned(), references: Vec::new(), direct: Vec::new() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaAnswer {
    schema: String,
    #[serde(default)]
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
    #[serde(default)]
    id: i32,
    #[serde(default)]
    version: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
struct Reference {
    name: String,
    subject: String,
    version: i32,
}

#[derive(Debug, Deserialize)]
struct IdAnswer {
    id: i32,
}

impl SchemaRegistry {
    /// Returns the registry that the settings name; nothing is sent yet.
    ///
    /// # Errors
    /// Fails (config) when the settings cannot be used.
    pub(crate) fn new(config: &RegistryConfig) -> Result<Self, ConnectError> {
        Ok(Self { client: HttpClient::new(config)? })
    }

    /// Returns the schema with an id.
    ///
    /// # Errors
    /// Fails with a data error when there is none, retriably when the registry is not reachable.
    pub(crate) async fn by_id(&self, id: i32, subject: &str) -> Result<SchemaText, ConnectError> {
        let path = format!("/schemas/ids/{id}?fetchMaxId=false&subject={}", encoded(subject));
        let context = || format!("Error retrieving schema for id {id}");
        let answer: SchemaAnswer =
            self.client.get(&path).await.map_err(|error| error.into_connect(context()))?;
        self.with_references(answer).await.map_err(|error| error.into_connect(context()))
    }

    /// Returns the version that a schema has under a subject, `None` when the subject does not have it.
    ///
    /// # Errors
    /// As [`SchemaRegistry::by_id`].
    pub(crate) async fn version(
        &self,
        subject: &str,
        schema: &SchemaText,
    ) -> Result<Option<i32>, ConnectError> {
        let path = format!("/subjects/{}?normalize=false&deleted=true", encoded(subject));
        let answer: Result<SchemaAnswer, _> =
            self.client.post(&path, &body(&schema.text, &schema.kind, &schema.direct)).await;
        match answer {
            Ok(answer) => Ok(answer.version),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => {
                Err(error.into_connect(format!("Error retrieving schema version for subject {subject}")))
            }
        }
    }

    /// Registers a schema.
    ///
    /// # Errors
    /// Fails with a data error when the registry refuses the schema, retriably when it is not reachable.
    pub(crate) async fn register(
        &self,
        subject: &str,
        text: &str,
        kind: &str,
        normalize: bool,
    ) -> Result<i32, ConnectError> {
        let path = format!("/subjects/{}/versions?normalize={normalize}", encoded(subject));
        let answer: Result<IdAnswer, _> = self.client.post(&path, &body(text, kind, &[])).await;
        answer.map(|answer| answer.id).map_err(|error| {
            error.into_connect(format!("Error registering schema for subject {subject}: {text}"))
        })
    }

    /// Returns the id of a schema that is registered already.
    ///
    /// # Errors
    /// As [`SchemaRegistry::by_id`].
    pub(crate) async fn look_up(
        &self,
        subject: &str,
        text: &str,
        kind: &str,
        normalize: bool,
    ) -> Result<i32, ConnectError> {
        let path = format!("/subjects/{}?normalize={normalize}&deleted=false", encoded(subject));
        let answer: Result<IdAnswer, _> = self.client.post(&path, &body(text, kind, &[])).await;
        answer.map(|answer| answer.id).map_err(|error| {
            error.into_connect(format!("Error retrieving schema for subject {subject}: {text}"))
        })
    }

    /// Returns the newest schema of a subject.
    ///
    /// # Errors
    /// As [`SchemaRegistry::by_id`].
    pub(crate) async fn latest(&self, subject: &str) -> Result<Registered, ConnectError> {
        let path = format!("/subjects/{}/versions/latest", encoded(subject));
        let context = || format!("Error retrieving latest version of schema for subject {subject}");
        let answer: SchemaAnswer =
            self.client.get(&path).await.map_err(|error| error.into_connect(context()))?;
        let id = answer.id;
        let schema = self.with_references(answer).await.map_err(|error| error.into_connect(context()))?;
        Ok(Registered { id, schema })
    }

    async fn with_references(&self, answer: SchemaAnswer) -> Result<SchemaText, RegistryError> {
        let mut found = Found::default();
        let direct = answer.references.unwrap_or_default();
        self.collect(direct.clone(), &mut found, 0).await?;
        Ok(SchemaText {
            text: answer.schema,
            kind: answer.schema_type.unwrap_or_else(|| "AVRO".to_owned()),
            references: found.in_order,
            direct,
        })
    }

    fn collect<'a>(
        &'a self,
        references: Vec<Reference>,
        found: &'a mut Found,
        depth: usize,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), RegistryError>> + Send + 'a>> {
        Box::pin(async move {
            if depth > MAX_REFERENCE_DEPTH {
                return Err(RegistryError::Malformed("references nest too deeply".to_owned()));
            }
            for Reference { name, subject, version } in references {
                if !found.names.insert(name.clone()) {
                    continue;
                }
                let path = format!("/subjects/{}/versions/{version}?deleted=true", encoded(&subject));
                let answer: SchemaAnswer = self.client.get(&path).await?;
                self.collect(answer.references.unwrap_or_default(), found, depth + 1).await?;
                found.in_order.push((name, answer.schema));
            }
            Ok(())
        })
    }
}

#[derive(Default)]
struct Found {
    names: HashSet<String>,
    in_order: Vec<(String, String)>,
}

/// The schema type of Avro is left out, as older registries know no other.
fn body(text: &str, kind: &str, references: &[Reference]) -> serde_json::Value {
    let mut body = json!({ "schema": text });
    if kind != "AVRO" {
        body["schemaType"] = json!(kind);
    }
    if !references.is_empty() {
        body["references"] = json!(references);
    }
    body
}

/// Percent-encodes a path segment or query value.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
