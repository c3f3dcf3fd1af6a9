//! The keys that both connectors have beyond the originals'.

use connect_core::config::{Parsed, Secret, Validator};

connect_core::config! {
    /// The keys that only Sluice has.
    pub(crate) struct ExtraConfig {
        /// API key of Elasticsearch, encoded in base64 as the cluster gives it; in place of user and password.
        api_key: Option<Secret> = "api.key.value", Medium, default None, group "Sluice";
        /// Name of the index of a record. `${topic}`, `${partition}`, `${key}`, `${key.field}`, `${value.field.field}`, `${header.name}` and the record's time as `${yyyy.MM.dd}` are filled in.
        index_format: String = "index.name.format", Medium, default "${topic}", group "Sluice";
        /// Id of the document of a record, with the same variables and `${offset}`; empty for the rules of `key.ignore`.
        id_format: String = "document.id.format", Medium, default "", group "Sluice";
        /// Routing of the document of a record, with the same variables; empty for none.
        routing_format: String = "routing.format", Medium, default "", group "Sluice";
        /// Ingest pipeline that every document goes through.
        pipeline: String = "ingest.pipeline", Medium, default "", group "Sluice";
        /// Field that is added to every document with the time it is sent to the cluster.
        indexed_at: String = "indexed.at.field", Medium, default "", group "Sluice";
        /// Settings of an index that is made on demand, as a JSON object: `{"number_of_shards":2,"number_of_replicas":1}`.
        index_settings: String = "index.settings", Medium, default "", valid Validator::Custom(check_object), group "Sluice";
        /// Mappings of an index that is made on demand, as a JSON object, in place of those made from the schema: `{"properties":{"status":{"type":"integer"}}}`.
        index_mappings: String = "index.mappings", Medium, default "", valid Validator::Custom(check_object), group "Sluice";
        /// Index template that is made at start if it does not exist.
        template_name: String = "index.template.name", Medium, default "", group "Sluice";
        /// The index template as a JSON object.
        template: String = "index.template", Medium, default "", valid Validator::Custom(check_object), group "Sluice";
        /// Lifecycle policy (ILM, or ISM of OpenSearch) that is made at start if it does not exist; indices made on demand use it.
        policy_name: String = "lifecycle.policy.name", Medium, default "", group "Sluice";
        /// The lifecycle policy as a JSON object; empty when it exists already.
        policy: String = "lifecycle.policy", Medium, default "", valid Validator::Custom(check_object), group "Sluice";
    }
}

fn check_object(name: &str, value: &Parsed) -> Result<(), String> {
    let text = value.to_string();
    if text.is_empty() {
        return Ok(());
    }
    let invalid = |reason: String| Err(format!("Invalid value {text} for configuration {name}: {reason}"));
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(()),
        Ok(_) => invalid("it must be a JSON object".to_owned()),
        Err(error) => invalid(format!("it must be a JSON object: {error}")),
    }
}
