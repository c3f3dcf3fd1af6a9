//! Operations from records: resource, id, version, routing and document. Keeps the resources of a task, so that each
//! is looked after once.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use connect_core::data::{Datum, Type, Value, coerce, java_text};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use crate::fields::{with_field, with_timestamp};
use crate::operation::{Action, DocumentId, Operation};
use crate::payload::Payloads;
use crate::resources::Resource;
use crate::settings::{IdSource, NullPolicy, Routing, Rules, StreamTime};
use crate::template::value_at;

/// Resources kept by name; with dates in names old ones would pile up.
const MAX_RESOURCES: usize = 1024;

/// What becomes of a record.
#[derive(Debug)]
pub(crate) enum Made {
    /// An operation.
    Operation(Operation),
    /// Nothing, as the configuration wants it.
    Nothing,
}

/// Makes operations of records.
#[derive(Debug)]
pub(crate) struct Documents {
    rules: Rules,
    payloads: Payloads,
    resources: HashMap<String, Arc<Resource>>,
    /// The resource of the topic seen last, where the topic alone decides.
    last: Option<(Arc<str>, Arc<Resource>)>,
}

impl Documents {
    pub(crate) fn new(rules: Rules) -> Self {
        let payloads = Payloads::new(rules.compacts_maps);
        Self { rules, payloads, resources: HashMap::new(), last: None }
    }

