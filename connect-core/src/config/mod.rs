//! Configuration, declared once per component: the table gives parsing, validation, documentation and redaction.

mod key;
mod secret;
mod table;
mod validate;
mod validator;
mod value;

pub use key::{ConfigDef, ConfigKey, ConfigType, Importance, Width};
pub use secret::Secret;
pub use table::{ConfigIssue, parse_table};
pub use validate::{ConfigReport, ConfigValue, nearest_name};
pub use validator::Validator;
pub use value::{Class, FromConfig, Parsed};

/// Configuration as the user wrote it: text by key, in the order given.
pub type Props = indexmap::IndexMap<String, String>;
