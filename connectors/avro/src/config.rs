//! Settings of the Avro converter's mapping.

use connect_core::config::{ConfigDef, Props};
use connect_core::error::ConnectError;

connect_core::config! {
    /// Settings of the mapping between Avro and Connect.
    pub struct AvroConfig {
        /// Preserve enums and the packages of names.
        enhanced: bool = "enhanced.avro.schema.support", Medium, default "false";
        /// Replace what Avro does not allow in names.
        scrub: bool = "scrub.invalid.names", Medium, default "false";
        /// Keep Connect's own data about schemas as properties of the Avro schema.
        meta_data: bool = "connect.meta.data", Low, default "true";
        /// Keep only documentation and defaults of Avro's fields.
        discard_type_doc: bool = "discard.type.doc.default", Low, default "false";
        /// Write maps with optional string keys as Avro maps.
        optional_map_keys: bool = "allow.optional.map.keys", Low, default "false";
        /// Read a union of one type as that type.
        flatten_unions: bool = "flatten.singleton.unions", Low, default "true";
        /// Enums and unions as they are known to all schema formats.
        generalized: bool = "generalized.sum.type.support", Medium, default "false";
        /// Write null for an optional field that is null, rather than its default.
        ignore_default: bool = "ignore.default.for.nullables", Medium, default "false";
    }
}

impl AvroConfig {
    /// Returns the keys.
    pub fn keys() -> ConfigDef {
        Self::config_def()
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// Fails with a config error that lists every bad key.
    pub fn read(props: &Props) -> Result<Self, ConnectError> {
        Ok(Self::parse(props)?)
    }
}

impl Default for AvroConfig {
    fn default() -> Self {
        Self {
            enhanced: false,
            scrub: false,
            meta_data: true,
            discard_type_doc: false,
            optional_map_keys: false,
            flatten_unions: true,
            generalized: false,
            ignore_default: false,
        }
    }
}
