//! `.proto` texts into descriptors.

use connect_core::error::ConnectError;
use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use crate::registry::SchemaText;

/// The file that a registered schema is taken to be.
const MAIN: &str = "main.proto";

const META: &str = "confluent/meta.proto";

/// Files that Confluent's registry and serializers know without being told.
const KNOWN: &[(&str, &str)] = &[
    (
        META,
        "syntax = \"proto3\"; package confluent; import \"google/protobuf/descriptor.proto\";
         message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
         extend google.protobuf.FileOptions { Meta file_meta = 1088; }
         extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
         extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
         extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
         extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }",
    ),
    (
        "confluent/type/decimal.proto",
        "syntax = \"proto3\"; package confluent.type;
         message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
    ),
    (
        "google/type/date.proto",
        "syntax = \"proto3\"; package google.type; message Date { int32 year = 1; int32 month = 2; int32 day = 3; }",
    ),
    (
        "google/type/timeofday.proto",
        "syntax = \"proto3\"; package google.type;
         message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }",
    ),
];

/// The files of one schema.
struct Given(Vec<(String, String)>);

impl FileResolver for Given {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let given = self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        match given.chain(KNOWN.iter().copied()).find(|(known, _)| *known == name) {
            Some((_, text)) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// Returns the file of a registered schema, with all that it imports.
///
/// # Errors
/// Fails with a data error when the text is no `.proto` file, or what it imports is missing.
pub(super) fn file(schema: &SchemaText) -> Result<FileDescriptor, ConnectError> {
    let files = schema.references.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let main = std::iter::once((MAIN, schema.text.as_str()));
    let given = files.chain(main).map(|(name, text)| (name.to_owned(), with_meta(text))).collect();
    let mut resolver = ChainFileResolver::new();
    resolver.add(Given(given));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    let invalid =
        |error: protox::Error| ConnectError::data("reading a Protobuf schema").because(error.to_string());
    compiler.open_file(MAIN).map_err(invalid)?;
    let pool: DescriptorPool = compiler.descriptor_pool();
    pool.get_file_by_name(MAIN)
        .ok_or_else(|| ConnectError::data("reading a Protobuf schema: there is no file"))
}

/// Returns the text with the import of Confluent's options, which texts of Confluent's converter use without one.
fn with_meta(text: &str) -> String {
    let is_needed = text.contains("(confluent.") && !text.contains(META);
    if is_needed { format!("{text}\nimport \"{META}\";\n") } else { text.to_owned() }
}

/// Returns the message type at the given indexes; entries of maps do not count.
pub(super) fn message(file: &FileDescriptor, indexes: &[usize]) -> Option<MessageDescriptor> {
    let (first, rest) = indexes.split_first()?;
    let mut message = file.messages().nth(*first)?;
    for index in rest {
        let child = message.child_messages().filter(|child| !child.is_map_entry()).nth(*index)?;
        message = child;
    }
    Some(message)
}

/// Returns the indexes of a message type in its file; entries of maps do not count.
pub(super) fn indexes(message: &MessageDescriptor) -> Vec<usize> {
    let (mut path, position) = match message.parent_message() {
        Some(parent) => {
            let position = parent
                .child_messages()
                .filter(|child| !child.is_map_entry())
                .position(|child| child == *message);
            (indexes(&parent), position)
        }
        None => (Vec::new(), message.parent_file().messages().position(|other| other == *message)),
    };
    path.push(position.unwrap_or(0));
    path
}
