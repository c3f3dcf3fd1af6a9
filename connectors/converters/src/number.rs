//! Converters of one fixed-width number or boolean.

use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};
use connect_core::config::{ConfigDef, Props};
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::{Datum, Schema, SchemaRef, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::RawHeaders;

use crate::header::{ConverterConfig, check_role};

/// Declares a converter of big-endian numbers.
macro_rules! number_converter {
    ($converter:ident, $class:literal, $variant:ident, $rust:ty, $ty:ident, $word:literal, $deserializer:literal) => {
        #[doc = concat!("`", $class, "`.")]
        #[derive(Debug, Default)]
        pub struct $converter;

        impl Converter for $converter {
            fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
                check_role(props, role)
            }

            fn config_def(&self) -> ConfigDef {
                ConverterConfig::config_def()
            }

            fn to_connect_data(
                &self,
                _topic: &str,
                _headers: Option<&RawHeaders>,
                value: Option<&Bytes>,
                _scratch: &mut BytesMut,
            ) -> Result<Datum, ConnectError> {
                static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::optional(Type::$ty)));
                let value = match value {
                    None => Value::Null,
                    Some(bytes) => {
                        let bytes = <[u8; size_of::<$rust>()]>::try_from(bytes.as_ref())
                            .map_err(|_| wrong_size($word, $deserializer, size_of::<$rust>()))?;
                        Value::$variant(<$rust>::from_be_bytes(bytes))
                    }
                };
                Ok(Datum::new(Some(SchemaRef::clone(&SCHEMA)), value))
            }

            fn from_connect_data(
                &self,
                _topic: &str,
                _schema: Option<&SchemaRef>,
                value: &Value,
            ) -> Result<Option<Bytes>, ConnectError> {
                match value {
                    Value::Null => Ok(None),
                    Value::$variant(number) => Ok(Some(Bytes::copy_from_slice(&number.to_be_bytes()))),
                    other => Err(ConnectError::data(format!(
                        "Failed to serialize to {} (was class {}): ",
                        $word,
                        other.java_class()
                    ))),
                }
            }
        }
    };
}

number_converter!(
    ShortConverter,
    "org.apache.kafka.connect.converters.ShortConverter",
    Int16,
    i16,
    Int16,
    "short",
    "ShortDeserializer"
);
number_converter!(
    IntegerConverter,
    "org.apache.kafka.connect.converters.IntegerConverter",
    Int32,
    i32,
    Int32,
    "integer",
    "IntegerDeserializer"
);
number_converter!(
    LongConverter,
    "org.apache.kafka.connect.converters.LongConverter",
    Int64,
    i64,
    Int64,
    "long",
    "LongDeserializer"
);
number_converter!(
    FloatConverter,
    "org.apache.kafka.connect.converters.FloatConverter",
    Float32,
    f32,
    Float32,
    "float",
    "Deserializer"
);
number_converter!(
    DoubleConverter,
    "org.apache.kafka.connect.converters.DoubleConverter",
    Float64,
    f64,
    Float64,
    "double",
    "Deserializer"
);

fn wrong_size(word: &str, deserializer: &str, size: usize) -> ConnectError {
    let cause = format!(
        "org.apache.kafka.common.errors.SerializationException: Size of data received by {deserializer} is not {size}"
    );
    ConnectError::data(format!("Failed to deserialize {word}: ")).because(cause)
}

/// `org.apache.kafka.connect.converters.BooleanConverter`.
#[derive(Debug, Default)]
pub struct BooleanConverter;

impl Converter for BooleanConverter {
    fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
        check_role(props, role)
    }

    fn config_def(&self) -> ConfigDef {
        ConverterConfig::config_def()
    }

    fn to_connect_data(
        &self,
        _topic: &str,
        _headers: Option<&RawHeaders>,
        value: Option<&Bytes>,
        _scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::optional(Type::Boolean)));
        let value = match value.map(Bytes::as_ref) {
            None => Value::Null,
            Some([0]) => Value::Boolean(false),
            Some([1]) => Value::Boolean(true),
            Some([byte]) => {
                let byte = byte.cast_signed();
                let text = format!("Unexpected byte received by BooleanDeserializer: {byte}");
                return Err(ConnectError::data(text));
            }
            Some(_) => {
                return Err(ConnectError::data("Size of data received by BooleanDeserializer is not 1"));
            }
        };
        Ok(Datum::new(Some(SchemaRef::clone(&SCHEMA)), value))
    }

    fn from_connect_data(
        &self,
        _topic: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        if let Some(schema) = schema.filter(|schema| schema.ty != Type::Boolean) {
            let ty = schema.ty.name();
            return Err(ConnectError::data(format!("Invalid schema type for BooleanConverter: {ty}")));
        }
        match value {
            Value::Null => Ok(None),
            Value::Boolean(flag) => Ok(Some(Bytes::from_static(if *flag { b"\x01" } else { b"\x00" }))),
            other => Err(ConnectError::data(format!(
                "BooleanConverter is not compatible with objects of type class {}",
                other.java_class()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(converter: &dyn Converter, value: &Value, bytes: &'static [u8]) {
        let bytes = Bytes::from_static(bytes);
        assert_eq!(converter.from_connect_data("t", None, value).unwrap(), Some(bytes.clone()));
        let datum = converter.to_connect_data("t", None, Some(&bytes), &mut BytesMut::new()).unwrap();
        assert_eq!(datum.value().as_ref(), value);
        assert!(converter.to_connect_data("t", None, None, &mut BytesMut::new()).unwrap().is_null());
        assert_eq!(converter.from_connect_data("t", None, &Value::Null).unwrap(), None);
        let short = Bytes::from_static(b"\x01\x02\x03");
        assert!(converter.to_connect_data("t", None, Some(&short), &mut BytesMut::new()).is_err());
        assert!(converter.from_connect_data("t", None, &Value::string("1")).is_err());
    }

    #[test]
    fn numbers_are_big_endian_and_of_exact_width() {
        round_trip(&ShortConverter, &Value::Int16(258), b"\x01\x02");
        round_trip(&IntegerConverter, &Value::Int32(-2), b"\xff\xff\xff\xfe");
        round_trip(&LongConverter, &Value::Int64(1), b"\0\0\0\0\0\0\0\x01");
        round_trip(&FloatConverter, &Value::Float32(1.5), b"\x3f\xc0\0\0");
        round_trip(&DoubleConverter, &Value::Float64(1.5), b"\x3f\xf8\0\0\0\0\0\0");
        round_trip(&BooleanConverter, &Value::Boolean(true), b"\x01");
    }

    #[test]
    fn errors_are_kafkas() {
        let two = Bytes::from_static(b"\x02");
        let error =
            BooleanConverter.to_connect_data("t", None, Some(&two), &mut BytesMut::new()).unwrap_err();
        assert_eq!(error.context(), "Unexpected byte received by BooleanDeserializer: 2");
        let error = IntegerConverter.from_connect_data("t", None, &Value::Int64(1)).unwrap_err();
        assert_eq!(error.context(), "Failed to serialize to integer (was class java.lang.Long): ");
        let error = LongConverter.to_connect_data("t", None, Some(&two), &mut BytesMut::new()).unwrap_err();
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.DataException: Failed to deserialize long: \nCaused by: \
             org.apache.kafka.common.errors.SerializationException: Size of data received by LongDeserializer is \
             not 8\n"
        );
    }
}
