//! Settings of the Protobuf converter's mapping, and the names it uses.

use std::borrow::Cow;

use connect_core::data::{Schema, Type, logical};
use connector_avro::names;

connect_core::config! {
    /// Settings of the mapping between Protobuf and Connect.
    pub(super) struct ProtobufConfig {
        /// Keep the packages of names.
        enhanced: bool = "enhanced.protobuf.schema.support", Medium, default "false";
        /// Put the index of a oneof behind its name.
        index_for_unions: bool = "generate.index.for.unions", Medium, default "true";
        /// Replace what Protobuf does not allow in names.
        scrub: bool = "scrub.invalid.names", Medium, default "false";
        /// Read enums as numbers.
        int_for_enums: bool = "int.for.enums", Medium, default "false";
        /// Nullable fields are those with the keyword optional.
        optional_for_nullables: bool = "optional.for.nullables", Medium, default "false";
        /// With `optional.for.nullables`, fields of proto2 with the keyword are nullable, too.
        optional_for_proto2: bool = "optional.for.proto2", Medium, default "true";
        /// Nullable fields are those of a wrapper type.
        wrapper_for_nullables: bool = "wrapper.for.nullables", Medium, default "false";
        /// Read a message of a wrapper type as its value.
        wrapper_for_raw_primitives: bool = "wrapper.for.raw.primitives", Medium, default "true";
        /// Read a message that is not there as one whose fields are not there.
        struct_for_nulls: bool = "generate.struct.for.nulls", Medium, default "false";
        /// Read the members of a oneof as fields.
        flatten_unions: bool = "flatten.unions", Medium, default "false";
        /// Enums and unions as they are known to all schema formats.
        generalized: bool = "generalized.sum.type.support", Medium, default "false";
        /// Leave out an optional field that is null, rather than write its default.
        ignore_default: bool = "ignore.default.for.nullables", Medium, default "false";
    }
}

impl Default for ProtobufConfig {
    fn default() -> Self {
        Self {
            enhanced: false,
            index_for_unions: true,
            scrub: false,
            int_for_enums: false,
            optional_for_nullables: false,
            optional_for_proto2: true,
            wrapper_for_nullables: false,
            wrapper_for_raw_primitives: true,
            struct_for_nulls: false,
            flatten_unions: false,
            generalized: false,
            ignore_default: false,
        }
    }
}

pub(super) const DEFAULT_NAME: &str = "ConnectDefault";
pub(super) const TAG: &str = "io.confluent.connect.protobuf.Tag";
pub(super) const TYPE: &str = "io.confluent.connect.protobuf.Type";
pub(super) const WRAPPER: &str = "io.confluent.connect.protobuf.Wrapper";
pub(super) const UNION_PREFIX: &str = "io.confluent.connect.protobuf.Union.";
const PROTOBUF_ENUM: &str = "io.confluent.connect.protobuf.Enum";
const PROTOBUF_UNION: &str = "io.confluent.connect.protobuf.Union";
const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const PRECISION: &str = "connect.decimal.precision";

pub(super) const DECIMAL: &str = "confluent.type.Decimal";
pub(super) const DATE: &str = "google.type.Date";
pub(super) const TIME: &str = "google.type.TimeOfDay";
pub(super) const TIMESTAMP: &str = "google.protobuf.Timestamp";

impl ProtobufConfig {
    /// Returns a name with what Protobuf does not allow replaced, if that is asked for.
    pub(super) fn scrubbed<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.scrub { Cow::Owned(names::scrub(name)) } else { Cow::Borrowed(name) }
    }

    /// Returns whether messages of wrapper types are read as their values.
    pub(super) fn unwraps(&self) -> bool {
        self.wrapper_for_nullables || self.wrapper_for_raw_primitives
    }

    /// Returns the parameter that names an enum.
    pub(super) fn enum_parameter(&self) -> &'static str {
        if self.generalized { GENERALIZED_ENUM } else { PROTOBUF_ENUM }
    }
}

/// Returns the parameter that names the enum a schema came from.
pub(super) fn enum_parameter_of(schema: &Schema) -> Option<&'static str> {
    [GENERALIZED_ENUM, PROTOBUF_ENUM].into_iter().find(|key| schema.parameters.contains_key(*key))
}

/// Returns whether values of a schema are decimals, dates or times.
pub(super) fn is_logical(schema: &Schema) -> bool {
    [logical::DECIMAL, logical::DATE, logical::TIME, logical::TIMESTAMP]
        .iter()
        .any(|name| schema.is_named(name))
}

/// Returns whether a schema stands for a oneof.
pub(super) fn is_union(schema: &Schema) -> bool {
    let is_named = schema.name.as_deref().is_some_and(|name| name.starts_with(PROTOBUF_UNION));
    schema.ty == Type::Struct && (is_named || schema.parameters.contains_key(GENERALIZED_UNION))
}

/// Returns the type of the value in a message of a wrapper type.
pub(super) fn wrapped(message: &str) -> Option<Type> {
    Some(match message.strip_prefix("google.protobuf.")? {
        "DoubleValue" => Type::Float64,
        "FloatValue" => Type::Float32,
        "Int64Value" | "UInt64Value" | "UInt32Value" => Type::Int64,
        "Int32Value" => Type::Int32,
        "BoolValue" => Type::Boolean,
        "StringValue" => Type::String,
        "BytesValue" => Type::Bytes,
        _ => return None,
    })
}
