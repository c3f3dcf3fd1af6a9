//! Google's wrapper messages, in which a value that is no struct is the whole record.

use std::sync::LazyLock;

use connect_core::data::{Schema, Type};

/// The messages of the file, in its order, with the type of the value.
const MESSAGES: [(&str, &str); 9] = [
    ("DoubleValue", "double"),
    ("FloatValue", "float"),
    ("Int64Value", "int64"),
    ("UInt64Value", "uint64"),
    ("Int32Value", "int32"),
    ("UInt32Value", "uint32"),
    ("BoolValue", "bool"),
    ("StringValue", "string"),
    ("BytesValue", "bytes"),
];

/// The text of the file as Confluent's converter registers it.
pub(super) static FILE: LazyLock<String> = LazyLock::new(|| {
    let messages = MESSAGES
        .map(|(name, ty)| format!("message {name} {{\n  {ty} value = 1 [json_name = \"value\"];\n}}\n"))
        .concat();
    format!(
        "syntax = \"proto3\";\npackage google.protobuf;\n\n\
         option java_package = \"com.google.protobuf\";\n\
         option java_outer_classname = \"WrappersProto\";\n\
         option java_multiple_files = true;\n\
         option go_package = \"google.golang.org/protobuf/types/known/wrapperspb\";\n\
         option cc_enable_arenas = true;\n\
         option objc_class_prefix = \"GPB\";\n\
         option csharp_namespace = \"Google.Protobuf.WellKnownTypes\";\n\n{messages}"
    )
});

/// Returns the message whose value a record of a schema is, if the schema is a plain primitive.
pub(super) fn of_root(schema: &Schema) -> Option<&'static str> {
    if super::config::enum_parameter_of(schema).is_some() || super::config::is_logical(schema) {
        return None;
    }
    Some(match schema.ty {
        Type::Int8 | Type::Int16 | Type::Int32 => "Int32Value",
        Type::Int64 => "Int64Value",
        Type::Float32 => "FloatValue",
        Type::Float64 => "DoubleValue",
        Type::Boolean => "BoolValue",
        Type::String => "StringValue",
        Type::Bytes => "BytesValue",
        Type::Array | Type::Map | Type::Struct => return None,
    })
}
