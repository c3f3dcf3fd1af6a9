//! Checks of what a record holds, with the texts of `Requirements`.

use connect_core::data::{Field, Map, Struct, Value};
use connect_core::error::ConnectError;

/// Returns the map.
///
/// # Errors
/// Fails with a data error when the value is anything else, null included.
pub(crate) fn map(value: Value, purpose: &str) -> Result<Map, ConnectError> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(no_map(&other, purpose)),
    }
}

/// Returns the struct.
///
/// # Errors
/// Fails with a data error when the value is anything else, null included.
pub(crate) fn structure(value: Value, purpose: &str) -> Result<Struct, ConnectError> {
    match value {
        Value::Struct(structure) => Ok(*structure),
        other => Err(no_struct(&other, purpose)),
    }
}

/// Returns the text of a map's key, empty for null.
///
/// # Errors
/// Fails when the key is of another class, as a cast does in the JVM.
pub(crate) fn text_key(key: &Value) -> Result<&str, ConnectError> {
    match (key.as_str(), key) {
        (Some(text), _) => Ok(text),
        (None, Value::Null) => Ok(""),
        (None, other) => {
            let class = other.java_class();
            Err(ConnectError::data(format!("class {class} cannot be cast to class java.lang.String")))
        }
    }
}

/// Returns the error of a value that is no map.
pub(crate) fn no_map(value: &Value, purpose: &str) -> ConnectError {
    let class = value.java_class();
    ConnectError::data(format!(
        "Only Map objects supported in absence of schema for [{purpose}], found: {class}"
    ))
}

/// Returns the error of a value that is no struct.
pub(crate) fn no_struct(value: &Value, purpose: &str) -> ConnectError {
    let class = value.java_class();
    ConnectError::data(format!("Only Struct objects supported for [{purpose}], found: {class}"))
}

/// Checks a value copied from a struct unchanged into a field with the same schema: only null can be wrong.
///
/// # Errors
/// Fails with a data error when the value is null and the field is required.
pub(crate) fn copied(value: Value, field: &Field) -> Result<Value, ConnectError> {
    if value.is_null() {
        value.validate(&field.schema, Some(&field.name))?;
    }
    Ok(value)
}
