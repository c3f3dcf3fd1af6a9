//! Typed configuration values: from text by Kafka's rules, and into the fields of a component's struct.

use std::fmt;
use std::time::Duration;

use crate::config::{ConfigType, Secret};

/// A configuration value, parsed by its key's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// No value and no default.
    Null,
    /// BOOLEAN.
    Bool(bool),
    /// SHORT, INT or LONG.
    Int(i64),
    /// DOUBLE.
    Double(f64),
    /// STRING or CLASS.
    Text(String),
    /// LIST.
    List(Vec<String>),
    /// PASSWORD.
    Password(Secret),
}

impl Parsed {
    /// Parses text by Kafka's `ConfigDef.parseType`.
    ///
    /// # Errors
    /// Returns Kafka's error text, which names key and value.
    pub fn parse(name: &str, ty: ConfigType, text: &str) -> Result<Parsed, String> {
        // As `String.trim` does: other white space of Unicode stays, and control characters go.
        let trimmed = text.trim_matches(|character| character <= ' ');
        let invalid = |reason: String| format!("Invalid value {text} for configuration {name}: {reason}");
        let integer = |min: i64, max: i64| match trimmed.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(Parsed::Int(number)),
            _ => Err(invalid(format!("Not a number of type {}", ty.name()))),
        };
        match ty {
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Parsed::Bool(true)),
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Parsed::Bool(false)),
            ConfigType::Boolean => Err(invalid("Expected value to be either true or false".to_owned())),
            ConfigType::Short => integer(i64::from(i16::MIN), i64::from(i16::MAX)),
            ConfigType::Int => integer(i64::from(i32::MIN), i64::from(i32::MAX)),
            ConfigType::Long => integer(i64::MIN, i64::MAX),
            ConfigType::Double => {
                let parsed = trimmed.parse::<f64>();
                parsed.map(Parsed::Double).map_err(|_| invalid("Not a number of type DOUBLE".to_owned()))
            }
            ConfigType::String | ConfigType::Class => Ok(Parsed::Text(trimmed.to_owned())),
            ConfigType::List if trimmed.is_empty() => Ok(Parsed::List(Vec::new())),
            ConfigType::List => {
                Ok(Parsed::List(trimmed.split(',').map(|item| item.trim().to_owned()).collect()))
            }
            ConfigType::Password => Ok(Parsed::Password(Secret::new(text))),
        }
    }

    /// Returns the value as `validate` shows it; `None` for null. A secret shows as `[hidden]`.
    pub fn shown(&self) -> Option<String> {
        (*self != Parsed::Null).then(|| match self {
            Parsed::List(items) => items.join(","),
            other => other.to_string(),
        })
    }
}

/// Prints as Java does inside error texts: `null`, `[a, b]`, `[hidden]`.
impl fmt::Display for Parsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parsed::Null => formatter.write_str("null"),
            Parsed::Bool(flag) => write!(formatter, "{flag}"),
            Parsed::Int(number) => write!(formatter, "{number}"),
            Parsed::Double(number) => write!(formatter, "{number:?}"),
            Parsed::Text(text) => formatter.write_str(text),
            Parsed::List(items) => write!(formatter, "[{}]", items.join(", ")),
            Parsed::Password(_) => formatter.write_str(Secret::HIDDEN),
        }
    }
}

/// A class name, as given: full name or alias.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Class(pub String);

impl Class {
    /// Returns the part after the last dot.
    pub fn simple_name(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or(&self.0)
    }
}

/// A Rust type that a configuration value can become.
pub trait FromConfig: Sized {
    /// The key's type.
    const TYPE: ConfigType;

    /// Converts a parsed value.
    ///
    /// # Errors
    /// Returns what is wrong, without key and value.
    fn from_config(value: &Parsed) -> Result<Self, String>;
}

fn no_null<T>(value: &Parsed) -> Result<T, String> {
    Err(match value {
        Parsed::Null => "Value must be non-null".to_owned(),
        other => format!("Value `{other}` has the wrong type"),
    })
}

macro_rules! from_config {
    ($($rust:ty, $ty:ident, $pattern:pat => $value:expr;)*) => {$(
        impl FromConfig for $rust {
            const TYPE: ConfigType = ConfigType::$ty;
            fn from_config(value: &Parsed) -> Result<Self, String> {
                match value {
                    $pattern => $value,
                    other => no_null(other),
                }
            }
        }
    )*};
}

fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("Value {number} is out of range"))
}

from_config! {
    bool, Boolean, Parsed::Bool(flag) => Ok(*flag);
    i16, Short, Parsed::Int(number) => narrow(*number);
    i32, Int, Parsed::Int(number) => narrow(*number);
    i64, Long, Parsed::Int(number) => Ok(*number);
    u32, Int, Parsed::Int(number) => narrow(*number);
    u64, Long, Parsed::Int(number) => narrow(*number);
    usize, Int, Parsed::Int(number) => narrow(*number);
    f64, Double, Parsed::Double(number) => Ok(*number);
    String, String, Parsed::Text(text) => Ok(text.clone());
    Class, Class, Parsed::Text(text) => Ok(Class(text.clone()));
    Vec<String>, List, Parsed::List(items) => Ok(items.clone());
    Secret, Password, Parsed::Password(secret) => Ok(secret.clone());
}

/// Milliseconds of a LONG key.
impl FromConfig for Duration {
    const TYPE: ConfigType = ConfigType::Long;

    fn from_config(value: &Parsed) -> Result<Self, String> {
        u64::from_config(value).map(Duration::from_millis)
    }
}

impl<T: FromConfig> FromConfig for Option<T> {
    const TYPE: ConfigType = T::TYPE;

    fn from_config(value: &Parsed) -> Result<Self, String> {
        match value {
            Parsed::Null => Ok(None),
            other => T::from_config(other).map(Some),
        }
    }
}
