//! Changed schemas, and the cache that keeps them from being built for every record.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use connect_core::data::Value;
use connect_core::data::{Field, Schema, SchemaRef, Type};
use connect_core::error::ConnectError;

/// Entries of a cache, as in Kafka Connect's transforms.
const CACHE_SIZE: usize = 16;

/// What a transform worked out for a schema, for the sixteen schemas used last.
#[derive(Debug)]
pub(crate) struct SchemaCache<T> {
    entries: Mutex<VecDeque<(SchemaRef, Arc<T>)>>,
}

impl<T> Default for SchemaCache<T> {
    fn default() -> Self {
        Self { entries: Mutex::new(VecDeque::with_capacity(CACHE_SIZE)) }
    }
}

impl<T> SchemaCache<T> {
    /// Returns the entry of a schema; `make` builds it the first time.
    ///
    /// # Errors
    /// Returns the error of `make`; nothing is kept then.
    pub(crate) fn get(
        &self,
        schema: &SchemaRef,
        make: impl FnOnce(&Schema) -> Result<T, ConnectError>,
    ) -> Result<Arc<T>, ConnectError> {
        // An entry is complete when it is inserted, so a poisoned lock holds nothing half made.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(known, _): &(SchemaRef, Arc<T>)| Arc::ptr_eq(known, schema);
        let position =
            entries.iter().position(same).or_else(|| entries.iter().position(|(known, _)| known == schema));
        if let Some(index) = position {
            if index > 0
                && let Some(entry) = entries.remove(index)
            {
                entries.push_front(entry);
            }
            return Ok(Arc::clone(&entries[0].1));
        }
        let made = Arc::new(make(schema)?);
        entries.truncate(CACHE_SIZE - 1);
        entries.push_front((Arc::clone(schema), Arc::clone(&made)));
        Ok(made)
    }
}

/// Returns a required schema of the given type with name, version, doc and parameters of another
/// (`SchemaUtil.copySchemaBasics`).
pub(crate) fn copy_basics(schema: &Schema, ty: Type) -> Schema {
    Schema {
        name: schema.name.clone(),
        version: schema.version,
        doc: schema.doc.clone(),
        parameters: schema.parameters.clone(),
        ..Schema::of(ty)
    }
}

/// Returns the fields of a struct schema, as `ConnectSchema.fields` does.
///
/// # Errors
/// Fails with a data error on any other schema.
pub(crate) fn fields_of(schema: &Schema) -> Result<&[Field], ConnectError> {
    match schema.ty {
        Type::Struct => Ok(&schema.fields),
        _ => Err(ConnectError::data("Cannot list fields on non-struct type")),
    }
}

/// Returns a schema's text as `ConnectSchema.toString` gives it.
pub(crate) fn schema_text(schema: &Schema) -> String {
    match &schema.name {
        Some(name) => format!("Schema{{{name}:{}}}", schema.ty.name()),
        None => format!("Schema{{{}}}", schema.ty.name()),
    }
}

/// Adds a field, as `SchemaBuilder.field` does.
///
/// # Errors
/// Fails when the name is empty or taken.
pub(crate) fn add_field(
    schema: &mut Schema,
    name: &str,
    field: impl Into<SchemaRef>,
) -> Result<(), ConnectError> {
    if name.is_empty() {
        return Err(ConnectError::data("fieldName cannot be null."));
    }
    if schema.field(name).is_some() {
        return Err(ConnectError::data(format!(
            "Cannot create field because of field name duplication {name}"
        )));
    }
    schema.fields.push(Field { name: name.to_owned(), schema: field.into() });
    Ok(())
}

/// Sets the default, as `SchemaBuilder.defaultValue` does: the schema must be complete apart from it.
///
/// # Errors
/// Fails when the default does not match the schema.
pub(crate) fn set_default(schema: &mut Schema, default: Value) -> Result<(), ConnectError> {
    default
        .validate(schema, None)
        .map_err(|error| ConnectError::data("Invalid default value").because(error))?;
    schema.default = Some(default);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn equal_schemas_share_an_entry_and_the_oldest_leaves() {
        let cache = SchemaCache::default();
        let made = Cell::new(0);
        let get = |version| {
            let schema = Arc::new(Schema { version: Some(version), ..Schema::of(Type::Int8) });
            let make = |_: &Schema| {
                made.set(made.get() + 1);
                Ok(version)
            };
            assert_eq!(cache.get(&schema, make).map(|entry| *entry).ok(), Some(version));
        };
        [1, 1, 2, 1].into_iter().for_each(get);
        assert_eq!(made.get(), 2);
        (3..18).for_each(get);
        get(1);
        assert_eq!(made.get(), 17, "fifteen new ones, the first stays");
        get(2);
        assert_eq!(made.get(), 18, "the second was used longest ago");
    }
}
