//! Field paths: one name (`V1`), or names separated by dots (`V2`, KIP-821).

use connect_core::data::{Schema, SchemaRef, Type, Value};
use connect_core::error::ConnectError;

use crate::require;
use crate::settings::with_default;

const PURPOSE: &str = "nested field access";

/// The steps to a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FieldPath {
    steps: Vec<String>,
}

impl FieldPath {
    /// Returns the path of one step (`V1`).
    pub(crate) fn single(name: &str) -> Self {
        Self { steps: vec![name.to_owned()] }
    }

    /// Parses a path with dots (`V2`). A step in backticks may hold dots; a backtick before a dot inside it is
    /// written with a backslash.
    ///
    /// # Errors
    /// Fails with a config error when a backtick has no counterpart.
    pub(crate) fn parse(path: &str) -> Result<Self, ConnectError> {
        let mut steps = Vec::new();
        let mut position = 0;
        while position < path.len() {
            let rest = &path[position..];
            let (step, used) = match rest.strip_prefix('`') {
                Some(inner) => {
                    let (step, used) = quoted_step(inner).ok_or_else(|| incomplete(path, position))?;
                    (step, used + 1)
                }
                None => match rest.split_once('.') {
                    Some((step, _)) => (step.to_owned(), step.len() + 1),
                    None => (rest.to_owned(), rest.len()),
                },
            };
            steps.push(step);
            position += used;
        }
        if path.ends_with('.') {
            steps.push(String::new());
        }
        Ok(Self { steps })
    }

    /// Returns the schema of the field; `None` when there is no such field.
    ///
    /// # Errors
    /// Fails with a data error when a step leads into something that is no struct.
    pub(crate) fn schema_in<'a>(&self, schema: &'a SchemaRef) -> Result<Option<&'a SchemaRef>, ConnectError> {
        self.check()?;
        let mut current = schema;
        for step in &self.steps {
            match field_of(current, step)? {
                Some(field) => current = field,
                None => return Ok(None),
            }
        }
        Ok(Some(current))
    }

    /// Takes the value of the field out of a struct or map; null when it, or something on the way to it, is missing
    /// or null.
    ///
    /// # Errors
    /// Fails with a data error when a step leads into a value that is no struct or map.
    pub(crate) fn take_from(&self, value: Value, replaces_null: bool) -> Result<Value, ConnectError> {
        if !value.is_null() {
            self.check()?;
        }
        let mut current = value;
        for step in &self.steps {
            current = match current {
                Value::Null => return Ok(Value::Null),
                Value::Map(mut map) => {
                    map.get_mut(step).map_or(Value::Null, |slot| std::mem::replace(slot, Value::Null))
                }
                Value::Struct(structure) => {
                    let (schema, mut values) = structure.into_parts();
                    match schema.field_index(step) {
                        Some(index) => {
                            let schema = &schema.fields[index].schema;
                            with_default(values.swap_remove(index), schema, replaces_null)
                        }
                        None => return Ok(Value::Null),
                    }
                }
                // Without schema only maps nest; inside a struct the schema has been looked at before.
                other => return Err(require::no_map(&other, PURPOSE)),
            };
        }
        Ok(current)
    }

    // Kafka Connect accepts the empty path and stumbles over it when a record comes; its text is kept.
    fn check(&self) -> Result<(), ConnectError> {
        match self.steps.is_empty() {
            true => Err(ConnectError::fatal("fromIndex(0) > toIndex(-1)")),
            false => Ok(()),
        }
    }
}

fn field_of<'a>(schema: &'a Schema, name: &str) -> Result<Option<&'a SchemaRef>, ConnectError> {
    match schema.ty {
        Type::Struct => Ok(schema.field(name).map(|field| &field.schema)),
        _ => Err(ConnectError::data("Cannot look up fields on non-struct type")),
    }
}

/// Reads a step up to its closing backtick, which the end of the path or a dot follows. Returns the step and the
/// bytes used, the dot included.
fn quoted_step(text: &str) -> Option<(String, usize)> {
    let mut step = String::new();
    let (mut start, mut from) = (0, 0);
    loop {
        let position = from + text[from..].find('`')?;
        let is_escaped = text[..position].ends_with('\\');
        let is_last = position + 1 == text.len();
        if is_last {
            step.push_str(&text[start..position]);
            return (!is_escaped).then_some((step, position + 1));
        }
        from = position + 1;
        if !text[from..].starts_with('.') {
            continue;
        }
        if !is_escaped {
            step.push_str(&text[start..position]);
            return Some((step, position + 2));
        }
        step.push_str(&text[start..position - 1]);
        step.push('`');
        start = from;
    }
}

fn incomplete(path: &str, position: usize) -> ConnectError {
    let position = path[..position].encode_utf16().count();
    ConnectError::config(format!(
        "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at position \
         {position} to escape it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_at_dots_outside_backticks() {
        let table: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("a", &["a"]),
            ("a.b", &["a", "b"]),
            ("a.", &["a", ""]),
            ("`a.b`.c", &["a.b", "c"]),
            ("a.`b.c`", &["a", "b.c"]),
            ("`a`b`.c", &["a`b", "c"]),
            ("`a\\`.b`.c", &["a`.b", "c"]),
        ];
        for (path, steps) in table {
            assert_eq!(FieldPath::parse(path).unwrap().steps, steps, "{path}");
        }
    }

    #[test]
    fn lone_backtick_is_an_error_that_names_its_position() {
        let error = FieldPath::parse("a.`b").unwrap_err();
        assert!(error.to_string().contains("[a.`b]") && error.to_string().contains("position 2"), "{error}");
        assert!(FieldPath::parse("`a\\`").is_err());
    }
}
