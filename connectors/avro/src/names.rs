//! Names: of Connect's schemas in Avro, of properties and parameters, of the fields of unions.

use connect_core::data::{Schema, Type};

use crate::config::AvroConfig;
use crate::schema::{Avro, Kind, Name};

pub const NAMESPACE: &str = "io.confluent.connect.avro";
pub const DEFAULT_NAME: &str = "ConnectDefault";
pub const DEFAULT_FULL_NAME: &str = "io.confluent.connect.avro.ConnectDefault";
pub const ANYTHING: &str = "io.confluent.connect.avro.Anything";
pub const MAP_ENTRY: &str = "MapEntry";
pub const KEY: &str = "key";
pub const VALUE: &str = "value";

pub const CONNECT_NAME: &str = "connect.name";
pub const CONNECT_DOC: &str = "connect.doc";
pub const CONNECT_VERSION: &str = "connect.version";
pub const CONNECT_DEFAULT: &str = "connect.default";
pub const CONNECT_PARAMETERS: &str = "connect.parameters";
pub const CONNECT_TYPE: &str = "connect.type";
pub const CONNECT_INTERNAL_TYPE: &str = "connect.internal.type";
pub const CONNECT_RECORD_DOC: &str = "connect.record.doc";
pub const CONNECT_ENUM_DOC: &str = "connect.enum.doc";
pub const RECORD_DOC: &str = "io.confluent.connect.avro.record.doc";
pub const ENUM_DOC_PREFIX: &str = "io.confluent.connect.avro.enum.doc.";
pub const ENUM_DEFAULT_PREFIX: &str = "io.confluent.connect.avro.enum.default.";
pub const FIELD_DOC_PREFIX: &str = "io.confluent.connect.avro.field.doc.";
/// Says that a default value was the default of an Avro field.
pub const FIELD_DEFAULT_FLAG: &str = "io.confluent.connect.avro.field.default";
pub const FIXED_SIZE: &str = "connect.fixed.size";
pub const DECIMAL_PRECISION: &str = "connect.decimal.precision";
pub const DEFAULT_PRECISION: i64 = 64;
/// Properties that begin so are parameters, and the other way round.
pub const AVRO_PREFIX: &str = "avro";
pub const LOGICAL_TYPE: &str = "logicalType";

const AVRO_ENUM: &str = "io.confluent.connect.avro.Enum";
const AVRO_UNION: &str = "io.confluent.connect.avro.Union";
const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";

impl AvroConfig {
    /// Returns the parameter that names an enum.
    pub fn enum_parameter(&self) -> &'static str {
        if self.generalized { GENERALIZED_ENUM } else { AVRO_ENUM }
    }

    /// Returns the name of a struct that stands for the `index`th union.
    pub fn union_name(&self, index: usize) -> String {
        if self.generalized { format!("connect_union_{index}") } else { AVRO_UNION.to_owned() }
    }

    /// Returns the field that stands for a branch of a union.
    pub fn branch_field(&self, branch: &Avro, index: usize) -> String {
        if self.generalized {
            return format!("connect_union_field_{index}");
        }
        match branch.name() {
            Some(name) if self.enhanced => name.full(),
            Some(name) => self.split(&name.name).name,
            None => branch.type_name().to_owned(),
        }
    }

    /// Returns a name with what Avro does not allow replaced, if that is asked for.
    pub fn scrubbed(&self, name: &str) -> String {
        if self.scrub { scrub(name) } else { name.to_owned() }
    }

    /// Returns the Avro name of a Connect name.
    pub fn split(&self, full: &str) -> Name {
        let mut parts: Vec<String> = full.split('.').map(|part| self.scrubbed(part)).collect();
        // Java's `split` leaves out empty parts at the end.
        while parts.len() > 1 && parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        let name = parts.pop().unwrap_or_default();
        Name { space: (!parts.is_empty()).then(|| parts.join(".")), name }
    }
}

/// Returns whether a schema stands for an Avro union.
pub fn is_union(schema: &Schema) -> bool {
    schema.is_named(AVRO_UNION)
        || (schema.ty == Type::Struct && schema.parameters.contains_key(GENERALIZED_UNION))
}

/// Returns whether a schema came from an Avro enum.
pub fn is_enum(schema: &Schema) -> bool {
    schema.ty == Type::String
        && (schema.parameters.contains_key(GENERALIZED_ENUM) || schema.parameters.contains_key(AVRO_ENUM))
}

/// Returns the size of a schema that came from a fixed type.
pub fn fixed_size(schema: &Schema) -> Option<usize> {
    let is_named_bytes = schema.ty == Type::Bytes && schema.name.is_some();
    schema.parameters.get(FIXED_SIZE).filter(|_| is_named_bytes).and_then(|size| size.parse().ok())
}

/// Returns whether the elements of an array are the entries of a map.
pub fn is_map_entry(element: &Avro) -> bool {
    let Kind::Record(record) = &element.kind else { return false };
    (record.name.space.as_deref() == Some(NAMESPACE) && record.name.name == MAP_ENTRY)
        || element.prop(CONNECT_INTERNAL_TYPE) == Some(MAP_ENTRY)
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns whether a name is one in Avro.
pub fn is_name(name: &str) -> bool {
    name.bytes().all(is_allowed) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Form-encodes a name as `URLEncoder` does, then replaces what Avro still does not allow by underscores.
pub fn scrub(name: &str) -> String {
    if name.is_empty() || is_name(name) {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        match byte {
            byte if is_allowed(byte) => out.push(char::from(byte)),
            // These stay or become a plus sign in the encoding, and are replaced then.
            b' ' | b'.' | b'-' | b'*' => out.push('_'),
            byte => out.push_str(&format!("_{byte:02X}")),
        }
    }
    if out.as_bytes()[0].is_ascii_digit() {
        out.insert(0, 'x');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_scrubbed_as_the_jvm_does() {
        let config = AvroConfig { scrub: true, ..AvroConfig::default() };
        let cases =
            [("a_1", "a_1"), ("1a", "x1a"), ("a-b c", "a_b_c"), ("ä", "_C3_A4"), ("a/b", "a_2Fb"), ("", "")];
        for (name, expected) in cases {
            assert_eq!(config.scrubbed(name), expected);
        }
        assert_eq!(config.split("my-org.x.1Rec").full(), "my_org.x.x1Rec");
        assert_eq!(AvroConfig::default().split("a.b.C").full(), "a.b.C");
    }
}
