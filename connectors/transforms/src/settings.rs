//! Settings and rules that several transforms share.

use connect_core::config::{ConfigIssue, Parsed, Props};
use connect_core::data::{Schema, Value};
use connect_core::error::ConnectError;

/// Returns the error of a configuration: the first issue, as `ConfigDef.parse` throws it.
pub(crate) fn first_issue(issues: Vec<ConfigIssue>) -> ConnectError {
    ConnectError::config(issues.into_iter().next().map(|issue| issue.message).unwrap_or_default())
}

/// Accepts lists without duplicates and empty items, and the empty list (`ValidList.anyNonDuplicateValues`).
pub(crate) fn unique_list(name: &str, value: &Parsed) -> Result<(), String> {
    let Parsed::List(items) = value else {
        return Err(format!("Configuration '{name}' values must not be null."));
    };
    let is_repeated = |(index, item): (usize, &String)| items.iter().take(index).any(|other| other == item);
    if items.iter().enumerate().any(is_repeated) {
        return Err(format!("Configuration '{name}' values must not be duplicated."));
    }
    if items.iter().any(String::is_empty) {
        return Err(format!("Configuration '{name}' values must not be empty."));
    }
    Ok(())
}

/// Accepts lists with at least one item, without duplicates and empty items.
pub(crate) fn non_empty_unique_list(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) if items.is_empty() => Err(format!(
            "Configuration '{name}' must not be empty. Valid values include: any non-empty value"
        )),
        _ => unique_list(name, value),
    }
}

/// Refuses null (`ConfigDef.NonNullValidator`).
pub(crate) fn non_null(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Null => Err(format!("Invalid value null for configuration {name}: entry must be non null")),
        _ => Ok(()),
    }
}

/// Refuses null and the empty list (`NonEmptyListValidator`).
pub(crate) fn non_empty_list(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) if !items.is_empty() => Ok(()),
        _ => Err(format!("Invalid value {value} for configuration {name}: Empty list")),
    }
}

/// Returns a configuration without repeated items in the given lists. `ConfigDef.parse` leaves them out with a warning
/// before it checks; only `validate` reports them.
pub(crate) fn without_repeats(props: &Props, lists: &[&str]) -> Props {
    let mut props = props.clone();
    for list in lists {
        let Some(text) = props.get_mut(*list) else { continue };
        let mut items: Vec<&str> = Vec::new();
        for item in text.split(',').map(str::trim) {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        *text = items.join(",");
    }
    props
}

/// Splits as Java's `String.split` with one character: empty parts at the end are left out.
pub(crate) fn java_split(text: &str, separator: char) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(separator).collect();
    if parts.len() == 1 {
        return parts;
    }
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

/// Replaces null by the schema's default where that is asked for, as `Struct.get` does.
pub(crate) fn with_default(value: Value, schema: &Schema, replaces_null: bool) -> Value {
    match (&value, &schema.default) {
        (Value::Null, Some(default)) if replaces_null => default.clone(),
        _ => value,
    }
}
