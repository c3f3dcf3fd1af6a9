//! Settings of the JSON converter.

use connect_core::config::{Validator, Width};

use crate::header::ROLES;

connect_core::config! {
    /// Settings of the JSON converter.
    pub(super) struct JsonConverterConfig {
        /// How this converter will be used.
        role: String = "converter.type", Low, valid Validator::OneOf(ROLES);
        /// Include schemas within each of the serialized values and keys.
        schemas_enable: bool = "schemas.enable", High, default "true", group "Schemas", order 0,
            width Width::Medium, display "Enable Schemas";
        /// The maximum number of schemas that can be cached in this converter instance.
        schemas_cache_size: i32 = "schemas.cache.size", High, default "1000", group "Schemas", order 1,
            width Width::Medium, display "Schema Cache Size";
        /// When set, this is used as the schema for all messages, and the schemas within each of the message will
        /// be ignored.Otherwise, the schema will be included in the content of each message. This configuration
        /// applies only 'schemas.enable' is true, and it exclusively affects the sink connector.
        schema_content: Option<String> = "schema.content", High, default None, group "Schemas", order 2,
            width Width::Medium, display "Schema Content";
        /// Controls which format this converter will serialize decimals in. This value is case insensitive and can
        /// be either 'BASE64' (default) or 'NUMERIC'
        decimal_format: String = "decimal.format", Low, default "BASE64",
            valid Validator::OneOfIgnoringCase(&["NUMERIC", "BASE64"]), group "Serialization", order 0,
            width Width::Medium, display "Decimal Format";
        /// Whether to replace fields that have a default value and that are null to the default value. When set to
        /// true, the default value is used, otherwise null is used.
        replace_null_with_default: bool = "replace.null.with.default", Low, default "true",
            group "Serialization", order 1, width Width::Medium, display "Replace null with default";
    }
}
