//! Reading and writing the fields of records without a schema.

use connect_core::config::ConfigIssue;
use connect_core::data::{Datum, Map, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;

/// Returns the error of a configuration: the first issue, as `ConfigDef.parse` throws it.
pub(crate) fn first_issue(issues: Vec<ConfigIssue>) -> ConnectError {
    ConnectError::config(issues.into_iter().next().map(|issue| issue.message).unwrap_or_default())
}

/// Returns the value for change, as a map without a schema.
///
/// # Errors
/// Fails with a data error that names `purpose` when the value is anything else.
pub(crate) fn map_of<'a>(record: &'a mut ConnectRecord, purpose: &str) -> Result<&'a mut Map, ConnectError> {
    if record.value.schema().is_some() {
        return Err(ConnectError::data(format!(
            "{purpose} needs a value without a schema; `value.converter.schemas.enable` may be `false`"
        )));
    }
    match record.value.value_mut() {
        Value::Map(map) => Ok(map),
        other => {
            let class = other.java_class();
            Err(ConnectError::data(format!("{purpose} needs a value that is a map, found: {class}")))
        }
    }
}

/// Returns the field at a path of names, outermost first.
pub(crate) fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Map(map) => map.get(name),
        Value::Struct(structure) => structure.get(name).ok(),
        _ => None,
    })
}

/// Splits a path at its dots.
pub(crate) fn path(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

/// Sets a field; one of the same name keeps its place.
pub(crate) fn put(map: &mut Map, name: &str, value: Value) {
    match map.get_mut(name) {
        Some(slot) => *slot = value,
        None => map.entries.push((Value::string(name), value)),
    }
}

/// Puts a map in place of the whole value.
pub(crate) fn replace(record: &mut ConnectRecord, map: Map) {
    record.value = Datum::schemaless(Value::Map(map));
}

/// Calls `change` for every text inside a value, keys of maps excepted.
pub(crate) fn each_text(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::String(_) => change(value),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Map(map) => map.entries.iter_mut().for_each(|(_, member)| each_text(member, change)),
        _ => {}
    }
}