    /// Returns what becomes of a record.
    ///
    /// # Errors
    /// A data error when the record cannot be written as configured.
    pub(crate) fn make(&mut self, record: &SinkRecord, wall_ms: i64) -> Result<Made, ConnectError> {
        if record.value.is_null() && self.leaves_out(record)? {
            return Ok(Made::Nothing);
        }
        let resource = self.resource(record)?;
        let id = self.id(record)?;
        // Updates count versions on their own; a delete with an offset as its version could be older than they are.
        let is_versioned = self.rules.stream.is_none()
            && !self.rules.is_upsert
            && matches!(id, DocumentId::Text(_))
            && self.rules.id_format.is_none();
        if record.value.is_null() {
            return Ok(Made::Operation(Operation {
                action: Action::Delete,
                resource,
                id,
                version: if is_versioned { Some(self.version(record)?) } else { None },
                routing: self.routing(record, None)?,
                document: Default::default(),
            }));
        }
        let ignores_schema = self.rules.schema_ignore.holds(&record.topic);
        let mut document = self.payloads.document(&record.value, ignores_schema)?;
        if let Some(rule) = &self.rules.stream
            && *rule != StreamTime::Unchanged
        {
            document = with_timestamp(document, rule, record.timestamp)?;
        }
        if let Some(field) = &self.rules.indexed_at {
            let now = Timestamp::from_millisecond(wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            document = with_field(document, field, &format!("\"{now:.3}\""));
        }
        let action = match (self.rules.is_upsert, self.rules.stream.is_some()) {
            (true, _) => Action::Update { retry_on_conflict: self.rules.retry_on_conflict },
            (false, true) => Action::Create,
            (false, false) => Action::Index,
        };
        let version = match action {
            Action::Index if is_versioned => Some(self.version(record)?),
            _ => None,
        };
        let routing = self.routing(record, Some(&record.value))?;
        Ok(Made::Operation(Operation { action, resource, id, version, routing, document }))
    }

    /// Returns the resource in place of one that turned out not to exist: the next request makes it again.
    pub(crate) fn renew(&mut self, resource: &Arc<Resource>) -> Arc<Resource> {
        self.last = None;
        match self.resources.get(&resource.name) {
            Some(known) if !Arc::ptr_eq(known, resource) => Arc::clone(known),
            _ => {
                let fresh = Arc::new(Resource::new(resource.name.clone(), resource.schema.clone()));
                self.resources.insert(resource.name.clone(), Arc::clone(&fresh));
                fresh
            }
        }
    }

    /// Returns whether a record with a null value is left out.
    fn leaves_out(&self, record: &SinkRecord) -> Result<bool, ConnectError> {
        match self.rules.nulls {
            NullPolicy::Ignore => Ok(true),
            // Nothing tells which document is meant.
            NullPolicy::Delete => Ok(record.key.is_null()),
            NullPolicy::Fail => Err(ConnectError::data(format!(
                "record from topic={} partition={} offset={} has a null value (to ignore future records like this \
                 change the configuration property 'behavior.on.null.values' from 'fail' to 'ignore')",
                record.topic, record.origin.partition, record.offset
            ))),
        }
    }

    fn resource(&mut self, record: &SinkRecord) -> Result<Arc<Resource>, ConnectError> {
        if let Some((topic, resource)) = &self.last
            && *topic == record.topic
        {
            return Ok(Arc::clone(resource));
        }
        let name = self.rules.naming.resource(self.rules.product, record)?;
        let resource = match self.resources.get(&name) {
            Some(resource) => Arc::clone(resource),
            None => {
                if self.resources.len() >= MAX_RESOURCES {
                    self.resources.clear();
                }
                let ignores_schema = self.rules.schema_ignore.holds(&record.topic);
                let schema = record.value.schema().filter(|_| !ignores_schema).cloned();
                let resource = Arc::new(Resource::new(name.clone(), schema));
                self.resources.insert(name, Arc::clone(&resource));
                resource
            }
        };
        if self.rules.naming.depends_on_topic_only() {
            self.last = Some((Arc::clone(&record.topic), Arc::clone(&resource)));
        }
        Ok(resource)
    }

    fn id(&self, record: &SinkRecord) -> Result<DocumentId, ConnectError> {
        if let Some(format) = &self.rules.id_format {
            let id = format.fill(record)?;
            return if id.is_empty() {
                Err(ConnectError::data("the id of a document can not be empty"))
            } else {
                Ok(DocumentId::Text(id))
            };
        }
        let source = match self.rules.key_ignore.holds(&record.topic) {
            _ if self.rules.has_cluster_ids => IdSource::Cluster,
            true => self.rules.ignored_key_id,
            false => IdSource::Key,
        };
        Ok(match source {
            IdSource::Cluster => DocumentId::Cluster,
            IdSource::Key => DocumentId::Text(key_text(&record.key)?),
            // Where it was read from, so that topics renamed to one name do not overwrite each other's documents.
            IdSource::Coordinates => DocumentId::Coordinates {
                topic: Arc::clone(&record.origin.topic),
                partition: record.origin.partition,
                offset: record.offset,
            },
        })
    }

    fn version(&self, record: &SinkRecord) -> Result<i64, ConnectError> {
        let Some(name) = &self.rules.version_header else { return Ok(record.offset) };
        let invalid = || {
            ConnectError::data(format!(
                "the header `{name}` (`external.version.header`) must hold a whole number, and does not in the \
                 record of `{}` at offset {}",
                record.original_partition(),
                record.offset
            ))
        };
        let header = record.headers.last_with_name(name).ok_or_else(invalid)?;
        let text = coerce::to_string(header.value.schema().map(AsRef::as_ref), &header.value.value())?;
        text.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(invalid)
    }

    fn routing(&self, record: &SinkRecord, value: Option<&Datum>) -> Result<Option<String>, ConnectError> {
        match (&self.rules.routing, value) {
            (Routing::None, _) | (Routing::Value(_), None) => Ok(None),
            (Routing::Key, _) => key_text(&record.key).map(Some),
            (Routing::Format(format), _) => format.fill(record).map(Some),
            (Routing::Value(path), Some(datum)) => {
                let pointer = format!("/{}", path.join("/"));
                let root = datum.value();
                match value_at(&root, path) {
                    Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.to_string())),
                    Some(
                        number @ (Value::Int8(_)
                        | Value::Int16(_)
                        | Value::Int32(_)
                        | Value::Int64(_)
                        | Value::Float32(_)
                        | Value::Float64(_)
                        | Value::Decimal(_)),
                    ) => Ok(Some(java_text::to_text(number))),
                    _ => Err(ConnectError::data(format!(
                        "Couldn't determine value for path: {pointer}; it must be a string or a number"
                    ))),
                }
            }
        }
    }
}

/// Returns the id that a key stands for.
fn key_text(key: &Datum) -> Result<String, ConnectError> {
    let value = key.value();
    if value.is_null() {
        return Err(ConnectError::data("Key is used as document id and can not be null."));
    }
    let is_id = match key.schema() {
        Some(schema) => {
            matches!(schema.ty, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::String)
        }
        None => matches!(
            *value,
            Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) | Value::String(_)
        ),
    };
    let text = if is_id { java_text::to_text(&value) } else { String::new() };
    match (is_id, text.is_empty()) {
        (true, false) => Ok(text),
        (true, true) => Err(ConnectError::data("Key is used as document id and can not be empty.")),
        (false, _) => {
            let ty = key.schema().map_or(value.java_class(), |schema| schema.ty.name());
            Err(ConnectError::data(format!(
                "{ty} is not supported as the document id. Use a string or whole number as key, set \
                 `key.ignore=true`, or give `document.id.format`."
            )))
        }
    }
}

#[cfg(test)]
mod tests;
