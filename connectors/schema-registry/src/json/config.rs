//! Settings of the JSON Schema converter's mapping, and the names it uses.

use connect_core::config::Validator;
use connect_core::data::{Schema, Type};

connect_core::config! {
    /// Settings of the mapping between JSON Schema and Connect.
    pub(super) struct JsonSchemaConfig {
        /// Let objects have properties that their schema does not name.
        additional_properties: bool = "object.additional.properties", Medium, default "true";
        /// Read properties that are not required as optional fields.
        optional_for_nonrequired: bool = "use.optional.for.nonrequired", Medium, default "false";
        /// How decimals are written: BASE64 or NUMERIC.
        decimal_format: String = "decimal.format", Low, default "BASE64",
            valid Validator::OneOfIgnoringCase(&["NUMERIC", "BASE64"]);
        /// Read a choice of one schema as that schema.
        flatten_unions: bool = "flatten.singleton.unions", Low, default "true";
        /// Enums and unions as they are known to all schema formats.
        generalized: bool = "generalized.sum.type.support", Medium, default "false";
        /// Write null for an optional field that is null, rather than its default.
        ignore_default: bool = "ignore.default.for.nullables", Medium, default "false";
        /// The version of the JSON Schema specification; schemas are written so that all of them read them alike.
        spec_version: String = "json.schema.spec.version", Medium, default "draft_7",
            valid Validator::OneOfIgnoringCase(&["draft_4", "draft_6", "draft_7", "draft_2019_09", "draft_2020_12"]);
    }
}

impl Default for JsonSchemaConfig {
    fn default() -> Self {
        Self {
            additional_properties: true,
            optional_for_nonrequired: false,
            decimal_format: "BASE64".to_owned(),
            flatten_unions: true,
            generalized: false,
            ignore_default: false,
            spec_version: "draft_7".to_owned(),
        }
    }
}

pub(super) const NAMESPACE: &str = "io.confluent.connect.json";
pub(super) const CONNECT_TYPE: &str = "connect.type";
pub(super) const CONNECT_VERSION: &str = "connect.version";
pub(super) const CONNECT_PARAMETERS: &str = "connect.parameters";
pub(super) const CONNECT_INDEX: &str = "connect.index";
pub(super) const KEY: &str = "key";
pub(super) const VALUE: &str = "value";
pub(super) const NULL_MARKER: &str = "<NULL>";
const JSON_ENUM: &str = "io.confluent.connect.json.Enum";
const JSON_ONE_OF: &str = "io.confluent.connect.json.OneOf";
const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";

impl JsonSchemaConfig {
    /// Returns whether decimals are JSON numbers.
    pub(super) fn is_numeric(&self) -> bool {
        self.decimal_format.eq_ignore_ascii_case("NUMERIC")
    }

    /// Returns the parameter that marks an enum.
    pub(super) fn enum_parameter(&self) -> &'static str {
        if self.generalized { GENERALIZED_ENUM } else { JSON_ENUM }
    }

    /// Returns the name of a struct that stands for the `index`th union.
    pub(super) fn union_name(&self, index: usize) -> String {
        if self.generalized { format!("connect_union_{index}") } else { JSON_ONE_OF.to_owned() }
    }

    /// Returns the field that stands for a branch of a union.
    pub(super) fn branch_field(&self, index: usize) -> String {
        match self.generalized {
            true => format!("connect_union_field_{index}"),
            false => format!("{JSON_ONE_OF}.field.{index}"),
        }
    }
}

/// Returns whether a schema stands for a union.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.is_named(JSON_ONE_OF)
        || (schema.ty == Type::Struct && schema.parameters.contains_key(GENERALIZED_UNION))
}

/// Returns whether a schema came from an enum.
pub(super) fn is_enum(schema: &Schema) -> bool {
    schema.ty == Type::String
        && (schema.parameters.contains_key(GENERALIZED_ENUM) || schema.parameters.contains_key(JSON_ENUM))
}

/// Returns whether a map is a JSON object; any other is an array of keys and values.
pub(super) fn is_object(key: &Schema) -> bool {
    key.ty == Type::String && !key.optional
}
